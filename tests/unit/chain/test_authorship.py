"""How an answer came on the chain, told from its transaction."""

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from oracle.chain.authorship import Authorship, Sending, authorship, reference
from oracle.chain.calls import Answer, OracleContract
from oracle.chain.events import Answered
from oracle.chain.protocol import AnswerRef, Request, answer_typed_data, batch_typed_data, checksum
from oracle.chain.signer import KeySigner
from tests.unit.chain.model_chain import CHAIN_ID, MANIFEST, ORACLE, SOFTWARE, id_of, make_request

KEY = KeySigner(Account.from_key("0x" + "17" * 32))
OTHER = KeySigner(Account.from_key("0x" + "18" * 32))
CONTRACT = OracleContract(ORACLE)
UNTIL = 2_000


def event(request: Request, output: bytes = b"out", attempt: int = 1) -> Answered:
    """The event of an answer by KEY."""
    return Answered(id_of(request), KEY.address, attempt, SOFTWARE, MANIFEST, output)


def told(request: Request, data: bytes, *, sender: KeySigner = OTHER, to: str = ORACLE) -> Authorship:
    """What its transaction shows of an answer to `request`."""
    return authorship(CHAIN_ID, ORACLE, request, event(request), Sending(sender.address, checksum(to), data))


def signed(request: Request, key: KeySigner, **changes: object) -> bytes:
    """Calldata of `answerFor` with a signature by `key`."""
    ref = AnswerRef(KEY.address, reference(event(request)).environment, keccak(b"out"))
    fields = {"chain_id": CHAIN_ID, "attempt": 1, "valid_until": UNTIL, **changes}
    message = answer_typed_data(fields["chain_id"], ORACLE, request, fields["attempt"], ref, fields["valid_until"])
    answer = Answer(request, 1, b"out")
    return CONTRACT.answer_for(answer, SOFTWARE, MANIFEST, KEY.address, UNTIL, key.sign_typed_data(message)).data


def test_what_the_operator_sent_is_its_answer() -> None:
    """Alone or in a batch: the transaction's own signature says who sent it."""
    request = make_request(1)
    for call in (
        CONTRACT.answer(Answer(request, 1, b"out"), SOFTWARE, MANIFEST),
        CONTRACT.answer_many([Answer(request, 1, b"out")], SOFTWARE, MANIFEST),
    ):
        assert told(request, call.data, sender=KEY) is Authorship.SENT


def test_a_relayed_answer_carries_the_operators_signature() -> None:
    """It is checked here: nobody has to believe the relayer."""
    request = make_request(1)
    assert told(request, signed(request, KEY)) is Authorship.SIGNED


def test_a_relayed_batch_carries_one_signature_over_all() -> None:
    """The other items are part of what was signed."""
    requests = [make_request(salt) for salt in (1, 2, 3)]
    answers = [Answer(request, 1, bytes([salt])) for salt, request in enumerate(requests)]
    environment = reference(event(requests[0])).environment
    items = [(each.request, 1, AnswerRef(KEY.address, environment, keccak(each.output))) for each in answers]
    signature = KEY.sign_typed_data(batch_typed_data(CHAIN_ID, ORACLE, items, UNTIL))
    call = CONTRACT.answer_many_for(answers, SOFTWARE, MANIFEST, KEY.address, UNTIL, signature)
    assert told(requests[1], call.data) is Authorship.SIGNED
    fewer = CONTRACT.answer_many_for(answers[:2], SOFTWARE, MANIFEST, KEY.address, UNTIL, signature)
    assert told(requests[1], fewer.data) is Authorship.CONTRACT


@pytest.mark.parametrize("changes", [{"chain_id": 1}, {"attempt": 2}, {"valid_until": UNTIL + 1}])
def test_attack_19_a_signature_for_anything_else_is_not_the_operators_ecdsa(changes: dict[str, object]) -> None:
    """The oracle may have accepted it only by the operator's own contract, and that is what is said."""
    request = make_request(1)
    assert told(request, signed(request, KEY, **changes)) is Authorship.CONTRACT
    assert told(request, signed(request, OTHER)) is Authorship.CONTRACT


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(65), b"\xff" * 65, b"\1" * 300])
def test_a_signature_that_is_no_ecdsa_is_a_contracts(signature: bytes) -> None:
    """ERC-1271 contracts take any bytes."""
    request = make_request(1)
    answer = Answer(request, 1, b"out")
    call = CONTRACT.answer_for(answer, SOFTWARE, MANIFEST, KEY.address, UNTIL, signature)
    assert told(request, call.data) is Authorship.CONTRACT


def test_a_call_through_another_contract_is_said_to_be_one() -> None:
    """Its calldata are that contract's: there is nothing to check here."""
    request = make_request(1)
    direct = CONTRACT.answer(Answer(request, 1, b"out"), SOFTWARE, MANIFEST).data
    assert told(request, direct, sender=KEY, to="0x" + "99" * 20) is Authorship.INDIRECT
    assert told(request, direct, sender=OTHER) is Authorship.INDIRECT
    for data in (b"", b"\1\2\3", b"\1\2\3\4" + direct, signed(request, KEY)[:50]):
        assert told(request, data) is Authorship.INDIRECT


def test_every_way_has_words() -> None:
    """They are shown to people."""
    assert all(way.words for way in Authorship)
