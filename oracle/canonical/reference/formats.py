"""Elements as bits, and the numbers they are: docs/canonical.md sections 1 and 2."""

import math
from collections.abc import Sequence
from fractions import Fraction

from oracle.canonical.tensor import DType

Number = int | Fraction | float
"""The value of an element: an int of an integer or bool, a Fraction of a finite float32; a float only for the
infinities and NaN."""

NAN = 0x7FC00000
INFINITY = 0x7F800000
SIGN = 0x80000000
_FRACTION_BITS = 23
_LEAST_EXPONENT = -126


def width(dtype: DType) -> int:
    """Bits of an element."""
    return 8 * dtype.size


def is_signed(dtype: DType) -> bool:
    """Whether `dtype` is a signed integer."""
    return dtype in (DType.INT8, DType.INT16, DType.INT32, DType.INT64)


def bounds(dtype: DType) -> tuple[int, int]:
    """The least and the greatest value of an integer dtype."""
    bits = width(dtype)
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed(dtype) else (0, (1 << bits) - 1)


def normalise(dtype: DType, bits: int) -> int:
    """`bits` as they read: one NaN, one zero, one true."""
    if dtype is DType.BOOL:
        return int(bits != 0)
    if dtype is not DType.FLOAT:
        return bits
    if bits & ~SIGN > INFINITY:
        return NAN
    return 0 if bits == SIGN else bits


def decode(dtype: DType, bits: int) -> Number:
    """The number an element of bits `bits` reads as."""
    bits = normalise(dtype, bits)
    if dtype is not DType.FLOAT:
        return bits - (1 << width(dtype)) if is_signed(dtype) and bits >> width(dtype) - 1 else bits
    magnitude = bits & ~SIGN
    sign = -1 if bits & SIGN else 1
    if magnitude > INFINITY:
        return math.nan
    if magnitude == INFINITY:
        return sign * math.inf
    exponent, fraction = magnitude >> _FRACTION_BITS, magnitude % (1 << _FRACTION_BITS)
    significand = fraction if exponent == 0 else fraction + (1 << _FRACTION_BITS)
    return sign * significand * Fraction(2) ** (max(exponent, 1) - 1 + _LEAST_EXPONENT - _FRACTION_BITS)


def decode_all(dtype: DType, column: Sequence[int]) -> list[Number]:
    """The numbers of many elements."""
    return [decode(dtype, bits) for bits in column]


def encode(dtype: DType, value: Number) -> int:
    """The normalised bits of an exact `value`: rounded once to float32, modulo 2^bits to an integer.

    An integer dtype or bool takes an int only.
    """
    if dtype is DType.FLOAT:
        return _encode_special(value) if isinstance(value, float) else round_float32(Fraction(value))
    if not isinstance(value, int):
        raise TypeError(f"{value!r} cannot be an element of dtype {dtype.label}.")
    return value % (1 << width(dtype))


def _encode_special(value: float) -> int:
    if math.isnan(value):
        return NAN
    if value == 0:
        return 0
    if not math.isinf(value):
        raise TypeError(f"{value!r} is a float: finite numbers are fractions here.")
    return INFINITY if value > 0 else INFINITY | SIGN


def round_float32(value: Fraction) -> int:
    """Bits of the float32 nearest to `value`, ties to even (IEEE 754-2019 §4.3.1). What rounds to zero is +0."""
    magnitude = abs(value)
    if magnitude == 0:
        return 0
    exponent = max(_exponent(magnitude), _LEAST_EXPONENT)
    units = round(magnitude / Fraction(2) ** (exponent - _FRACTION_BITS))  # Python rounds a Fraction half to even
    if units == 0:
        return 0
    # A normal's leading bit adds 1 to the exponent field, and a carry of the rounding 1 more: both as they should.
    bits = min((exponent - _LEAST_EXPONENT << _FRACTION_BITS) + units, INFINITY)
    return bits | SIGN if value < 0 else bits


def _exponent(magnitude: Fraction) -> int:
    """The e for which 2^e <= magnitude < 2^(e + 1)."""
    guess = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    return guess if Fraction(2) ** guess <= magnitude else guess - 1
