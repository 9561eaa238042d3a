"""Vectors of the MAP functions: every function and dtype, and what the reference makes of hard operands.

The file is groups, numbers big-endian: `u8 fn · u8 dtype of the result · u8 dtype of the operands · u8 width · u16 n`,
then n cases of three numbers of `width` bytes: both operands, normalised, and the result.
"""

import random
import struct
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

from bench.vectors.operands import (
    EDGES,
    FEW_FLOATS,
    FLOAT_FUNCTIONS,
    FORMATS,
    HARDEST,
    NUMERIC,
    SIGN,
    SPECIAL_FLOATS,
    around,
)
from oracle.canonical.program.node import Fn, Kind
from oracle.canonical.reference.formats import normalise, round_float32
from oracle.canonical.reference.maps import map_function
from oracle.canonical.tensor import DType
from oracle.canonical.vectors import read_cases

F, B = DType.FLOAT, DType.BOOL
PAIRS = (Fn.ADD, Fn.SUB, Fn.MUL, Fn.DIV, Fn.MAX, Fn.MIN, Fn.POW, Fn.PRELU)
LOGIC = (Fn.AND, Fn.OR, Fn.XOR)
PUBLISHED = Path("tests") / "vectors" / "float32.json"

Pairs = Iterable[tuple[int, int]]


def normal(bits: int) -> int:
    """A float32 as it is read."""
    return normalise(F, bits)


def nearest(value: Fraction) -> int:
    """Bits of the float32 nearest to a number."""
    return round_float32(value)


def functions() -> bytes:
    """The file."""
    rng = random.Random(1)  # noqa: S311 (the same cases every time)
    return b"".join(_groups(rng)) + published()


def published() -> bytes:
    """The MAP cases of float32.json, whose operands are raw."""
    parts = []
    for case in read_cases(PUBLISHED):
        if case.node.kind is Kind.MAP:
            operands = [normal(column[0]) for column in case.operands]
            parts.append(
                _head(case.node.fn, F, F, 4, 1)
                + struct.pack(">III", *operands, *[0] * (2 - len(operands)), case.expected)
            )
    return b"".join(parts)


def _groups(rng: random.Random) -> Iterator[bytes]:
    for fn in (*PAIRS, Fn.LESS, Fn.EQUAL):
        for dtype in NUMERIC:
            yield _group(fn, dtype if fn in PAIRS else B, dtype, _pairs(rng, fn, dtype))
    for fn in (*LOGIC, Fn.EQUAL):
        yield _group(fn, B, B, [(a, b) for a in (0, 1) for b in (0, 1)])
    yield _group(Fn.NOT, B, B, [(0, 0), (1, 0)])
    for fn in (Fn.ABS, Fn.NEG, Fn.SIGN):
        for dtype in NUMERIC:
            yield _group(fn, dtype, dtype, [(a, 0) for a in _elements(rng, dtype, 30)])
    for out in FORMATS:
        for dtype in FORMATS:
            operands = _elements(rng, dtype, 20) + (_about_integers() if dtype is F else [])
            yield _group(Fn.CAST, out, dtype, [(a, 0) for a in operands])
    for fn in FLOAT_FUNCTIONS:
        yield _group(fn, F, F, [(a, 0) for a in _operands(rng, fn)])


def _elements(rng: random.Random, dtype: DType, n: int) -> list[int]:
    """Limits and special elements, and `n` others of all sizes."""
    if dtype is F:
        return [*SPECIAL_FLOATS, *(normal(rng.getrandbits(32)) for _ in range(n))]
    if dtype is B:
        return [0, 1]
    width = 8 * dtype.size
    top = 1 << (width - 1)
    edges = [0, 1, 2, 3, 7, top - 1, top, top + 1, 2 * top - 3, 2 * top - 2, 2 * top - 1]
    return edges + [rng.getrandbits(rng.randrange(1, width + 1)) for _ in range(n)]


def _pairs(rng: random.Random, fn: Fn, dtype: DType) -> Pairs:
    """All pairs of special elements, and others; of floats, some that are near ties and others of like size."""
    special = FEW_FLOATS if dtype is F else _elements(rng, dtype, 0)
    other = _elements(rng, dtype, 40)
    yield from ((a, b) for a in special for b in special)
    yield from ((rng.choice(other), rng.choice(other)) for _ in range(30))
    if dtype is not F:
        return
    for _ in range(150):
        field, far = rng.randrange(1, 250), rng.choice((0, 1, 2, 23, 24, 25, 30, 60, 64, 90))
        x = rng.getrandbits(1) << 31 | field << 23 | rng.getrandbits(23)
        y = rng.getrandbits(1) << 31 | max(field - far, 0) << 23 | rng.choice((0, 0, 1, rng.getrandbits(23)))
        yield x, y
    if fn is Fn.DIV:
        yield from ((x, y) for x, y in _quotients(rng))
    if fn is Fn.POW:
        yield from _powers(rng)


def _quotients(rng: random.Random) -> Pairs:
    """Quotients at the ends of the range, and the smallest float by others: next to a tie only the remainder tells."""
    yield from ((1, 50 << 23 | y & 0x7FFFFF) for y in (0xFFFFFF, 0xFFFFFB, 0xFE01FF, 0xFD6F0A, 0xF17014))
    for _ in range(60):
        x = rng.randrange(255) << 23 | rng.getrandbits(23)
        field = 127 + (x >> 23) - rng.choice((0, 1, 2, 24, 250, 254))
        yield x, min(max(field, 0), 254) << 23 | rng.getrandbits(23) | 1


def _powers(rng: random.Random) -> Pairs:
    """Perfect powers, their roots and neighbours, ties, and results of ordinary size."""
    for odd in (1, 3, 5, 7, 9, 15, 25, 49, 81, 4095, 5793):
        for n in (*range(-4, 18), 24, 40, 0.5, 0.25, 0.125, 1.5, 2.25, -0.5):
            exponent = rng.choice((-24, -16, -8, 0, 0, 0, 8, 16))
            x = nearest(Fraction(odd) * Fraction(2) ** exponent)
            yield x + rng.choice((0, 0, 0, 1)) | rng.choice((0, 0, SIGN)), nearest(Fraction(n))
    for e in (-149, -140, -127, -75, -74, -1, 1, 63, 64, 127):
        yield from ((nearest(Fraction(2) ** e), nearest(Fraction(y))) for y in (1, -1, 0.5, 1.5, 2, -2, 3, 150, -150))
    for _ in range(120):
        x = 0x3F800000 + rng.choice((-1, 1)) * rng.randrange(1, 1 << rng.randrange(2, 24))
        yield x, rng.getrandbits(1) << 31 | rng.randrange(110, 150) << 23 | rng.getrandbits(23)
    for odd in (3, 5, 7, 11, 181, 4097):  # ties among subnormals
        for e in (-75, -74, -73, -72, -50, -37):
            yield nearest(Fraction(odd) * Fraction(2) ** e), nearest(Fraction(rng.choice((2, 2, 3))))


def _about_integers() -> list[int]:
    near = [nearest(Fraction(2) ** width) for width in (0, 7, 8, 15, 16, 31, 32, 63, 64)]
    return [sign | (bits + off) for bits in near for off in (-2, -1, 0, 1) for sign in (0, SIGN)]


def _operands(rng: random.Random, fn: Fn) -> list[int]:
    """Of a function of one float: specials, where its method changes, the hardest, and others of ordinary size."""
    found = [*SPECIAL_FLOATS, *(normal(rng.getrandbits(32)) for _ in range(40))]
    if fn >= Fn.EXP:
        found += [x for bits in EDGES for x in around(bits, 2)]
        found += [x for bits in HARDEST[fn] for x in around(bits, 1)]
        found += [sign | field << 23 | rng.getrandbits(23) for field in range(96, 160) for sign in (0, SIGN)]
        found += [sign | nearest(Fraction(i, 16)) for i in range(1, 64) for sign in (0, SIGN)]
    else:
        found += [nearest(Fraction(rng.randrange(-(2**10), 2**10), 2 ** rng.randrange(4))) for _ in range(60)]
        found += [sign | field << 23 | rng.getrandbits(23) for field in range(120, 160) for sign in (0, SIGN)]
        found += [128 << 23 | x & 0x7FFFFF for x in (0xAA177F, 0xB302BE, 0xBB8BCC, 0xDAE03B, 0xDF5FA5, 0xEE9372)]
        found += [normal(2 * x) for x in range(1, 40)] + [rng.getrandbits(22) for _ in range(20)]
    return [normal(bits) for bits in found]


def _head(fn: int, out: DType, dtype: DType, width: int, n: int) -> bytes:
    return struct.pack(">BBBBH", fn, out, dtype, width, n)


def _group(fn: Fn, out: DType, dtype: DType, pairs: Pairs) -> bytes:
    if dtype is F:
        pairs = ((normal(a), normal(b)) for a, b in pairs)
    pairs = list(dict.fromkeys(pairs))
    width = 8 if max(out.size, dtype.size) > 4 else 4
    unary = fn in (Fn.CAST, Fn.NOT, Fn.ABS, Fn.NEG, Fn.SIGN) or fn in FLOAT_FUNCTIONS
    parts = [_head(fn, out, dtype, width, len(pairs))]
    for a, b in pairs:
        operands = (a,) if unary else (a, b)
        bits = map_function(fn, out, [dtype] * len(operands), operands)
        parts.append(b"".join(number.to_bytes(width, "big") for number in (a, b, bits)))
    return b"".join(parts)
