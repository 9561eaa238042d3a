"""The protocol's types and hashes, as `contracts/interfaces/Types.sol` defines them.

Amounts inside a policy are gwei, everywhere else wei. Times are seconds. Ids and hashes are 32 bytes,
addresses are checksummed strings.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any, NewType

from eth_abi.abi import encode
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

RequestId = NewType("RequestId", bytes)
ModelId = NewType("ModelId", bytes)
GameId = NewType("GameId", bytes)

ZERO_ADDRESS = ChecksumAddress("0x0000000000000000000000000000000000000000")  # type: ignore[arg-type]
GWEI = 10**9
MAX_ATTEMPTS = 8

REQUEST_ABI = "(address,bytes32,bytes32,uint8,bytes32,(uint256,uint256),uint32)"
ANSWER_ABI = "(address,bytes32,bytes32)"


class InputKind(IntEnum):
    """How a request carries its input."""

    BYTES = 0
    ROOT = 1


class Status(IntEnum):
    """Where a request stands."""

    NONE = 0
    REQUESTED = 1
    ANSWERED = 2
    DISPUTED = 3
    FINAL = 4
    EXPIRED = 5
    VOID = 6


class Reason(IntEnum):
    """Why the oracle refused a call, or skipped an item of a batch."""

    NONE = 0
    NOT_REQUESTED = 1
    NOT_ANSWERED = 2
    NOT_FINAL = 3
    WRONG_ATTEMPT = 4
    TOO_LATE = 5
    TOO_EARLY = 6
    WRONG_OPERATOR = 7
    WRONG_SOFTWARE = 8
    OUTPUT_TOO_LARGE = 9
    STAKE_TOO_SMALL = 10
    WRONG_ANSWER = 11
    ALREADY_DELIVERED = 12
    NO_CALLBACK = 13
    GAS_TOO_LOW = 14


class Verdict(IntEnum):
    """How a game over an answer stands."""

    NONE = 0
    OPEN = 1
    UPHELD = 2
    REFUTED = 3
    VOIDED = 4


class Fault(IntEnum):
    """What a proof showed to be wrong."""

    STEP = 0
    CONSTANT = 1
    INPUT = 2
    ANSWER = 3
    MODEL = 4
    HEADER = 5
    NODE = 6
    OPERAND = 7


@lru_cache(maxsize=4096)
def checksum(address: str) -> ChecksumAddress:
    """The checksummed form; hashing is worth caching, the same few addresses come again and again."""
    return to_checksum_address(address)


@dataclass(frozen=True, slots=True)
class Policy:
    """The terms of a request. `fee`, `operator_bond` and `challenger_bond` are gwei; times are seconds."""

    operator: ChecksumAddress
    fee: int
    operator_bond: int
    challenger_bond: int
    answer_time: int
    window: int
    trace_time: int
    proof_period: int
    move_time: int
    software: bytes = b"\0" * 6

    def pack(self) -> tuple[int, int]:
        """The two words of the contract's `Policy`; raises `OverflowError` for what does not fit."""
        head = _bits((int(self.operator, 16), 160), (self.fee, 48), (self.operator_bond, 48))
        tail = _bits(
            (self.challenger_bond, 48),
            (self.answer_time, 32),
            (self.window, 32),
            (self.trace_time, 32),
            (self.proof_period, 32),
            (self.move_time, 32),
            (int.from_bytes(self.software, "big"), 48),
        )
        return head, tail

    @classmethod
    def unpack(cls, words: tuple[int, int]) -> "Policy":
        """The inverse of `pack`."""
        head, tail = words
        return cls(
            operator=checksum(f"0x{head >> 96:040x}"),
            fee=_field(head, 48, 48),
            operator_bond=_field(head, 0, 48),
            challenger_bond=_field(tail, 208, 48),
            answer_time=_field(tail, 176, 32),
            window=_field(tail, 144, 32),
            trace_time=_field(tail, 112, 32),
            proof_period=_field(tail, 80, 32),
            move_time=_field(tail, 48, 32),
            software=_field(tail, 0, 48).to_bytes(6, "big"),
        )

    @property
    def is_open(self) -> bool:
        """Whether anybody may answer."""
        return self.operator == ZERO_ADDRESS


@dataclass(frozen=True, slots=True)
class Request:
    """An inference asked for; every later call passes it back."""

    requester: ChecksumAddress
    salt: bytes
    model_id: ModelId
    input_kind: InputKind
    input_hash: bytes
    policy: Policy
    callback_gas: int = 0

    def to_abi(self) -> tuple[Any, ...]:
        """The nested tuple that ABI encoders take."""
        return (
            self.requester,
            self.salt,
            self.model_id,
            int(self.input_kind),
            self.input_hash,
            self.policy.pack(),
            self.callback_gas,
        )

    @classmethod
    def from_abi(cls, fields: tuple[Any, ...]) -> "Request":
        """The inverse of `to_abi`."""
        requester, salt, model_id, kind, input_hash, policy, callback_gas = fields
        return cls(
            checksum(requester),
            bytes(salt),
            ModelId(bytes(model_id)),
            InputKind(kind),
            bytes(input_hash),
            Policy.unpack(policy),
            callback_gas,
        )

    def id(self, chain_id: int, oracle: ChecksumAddress) -> RequestId:
        """`keccak256(abi.encode(chain id, oracle, request))`."""
        return RequestId(keccak(encode(["uint256", "address", REQUEST_ABI], [chain_id, oracle, self.to_abi()])))


@dataclass(frozen=True, slots=True)
class AnswerRef:
    """What identifies a provisional answer."""

    operator: ChecksumAddress
    environment: bytes
    output_hash: bytes

    def to_abi(self) -> tuple[Any, ...]:
        """The tuple that ABI encoders take."""
        return (self.operator, self.environment, self.output_hash)


@dataclass(frozen=True, slots=True)
class Subject:
    """The answer a game is over: `ref` answers attempt `attempt`, from 1, of `request`."""

    request: Request
    ref: AnswerRef
    attempt: int

    def to_abi(self) -> tuple[Any, ...]:
        """The nested tuple that ABI encoders take."""
        return (self.request.to_abi(), self.ref.to_abi(), self.attempt)

    def commitment(self, chain_id: int, oracle: ChecksumAddress) -> bytes:
        """What the oracle stores of the answer, 25 bytes."""
        request_id = self.request.id(chain_id, oracle)
        return keccak(encode(["bytes32", "uint8", ANSWER_ABI], [request_id, self.attempt, self.ref.to_abi()]))[:25]

    def game_id(self, chain_id: int, oracle: ChecksumAddress) -> GameId:
        """`keccak256(abi.encode(request id, attempt, commitment))`: docs/disputes.md section 1."""
        fields = [self.request.id(chain_id, oracle), self.attempt, self.commitment(chain_id, oracle)]
        return GameId(keccak(encode(["bytes32", "uint8", "bytes25"], fields)))


def environment_hash(software: bytes, manifest_hash: bytes) -> bytes:
    """`keccak256(software, manifest hash)`, as the oracle computes it."""
    return keccak(software + manifest_hash)


def answer_typed_data(
    chain_id: int, oracle: ChecksumAddress, request: Request, attempt: int, ref: AnswerRef, valid_until: int
) -> dict[str, Any]:
    """The EIP-712 message an operator signs so that anyone may relay its answer with `answerFor`."""
    message = _answer_message(request.id(chain_id, oracle), request, attempt, ref, valid_until)
    return _typed_data(chain_id, oracle, "Answer", {"Answer": _ANSWER_FIELDS}, message)


def batch_typed_data(
    chain_id: int,
    oracle: ChecksumAddress,
    answers: list[tuple[Request, int, AnswerRef]],
    valid_until: int,
) -> dict[str, Any]:
    """The EIP-712 message for `answerManyFor`; `answers` holds request, attempt and reference of each."""
    messages = [
        _answer_message(request.id(chain_id, oracle), request, attempt, ref, valid_until)
        for request, attempt, ref in answers
    ]
    types = {"AnswerBatch": [{"name": "answers", "type": "Answer[]"}], "Answer": _ANSWER_FIELDS}
    return _typed_data(chain_id, oracle, "AnswerBatch", types, {"answers": messages})


def trace_typed_data(chain_id: int, dispute: ChecksumAddress, game_id: GameId, root: bytes) -> dict[str, Any]:
    """The EIP-712 message an operator signs so that anyone may post its trace with `postTraceFor`."""
    types = {"Trace": [{"name": "gameId", "type": "bytes32"}, {"name": "root", "type": "bytes32"}]}
    return _typed_data(chain_id, dispute, "Trace", types, {"gameId": game_id, "root": root})


_ANSWER_FIELDS = [
    {"name": "requestId", "type": "bytes32"},
    {"name": "attempt", "type": "uint8"},
    {"name": "modelId", "type": "bytes32"},
    {"name": "inputHash", "type": "bytes32"},
    {"name": "outputHash", "type": "bytes32"},
    {"name": "environment", "type": "bytes32"},
    {"name": "validUntil", "type": "uint64"},
]


def _answer_message(
    request_id: RequestId, request: Request, attempt: int, ref: AnswerRef, valid_until: int
) -> dict[str, Any]:
    return {
        "requestId": request_id,
        "attempt": attempt,
        "modelId": request.model_id,
        "inputHash": request.input_hash,
        "outputHash": ref.output_hash,
        "environment": ref.environment,
        "validUntil": valid_until,
    }


def _typed_data(
    chain_id: int,
    contract: ChecksumAddress,
    primary: str,
    types: dict[str, list[dict[str, str]]],
    message: dict[str, Any],
) -> dict[str, Any]:
    domain = [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ]
    return {
        "types": {"EIP712Domain": domain, **types},
        "primaryType": primary,
        "domain": {"name": "Assay", "version": "1", "chainId": chain_id, "verifyingContract": contract},
        "message": message,
    }


def _bits(*fields: tuple[int, int]) -> int:
    word = 0
    for value, width in fields:
        if not 0 <= value < 1 << width:
            raise OverflowError(f"{value} does not fit into {width} bits")
        word = word << width | value
    return word


def _field(word: int, start: int, width: int) -> int:
    return word >> start & ((1 << width) - 1)
