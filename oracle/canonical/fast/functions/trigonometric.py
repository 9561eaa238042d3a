"""Kernels SIN, COS, TAN, for every float32. docs/canonical-functions.md has their errors."""

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.functions.rounding import Float64s, horner
from oracle.canonical.fast.functions.tables import MP, doubles, table

_STEPS = 1024  # nodes per turn
_SHIFTER = 1.5 * 2.0**52
_PER_RADIAN = 162.97466172610083  # 1024 / 2 pi
# 2 pi / 1024: its first 32 bits and the next 32, so that k times each is exact for |k| < 2^21, and the rest.
_STEP = float.fromhex("0x1.921fb544p-8")
_STEP_NEXT = float.fromhex("0x1.0b4611a6p-42")
_STEP_REST = float.fromhex("0x1.3198a2e037073p-77")
_SMALL = 8192.0  # below it |k| < 2^21
_RADIANS = 2.0**-64 * 6.283185307179586  # radians in 2^-64 turns


@table
def _sin_cos_nodes() -> tuple[Float64s, Float64s]:
    """The sine and cosine of 2 pi j / 1024."""
    sines = doubles(MP.sinpi(MP.mpf(j) / (_STEPS // 2)) for j in range(_STEPS))
    return sines, np.roll(sines, -_STEPS // 4)


@table
def _turns() -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    """2^(e - 150) / 2 pi modulo 1 for the exponent bits e of a float32: 64 bits, and twice 32 bits after them."""
    with MP.workprec(512):
        turn = int(MP.floor(MP.ldexp(1 / (2 * MP.pi), 400)))  # units of 2^-400
    parts = [(turn << e >> 422) % 2**128 for e in range(256)]
    high, middle, low = ([part >> shift & mask for part in parts] for shift, mask in _LIMBS)
    return np.array(high, np.uint64), np.array(middle, np.uint64), np.array(low, np.uint64)


_LIMBS = ((64, 2**64 - 1), (32, 2**32 - 1), (0, 2**32 - 1))


def _reduced(x: Float64s) -> tuple[Float64s, NDArray[np.int64]]:
    """(r, j): x = 2 pi j / 1024 + r modulo a turn, |r| <= pi / 1024 and a little; NaN of NaN and infinities."""
    k = x * _PER_RADIAN
    k += _SHIFTER
    number = k.view(np.int64) & (_STEPS - 1)
    k -= _SHIFTER
    r = x - k * _STEP
    r -= k * _STEP_NEXT
    k *= _STEP_REST
    r -= k
    size = np.abs(x)
    large = np.flatnonzero((size > _SMALL) & (size < np.inf))
    if large.size:
        r[large], number[large] = _reduced_large(x[large])
    return r, number


def _reduced_large(x: Float64s) -> tuple[Float64s, NDArray[np.int64]]:
    """The same for any finite normal float32, after Payne and Hanek: 24 bits times 128 bits of 1 / 2 pi, modulo 1."""
    bits = x.astype(np.float32).view(np.uint32).astype(np.uint64)
    exponent = (bits >> np.uint64(23)) & np.uint64(255)
    mantissa = (bits & np.uint64(0x7FFFFF)) | np.uint64(0x800000)
    high, middle, low = (limbs.take(exponent.astype(np.int64)) for limbs in _turns())
    below = mantissa * middle + (mantissa * low >> np.uint64(32))
    turns = mantissa * high + (below >> np.uint64(32)) + np.uint64(1 << 53)
    rest = (turns & np.uint64((1 << 54) - 1)).astype(np.int64) - (1 << 53)
    r = rest + (below & np.uint64(0xFFFFFFFF)) * 2.0**-32
    r *= _RADIANS
    number = (turns >> np.uint64(54)).astype(np.int64)
    negative = x < 0
    return np.where(negative, -r, r), np.where(negative, -number, number) & (_STEPS - 1)


def sin(x: Float64s) -> Float64s:
    """S + (C sin r - S (1 - cos r)) with S, C the sine and cosine of the nearest node."""
    sine, cosine, sine_r, versine_r = _parts(*_reduced(x))
    return _sin(sine, cosine, sine_r, versine_r)


def cos(x: Float64s) -> Float64s:
    """C - (S sin r + C (1 - cos r))."""
    sine, cosine, sine_r, versine_r = _parts(*_reduced(x))
    return _cos(sine, cosine, sine_r, versine_r)


def tan(x: Float64s) -> Float64s:
    """By sin x / cos x."""
    sine, cosine, sine_r, versine_r = _parts(*_reduced(x))
    result = _sin(sine, cosine, sine_r, versine_r)
    result /= _cos(sine, cosine, sine_r, versine_r)
    return result


def _parts(r: Float64s, number: NDArray[np.int64]) -> tuple[Float64s, Float64s, Float64s, Float64s]:
    """The sine and cosine of the node, sin r, and 1 - cos r."""
    sines, cosines = _sin_cos_nodes()
    s = r * r
    sine_r = horner(s, -1 / 6, 1 / 120)
    sine_r *= s
    sine_r *= r
    sine_r += r
    versine_r = horner(s, 1 / 2, -1 / 24)
    versine_r *= s
    return sines.take(number, mode="wrap"), cosines.take(number, mode="wrap"), sine_r, versine_r


def _sin(sine: Float64s, cosine: Float64s, sine_r: Float64s, versine_r: Float64s) -> Float64s:
    change = cosine * sine_r
    change -= sine * versine_r
    change += sine
    return change


def _cos(sine: Float64s, cosine: Float64s, sine_r: Float64s, versine_r: Float64s) -> Float64s:
    change = sine * sine_r
    change += cosine * versine_r
    return np.subtract(cosine, change, out=change)
