"""Games as their events tell them: what is posted, demanded and revealed, and whose clock runs. docs/disputes.md.

Pure: a fold over the events of one game, in the chain's order. Times are seconds since the epoch by the chain's clock.
Where an endpoint kept an event back, what follows from the others still holds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from eth_typing import ChecksumAddress

from oracle.canonical.layers import Position
from oracle.chain.events import (
    ChainOpened,
    Challenged,
    Claimed,
    Demanded,
    DemandForfeited,
    Ending,
    Event,
    GameEvent,
    Proven,
    Revealed,
    TraceForfeited,
    TracePosted,
    Upheld,
)
from oracle.chain.protocol import GWEI, ZERO_ADDRESS, Fault, GameId, Subject, Verdict


class Timed(Protocol):
    """An event and its block's time; `IndexedEvent` is one."""

    @property
    def event(self) -> Event | None:
        """What happened; None where this version cannot tell."""

    @property
    def timestamp(self) -> int:
        """When, in seconds since the epoch."""


class Turn(StrEnum):
    """How an account may demand."""

    NO = "no"
    """Not at all: there is no trace, it is too late, or the game has ended."""
    WAIT = "wait"
    """Not now: the last position its chain demanded is not revealed yet."""
    FIRST = "first"
    """With `demand`: the opener's first, covered by the bond of the challenge."""
    NEXT = "next"
    """With `demand`: its chain's next."""
    BOND = "bond"
    """With `openChain` and a bond."""


@dataclass(frozen=True, slots=True)
class DemandState:
    """A position that was demanded: first by `owner`, later also by `joined`. `data` is what was revealed there."""

    owner: ChecksumAddress
    due: int
    revealed_at: int | None = None
    data: bytes | None = None
    joined: tuple[ChecksumAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class ChainState:
    """An account's chain: bonds not claimed, demands since the last bond, and the last of them with its time."""

    bonds: int
    demands: int = 0
    last: Position | None = None
    demanded_at: int = 0


@dataclass(frozen=True, slots=True)
class Game:
    """A game and how it stands.

    `window_end` is W, `challenged_at` c, `posted_at` p, `latest` L, the latest of all due and all r + m (0: none yet),
    `last_due` the latest due (0: none). `ending` is the event that ended it.
    """

    id: GameId
    subject: Subject
    opener: ChecksumAddress
    challenged_at: int
    window_end: int
    posted_at: int | None = None
    trace_root: bytes | None = None
    roots: tuple[bytes, ...] = ()
    demands: Mapping[Position, DemandState] = field(default_factory=dict)
    chains: Mapping[ChecksumAddress, ChainState] = field(default_factory=dict)
    latest: int = 0
    last_due: int = 0
    verdict: Verdict = Verdict.OPEN
    ended_at: int | None = None
    ending: Ending | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is still played."""
        return self.verdict is Verdict.OPEN

    @property
    def bond(self) -> int:
        """What a challenge or a further chain takes along, in wei."""
        return self.subject.request.policy.challenger_bond * GWEI

    @property
    def trace_deadline(self) -> int:
        """When a missing trace can be forfeited, c + T."""
        return self.challenged_at + self.subject.request.policy.trace_time

    @property
    def openings_end(self) -> int | None:
        """From when on no chain can be opened, E; None without a trace."""
        if self.posted_at is None:
            return None
        return max(self.window_end, self.posted_at) + self.subject.request.policy.proof_period

    @property
    def end(self) -> int | None:
        """From when on the answer can be upheld, as things stand: H; None without a trace."""
        openings_end = self.openings_end
        if openings_end is None:
            return None
        return max(openings_end, self.latest) + self.subject.request.policy.move_time

    @property
    def open_demands(self) -> dict[Position, DemandState]:
        """What waits to be revealed or forfeited, earliest due first."""
        waiting = ((position, each) for position, each in self.demands.items() if each.revealed_at is None)
        return dict(sorted(waiting, key=lambda item: (item[1].due, item[0])))

    @property
    def revealed(self) -> dict[Position, bytes]:
        """What was revealed, by position."""
        return {position: each.data for position, each in self.demands.items() if each.data is not None}

    def is_trace_forfeited(self, now: int) -> bool:
        """Whether the operator let the time for its trace pass."""
        return self.is_open and self.posted_at is None and now >= self.trace_deadline

    def forfeited(self, now: int) -> Position | None:
        """The demand that went unanswered longest, if any did."""
        overdue = (position for position, each in self.open_demands.items() if now >= each.due)
        return next(overdue, None) if self.is_open else None

    def is_resolvable(self, now: int) -> bool:
        """Whether the answer can be upheld: a trace, no open demand, and all time has passed."""
        end = self.end
        return self.is_open and end is not None and now >= end and not self.open_demands

    def is_provable(self, now: int) -> bool:
        """Whether a fault of the trace or of the answer can still be proven."""
        end = self.end
        return self.is_open and end is not None and now < end

    def is_program_provable(self, now: int) -> bool:
        """Whether a fault of the program can still be proven."""
        end = self.end
        return self.is_open and now < (self.trace_deadline if end is None else end)

    def may_demand(self, owner: ChecksumAddress, now: int, max_demands: int) -> Turn:
        """How `owner` may demand at `now`, `max_demands` being K."""
        openings_end = self.openings_end
        if not self.is_open or openings_end is None:
            return Turn.NO
        chain = self.chains.get(owner)
        if chain is not None and chain.last is not None:
            since = self._clock_of(chain, chain.last)
            if since is None:
                return Turn.WAIT
            if chain.demands < max_demands and now < since + self.subject.request.policy.move_time:
                return Turn.NEXT
        if now >= openings_end:
            return Turn.NO
        return Turn.FIRST if chain is not None and chain.demands == 0 else Turn.BOND

    def next_deadline(self, owner: ChecksumAddress, now: int, max_demands: int) -> int | None:
        """The first second in which the way `may_demand` names is closed; for WAIT, the operator's. None for NO."""
        turn = self.may_demand(owner, now, max_demands)
        if turn is Turn.NO:
            return None
        if turn in (Turn.FIRST, Turn.BOND):
            return self.openings_end
        chain = self.chains[owner]
        if chain.last is None:
            raise AssertionError("who waits, or has a next demand, has made one")
        since = self._clock_of(chain, chain.last)
        return self.demands[chain.last].due if since is None else since + self.subject.request.policy.move_time

    def _clock_of(self, chain: ChainState, last: Position) -> int | None:
        """When the chain's last demand was revealed, or made if that was later: r. None while it waits."""
        revealed_at = self.demands[last].revealed_at
        return None if revealed_at is None else max(revealed_at, chain.demanded_at)


def fold(before: Game | None, indexed: Timed, subject: Subject, window_end: int) -> Game | None:
    """The game after one more of its events; None before it was opened.

    `subject` is the answer it is over, `window_end` W. Events of no game change nothing.
    """
    event, now = indexed.event, indexed.timestamp
    if isinstance(event, Challenged):
        chains = {event.opener: ChainState(bonds=1)}
        return Game(event.game_id, subject, event.opener, now, window_end, chains=chains)
    if before is None:
        return None
    return _moved(before, event, now)


def replay(events: Iterable[Timed], subject: Subject, window_end: int, game: Game | None = None) -> Game | None:
    """The game that events, in the chain's order, make of `game`; None where it was not opened."""
    for indexed in events:
        game = fold(game, indexed, subject, window_end)
    return game


def verdict_of(event: Event | None) -> Verdict | None:
    """How an event ends a game; None where it ends none."""
    match event:
        case Upheld():
            return Verdict.UPHELD
        case Proven(fault=Fault.MODEL | Fault.HEADER | Fault.NODE | Fault.OPERAND):
            return Verdict.VOIDED
        case Proven() | TraceForfeited() | DemandForfeited():
            return Verdict.REFUTED
        case _:
            return None


def _moved(game: Game, event: Event | GameEvent | None, now: int) -> Game:
    match event:
        case TracePosted():
            return replace(game, posted_at=now, trace_root=event.root, roots=event.roots)
        case ChainOpened():
            return _with_chain(game, event.owner, ChainState(_chain(game, event.owner).bonds + 1))
        case Demanded():
            return _demanded(game, event, now)
        case Revealed():
            return _revealed(game, event, now)
        case Claimed():
            return _with_chain(game, event.owner, replace(_chain(game, event.owner), bonds=0))
        case Proven() | TraceForfeited() | DemandForfeited() | Upheld():
            verdict = verdict_of(event) or game.verdict
            return replace(game, verdict=verdict, ended_at=now, ending=event)
        case _:
            return game


def _demanded(game: Game, event: Demanded, now: int) -> Game:
    known, latest = game.demands.get(event.position), max(game.latest, event.due)
    if known is None:
        state = DemandState(event.owner, event.due)
    else:
        state = replace(known, joined=(*known.joined, event.owner))
        if known.revealed_at is not None:
            latest = max(latest, now + game.subject.request.policy.move_time)
    changed = replace(
        game,
        demands={**game.demands, event.position: state},
        latest=latest,
        last_due=max(game.last_due, event.due),
    )
    chain = _chain(game, event.owner)
    return _with_chain(changed, event.owner, ChainState(chain.bonds, chain.demands + 1, event.position, now))


def _revealed(game: Game, event: Revealed, now: int) -> Game:
    known = game.demands.get(event.position, DemandState(ZERO_ADDRESS, due=now + 1))
    state = replace(known, revealed_at=now, data=event.data)
    return replace(
        game,
        demands={**game.demands, event.position: state},
        latest=max(game.latest, now + game.subject.request.policy.move_time),
    )


def _chain(game: Game, owner: ChecksumAddress) -> ChainState:
    return game.chains.get(owner, ChainState(bonds=0))


def _with_chain(game: Game, owner: ChecksumAddress, chain: ChainState) -> Game:
    return replace(game, chains={**game.chains, owner: chain})
