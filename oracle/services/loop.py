"""The block loop and the schedule around a service: start, step, survive bad replies, stop in order.

One bad reply never ends the process: errors of the chain or the store are reported, waited out and tried again.
Anything else is a bug and ends it, with its trace, rather than being repeated for ever.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, current_thread, main_thread
from types import FrameType
from typing import Protocol

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from oracle.errors import ChainError, FundsError, RejectedError, StoreError
from oracle.metrics import Metrics
from oracle.services.http import HealthState
from oracle.settings import ScheduleSettings

_log = structlog.get_logger(__name__)

_RECOVERABLE = (ChainError, FundsError, RejectedError, StoreError)
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Periodic:
    """Work that is done every `seconds`, beside the block loop, in a thread of the scheduler."""

    name: str
    seconds: float
    run: Callable[[], None]


class Service(Protocol):
    """What the loop drives."""

    @property
    def periodic(self) -> tuple[Periodic, ...]:
        """Its periodic work."""

    def step(self) -> bool:
        """Take in what the chain has done and act on it once; whether there may be more to do at once."""


def run(
    service: Service,
    *,
    metrics: Metrics,
    health: HealthState,
    schedule: ScheduleSettings,
    poll_seconds: float,
    stop: Event,
) -> None:
    """Drive a service until `stop` is set. The step that is under way is finished, nothing else is begun."""
    scheduler = _scheduler(service, metrics, schedule)
    scheduler.start()
    pause = poll_seconds
    try:
        while not stop.is_set():
            try:
                more = service.step()
            except _RECOVERABLE as error:
                _log.warning("step_failed", error=str(error), retry_in_seconds=round(pause, 1))
                health.report("loop", ok=False, detail=str(error))
                stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            now = time.time()
            health.report("loop", ok=True, detail="")
            health.progress(now)
            metrics.last_progress.set(now)
            pause = poll_seconds
            if not more:
                stop.wait(poll_seconds)
    finally:
        scheduler.shutdown(wait=True)


@contextmanager
def stop_on_signals() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set; a second signal ends the process the ordinary way."""
    stop = Event()
    if current_thread() is not main_thread():
        yield stop
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(number: int, _frame: FrameType | None) -> None:
        _log.info("stopping", signal=signal.Signals(number).name)
        stop.set()
        for each, handler in previous.items():
            signal.signal(each, handler)

    for number in previous:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _scheduler(service: Service, metrics: Metrics, schedule: ScheduleSettings) -> BackgroundScheduler:
    """One thread, one run of each job at a time; runs missed meanwhile become one, and are counted."""
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={
            "coalesce": True,
            "max_instances": 1,
            "misfire_grace_time": schedule.misfire_grace_seconds,
        },
        timezone="UTC",
    )
    for periodic in service.periodic:
        scheduler.add_job(
            _guarded(periodic, metrics), "interval", seconds=periodic.seconds, id=periodic.name, name=periodic.name
        )

    def on_event(event: JobExecutionEvent) -> None:
        if event.code == EVENT_JOB_MISSED:
            metrics.scheduler_missed.labels(event.job_id).inc()
            _log.warning("periodic_work_missed", job=event.job_id)
        else:
            metrics.scheduler_errors.labels(event.job_id).inc()
            _log.error("periodic_work_crashed", job=event.job_id, error=repr(event.exception))

    scheduler.add_listener(on_event, EVENT_JOB_MISSED | EVENT_JOB_ERROR)
    return scheduler


def _guarded(periodic: Periodic, metrics: Metrics) -> Callable[[], None]:
    def work() -> None:
        try:
            periodic.run()
        except _RECOVERABLE as error:
            metrics.scheduler_errors.labels(periodic.name).inc()
            _log.warning("periodic_work_failed", job=periodic.name, error=str(error))

    return work
