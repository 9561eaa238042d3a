"""From a float64 kernel with a proven error to correctly rounded float32.

If a kernel's y is within a relative `ERROR` of the exact result, the exact result lies between y(1 - ERROR) and
y(1 + ERROR). Rounding is monotone: where both ends round to the same float32, so does the exact result (Ziv's test).
The others, about one element in 2^24, are decided exactly.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.functions.normal import normalized

Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]
Kernel = Callable[..., Float64s]
Exact = Callable[..., Float32s]

# 16 units of float64 rounding, of which the multiplications below take one. docs/canonical-functions.md proves 14 at
# most for every kernel.
ERROR = 2.0**-49
_BLOCK = 8192  # elements: a float64 temporary of 64 KiB stays in the second-level cache


def round_elements(kernel: Kernel, exact: Exact, *operands: NDArray[Any]) -> Float32s:
    """float32 results, normalised, of the operands' broadcast shape.

    `operands` are float32. `kernel` takes one float64 array per operand and yields float64 within `ERROR`, or the
    right zero, infinity or NaN; `exact` takes the undecided elements as float32 arrays and yields their results.
    """
    shape = np.broadcast_shapes(*(operand.shape for operand in operands))
    flat = [np.ascontiguousarray(np.broadcast_to(operand, shape)).reshape(-1) for operand in operands]
    result = np.empty(flat[0].size, np.float32)
    with np.errstate(all="ignore"):
        for start in range(0, result.size, _BLOCK):
            parts = [operand[start : start + _BLOCK] for operand in flat]
            low = result[start : start + _BLOCK]
            value = kernel(*(part.astype(np.float64) for part in parts))
            low[:] = value * (1.0 - ERROR)
            high = (value * (1.0 + ERROR)).astype(np.float32)
            undecided = np.flatnonzero(low.view(np.int32) != high.view(np.int32))
            if undecided.size:
                low[undecided] = exact(*(part[undecided] for part in parts))
    return normalized(result.reshape(shape))


def horner(x: Float64s, *coefficients: float) -> Float64s:
    """The polynomial in x with the given coefficients, constant term first; at least two."""
    result = x * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        result += coefficient
        result *= x
    result += coefficients[0]
    return result


def nearest_node(x: Float64s, bits: int) -> tuple[Float64s, NDArray[np.int64]]:
    """The multiple of 2^-bits nearest to x, exact for 0 <= x < 2^(16 - bits), and its number; NaN gives NaN.

    Adding 1.5 * 2^(52 - bits) leaves a number whose last place is 2^-bits.
    """
    shifter = 1.5 * 2.0 ** (52 - bits)
    shifted = x + shifter
    number = shifted.view(np.int64) & 0xFFFF
    shifted -= shifter
    return shifted, number
