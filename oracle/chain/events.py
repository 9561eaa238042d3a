"""The protocol's events, typed. One place decodes logs; everything else sees these."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_typing import ChecksumAddress

from oracle.canonical.layers import Position
from oracle.canonical.model import Model
from oracle.chain.abi import Entry, artifact
from oracle.chain.protocol import Fault, GameId, ModelId, Reason, Request, RequestId, checksum


@dataclass(frozen=True, slots=True)
class Requested:
    """An inference was asked for; `input` is the packed input or the packed roots."""

    request_id: RequestId
    request: Request
    input: bytes


@dataclass(frozen=True, slots=True)
class InputLocated:
    """Where the input of a ROOT request can be fetched."""

    request_id: RequestId
    uri: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A provisional answer was posted."""

    request_id: RequestId
    operator: ChecksumAddress
    attempt: int
    software: bytes
    manifest_hash: bytes
    output: bytes


@dataclass(frozen=True, slots=True)
class Settled:
    """An answer became final."""

    request_id: RequestId
    operator: ChecksumAddress


@dataclass(frozen=True, slots=True)
class Delivered:
    """A consumer took its answer."""

    request_id: RequestId


@dataclass(frozen=True, slots=True)
class DeliveryFailed:
    """A consumer failed to take its answer; `reason` is at most 256 bytes of its revert."""

    request_id: RequestId
    reason: bytes


@dataclass(frozen=True, slots=True)
class Expired:
    """A request ended without an answer."""

    request_id: RequestId


@dataclass(frozen=True, slots=True)
class Disputed:
    """An answer was challenged."""

    request_id: RequestId
    operator: ChecksumAddress
    attempt: int


@dataclass(frozen=True, slots=True)
class Refuted:
    """An answer was proven wrong; `next_attempt` is now open, 0: none."""

    request_id: RequestId
    operator: ChecksumAddress
    finder: ChecksumAddress
    opener: ChecksumAddress
    next_attempt: int


@dataclass(frozen=True, slots=True)
class Voided:
    """The program was malformed."""

    request_id: RequestId
    operator: ChecksumAddress
    finder: ChecksumAddress
    opener: ChecksumAddress


@dataclass(frozen=True, slots=True)
class Skipped:
    """An item of a batch was not carried out."""

    request_id: RequestId
    reason: Reason


@dataclass(frozen=True, slots=True)
class Deposited:
    """Stake was added, in wei."""

    account: ChecksumAddress
    amount: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Free stake left, in wei."""

    account: ChecksumAddress
    to: ChecksumAddress
    amount: int


@dataclass(frozen=True, slots=True)
class ModelPublished:
    """A model was announced. `model` is None where its specs use a dtype this version does not know."""

    model_id: ModelId
    publisher: ChecksumAddress
    onnx_digest: bytes
    model: Model | None
    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MirrorsAdded:
    """Further places for a model's files."""

    model_id: ModelId
    publisher: ChecksumAddress
    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnvironmentPublished:
    """The manifest behind a manifest hash."""

    manifest_hash: bytes
    publisher: ChecksumAddress
    manifest: bytes


@dataclass(frozen=True, slots=True)
class Challenged:
    """A game was opened over `operator`'s answer to an attempt."""

    game_id: GameId
    request_id: RequestId
    opener: ChecksumAddress
    operator: ChecksumAddress
    attempt: int


@dataclass(frozen=True, slots=True)
class TracePosted:
    """The operator's trace is fixed; `roots` are its tensors' where the program has at most 256 nodes, else none."""

    game_id: GameId
    root: bytes
    roots: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ChainOpened:
    """An account opened a chain of demands with a bond."""

    game_id: GameId
    owner: ChecksumAddress


@dataclass(frozen=True, slots=True)
class Demanded:
    """A chain demanded a position, to be revealed before the second `due`."""

    game_id: GameId
    owner: ChecksumAddress
    position: Position
    due: int


@dataclass(frozen=True, slots=True)
class Revealed:
    """What is at a position: hashes, or leaves."""

    game_id: GameId
    position: Position
    data: bytes


@dataclass(frozen=True, slots=True)
class Proven:
    """A fault was proven. `tensor` and `element` are 0 where the fault has none."""

    game_id: GameId
    prover: ChecksumAddress
    finder: ChecksumAddress
    fault: Fault
    tensor: int
    element: int


@dataclass(frozen=True, slots=True)
class TraceForfeited:
    """No trace was posted in time."""

    game_id: GameId


@dataclass(frozen=True, slots=True)
class DemandForfeited:
    """A demand was not met in time."""

    game_id: GameId
    finder: ChecksumAddress
    position: Position


@dataclass(frozen=True, slots=True)
class Upheld:
    """The answer stands; of the bonds, `credited` wei went to the operator and `burnt` wei were burnt."""

    game_id: GameId
    operator: ChecksumAddress
    credited: int
    burnt: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A chain's bonds, in wei, were credited to its owner."""

    game_id: GameId
    owner: ChecksumAddress
    amount: int


@dataclass(frozen=True, slots=True)
class CreditWithdrawn:
    """Credit of the dispute contract left, in wei."""

    account: ChecksumAddress
    to: ChecksumAddress
    amount: int


OracleEvent = (
    Requested
    | InputLocated
    | Answered
    | Settled
    | Delivered
    | DeliveryFailed
    | Expired
    | Disputed
    | Refuted
    | Voided
    | Skipped
    | Deposited
    | Withdrawn
)
RegistryEvent = ModelPublished | MirrorsAdded | EnvironmentPublished
Ending = Proven | TraceForfeited | DemandForfeited | Upheld
GameEvent = Challenged | TracePosted | ChainOpened | Demanded | Revealed | Ending | Claimed
Event = OracleEvent | RegistryEvent | GameEvent | CreditWithdrawn

_TYPES: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Requested, InputLocated, Answered, Settled, Delivered, DeliveryFailed, Expired, Disputed, Refuted,
        Voided, Skipped, Deposited, Withdrawn, ModelPublished, MirrorsAdded, EnvironmentPublished, Challenged,
        TracePosted, ChainOpened, Demanded, Revealed, Proven, TraceForfeited, DemandForfeited, Upheld, Claimed,
        CreditWithdrawn,
    )
}  # fmt: skip
_FIELDS = {
    "requestId": "request_id",
    "gameId": "game_id",
    "manifestHash": "manifest_hash",
    "modelId": "model_id",
    "onnxDigest": "onnx_digest",
    "nextAttempt": "next_attempt",
}
_DROPPED = {"Requested": {"modelId", "operator"}}
_POSITIONED = {"Demanded", "Revealed", "DemandForfeited"}
_ADDRESSES = {"operator", "finder", "opener", "account", "to", "publisher", "owner", "prover"}


def decode_log(topics: Sequence[bytes], data: bytes) -> Event | None:
    """The typed event of a log of our contracts; None for an event this version does not know.

    Raises `ValueError` if the log does not decode.
    """
    for name in ("InferenceOracle", "ModelRegistry", "Dispute"):
        entry = artifact(name).events.get(topics[0]) if topics else None
        if entry is not None and entry.name in _TYPES:
            try:
                return _event(entry, topics, data)
            except (DecodingError, OverflowError, StopIteration) as error:
                raise ValueError(f"a log of {entry.name} does not decode: {error!r}") from error
    return None


def _event(entry: Entry, topics: Sequence[bytes], data: bytes) -> Event:
    dropped = _DROPPED.get(entry.name, ())
    fields = {
        _FIELDS.get(key, key): _value(key, value)
        for key, value in entry.decode_log(topics, data).items()
        if key not in dropped
    }
    if entry.name in _POSITIONED:
        fields["position"] = Position(*(fields.pop(key) for key in ("tensor", "layer", "index")))
    event: Event = _TYPES[entry.name](**fields)
    return event


def _value(key: str, value: Any) -> Any:
    if key in _ADDRESSES:
        return checksum(value)
    if key == "request":
        return Request.from_abi(value)
    if key == "reason" and isinstance(value, int):
        return Reason(value)
    if key == "fault":
        return Fault(value)
    if key in ("uris", "roots"):
        return tuple(value)
    if key == "model":
        try:
            return Model.from_abi(value)
        except ValueError:
            return None
    return value
