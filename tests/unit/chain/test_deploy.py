"""Deploying: addresses are predicted, and what came of the prediction is checked."""

import pytest

from oracle.chain.abi import artifact
from oracle.chain.deploy import LOCAL, VERIFIER, create, created_address, deploy, deploy_without_disputes
from oracle.chain.fees import FeeRules
from oracle.chain.protocol import ZERO_ADDRESS, checksum
from oracle.chain.sender import Sender
from oracle.errors import ChainError
from tests.unit.chain.mempool import ME, SIGNER, Mempool
from tests.unit.fresh_store import fresh_store

DEPLOYER = checksum("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")


@pytest.fixture
def sender(tmp_path):
    """A sender whose transactions are mined at once."""
    store = fresh_store(tmp_path)
    yield Sender(Mempool(automine=True), SIGNER, store, FeeRules())
    store.close()


@pytest.mark.parametrize(
    ("nonce", "address"),
    [
        (0, "0x5FbDB2315678afecb367f032d93F642f64180aa3"),
        (1, "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"),
    ],
)
def test_a_created_address_is_the_one_every_devnet_knows(nonce, address):
    """The first two contracts of the best-known key in the world."""
    assert created_address(DEPLOYER, nonce) == address


def test_the_oracle_is_told_the_address_the_dispute_contract_comes_to(sender):
    """Both hold the other's address for ever; a wrong one is a deployment to throw away."""
    told = []

    def creation(oracle):
        told.append(oracle)
        return b"\x60\x00"

    sender.provider.foreign()
    found = deploy(sender, LOCAL, dispute_creation=creation)
    assert [found.registry, found.oracle, found.dispute] == [created_address(ME, nonce) for nonce in (1, 2, 3)]
    assert told == [found.oracle]
    assert found.block == 1
    assert bytes.fromhex(found.dispute[2:]) in sender.provider.seen[1].data
    assert all(sent.to is None for sent in sender.provider.seen)


def test_without_a_dispute_contract_the_oracle_is_told_so(sender):
    """The zero address is what `assay doctor` and the oracle read as: nothing can be disputed here."""
    found = deploy_without_disputes(sender, LOCAL)
    assert found.dispute == ZERO_ADDRESS
    assert len(sender.provider.seen) == 2


def test_the_dispute_contract_is_told_the_oracle_and_who_judges(sender):
    """Wired to another verifier, or in another order, no fault could ever be proven."""
    found = deploy(sender, LOCAL)
    addresses = [created_address(ME, nonce) for nonce in range(len(VERIFIER) + 3)]
    assert [found.registry, *found.verifier.values(), found.oracle, found.dispute] == addresses
    judges = [found.verifier[name] for name in ("StepVerifier", "ProgramFaults", "InputFaults", "AnswerFaults")]
    *_, oracle, dispute = sender.provider.seen
    assert oracle.data == artifact("InferenceOracle").creation(found.dispute, LOCAL.to_abi())
    assert dispute.data == artifact("Dispute").creation(found.oracle, *judges, 7, 8)


def test_each_judge_is_told_those_it_calls(sender):
    """The verifier is five contracts that call each other by immutable addresses."""
    found = deploy(sender, LOCAL)
    sent = dict(zip(found.verifier, (each.data for each in sender.provider.seen[1:]), strict=False))
    for name, others in VERIFIER.items():
        assert sent[name] == artifact(name).creation(*(found.verifier[other] for other in others))


def test_another_transaction_of_the_deployer_between_is_noticed(sender):
    """The oracle would expect disputes from an address where nothing is."""

    def creation(_oracle):
        sender.provider.foreign()
        return b"\x60\x00"

    with pytest.raises(ChainError, match="The dispute contract came to") as caught:
        deploy(sender, LOCAL, dispute_creation=creation)
    assert "nothing else sends from" in caught.value.hint


def test_a_contract_is_where_its_transaction_s_nonce_puts_it(sender):
    """The nonce of the transaction that was mined counts, not the one that was expected."""
    sender.provider.foreign()
    assert create(sender, b"\x60\x00", "deploy anything") == created_address(ME, 1)
