"""float32 by its definition, on exact fractions: the side the contracts' arithmetic is compared with."""

from fractions import Fraction

INFINITY = 0x7F800000
NEGATIVE_INFINITY = 0xFF800000
NAN = 0x7FC00000
SIGN = 0x80000000

SPECIALS = (
    0, SIGN, NAN, 0xFFC00000, 0x7F800001, 0xFFFFFFFF, INFINITY, NEGATIVE_INFINITY,
    1, 2, 0x007FFFFF, 0x00800000, 0x00800001, 0x7F7FFFFF, 0x7F000000, 0x3F800000, 0x3F7FFFFF, 0x3F800001, 0x3F000000,
    0x3EFFFFFF, 0x3FC00000, 0x40000000, 0x40200000, 0x4B000000, 0x4B000001, 0x4AFFFFFF, 0x4B7FFFFF, 0x4B800000,
    0x4F000000, 0x4EFFFFFF, 0x4F7FFFFF, 0x4F800000, 0x5EFFFFFF, 0x5F000000, 0x5F7FFFFF, 0x5F800000, 0x34000000,
    SIGN | 1, 0x807FFFFF, 0x80800000, 0xFF7FFFFF, 0xBF800000, 0xBF7FFFFF, 0xBF000000, 0xBFC00000, 0xC0000000,
    0xC0200000, 0xCB000001, 0xCF000000, 0xCF000001, 0xDF000000, 0xDF000001,
)  # fmt: skip
"""Zeros, NaNs, infinities, the ends of the subnormals and of the range, halves, and the limits of the integers."""


def normalize(bits: int) -> int:
    """One NaN, one zero."""
    if bits & 0x7FFFFFFF > INFINITY:
        return NAN
    return 0 if bits == SIGN else bits


def value(bits: int) -> Fraction:
    """The number a finite float32 is."""
    field, fraction = bits >> 23 & 0xFF, bits & 0x7FFFFF
    assert field < 255, f"{bits:#010x} is not finite"
    magnitude = Fraction(fraction | (0x800000 if field else 0)) * Fraction(2) ** (max(field, 1) - 150)
    return -magnitude if bits & SIGN else magnitude


def nearest(exact: Fraction) -> int:
    """Bits of the float32 nearest to `exact`: the definition, searched for among all floats by bisection."""
    if abs(exact) >= Fraction(2**128 - 2**103):
        return INFINITY if exact > 0 else NEGATIVE_INFINITY
    magnitude, low, high = abs(exact), 0, INFINITY
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if value(middle) <= magnitude else (low, middle)
    above = value(high) if high < INFINITY else Fraction(2**128)
    below, over = magnitude - value(low), above - magnitude
    bits = low if below < over or (below == over and low % 2 == 0) else high
    return bits | SIGN if exact < 0 and bits else bits
