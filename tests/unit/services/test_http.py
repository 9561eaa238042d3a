"""The health state and the web application, called without a network."""

import json
from collections.abc import Coroutine
from typing import Any

import pytest
from starlette.applications import Starlette

from oracle.errors import ConfigError
from oracle.metrics import Metrics
from oracle.services import http
from oracle.services.http import HealthState, make_app, serve


def get(app: Starlette, path: str) -> tuple[int, bytes]:
    """Status and body of a GET, by driving the ASGI application by hand: it waits for nothing."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
    }
    finish(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def finish(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never has to wait."""
    with pytest.raises(StopIteration):
        coroutine.send(None)


def app_at(now: float, state: HealthState) -> Starlette:
    """The application of an operator whose clock stands at `now`."""
    return make_app("operator", state, Metrics(), clock=lambda: now)


def test_health_is_good_while_the_loop_goes_round_and_checks_pass() -> None:
    """A health check that cries wolf gets a working service restarted."""
    state = HealthState(progress_seconds=60, started=0)
    state.progress(100)
    state.report("rpc", ok=True)
    status, body = get(app_at(159, state), "/health")
    assert status == 200
    assert json.loads(body) == {"service": "operator", "ok": True, "problems": {}, "seconds_since_progress": 59.0}


def test_health_names_a_stuck_loop() -> None:
    """A process that is up and does nothing is the failure that plain liveness checks miss."""
    state = HealthState(progress_seconds=60, started=0)
    state.progress(100)
    status, body = get(app_at(161, state), "/health")
    assert status == 503
    assert "no round of the block loop for 61 s" in json.loads(body)["problems"]["progress"]


def test_a_service_that_never_gets_going_becomes_unhealthy() -> None:
    """Hanging before the first block must be found out like hanging after it."""
    state = HealthState(progress_seconds=60, started=0)
    assert state.snapshot(59).ok
    assert not state.snapshot(61).ok


def test_health_names_every_failed_check_until_it_passes_again() -> None:
    """Whoever is woken should read what is wrong, all of it, and nothing that is over."""
    state = HealthState(progress_seconds=60, started=0)
    state.report("rpc", ok=False, detail="no endpoint answers")
    state.report("lag", ok=False, detail="12 blocks behind, more than 8")
    assert state.snapshot(1).problems == {"rpc": "no endpoint answers", "lag": "12 blocks behind, more than 8"}
    state.report("rpc", ok=True)
    assert list(state.snapshot(1).problems) == ["lag"]


def test_metrics_are_served_in_the_text_format() -> None:
    """Prometheus reads this page; the service's own counts must be on it."""
    metrics = Metrics()
    metrics.reorgs.inc(3)
    app = make_app("keeper", HealthState(progress_seconds=1, started=0), metrics)
    status, body = get(app, "/metrics")
    assert status == 200
    assert b"assay_reorgs_total 3.0" in body


def test_the_root_says_what_is_where() -> None:
    """Who opens the port in a browser should find the way."""
    status, body = get(app_at(0, HealthState(progress_seconds=1, started=0)), "/")
    assert status == 200
    assert json.loads(body)["paths"] == ["/health", "/metrics"]


def test_without_a_port_nothing_is_served() -> None:
    """Serving is opt-in: the guard on sockets would fail this test."""
    with serve(app_at(0, HealthState(progress_seconds=1, started=0)), "127.0.0.1", None) as port:
        assert port is None


def test_a_port_that_is_taken_is_a_sentence_with_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The most common start-up mistake must say which port, and which setting changes it."""

    def taken(*_arguments: object, **_options: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(http.socket, "create_server", taken)
    app = app_at(0, HealthState(progress_seconds=1, started=0))
    with pytest.raises(ConfigError, match=r"Port 9100 .*Address already in use.*`http\.port`"), serve(app, "::", 9100):
        pass
