"""Elements where arithmetic is hard, and which functions there are."""

from oracle.canonical.program.node import Fn
from oracle.canonical.tensor import DType

FORMATS = tuple(d for d in DType if d not in (DType.FLOAT16, DType.DOUBLE))
INTEGERS = tuple(d for d in FORMATS if d not in (DType.FLOAT, DType.BOOL))
NUMERIC = (DType.FLOAT, *INTEGERS)
FLOAT_FUNCTIONS = tuple(fn for fn in Fn if 0x20 <= fn < 0x80)
"""Functions of one float32."""

SIGN = 0x80000000
NAN = 0x7FC00000
_MAGNITUDES = (
    0x00000001, 0x00000002, 0x007FFFFF, 0x00800000, 0x00800001, 0x34000000,  # least numbers, 2^-23
    0x3EFFFFFF, 0x3F000000, 0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x3FC00000, 0x40000000, 0x40200000,  # ½ to 2½
    0x4AFFFFFF, 0x4B000001, 0x4B7FFFFF, 0x4B800000,  # 2^23 and 2^24
    0x4EFFFFFF, 0x4F000000, 0x4F800000, 0x5EFFFFFF, 0x5F000000, 0x5F800000,  # ends of the integers
    0x7F000000, 0x7F7FFFFF, 0x7F800000,  # 2^127, the largest, infinity
)  # fmt: skip
SPECIAL_FLOATS = (0, NAN, *(sign | bits for bits in _MAGNITUDES for sign in (0, SIGN)))
FEW_FLOATS = (0, NAN, *(sign | bits for bits in (*_MAGNITUDES[::2], 0x3F800000) for sign in (0, SIGN)))

HARDEST = {
    Fn.EXP: (0xC16912CD, 0xBBF0EDF1, 0xBAE0E25C, 0xB3000000),
    Fn.LOG: (0x65D890D3, 0x4C5D65A5, 0x4D604EBE, 0x66A8C860),
    Fn.SIGMOID: (0xB3800000, 0x34000000, 0xB4400000, 0xB4A00000),
    Fn.SOFTPLUS: (0x39EA41D0, 0x40A3F888, 0x3AD68BA7, 0x398B9622),
    Fn.TANH: (0x3AC37DE2, 0x3EEE0566, 0x40ACB4D0, 0x3CD41B91),
    Fn.SINH: (0x3A1285FF, 0x3B36AA1F, 0x3F7DF258, 0x3F99144C),
    Fn.COSH: (0x3A6F7750, 0x3D609528, 0x3A87C3B6, 0x3B43F588),
    Fn.ASINH: (0x655890D3, 0x4CE04EBE, 0x4BDD65A5, 0x6628C860),
    Fn.ACOSH: (0x655890D3, 0x4BDD65A5, 0x4CE04EBE, 0x6628C860),
    Fn.ATANH: (0x3A71E7A1, 0x39B89BA2, 0x3AD637EB, 0x3DDC2ECE),
    Fn.SIN: (0x73243F06, 0x46199998, 0x55CAFB2A, 0x67A9242B),
    Fn.COS: (0x6115CB11, 0x5F18B878, 0x59443C0A, 0x7A4B1A27),
    Fn.TAN: (0x5FFD33A4, 0x5D5873AE, 0x7714B423, 0x453C5846),
    Fn.ASIN: (0x3F083A1A, 0x3DE5FA1E, 0x3D07959C, 0x39E89768),
    Fn.ACOS: (0x39826222, 0x328885A3, 0xBC406CCD, 0x3C8A2F9B),
    Fn.ATAN: (0x3D8D6B23, 0x3B7C1BC9, 0x3AD637FA, 0x4C700518),
    Fn.ERF: (0x3940EAD6, 0x39C0057D, 0x36AEA466, 0x358E9D2D),
}
"""Operands whose results lie nearest to the middle between two floats: `python -m bench.hardest` finds them."""

EDGES = (
    0x39800000, 0x3A000000, 0x33000000, 0x33800000, 0x00800000,  # 2^-12, 2^-11, 2^-25, 2^-24, the smallest normal
    0x42B17218, 0x42B2D4FC, 0xC2AEAC50, 0xC2CE8ED0, 0xC2CFF1B5,  # e^x leaves the format
    0x43000000, 0x5F800000, 0x4B000000, 0x4B800000, 0x4C000000,  # 2^7, 2^64, 2^23, 2^24, 2^25
    0x3F800000, 0x3F000000, 0x3FB504F3, 0x3F3504F3, 0x3F317218, 0x3E800000,  # 1, 1/2, √2, 1/√2, ln 2, 1/4
    0x3FB17218, 0x40051592, 0x41102CB4, 0x407B0000, 0x407AD445,  # 2 ln 2, 3 ln 2, tanh and erf become 1
    0x3F490FDB, 0x3FC90FDB, 0x4016CBE4, 0x40490FDB, 0x4CC90FDB, 0x7F7FFFFF,  # multiples of π/4, the largest
)  # fmt: skip
"""Operands near which a function takes another way, or its result another form."""


def around(bits: int, steps: int) -> list[int]:
    """The floats up to `steps` places from one of these bits, of both signs, normalised."""
    near = [max(0, (bits & ~SIGN) + step) for step in range(-steps, steps + 1)]
    return [0 if not x else min(x, 0x7F800000) | sign for x in near for sign in (0, SIGN)]
