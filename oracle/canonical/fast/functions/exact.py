"""Elementary functions of single elements, correctly rounded: for those a kernel leaves undecided.

mpmath's value is taken with 160 bits, then twice as many until both ends of its error interval round alike. This ends
because no function here has a result midway between two float32 that is reached this way (docs/canonical-functions.md).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.functions.rounding import Exact
from oracle.canonical.fast.functions.tables import MP, MP_LOCK
from oracle.canonical.program.node import Fn

_START = 160  # bits
_SLACK = 40  # bits at the end of an mpmath value that are not relied on
_FUNCTIONS: dict[Fn, Callable[..., Any]] = {
    Fn.EXP: MP.exp,
    Fn.LOG: MP.log,
    Fn.SIGMOID: lambda x: 1 / (1 + MP.exp(-x)),
    Fn.SOFTPLUS: lambda x: MP.log1p(MP.exp(x)),
    Fn.TANH: MP.tanh,
    Fn.SINH: MP.sinh,
    Fn.COSH: MP.cosh,
    Fn.ASINH: MP.asinh,
    Fn.ACOSH: MP.acosh,
    Fn.ATANH: MP.atanh,
    Fn.SIN: MP.sin,
    Fn.COS: MP.cos,
    Fn.TAN: MP.tan,
    Fn.ASIN: MP.asin,
    Fn.ACOS: MP.acos,
    Fn.ATAN: MP.atan,
    Fn.ERF: MP.erf,
    Fn.POW: MP.power,
}


def exactly(fn: Fn) -> Exact:
    """`fn` as a function of float32 arrays of equal size: finite, with a finite result that is not 0 or a midpoint."""
    function = _FUNCTIONS[fn]

    def compute(*operands: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = zip(*(operand.tolist() for operand in operands), strict=True)
        return np.array([_nearest(function, row) for row in rows], np.float64).astype(np.float32)

    return compute


def _nearest(function: Callable[..., Any], operands: tuple[float, ...]) -> float:
    """The float32 nearest to `function(*operands)`."""
    bits = _START
    while True:
        with MP_LOCK, MP.workprec(bits):
            sign, mantissa, exponent, size = function(*(MP.mpf(operand) for operand in operands))._mpf_
        mantissa, exponent = int(mantissa) << (bits - size), exponent - (bits - size)
        margin = 1 << _SLACK
        low, high = (round_float32(mantissa + error, exponent) for error in (-margin, margin))
        if low == high:
            return -low if sign else low
        bits *= 2


def round_float32(mantissa: int, exponent: int) -> float:
    """Round mantissa * 2^exponent, mantissa > 0, to float32: to nearest, ties to even."""
    last = max(mantissa.bit_length() + exponent - 24, -149)
    shift = last - exponent
    if shift > 0:
        kept, half = mantissa >> shift, 1 << (shift - 1)
        rest = mantissa - (kept << shift)
        mantissa = kept + (rest > half or (rest == half and kept & 1))
    else:
        mantissa <<= -shift
    return math.ldexp(mantissa, last) if mantissa.bit_length() + last <= 128 else math.inf
