"""The challenger: watches answers, disputes wrong ones, and collects what it has won."""

from threading import Event

from oracle.services.defending.collecting import collect
from oracle.services.follower import Follower
from oracle.services.loop import Periodic
from oracle.services.moves import Moves
from oracle.services.watching.watcher import Watcher


class Challenger:
    """Watches. One `step` follows the chain once and does what there is to do.

    Credit of won disputes is withdrawn from `collect_above` wei on, so that it can stand behind the next bond.
    """

    kinds = ()

    def __init__(self, follower: Follower, watcher: Watcher, moves: Moves, *, collect_above: int) -> None:
        self._follower = follower
        self._watcher = watcher
        self._moves = moves
        self._collect_above = collect_above
        self._is_due = Event()

    @property
    def periodic(self) -> tuple[Periodic, ...]:
        """The follower's checks, and a look for credit."""
        sweep = Periodic("sweep", self._follower.schedule.sweep_seconds, self._is_due.set)
        return (*self._follower.periodic, sweep)

    def step(self) -> bool:
        """Follow the chain, judge, move, collect; whether there may be more to do at once."""
        self._follower.follow()
        more = self._watcher.step()
        self._follower.look_after()
        if self._is_due.is_set():
            self._is_due.clear()
            provider = self._follower.chain.provider
            more |= collect(self._watcher.dispute, provider, self._moves, above=self._collect_above)
        return more
