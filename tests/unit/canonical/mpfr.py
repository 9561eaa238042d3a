"""float32 by GNU MPFR, which rounds correctly: a judge that shares no code with the project or with mpmath."""

import struct
from collections.abc import Callable, Iterable
from typing import Any

import gmpy2

from oracle.canonical.program.node import Fn

Mpfr = Any
FLOAT32 = gmpy2.context(precision=24, emin=-148, emax=128, subnormalize=True)
_WIDE = gmpy2.context(precision=1200, emin=-(2**20), emax=2**20)  # sums of products of float32 are exact in 600 bits


def to_mpfr(bits: int) -> Mpfr:
    """The number of a float32; -0 is read as +0."""
    value = struct.unpack(">f", struct.pack(">I", bits))[0]
    return _WIDE.plus(gmpy2.mpfr(0 if value == 0 else value, 53))


def to_bits(value: Mpfr) -> int:
    """The canonical bits of a number rounded by `FLOAT32`."""
    if gmpy2.is_nan(value):
        return 0x7FC00000
    return 0 if value == 0 else int(struct.unpack(">I", struct.pack(">f", float(value)))[0])


def rounded(value: Mpfr) -> int:
    """The canonical bits of a number of more precision."""
    return to_bits(FLOAT32.plus(value))


def sigmoid(x: Mpfr) -> Mpfr:
    """With 1200 bits, of which at most 80 matter."""
    return _WIDE.div(1, _WIDE.add(1, _WIDE.exp(-x)))


def softplus(x: Mpfr) -> Mpfr:
    """With 1200 bits."""
    return _WIDE.log1p(_WIDE.exp(x)) if x < 1000 else x


UNARY: dict[Fn, Callable[[Mpfr], Mpfr]] = {
    Fn.SQRT: FLOAT32.sqrt,
    Fn.RECIPROCAL: lambda x: FLOAT32.div(1, x),
    Fn.FLOOR: FLOAT32.rint_floor,
    Fn.CEIL: FLOAT32.rint_ceil,
    Fn.ROUND: FLOAT32.rint,
    Fn.EXP: FLOAT32.exp,
    Fn.LOG: FLOAT32.log,
    Fn.SIGMOID: lambda x: FLOAT32.plus(sigmoid(x)),
    Fn.SOFTPLUS: lambda x: FLOAT32.plus(softplus(x)),
    Fn.TANH: FLOAT32.tanh,
    Fn.SINH: FLOAT32.sinh,
    Fn.COSH: FLOAT32.cosh,
    Fn.ASINH: FLOAT32.asinh,
    Fn.ACOSH: FLOAT32.acosh,
    Fn.ATANH: FLOAT32.atanh,
    Fn.SIN: FLOAT32.sin,
    Fn.COS: FLOAT32.cos,
    Fn.TAN: FLOAT32.tan,
    Fn.ASIN: FLOAT32.asin,
    Fn.ACOS: FLOAT32.acos,
    Fn.ATAN: FLOAT32.atan,
    Fn.ERF: FLOAT32.erf,
    Fn.ABS: abs,
    Fn.NEG: FLOAT32.minus,
}
BINARY: dict[Fn, Callable[[Mpfr, Mpfr], Mpfr]] = {
    Fn.ADD: FLOAT32.add,
    Fn.SUB: FLOAT32.sub,
    Fn.MUL: FLOAT32.mul,
    Fn.DIV: FLOAT32.div,
    Fn.POW: FLOAT32.pow,
}


def unary(fn: Fn, x: int) -> int:
    """The canonical bits of a function of one float32."""
    return to_bits(UNARY[fn](to_mpfr(x)))


def binary(fn: Fn, x: int, y: int) -> int:
    """The canonical bits of a function of two."""
    return to_bits(BINARY[fn](to_mpfr(x), to_mpfr(y)))


def exact_sum(terms: Iterable[Mpfr]) -> Mpfr:
    """The sum, exact."""
    total = gmpy2.mpfr(0)
    for term in terms:
        total = _WIDE.add(total, term)
    return total


def exact_dot(a: Iterable[int], b: Iterable[int], addends: Iterable[int] = ()) -> Mpfr:
    """The dot product plus the addends, exact."""
    products = [_WIDE.mul(to_mpfr(x), to_mpfr(y)) for x, y in zip(a, b, strict=True)]
    return exact_sum([*products, *map(to_mpfr, addends)])
