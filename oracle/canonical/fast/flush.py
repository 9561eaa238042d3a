"""Whether this thread computes as IEEE 754 says.

A thread can be told to flush subnormal numbers to zero or to round in another direction (MXCSR on x86-64, FPCR on
ARM), and libraries do so: the first onnxruntime session of a process, if made with `session.set_denormal_as_zero`,
leaves the setting behind on the thread that made it. Threads inherit it from the thread that starts them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.errors import ModelError


def require_ieee_thread() -> None:
    """Raises `ModelError` if the calling thread flushes subnormals or does not round to nearest, ties to even.

    Takes some 25 microseconds. Call it on every thread before it computes a canonical result.
    """
    for name in ("float32", "float64"):
        info = np.finfo(name)
        zero, one, half = (np.array([value], name) for value in (0.0, 1.0, 0.5))
        tiny, subnormal = np.array([info.tiny]), np.array([info.smallest_subnormal])
        if not (_not_zero(tiny * half) and _not_zero(subnormal + zero) and _not_zero(subnormal * one)):
            raise _refusal(f"flushes subnormal {name} to zero")
        step = np.array([info.eps])
        up = one + step + step * half  # a tie between odd and even
        if not (one + step * half == one and up == one + step + step and -up == -one - step - step * half):
            raise _refusal(f"does not round {name} to nearest, ties to even")


def _not_zero(value: NDArray[Any]) -> bool:
    """Whether any bit is set: a comparison of numbers could flush, too."""
    return any(value.tobytes())


def _refusal(what: str) -> ModelError:
    return ModelError(
        f"This thread {what}, so it cannot compute canonical results.",
        hint="Make onnxruntime sessions without session.set_denormal_as_zero, or on threads of their own.",
    )
