"""The guards that keep unit tests free of sockets and processes."""

import os
import socket
import subprocess
import sys

import pytest
from pytest_socket import SocketBlockedError


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_a_unit_test_that_opens_a_socket_fails() -> None:
    """A unit test that reaches a network passes or fails for reasons outside the code."""
    with pytest.raises(SocketBlockedError):
        socket.socket()


@pytest.mark.parametrize(
    "start",
    [
        lambda: subprocess.run([sys.executable, "-c", ""], check=True),
        lambda: os.system("true"),  # noqa: S605
        os.fork,
        lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ),
    ],
    ids=["subprocess", "system", "fork", "posix_spawn"],
)
def test_a_unit_test_that_starts_a_process_fails(start: object) -> None:
    """Processes are what end-to-end tests are for; in unit tests they hide slowness and leak."""
    with pytest.raises(RuntimeError, match="may not start a process"):
        start()  # type: ignore[operator]
