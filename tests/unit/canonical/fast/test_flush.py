"""Threads that do not compute as IEEE 754 says are found out."""

import ctypes
import platform
import sys
import threading
from collections.abc import Callable

import pytest

from oracle.canonical.fast.flush import require_ieee_thread
from oracle.errors import ModelError

_LIBM = ctypes.CDLL(None)
_X86_64 = platform.machine() == "x86_64" and sys.platform == "linux"
pytestmark = pytest.mark.skipif(not _X86_64, reason="the layout of fenv_t is glibc's on x86-64")
_MXCSR = 28  # its offset in fenv_t


def on_thread(change: Callable[[int], int]) -> str:
    """What `require_ieee_thread` says on a thread of its own whose MXCSR was changed; empty if nothing."""
    said = []

    def run() -> None:
        environment = (ctypes.c_uint8 * 32)()
        _LIBM.fegetenv(environment)
        mxcsr = ctypes.c_uint32.from_buffer(environment, _MXCSR)
        mxcsr.value = change(mxcsr.value)
        _LIBM.fesetenv(environment)
        try:
            require_ieee_thread()
        except ModelError as error:
            said.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return "".join(said)


def test_a_thread_as_the_system_makes_it_is_accepted() -> None:
    """Every run begins with this check."""
    require_ieee_thread()
    assert on_thread(lambda mxcsr: mxcsr) == ""


@pytest.mark.parametrize("bit", [15, 6], ids=["results", "operands"])
def test_a_thread_that_flushes_subnormals_is_refused(bit: int) -> None:
    """An onnxruntime session made with session.set_denormal_as_zero sets both bits; each alone changes results."""
    assert "flushes subnormal" in on_thread(lambda mxcsr: mxcsr | 1 << bit)


@pytest.mark.parametrize("direction", [1, 2, 3], ids=["down", "up", "toward zero"])
def test_a_thread_that_rounds_in_another_direction_is_refused(direction: int) -> None:
    """Then no operation is correctly rounded any more."""
    assert "does not round" in on_thread(lambda mxcsr: mxcsr & ~0x6000 | direction << 13)
