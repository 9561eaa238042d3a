"""The health endpoint on a real socket."""

import socket

import httpx
import pytest

from oracle.errors import ConfigError
from oracle.metrics import Metrics
from oracle.services.http import HealthState, make_app, serve


def test_health_and_metrics_are_served_until_the_block_ends() -> None:
    """Monitoring has to reach a running service, and a stopped one must free its port."""
    app = make_app("operator", HealthState(progress_seconds=60, started=0), Metrics(), clock=lambda: 1.0)
    with serve(app, "127.0.0.1", 0) as port:
        assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
        assert "assay_head_block" in httpx.get(f"http://127.0.0.1:{port}/metrics").text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health")
    assert port is not None
    with serve(app, "127.0.0.1", port) as again:
        assert again == port


def test_a_taken_port_is_refused_with_its_number() -> None:
    """Two workers on one machine with one configuration is a common mistake."""
    app = make_app("operator", HealthState(progress_seconds=60, started=0), Metrics())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"Port {port} on 127.0.0.1"), serve(app, "127.0.0.1", port):
            pass
