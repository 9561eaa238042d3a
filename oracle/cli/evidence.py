"""All that a chain shows of one request and one of its answers, and the checks that need nothing but hashes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from eth_abi.abi import encode
from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak

from oracle.chain.authorship import Authorship, Sending, authorship, reference
from oracle.chain.calls import RequestStatus
from oracle.chain.events import (
    Answered,
    EnvironmentPublished,
    Event,
    Expired,
    GameEvent,
    InputLocated,
    ModelPublished,
    Refuted,
    Requested,
    Settled,
    Voided,
)
from oracle.chain.games import Game, replay
from oracle.chain.history import Happening, happenings
from oracle.chain.protocol import GameId, RequestId, Status, Subject
from oracle.chain.provider import Log, Provider, TransportError
from oracle.chain.wire import read_bytes
from oracle.cli.units import show_hex, show_id
from oracle.errors import ChainError, InputError
from oracle.services.context import Chain
from oracle.services.verdict import Ending

_LEAST_DIGITS = 4
_OTHER_ENDPOINT = "Ask another endpoint."


@dataclass(frozen=True, slots=True)
class AnswerSeen:
    """An answer as it was posted: the event, its block's time and number, and how it came on the chain."""

    event: Answered
    block: int
    time: int
    transaction: bytes
    authorship: Authorship


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the chain shows. `answer` is the attempt in question, None where there is none; `now` is the chain's time.

    `ending` is what ended that attempt, `attempts` how many were answered, `manifest` what was published of the
    answer's environment, `finalized` whether the chain can no longer undo the answer's block (None: it does not say).
    """

    request_id: RequestId
    requested: Requested
    places: tuple[str, ...]
    status: RequestStatus
    published: ModelPublished | None
    attempts: int
    answer: AnswerSeen | None
    ending: Ending | None
    game: Game | None
    manifest: bytes | None
    finalized: bool | None
    disputes: bool
    head: int
    now: int


@dataclass(slots=True)
class _Found:
    """What the logs hold of requests whose id begins with `prefix` (hex digits), sorted out; of others nothing."""

    prefix: str
    requests: dict[RequestId, Requested] = field(default_factory=dict)
    answers: dict[RequestId, list[tuple[Answered, Log]]] = field(default_factory=dict)
    endings: dict[RequestId, list[Ending]] = field(default_factory=dict)
    places: dict[RequestId, list[str]] = field(default_factory=dict)
    models: dict[bytes, ModelPublished] = field(default_factory=dict)
    manifests: dict[bytes, bytes] = field(default_factory=dict)
    games: dict[GameId, list[Happening]] = field(default_factory=dict)

    def take(self, item: Happening) -> None:
        if not self._concerns(item.event):
            return
        match item.event:
            case Requested() as event:
                self.requests[event.request_id] = event
            case Answered() as event:
                self.answers.setdefault(event.request_id, []).append((event, item.log))
            case Settled() | Refuted() | Voided() | Expired() as event:
                self.endings.setdefault(event.request_id, []).append(event)
            case InputLocated(request_id=request_id, uri=uri):
                self.places.setdefault(request_id, []).append(uri)
            case ModelPublished() as event:
                self.models.setdefault(event.model_id, event)
            case EnvironmentPublished() as event:
                self.manifests[event.manifest_hash] = event.manifest
            case event if isinstance(event, GameEvent):
                self.games.setdefault(event.game_id, []).append(item)

    def _concerns(self, event: Event) -> bool:
        if isinstance(event, ModelPublished | EnvironmentPublished):
            return True
        request_id = getattr(event, "request_id", None)
        if isinstance(request_id, bytes):
            return request_id.hex().startswith(self.prefix)
        return getattr(event, "game_id", None) in self.games

    def only(self, reference: str) -> Requested:
        """The one request; raises `InputError` where there is none, or several."""
        found = list(self.requests.values())
        if not found:
            raise InputError(
                f"No request on this chain has an id that begins with {reference!r}.",
                hint="`assay status` lists the latest; `chain.start_block` (--start-block) bounds the search.",
            )
        if len(found) > 1:
            raise InputError(f"{reference!r} begins {len(found)} requests' ids.", hint="Give more digits.")
        return found[0]


@dataclass(frozen=True, slots=True)
class _Timed:
    event: Event
    timestamp: int


@dataclass(frozen=True, slots=True)
class _AsOf:
    """Reads the state that a block left, so that it fits to the logs up to that block."""

    provider: Provider
    block: int

    def call(self, to: ChecksumAddress, data: bytes) -> bytes:
        return self.provider.call(to, data, block=self.block)


def gather(chain: Chain, request: str, attempt: int | None) -> Evidence:
    """What the chain shows of the request whose id begins with `request`, and of its newest answer, or of `attempt`'s.

    Raises `InputError` where there is no such request or attempt, `ChainError` where what the endpoint shows
    contradicts itself: a hash that is not that of its content, an answer that is not the one the oracle keeps.
    """
    prefix = request.lower().removeprefix("0x")
    if len(prefix) < _LEAST_DIGITS:
        raise InputError(f"{request!r} is no id of a request.", hint=f"Give at least {_LEAST_DIGITS} hex digits.")
    head = chain.provider.block("latest")
    found = _Found(prefix)
    first, span = chain.settings.chain.start_block, chain.settings.chain.max_log_range
    for item in happenings(chain.provider, chain.addresses.deployed, first, head.number, span=span):
        found.take(item)
    requested = found.only(request)
    _check_request(chain, requested)
    request_id = requested.request_id
    answers = found.answers.get(request_id, [])
    status = chain.oracle.status_of(_AsOf(chain.provider, head.number), request_id)
    evidence = Evidence(
        request_id,
        requested,
        tuple(found.places.get(request_id, ())),
        status,
        found.models.get(requested.request.model_id),
        len(answers),
        None,
        next((each for each in found.endings.get(request_id, []) if isinstance(each, Expired)), None),
        None,
        None,
        None,
        chain.dispute is not None,
        head.number,
        head.timestamp,
    )
    chosen = _chosen(answers, attempt, request)
    return evidence if chosen is None else _with_answer(chain, evidence, found, *chosen)


def _check_request(chain: Chain, requested: Requested) -> None:
    """The id binds the request, and the request its input."""
    computed = requested.request.id(chain.provider.chain_id, chain.oracle.address)
    if computed != requested.request_id or keccak(requested.input) != requested.request.input_hash:
        raise ChainError(
            f"The endpoint shows a request or an input that is not that of {show_id(requested.request_id)}.",
            hint=_OTHER_ENDPOINT,
        )


def _chosen(answers: Sequence[tuple[Answered, Log]], attempt: int | None, request: str) -> tuple[Answered, Log] | None:
    if attempt is None:
        return answers[-1] if answers else None
    for event, log in answers:
        if event.attempt == attempt:
            return event, log
    raise InputError(f"Attempt {attempt} of request {request} has no answer.", hint="Leave out --attempt.")


def _with_answer(chain: Chain, before: Evidence, found: _Found, event: Answered, log: Log) -> Evidence:
    ending = _ending_of(event, found.endings.get(event.request_id, []), before)
    subject = Subject(before.requested.request, reference(event), event.attempt)
    _check_commitment(chain, before, subject, ending)
    time = chain.provider.block(log.block_number).timestamp
    seen = AnswerSeen(
        event,
        log.block_number,
        time,
        log.tx_hash,
        _authorship(chain, before.requested, event, log.tx_hash),
    )
    safe = chain.provider.finalized_number()
    manifest = found.manifests.get(event.manifest_hash)
    return replace(
        before,
        answer=seen,
        ending=ending,
        game=_game(chain, found, subject, time),
        manifest=manifest if manifest is not None and keccak(manifest) == event.manifest_hash else None,
        finalized=None if safe is None else log.block_number <= safe,
    )


def _ending_of(event: Answered, endings: Sequence[Ending], before: Evidence) -> Ending | None:
    """What ended the attempt: the n-th refutation the n-th attempt, since attempts come one after the other."""
    refuted = [each for each in endings if isinstance(each, Refuted | Voided)]
    if event.attempt <= len(refuted):
        return refuted[event.attempt - 1]
    last = next((each for each in endings if isinstance(each, Settled)), None)
    if last is None and before.status.status not in {Status.ANSWERED, Status.DISPUTED}:
        raise ChainError(
            f"The oracle says {before.status.status.name}, and the endpoint shows no event of it.", hint=_OTHER_ENDPOINT
        )
    return last


def _check_commitment(chain: Chain, before: Evidence, subject: Subject, ending: Ending | None) -> None:
    """The oracle keeps 25 bytes of a hash of the answer, until it is refuted: the one shown must be that answer."""
    if isinstance(ending, Refuted | Voided):
        return
    if isinstance(ending, Settled):
        kept = keccak(encode(["bytes32", "bytes32"], [before.request_id, subject.ref.output_hash]))[:25]
    else:
        kept = subject.commitment(chain.provider.chain_id, chain.oracle.address)
    if before.status.commitment != kept:
        raise ChainError(
            f"The answer that the endpoint shows for {show_hex(before.request_id)} is not the one the oracle keeps.",
            hint=_OTHER_ENDPOINT,
        )


def _game(chain: Chain, found: _Found, subject: Subject, answered: int) -> Game | None:
    moves = found.games.get(subject.game_id(chain.provider.chain_id, chain.oracle.address))
    if moves is None:
        return None
    timed = [_Timed(move.event, chain.provider.block(move.log.block_number).timestamp) for move in moves]
    return replay(timed, subject, answered + subject.request.policy.window)


def _authorship(chain: Chain, requested: Requested, event: Answered, transaction: bytes) -> Authorship:
    receipt = chain.provider.receipt(transaction)
    shown = chain.provider.rpc("eth_getTransactionByHash", show_hex(transaction))
    try:
        data = read_bytes(shown["input"])
    except (KeyError, TypeError, ValueError) as problem:
        raise TransportError("An endpoint shows no transaction where its own log comes from.") from problem
    if receipt is None:
        raise TransportError("An endpoint shows no receipt of the transaction its own log comes from.")
    sending = Sending(receipt.sender, receipt.to, data)
    return authorship(chain.provider.chain_id, chain.oracle.address, requested.request, event, sending)
