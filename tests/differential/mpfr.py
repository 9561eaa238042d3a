"""Correctly rounded float32 functions by MPFR: the side the contracts' functions are compared with.

MPFR rounds each of its functions correctly to 24 bits, and with `subnormalize` once, not twice, among the subnormals.
What it does not have is computed with 400 bits and then rounded.
"""

import struct
from collections.abc import Callable

import gmpy2
from gmpy2 import mpfr

from tests.differential import binary32 as f32

POW = 0x19
EXP, LOG, SIGMOID, SOFTPLUS, TANH, SINH, COSH, ASINH, ACOSH, ATANH = range(0x30, 0x3A)
SIN, COS, TAN, ASIN, ACOS, ATAN, ERF = range(0x3A, 0x41)

_FLOAT32 = gmpy2.context(precision=24, emin=-148, emax=128, subnormalize=True)
_WIDE = gmpy2.context(precision=400, emin=-(2**40), emax=2**40)


def _sigmoid(x: mpfr) -> mpfr:
    with _WIDE:
        y = 1 / (1 + gmpy2.exp(-x))
    return +y


def _softplus(x: mpfr) -> mpfr:
    with _WIDE:
        y = gmpy2.log1p(gmpy2.exp(x)) if x < 300 else mpfr(x)  # beyond, e^-x is less than 2^-400 of x
    return +y


_FUNCTIONS: dict[int, Callable[[mpfr], mpfr]] = {
    EXP: gmpy2.exp,
    LOG: gmpy2.log,
    SIGMOID: _sigmoid,
    SOFTPLUS: _softplus,
    TANH: gmpy2.tanh,
    SINH: gmpy2.sinh,
    COSH: gmpy2.cosh,
    ASINH: gmpy2.asinh,
    ACOSH: gmpy2.acosh,
    ATANH: gmpy2.atanh,
    SIN: gmpy2.sin,
    COS: gmpy2.cos,
    TAN: gmpy2.tan,
    ASIN: gmpy2.asin,
    ACOS: gmpy2.acos,
    ATAN: gmpy2.atan,
    ERF: gmpy2.erf,
}


def _float(bits: int) -> mpfr:
    return mpfr(struct.unpack(">f", bits.to_bytes(4, "big"))[0])


def compute(fn: int, x: int, y: int = 0) -> int:
    """Bits of `fn` of float32 bits, both normalised; `y` is read by POW alone."""
    with _FLOAT32:
        result = _float(x) ** _float(y) if fn == POW else _FUNCTIONS[fn](_float(x))
        if gmpy2.is_nan(result):
            return f32.NAN
        return f32.normalize(int.from_bytes(struct.pack(">f", float(result)), "big"))
