"""Raw bits where arithmetic is hard, by the million: what bulk tests feed to functions and folds.

Floats are specials and their neighbours, subnormals, short significands (whose products and sums are often exactly
between two float32), the largest, and ordinary ones. Columns hold a few numbers, their negatives, neighbours and small
parts, so that sums cancel, and one sum has exponents from one end of the format to the other.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.program.node import Fn
from oracle.canonical.tensor import DType
from tests.unit.canonical.strategies import SPECIAL_FLOATS

Bits = NDArray[Any]
Rng = np.random.Generator

_SIGN = 0x80000000
_SPECIALS = np.array(SPECIAL_FLOATS, np.uint32)
_EXPONENTS = np.array([0.5, 1.5, 2, 3, -1, -2, -0.5, 0.25, 5, 7, 24, -3, 1 / 3, 0, 1, 127], np.float32).view(np.uint32)


def float_bits(rng: Rng, count: int) -> Bits:
    """`count` float32: raw, -0 and NaNs of any payload among them."""
    sign = rng.integers(0, 2, count, dtype=np.uint32) << np.uint32(31)
    mantissa = rng.integers(0, 1 << 23, count, dtype=np.uint32)
    special = rng.choice(_SPECIALS, count)

    def exponents(low: int, high: int) -> Bits:
        return rng.integers(low, high, count, dtype=np.uint32) << np.uint32(23)

    short = mantissa & ~((np.uint32(1) << rng.integers(10, 24, count, dtype=np.uint32)) - np.uint32(1))
    choices = [
        special,
        special + rng.integers(0, 4, count, dtype=np.uint32),
        mantissa >> rng.integers(0, 23, count, dtype=np.uint32),
        exponents(0, 255) | short,
        exponents(110, 144) | short,
        exponents(250, 255) | mantissa,
        exponents(0, 256) | mantissa,
        exponents(125, 192) | mantissa,
        exponents(110, 144) | mantissa,
        exponents(118, 132) | mantissa,
    ]
    return np.asarray(np.choose(rng.integers(0, len(choices), count), choices) | sign, np.uint32)


def integer_bits(rng: Rng, dtype: DType, count: int) -> Bits:
    """`count` integers: ends, small ones, any, and those of 25 significant bits, halfway between two float32."""
    width = 8 * dtype.size
    end = 1 << width
    ends = np.array([0, 1, 2, 3, end - 1, end - 2, end // 2 - 1, end // 2, end // 2 + 1], np.uint64)
    halfway = (rng.integers(1 << 24, 1 << 25, count, dtype=np.uint64) | np.uint64(1)) << rng.integers(
        0, 40, count, dtype=np.uint64
    )
    choices = [
        rng.choice(ends, count),
        rng.integers(0, 20, count, dtype=np.uint64),
        rng.integers(0, 1 << 64, count, dtype=np.uint64),
        rng.integers(0, 1 << 64, count, dtype=np.uint64) >> rng.integers(0, 64, count, dtype=np.uint64),
        halfway + rng.integers(0, 2, count, dtype=np.uint64),
    ]
    chosen = np.choose(rng.integers(0, len(choices), count), choices) & np.uint64(end - 1)
    return chosen.astype(f"u{dtype.size}")


def any_bits(rng: Rng, dtype: DType, count: int) -> Bits:
    """`count` elements of `dtype`, raw; a bool is mostly 0 or 1, and any byte."""
    if dtype is DType.FLOAT:
        return float_bits(rng, count)
    if dtype is DType.BOOL:
        return np.where(rng.random(count) < 0.1, rng.integers(0, 256, count), rng.integers(0, 2, count)).astype("u1")
    return integer_bits(rng, dtype, count)


def column(rng: Rng, dtype: DType, count: int) -> Bits:
    """What a fold runs over. Most columns of floats are finite: a NaN would hide all the rest."""
    if dtype is not DType.FLOAT:
        return any_bits(rng, dtype, count)
    pool = float_bits(rng, int(rng.integers(1, 5)))
    bits = _related(rng, rng.choice(pool, count))
    bits = np.where(rng.random(count) < rng.choice([0, 0.2, 1]), float_bits(rng, count), bits)
    return bits if rng.random() < 0.15 else finite(bits)


def finite(bits: Bits) -> Bits:
    """The same, with the largest exponent for infinities and NaN."""
    return np.where(bits >> np.uint32(23) & np.uint32(255) == 255, bits & ~np.uint32(1 << 23), bits).astype(np.uint32)


def second(rng: Rng, fn: int, dtype: DType, first: Bits) -> Bits:
    """A second operand beside `first`: half of them related to it, the exponents of powers often small."""
    other = any_bits(rng, dtype, first.size)
    if fn == Fn.POW:
        known = _EXPONENTS if dtype is DType.FLOAT else np.arange(10).astype(first.dtype)
        close = rng.choice(known, first.size)
    else:
        close = _related(rng, first) if dtype is DType.FLOAT else first
    return np.where(rng.random(first.size) < 0.5, close, other).astype(first.dtype)


def _related(rng: Rng, bits: Bits) -> Bits:
    """Negatives, neighbours, and parts so small that they come to stand on midpoints or just off them."""
    halvings = rng.choice(np.array([0, 0, 0, 1, 23, 24, 25, 48, 80], np.uint32), bits.size)
    exponent = bits >> np.uint32(23) & np.uint32(255)
    parts = np.where((halvings < exponent) & (exponent < 255), bits - (halvings << np.uint32(23)), bits)
    steps = rng.choice(np.array([0, 0, 0, 1, 2**32 - 1], np.uint32), bits.size)
    return (parts ^ rng.choice(np.array([0, _SIGN], np.uint32), bits.size)) + steps
