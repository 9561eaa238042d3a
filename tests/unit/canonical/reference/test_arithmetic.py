"""Exact MAP functions: float32 against MPFR, integers against NumPy."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from oracle.canonical.program.node import Fn
from oracle.canonical.reference.formats import decode, encode
from oracle.canonical.reference.maps import map_function
from oracle.canonical.tensor import DType
from oracle.errors import ProgramError
from tests.unit.canonical import mpfr
from tests.unit.canonical.strategies import FORMATS, INTEGERS, columns, element_bits, float_bits

F, B = DType.FLOAT, DType.BOOL
SIGN = 0x80000000
ONE, TWO, INF, NAN = 0x3F800000, 0x40000000, 0x7F800000, 0x7FC00000
M_ONE, M_TWO, M_INF = ONE | SIGN, TWO | SIGN, INF | SIGN
Integers = NDArray[Any]


def _float(fn: Fn, *x: int) -> int:
    return map_function(fn, F, [F] * len(x), x)


def _integer(fn: Fn, dtype: DType, *x: int) -> int:
    """The function of integers, as numbers."""
    bits = map_function(fn, dtype, [dtype] * len(x), [encode(dtype, value) for value in x])
    return int(decode(dtype, bits))


@settings(max_examples=500)
@given(st.sampled_from([Fn.ADD, Fn.SUB, Fn.MUL, Fn.DIV]), columns(F, 2))
def test_float_arithmetic_is_correctly_rounded(fn: Fn, pair: tuple[int, int]) -> None:
    """Pairs that cancel, tie, overflow and underflow."""
    assert _float(fn, *pair) == mpfr.binary(fn, *pair)


@given(columns(F, 2))
def test_prelu_rounds_the_product_once(pair: tuple[int, int]) -> None:
    """Its two pieces are the argument itself and one multiplication; NaN belongs to the second."""
    x, slope = pair
    expected = mpfr.rounded(mpfr.to_mpfr(x)) if mpfr.to_mpfr(x) >= 0 else mpfr.binary(Fn.MUL, x, slope)
    assert _float(Fn.PRELU, x, slope) == expected


@given(columns(F, 2))
def test_float_maximum_and_minimum_are_numpys(pair: tuple[int, int]) -> None:
    """NumPy's propagate NaN too."""
    x, y = (np.float32(mpfr.to_mpfr(bits)) for bits in pair)
    assert _float(Fn.MAX, *pair) == mpfr.rounded(mpfr.gmpy2.mpfr(float(np.maximum(x, y))))
    assert _float(Fn.MIN, *pair) == mpfr.rounded(mpfr.gmpy2.mpfr(float(np.minimum(x, y))))


@given(columns(F, 2))
def test_comparisons_of_floats_are_ieee_754s(pair: tuple[int, int]) -> None:
    """False beside NaN, and zeros are equal."""
    x, y = (float(mpfr.to_mpfr(bits)) for bits in pair)
    assert map_function(Fn.EQUAL, B, [F, F], pair) == (x == y)
    assert map_function(Fn.LESS, B, [F, F], pair) == (x < y)


NUMPY: dict[Fn, Callable[[Integers, Integers], Integers]] = {
    Fn.ADD: np.add,
    Fn.SUB: np.subtract,
    Fn.MUL: np.multiply,
    Fn.MAX: np.maximum,
    Fn.MIN: np.minimum,
    Fn.PRELU: lambda x, y: np.where(x >= 0, x, x * y),
}


@given(st.sampled_from(sorted(NUMPY)), st.sampled_from(INTEGERS), st.data())
def test_integer_arithmetic_wraps_as_numpys(fn: Fn, dtype: DType, data: st.DataObject) -> None:
    """Two's complement of the width of the dtype, signed and unsigned."""
    x, y = (data.draw(element_bits(dtype)) for _ in range(2))
    arrays = [np.array([int(decode(dtype, bits))], dtype.numpy) for bits in (x, y)]
    expected = int(NUMPY[fn](*arrays)[0])
    assert decode(dtype, map_function(fn, dtype, [dtype] * 2, [x, y])) == expected


@given(st.sampled_from(INTEGERS), st.data())
def test_integer_quotients_leave_a_remainder_of_the_dividends_sign(dtype: DType, data: st.DataObject) -> None:
    """That, and its size, is what rounding toward zero means."""
    x, y = (int(decode(dtype, data.draw(element_bits(dtype)))) for _ in range(2))
    q = _integer(Fn.DIV, dtype, x, y)
    if y == 0:
        assert q == 0
    elif y == -1:
        assert (q + x) % (1 << 8 * dtype.size) == 0
    else:
        remainder = x - q * y
        assert abs(remainder) < abs(y)
        assert remainder * x >= 0


@given(st.sampled_from(INTEGERS), st.data(), st.integers(0, 70))
def test_integer_powers_are_repeated_products(dtype: DType, data: st.DataObject, n: int) -> None:
    """Modulo 2^bits after each of them, as a loop in another language would do it."""
    x = int(decode(dtype, data.draw(element_bits(dtype))))
    expected = 1
    for _ in range(n):
        expected = _integer(Fn.MUL, dtype, expected, x)
    assert _integer(Fn.POW, dtype, x, n) == expected


@pytest.mark.parametrize(
    ("x", "n", "y"),
    [
        (1, -5, 1),
        (-1, -5, -1),
        (-1, -4, 1),
        (-1, -(2**63), 1),
        (0, -1, 0),
        (2, -1, 0),
        (-2, -1, 0),
        (0, 0, 1),
        (7, 0, 1),
    ],
)
def test_integers_to_negative_powers_are_cut_toward_zero(x: int, n: int, y: int) -> None:
    """The exact value is below 1 but for ±1; of 0 there is none, and 0 is the rule."""
    assert _integer(Fn.POW, DType.INT64, x, n) == y


@given(st.sampled_from(INTEGERS), st.data())
def test_absolute_values_negatives_and_signs_of_integers_wrap(dtype: DType, data: st.DataObject) -> None:
    """Of the least number too, which has no negative."""
    x = int(decode(dtype, data.draw(element_bits(dtype))))
    modulus = 1 << 8 * dtype.size
    assert (_integer(Fn.ABS, dtype, x) - abs(x)) % modulus == 0
    assert (_integer(Fn.NEG, dtype, x) + x) % modulus == 0
    assert _integer(Fn.SIGN, dtype, x) == (x > 0) - (x < 0)


@settings(max_examples=500)
@given(st.sampled_from(FORMATS), st.sampled_from(FORMATS), st.data())
def test_casts_are_exact_then_rounded_clamped_or_wrapped(source: DType, to: DType, data: st.DataObject) -> None:
    """The five rules of CAST, each said with another library than the reference uses."""
    bits = data.draw(element_bits(source))
    result = map_function(Fn.CAST, to, [source], [bits])
    value = float(mpfr.to_mpfr(bits)) if source is F else int(decode(source, bits))
    if to is B:
        assert result == int(value != 0)
    elif to is F:
        assert result == mpfr.rounded(mpfr.gmpy2.mpfr(value, 100))
    elif source is F:
        info = np.iinfo(to.numpy)
        clamped = 0 if math.isnan(value) else max(info.min, min(info.max, value))
        assert decode(to, result) == int(clamped)
    else:
        assert result == value % (1 << 8 * to.size)


@pytest.mark.parametrize("fn", [Fn.AND, Fn.OR, Fn.XOR])
@given(x=st.integers(0, 255), y=st.integers(0, 255))
def test_bools_other_than_zero_are_true(fn: Fn, x: int, y: int) -> None:
    """Bits of raw bools must not meet each other: 1 and 2 are both true."""
    table = {Fn.AND: bool(x) and bool(y), Fn.OR: bool(x) or bool(y), Fn.XOR: bool(x) != bool(y)}
    assert map_function(fn, B, [B, B], [x, y]) == table[fn]
    assert map_function(Fn.NOT, B, [B], [x]) == (not x)
    assert map_function(Fn.EQUAL, B, [B, B], [x, y]) == (bool(x) == bool(y))


SPECIAL = [
    (Fn.ADD, (INF, M_INF), NAN), (Fn.ADD, (INF, INF), INF), (Fn.ADD, (M_INF, ONE), M_INF), (Fn.SUB, (INF, INF), NAN),
    (Fn.SUB, (ONE, INF), M_INF), (Fn.ADD, (SIGN, SIGN), 0), (Fn.SUB, (ONE, ONE), 0), (Fn.ADD, (0xFFFFFFFF, ONE), NAN),
    (Fn.ADD, (0x7F7FFFFF, 0x73000000), INF), (Fn.ADD, (0x7F7FFFFF, 0x72FFFFFF), 0x7F7FFFFF),
    (Fn.MUL, (0, INF), NAN), (Fn.MUL, (M_INF, SIGN), NAN), (Fn.MUL, (M_INF, M_TWO), INF), (Fn.MUL, (SIGN | 1, 1), 0),
    (Fn.MUL, (1, 0x3F000000), 0), (Fn.MUL, (3, 0x3F000000), 2), (Fn.MUL, (1, 0x3F000001), 1), (Fn.MUL, (M_ONE, 0), 0),
    (Fn.DIV, (ONE, 0), INF), (Fn.DIV, (ONE, SIGN), INF), (Fn.DIV, (M_ONE, 0), M_INF), (Fn.DIV, (0, 0), NAN),
    (Fn.DIV, (M_ONE, SIGN), M_INF), (Fn.DIV, (INF, 0), INF), (Fn.DIV, (M_INF, 0), M_INF), (Fn.DIV, (INF, M_INF), NAN),
    (Fn.DIV, (M_ONE, INF), 0), (Fn.DIV, (NAN, 0), NAN), (Fn.DIV, (1, 0x7F7FFFFF), 0), (Fn.DIV, (INF, M_TWO), M_INF),
    (Fn.RECIPROCAL, (0,), INF), (Fn.RECIPROCAL, (SIGN,), INF), (Fn.RECIPROCAL, (M_INF,), 0),
    (Fn.RECIPROCAL, (0x7F7FFFFF,), 0x00200000), (Fn.RECIPROCAL, (0x00200000,), INF), (Fn.RECIPROCAL, (NAN,), NAN),
    (Fn.SQRT, (SIGN,), 0), (Fn.SQRT, (M_ONE,), NAN), (Fn.SQRT, (INF,), INF), (Fn.SQRT, (M_INF,), NAN),
    (Fn.SQRT, (NAN,), NAN),
    (Fn.MAX, (NAN, INF), NAN), (Fn.MAX, (ONE, 0xFFC00001), NAN), (Fn.MIN, (NAN, M_INF), NAN), (Fn.MAX, (SIGN, 0), 0),
    (Fn.MIN, (M_INF, ONE), M_INF), (Fn.ABS, (M_INF,), INF), (Fn.ABS, (0xFFC00001,), NAN), (Fn.ABS, (SIGN | 1,), 1),
    (Fn.NEG, (0,), 0), (Fn.NEG, (INF,), M_INF), (Fn.NEG, (NAN,), NAN), (Fn.SIGN, (NAN,), NAN), (Fn.SIGN, (SIGN,), 0),
    (Fn.SIGN, (SIGN | 1,), M_ONE), (Fn.SIGN, (INF,), ONE), (Fn.SIGN, (M_INF,), M_ONE),
    (Fn.FLOOR, (SIGN | 1,), M_ONE), (Fn.CEIL, (SIGN | 1,), 0), (Fn.CEIL, (1,), ONE), (Fn.FLOOR, (M_INF,), M_INF),
    (Fn.ROUND, (0x3F000000,), 0), (Fn.ROUND, (0xBF000000,), 0), (Fn.ROUND, (0x3FC00000,), TWO),
    (Fn.ROUND, (0x40200000,), TWO),
    (Fn.ROUND, (0xBFC00000,), M_TWO), (Fn.ROUND, (0x4B000001,), 0x4B000001), (Fn.ROUND, (NAN,), NAN),
    (Fn.CEIL, (INF,), INF),
    (Fn.PRELU, (NAN, ONE), NAN), (Fn.PRELU, (ONE, NAN), ONE), (Fn.PRELU, (SIGN, NAN), 0), (Fn.PRELU, (M_INF, 0), NAN),
    (Fn.PRELU, (M_ONE, NAN), NAN), (Fn.PRELU, (INF, 0), INF),
]  # fmt: skip


@pytest.mark.parametrize(("fn", "x", "y"), SPECIAL)
def test_special_operands_have_the_values_of_the_specification(fn: Fn, x: tuple[int, ...], y: int) -> None:
    """NaN, infinities, zeros, subnormals and overflow, row by row."""
    assert _float(fn, *x) == y


CASTS = [
    (F, NAN, DType.INT32, 0), (F, INF, DType.INT32, 2**31 - 1), (F, M_INF, DType.INT32, 2**31),
    (F, M_INF, DType.UINT8, 0),
    (F, 0xBFFFFFFF, DType.INT8, 255), (F, 0xBF7FFFFF, DType.INT8, 0), (F, 0x4F000000, DType.INT32, 2**31 - 1),
    (F, 0x5F000000, DType.INT64, 2**63 - 1), (F, 0xDF000000, DType.INT64, 2**63),
    (F, 0x5F800000, DType.UINT64, 2**64 - 1),
    (F, 0x437F8000, DType.UINT8, 255), (F, 0xBF800000, DType.UINT16, 0), (F, NAN, B, 1), (F, 1, B, 1), (F, SIGN, B, 0),
    (DType.INT64, 2**24 + 1, F, 0x4B800000), (DType.INT64, 2**24 + 3, F, 0x4B800002),
    (DType.INT64, 2**63, F, 0xDF000000),
    (DType.UINT64, 2**64 - 1, F, 0x5F800000), (DType.INT64, 2**64 - 1, DType.UINT8, 255),
    (DType.UINT8, 255, DType.INT8, 255),
    (DType.INT8, 128, DType.UINT64, 2**64 - 128), (B, 7, DType.INT64, 1), (B, 7, F, ONE), (DType.INT32, 2**31, B, 1),
]  # fmt: skip


@pytest.mark.parametrize(("source", "x", "to", "y"), CASTS)
def test_casts_at_the_ends_of_formats(source: DType, x: int, to: DType, y: int) -> None:
    """Saturation from floats, wrapping from integers, rounding to floats."""
    assert map_function(Fn.CAST, to, [source], [x]) == y


@given(float_bits())
def test_functions_that_choose_among_reads_are_none_of_values(x: int) -> None:
    """PICK knows whether a read is in range, which its bits do not say."""
    for fn in (Fn.PICK, Fn.WHERE):
        with pytest.raises(ProgramError, match="no MAP function of its operands' values"):
            _float(fn, x)
