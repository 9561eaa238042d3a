"""The indexer on a real anvil that is reorganised: events come, go, and come back."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from oracle.chain.anvil import Anvil, dev_account
from oracle.chain.calls import Answer, OracleContract
from oracle.chain.deploy import LOCAL, Deployment, deploy
from oracle.chain.fees import FeeRules
from oracle.chain.indexer import Indexer
from oracle.chain.protocol import InputKind, ModelId, Policy, Request, Status
from oracle.chain.provider import NonceTooLow, Provider, Revert
from oracle.chain.scanner import Addresses
from oracle.chain.sender import Sender
from oracle.chain.signer import KeySigner
from oracle.errors import FundsError
from oracle.store.database import Store

ETHER = 10**18


@dataclass
class World:
    """A chain with our contracts, an account that sends, and an indexer with its own store."""

    node: Anvil
    provider: Provider
    sender: Sender
    deployment: Deployment
    oracle: OracleContract
    store: Store

    def indexer(self, **options: int) -> Indexer:
        """A new one on the same store, as after a restart."""
        addresses = Addresses(self.deployment.oracle, self.deployment.registry)
        settings = {"start_block": self.deployment.block, "confirmations": 0} | options
        return Indexer(self.provider, self.store, addresses, **settings)

    def deposit(self, wei: int) -> bytes:
        """Deposit in a block of its own; yields the raw transaction."""
        mined = self.sender.execute(self.oracle.deposit(self.sender.address, wei), purpose="deposit")
        return mined.hash

    def deposits(self) -> list[int]:
        """The amounts the store knows of."""
        return [indexed.event.amount for indexed in self.store.events.select(name="Deposited")]


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    """One chain for all tests here."""
    with Anvil.start() as anvil:
        yield anvil


@pytest.fixture
def world(node: Anvil, tmp_path: Path) -> Iterator[World]:
    """Fresh contracts on the shared chain."""
    provider = Provider([node.url], chain_id=31_337)
    outbox, store = (Store.open(f"sqlite:///{tmp_path}/{name}.db") for name in ("outbox", "events"))
    sender = Sender(provider, KeySigner(dev_account(0)), outbox, FeeRules())
    deployment = deploy(sender, LOCAL)
    yield World(node, provider, sender, deployment, OracleContract(deployment.oracle), store)
    provider.close()
    outbox.close()
    store.close()


@pytest.mark.parametrize("depth", range(1, 11))
def test_attack_5_events_come_and_go_and_come_back(world, depth):
    """For every depth a worker is to survive; the same transaction in another block is another event."""
    following = world.indexer()
    following.sync()
    world.deposit(1)
    for _ in range(10 - depth):
        world.node.rpc("evm_mine")
    hashes = [world.deposit(10 + number) for number in range(depth)]
    assert [e.event.amount for e in following.sync()] == [1, *range(10, 10 + depth)]
    raws = [world.provider.rpc("eth_getRawTransactionByHash", f"0x{h.hex()}") for h in hashes]

    world.node.rpc("anvil_reorg", depth, [])
    assert following.sync() == []
    assert following.reorgs == 1
    assert world.deposits() == [1]

    world.node.rpc("anvil_reorg", depth, [[raw, 0] for raw in raws])
    assert [e.event.amount for e in following.sync()] == list(range(10, 10 + depth))
    again = world.store.events.select(name="Deposited")
    assert [e.tx_hash for e in again[1:]] == hashes
    assert len({e.block_number for e in again[1:]}) == 1
    assert [e.tx_index for e in again[1:]] == list(range(depth))
    assert following.sync() == []


def test_attack_5_a_reorg_while_the_worker_was_down(world):
    """After the restart nothing of the old branch is left."""
    world.indexer().sync()
    for amount in (1, 2, 3):
        world.deposit(amount)
    world.indexer().sync()
    world.node.rpc("anvil_reorg", 2, [])
    world.node.rpc("evm_mine")
    assert world.indexer().sync() == []
    assert world.deposits() == [1]


def test_a_request_s_rows_follow_the_chain_back_and_forth(world):
    """Request and answer in the store are what `statusOf` says, on either branch."""
    following = world.indexer()
    policy = Policy(world.sender.address, 1_000, 10**9, 10**9, 60, 60, 60, 60, 60)
    request = Request(world.sender.address, b"\1" * 32, ModelId(b"\2" * 32), InputKind.BYTES, keccak(b"input"), policy)
    request_id = request.id(31_337, world.deployment.oracle)
    world.deposit(ETHER)
    world.sender.execute(world.oracle.request(request, b"input"), purpose="request")
    answer = world.oracle.answer(Answer(request, 1, b"output"), b"\3" * 32, b"\4" * 32)
    mined = world.sender.execute(answer, purpose="answer")
    following.sync()
    stored = world.store.requests.get(request_id)
    assert (stored.status, stored.request, stored.input, stored.output) == (
        Status.ANSWERED,
        request,
        b"input",
        b"output",
    )
    assert world.store.requests.answers(request_id)[0].gas_used == mined.gas_used
    assert world.store.events.select(name="Answered")[0].sender == world.sender.address

    world.node.rpc("anvil_reorg", 1, [])
    following.sync()
    stored = world.store.requests.get(request_id)
    assert stored.status is world.oracle.status_of(world.provider, request_id).status is Status.REQUESTED
    assert world.store.requests.answers(request_id) == []


def test_a_whole_history_is_read_the_same_in_small_ranges(world):
    """A worker that starts late, over an endpoint with narrow ranges, knows what the others know."""
    for amount in range(1, 30):
        world.deposit(amount)
    events = world.indexer(max_range=3, keep_blocks=4).sync()
    assert [e.event.amount for e in events] == list(range(1, 30))
    assert world.indexer().replay(world.deployment.block) == []


def test_anvil_s_own_words_are_understood(world):
    """The classes the sender acts on, as a real node provokes them."""
    hashed = world.deposit(1)
    raw = bytes.fromhex(world.provider.rpc("eth_getRawTransactionByHash", f"0x{hashed.hex()}")[2:])
    with pytest.raises(NonceTooLow):
        world.provider.send_raw(raw)
    poor = KeySigner(dev_account(99))
    fields = {
        "type": 2,
        "chainId": 31_337,
        "nonce": 0,
        "value": 1,
        "data": b"",
        "gas": 21_000,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 1,
        "to": world.sender.address,
    }
    with pytest.raises(FundsError):
        world.provider.send_raw(poor.sign_transaction(fields)[0])
    call = world.oracle.withdraw(ETHER, world.sender.address)
    with pytest.raises(Revert, match="free stake too small"):
        world.provider.call(call.to, call.data, sender=world.sender.address)
