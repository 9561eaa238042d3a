"""The operator: answers the requests it accepts, and settles its own answers when their window ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event

import structlog

from oracle.canonical.model import Model
from oracle.chain.calls import Answer
from oracle.chain.gas import answer_limit, fit
from oracle.chain.protocol import GWEI, ModelId, RequestId, Status
from oracle.inference.environment import Manifest
from oracle.inference.model_file import ModelFile
from oracle.metrics import AnswerOutcome, SkipReason
from oracle.services.agreement import begin
from oracle.services.answering import OpenRequest, infer
from oracle.services.engines import Engines
from oracle.services.follower import ANSWER, SETTLE, Follower, Head
from oracle.services.loop import Periodic
from oracle.services.serving import Programs, Served, serve
from oracle.services.terms import Refusal, Terms, refusal
from oracle.services.upkeep import Upkeep
from oracle.settings import OperatorSettings
from oracle.store.jobs import Job
from oracle.store.requests import StoredRequest

_log = structlog.get_logger(__name__)

LEASE_SECONDS = 60.0
STAKE_SECONDS = 10.0
"""For how long the chain's word on our stake is good enough."""

_ITEM_BYTES = 480
"""Calldata of one answer in a batch, its output aside: eight words of request, offsets, lengths, padding."""


@dataclass(frozen=True, slots=True)
class Stake:
    """Free stake in wei, and when the chain was asked, in seconds since the epoch."""

    free: int = 0
    seen_at: float = 0.0


class Operator:
    """Answers requests. One `step` follows the chain once and does what there is to do."""

    kinds = (ANSWER, SETTLE)

    def __init__(
        self,
        follower: Follower,
        upkeep: Upkeep,
        files: Sequence[ModelFile],
        programs: Programs,
        engines: Engines,
        manifest: Manifest,
        settings: OperatorSettings,
        *,
        owner: str,
        clock: Callable[[], float],
    ) -> None:
        self._follower = follower
        self._upkeep = upkeep
        self._files = files
        self._programs = programs
        self._engines = engines
        self._manifest = manifest
        self._settings = settings
        self._owner = owner
        self._clock = clock
        self._store = follower.store
        self._sender = follower.sender
        self._metrics = follower.metrics
        self._models: dict[ModelId, Served] | None = None
        self._stake = Stake()
        self._resume = Event()
        self._resume.set()
        self._terms = Terms(
            operator=self._sender.address,
            software=manifest.software_hash,
            min_fee=settings.min_fee_gwei,
            max_bond=settings.max_bond_gwei,
            margin=settings.answer_margin_seconds,
        )

    @property
    def periodic(self) -> tuple[Periodic, ...]:
        """The follower's checks, and a sweep for what is to be settled or resumed."""
        sweep = Periodic("sweep", self._follower.schedule.sweep_seconds, self._sweep)
        return (*self._follower.periodic, sweep)

    def step(self) -> bool:
        """Follow the chain, answer, settle; whether there may be more to do at once."""
        head = self._follower.follow()
        waited = self._sender.provider.waited
        if self._models is None or head.models_published:
            self._refresh_models()
        taken = self._take(head)
        if self._resume.is_set():
            self._resume.clear()
            taken += self._resumed(head)
        if taken:
            self._answer(taken, head.read_at, waited)
        self._follower.look_after()
        settled = self._settings.settle and self._upkeep.work((SETTLE,))
        return bool(taken) or settled

    def _refresh_models(self) -> None:
        """Work out which published models are served; what was skipped for want of one gets another look."""
        known = self._models or {}
        found = serve(self._files, self._programs, self._published())
        served = {
            model_id: known.get(model_id) or begin(each, self._engines, fast=self._settings.fast)
            for model_id, each in found.items()
        }
        if served != self._models:
            self._store.jobs.reconsider(ANSWER)
        self._models = served

    def _published(self) -> list[Model]:
        digests = {file.digest for file in self._files}
        return [each.model for each in self._store.catalogue.all() if each.onnx_digest in digests]

    def _sweep(self) -> None:
        """Owe a job for every answer of ours whose window has ended, and look for answers left unfinished."""
        self._resume.set()
        if not self._settings.settle or self._settings.dry_run:
            return
        now = self._sender.provider.block("latest").timestamp
        due = self._store.requests.settleable(now, operator=self._sender.address, unless_job=SETTLE)
        self._store.jobs.add_all(SETTLE, [(each.id, each.attempt) for each in due], now=self._clock())

    def _take(self, head: Head) -> list[tuple[Job, StoredRequest]]:
        """Claim new requests on our terms, up to a batch; what is refused is noted, logged and counted once."""
        waiting = self._store.requests.answerable(
            head.timestamp, self._sender.address, unless_job=ANSWER, limit=self._settings.max_batch
        )
        accepted: dict[RequestId, StoredRequest] = {}
        refused = []
        for each in waiting:
            why = self._refusal(each, head)
            if why is not None:
                refused.append((each.id, each.attempt, why.words))
                self._count_seen(each)
                self._skip(each, why)
            else:
                accepted[each.id] = each
        now = self._clock()
        self._store.jobs.skip_all(ANSWER, refused, now=now)
        work = [(each.id, each.attempt) for each in accepted.values()]
        jobs = self._store.jobs.take(ANSWER, work, self._owner, now=now, lease=LEASE_SECONDS)
        for job in jobs:
            self._count_seen(accepted[job.request_id])
        return [(job, accepted[job.request_id]) for job in jobs]

    def _resumed(self, head: Head) -> list[tuple[Job, StoredRequest]]:
        """Claim what was begun and not finished: by a process that died, or before a reorg."""
        jobs = self._store.jobs.claim(
            (ANSWER,), self._owner, self._settings.max_batch, now=self._clock(), lease=LEASE_SECONDS
        )
        return [pair for job in jobs for pair in self._still_open(job, head)]

    def _refusal(self, stored: StoredRequest, head: Head) -> Refusal | None:
        served = (self._models or {}).get(stored.model_id)
        model = None if served is None else served.model
        found = refusal(
            stored.request, stored.input, model, deadline=stored.deadline, now=head.timestamp, terms=self._terms
        )
        if found is None and self._settings.dry_run:
            return Refusal(SkipReason.DRY_RUN, "this is a dry run: it would be answered")
        return found

    def _still_open(self, job: Job, head: Head) -> list[tuple[Job, StoredRequest]]:
        """The job with its request, or nothing if it needs no answer of ours any more."""
        stored = self._store.requests.get(job.request_id)
        if stored is None or stored.status is not Status.REQUESTED or stored.attempt != job.attempt:
            self._store.jobs.finish(job, "skipped", "it needs no answer any more", now=self._clock())
            self._metrics.skipped.labels(SkipReason.ANSWERED_ALREADY).inc()
            return []
        found = self._refusal(stored, head)
        if found is not None:
            self._end(job, stored, found)
            return []
        return [(job, stored)]

    def _answer(self, due: list[tuple[Job, StoredRequest]], began: float, waited: float) -> None:
        """Run the models of what stake allows, and send the answers in as few transactions as possible."""
        taken = self._affordable(due)
        inferred = infer([_open(stored) for _, stored in taken], self._models or {}, self._engines)
        answers: list[tuple[Job, Answer]] = []
        for (job, stored), result in zip(taken, inferred.results, strict=True):
            if isinstance(result, Refusal):
                self._end(job, stored, result)
            else:
                answers.append((job, Answer(stored.request, stored.attempt, result)))
        for chunk in _chunks(answers):
            self._send(chunk)
        if answers:
            done = self._sender.handed_over
            models = inferred.session_seconds + inferred.canonical_seconds
            own = done.at - began - (done.waited - waited) - models
            self._report(len(answers), own)

    def _affordable(self, due: list[tuple[Job, StoredRequest]]) -> list[tuple[Job, StoredRequest]]:
        """As many as free stake and the limit on open answers allow; the others stay ours until their lease ends."""
        exposure = self._store.requests.exposure(self._sender.address)
        free = self._free_stake(sum(stored.operator_bond for _, stored in due) * GWEI, exposure.unmined_bonds * GWEI)
        room = self._settings.max_open_answers - exposure.open_answers
        self._metrics.open_answers.set(exposure.open_answers)
        taken: list[tuple[Job, StoredRequest]] = []
        for job, stored in due:
            bond = stored.operator_bond * GWEI
            if len(taken) >= room:
                self._skip(stored, Refusal(SkipReason.TOO_MANY_OPEN, "too many answers are open already"))
            elif bond > free:
                words = f"its bond of {bond / 1e18:.6f} ether exceeds the free stake of {free / 1e18:.6f}"
                self._skip(stored, Refusal(SkipReason.STAKE_TOO_SMALL, words))
            else:
                free -= bond
                taken.append((job, stored))
        self._stake = Stake(free, self._stake.seen_at)
        return taken

    def _free_stake(self, needed: int, unmined: int) -> int:
        """Wei that can stand behind answers: as the chain said a moment ago, less what was taken since.

        The chain is asked again where that is old or not enough, `unmined` bonds being locked there soon. Only a
        withdrawal of our own can make it less meanwhile; the contract then refuses the answer.
        """
        now = self._clock()
        if now - self._stake.seen_at > STAKE_SECONDS or self._stake.free < needed:
            held = self._follower.chain.oracle.stake_of(self._sender.provider, self._sender.address)
            self._stake = Stake(held.free - unmined, now)
        return self._stake.free

    def _send(self, chunk: Sequence[tuple[Job, Answer]]) -> None:
        oracle, answers = self._follower.chain.oracle, [answer for _, answer in chunk]
        software, manifest = self._manifest.software_hash, self._manifest.manifest_hash
        if len(answers) == 1:
            call = oracle.answer(answers[0], software, manifest)
        else:
            call = oracle.answer_many(answers, software, manifest)
        self._sender.send(
            call,
            purpose=ANSWER,
            gas_limit=answer_limit(len(call.data), len(answers)),
            job_ids=[job.id for job, _ in chunk],
        )
        self._metrics.batch_size.observe(len(answers))

    def _report(self, answers: int, own_seconds: float) -> None:
        each = own_seconds / answers
        for _ in range(answers):
            self._metrics.answer_worker_seconds.observe(each)
        self._metrics.answers.labels(AnswerOutcome.SENT).inc(answers)
        _log.info("answered", answers=answers, worker_ms=round(each * 1000, 3))

    def _count_seen(self, stored: StoredRequest) -> None:
        served = (self._models or {}).get(stored.model_id)
        self._metrics.requests_seen.labels(self._metrics.model(served.name if served else None)).inc()

    def _end(self, job: Job, stored: StoredRequest, why: Refusal) -> None:
        self._store.jobs.finish(job, "skipped", why.words, now=self._clock())
        self._skip(stored, why)

    def _skip(self, stored: StoredRequest, why: Refusal) -> None:
        self._metrics.skipped.labels(why.reason).inc()
        self._metrics.answers.labels(AnswerOutcome.SKIPPED).inc()
        _log.info("request_skipped", request=f"0x{stored.id.hex()}", attempt=stored.attempt, reason=why.words)


def _open(stored: StoredRequest) -> OpenRequest:
    return OpenRequest(stored.id, stored.request, stored.attempt, stored.input, stored.deadline)


def _chunks(answers: Sequence[tuple[Job, Answer]]) -> list[list[tuple[Job, Answer]]]:
    """Cut into lists that one transaction can hold."""

    def cost(item: tuple[Job, Answer]) -> tuple[int, int]:
        size = len(item[1].output) + _ITEM_BYTES
        return size, answer_limit(size, 1)

    return fit(answers, cost)
