"""EXP to ERF, correctly rounded: docs/canonical.md section 3.

Infinities, arguments outside the domain and poles come first, from the tables below. At every other argument mpmath
gives the result, and `decide` rounds it.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from mpmath import libmp

from oracle.canonical.program.node import Fn
from oracle.canonical.reference.formats import INFINITY, NAN, SIGN, Number, round_float32
from oracle.errors import ProgramError

Mpf = Any
"""mpmath's raw number: sign, mantissa, exponent, bits."""

_FIRST_PRECISION = 160
_LAST_PRECISION = 1 << 16
_GUARD = 32
_BEYOND = 300  # 2^±300 and all further out round as infinity and as 0
_ONE = 0x3F800000
_HALF_PI = 0x3FC90FDB
_NEGATIVE = SIGN

_AT_INFINITIES: dict[Fn, tuple[int, int]] = {  # at -inf, at +inf
    Fn.EXP: (0, INFINITY),
    Fn.LOG: (NAN, INFINITY),
    Fn.SIGMOID: (0, _ONE),
    Fn.SOFTPLUS: (0, INFINITY),
    Fn.TANH: (_NEGATIVE | _ONE, _ONE),
    Fn.SINH: (_NEGATIVE | INFINITY, INFINITY),
    Fn.COSH: (INFINITY, INFINITY),
    Fn.ASINH: (_NEGATIVE | INFINITY, INFINITY),
    Fn.ACOSH: (NAN, INFINITY),
    Fn.ATANH: (NAN, NAN),
    Fn.SIN: (NAN, NAN),
    Fn.COS: (NAN, NAN),
    Fn.TAN: (NAN, NAN),
    Fn.ASIN: (NAN, NAN),
    Fn.ACOS: (NAN, NAN),
    Fn.ATAN: (_NEGATIVE | _HALF_PI, _HALF_PI),
    Fn.ERF: (_NEGATIVE | _ONE, _ONE),
}
_DOMAINS: dict[Fn, tuple[Number, Number]] = {  # closed; elsewhere the result is NaN
    Fn.LOG: (0, math.inf),
    Fn.ACOSH: (1, math.inf),
    Fn.ATANH: (-1, 1),
    Fn.ASIN: (-1, 1),
    Fn.ACOS: (-1, 1),
}
_POLES: dict[tuple[Fn, Number], int] = {
    (Fn.LOG, 0): _NEGATIVE | INFINITY,
    (Fn.ATANH, -1): _NEGATIVE | INFINITY,
    (Fn.ATANH, 1): INFINITY,
}


def _one_plus(t: Mpf, precision: int) -> Mpf:
    """1 + t for t > 0; exactly where t is below 1, so that no digit of a small t is lost."""
    return libmp.mpf_add(libmp.fone, t) if libmp.mpf_lt(t, libmp.fone) else libmp.mpf_add(libmp.fone, t, precision)


def _sigmoid(x: Mpf, precision: int) -> Mpf:
    grown = libmp.mpf_exp(libmp.mpf_neg(x), precision)
    return libmp.mpf_div(libmp.fone, libmp.mpf_add(libmp.fone, grown, precision), precision)


def _softplus(x: Mpf, precision: int) -> Mpf:
    if libmp.mpf_lt(x, libmp.from_int(-_BEYOND)):
        return libmp.mpf_exp(x, precision)  # ln(1 + t) < t, and both are far below the least float32
    return libmp.mpf_log(_one_plus(libmp.mpf_exp(x, precision), precision), precision)


_MPMATH: dict[Fn, Callable[[Mpf, int], Mpf]] = {
    Fn.EXP: libmp.mpf_exp,
    Fn.LOG: libmp.mpf_log,
    Fn.SIGMOID: _sigmoid,
    Fn.SOFTPLUS: _softplus,
    Fn.TANH: libmp.mpf_tanh,
    Fn.SINH: libmp.mpf_sinh,
    Fn.COSH: libmp.mpf_cosh,
    Fn.ASINH: libmp.mpf_asinh,
    Fn.ACOSH: libmp.mpf_acosh,
    Fn.ATANH: libmp.mpf_atanh,
    Fn.SIN: libmp.mpf_sin,
    Fn.COS: libmp.mpf_cos,
    Fn.TAN: libmp.mpf_tan,
    Fn.ASIN: libmp.mpf_asin,
    Fn.ACOS: libmp.mpf_acos,
    Fn.ATAN: libmp.mpf_atan,
    Fn.ERF: libmp.mpf_erf,
}
ELEMENTARY = frozenset(_MPMATH)
"""The functions of this module."""


def elementary(fn: Fn, x: Number) -> int:
    """The float32 bits of function `fn`, one of `ELEMENTARY`, at x."""
    if isinstance(x, float):
        return NAN if math.isnan(x) else _AT_INFINITIES[fn][x > 0]
    least, greatest = _DOMAINS.get(fn, (-math.inf, math.inf))
    if not least <= x <= greatest:
        return NAN
    if (fn, x) in _POLES:
        return _POLES[fn, x]
    argument = to_mpf(Fraction(x))
    return decide(lambda precision: _MPMATH[fn](argument, precision))


def decide(approximate: Callable[[int], Mpf]) -> int:
    """The float32 bits of a real number y that `approximate(precision)` gives to some precision in bits.

    mpmath computes with 10 to 20 bits more than it is asked for, and its last bit is rarely wrong; we count on all but
    the last 32. Let y' be its result. Then y lies in y'·(1 ± 2^(32 - precision)), and as rounding is monotonic, y
    rounds as both ends do where these round to the same float32 (Ziv's strategy). Else the precision is doubled.

    This ends unless y is exactly the midpoint of two float32. The functions of this module have no such value: by
    enumeration of all arguments, none comes closer to a midpoint than 2^-77 of itself, so the first precision decides
    them. POW decides its rational values, some of which are midpoints, before it comes here; an irrational one has
    some distance from all midpoints, and so a precision that decides it.
    """
    precision = _FIRST_PRECISION
    while precision <= _LAST_PRECISION:
        low, high = _ends(approximate(precision), precision)
        if low == high:
            return low
        precision *= 2
    raise ProgramError(f"a function's value is within 2^-{_LAST_PRECISION} of a midpoint of two float32.")


def _ends(y: Mpf, precision: int) -> tuple[int, int]:
    value = _clamp(y)
    margin = value / 2 ** (precision - _GUARD)
    return round_float32(value - margin), round_float32(value + margin)


def _clamp(y: Mpf) -> Fraction:
    """The number `y` is, or one that rounds alike: never a fraction of millions of digits."""
    sign, mantissa, exponent, bits = y
    if not mantissa:
        return Fraction(0)
    if not -_BEYOND < exponent + bits < _BEYOND:
        mantissa, exponent = 1, _BEYOND if exponent + bits > 0 else -_BEYOND
    magnitude = int(mantissa) * Fraction(2) ** int(exponent)
    return -magnitude if sign else magnitude


def to_mpf(x: Fraction) -> Mpf:
    """A float32's number, exactly; its denominator is a power of two."""
    return libmp.from_man_exp(x.numerator, 1 - x.denominator.bit_length())
