"""Kernels EXP, SIGMOID, TANH, SINH, COSH. docs/canonical-functions.md has their errors."""

import itertools
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.functions.rounding import Float64s, horner, nearest_node
from oracle.canonical.fast.functions.tables import MP, doubles, table

_SHIFTER = 1.5 * 2.0**52
_STEPS = 4096  # table entries per octave
_PER_UNIT = 5909.278887481194  # 4096 / ln 2
# ln 2 / 4096: its first 32 bits, so that k times it is exact for |k| < 2^21, and the rest.
_LN2_STEP = float.fromhex("0x1.62e42ffp-13")
_LN2_STEP_REST = float.fromhex("-0x1.718432a1b0e26p-47")


def _geometric(step: Any, count: int) -> list[Any]:
    """Powers step^j for j below `count`: 160 bits, of which multiplying takes fewer than 14."""
    return list(itertools.accumulate(itertools.repeat(step, count - 1), initial=MP.mpf(1), func=operator.mul))


@table
def _powers() -> NDArray[np.int64]:
    """Bits of 2^(j/4096), less j * 2^40, so that adding k * 2^40 to entry k mod 4096 gives the bits of 2^(k/4096)."""
    return doubles(_geometric(MP.mpf(2) ** (MP.mpf(1) / _STEPS), _STEPS)).view(np.int64) - (
        np.arange(_STEPS, dtype=np.int64) << 40
    )


def exp(x: Float64s, tail: Float64s | None = None) -> Float64s:
    """e^(x + tail) for |tail| < 2^-15. Beyond +-110 x counts as +-110: there float32 has only 0 and infinity."""
    x = np.minimum(np.maximum(x, -110.0), 110.0)
    k = x * _PER_UNIT
    k += _SHIFTER
    bits = k.view(np.int64).copy()
    k -= _SHIFTER
    x -= k * _LN2_STEP
    if tail is not None:
        x += tail
    k *= _LN2_STEP_REST
    x -= k
    power = _powers().take(bits & (_STEPS - 1), mode="wrap")
    bits <<= 40
    power += bits
    base = power.view(np.float64)
    x *= horner(x, 1.0, 1 / 2, 1 / 6)
    x *= base
    x += base
    return x


def sigmoid(x: Float64s) -> Float64s:
    """1 / (1 + e^-x)."""
    result = exp(-x)
    result += 1.0
    return np.divide(1.0, result, out=result)


_TANH_BITS = 8
_TANH_END = 9.5  # from 9.02 on the result rounds to 1


@table
def _tanh_nodes() -> Float64s:
    """The tanh of j / 256 up to 9.5."""
    return doubles(MP.tanh(MP.mpf(j) / 2**_TANH_BITS) for j in range(int(_TANH_END * 2**_TANH_BITS) + 1))


def tanh(x: Float64s) -> Float64s:
    """By the addition theorem: (T + t) / (1 + T t), T and t the tanh of the nearest node and of the rest, d."""
    size = np.minimum(np.abs(x), _TANH_END)
    node, number = nearest_node(size, _TANH_BITS)
    d = size - node
    s = d * d
    t = horner(s, -1 / 3, 2 / 15)
    t *= s
    t *= d
    t += d
    base = _tanh_nodes().take(number, mode="clip")
    denominator = base * t
    denominator += 1.0
    t += base
    t /= denominator
    return np.copysign(t, x)


_SINH_BITS = 6
_SINH_END = 90.0  # from 89.5 on the result rounds to infinity


@table
def _sinh_cosh_nodes() -> tuple[Float64s, Float64s]:
    """The values of sinh and cosh at j / 64 up to 90."""
    step, count = MP.exp(MP.mpf(2) ** -_SINH_BITS), int(_SINH_END * 2**_SINH_BITS) + 1
    pairs = list(zip(_geometric(step, count), _geometric(1 / step, count), strict=True))
    return doubles((up - down) / 2 for up, down in pairs), doubles((up + down) / 2 for up, down in pairs)


def sinh(x: Float64s) -> Float64s:
    """By the addition theorem: S + (S (cosh d - 1) + C sinh d)."""
    sines, cosines = _sinh_cosh_nodes()
    return np.copysign(_added(np.abs(x), sines, cosines), x)


def cosh(x: Float64s) -> Float64s:
    """By the addition theorem: C + (C (cosh d - 1) + S sinh d)."""
    sines, cosines = _sinh_cosh_nodes()
    return _added(np.abs(x), cosines, sines)


def _added(size: Float64s, same: Float64s, other: Float64s) -> Float64s:
    size = np.minimum(size, _SINH_END)
    node, number = nearest_node(size, _SINH_BITS)
    d = size - node
    s = d * d
    base = same.take(number, mode="clip")
    change = horner(s, 1 / 2, 1 / 24, 1 / 720)
    change *= s
    change *= base
    slope = horner(s, 1 / 6, 1 / 120, 1 / 5040)
    slope *= s
    slope *= d
    slope += d
    slope *= other.take(number, mode="clip")
    change += slope
    change += base
    return change
