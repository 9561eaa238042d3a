"""`/health`, which tells the truth, and `/metrics`, for operators' monitoring.

A reply reads memory only: services report what they find to a `HealthState`, and nothing here asks the chain.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from oracle.errors import ConfigError
from oracle.metrics import Metrics

_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """How a service is: what is wrong by the name of its check, and the seconds since its loop last went round."""

    problems: dict[str, str]
    seconds_since_progress: float

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


class HealthState:
    """What a service's threads know of its health. Times are Unix seconds, passed in.

    `progress_seconds` is how long the block loop may take to go round before the service counts as stuck; that
    time also runs from `started`, so that a service which never gets going is found out.
    """

    def __init__(self, *, progress_seconds: float, started: float) -> None:
        self._progress_seconds = progress_seconds
        self._last_progress = started
        self._problems: dict[str, str] = {}
        self._lock = threading.Lock()

    def progress(self, now: float) -> None:
        """The block loop went round: it has processed all there was, if only to find nothing new."""
        with self._lock:
            self._last_progress = now

    def report(self, check: str, ok: bool, detail: str = "") -> None:
        """The newest verdict of a check, such as `rpc` or `lag`; `detail` says what is wrong."""
        with self._lock:
            if ok:
                self._problems.pop(check, None)
            else:
                self._problems[check] = detail

    def snapshot(self, now: float) -> Health:
        """Health at `now`."""
        with self._lock:
            problems, idle = dict(self._problems), now - self._last_progress
        if idle > self._progress_seconds:
            problems["progress"] = (
                f"no round of the block loop for {idle:.0f} s, more than {self._progress_seconds:.0f} s"
            )
        return Health(problems, idle)


def make_app(name: str, health: HealthState, metrics: Metrics, clock: Callable[[], float] = time) -> Starlette:
    """The web application of the service called `name`."""

    async def index(_request: Request) -> Response:
        return JSONResponse({"service": name, "paths": ["/health", "/metrics"]})

    async def show_health(_request: Request) -> Response:
        state = health.snapshot(clock())
        body = {
            "service": name,
            "ok": state.ok,
            "problems": state.problems,
            "seconds_since_progress": round(state.seconds_since_progress, 1),
        }
        return JSONResponse(body, status_code=200 if state.ok else 503)

    async def show_metrics(_request: Request) -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Starlette(routes=[Route("/", index), Route("/health", show_health), Route("/metrics", show_metrics)])


@contextmanager
def serve(app: Starlette, host: str, port: int | None) -> Iterator[int | None]:
    """Serve `app` from a thread for the length of a `with` block; yields the port, None where `port` is None.

    Port 0 takes a free one. Raises `ConfigError` where the port cannot be had.
    """
    if port is None:
        yield None
        return
    with _listen(host, port) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
        thread.start()
        try:
            bound: int = listener.getsockname()[1]
            yield bound
        finally:
            server.should_exit = True
            thread.join(_STOP_SECONDS)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError(
            f"Port {port} on {host} cannot be had for /health and /metrics: {error.strerror}.",
            hint="Name another one with --http-port, `http.port` or ASSAY_HTTP__PORT.",
        ) from None
