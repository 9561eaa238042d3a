"""Settling, delivering and expiring: from due requests to transactions. Operators and keepers share it."""

from collections.abc import Callable, Sequence

import structlog

from oracle.chain.calls import Call, OracleContract
from oracle.chain.gas import expire_limit, finalize_limit, fit
from oracle.chain.protocol import AnswerRef, Status
from oracle.chain.sender import Sender
from oracle.errors import RejectedError, StoreError
from oracle.services.follower import DELIVER, EXPIRE, SETTLE
from oracle.store.database import Store
from oracle.store.jobs import Job
from oracle.store.requests import StoredRequest

_log = structlog.get_logger(__name__)

LEASE_SECONDS = 30.0
KINDS = (SETTLE, DELIVER, EXPIRE)

_ITEM_BYTES = 640
"""Calldata of one item, its output aside: request, reference, offsets, lengths, padding."""


class Upkeep:
    """Carries out upkeep jobs of the store, whoever owed them."""

    def __init__(
        self,
        oracle: OracleContract,
        store: Store,
        sender: Sender,
        *,
        owner: str,
        max_batch: int,
        clock: Callable[[], float],
    ) -> None:
        self._oracle = oracle
        self._store = store
        self._sender = sender
        self._owner = owner
        self._max_batch = max_batch
        self._clock = clock

    def work(self, kinds: Sequence[str] = KINDS) -> bool:
        """Claim and send what is owed; whether there was anything."""
        now = self._clock()
        jobs = self._store.jobs.claim(kinds, self._owner, self._max_batch, now=now, lease=LEASE_SECONDS)
        settle = [job for job in jobs if job.kind == SETTLE]
        for job, stored in self._load([job for job in jobs if job.kind != SETTLE]):
            self._send_one(job, stored)
        if settle:
            self._settle(self._load(settle))
        return bool(jobs)

    def _settle(self, due: Sequence[tuple[Job, StoredRequest]]) -> None:
        """Finalise in as few transactions as gas and size allow."""
        for chunk in batches(due):
            requests = [stored for _, stored in chunk]
            call = settle_call(self._oracle, requests)
            gas = finalize_limit(len(call.data), [stored.callback_gas for stored in requests])
            self._sender.send(call, purpose=SETTLE, gas_limit=gas, job_ids=[job.id for job, _ in chunk])
            _log.info("settling", requests=[f"0x{stored.id.hex()}" for stored in requests])

    def _send_one(self, job: Job, stored: StoredRequest) -> None:
        if job.kind == EXPIRE:
            call = self._oracle.expire(stored.request)
            gas = expire_limit(len(call.data))
        else:
            call = self._oracle.deliver(stored.request, _output(stored))
            gas = finalize_limit(len(call.data), [stored.callback_gas])
        try:
            self._sender.provider.call(self._oracle.address, call.data, sender=self._sender.address, gas=gas)
        except RejectedError as error:
            self._store.jobs.finish(job, "skipped", str(error), now=self._clock())
            return
        self._sender.send(call, purpose=job.kind, gas_limit=gas, job_ids=[job.id])
        _log.info("sent", job=job.kind, request=f"0x{stored.id.hex()}")

    def _load(self, jobs: Sequence[Job]) -> list[tuple[Job, StoredRequest]]:
        """The jobs' requests; what is not due, or not any more, is forgotten until a sweep finds it due."""
        requests = self._store.requests.many([job.request_id for job in jobs])
        found = []
        for job in jobs:
            stored = requests.get(job.request_id)
            if stored is not None and _still_due(job, stored):
                found.append((job, stored))
        kept = {job.id for job, _ in found}
        self._store.jobs.forget(job for job in jobs if job.id not in kept)
        return found


def _still_due(job: Job, stored: StoredRequest) -> bool:
    """Whether the chain, as it is now, has what the job is about. A delivery's attempt counts its own failures."""
    if job.kind == DELIVER:
        return stored.status is Status.FINAL and not stored.delivered
    wanted = Status.ANSWERED if job.kind == SETTLE else Status.REQUESTED
    return stored.status is wanted and stored.attempt == job.attempt


def batches(due: Sequence[tuple[Job, StoredRequest]]) -> list[list[tuple[Job, StoredRequest]]]:
    """Cut into lists that one transaction can hold."""

    def cost(item: tuple[Job, StoredRequest]) -> tuple[int, int]:
        size = len(_output(item[1])) + _ITEM_BYTES
        return size, finalize_limit(size, [item[1].callback_gas])

    return fit(due, cost)


def settle_call(oracle: OracleContract, due: Sequence[StoredRequest]) -> Call:
    """One call that settles all of `due`, and delivers those that asked for a callback."""
    items = [(stored.request, _ref(stored), _output(stored)) for stored in due]
    if len(items) == 1:
        return oracle.finalize(*items[0])
    return oracle.finalize_many(items)


def _ref(stored: StoredRequest) -> AnswerRef:
    if stored.ref is None:
        raise StoreError(f"Request 0x{stored.id.hex()} has no answer to settle.")
    return stored.ref


def _output(stored: StoredRequest) -> bytes:
    if stored.output is None:
        raise StoreError(f"Request 0x{stored.id.hex()} has no output.")
    return stored.output
