"""What every service does before its own work: follow the chain, look after transactions, close finished jobs."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from threading import Event
from time import perf_counter

import structlog

from oracle.chain.events import (
    Delivered,
    DeliveryFailed,
    Disputed,
    Expired,
    ModelPublished,
    Refuted,
    Settled,
    Skipped,
    Upheld,
    Voided,
)
from oracle.chain.indexer import Indexer
from oracle.chain.protocol import Status
from oracle.chain.sender import Sender
from oracle.metrics import AnswerOutcome, DefenceOutcome, DeliveryOutcome, JobState, Metrics, Outcome, SkipReason
from oracle.services.context import Chain
from oracle.services.http import HealthState
from oracle.services.loop import Periodic
from oracle.settings import ScheduleSettings
from oracle.store.database import Store
from oracle.store.events import IndexedEvent
from oracle.store.jobs import Job, State
from oracle.store.requests import StoredRequest

_log = structlog.get_logger(__name__)

ANSWER, SETTLE, DELIVER, EXPIRE = "answer", "settle", "deliver", "expire"
"""Kinds of jobs, and the purposes of the transactions that carry them out."""

RESCAN_BLOCKS = 128
"""How many blocks a rescan reads again, for events an endpoint had kept back."""

_AGE_LIMIT = 300.0


@dataclass(frozen=True, slots=True)
class Head:
    """The chain's time, in seconds since the epoch, and whether the events just stored announce models.

    `read_at` is the `perf_counter` at which those events had been read and decoded.
    """

    timestamp: int
    models_published: bool
    read_at: float


@dataclass(slots=True)
class Follower:
    """Follows the chain for one service."""

    chain: Chain
    store: Store
    indexer: Indexer
    sender: Sender
    metrics: Metrics
    health: HealthState
    schedule: ScheduleSettings
    kinds: Sequence[str]
    rescan: Event
    clock: Callable[[], float] = time.time
    head: Head = Head(0, models_published=False, read_at=0.0)
    """What `follow` said last."""

    def follow(self) -> Head:
        """Bring the store up to date with the chain."""
        newest = self.chain.provider.block("latest")
        self.metrics.head_block.set(newest.number)
        events = self._rescanned() + self.indexer.sync()
        read_at = self.indexer.read_at if events else perf_counter()
        published = any(isinstance(each.event, ModelPublished) for each in events)
        for each in events:
            self._observe(each)
        self.head = Head(newest.timestamp, published, read_at)
        return self.head

    def look_after(self) -> None:
        """Look after transactions, and end the jobs they carried out."""
        self.sender.poll()
        self._close_jobs(self._indexed())

    @property
    def periodic(self) -> tuple[Periodic, ...]:
        """Checks beside the block loop."""
        return (
            Periodic("balance", self.schedule.balance_seconds, self.check_balance),
            Periodic("work", self.schedule.balance_seconds, self.count_work),
            Periodic("lag", self.schedule.lag_seconds, self.check_lag),
            Periodic("rescan", self.schedule.rescan_seconds, self.rescan.set),
        )

    def check_balance(self) -> None:
        """Measure ether and stake of the sending account; too little ether is a health problem."""
        address = self.sender.address
        balance = self.chain.provider.balance(address)
        stake = self.chain.oracle.stake_of(self.chain.provider, address)
        self.metrics.account_balance.set(balance)
        self.metrics.stake_balance.set(stake.balance)
        self.metrics.stake_locked.set(stake.locked)
        low = balance < self.schedule.low_balance_ether * 1e18
        detail = f"{address} has {balance / 1e18:.4f} ether for gas" if low else ""
        self.health.report("balance", ok=not low, detail=detail)
        if low:
            _log.warning("low_balance", detail=detail)

    def count_work(self) -> None:
        """Measure what is owed and under way."""
        totals = dict.fromkeys(JobState, 0)
        for (_, state), number in self.store.jobs.counts().items():
            totals[JobState(state)] += number
        for state, number in totals.items():
            self.metrics.jobs.labels(state).set(number)
        self.metrics.pending_transactions.set(len(self.store.transactions.pending(self.sender.address)))

    def check_lag(self) -> None:
        """Measure how old the chain's newest block is and how far behind the store is."""
        head = self.chain.provider.block("latest")
        age = max(self.clock() - head.timestamp, 0.0)
        self.metrics.head_lag_seconds.set(age)
        behind = head.number - self._indexed()
        limit = self.chain.settings.chain.max_lag_blocks + self.chain.settings.chain.confirmations
        self.health.report("lag", ok=behind <= limit, detail=f"{behind} blocks behind the chain")
        if age > _AGE_LIMIT:
            _log.warning("chain_is_old", newest_block=head.number, age_seconds=round(age))

    def _rescanned(self) -> list[IndexedEvent]:
        if not self.rescan.is_set():
            return []
        self.rescan.clear()
        return self.indexer.rescan(RESCAN_BLOCKS)

    def _indexed(self) -> int:
        """The newest block whose events are stored."""
        cursor = self.store.ledger.cursor()
        if cursor is None:
            return 0
        self.metrics.processed_block.set(cursor.number)
        if cursor.finalized is not None:
            self.metrics.finalized_block.set(cursor.finalized)
        return cursor.number

    def _observe(self, indexed: IndexedEvent) -> None:
        """Log and count what an operator wants to know of, whoever sent it."""
        match indexed.event:
            case Disputed(request_id, operator):
                _log.warning("answer_disputed", request=_hex(request_id), operator=operator)
            case Upheld(game_id, operator) if operator == self.sender.address:
                self.metrics.defences.labels(DefenceOutcome.UPHELD).inc()
                _log.info("answer_upheld", game=_hex(game_id))
            case Refuted(request_id, operator) if operator == self.sender.address:
                self.metrics.defences.labels(DefenceOutcome.REFUTED).inc()
                _log.error("our_answer_refuted", request=_hex(request_id))
            case Voided(request_id, operator) if operator == self.sender.address:
                self.metrics.defences.labels(DefenceOutcome.VOIDED).inc()
                _log.error("our_answer_voided", request=_hex(request_id))
            case Delivered():
                self.metrics.deliveries.labels(DeliveryOutcome.DELIVERED).inc()
            case DeliveryFailed(request_id):
                self.metrics.deliveries.labels(DeliveryOutcome.FAILED).inc()
                _log.warning("callback_failed", request=_hex(request_id))
            case Settled():
                self.metrics.settles.labels(Outcome.DONE).inc()
            case Expired():
                self.metrics.expiries.inc()

    def _close_jobs(self, indexed: int) -> None:
        """End the jobs whose transaction is in a block that has been indexed, by what the chain says came of them."""
        by_transaction: defaultdict[int, list[Job]] = defaultdict(list)
        for job in self.store.jobs.sent(self.kinds):
            if job.tx_id is not None:
                by_transaction[job.tx_id].append(job)
        for tx_id, jobs in by_transaction.items():
            tx = self.store.transactions.get(tx_id)
            if tx.state in {"failed", "abandoned"}:
                self._finish([(job, "open", tx.reason) for job in jobs])
            elif tx.block_number is not None and tx.block_number <= indexed:
                if self._is_on_chain(tx.block_number, tx.block_hash):
                    self._conclude(jobs, tx.block_number, reverted=tx.state == "reverted")
                else:
                    self.sender.reopen(tx.block_number - 1)

    def _conclude(self, jobs: Sequence[Job], block: int, *, reverted: bool) -> None:
        """End the jobs of a transaction mined in `block`, or forget those it came too early for."""
        ids = [job.request_id for job in jobs]
        requests = self.store.requests.many(ids)
        answered = {
            (each.request_id, each.attempt)
            for each in self.store.requests.answers(*ids)
            if each.operator == self.sender.address
        }
        endings: list[tuple[Job, State, str | None]] = []
        early: list[Job] = []
        for job in jobs:
            stored = requests.get(job.request_id)
            if stored is not None and _achieved(job, stored, answered):
                endings.append((job, "done", None))
            elif stored is None or _came_early(job, stored, block):
                early.append(job)
            elif reverted:
                endings.append((job, "failed", "its transaction reverted or was given up"))
            else:
                endings.append((job, "skipped", self._skip_reason(job)))
        self._finish(endings)
        if early:
            self.store.jobs.forget(early)
            _log.info("jobs_came_early", jobs=len(early), block=block)

    def _is_on_chain(self, number: int, block_hash: bytes | None) -> bool:
        """Whether the block a transaction was mined in is the one indexed: it may have gone before it was indexed."""
        kept = self.store.ledger.hashes(number, number).get(number)
        return kept is None or kept == block_hash

    def _skip_reason(self, job: Job) -> str:
        skips = self.store.events.select(request_id=job.request_id, name="Skipped")
        event = skips[-1].event if skips else None
        return event.reason.name.lower() if isinstance(event, Skipped) else "the chain says somebody else did it"

    def _finish(self, endings: Sequence[tuple[Job, State, str | None]]) -> None:
        self.store.jobs.finish_all(endings, now=self.clock())
        for job, state, reason in endings:
            self._count(job, state)
            log = _log.debug if state == "done" else _log.warning
            log(
                "job_ended", job=job.kind, request=_hex(job.request_id), attempt=job.attempt, state=state, reason=reason
            )

    def _count(self, job: Job, state: State) -> None:
        """Count what was sent and came to nothing; what came to something is counted from the chain's events."""
        if job.kind == ANSWER and state == "failed":
            self.metrics.answers.labels(AnswerOutcome.FAILED).inc()
        elif job.kind == ANSWER and state == "skipped":
            self.metrics.skipped.labels(SkipReason.REJECTED).inc()
        elif job.kind == SETTLE and state == "failed":
            self.metrics.settles.labels(Outcome.FAILED).inc()


def _achieved(job: Job, stored: StoredRequest, answered: Collection[tuple[bytes, int]]) -> bool:
    """Whether the chain shows what the job was for; `answered` holds requests and attempts we answered."""
    if job.kind == ANSWER:
        return (job.request_id, job.attempt) in answered
    if job.kind == SETTLE:
        return stored.status is Status.FINAL
    if job.kind == DELIVER:
        return stored.delivered
    return stored.status is Status.EXPIRED


def _came_early(job: Job, stored: StoredRequest, block: int) -> bool:
    """Whether the chain still asks for the job, and a reorg let its transaction run before that was so.

    A transaction that a reorg removed is broadcast again at once, and may come to stand before the request it answers
    or the end of the window it waited for.
    """
    if job.kind == ANSWER:
        open_still = stored.status is Status.REQUESTED and stored.attempt == job.attempt
        return open_still and stored.requested_block >= block
    if job.kind == SETTLE:
        return stored.status in {Status.REQUESTED, Status.ANSWERED}
    return job.kind == EXPIRE and stored.status is Status.REQUESTED


def _hex(identifier: bytes) -> str:
    return f"0x{identifier.hex()}"
