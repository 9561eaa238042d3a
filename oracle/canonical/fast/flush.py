"""Whether this thread computes as IEEE 754 says.

A thread can be told to flush subnormal numbers to zero or to round in another direction (MXCSR on x86-64, FPCR on
ARM), and libraries do so: the first onnxruntime session of a process, if made with `session.set_denormal_as_zero`,
leaves the setting behind on the thread that made it. Threads inherit it from the thread that starts them.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oracle.errors import ModelError

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Probe:
    """Factors and addends of one format, and the bytes that their products and sums have; none of it computed here."""

    name: str
    factors: tuple[Array, Array]
    products: bytes
    addends: tuple[Array, Array]
    sums: bytes


def _probe(name: str, bits: str, mantissa: int, one: int) -> _Probe:
    """`one` is the number 1 as bits, `mantissa` how many of them are below the exponent."""

    def numbers(*values: int) -> Array:
        return np.array(values, bits).view(name)

    sign = 1 << (8 * np.dtype(bits).itemsize - 1)
    half, least, normal = one - (1 << mantissa), 1, 1 << mantissa
    half_a_unit = one - ((mantissa + 1) << mantissa)  # 2^-(mantissa + 1)
    return _Probe(
        name,
        (numbers(normal, least), numbers(half, one)),
        numbers(normal >> 1, least).tobytes(),
        # A subnormal is kept; ties go to even: 1 and half a unit down, 1 and three halves up, also below 0.
        (numbers(least, one, one + 1, sign | one + 1), numbers(0, half_a_unit, half_a_unit, sign | half_a_unit)),
        numbers(least, one, one + 2, sign | one + 2).tobytes(),
    )


_PROBES: Final = (_probe("float32", "uint32", 23, 0x3F800000), _probe("float64", "uint64", 52, 0x3FF0000000000000))


def require_ieee_thread() -> None:
    """Raises `ModelError` if the calling thread flushes subnormals or does not round to nearest, ties to even.

    Takes some microseconds. Call it on every thread before it computes a canonical result.
    """
    for probe in _PROBES:
        if np.multiply(*probe.factors).tobytes() != probe.products:
            raise _refusal(f"flushes subnormal {probe.name} to zero")
        sums = np.add(*probe.addends).tobytes()
        size = len(sums) // 4
        if sums[:size] != probe.sums[:size]:
            raise _refusal(f"flushes subnormal {probe.name} to zero")
        if sums != probe.sums:
            raise _refusal(f"does not round {probe.name} to nearest, ties to even")


def _refusal(what: str) -> ModelError:
    return ModelError(
        f"This thread {what}, so it cannot compute canonical results.",
        hint="Make onnxruntime sessions without session.set_denormal_as_zero, or on threads of their own.",
    )
