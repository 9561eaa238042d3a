"""Functions of float32 against MPFR: two libraries, one right answer."""

import math
import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from oracle.canonical.program.node import Fn
from oracle.canonical.reference.elementary import ELEMENTARY
from oracle.canonical.reference.maps import map_function
from oracle.canonical.tensor import DType
from tests.unit.canonical import mpfr
from tests.unit.canonical.strategies import float_bits

F = DType.FLOAT
SIGN = 0x80000000


def _unary(fn: Fn, x: int) -> int:
    return map_function(fn, F, [F], [x])


def _power(x: int, y: int) -> int:
    return map_function(Fn.POW, F, [F, F], [x, y])


def _bits(value: float) -> int:
    return int(struct.unpack(">I", struct.pack(">f", value))[0])


@settings(max_examples=400)
@given(st.sampled_from(sorted(mpfr.UNARY)), float_bits())
def test_functions_of_one_float_are_correctly_rounded(fn: Fn, x: int) -> None:
    """At the magnitudes where they are hard: subnormals, poles, huge arguments of sin, ends of the format."""
    assert _unary(fn, x) == mpfr.unary(fn, x)


@pytest.mark.parametrize("fn", sorted(ELEMENTARY))
@given(st.integers(90, 136), st.integers(0, 2**23 - 1), st.sampled_from([0, SIGN]))
def test_functions_are_correctly_rounded_where_models_use_them(fn: Fn, exponent: int, fraction: int, sign: int) -> None:
    """Between 2^-37 and 2^10: here results are neither trivial nor out of range."""
    x = sign | exponent << 23 | fraction
    assert _unary(fn, x) == mpfr.unary(fn, x)


# Arguments whose first series terms end exactly on a midpoint, so that only a far term decides.
BESIDE_MIDPOINTS = {
    Fn.SIGMOID: [0xB3800000, 0x33800000, 0xB3000000, 0x33000000],  # ½ + x/4 - x³/48
    Fn.EXP: [0x33800000, 0x34400000, 0xB3000000, 0xB3C00000],  # 1 + x + x²/2
    Fn.LOG: [0x3F7FFFFF, 0x3F800001, 0x3F800002, 0x3F7FFFFE],  # t - t²/2
    Fn.ASINH: [0x39800000, 0x3A000001, 0x33000000],  # x - x³/6
    Fn.SINH: [0x39800000, 0x3A000001, 0x33000000],
    Fn.TANH: [0x39800000, 0x3A000001, 0x33000000],
    Fn.ATAN: [0x39800000, 0x3A000001, 0x33000000],
    Fn.SIN: [0x39800000, 0x3A000001, 0x33000000],
    Fn.TAN: [0x39800000, 0x3A000001, 0x33000000],
    Fn.COS: [0x39800000, 0x39DDB3D7, 0x3A000000],  # 1 - x²/2
    Fn.COSH: [0x39B504F3, 0x3A1CC471, 0x39800000],  # 1 + x²/2
    Fn.ACOSH: [0x3F800001, 0x3F800002, 0x3F800004],
    Fn.ACOS: [0x3F7FFFFF, 0xBF7FFFFF, 0x33000000, 0x00000009],
    Fn.SOFTPLUS: [0x33800000, 0xB3800000, 0xC18AA123],
    Fn.ERF: [0x33000000, 0x39800000, 0x407AD444],  # the last: beside 1 - 2^-25
}


@pytest.mark.parametrize(("fn", "x"), [(fn, x) for fn, arguments in BESIDE_MIDPOINTS.items() for x in arguments])
def test_values_beside_midpoints_are_decided_rightly(fn: Fn, x: int) -> None:
    """They need far more digits than others: a path that carries too few fails here first."""
    for near in range(x - 8, x + 9):
        assert _unary(fn, near) == mpfr.unary(fn, near)


_erf = np.vectorize(math.erf, otypes=[np.float64])
FLOAT64: dict[Fn, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    Fn.SIGMOID: lambda x: 1 / (1 + np.exp(-x)),
    Fn.SOFTPLUS: lambda x: np.log1p(np.exp(x)),
    Fn.ERF: _erf,
    **{fn: getattr(np, fn.name.lower()) for fn in (Fn.EXP, Fn.LOG, Fn.TANH, Fn.SINH, Fn.COSH, Fn.SIN, Fn.COS, Fn.TAN)},
    **{
        fn: getattr(np, "arc" + fn.name.lower()[1:]) for fn in (Fn.ASINH, Fn.ACOSH, Fn.ATANH, Fn.ASIN, Fn.ACOS, Fn.ATAN)
    },
}


@pytest.mark.parametrize("fn", sorted(FLOAT64))
def test_the_hardest_of_a_hundred_thousand_arguments_are_rounded_rightly(fn: Fn) -> None:
    """Random arguments are easy. These are picked by float64: their values are nearest to a midpoint of two float32."""
    rng = np.random.default_rng(fn)
    x = (
        rng.integers(100, 133, 100_000) << 23 | rng.integers(0, 2**23, 100_000) | rng.integers(0, 2, 100_000) << 31
    ).astype(np.uint32)
    with np.errstate(all="ignore"):
        significands, _ = np.frexp(FLOAT64[fn](x.view(np.float32).astype(np.float64)))
    from_midpoint = np.abs((significands * 2**24) % 1 - 0.5)
    hardest = x[np.argsort(from_midpoint)[:100]]  # NaN comes last
    assert np.sort(from_midpoint)[99] < 2**-7
    for bits in map(int, hardest):
        assert _unary(fn, bits) == mpfr.unary(fn, bits)


def test_the_hardest_case_of_all_lies_beside_a_midpoint() -> None:
    """Sigmoid(-2^-24) = ½ - 2^-26 + 2^-77.6: a midpoint but for a 77th digit, and above it."""
    assert _unary(Fn.SIGMOID, 0xB3800000) == 0x3F000000
    assert _unary(Fn.SIGMOID, 0xB3800001) == 0x3EFFFFFF


@settings(max_examples=400)
@given(float_bits(), float_bits())
def test_powers_are_correctly_rounded(x: int, y: int) -> None:
    """Any two float32, NaN, infinities and zeros among them."""
    assert _power(x, y) == mpfr.binary(Fn.POW, x, y)


@settings(max_examples=300)
@given(st.integers(1, 2**12), st.integers(-40, 40), st.integers(-48, 48), st.integers(0, 3), st.sampled_from([0, SIGN]))
@example(4097, 0, 2, 0, 0)  # 4097² = 2^24 + 2^13 + 1 is exactly a midpoint
@example(1, -75, 2, 0, 0)  # 2^-150: halfway to the least subnormal
@example(3, -75, 2, 0, 0)  # 9·2^-150
@example(1, 1, -150, 0, 0)
def test_exact_powers_are_found(odd: int, e: int, n: int, roots: int, sign: int) -> None:
    """x^y that is a float32 or a midpoint would keep a loop of growing precision busy for ever."""
    try:
        x, y = _bits(float(odd ** (2**roots)) * 2.0 ** (e * 2**roots)), _bits(n / 2**roots)
    except OverflowError:
        return
    assert _power(x | sign, y) == mpfr.binary(Fn.POW, x | sign, y)


@given(st.integers(1, 2**13), st.integers(-60, 60))
def test_exact_squares_and_square_roots_of_powers_are_rounded_as_products_are(m: int, e: int) -> None:
    """The same exact number by two routes."""
    x = _bits(m * 2.0**e)
    assert _power(x, 0x40000000) == map_function(Fn.MUL, F, [F, F], [x, x])
    assert _power(x, 0x3F000000) == _unary(Fn.SQRT, x)
    assert _power(x, 0xBF800000) == _unary(Fn.RECIPROCAL, x)


@settings(max_examples=100)
@given(st.integers(-40, 40).filter(bool), float_bits())
def test_powers_of_numbers_near_one_keep_their_digits(steps: int, y: int) -> None:
    """The logarithm is tiny and y huge there: digits lost in the one come back in the other."""
    x = 0x3F800000 + steps
    assert _power(x, y) == mpfr.binary(Fn.POW, x, y)


ONE, TWO, HALF, THREE, INF, NAN = 0x3F800000, 0x40000000, 0x3F000000, 0x40400000, 0x7F800000, 0x7FC00000
M_ONE, M_TWO, M_HALF, M_THREE, M_INF = (b | SIGN for b in (ONE, TWO, HALF, THREE, INF))
ATAN_INF = 0x3FC90FDB
SPECIAL: list[tuple[Fn, int, int]] = [
    *((fn, NAN, NAN) for fn in sorted(ELEMENTARY)),
    *((fn, 0xFFC12345, NAN) for fn in sorted(ELEMENTARY)),
    *((fn, 0x7F800001, NAN) for fn in sorted(ELEMENTARY)),
    *((fn, zero, 0) for fn in (Fn.TANH, Fn.SINH, Fn.ASINH, Fn.ATANH, Fn.SIN, Fn.TAN, Fn.ASIN, Fn.ATAN, Fn.ERF)
      for zero in (0, SIGN)),
    *((fn, zero, ONE) for fn in (Fn.EXP, Fn.COSH, Fn.COS) for zero in (0, SIGN)),
    *((fn, x, NAN) for fn in (Fn.SIN, Fn.COS, Fn.TAN, Fn.ASIN, Fn.ACOS, Fn.ATANH) for x in (INF, M_INF)),
    *((fn, x, NAN) for fn in (Fn.ASIN, Fn.ACOS, Fn.ATANH) for x in (ONE + 1, M_ONE + 1, TWO, M_TWO, 0x7F7FFFFF)),
    (Fn.EXP, INF, INF), (Fn.EXP, M_INF, 0), (Fn.EXP, 0x42B17217, 0x7F7FFF84), (Fn.EXP, 0x42B17218, INF),
    (Fn.EXP, 0xC2CFF1B4, 1), (Fn.EXP, 0xC2CFF1B5, 0), (Fn.EXP, 0x7F7FFFFF, INF), (Fn.EXP, 0xFF7FFFFF, 0),
    (Fn.EXP, 1, ONE),
    (Fn.LOG, 0, M_INF), (Fn.LOG, SIGN, M_INF), (Fn.LOG, ONE, 0), (Fn.LOG, INF, INF), (Fn.LOG, M_INF, NAN),
    (Fn.LOG, SIGN | 1, NAN), (Fn.LOG, M_ONE, NAN),
    (Fn.SIGMOID, 0, HALF), (Fn.SIGMOID, SIGN, HALF), (Fn.SIGMOID, INF, ONE), (Fn.SIGMOID, M_INF, 0),
    (Fn.SIGMOID, 0x7F7FFFFF, ONE), (Fn.SIGMOID, 0xFF7FFFFF, 0),
    (Fn.SOFTPLUS, INF, INF), (Fn.SOFTPLUS, M_INF, 0), (Fn.SOFTPLUS, 0x7F7FFFFF, 0x7F7FFFFF),
    (Fn.SOFTPLUS, 0xFF7FFFFF, 0),
    (Fn.TANH, INF, ONE), (Fn.TANH, M_INF, M_ONE), (Fn.SINH, INF, INF), (Fn.SINH, M_INF, M_INF),
    (Fn.COSH, INF, INF), (Fn.COSH, M_INF, INF), (Fn.SINH, 0xFF7FFFFF, M_INF),
    (Fn.ASINH, INF, INF), (Fn.ASINH, M_INF, M_INF),
    (Fn.ACOSH, INF, INF), (Fn.ACOSH, ONE, 0), (Fn.ACOSH, ONE - 1, NAN), (Fn.ACOSH, 0, NAN), (Fn.ACOSH, M_INF, NAN),
    (Fn.ATANH, ONE, INF), (Fn.ATANH, M_ONE, M_INF),
    (Fn.ACOS, ONE, 0), (Fn.ACOS, M_ONE, 0x40490FDB), (Fn.ASIN, ONE, ATAN_INF), (Fn.ASIN, M_ONE, ATAN_INF | SIGN),
    (Fn.ATAN, INF, ATAN_INF), (Fn.ATAN, M_INF, ATAN_INF | SIGN), (Fn.ATAN, 0x7F7FFFFF, ATAN_INF),
    (Fn.ERF, INF, ONE), (Fn.ERF, M_INF, M_ONE), (Fn.ERF, 0xFF7FFFFF, M_ONE),
]  # fmt: skip


@pytest.mark.parametrize(("fn", "x", "y"), SPECIAL)
def test_special_arguments_have_the_values_of_the_specification(fn: Fn, x: int, y: int) -> None:
    """Limits, poles and ends of domains, row by row."""
    assert _unary(fn, x) == y


POWERS = [
    *((x, zero, ONE) for x in (0, SIGN, ONE, M_TWO, INF, M_INF, NAN) for zero in (0, SIGN)),
    *((ONE, y, ONE) for y in (TWO, M_HALF, INF, M_INF, NAN)),
    (NAN, ONE, NAN), (TWO, NAN, NAN), (0, NAN, NAN), (INF, NAN, NAN),
    (M_ONE, INF, ONE), (M_ONE, M_INF, ONE), (M_ONE, 0x7F7FFFFF, ONE), (M_ONE, THREE, M_ONE), (M_ONE, HALF, NAN),
    (M_TWO, HALF, NAN), (M_TWO, 0x3FC00000, NAN), (M_TWO, THREE, 0xC1000000), (M_TWO, TWO, 0x40800000),
    (M_TWO, M_ONE, M_HALF), (SIGN | 1, HALF, NAN), (SIGN | 1, THREE, 0),
    (0, TWO, 0), (0, THREE, 0), (0, HALF, 0), (0, INF, 0), (0, M_TWO, INF), (0, M_THREE, INF), (0, M_HALF, INF),
    (0, M_INF, INF), (SIGN, M_THREE, INF), (SIGN, THREE, 0),
    (INF, TWO, INF), (INF, 1, INF), (INF, M_TWO, 0), (INF, INF, INF), (INF, M_INF, 0),
    (M_INF, THREE, M_INF), (M_INF, TWO, INF), (M_INF, HALF, INF), (M_INF, M_THREE, 0), (M_INF, M_HALF, 0),
    (M_INF, INF, INF), (M_INF, M_INF, 0),
    (TWO, INF, INF), (HALF, INF, 0), (M_TWO, INF, INF), (M_HALF, INF, 0), (TWO, M_INF, 0), (HALF, M_INF, INF),
    (M_TWO, M_INF, 0), (M_HALF, M_INF, INF), (ONE - 1, INF, 0), (ONE + 1, INF, INF), (M_ONE + 1, M_INF, 0),
    (TWO, 0x7F7FFFFF, INF), (TWO, 0xFF7FFFFF, 0), (1, 0x7F7FFFFF, 0), (1, 0xFF7FFFFF, INF), (0x7F7FFFFF, 1, ONE),
]  # fmt: skip


@pytest.mark.parametrize(("x", "y", "z"), POWERS)
def test_powers_have_the_special_values_of_ieee_754(x: int, y: int, z: int) -> None:
    """IEEE 754-2019 §9.2.1 with one zero, row by row."""
    assert _power(x, y) == z
