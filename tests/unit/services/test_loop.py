"""The block loop: bad replies are waited out, bugs are not, and a stop is in order."""

import signal
from datetime import UTC, datetime
from threading import Event

import pytest
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent

from oracle.errors import ChainError, FundsError, RejectedError, StoreError
from oracle.metrics import Metrics
from oracle.services.http import HealthState
from oracle.services.loop import Periodic, _guarded, _scheduler, run, stop_on_signals
from oracle.settings import ScheduleSettings

MORE, IDLE = True, False


class Stop(Event):
    """An event whose waits take no time and are noted."""

    def __init__(self):
        super().__init__()
        self.waits = []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        return self.is_set()


class Script:
    """A service whose steps are written down: an error to raise, or whether there is more to do."""

    periodic = ()

    def __init__(self, stop, *steps):
        self.stop, self.steps, self.done = stop, list(steps), 0
        self.health = HealthState(progress_seconds=60, started=0)
        self.reported = []

    def step(self):
        self.reported.append(self.health.snapshot(0.0).problems.get("loop"))
        outcome = self.steps.pop(0)
        if not self.steps:
            self.stop.set()
        if isinstance(outcome, Exception):
            raise outcome
        self.done += 1
        return outcome


def drive(script, stop):
    """Run it to its end."""
    metrics = Metrics(jobs=["sweep"])
    run(script, metrics=metrics, health=script.health, schedule=ScheduleSettings(), poll_seconds=1.0, stop=stop)
    return metrics


@pytest.mark.parametrize("kind", [ChainError, FundsError, RejectedError, StoreError])
def test_a_bad_reply_is_reported_waited_out_and_tried_again(kind):
    """An endpoint that is away for an hour must not end the service."""
    stop = Stop()
    script = Script(stop, *[kind("the endpoint is away")] * 7, IDLE, IDLE)
    metrics = drive(script, stop)
    assert stop.waits == [1, 2, 4, 8, 16, 30, 30, 1, 1]
    assert script.reported == [None, *["the endpoint is away"] * 7, None]
    assert metrics.last_progress._value.get() > 0


def test_pauses_begin_anew_after_a_good_step():
    """A hiccup tomorrow must not wait as if it were today's outage."""
    stop = Stop()
    drive(Script(stop, ChainError("x"), ChainError("x"), IDLE, ChainError("x"), IDLE), stop)
    assert stop.waits == [1, 2, 1, 1, 1]


def test_anything_else_is_a_bug_and_ends_the_service():
    """Repeating a bug for ever hides it, and may cost gas each time."""
    stop = Stop()
    with pytest.raises(ZeroDivisionError):
        drive(Script(stop, IDLE, ZeroDivisionError("a bug"), IDLE), stop)


def test_what_has_more_to_do_does_not_wait():
    """A backlog is worked off at full speed."""
    stop = Stop()
    script = Script(stop, MORE, MORE, MORE, IDLE)
    drive(script, stop)
    assert stop.waits == [1]
    assert script.done == 4


def test_a_stop_lets_the_step_under_way_finish_and_begins_no_other():
    """A step cut in half could leave an answer signed and not sent."""
    stop = Stop()
    script = Script(stop, MORE)
    drive(script, stop)
    assert script.done == 1
    already = Script(stop, MORE)
    drive(already, stop)
    assert already.done == 0


@pytest.fixture
def interruptible():
    """SIGINT as on a terminal: shells start background processes with it ignored."""
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, inherited)


@pytest.mark.usefixtures("interruptible")
def test_a_first_signal_asks_to_stop_and_a_second_ends_the_process():
    """Ctrl-C is heard once, and always works the second time."""
    before = signal.getsignal(signal.SIGINT)
    with stop_on_signals() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_periodic_work_that_fails_is_counted_and_bugs_are_not_swallowed():
    """The balance check fails with its endpoint; the sweep beside it goes on."""
    metrics = Metrics(jobs=["sweep"])

    def fail(error):
        def work():
            raise error

        return _guarded(Periodic("sweep", 1.0, work), metrics)

    fail(ChainError("away"))()
    assert metrics.scheduler_errors.labels("sweep")._value.get() == 1
    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError())()


def test_missed_and_crashed_runs_are_counted_by_name():
    """A machine too slow for its schedule shows in the metrics, not in silence."""
    metrics = Metrics(jobs=["sweep"])

    class Swept(Script):
        periodic = (Periodic("sweep", 5.0, lambda: None),)

    scheduler = _scheduler(Swept(Stop()), metrics, ScheduleSettings())
    now = datetime.now(UTC)
    scheduler._dispatch_event(JobExecutionEvent(EVENT_JOB_MISSED, "sweep", "default", now))
    scheduler._dispatch_event(JobExecutionEvent(EVENT_JOB_ERROR, "sweep", "default", now, exception=ValueError()))
    assert metrics.scheduler_missed.labels("sweep")._value.get() == 1
    assert metrics.scheduler_errors.labels("sweep")._value.get() == 1


def test_periodic_work_runs_beside_the_loop_until_it_stops():
    """A loop that waits for a slow endpoint must not keep the sweep from running."""
    stop, swept = Event(), Event()

    class Waiting(Script):
        periodic = (Periodic("sweep", 0.01, swept.set),)

        def step(self):
            assert swept.wait(10)
            stop.set()
            return False

    drive(Waiting(stop), stop)
    swept.clear()
    assert not swept.wait(0.05)
