"""The keeper: settles what operators leave, tries deliveries again, expires what nobody answered, ends disputes."""

from collections.abc import Callable
from threading import Event

import structlog

from oracle.services.follower import DELIVER, EXPIRE, SETTLE, Follower
from oracle.services.loop import Periodic
from oracle.services.referee import Referee
from oracle.services.upkeep import KINDS, Upkeep
from oracle.settings import KeeperSettings
from oracle.store.requests import StoredRequest

_log = structlog.get_logger(__name__)


class Keeper:
    """Permissionless upkeep for everybody's requests."""

    kinds = KINDS

    def __init__(
        self,
        follower: Follower,
        upkeep: Upkeep,
        settings: KeeperSettings,
        *,
        clock: Callable[[], float],
        referee: Referee | None = None,
    ) -> None:
        """`referee` is None where no dispute is to be ended."""
        self._follower = follower
        self._upkeep = upkeep
        self._settings = settings
        self._clock = clock
        self._referee = referee
        self._games_due = Event()
        self._store = follower.store

    @property
    def periodic(self) -> tuple[Periodic, ...]:
        """The follower's checks, and a sweep for what is due."""
        sweep = Periodic("sweep", self._follower.schedule.sweep_seconds, self._owe)
        return (*self._follower.periodic, sweep)

    def step(self) -> bool:
        """Follow the chain, do what is owed and end disputes; whether there may be more to do at once."""
        head = self._follower.follow()
        self._follower.look_after()
        if self._referee is not None and self._games_due.is_set():
            self._games_due.clear()
            self._referee.end(head.timestamp - int(self._settings.grace_seconds))
        return self._upkeep.work()

    def _owe(self) -> None:
        """Owe a job for everything that is due and that its operator has had time for."""
        now = self._follower.chain.provider.block("latest").timestamp
        patient = now - int(self._settings.grace_seconds)
        self._games_due.set()
        requests, jobs = self._store.requests, self._store.jobs
        due = {
            SETTLE: [(each, each.attempt) for each in requests.settleable(patient, unless_job=SETTLE)],
            EXPIRE: [(each, each.attempt) for each in requests.expirable(now, unless_job=EXPIRE)],
            DELIVER: [(each, each.failed_deliveries) for each in self._deliverable(now)],
        }
        for kind, found in due.items():
            paid = [(each.id, number) for each, number in found if each.callback_gas <= self._settings.max_callback_gas]
            added = jobs.add_all(kind, paid, now=self._clock())
            if added:
                _log.info("upkeep_due", job=kind, requests=added)

    def _deliverable(self, now: int) -> list[StoredRequest]:
        """Final answers whose consumer has not taken them, each failure doubling the wait for the next try."""
        settings = self._settings
        waiting = self._store.requests.undelivered(max_failures=settings.deliver_retries + 1)
        return [each for each in waiting if now >= _next_try(each, settings)]


def _next_try(stored: StoredRequest, settings: KeeperSettings) -> float:
    settled = stored.settled_at or 0
    pauses = (1 << stored.failed_deliveries) - 1
    return settled + settings.grace_seconds + pauses * settings.deliver_backoff_seconds
