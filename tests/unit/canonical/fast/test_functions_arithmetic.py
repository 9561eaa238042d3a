"""Arithmetic, comparisons and casts on arrays, against the reference."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from oracle.canonical.fast.functions import map_function, normalize
from oracle.canonical.program.node import Fn
from oracle.canonical.reference.maps import map_function as reference
from oracle.canonical.tensor import DType
from oracle.errors import ProgramError

INTEGERS = [d for d in DType if d.numpy.kind in "iu"]
NUMERIC = [DType.FLOAT, *INTEGERS]
FORMATS = [*NUMERIC, DType.BOOL]
PAIRS = (Fn.ADD, Fn.SUB, Fn.MUL, Fn.DIV, Fn.MAX, Fn.MIN, Fn.PRELU, Fn.EQUAL, Fn.LESS)
FLOAT_EDGES = [0, 0x80000000, 1, 0x80000001, 0x007FFFFF, 0x00800000, 0x3F800000, 0xBF800000, 0x7F7FFFFF, 0x7F800000,
               0xFF800000, 0x7FC00000, 0xFFC00001, 0x7F800001, 0x4F000000, 0x4EFFFFFF, 0xCF000000, 0x5F000000,
               0x5F800000, 0xDF000000, 0xDF000001, 0xBF000000, 0x3F000000, 0x40200000, 0x437F8000]  # fmt: skip


def bits_of(dtype: DType) -> st.SearchStrategy[int]:
    """Elements with the edges of their format often."""
    top = 1 << 8 * dtype.size
    if dtype is DType.BOOL:
        return st.integers(0, 1)
    if dtype is DType.FLOAT:
        return st.sampled_from(FLOAT_EDGES) | st.integers(0, top - 1)
    edges = {v % top for c in (0, top // 2, top) for v in range(c - 3, c + 4)}
    shorts = {(s * (2**e + d)) % top for e in (24, 25, 53, 54) for d in (-1, 0, 1) for s in (1, -1)}
    return st.sampled_from(sorted(edges | shorts)) | st.integers(0, top - 1)


def array(dtype: DType, bits: Sequence[int]) -> NDArray[Any]:
    """Elements with these bits."""
    return np.array(bits, f"u{dtype.size}").view(dtype.numpy)


def agree(fn: Fn, out: DType, dtypes: Sequence[DType], rows: Sequence[tuple[int, ...]]) -> None:
    """`map_function` gives the reference's bits for every row of operands."""
    operands = [array(d, column) for d, column in zip(dtypes, zip(*rows, strict=True), strict=True)]
    result = map_function(fn, out, operands)
    expected = [reference(fn, out, dtypes, row) for row in rows]
    assert result.dtype == out.numpy
    assert result.view(f"u{out.size}").tolist() == expected


@given(data=st.data(), fn=st.sampled_from(PAIRS), dtype=st.sampled_from(NUMERIC))
def test_functions_of_two_give_the_references_bits(data: st.DataObject, fn: Fn, dtype: DType) -> None:
    """Wrapping, division toward zero, signed zeros and NaN are where NumPy has rules of its own."""
    rows = data.draw(st.lists(st.tuples(bits_of(dtype), bits_of(dtype)), min_size=1, max_size=20))
    agree(fn, DType.BOOL if fn in (Fn.EQUAL, Fn.LESS) else dtype, [dtype, dtype], rows)


@given(data=st.data(), dtype=st.sampled_from(INTEGERS))
def test_integer_powers_wrap_and_negative_exponents_go_toward_zero(data: st.DataObject, dtype: DType) -> None:
    """NumPy refuses negative integer powers."""
    small = st.integers(0, 20) | st.integers(1, 6).map(lambda n: (1 << 8 * dtype.size) - n)
    rows = data.draw(st.lists(st.tuples(small | bits_of(dtype), small | bits_of(dtype)), min_size=1, max_size=20))
    agree(Fn.POW, dtype, [dtype, dtype], rows)


@pytest.mark.parametrize("dtype", FORMATS, ids=lambda dtype: dtype.label)
def test_elements_that_stand_alone_are_computed_as_in_rows(dtype: DType) -> None:
    """NumPy 1 gives an array without dimensions the dtypes of Python's numbers: a uint64 becomes float64."""
    x, y = (array(dtype, [1]).reshape(()) for _ in range(2))
    for fn in (*PAIRS, Fn.POW) if dtype is not DType.BOOL else (Fn.EQUAL, Fn.AND, Fn.OR, Fn.XOR):
        result = DType.BOOL if fn in (Fn.EQUAL, Fn.LESS) else dtype
        alone, row = map_function(fn, result, [x, y]), map_function(fn, result, [x.reshape(1), y.reshape(1)])
        assert alone.shape == ()
        assert alone.tobytes() == row.tobytes()
    for to in FORMATS:
        assert map_function(Fn.CAST, to, [x]).tobytes() == map_function(Fn.CAST, to, [x.reshape(1)]).tobytes()


@given(data=st.data(), fn=st.sampled_from((Fn.ABS, Fn.NEG, Fn.SIGN)), dtype=st.sampled_from(NUMERIC))
def test_functions_of_one_give_the_references_bits(data: st.DataObject, fn: Fn, dtype: DType) -> None:
    """The smallest integer has no opposite, and unsigned ones wrap."""
    agree(fn, dtype, [dtype], data.draw(st.lists(st.tuples(bits_of(dtype)), min_size=1, max_size=20)))


@given(data=st.data(), fn=st.sampled_from((Fn.FLOOR, Fn.CEIL, Fn.ROUND, Fn.SQRT, Fn.RECIPROCAL)))
def test_float_functions_of_one_give_the_references_bits(data: st.DataObject, fn: Fn) -> None:
    """One zero and one NaN come out whatever went in."""
    rows = data.draw(st.lists(st.tuples(bits_of(DType.FLOAT)), min_size=1, max_size=20))
    agree(fn, DType.FLOAT, [DType.FLOAT], rows)


@given(data=st.data(), source=st.sampled_from(FORMATS), target=st.sampled_from(FORMATS))
def test_casts_saturate_from_float_and_wrap_between_integers(data: st.DataObject, source: DType, target: DType) -> None:
    """C leaves a cast from float out of range undefined, so machines differ."""
    agree(Fn.CAST, target, [source], data.draw(st.lists(st.tuples(bits_of(source)), min_size=1, max_size=20)))


@given(data=st.data(), fn=st.sampled_from((Fn.AND, Fn.OR, Fn.XOR)))
def test_logic_is_logic(data: st.DataObject, fn: Fn) -> None:
    """Three tables of four rows."""
    bit = st.integers(0, 1)
    agree(fn, DType.BOOL, [DType.BOOL] * 2, data.draw(st.lists(st.tuples(bit, bit), min_size=1, max_size=8)))
    agree(Fn.NOT, DType.BOOL, [DType.BOOL], [(0,), (1,)])


@pytest.mark.parametrize("fn", [Fn.ADD, Fn.SUB, Fn.MUL, Fn.DIV])
def test_float_arithmetic_is_right_on_many_bit_patterns(fn: Fn) -> None:
    """Long arrays take NumPy's vector loops, short ones do not."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 2**32, (2, 4000), dtype=np.uint32)
    b[:2000] = a[:2000] + rng.integers(-(2**26), 2**26, 2000).astype(np.uint32)
    agree(fn, DType.FLOAT, [DType.FLOAT] * 2, list(zip(a.tolist(), b.tolist(), strict=True)))


def test_where_chooses_and_normalises() -> None:
    """The branch not taken does not matter, a chosen -0 is +0."""
    condition = np.array([True, False, True, False])
    a, b = array(DType.FLOAT, [0x80000000, 1, 0xFFC00001, 2]), array(DType.FLOAT, [5, 0x80000000, 6, 0x7F800001])
    result = map_function(Fn.WHERE, DType.FLOAT, [condition, a, b])
    assert result.view(np.uint32).tolist() == [0, 0, 0x7FC00000, 0x7FC00000]


def test_operands_broadcast_and_stay_as_they_were() -> None:
    """Operands are other nodes' tensors."""
    a, b = np.arange(6, dtype=np.float32).reshape(2, 3), np.float32(-0.0)
    result = map_function(Fn.MUL, DType.FLOAT, [a, np.asarray(b)])
    assert result.shape == (2, 3)
    assert not np.signbit(result).any()
    assert a.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_normalising_makes_one_zero_and_one_nan_and_no_other_change() -> None:
    """Raw inputs and constants are read through this."""
    raw = array(DType.FLOAT, FLOAT_EDGES)
    before = raw.copy().view(np.uint32).tolist()
    expected = [0 if b == 0x80000000 else 0x7FC00000 if b & 0x7FFFFFFF > 0x7F800000 else b for b in FLOAT_EDGES]
    assert normalize(raw).view(np.uint32).tolist() == expected
    assert raw.view(np.uint32).tolist() == before
    assert normalize(np.arange(3)).tolist() == [0, 1, 2]


def test_a_function_that_does_not_fit_is_refused() -> None:
    """A caller's slip must not become a result."""
    with pytest.raises(ProgramError, match="FOLD_SUM"):
        map_function(Fn.FOLD_SUM, DType.FLOAT, [np.zeros(2, np.float32)])
    with pytest.raises(ProgramError, match="float32"):
        map_function(Fn.LESS, DType.FLOAT, [np.zeros(2, np.float32), np.zeros(2, np.float32)])
