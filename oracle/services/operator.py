"""The operator: answers the requests it accepts, defends its answers, and settles them when their window ends."""

from collections.abc import Callable, Sequence
from threading import Event
from typing import Protocol

import structlog

from oracle.canonical.model import Model
from oracle.chain.calls import Answer
from oracle.chain.gas import answer_limit, fit
from oracle.chain.protocol import ModelId, RequestId, Status
from oracle.inference.environment import Manifest
from oracle.inference.model_file import ModelFile
from oracle.metrics import AnswerOutcome, SkipReason
from oracle.services.agreement import begin
from oracle.services.answering import OpenRequest, infer
from oracle.services.defending.backing import Backing
from oracle.services.defending.defence import Defence
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


class Watch(Protocol):
    """Checks others' answers beside one's own work."""

    def step(self) -> bool:
        """Check an answer or make a move; whether there may be more to do at once."""


LEASE_SECONDS = 60.0
_MOST_TRIED = 2
"""Models that are tried out for `fast` before moves are looked at again: anybody can publish a program's many times."""
_ITEM_BYTES = 480
"""Calldata of one answer in a batch, its output aside: eight words of request, offsets, lengths, padding."""


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
        defence: Defence | None = None,
        watcher: Watch | None = None,
    ) -> None:
        """`defence` is None where nothing can be disputed, `watcher` where others' answers are not checked."""
        self._follower = follower
        self._upkeep = upkeep
        self._files = files
        self._programs = programs
        self._engines = engines
        self._manifest = manifest
        self._settings = settings
        self._owner = owner
        self._clock = clock
        self._defence = defence
        self._watcher = watcher
        self._store = follower.store
        self._sender = follower.sender
        self._metrics = follower.metrics
        self._models: dict[ModelId, Served] | None = None
        self._more_models = False
        self._backing = Backing(follower, settings, clock)
        self._resume = Event()
        self._resume.set()
        self._collect = Event()
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
        """Follow the chain, defend, answer, settle, watch; whether there may be more to do at once."""
        head = self._follower.follow()
        waited = self._sender.provider.waited
        if self._models is None or head.models_published or self._more_models:
            self._refresh_models()
        defended = self._defence is not None and self._defend(self._defence, head)
        taken = self._take(head)
        if self._resume.is_set():
            self._resume.clear()
            taken += self._resumed(head)
        if taken:
            self._answer(taken, head.read_at, waited)
        self._follower.look_after()
        settled = self._settings.settle and self._upkeep.work((SETTLE,))
        watched = self._watcher is not None and self._watcher.step()
        return bool(taken) or settled or defended or watched or self._more_models

    @property
    def _batch(self) -> int:
        """How many requests are taken at a time: one while a dispute may want our next move."""
        return 1 if self._defence is not None and self._defence.games else self._settings.max_batch

    def _defend(self, defence: Defence, head: Head) -> bool:
        """Make the moves that disputes ask for, and now and then collect what won ones have credited."""
        moved = defence.step(self._models or {}, head.timestamp)
        if self._collect.is_set():
            self._collect.clear()
            defence.collect()
        return moved

    def _refresh_models(self) -> None:
        """Work out which published models are served; what was skipped for want of one gets another look."""
        known = self._models or {}
        found = serve(self._files, self._programs, self._published(), disputed=self._defence is not None)
        later = [model_id for model_id in found if model_id not in known][_MOST_TRIED:] if self._settings.fast else []
        self._more_models = bool(later)
        served = {
            model_id: known.get(model_id) or begin(each, self._engines, fast=self._settings.fast)
            for model_id, each in found.items()
            if model_id not in later
        }
        if served != self._models:
            self._store.jobs.reconsider(ANSWER)
        self._models = served
        if self._defence is not None:
            self._backing.capacity = self._defence.capacity(served)

    def _published(self) -> list[Model]:
        digests = {file.digest for file in self._files}
        return [each.model for each in self._store.catalogue.all() if each.onnx_digest in digests]

    def _sweep(self) -> None:
        """Owe a job for every answer of ours whose window has ended, and look for answers left unfinished."""
        self._resume.set()
        self._collect.set()
        if not self._settings.settle or self._settings.dry_run:
            return
        now = self._sender.provider.block("latest").timestamp
        due = self._store.requests.settleable(now, operator=self._sender.address, unless_job=SETTLE)
        self._store.jobs.add_all(SETTLE, [(each.id, each.attempt) for each in due], now=self._clock())

    def _take(self, head: Head) -> list[tuple[Job, StoredRequest]]:
        """Claim new requests on our terms, up to a batch; what is refused is noted, logged and counted once."""
        waiting = self._store.requests.answerable(
            head.timestamp, self._sender.address, unless_job=ANSWER, limit=self._batch
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
        jobs = self._store.jobs.claim((ANSWER,), self._owner, self._batch, now=self._clock(), lease=LEASE_SECONDS)
        return [pair for job in jobs for pair in self._still_open(job, head)]

    def _refusal(self, stored: StoredRequest, head: Head) -> Refusal | None:
        served = (self._models or {}).get(stored.model_id)
        model = None if served is None else served.model
        found = refusal(
            stored.request,
            stored.input,
            model,
            deadline=stored.deadline,
            now=head.timestamp,
            terms=self._terms,
            defence_seconds=self._backing.defence_seconds(stored.model_id),
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
        taken, left = self._backing.affordable(due)
        for job, stored, why in left:
            self._put_back(job, stored, why)
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

    def _put_back(self, job: Job, stored: StoredRequest, why: Refusal) -> None:
        """Leave a job for the next sweep, behind the others; told and counted once."""
        self._store.jobs.finish(job, "open", why.words, now=self._clock())
        if job.reason is None:
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
