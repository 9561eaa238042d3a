"""What an operator owes a game over an answer of its own, by when. Pure: the chain's time is passed in."""

from dataclasses import dataclass
from enum import StrEnum

from oracle.canonical.layers import Position
from oracle.chain.games import Game


class Owed(StrEnum):
    """What is to be done."""

    TRACE = "trace"
    """The trace is to be posted."""
    REVEAL = "reveal"
    """Positions are to be revealed."""
    RESOLVE = "resolve"
    """Nothing can be proven any more: the answer can be upheld."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What is owed a game. `due` is the first second that is too late, None where there is none.

    `positions` are those to be revealed, the one that is due first first.
    """

    game: Game
    owed: Owed
    due: int | None = None
    positions: tuple[Position, ...] = ()

    @property
    def urgency(self) -> float:
        """What comes first is smaller."""
        return float("inf") if self.due is None else self.due


def duty(game: Game, now: int) -> Duty | None:
    """What is owed `game` at `now`; None where its operator waits, or is too late."""
    if is_lost(game, now):
        return None
    if game.posted_at is None:
        return Duty(game, Owed.TRACE, game.trace_deadline)
    waiting = game.open_demands
    if waiting:
        return Duty(game, Owed.REVEAL, min(each.due for each in waiting.values()), tuple(waiting))
    return Duty(game, Owed.RESOLVE) if game.is_resolvable(now) else None


def is_lost(game: Game, now: int) -> bool:
    """Whether the trace or a demand is overdue, so that anybody can end the game against the operator."""
    return game.is_trace_forfeited(now) or game.forfeited(now) is not None
