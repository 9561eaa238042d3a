"""Unit tests open no socket and start no process: enforced here."""

import sys
from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket

_PROCESS_EVENTS = {"os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"}
_QUESTIONS = {"file", "lscpu", "sysctl", "uname"}  # libraries ask the machine what it is when first imported
_guarded: list[str] = []


class ProcessBlockedError(RuntimeError):
    """A unit test, or what it tests, tried to start a process."""


def _refuse_processes(event: str, arguments: tuple[object, ...]) -> None:
    if _guarded and event in _PROCESS_EVENTS and not (arguments and arguments[0] in _QUESTIONS):
        raise ProcessBlockedError(f"{_guarded[-1]} may not start a process ({event}): it is a unit test.")


sys.addaudithook(_refuse_processes)  # sees every way to start one, and cannot be taken off: hence the list


@pytest.fixture(autouse=True)
def _no_sockets_no_processes(request: pytest.FixtureRequest) -> Iterator[None]:
    disable_socket()
    _guarded.append(request.node.nodeid)
    yield
    _guarded.pop()
    enable_socket()
