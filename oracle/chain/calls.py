"""Typed calls of the registry and the oracle: what to send, and what views say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from eth_typing import ChecksumAddress

from oracle.canonical.model import Model
from oracle.chain.abi import artifact
from oracle.chain.protocol import AnswerRef, ModelId, Request, RequestId, Status, checksum


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction does. `to` None creates a contract; `value` is wei."""

    to: ChecksumAddress | None
    data: bytes
    value: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An output for one attempt of a request."""

    request: Request
    attempt: int
    output: bytes


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """What the oracle stores of a request. `time` is when this status was reached, in seconds since the epoch."""

    status: Status
    attempt: int
    time: int
    commitment: bytes
    delivered: bool


@dataclass(frozen=True, slots=True)
class Stake:
    """An account's stake in wei; `locked` of `balance` stands behind provisional answers."""

    balance: int
    locked: int

    @property
    def free(self) -> int:
        """What can be withdrawn or stand behind the next answer, in wei."""
        return self.balance - self.locked


@dataclass(frozen=True, slots=True)
class Parameters:
    """The constants of a deployment. Times in seconds, shares in ten-thousandths, as `Types.sol` has them."""

    min_answer_time: int
    min_window: int
    min_trace_time: int
    min_proof_period: int
    min_move_time: int
    challenge_gas: int
    defence_gas: int
    finder_share: int = 4_000
    opener_share: int = 1_000
    upheld_share: int = 7_500

    def to_abi(self) -> tuple[int, ...]:
        """The tuple that ABI encoders take."""
        return tuple(getattr(self, field) for field in self.__slots__)


class Reader(Protocol):
    """Whoever can make an `eth_call`."""

    def call(self, to: ChecksumAddress, data: bytes) -> bytes:
        """The returned bytes."""


class OracleContract:
    """The oracle at an address: methods named as the contract's own yield the `Call` to send."""

    def __init__(self, address: ChecksumAddress) -> None:
        self.address = address
        self._functions = artifact("InferenceOracle").functions

    def request(self, request: Request, packed_input: bytes) -> Call:
        """Asks for an inference; the call carries the fee."""
        fee = request.policy.fee * 10**9
        return self._call("request", request.to_abi(), packed_input, value=fee)

    def answer(self, answer: Answer, software: bytes, manifest_hash: bytes) -> Call:
        """Answers one request; reverts if it cannot be."""
        return self._call("answer", *_item(answer), software, manifest_hash)

    def answer_many(self, answers: Sequence[Answer], software: bytes, manifest_hash: bytes) -> Call:
        """Answers many; what cannot be answered is skipped."""
        return self._call("answerMany", [_item(a) for a in answers], software, manifest_hash)

    def answer_for(
        self,
        answer: Answer,
        software: bytes,
        manifest_hash: bytes,
        operator: ChecksumAddress,
        valid_until: int,
        signature: bytes,
    ) -> Call:
        """Relays an operator's signed answer."""
        return self._call("answerFor", *_item(answer), software, manifest_hash, operator, valid_until, signature)

    def answer_many_for(
        self,
        answers: Sequence[Answer],
        software: bytes,
        manifest_hash: bytes,
        operator: ChecksumAddress,
        valid_until: int,
        signature: bytes,
    ) -> Call:
        """Relays an operator's signed batch."""
        items = [_item(a) for a in answers]
        return self._call("answerManyFor", items, software, manifest_hash, operator, valid_until, signature)

    def settle(self, request: Request, ref: AnswerRef) -> Call:
        """Makes one answer final without a callback."""
        return self._call("settle", request.to_abi(), ref.to_abi())

    def settle_many(self, items: Sequence[tuple[Request, AnswerRef]]) -> Call:
        """Makes many answers final without callbacks."""
        return self._call("settleMany", [(request.to_abi(), ref.to_abi()) for request, ref in items])

    def deliver(self, request: Request, output: bytes) -> Call:
        """Gives a final answer to its consumer."""
        return self._call("deliver", request.to_abi(), output)

    def finalize(self, request: Request, ref: AnswerRef, output: bytes) -> Call:
        """Settles and delivers one answer."""
        return self._call("finalize", request.to_abi(), ref.to_abi(), output)

    def finalize_many(self, items: Sequence[tuple[Request, AnswerRef, bytes]]) -> Call:
        """Settles and delivers many answers; what cannot be is skipped."""
        return self._call("finalizeMany", [(r.to_abi(), ref.to_abi(), output) for r, ref, output in items])

    def expire(self, request: Request) -> Call:
        """Ends a request nobody answered."""
        return self._call("expire", request.to_abi())

    def deposit(self, account: ChecksumAddress, amount: int) -> Call:
        """Adds `amount` wei to an account's stake."""
        return self._call("deposit", account, value=amount)

    def withdraw(self, amount: int, to: ChecksumAddress) -> Call:
        """Takes `amount` wei of the sender's free stake out."""
        return self._call("withdraw", amount, to)

    def status_of(self, reader: Reader, request_id: RequestId) -> RequestStatus:
        """Where a request stands."""
        status, attempt, time, commitment, delivered = self._view(reader, "statusOf", request_id)
        return RequestStatus(Status(status), attempt, time, bytes(commitment), delivered)

    def stake_of(self, reader: Reader, account: ChecksumAddress) -> Stake:
        """An account's stake."""
        return Stake(*self._view(reader, "accountOf", account))

    def dispute(self, reader: Reader) -> ChecksumAddress:
        """The dispute contract; the zero address: nothing can be disputed here."""
        return checksum(self._view(reader, "dispute")[0])

    def parameters(self, reader: Reader) -> Parameters:
        """The constants of this deployment."""
        return Parameters(*self._view(reader, "parameters")[0])

    def _call(self, name: str, *arguments: Any, value: int = 0) -> Call:
        return Call(self.address, self._functions[name].encode(*arguments), value)

    def _view(self, reader: Reader, name: str, *arguments: Any) -> tuple[Any, ...]:
        entry = self._functions[name]
        return entry.decode_output(reader.call(self.address, entry.encode(*arguments)))


class RegistryContract:
    """The registry at an address."""

    def __init__(self, address: ChecksumAddress) -> None:
        self.address = address
        self._functions = artifact("ModelRegistry").functions

    def publish(self, model: Model, uris: Sequence[str]) -> Call:
        """Announces a model."""
        return Call(self.address, self._functions["publish"].encode(model.to_abi(), list(uris)))

    def add_mirrors(self, model_id: ModelId, uris: Sequence[str]) -> Call:
        """Announces further places for a model's files."""
        return Call(self.address, self._functions["addMirrors"].encode(model_id, list(uris)))

    def publish_environment(self, manifest: bytes) -> Call:
        """Announces the manifest behind a manifest hash."""
        return Call(self.address, self._functions["publishEnvironment"].encode(manifest))


def _item(answer: Answer) -> tuple[Any, ...]:
    return (answer.request.to_abi(), answer.attempt, answer.output)
