"""What stands behind further answers: free stake, the limit on open answers, and time to defend them all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oracle.chain.protocol import GWEI, ModelId
from oracle.metrics import SkipReason
from oracle.services.defending.capacity import Capacity
from oracle.services.follower import Follower
from oracle.services.terms import Refusal
from oracle.settings import OperatorSettings
from oracle.store.jobs import Job
from oracle.store.requests import StoredRequest

STAKE_SECONDS = 10.0
"""For how long the chain's word on our stake is good enough."""

Due = tuple[Job, StoredRequest]


@dataclass(frozen=True, slots=True)
class Stake:
    """Free stake in wei, and when the chain was asked, in seconds since the epoch."""

    free: int = 0
    seen_at: float = 0.0


class Backing:
    """Decides how many answers may be open. `capacity` is None where nothing can be disputed."""

    def __init__(self, follower: Follower, settings: OperatorSettings, clock: Callable[[], float]) -> None:
        self._follower = follower
        self._max_open_answers = settings.max_open_answers
        self._clock = clock
        self._stake = Stake()
        self.capacity: Capacity | None = None

    def defence_seconds(self, model: ModelId) -> float:
        """What defending one answer may take, all told; 0 where nothing can be disputed."""
        return 0.0 if self.capacity is None else self.capacity.needed(model)

    def affordable(self, due: Sequence[Due]) -> tuple[list[Due], list[tuple[Job, StoredRequest, Refusal]]]:
        """As many as there is backing for, and why not the others, which may be tried again later."""
        exposure = self._follower.store.requests.exposure(self._follower.sender.address)
        free = self._free_stake(sum(stored.operator_bond for _, stored in due) * GWEI, exposure.unmined_bonds * GWEI)
        room = self._max_open_answers - exposure.open_answers
        self._follower.metrics.open_answers.set(exposure.open_answers)
        load = 0.0 if self.capacity is None else self.capacity.load(exposure.by_model)
        taken: list[Due] = []
        left: list[tuple[Job, StoredRequest, Refusal]] = []
        for job, stored in due:
            bond = stored.operator_bond * GWEI
            if len(taken) >= room:
                left.append((job, stored, Refusal(SkipReason.TOO_MANY_OPEN, "too many answers are open already")))
            elif self._spare(stored, load) < 0:
                words = f"its times leave too little beside the {load:.1f} s that defending what is open may take"
                left.append((job, stored, Refusal(SkipReason.TOO_MANY_OPEN, words)))
            elif bond > free:
                words = f"its bond of {bond / 1e18:.6f} ether exceeds the free stake of {free / 1e18:.6f}"
                left.append((job, stored, Refusal(SkipReason.STAKE_TOO_SMALL, words)))
            else:
                free -= bond
                load += 0.0 if self.capacity is None else self.capacity.load({stored.model_id: 1})
                taken.append((job, stored))
        self._stake = Stake(free, self._stake.seen_at)
        return taken, left

    def _spare(self, stored: StoredRequest, load: float) -> float:
        """Seconds its times leave beyond what defending it beside `load` seconds may take."""
        return 0.0 if self.capacity is None else self.capacity.spare(stored.request.policy, stored.model_id, load)

    def _free_stake(self, needed: int, unmined: int) -> int:
        """Wei that can stand behind answers: as the chain said a moment ago, less what was taken since.

        The chain is asked again where that is old or not enough, `unmined` bonds being locked there soon. Only a
        withdrawal of our own can make it less meanwhile; the contract then refuses the answer.
        """
        now = self._clock()
        if now - self._stake.seen_at > STAKE_SECONDS or self._stake.free < needed:
            chain = self._follower.chain
            held = chain.oracle.stake_of(chain.provider, self._follower.sender.address)
            self._stake = Stake(held.free - unmined, now)
        return self._stake.free
