"""Folds: exact sums against MPFR's, the rest against NumPy's."""

import math
import random
import struct

import gmpy2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.canonical.program.node import RANK_ASCENDING, RANK_DESCENDING, Fn
from oracle.canonical.reference.folds import fold_function
from oracle.canonical.reference.formats import decode, encode
from oracle.canonical.reference.rank import order
from oracle.canonical.tensor import DType
from tests.unit.canonical import mpfr
from tests.unit.canonical.strategies import INTEGERS, NUMERIC, columns

F, I64 = DType.FLOAT, DType.INT64
SIGN = 0x80000000
ONE, INF, NAN = 0x3F800000, 0x7F800000, 0x7FC00000
M_ONE, M_INF = ONE | SIGN, INF | SIGN
LARGEST = 0x7F7FFFFF

lengths = st.integers(0, 12)
sums = st.sampled_from([Fn.FOLD_DOT, Fn.FOLD_SUM, Fn.FOLD_MEAN])


def power_of_two(exponent: int) -> int:
    """Bits of the float32 2^exponent."""
    return int(struct.unpack(">I", struct.pack(">f", 2.0**exponent))[0])


def dot(a: list[int], b: list[int], c: int | None = None) -> int:
    """A DOT of float32."""
    return fold_function(Fn.FOLD_DOT, F, F, [a, b], c)


@settings(max_examples=300)
@given(sums, lengths, st.data())
def test_float_sums_are_exact_and_rounded_once(fn: Fn, length: int, data: st.DataObject) -> None:
    """Columns cancel and tie, so a sum that rounds twice, or loses a small term, is caught."""
    a, b, c = (data.draw(columns(F, n)) for n in (length, length, data.draw(st.integers(0, 1))))
    if fn is Fn.FOLD_DOT:
        assert dot(list(a), list(b), c[0] if c else None) == mpfr.rounded(mpfr.exact_dot(a, b, c))
    elif fn is Fn.FOLD_SUM:
        total = mpfr.exact_sum(map(mpfr.to_mpfr, (*a, *c)))
        assert fold_function(fn, F, F, [a], c[0] if c else None) == mpfr.rounded(total)
    elif a:
        mean = mpfr.FLOAT32.div(mpfr.exact_sum(map(mpfr.to_mpfr, a)), len(a))
        assert fold_function(fn, F, F, [a]) == mpfr.to_bits(mean)


@given(st.lists(st.sampled_from([1, -1]), min_size=2, max_size=2), st.randoms(use_true_random=False))
def test_a_far_smaller_term_decides_a_tie(signs: list[int], rng: random.Random) -> None:
    """1 + 2^-24 is a midpoint, and 2^-80 beside it too small for a float64: the classic double rounding."""
    second, third = (SIGN if sign < 0 else 0 for sign in signs)
    terms = [ONE, power_of_two(-24) | second, power_of_two(-80) | third]
    rng.shuffle(terms)
    exact = 1 + signs[0] * gmpy2.mpq(1, 2**24) + signs[1] * gmpy2.mpq(1, 2**80)
    expected = mpfr.to_bits(mpfr.FLOAT32.div(exact.numerator, exact.denominator))
    assert fold_function(Fn.FOLD_SUM, F, F, [terms]) == expected
    assert dot(terms, [ONE] * 3) == expected
    assert dot(terms[1:], [ONE] * 2, terms[0]) == expected


def test_the_tie_of_one_and_two_to_the_minus_24_goes_up_with_a_term_above_it() -> None:
    """The triple itself, in bits."""
    assert fold_function(Fn.FOLD_SUM, F, F, [[ONE, power_of_two(-24), power_of_two(-80)]]) == ONE + 1
    assert fold_function(Fn.FOLD_SUM, F, F, [[ONE, power_of_two(-24)]]) == ONE
    assert fold_function(Fn.FOLD_SUM, F, F, [[ONE, power_of_two(-24), power_of_two(-80) | SIGN]]) == ONE


def test_products_beyond_the_format_cancel_exactly() -> None:
    """Nothing overflows or underflows before the end: 2^254 - 2^254 + 2^-298 · 2^… is what is left."""
    huge, tiny = power_of_two(127), 1
    assert dot([huge, huge | SIGN, ONE], [huge, huge, ONE]) == ONE
    assert dot([huge, tiny, huge | SIGN], [huge, tiny, huge]) == 0
    assert dot([huge, huge | SIGN], [huge, huge], tiny) == tiny
    assert dot([LARGEST, LARGEST], [LARGEST, LARGEST | SIGN]) == 0
    assert dot([tiny] * 2, [power_of_two(-1)] * 2) == tiny


SPECIAL = [
    ([INF, 0], [0, 0], NAN), ([INF, 0], [ONE, ONE], INF), ([INF, M_INF], [ONE, ONE], NAN),
    ([INF, INF], [ONE, M_ONE], NAN),
    ([M_INF, LARGEST], [ONE, LARGEST], M_INF), ([NAN], [0], NAN), ([0xFF800001], [ONE], NAN), ([INF], [SIGN], NAN),
    ([LARGEST, 0x73000000], [ONE, ONE], INF), ([LARGEST, 0x72FFFFFF], [ONE, ONE], LARGEST), ([], [], 0),
    ([M_ONE, ONE], [ONE, ONE], 0), ([SIGN], [ONE], 0), ([SIGN | 1], [power_of_two(-1)], 0),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b", "y"), SPECIAL)
def test_special_terms_have_the_values_of_the_specification(a: list[int], b: list[int], y: int) -> None:
    """NaN, infinities, overflow from 2^128 - 2^103 on, one zero."""
    assert dot(a, b) == y


@pytest.mark.parametrize(("c", "y"), [(NAN, NAN), (M_INF, NAN), (INF, INF), (ONE, INF)])
def test_the_addend_is_one_term_more(c: int, y: int) -> None:
    """It meets infinities as any other term."""
    assert dot([INF], [ONE], c) == y
    assert fold_function(Fn.FOLD_SUM, F, F, [[INF]], c) == y


@given(st.sampled_from(INTEGERS), lengths, st.data())
def test_integer_folds_are_numpys(dtype: DType, length: int, data: st.DataObject) -> None:
    """NumPy's accumulators wrap too."""
    a, b = (data.draw(columns(dtype, length)) for _ in range(2))
    x, y = (np.array([int(decode(dtype, bits)) for bits in column], dtype.numpy) for column in (a, b))
    number = np.add.reduce(x * y, dtype=dtype.numpy)
    assert decode(dtype, fold_function(Fn.FOLD_DOT, dtype, dtype, [a, b])) == int(number)
    assert decode(dtype, fold_function(Fn.FOLD_SUM, dtype, dtype, [a])) == int(np.add.reduce(x, dtype=dtype.numpy))
    info = np.iinfo(dtype.numpy)
    assert decode(dtype, fold_function(Fn.FOLD_MAX, dtype, dtype, [a])) == int(np.max(x, initial=info.min))
    assert decode(dtype, fold_function(Fn.FOLD_MIN, dtype, dtype, [a])) == int(np.min(x, initial=info.max))


@given(st.sampled_from(INTEGERS), st.integers(1, 12), st.data())
def test_integer_means_divide_the_exact_sum_toward_zero(dtype: DType, length: int, data: st.DataObject) -> None:
    """The sum does not wrap before it is divided."""
    a = data.draw(columns(dtype, length))
    numbers = [int(decode(dtype, bits)) for bits in a]
    quotient = abs(sum(numbers)) // length
    expected = quotient if sum(numbers) >= 0 else -quotient
    assert decode(dtype, fold_function(Fn.FOLD_MEAN, dtype, dtype, [a])) == expected


@given(columns(F, 7))
def test_float_extremes_are_numpys(a: tuple[int, ...]) -> None:
    """NaN wins, zeros are one, the first of equals is the position; ARG skips NaN unless there is nothing else."""
    x = np.array([float(mpfr.to_mpfr(bits)) for bits in a])
    for fn, extreme, nan_position in (
        (Fn.FOLD_MAX, np.max, np.nanargmax),
        (Fn.FOLD_MIN, np.min, np.nanargmin),
    ):
        got, expected = decode(F, fold_function(fn, F, F, [a])), float(extreme(x))
        assert got == expected or (math.isnan(got) and math.isnan(expected))
        position = 0 if np.isnan(x).all() else int(nan_position(x))
        assert fold_function(Fn(fn + 2), I64, F, [a]) == position


@pytest.mark.parametrize(
    ("fn", "dtype", "result", "y"),
    [
        (Fn.FOLD_SUM, F, F, 0), (Fn.FOLD_SUM, I64, I64, 0), (Fn.FOLD_MEAN, F, F, NAN), (Fn.FOLD_MEAN, I64, I64, 0),
        (Fn.FOLD_MAX, F, F, M_INF), (Fn.FOLD_MIN, F, F, INF), (Fn.FOLD_MAX, DType.INT8, DType.INT8, 0x80),
        (Fn.FOLD_MIN, DType.INT8, DType.INT8, 0x7F), (Fn.FOLD_MAX, DType.UINT8, DType.UINT8, 0),
        (Fn.FOLD_MIN, DType.UINT8, DType.UINT8, 255), (Fn.FOLD_ARGMAX, F, I64, 0), (Fn.FOLD_ARGMIN, F, I64, 0),
        (Fn.FOLD_ANY, DType.BOOL, DType.BOOL, 0), (Fn.FOLD_ALL, DType.BOOL, DType.BOOL, 1),
    ],
)  # fmt: skip
def test_folds_of_nothing_have_their_own_values(fn: Fn, dtype: DType, result: DType, y: int) -> None:
    """K = 0 is a valid node."""
    assert fold_function(fn, result, dtype, [[]]) == y


@given(st.lists(st.integers(0, 255), max_size=5))
def test_any_and_all_see_bools_other_than_zero_as_true(column: list[int]) -> None:
    """Raw bools may be any byte."""
    assert fold_function(Fn.FOLD_ANY, DType.BOOL, DType.BOOL, [column]) == any(column)
    assert fold_function(Fn.FOLD_ALL, DType.BOOL, DType.BOOL, [column]) == all(column)


@settings(max_examples=200)
@given(st.sampled_from([F, *NUMERIC]), st.integers(0, 9), st.integers(0, 1), st.data())
def test_rank_is_the_order_in_which_exactly_j_others_precede(
    dtype: DType, length: int, fn: int, data: st.DataObject
) -> None:
    """The definition the judge on-chain counts by: up or down by value, NaN largest, equals by position."""
    column = data.draw(columns(dtype, length))
    values = [float(mpfr.to_mpfr(bits)) if dtype is F else decode(dtype, bits) for bits in column]

    def larger(p: int, q: int) -> bool:
        if math.isnan(values[p]) or math.isnan(values[q]):
            return math.isnan(values[p]) and not math.isnan(values[q])
        return values[p] > values[q]

    def precedes(p: int, q: int) -> bool:
        first, second = (p, q) if fn == 0 else (q, p)
        return larger(first, second) or (not larger(second, first) and p < q)

    positions = order(fn, dtype, column)
    assert sorted(positions) == list(range(length))
    for j, p in enumerate(positions):
        assert sum(precedes(q, p) for q in range(length)) == j


def test_results_of_folds_are_normalised() -> None:
    """One zero and one NaN are all a node ever writes."""
    assert fold_function(Fn.FOLD_MAX, F, F, [[SIGN]]) == 0
    assert fold_function(Fn.FOLD_MAX, F, F, [[0xFFFFFFFF]]) == NAN
    assert fold_function(Fn.FOLD_MEAN, F, F, [[0x7F800001]]) == NAN
    assert encode(F, -0.0) == 0


@pytest.mark.parametrize(
    ("column", "largest", "smallest"),
    [
        ([NAN, ONE, INF, INF], 2, 1), ([0xFFC00001, M_ONE], 1, 1), ([ONE, NAN, M_INF], 0, 2), ([NAN, 0xFF800001], 0, 0),
        ([SIGN, 0], 0, 0), ([0, 1, 1], 1, 0), ([NAN, M_INF, NAN, M_INF], 1, 1),
    ],
)  # fmt: skip
def test_positions_of_extremes_skip_nan(column: list[int], largest: int, smallest: int) -> None:
    """NaN first, last or alone; the first of equals, and zeros are equal."""
    assert fold_function(Fn.FOLD_ARGMAX, I64, F, [column]) == largest
    assert fold_function(Fn.FOLD_ARGMIN, I64, F, [column]) == smallest


@pytest.mark.parametrize(
    ("fn", "positions"), [(RANK_DESCENDING, [1, 4, 2, 0, 5, 6, 3]), (RANK_ASCENDING, [3, 0, 5, 6, 2, 1, 4])]
)
def test_nan_ranks_above_infinity_and_equals_keep_their_order(fn: int, positions: list[int]) -> None:
    """First going down, last going up; +0 and -0 are equal."""
    assert order(fn, F, [0, NAN, INF, M_INF, 0xFFC00001, SIGN, 0]) == positions
