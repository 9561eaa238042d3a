"""The clocks of a dispute, from docs/disputes.md sections 1 and 2 alone; nothing is shared with programs or contract.

Seconds are small integers; the answer is given at 0.
"""

from dataclasses import dataclass
from typing import NamedTuple

NOT_YET = -1


class Game(NamedTuple):
    """What the clocks depend on; `NOT_YET` where there is no such time.

    `latest` is L, `fresh` the number of demands that did not join another, `recent` the last dues given.
    """

    challenged: int = NOT_YET
    posted: int = NOT_YET
    last_due: int = NOT_YET
    latest: int = NOT_YET
    fresh: int = 0
    recent: tuple[int, ...] = ()


@dataclass(frozen=True)
class Rules:
    """The rules under the given terms: `window`, T, P, m in seconds; K demands a chain; Q dues within one m."""

    window: int
    trace_time: int
    proof_period: int
    move_time: int
    max_demands: int
    per_move: int

    @property
    def spacing(self) -> int:
        """Seconds between dues: m / Q, rounded up."""
        return -(-self.move_time // self.per_move)

    def bound(self, fresh: int) -> int:
        """What property 5 says H stays below, `fresh` demands having been given a due of their own."""
        periods = self.window + self.trace_time + self.proof_period
        return periods + (2 * self.max_demands + 2) * self.move_time + fresh * self.spacing

    def may_settle(self, now: int) -> bool:
        return now >= self.window

    def may_challenge(self, now: int) -> bool:
        return now < self.window

    def may_post(self, game: Game, now: int) -> bool:
        return now < game.challenged + self.trace_time

    def may_forfeit_trace(self, game: Game, now: int) -> bool:
        return now >= game.challenged + self.trace_time

    def openings_end(self, game: Game) -> int:
        """E."""
        return max(self.window, game.posted) + self.proof_period

    def may_open(self, game: Game, now: int) -> bool:
        """A chain, or the first demand of the opener's."""
        return game.posted <= now < self.openings_end(game)

    def may_continue(self, demands: int, revealed: int, now: int) -> bool:
        """The next demand of a chain that has made `demands`, its clock running since `revealed`: r."""
        return demands < self.max_demands and now < revealed + self.move_time

    def due(self, game: Game, now: int) -> int:
        stretched = game.last_due + self.spacing if game.last_due != NOT_YET else NOT_YET
        return max(now + self.move_time, stretched)

    def demanded(self, game: Game, due: int) -> Game:
        """The game after a demand that does not join another."""
        recent = (*(past for past in game.recent if due - past <= self.move_time), due)
        return game._replace(last_due=due, latest=max(game.latest, due), fresh=game.fresh + 1, recent=recent)

    def revealed(self, game: Game, now: int) -> Game:
        return game._replace(latest=max(game.latest, now + self.move_time))

    def may_demand_revealed(self) -> bool:
        """What is revealed already."""
        return True

    def again(self, revealed: int, now: int) -> int:
        """The r of a chain that had `revealed` and demands what is revealed already: when it does so."""
        return max(revealed, now)

    def may_reveal(self, due: int, now: int) -> bool:
        return now < due

    def may_forfeit_demand(self, due: int, now: int) -> bool:
        return now >= due

    def end(self, game: Game) -> int:
        """H."""
        return max(self.openings_end(game), game.latest) + self.move_time

    def may_prove(self, game: Game, now: int) -> bool:
        """Faults 1 to 3."""
        return game.posted <= now < self.end(game)

    def may_prove_program(self, game: Game, now: int) -> bool:
        """Fault 4."""
        return now < (self.end(game) if game.posted != NOT_YET else game.challenged + self.trace_time)

    def may_resolve(self, game: Game, now: int, open_demands: int) -> bool:
        """The trace being posted."""
        return now >= self.end(game) and open_demands == 0
