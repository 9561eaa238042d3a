"""The MAP functions whose results are exact: integers and fractions. Docs/canonical.md section 3.

Arguments and results are numbers, not bits. Where a rule of IEEE 754 for infinities is the rule of Python's own floats,
they apply it: next to an infinity, only the sign of a finite number counts.
"""

import math
import operator
from collections.abc import Callable
from fractions import Fraction

from oracle.canonical.program.node import Fn
from oracle.canonical.reference.formats import Number, bounds
from oracle.canonical.tensor import DType

_SQRT_SHIFT = 160  # bits after the point; any float32 and any midpoint of two has at most 150


def is_nan(value: Number) -> bool:
    """Whether `value` is NaN."""
    return isinstance(value, float) and math.isnan(value)


def sign(value: Number) -> Number:
    """-1, 0, 1, or NaN of NaN."""
    return value if is_nan(value) else (value > 0) - (value < 0)


def _with_infinities(operation: Callable[[float, float], float], x: Number, y: Number) -> float:
    return operation(*(v if isinstance(v, float) else float(sign(v)) for v in (x, y)))


def add(x: Number, y: Number) -> Number:
    """The sum; inf - inf is NaN."""
    if isinstance(x, float) or isinstance(y, float):
        return _with_infinities(operator.add, x, y)
    return x + y


def subtract(x: Number, y: Number) -> Number:
    """The difference."""
    return add(x, -y)


def multiply(x: Number, y: Number) -> Number:
    """The product; 0 · inf is NaN."""
    if isinstance(x, float) or isinstance(y, float):
        return _with_infinities(operator.mul, x, y)
    return x * y


def divide(x: Number, y: Number) -> Number:
    """The quotient. Integers: toward zero, and 0 by 0."""
    if isinstance(x, int) and isinstance(y, int):
        return 0 if y == 0 else toward_zero(Fraction(x, y))
    if y == 0:
        return math.nan if x == 0 or is_nan(x) else math.copysign(math.inf, sign(x))
    if isinstance(x, float) or isinstance(y, float):
        return _with_infinities(operator.truediv, x, y)
    return Fraction(x) / Fraction(y)


def toward_zero(value: Fraction) -> int:
    """`value` without its digits after the point."""
    return math.trunc(value)


def maximum(x: Number, y: Number) -> Number:
    """The larger, NaN if either is."""
    return math.nan if is_nan(x) or is_nan(y) else max(x, y)


def minimum(x: Number, y: Number) -> Number:
    """The smaller, NaN if either is."""
    return math.nan if is_nan(x) or is_nan(y) else min(x, y)


def integer_power(x: int, n: int) -> int:
    """x^n modulo 2^64 for n >= 0; for n < 0 the exact x^n toward zero, 0 for x = 0."""
    if n >= 0:
        return pow(x, n, 1 << 64)
    if abs(x) != 1:
        return 0
    return x if n % 2 else 1


def prelu(x: Number, slope: Number) -> Number:
    """The argument where it is not negative, else its product with the slope; NaN of NaN."""
    return x if x >= 0 else multiply(x, slope)


def square_root(x: Number) -> Number:
    """√x, or a number that rounds as √x does where √x is no multiple of 2^-160; NaN of negatives.

    No float32 and no midpoint of two lies strictly between two neighbouring multiples of 2^-160, so any number between
    them rounds as √x, which lies there, does.
    """
    if x < 0 or is_nan(x):
        return math.nan
    if isinstance(x, float):
        return x
    scaled = Fraction(x) * (1 << 2 * _SQRT_SHIFT)  # an integer
    root = math.isqrt(scaled.numerator)
    between = Fraction(0) if root * root == scaled else Fraction(1, 2)
    return (root + between) / (1 << _SQRT_SHIFT)


def _of_finite(function: Callable[[Fraction], int]) -> Callable[[Number], Number]:
    """`function` where the argument is finite, and the argument itself where it is not."""
    return lambda x: x if isinstance(x, float) else function(Fraction(x))


def cast(to: DType, x: Number) -> Number:
    """The number x becomes as an element of dtype `to`, before rounding or wrapping."""
    if to is DType.BOOL:
        return int(x != 0)
    if to is DType.FLOAT or isinstance(x, int):
        return x
    if is_nan(x):
        return 0
    least, greatest = bounds(to)
    clamped = min(max(x, least), greatest)  # finite: an infinity is beyond any bound
    return toward_zero(Fraction(clamped))


EXACT: dict[Fn, Callable[..., Number]] = {
    Fn.EQUAL: lambda x, y: int(x == y),
    Fn.LESS: lambda x, y: int(x < y),
    Fn.AND: operator.and_,
    Fn.OR: operator.or_,
    Fn.XOR: operator.xor,
    Fn.NOT: lambda x: 1 - x,
    Fn.ADD: add,
    Fn.SUB: subtract,
    Fn.MUL: multiply,
    Fn.DIV: divide,
    Fn.MAX: maximum,
    Fn.MIN: minimum,
    Fn.ABS: abs,
    Fn.NEG: operator.neg,
    Fn.SIGN: sign,
    Fn.PRELU: prelu,
    Fn.FLOOR: _of_finite(math.floor),
    Fn.CEIL: _of_finite(math.ceil),
    Fn.ROUND: _of_finite(round),
    Fn.SQRT: square_root,
    Fn.RECIPROCAL: lambda x: divide(Fraction(1), x),
}
"""The functions of this module by their code; CAST and POW need dtypes and stand apart."""
