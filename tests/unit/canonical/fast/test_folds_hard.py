"""Folds where random small nodes seldom go: signs of zero, overflow, wide integers, long folds, planted ties."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from oracle.canonical.fast.slices import exact_block
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.tensor import DType
from tests.unit.canonical.fast.programs import run_node
from tests.unit.canonical.fast.test_dot_exact import exact_sum, nearest_float32


def _axis(dim: int, axis: int) -> Coordinate:
    return Coordinate(dim, 0, ((axis, 1),))


def _dot(dtype: DType, elements: int, fold: int, *, shared: bool) -> Node:
    """Σ_k a[i, k] · b[k], or · b[i, k] where rows serve one element each."""
    a = View((_axis(elements, 0), _axis(fold, 1)))
    b = View((_axis(fold, 1),)) if shared else a
    return Node(Kind.FOLD, Fn.FOLD_DOT, dtype, (elements,), (fold,), (Operand(0, dtype, a), Operand(1, dtype, b)), 2)


def _fold(fn: Fn, dtype: DType, elements: int, fold: int) -> Node:
    view = View((_axis(elements, 0), _axis(fold, 1)))
    return Node(Kind.FOLD, fn, dtype, (elements,), (fold,), (Operand(0, dtype, view),), 1)


def _planted(
    rng: np.random.Generator, rows: int, fold: int, *, shuffled: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows of float32 numbers whose products cancel but for a tie, half of the time with a speck beside it."""
    a = rng.integers(2**23, 2**24, (rows, fold)).astype(np.float64) * 2.0 ** rng.integers(-30, 1, (rows, 1))
    b = rng.integers(2**23, 2**24, (rows, fold)).astype(np.float64) * 2.0**-24
    half = (fold - 3) // 2
    a[:, half : 2 * half] = a[:, :half]
    b[:, half : 2 * half] = -b[:, :half]
    a[:, 2 * half :] = 0
    a[:, -1], b[:, -1] = 1 + 2.0**-23 * rng.integers(0, 4, rows), 1.0
    a[:, -2], b[:, -2] = 2.0**-24, 1.0
    a[:, -3], b[:, -3] = 2.0**-60, rng.choice([0.0, 1.0, -1.0], rows) * 2.0**-20
    order = rng.permutation(fold) if shuffled else np.arange(fold)
    return a[:, order], b[:, order]


@pytest.mark.parametrize("fold", [9, 31, 101, 501])
@pytest.mark.parametrize("all_exact", [False, True])
@pytest.mark.parametrize("shuffled", [False, True])
def test_ties_among_terms_that_cancel_are_decided(fold: int, all_exact: bool, shuffled: bool) -> None:
    """One unit of the 80th bit decides, in matrix products and in sums of single rows."""
    rng = np.random.default_rng(fold)
    a, b = _planted(rng, 24, fold, shuffled=shuffled)
    expected = [nearest_float32(exact_sum(x * y)) for x, y in zip(a, b, strict=True)]
    flat = [x.astype(np.float32).reshape(-1) for x in (a, b)]
    result = run_node(_dot(DType.FLOAT, 24, fold, shared=False), flat, all_exact=all_exact)
    assert result.tolist() == expected
    for i in range(24):
        operands = [flat[0], flat[1][i * fold : (i + 1) * fold]]
        shared = run_node(_dot(DType.FLOAT, 24, fold, shared=True), operands, all_exact=all_exact)
        assert float(shared[i]) == expected[i]
        block, sure = exact_block(a[None, i : i + 1], b[None, i : i + 1], None)
        assert not sure[0, 0, 0] or float(block[0, 0, 0]) == expected[i]


@pytest.mark.parametrize("shared", [True, False])
def test_results_too_small_for_float32_are_plus_zero(shared: bool) -> None:
    """There is one zero: a -0 in a trace is a step fault."""
    a = np.array([-(2.0**-149), 2.0**-149, -(2.0**-130), 0], np.float32)
    b = np.array([2.0**-20] * (1 if shared else 4), np.float32)
    result = run_node(_dot(DType.FLOAT, 4, 1, shared=shared), [a, b])
    assert result.view(np.uint32).tolist() == [0, 0, 0, 0]
    quarter = run_node(_fold(Fn.FOLD_MEAN, DType.FLOAT, 1, 4), [np.array([-(2.0**-149), 0, 0, 0], np.float32)])
    assert quarter.view(np.uint32).tolist() == [0]


@pytest.mark.parametrize("all_exact", [False, True])
def test_infinity_begins_half_a_unit_beyond_the_largest_number(all_exact: bool) -> None:
    """2^128 - 2^103 rounds to infinity, anything less does not."""
    largest = float(np.finfo(np.float32).max)
    rows = [[largest, 2.0**103, 0], [largest, 2.0**103, -(2.0**-149)], [-largest, -(2.0**103), 0], [largest, 0, 1]]
    a = np.array(rows, np.float32).reshape(-1)
    result = run_node(_fold(Fn.FOLD_SUM, DType.FLOAT, 4, 3), [a], all_exact=all_exact)
    assert result.tolist() == [np.inf, largest, -np.inf, largest]


@pytest.mark.parametrize("dtype", [DType.INT64, DType.UINT64, DType.INT32])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("bits", [20, 26, 30, 31])
def test_integer_sums_are_exact_modulo_the_width(dtype: DType, shared: bool, bits: int) -> None:
    """Sums beyond 2^53 may not go through float64."""
    rng = np.random.default_rng(bits)
    a, b = (rng.integers(2 ** (bits - 1), 2**bits, n).astype(dtype.numpy) for n in (5 * 40, 40 if shared else 5 * 40))
    result = run_node(_dot(dtype, 5, 40, shared=shared), [a, b])
    for i, element in enumerate(result.tolist()):
        terms = zip(a[40 * i :][:40].tolist(), (b if shared else b[40 * i :])[:40].tolist(), strict=True)
        assert (element - sum(x * y for x, y in terms)) % 2 ** (8 * dtype.size) == 0


@pytest.mark.parametrize(("filling", "bits"), [(np.inf, 0x7F800000), (-np.inf, 0xFF800000), (np.nan, 0x7FC00000)])
@pytest.mark.parametrize("shared", [True, False])
def test_products_of_which_none_is_finite(filling: float, bits: int, *, shared: bool) -> None:
    """Then nothing is left to be summed exactly."""
    a, b = np.full(5 * 23, filling, np.float32), np.ones(23 if shared else 5 * 23, np.float32)
    assert run_node(_dot(DType.FLOAT, 5, 23, shared=shared), [a, b]).view(np.uint32).tolist() == [bits] * 5


@pytest.mark.parametrize("fn", [Fn.FOLD_MAX, Fn.FOLD_MIN])
@pytest.mark.parametrize("fold", [2, 64, 65, 100])
def test_extremes_of_views_that_run_backwards_leave_no_element_out(fn: Fn, fold: int) -> None:
    """NumPy's own reduction into a given array takes one end of such a view twice and not the other."""
    view = View((Coordinate(fold, fold - 1, ((1, -1),)),))
    node = Node(Kind.FOLD, fn, DType.FLOAT, (1,), (fold,), (Operand(0, DType.FLOAT, view),), 1)
    for place in range(fold):
        x = np.zeros(fold, np.float32)
        x[place] = 1 if fn is Fn.FOLD_MAX else -1
        assert run_node(node, [x]).tolist() == [x[place]]


@pytest.mark.parametrize("dtype", [DType.INT8, DType.INT32, DType.INT64, DType.UINT64])
@pytest.mark.parametrize("fold", [3, 100])
def test_integer_means_divide_toward_zero(dtype: DType, fold: int) -> None:
    """A floor, or a sum that wraps before it is divided, differs from the definition."""
    rng = np.random.default_rng(fold)
    info = np.iinfo(dtype.numpy)
    a = rng.integers(info.min, info.max, (30, fold), dtype.numpy, endpoint=True)
    a[0], a[1], a[2, 1:], a[2, 0], a[3] = info.min, info.max, 0, 1, 7
    result = run_node(_fold(Fn.FOLD_MEAN, dtype, 30, fold), [a.reshape(-1)])
    assert result.tolist() == [int(Fraction(sum(row), fold)) for row in a.tolist()]


@pytest.mark.parametrize("descending", [0, 1])
def test_equal_values_are_ranked_by_position_in_long_folds(descending: int) -> None:
    """Sorts that are stable only for a few elements pass small tests."""
    x = np.random.default_rng(0).integers(0, 3, 3000).astype(np.float32)
    node = Node(
        Kind.RANK, descending, DType.INT64, (3000,), (3000,), (Operand(0, DType.FLOAT, View((_axis(3000, 1),))),), 1
    )
    sign = 1 if descending else -1
    assert run_node(node, [x]).tolist() == sorted(range(3000), key=lambda i: (sign * x[i], i))


def test_a_leaf_may_use_the_last_weight_and_none_beyond() -> None:
    """The table's end is where a hostile model would read."""
    table = View((Coordinate(4),))
    operands = (
        Operand(0, DType.FLOAT, View((_axis(1, 1),))),
        Operand(1, DType.UINT32, table),
        Operand(2, DType.UINT32, View((Coordinate(1),))),
        Operand(3, DType.FLOAT, View((Coordinate(3),))),
    )
    node = Node(Kind.TREE, 0, DType.FLOAT, (4,), (1,), operands, 4)
    data = [np.zeros(1, np.float32), np.array([0, 1, 0, 0], np.uint32), np.zeros(1, np.uint32)]
    assert run_node(node, [*data, np.array([5, 6, 7], np.float32)]).tolist() == [6, 7, 0, 0]
