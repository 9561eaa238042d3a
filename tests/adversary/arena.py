"""A real chain to dispute on: anvil with the packaged contracts, unlocked accounts, and a clock that obeys.

with Arena.start() as arena:
    subject = arena.answered(scene, lie.answer)          # a request of that model, answered so by `arena.operator`
    sent = arena.send(who, call, gas=limit)              # mined alone: sent.gas, sent.events, sent.tx_hash
    arena.wait_until(deadline)                           # the next block is of that second
    with arena.restored(): ...                           # whatever happens inside, it has not happened after
    arena.dispute.game_of(arena.provider, game_id)

Whole disputes are in `tests.adversary.duel`.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak

from oracle.chain.anvil import Anvil, dev_account
from oracle.chain.calls import Answer, Call, OracleContract, Parameters
from oracle.chain.deploy import LOCAL, deploy
from oracle.chain.dispute import DisputeContract
from oracle.chain.events import Event, decode_log
from oracle.chain.fees import FeeRules
from oracle.chain.gas import TRANSACTION_CAP
from oracle.chain.policy import sensible_policy
from oracle.chain.protocol import (
    GWEI,
    AnswerRef,
    GameId,
    InputKind,
    ModelId,
    Policy,
    Request,
    Subject,
    checksum,
    environment_hash,
)
from oracle.chain.provider import Provider
from oracle.chain.rpc import error_name
from oracle.chain.sender import Sender
from oracle.chain.signer import KeySigner
from oracle.store.database import Store
from tests.adversary.scenes import Scene

CHALLENGERS = 50
BLOCK_GAS = 60_000_000
MINUTE = 60
POLICY = sensible_policy(LOCAL, GWEI, answer_time=MINUTE, window=MINUTE)
"""Terms where every time is a minute."""

_SOFTWARE, _MANIFEST = b"\5" * 32, b"\6" * 32
_STAKE = 10**21
_POLL_SECONDS = 0.002


class Refused(Exception):
    """A transaction was mined and reverted; `name` is the contracts' error, None where it is none of theirs."""

    def __init__(self, data: bytes) -> None:
        self.name = error_name(data)
        super().__init__(f"{self.name} 0x{data.hex()}")


@dataclass(frozen=True, slots=True)
class Timed:
    """An event and its block's time."""

    event: Event | None
    timestamp: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that succeeded, as its receipt says; `place` is its number in its block."""

    tx_hash: str
    gas: int
    place: int
    events: tuple[Timed, ...]


class Arena:
    """One deployment on a running anvil. `now` is the time of the next block, unless `wait_until` names a later one."""

    def __init__(self, provider: Provider, sender: Sender, parameters: Parameters) -> None:
        self.provider = provider
        self.deployment = deploy(sender, parameters)
        self.oracle, self.dispute = OracleContract(self.deployment.oracle), DisputeContract(self.deployment.dispute)
        accounts = [checksum(address) for address in provider.rpc("eth_accounts")]
        self.requester, self.operator, self.bystander, miner = accounts[1:5]
        self.challengers: Sequence[ChecksumAddress] = accounts[5:]
        self._salts = count()
        provider.rpc("anvil_setCoinbase", miner)  # not the zero address, where burnt ether is counted
        self.now = provider.block("latest").timestamp + 1
        self.send(self.operator, self.oracle.deposit(self.operator, _STAKE))

    @classmethod
    @contextmanager
    def start(cls, parameters: Parameters = LOCAL) -> Iterator["Arena"]:
        """An arena for the length of a `with` block, with accounts for `CHALLENGERS` challengers."""
        extra = ("--gas-limit", str(BLOCK_GAS))
        with ExitStack() as closing:
            folder = Path(closing.enter_context(TemporaryDirectory()))
            anvil = closing.enter_context(Anvil.start(accounts=5 + CHALLENGERS, extra=extra))
            provider = Provider([anvil.url], chain_id=None)
            closing.callback(provider.close)
            store = Store.open(f"sqlite:///{folder / 'outbox.db'}")
            closing.callback(store.close)
            yield cls(provider, Sender(provider, KeySigner(dev_account(0)), store, FeeRules()), parameters)

    # ------------------------------------------------------------------ transactions

    def send(self, sender: ChecksumAddress, call: Call, gas: int = TRANSACTION_CAP) -> Sent:
        """Mine a transaction in a block of its own; raises `Refused` where it reverts."""
        self.provider.rpc("evm_setNextBlockTimestamp", self.now)
        return self._sent(self._submit(sender, call, gas))

    def send_together(self, calls: Sequence[tuple[ChecksumAddress, Call, int]]) -> list[Sent | Refused]:
        """Mine transactions, each with its sender and gas limit, in one block: a revert is an answer, not an error."""
        self.provider.rpc("evm_setAutomine", *[False])
        try:
            hashes = [self._submit(*each) for each in calls]
            self.provider.rpc("evm_setNextBlockTimestamp", self.now)
            self.provider.rpc("evm_mine")
        finally:
            self.provider.rpc("evm_setAutomine", *[True])
        found: list[Sent | Refused] = []
        for tx_hash in hashes:
            try:
                found.append(self._sent(tx_hash))
            except Refused as refused:
                found.append(refused)
        return found

    def _submit(self, sender: ChecksumAddress, call: Call, gas: int) -> str:
        message = {"from": sender, "to": call.to, "data": f"0x{call.data.hex()}", "value": hex(call.value)}
        tx_hash: str = self.provider.rpc("eth_sendTransaction", message | {"gas": hex(gas)})
        return tx_hash

    def _sent(self, tx_hash: str) -> Sent:
        while (receipt := self.provider.rpc("eth_getTransactionReceipt", tx_hash)) is None:
            sleep(_POLL_SECONDS)
        timestamp = self.provider.block(int(receipt["blockNumber"], 16)).timestamp
        self.now = timestamp + 1
        if receipt["status"] != "0x1":
            raise Refused(bytes.fromhex(self.traced(tx_hash).get("output", "0x")[2:]))
        ours = (self.oracle.address, self.dispute.address)
        logs = [log for log in receipt["logs"] if checksum(log["address"]) in ours]
        events = (decode_log([_bytes(topic) for topic in log["topics"]], _bytes(log["data"])) for log in logs)
        gas, place = int(receipt["gasUsed"], 16), int(receipt["transactionIndex"], 16)
        return Sent(tx_hash, gas, place, tuple(Timed(event, timestamp) for event in events))

    def traced(self, tx_hash: str) -> dict[str, Any]:
        """The tree of calls of a transaction, with the gas of each: geth's `callTracer`."""
        found: dict[str, Any] = self.provider.rpc("debug_traceTransaction", tx_hash, {"tracer": "callTracer"})
        return found

    def judging_gas(self, tx_hash: str) -> int:
        """Gas of the verifier alone in the transaction of a proof: its outermost calls from the dispute contract."""
        judges = set(self.deployment.verifier.values())

        def below(call: dict[str, Any]) -> int:
            if checksum(call["to"]) in judges:
                return int(call["gasUsed"], 16)
            return sum(map(below, call.get("calls", ())))

        return below(self.traced(tx_hash))

    # ------------------------------------------------------------------ time and state

    def wait_until(self, timestamp: int) -> None:
        """Let the next block be of this second; nothing happens where it comes later anyway."""
        self.now = max(self.now, timestamp)

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Undo on the chain all that happens in a `with` block."""
        now, snapshot = self.now, self.provider.rpc("evm_snapshot")
        try:
            yield
        finally:
            self.provider.rpc("evm_revert", snapshot)
            self.now = now

    def balance(self, account: ChecksumAddress) -> int:
        """An account's ether in wei."""
        return self.provider.balance(account)

    # ------------------------------------------------------------------ answers

    def answered(self, scene: Scene, answer: bytes, policy: Policy = POLICY) -> Subject:
        """A new request of a scene's model with its input, and the operator's answer to it."""
        salt, model_id = next(self._salts).to_bytes(32, "big"), ModelId(scene.model.id)
        request = Request(self.requester, salt, model_id, InputKind.BYTES, keccak(scene.packed), policy)
        self.send(self.requester, self.oracle.request(request, scene.packed))
        self.send(self.operator, self.oracle.answer(Answer(request, 1, answer), _SOFTWARE, _MANIFEST))
        return Subject(request, AnswerRef(self.operator, environment_hash(_SOFTWARE, _MANIFEST), keccak(answer)), 1)

    def id_of(self, subject: Subject) -> GameId:
        """The game of an answer, as we compute it."""
        return subject.game_id(self.provider.chain_id, self.oracle.address)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
