"""Dot products of rows that hold NaN or infinities, by counting (docs/canonical.md section 3, DOT)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.exact import F32, F64

Array = NDArray[Any]


def special_block(a: F64, b: F64, bias: F64 | None) -> F32:
    """NaN, +inf or -inf for the dot products of `a` (…, m, K) and `b` (…, n, K) plus `bias` that are one; else 0.

    Counts, in float32 (they stay below 2^24): the infinite products, their signed sum, and the invalid products.
    """
    (sign_a, inf_a, nan_a), (sign_b, inf_b, nan_b) = _parts(a), _parts(b)
    finite_a = sign_a - inf_a
    left = np.concatenate([inf_a, finite_a], axis=-1)
    right = np.concatenate([sign_b, inf_b], axis=-1)
    signed = _product(left, right)
    infinite = _product(np.abs(left), np.abs(right))
    zero_a, zero_b = _zeros(sign_a, nan_a), _zeros(sign_b, nan_b)
    invalid = _product(
        np.concatenate([np.abs(inf_a), zero_a], axis=-1), np.concatenate([zero_b, np.abs(inf_b)], axis=-1)
    )
    bad = (invalid > 0) | nan_a.any(axis=-1)[..., :, None] | nan_b.any(axis=-1)[..., None, :]
    up, down = infinite + signed > 0, infinite - signed > 0
    if bias is not None:
        bad, up, down = bad | np.isnan(bias), up | (bias == np.inf), down | (bias == -np.inf)
    result: F32 = np.where(up, np.float32(np.inf), np.where(down, np.float32(-np.inf), np.float32(0)))
    result[bad | (up & down)] = np.nan
    return result


def _parts(rows: F64) -> tuple[F32, F32, NDArray[np.bool_]]:
    """Signs (0 of NaN), the signs of the infinities alone, and what is NaN."""
    nan = np.isnan(rows)
    sign = np.where(nan, 0.0, np.sign(rows)).astype(np.float32)
    return sign, np.where(np.isinf(rows), sign, np.float32(0)), nan


def _zeros(sign: F32, nan: NDArray[np.bool_]) -> F32:
    return np.asarray((sign == 0) & ~nan, np.float32)


def _product(left: F32, right: F32) -> F32:
    return np.asarray(np.matmul(left, right.swapaxes(-1, -2)))
