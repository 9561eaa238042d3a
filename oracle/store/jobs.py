"""Durable work of the services: what is owed to a request, who is at it, and how it ended.

A job is one kind of work for one attempt of a request, and exists once. States: open → claimed → sent → done, skipped
or failed. Each operation is one transaction that excludes other writers, so two workers on one database never hold the
same job, and a lease that ran out makes it free again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from oracle.chain.protocol import RequestId
from oracle.store.schema import JOBS
from oracle.store.sqlite import Database

State = Literal["open", "claimed", "sent", "done", "skipped", "failed"]
ENDED: tuple[State, ...] = ("done", "skipped", "failed")


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work. Times are seconds since the epoch by our clock; `tx_id` is the outbox's."""

    id: int
    kind: str
    request_id: RequestId
    attempt: int
    state: State
    reason: str | None
    owner: str | None
    lease_until: float | None
    tx_id: int | None
    created_at: float
    updated_at: float


_COLUMNS = [JOBS.c[name] for name in Job.__slots__]

_TAKE = insert(JOBS).on_conflict_do_nothing().returning(*_COLUMNS)
_FINISH = (
    update(JOBS)
    .where(JOBS.c.id == bindparam("job"), JOBS.c.state == "sent")
    .values(state=bindparam("new"), reason=bindparam("why"), lease_until=None, updated_at=bindparam("now"))
)
_ATTACH = (
    update(JOBS)
    .where(JOBS.c.id.in_(bindparam("ids", expanding=True)))
    .values(state="sent", tx_id=bindparam("new_tx_id"), lease_until=None, updated_at=bindparam("now"))
)


class Jobs:
    """The jobs of all services that share the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, kind: str, request_id: bytes, attempt: int, *, now: float) -> bool:
        """Owe a job; False if it exists already, in whatever state."""
        return self.add_all(kind, [(request_id, attempt)], now=now) == 1

    def add_all(self, kind: str, work: Iterable[tuple[bytes, int]], *, now: float) -> int:
        """Owe a job for each request and attempt; yields how many are new."""
        rows = [
            {
                "kind": kind,
                "request_id": request_id,
                "attempt": attempt,
                "state": "open",
                "created_at": now,
                "updated_at": now,
            }
            for request_id, attempt in work
        ]
        if not rows:
            return 0
        with self._database.write() as connection:
            added = connection.scalars(insert(JOBS).on_conflict_do_nothing().returning(JOBS.c.id), rows)
            return len(added.all())

    def take(self, kind: str, work: Sequence[tuple[bytes, int]], owner: str, *, now: float, lease: float) -> list[Job]:
        """Owe jobs and claim them in one go; yields those that did not exist yet, in the order of `work`."""
        rows = [
            {
                "kind": kind,
                "request_id": request_id,
                "attempt": attempt,
                "state": "claimed",
                "owner": owner,
                "lease_until": now + lease,
                "created_at": now,
                "updated_at": now,
            }
            for request_id, attempt in work
        ]
        if not rows:
            return []
        with self._database.write() as connection:
            taken = connection.execute(_TAKE, rows)
            return sorted((Job(*row) for row in taken), key=lambda job: job.id)

    def skip_all(self, kind: str, work: Sequence[tuple[bytes, int, str]], *, now: float) -> None:
        """Note for each request and attempt why nothing will be done; jobs that exist stay as they are."""
        rows = [
            {
                "kind": kind,
                "request_id": request_id,
                "attempt": attempt,
                "state": "skipped",
                "reason": reason,
                "created_at": now,
                "updated_at": now,
            }
            for request_id, attempt, reason in work
        ]
        if rows:
            with self._database.write() as connection:
                connection.execute(insert(JOBS).on_conflict_do_nothing(), rows)

    def reconsider(self, kind: str) -> None:
        """Forget what was skipped before anything was sent: settings or published models may have changed."""
        with self._database.write() as connection:
            connection.execute(
                delete(JOBS).where(JOBS.c.kind == kind, JOBS.c.state == "skipped", JOBS.c.tx_id.is_(None))
            )

    def claim(self, kinds: Sequence[str], owner: str, limit: int, *, now: float, lease: float) -> list[Job]:
        """Take up to `limit` jobs that are open or whose lease ran out, the longest untouched first.

        They are held for `lease` seconds.
        """
        free = or_(JOBS.c.state == "open", and_(JOBS.c.state == "claimed", JOBS.c.lease_until <= now))
        oldest = (
            select(JOBS.c.id).where(JOBS.c.kind.in_(kinds), free).order_by(JOBS.c.updated_at, JOBS.c.id).limit(limit)
        )
        with self._database.write() as connection:
            claimed = connection.execute(
                update(JOBS)
                .where(JOBS.c.id.in_(oldest))
                .values(state="claimed", owner=owner, lease_until=now + lease, updated_at=now)
                .returning(*_COLUMNS)
            )
            return sorted((Job(*row) for row in claimed), key=lambda job: job.id)

    def renew(self, jobs: Iterable[Job], *, now: float, lease: float) -> int:
        """Hold claimed jobs for `lease` more seconds; yields how many were still held."""
        return self._change(
            [job.id for job in jobs],
            now,
            {"lease_until": now + lease},
            owners={job.owner for job in jobs},
        )

    def free(self, alive: Callable[[str], bool], *, now: float) -> int:
        """Open the claimed jobs of owners that are not `alive` any more; yields how many."""
        claimed = JOBS.c.state == "claimed"
        with self._database.write() as connection:
            owners = connection.scalars(select(JOBS.c.owner).where(claimed).distinct())
            gone = [owner for owner in owners if owner is not None and not alive(owner)]
            freed = connection.scalars(
                update(JOBS)
                .where(claimed, JOBS.c.owner.in_(gone))
                .values(state="open", lease_until=None, updated_at=now)
                .returning(JOBS.c.id)
            )
            return len(freed.all())

    def finish(self, job: Job, state: State, reason: str | None = None, *, now: float) -> bool:
        """End a job, or open it again; False if it is no longer this owner's, and nothing changes."""
        values = {"state": state, "reason": reason, "lease_until": None}
        return self._change([job.id], now, values, owners={job.owner}) == 1

    def finish_all(self, ended: Iterable[tuple[Job, State, str | None]], *, now: float) -> None:
        """End jobs that were sent, or open them again, in one commit."""
        rows = [{"job": job.id, "new": state, "why": reason, "now": now} for job, state, reason in ended]
        if rows:
            with self._database.write() as connection:
                connection.execute(_FINISH, rows)

    def forget(self, jobs: Iterable[Job]) -> None:
        """Drop jobs as if they had never been owed: where the chain still asks for them, a sweep owes them again."""
        with self._database.write() as connection:
            connection.execute(delete(JOBS).where(JOBS.c.id.in_([job.id for job in jobs])))

    def attach(self, job_ids: Sequence[int], tx_id: int, *, now: float) -> None:
        """Note the transaction that carries jobs out; they are `sent` from here on."""
        with self._database.write() as connection:
            attach(connection, job_ids, tx_id, now)

    def of_transaction(self, tx_id: int) -> list[Job]:
        """The jobs a transaction carries out."""
        return self._all(JOBS.c.tx_id == tx_id)

    def open_for(self, request_id: bytes) -> list[Job]:
        """What is still owed to a request."""
        return self._all(JOBS.c.request_id == request_id, JOBS.c.state.not_in(ENDED))

    def history(self, request_id: bytes) -> list[Job]:
        """All jobs there ever were for a request."""
        return self._all(JOBS.c.request_id == request_id)

    def sent(self, kinds: Sequence[str], *, limit: int = 1_000) -> list[Job]:
        """Jobs whose transaction is under way."""
        return self._all(JOBS.c.kind.in_(kinds), JOBS.c.state == "sent", limit=limit)

    def counts(self) -> dict[tuple[str, str], int]:
        """How many jobs there are, by kind and state."""
        query = select(JOBS.c.kind, JOBS.c.state, func.count()).group_by(JOBS.c.kind, JOBS.c.state)
        with self._database.read() as connection:
            return {(kind, state): number for kind, state, number in connection.execute(query)}

    def _change(self, ids: Sequence[int], now: float, values: Mapping[str, object], *, owners: set[str | None]) -> int:
        with self._database.write() as connection:
            changed = connection.scalars(
                update(JOBS)
                .where(JOBS.c.id.in_(ids), JOBS.c.owner.in_(owners), JOBS.c.state.in_(("claimed", "sent")))
                .values(updated_at=now, **values)
                .returning(JOBS.c.id)
            )
            return len(changed.all())

    def _all(self, *conditions: object, limit: int = 1_000) -> list[Job]:
        query = select(*_COLUMNS).where(*conditions).order_by(JOBS.c.id).limit(limit)  # type: ignore[arg-type]
        with self._database.read() as connection:
            return [Job(*row) for row in connection.execute(query)]


def attach(connection: Connection, job_ids: Sequence[int], tx_id: int, now: float) -> None:
    """Note the transaction that carries jobs out, within a transaction of the caller's."""
    connection.execute(_ATTACH, {"ids": job_ids, "new_tx_id": tx_id, "now": now})


def reopen(connection: Connection, request_ids: Sequence[bytes]) -> None:
    """A reorg changed these requests: look at their ended jobs again.

    One with a transaction goes back to `sent`, for the transaction may be mined again; else it is open.
    """
    ended = update(JOBS).where(JOBS.c.request_id.in_(request_ids), JOBS.c.state.in_(ENDED))
    connection.execute(ended.where(JOBS.c.tx_id.is_not(None)).values(state="sent", reason="reorg"))
    connection.execute(ended.where(JOBS.c.tx_id.is_(None)).values(state="open", reason="reorg"))
