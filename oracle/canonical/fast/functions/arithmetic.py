"""Division, integer powers and PRELU: what NumPy defines otherwise than docs/canonical.md section 3."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def divide(a: Array, b: Array) -> Array:
    """Float: IEEE 754, with zero as +0. Integer: toward zero, by 0 gives 0, MIN / -1 wraps to MIN."""
    if a.dtype.kind == "f":
        return np.asarray(a / (b + np.float32(0)))
    divisor = np.where(b == 0, b.dtype.type(1), b)
    quotient = np.floor_divide(a, divisor)
    if a.dtype.kind == "i":
        quotient = quotient + ((quotient * divisor != a) & ((a < 0) != (b < 0))).astype(a.dtype)
    return np.where(b == 0, a.dtype.type(0), quotient)


def integer_power(x: Array, n: Array) -> Array:
    """x^n modulo 2^bits for n >= 0; for n < 0 the exact value toward zero."""
    x, n = np.broadcast_arrays(x, n)
    one = n.dtype.type(1)  # with a Python int, a single uint64 would become float64
    base, result, left = x.copy(), np.ones_like(x), np.maximum(n, n.dtype.type(0))
    while left.any():
        np.multiply(result, base, out=result, where=left & one != 0)
        base *= base
        left = left >> one
    if x.dtype.kind == "u":
        return result
    whole = np.where(x == 1, x, np.where(x == -1, np.where(n & 1 != 0, x, -x), np.zeros_like(x)))
    return np.where(n < 0, whole, result)


def prelu(x: Array, slope: Array) -> Array:
    """Choose x where x >= 0, else x * slope; NaN of NaN."""
    return np.where(x >= 0, x, x * slope)
