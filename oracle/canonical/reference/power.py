"""POW of float32: IEEE 754-2019 §9.2.1, correctly rounded."""

import math
from fractions import Fraction

from mpmath import libmp

from oracle.canonical.reference.arithmetic import is_nan
from oracle.canonical.reference.elementary import Mpf, decide, to_mpf
from oracle.canonical.reference.formats import NAN, Number, encode
from oracle.canonical.tensor import DType

_BEYOND = 300  # 2^±300 rounds as infinity and as 0
_LONGEST = 26  # bits of the odd part of a float32, or of a midpoint of two, and one to spare


def power(x: Number, y: Number) -> int:
    """The float32 bits of x^y."""
    if y == 0 or x == 1:
        return _float32(1)
    if is_nan(x) or is_nan(y):
        return NAN
    if isinstance(y, float):
        size = abs(Fraction(x)) if not isinstance(x, float) else math.inf
        return _float32(1 if size == 1 else math.inf if (size > 1) == (y > 0) else 0)
    if isinstance(x, float):
        return _float32(0 if y < 0 else -math.inf if x < 0 and _is_odd(y) else math.inf)
    if x == 0:
        return _float32(0 if y > 0 else math.inf)
    x, y = Fraction(x), Fraction(y)
    if x < 0 and y.denominator != 1:
        return NAN
    negative = x < 0 and _is_odd(y)
    exact = exact_power(abs(x), y)
    if exact is not None:
        return _float32(-exact if negative else exact)
    base, exponent = to_mpf(abs(x)), to_mpf(y)
    return decide(lambda precision: _approximate(base, exponent, negative, precision))


def _float32(value: Number) -> int:
    return encode(DType.FLOAT, value)


def _is_odd(y: Number) -> bool:
    return not isinstance(y, float) and Fraction(y).denominator == 1 and int(y) % 2 == 1


def exact_power(x: Fraction, y: Fraction) -> Fraction | None:
    """x^y for float32 numbers x > 0, x ≠ 1, y ≠ 0, if it is a binary fraction of up to 26 digits; else None.

    A float32 or a midpoint of two is such a number, so what is None here is neither. Write y = n / 2^j with n odd or
    j = 0: x^y is such a number only if x has a 2^j-th root r that is one (the exponents of 2 and of every other prime
    in x^n must be multiples of 2^j, and n is odd). Then x^y = r^n, and with r = m·2^e, m odd: it has as many digits as
    m^n, so m = 1, or n is positive and m^n short; 3^17 is already too long. A power of two is cut off at 2^±300, where
    it rounds alike.
    """
    while y.denominator > 1:
        root = _exact_root(x)
        if root is None:
            return None
        x, y = root, 2 * y
    n = int(y)
    odd, e = _split(x)
    if odd == 1:
        return Fraction(2) ** max(-_BEYOND, min(e * n, _BEYOND))
    if not 0 < n <= _LONGEST or (odd**n).bit_length() > _LONGEST:
        return None
    return x**n


def _exact_root(x: Fraction) -> Fraction | None:
    """√x where it is a fraction, for x > 0."""
    root = Fraction(math.isqrt(x.numerator), math.isqrt(x.denominator))
    return root if root * root == x else None


def _split(x: Fraction) -> tuple[int, int]:
    """The odd m and the e with x = m·2^e, for a float32's number x > 0."""
    e = (x.numerator & -x.numerator).bit_length() - x.denominator.bit_length()
    return int(x / Fraction(2) ** e), e


def _approximate(x: Mpf, y: Mpf, negative: bool, precision: int) -> Mpf:
    """±e^(y·ln x), to `precision` bits wherever the result is between 2^-300 and 2^300.

    There |y·ln x| < 2^8, so 16 bits more than asked for in its relative error keep its absolute error small enough.
    """
    logarithm = libmp.mpf_mul(y, libmp.mpf_log(x, precision + 16), precision + 16)
    magnitude = libmp.mpf_exp(logarithm, precision)
    return libmp.mpf_neg(magnitude) if negative else magnitude
