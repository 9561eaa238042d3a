"""`Arithmetic.sol` against the Python reference, and both against the definitions."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import pytest

from oracle.canonical.program.node import Fn
from oracle.canonical.reference.maps import map_function
from oracle.canonical.tensor import DType
from tests.differential import binary32 as f32
from tests.differential.evm import Contract, Reverted, deploy

INTEGERS = (
    DType.INT8, DType.UINT8, DType.INT16, DType.UINT16, DType.INT32, DType.UINT32, DType.INT64, DType.UINT64,
)  # fmt: skip
NUMERIC = (DType.FLOAT, *INTEGERS)
DTYPES = (*NUMERIC, DType.BOOL)
LOGIC = (Fn.AND, Fn.OR, Fn.XOR)
BINARY = (Fn.ADD, Fn.SUB, Fn.MUL, Fn.DIV, Fn.MAX, Fn.MIN, Fn.PRELU)
UNARY = (Fn.ABS, Fn.NEG, Fn.SIGN)
FLOAT_ONLY = (Fn.FLOOR, Fn.CEIL, Fn.ROUND, Fn.SQRT, Fn.RECIPROCAL)

FLOATS = sorted({f32.normalize(bits) for bits in f32.SPECIALS})


@pytest.fixture(scope="module")
def harness() -> Contract:
    """`Arithmetic` behind a function that takes a list of cases."""
    return deploy("ArithmeticHarness")


@dataclass
class Case:
    """A function, the dtypes of its result and of its operands, and their bits; an operand it does not have is 0."""

    fn: Fn
    out: DType
    dtype: DType
    a: int
    b: int = 0

    def reference(self) -> int:
        """What the Python reference makes of it."""
        unary = self.fn in (Fn.CAST, Fn.NOT, *UNARY, *FLOAT_ONLY)
        bits = (self.a,) if unary else (self.a, self.b)
        return map_function(self.fn, self.out, [self.dtype] * len(bits), bits)


def run(harness: Contract, cases: Iterable[Case]) -> list[tuple[int, int]]:
    """Bits and gas of each case in the contract."""
    out = harness.map_words("map(uint256[])", (word for c in cases for word in (c.fn, c.out, c.dtype, c.a, c.b)))
    return list(zip(out[::2], out[1::2], strict=True))


def agree(harness: Contract, cases: list[Case]) -> None:
    """Contract and reference give the same bits, and no case takes more gas than a function may."""
    for case, (bits, gas) in zip(cases, run(harness, cases), strict=True):
        assert bits == case.reference(), f"{case} gives {bits:#x}"
        assert gas <= 5_000, case


def elements(dtype: DType, rng: random.Random, n: int) -> list[int]:
    """Bits of a dtype's limits and special elements, and of `n` others of all sizes."""
    if dtype is DType.FLOAT:
        return FLOATS + [f32.normalize(rng.getrandbits(32)) for _ in range(n)]
    if dtype is DType.BOOL:
        return [0, 1]
    width = 8 * dtype.size
    top = 1 << (width - 1)
    edges = {0, 1, 2, 3, 7, top - 1, top, top + 1, 2 * top - 3, 2 * top - 2, 2 * top - 1}
    return [e % (2 * top) for e in sorted(edges)] + [rng.getrandbits(rng.randrange(1, width + 1)) for _ in range(n)]


def pairs(dtype: DType, seed: int, n: int) -> list[tuple[int, int]]:
    """All pairs of special elements, and `n` others of like and unlike size."""
    rng = random.Random(seed)  # noqa: S311 (the same cases every time)
    special, other = elements(dtype, rng, 0), elements(dtype, rng, 60)
    found = [(a, b) for a in special for b in special]
    found += [(rng.choice(other), rng.choice(other)) for _ in range(n)]
    if dtype is DType.FLOAT:
        for _ in range(n):
            field = rng.randrange(1, 250)
            near = [rng.getrandbits(1) << 31 | (field + rng.randrange(5)) << 23 | rng.getrandbits(23) for _ in "ab"]
            found.append((near[0], near[1]))
    return found


@pytest.mark.parametrize("dtype", NUMERIC, ids=lambda d: d.label)
@pytest.mark.parametrize("fn", [*BINARY, Fn.POW], ids=lambda f: f.name)
def test_functions_of_two_operands_agree(harness: Contract, fn: Fn, dtype: DType) -> None:
    """Two people wrote them from one page; where they differ, one of them convicts honest operators."""
    if fn is Fn.POW and dtype is DType.FLOAT:
        with pytest.raises(Reverted):
            run(harness, [Case(fn, dtype, dtype, 0x40000000, 0x40000000)])
        return
    agree(harness, [Case(fn, dtype, dtype, a, b) for a, b in pairs(dtype, fn, 400)])


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.label)
def test_comparisons_agree(harness: Contract, dtype: DType) -> None:
    """NaN is no element's equal, and order is by value, not by bits."""
    fns = (Fn.EQUAL,) if dtype is DType.BOOL else (Fn.EQUAL, Fn.LESS)
    cases = [Case(fn, DType.BOOL, dtype, a, b) for fn in fns for a, b in pairs(dtype, 1, 200)]
    agree(harness, cases + [Case(fn, DType.BOOL, dtype, c.a, c.a) for fn in fns for c in cases[:50]])


def test_logic_agrees(harness: Contract) -> None:
    """All there is of it."""
    cases = [Case(fn, DType.BOOL, DType.BOOL, a, b) for fn in LOGIC for a in (0, 1) for b in (0, 1)]
    agree(harness, cases + [Case(Fn.NOT, DType.BOOL, DType.BOOL, a) for a in (0, 1)])


@pytest.mark.parametrize("fn", [*UNARY, *FLOAT_ONLY], ids=lambda f: f.name)
def test_functions_of_one_operand_agree(harness: Contract, fn: Fn) -> None:
    """Likewise."""
    rng = random.Random(fn)  # noqa: S311
    dtypes = NUMERIC if fn in UNARY else (DType.FLOAT,)
    cases = [Case(fn, dtype, dtype, a) for dtype in dtypes for a in elements(dtype, rng, 300)]
    for _ in range(1_500):  # numbers with few digits after the point, where rounding to whole numbers has ties
        places = rng.randrange(4)
        bits = f32.nearest(Fraction(rng.randrange(-(2 ** rng.randrange(1, 27)), 2**26), 2**places))
        cases.append(Case(fn, DType.FLOAT, DType.FLOAT, bits))
    agree(harness, cases)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.label)
def test_casts_agree(harness: Contract, dtype: DType) -> None:
    """Of every dtype to every other; floats at the limits of the integers above all."""
    rng = random.Random(dtype)  # noqa: S311
    bits = elements(dtype, rng, 200)
    if dtype is DType.FLOAT:
        for width in (0, 7, 8, 15, 16, 31, 32, 63, 64):
            near = f32.nearest(Fraction(2**width))
            bits += [sign | (near + off) for off in range(-3, 4) for sign in (0, f32.SIGN)]
    agree(harness, [Case(Fn.CAST, out, dtype, a) for out in DTYPES for a in bits])


QUOTIENTS_NEXT_TO_A_TIE = [(1, 50 << 23 | y & 0x7FFFFF) for y in (0xFFFFFF, 0xFFFFFB, 0xFE01FF, 0xFD6F0A, 0xF17014)]
"""The smallest float by others: so little above the middle between two floats that only the remainder tells."""

ROOTS_NEXT_TO_A_TIE = [128 << 23 | x & 0x7FFFFF for x in (0xAA177F, 0xB302BE, 0xBB8BCC, 0xDAE03B, 0xDF5FA5, 0xEE9372)]
"""Floats whose roots are likewise."""


def _exactly(fn: Fn, x: Fraction, y: Fraction) -> Fraction:
    if fn is Fn.ADD:
        return x + y
    if fn is Fn.SUB:
        return x - y
    return x * y if fn is Fn.MUL else x / y


@pytest.mark.parametrize("fn", [Fn.ADD, Fn.SUB, Fn.MUL, Fn.DIV], ids=lambda f: f.name)
def test_arithmetic_rounds_the_exact_result_to_the_nearest(harness: Contract, fn: Fn) -> None:
    """Against the definition itself, where the results are hardest: ties, subnormals and the ends of the range."""
    rng = random.Random(100 + fn)  # noqa: S311
    cases = []
    while len(cases) < 4_000:
        x = rng.getrandbits(1) << 31 | rng.randrange(255) << 23 | rng.getrandbits(23)
        how = rng.randrange(4)
        if how == 0:  # short mantissas: exact ties
            x &= ~0x7FF
            y = rng.getrandbits(1) << 31 | rng.randrange(255) << 23 | rng.getrandbits(12) << 11
        elif how == 1:  # half a unit of x, or nearly
            y = rng.getrandbits(1) << 31 | max((x >> 23 & 255) - rng.choice((24, 25)), 0) << 23 | rng.choice((0, 0, 1))
        elif how == 2:  # a power of two or the number below it, and something far smaller
            x = rng.getrandbits(1) << 31 | rng.randrange(140, 255) << 23 | rng.choice((0, 0x7FFFFF))
            y = rng.getrandbits(1) << 31 | ((x >> 23 & 255) - rng.randrange(20, 140)) << 23 | rng.getrandbits(23)
        else:  # results at the ends of the range
            field = rng.choice((0, 1, 2, 24, 250, 253, 254))
            other = 127 + (field - (x >> 23 & 255)) * (-1 if fn is Fn.DIV else 1)
            y = rng.getrandbits(1) << 31 | min(max(other, 0), 254) << 23 | rng.getrandbits(23)
        if y & 0x7FFFFFFF:
            cases.append(Case(fn, DType.FLOAT, DType.FLOAT, f32.normalize(x), y))
    cases += [Case(fn, DType.FLOAT, DType.FLOAT, x, y) for x, y in QUOTIENTS_NEXT_TO_A_TIE]
    for case, (bits, _) in zip(cases, run(harness, cases), strict=True):
        assert bits == f32.nearest(_exactly(fn, f32.value(case.a), f32.value(case.b))), case


def test_a_square_root_lies_between_the_middles_around_it(harness: Contract) -> None:
    """The definition without a root: the squares of the middles to both neighbours enclose the argument."""
    rng = random.Random(200)  # noqa: S311
    bits = [
        1,
        2,
        3,
        0x7FFFFF,
        0x800000,
        0x7F7FFFFF,
        *ROOTS_NEXT_TO_A_TIE,
        *(rng.randrange(1, f32.INFINITY) for _ in range(2_000)),
    ]
    for _ in range(2_000):  # squares of short and of 24-bit numbers, and their neighbours
        root = f32.value(rng.randrange(64, 190) << 23 | rng.getrandbits(23) & rng.choice((0x7FF800, 0x7FFFFF)))
        bits.append(f32.nearest(root * root) + rng.choice((-1, 0, 1)))
    cases = [Case(Fn.SQRT, DType.FLOAT, DType.FLOAT, x) for x in bits]
    for case, (root, _) in zip(cases, run(harness, cases), strict=True):
        low, high = ((f32.value(root) + f32.value(root + side)) / 2 for side in (-1, 1))
        assert low * low < f32.value(case.a) < high * high, case


def test_a_function_that_is_elsewhere_is_refused(harness: Contract) -> None:
    """A wrong dispatch must not yield a number."""
    for fn in (Fn.PICK, Fn.WHERE, Fn.EXP, Fn.ERF, Fn.FOLD_DOT):
        for dtype in (DType.FLOAT, DType.INT32):
            with pytest.raises(Reverted):
                run(harness, [Case(fn, dtype, dtype, 1, 1)])
