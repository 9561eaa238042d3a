"""The whole protocol in an in-process EVM: oracle, verifier and dispute contract as packaged, with a clock at will.

court = Court()
subject = court.answered(scene, lie.answer)                  # a request of that model, answered so
court.send(OPENER, court.dispute.challenge(...))             # typed calls in, typed events out
court.now += 10
court.dispute.game_of(court, game_id)                        # it is a `Reader` of views
"""

import re
from dataclasses import dataclass
from itertools import count

from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak
from pyrevm import EVM, BlockEnv, CfgEnv, Env

from oracle.canonical.layers import Position
from oracle.chain.abi import artifact
from oracle.chain.calls import Answer, Call, OracleContract, Parameters
from oracle.chain.deploy import DEMANDS_PER_MOVE, LOCAL, MAX_DEMANDS, VERIFIER, created_address
from oracle.chain.dispute import DisputeContract
from oracle.chain.events import Event, decode_log
from oracle.chain.protocol import (
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
from tests.adversary.scenes import Scene

CHAIN_ID = 31_337
START = 1_000_000
DEPLOYER, REQUESTER, OPERATOR, OPENER, SECOND, THIRD = (checksum("0x" + f"{i:02x}" * 20) for i in range(0xA1, 0xA7))
_SOFTWARE, _MANIFEST = b"\5" * 32, b"\6" * 32
_OUTPUT = re.compile(r"output: 0x([0-9a-f]*)")


class Reverted(Exception):
    """A call reverted: the error's name and arguments."""

    def __init__(self, name: str, arguments: tuple[object, ...]) -> None:
        super().__init__(f"{name}{arguments}")
        self.name = name
        self.arguments = arguments


@dataclass(frozen=True)
class Timed:
    """An event and its block's time."""

    event: Event | None
    timestamp: int


class Court:
    """One deployment. `now` is the time of the next call, `happened` every event so far, `gas_used` the last call's."""

    def __init__(
        self, parameters: Parameters = LOCAL, max_demands: int = MAX_DEMANDS, per_move: int = DEMANDS_PER_MOVE
    ):
        self._evm = EVM(env=Env(cfg=CfgEnv(chain_id=CHAIN_ID)), spec_id="PRAGUE")
        self.now = START
        self.happened: list[Timed] = []
        self.gas_used = 0
        self._salts = count()
        for account in (DEPLOYER, REQUESTER, OPERATOR, OPENER, SECOND, THIRD):
            self._evm.set_balance(account, 10**24)
        verifier: dict[str, ChecksumAddress] = {}
        for name, others in VERIFIER.items():
            verifier[name] = self._deploy(artifact(name).creation(*(verifier[other] for other in others)))
        dispute = created_address(DEPLOYER, len(VERIFIER) + 1)
        oracle = self._deploy(artifact("InferenceOracle").creation(dispute, parameters.to_abi()))
        judges = [verifier[name] for name in ("StepVerifier", "ProgramFaults", "InputFaults", "AnswerFaults")]
        assert self._deploy(artifact("Dispute").creation(oracle, *judges, max_demands, per_move)) == dispute
        self.oracle, self.dispute = OracleContract(oracle), DisputeContract(dispute)
        self.send(OPERATOR, self.oracle.deposit(OPERATOR, 10**23))

    def send(self, sender: str, call: Call) -> list[Event]:
        """Carry a call out; yields what it emitted, or raises `Reverted` and changes nothing."""
        assert call.to is not None
        self._run(sender, call.to, call.data, call.value)
        logs = self._evm.result.logs
        events = [decode_log([bytes.fromhex(topic[2:]) for topic in log.topics], bytes(log.data[1])) for log in logs]
        self.happened += [Timed(event, self.now) for event in events]
        return [event for event in events if event is not None]

    def call(self, to: ChecksumAddress, data: bytes) -> bytes:
        """What a view returns."""
        return self._run(DEPLOYER, to, data, 0, is_static=True)

    def balance(self, account: str) -> int:
        """An account's ether in wei."""
        return int(self._evm.get_balance(account))

    def snapshot(self) -> object:
        """A state to come back to."""
        return (self._evm.snapshot(), self.now, len(self.happened))

    def restore(self, snapshot: object) -> None:
        """Come back to it, once."""
        checkpoint, self.now, events = snapshot  # type: ignore[misc]
        self._evm.revert(checkpoint)
        del self.happened[events:]

    def answered(self, scene: Scene, answer: bytes, policy: Policy) -> Subject:
        """A new request of a scene's model with its input, and the operator's answer to it."""
        salt = next(self._salts).to_bytes(32, "big")
        model_id = ModelId(scene.model.id)
        request = Request(REQUESTER, salt, model_id, InputKind.BYTES, keccak(scene.packed), policy)
        self.send(REQUESTER, self.oracle.request(request, scene.packed))
        self.send(OPERATOR, self.oracle.answer(Answer(request, 1, answer), _SOFTWARE, _MANIFEST))
        return Subject(request, AnswerRef(OPERATOR, environment_hash(_SOFTWARE, _MANIFEST), keccak(answer)), 1)

    def id_of(self, subject: Subject) -> GameId:
        """The game of an answer, as we compute it."""
        return subject.game_id(CHAIN_ID, self.oracle.address)

    def is_revealed(self, game_id: GameId, position: Position) -> bool:
        """Whether the contract knows what is there."""
        return self.dispute.demand_of(self, game_id, position).revealed_at != 0

    def _deploy(self, creation: bytes) -> ChecksumAddress:
        self._evm.set_block_env(BlockEnv(timestamp=self.now))
        try:
            return checksum(self._evm.deploy(DEPLOYER, creation))
        except RuntimeError as error:
            raise _reverted(str(error)) from error

    def _run(self, sender: str, to: str, data: bytes, value: int, *, is_static: bool = False) -> bytes:
        self._evm.set_block_env(BlockEnv(timestamp=self.now))
        self._evm.reset_transient_storage()
        try:
            returned = self._evm.message_call(sender, to, calldata=data, value=value, is_static=is_static)
        except RuntimeError as error:
            raise _reverted(str(error)) from error
        self.gas_used = self._evm.result.gas_used
        return bytes(returned)


def _reverted(said: str) -> Reverted:
    found = _OUTPUT.search(said)
    data = bytes.fromhex(found[1]) if found else b""
    for name in ("Dispute", "InferenceOracle", "StepVerifier", "ProgramFaults", "InputFaults", "AnswerFaults"):
        entry = artifact(name).errors.get(data[:4])
        if entry is not None:
            return Reverted(entry.name, entry.decode_error(data))
    return Reverted(said, ())
