"""Games as a chain's logs tell them, each with its request, its answer and every move."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

from oracle.chain.authorship import reference
from oracle.chain.events import Answered, Challenged, Event, GameEvent, Refuted, Requested, Voided
from oracle.chain.games import Game, replay
from oracle.chain.history import Happening, happenings
from oracle.chain.protocol import GameId, RequestId, Subject
from oracle.errors import ChainError, InputError
from oracle.services.context import Chain

_LEAST_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Move:
    """An event of a game, or of the oracle when the game struck the answer out; `timestamp` is its block's."""

    happening: Happening
    timestamp: int

    @property
    def event(self) -> Event:
        """What happened."""
        return self.happening.event


@dataclass(frozen=True, slots=True)
class Record:
    """A game, how it stands, and what led there. `split` tells who was paid when the answer was struck out."""

    game: Game
    requested: Requested
    answered: Answered
    answered_at: int
    moves: tuple[Move, ...]
    split: Refuted | Voided | None

    @property
    def ids(self) -> tuple[bytes, bytes]:
        """What it can be named by: the game's id and the request's."""
        return self.game.id, self.requested.request_id


def read_records(chain: Chain, blocks: int | None = None) -> list[Record]:
    """Every game since the chain's start block, oldest first; with `blocks`, of its newest blocks. Raises `ChainError`.

    A game whose request or answer lies before those blocks is left out.
    """
    head, first = chain.provider.block_number(), chain.settings.chain.start_block
    if blocks is not None:
        first = max(first, head - blocks + 1)
    span = chain.settings.chain.max_log_range
    found = happenings(chain.provider, chain.addresses.deployed, first, head, span=span)
    time_of = cache(lambda number: chain.provider.block(number).timestamp)
    return records(found, lambda item: time_of(item.log.block_number))


def records(found: Iterable[Happening], time_of: Callable[[Happening], int]) -> list[Record]:
    """The games among events in the chain's order; `time_of` tells an event's time in seconds since the epoch."""
    requests: dict[RequestId, Requested] = {}
    answers: dict[tuple[RequestId, int], tuple[Answered, int]] = {}
    opened: dict[GameId, Challenged] = {}
    moves: dict[GameId, list[Move]] = {}
    splits: dict[tuple[RequestId, bytes], Refuted | Voided] = {}
    for item in found:
        event = item.event
        match event:
            case Requested():
                requests[event.request_id] = event
            case Answered():
                answers[event.request_id, event.attempt] = event, time_of(item)
            case Refuted() | Voided():
                splits[event.request_id, item.log.tx_hash] = event
            case Challenged():
                opened[event.game_id] = event
        if isinstance(event, GameEvent):
            moves.setdefault(event.game_id, []).append(Move(item, time_of(item)))
    return [
        _record(requests[each.request_id], *answers[each.request_id, each.attempt], moves[game_id], splits)
        for game_id, each in opened.items()
        if each.request_id in requests and (each.request_id, each.attempt) in answers
    ]


def _record(
    requested: Requested,
    answered: Answered,
    answered_at: int,
    moves: Sequence[Move],
    splits: dict[tuple[RequestId, bytes], Refuted | Voided],
) -> Record:
    subject = Subject(requested.request, reference(answered), answered.attempt)
    game = replay(moves, subject, answered_at + requested.request.policy.window)
    if game is None:
        raise ChainError("An endpoint shows moves of a game without its challenge.", hint="Ask another endpoint.")
    ending = next((move for move in moves if move.event is game.ending), None)
    split = splits.get((requested.request_id, ending.happening.log.tx_hash)) if ending else None
    return Record(game, requested, answered, answered_at, tuple(moves), split)


def find(listed: Iterable[Record], name: str) -> Record:
    """The newest game whose id, or whose request's id, begins with `name`; raises `InputError` for none or several."""
    prefix = name.lower().removeprefix("0x")
    if len(prefix) < _LEAST_DIGITS:
        raise InputError(f"{name!r} is no id.", hint=f"Give at least {_LEAST_DIGITS} hex digits.")
    fitting = [each for each in listed if any(one.hex().startswith(prefix) for one in each.ids)]
    if not fitting:
        raise InputError(
            f"No game, and no request in dispute, has an id that begins with {name!r}.",
            hint="`assay dispute list` shows them; `chain.start_block` bounds the search.",
        )
    if len({each.requested.request_id for each in fitting}) > 1:
        raise InputError(f"{name!r} begins several ids.", hint="Give more digits.")
    return fitting[-1]


def sendings(chain: Chain, record: Record) -> list[dict[str, Any]]:
    """Of each move: number, time, block, transaction, who sent it and its gas (the whole transaction's)."""
    rows = []
    for number, move in zip(count(1), record.moves, strict=False):
        receipt = chain.provider.receipt(move.happening.log.tx_hash)
        rows.append(
            {
                "number": number,
                "timestamp": move.timestamp,
                "block": move.happening.log.block_number,
                "transaction": f"0x{move.happening.log.tx_hash.hex()}",
                "sender": receipt.sender if receipt else None,
                "gas_used": receipt.gas_used if receipt else None,
            }
        )
    return rows
