"""Sums rounded once: the exact paths against rational arithmetic, where rounding is hardest."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from oracle.canonical.fast import block, exact
from oracle.canonical.fast.exact import decide, grow, round_sums, value
from oracle.canonical.fast.slices import exact_block
from oracle.canonical.fast.special import special_block
from oracle.canonical.fast.work import Counts
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.tensor import DType
from tests.unit.canonical.fast.programs import run_node

_OVERFLOW = Fraction(2**128 - 2**103)


def nearest_float32(x: Fraction) -> float:
    """`x` rounded to float32: nearest, ties to even, subnormals, to infinity from 2^128 - 2^103 on, no -0."""
    if abs(x) >= _OVERFLOW:
        return float("inf") if x > 0 else float("-inf")
    exponent = max(-149, (abs(x).numerator.bit_length() - abs(x).denominator.bit_length()) - 25) if x else 0
    unit = Fraction(2) ** exponent
    while abs(x) >= unit * 2**24:
        unit *= 2
    return float(round(x / unit) * unit)  # Fraction rounds ties to even


def exact_sum(terms: NDArray[np.float64]) -> Fraction:
    """Of finite float64 numbers."""
    return sum((Fraction(float(term)) for term in terms), Fraction(0))


def hard_rows(rng: np.random.Generator, rows: int, terms: int) -> NDArray[np.float64]:
    """Exact products whose sums cancel, lie at or beside midpoints, or are tiny against their terms."""
    spread = rng.choice([1, 8, 40, 120])
    scale = 2.0 ** rng.integers(-spread, spread + 1, (rows, terms))
    x = rng.integers(-(2**24), 2**24, (rows, terms)) * rng.integers(-(2**24), 2**24, (rows, terms)) * scale
    x[:, terms // 2 :] = -x[:, : terms - terms // 2]  # cancels, but for what is planted next
    for row in x:
        kind = rng.integers(4)
        unit = 2.0 ** float(rng.integers(-149, 100))
        midpoint = (2.0 * float(rng.integers(2**22, 2**23)) + 1) * unit / 2
        row[0], row[-1] = (midpoint, 0.0) if kind else (0.0, 0.0)
        if kind == 2:
            row[-1] = unit * 2.0**-60
        elif kind == 3:
            row[-1] = -unit * 2.0**-60
        rng.shuffle(row)
    return x


@pytest.mark.parametrize("seed", range(12))
def test_round_sums_rounds_the_exact_sum_once(seed: int) -> None:
    """Cancellation and near-ties are where a sum rounded twice, or a bound too tight, shows."""
    rng = np.random.default_rng(seed)
    terms = hard_rows(rng, 40, int(rng.choice([1, 2, 3, 10, 64, 300])))
    divisor = rng.choice([1, 2, 3, 7, 9, 2**20], 40).astype(np.float64)
    expected = [nearest_float32(exact_sum(row) / Fraction(float(n))) for row, n in zip(terms, divisor, strict=True)]
    with np.errstate(over="ignore"):
        rounded = round_sums(terms, divisor)
    assert rounded.tolist() == expected
    assert not np.signbit(rounded[rounded == 0]).any()


@pytest.mark.parametrize("few", [0, 1 << 20])
@pytest.mark.parametrize("seed", range(6))
def test_sums_are_rounded_once_many_together_and_one_by_one(
    few: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which way is taken depends on how many sums a node left open: it may not change a bit."""
    monkeypatch.setattr(exact, "_FEW", few)
    terms = hard_rows(np.random.default_rng(seed), 60, 1 + 7 * seed)
    terms[0], terms[1] = 0, 2.0**-298
    with np.errstate(over="ignore"):
        rounded = round_sums(terms)
    assert rounded.tolist() == [nearest_float32(exact_sum(row)) for row in terms]
    assert not np.signbit(rounded[rounded == 0]).any()


def test_the_triple_that_rounds_twice_through_float64() -> None:
    """1 + 2^-24 is a tie that 2^-80 decides, but float64 cannot hold all three."""
    terms = np.array([[1, 2.0**-24, 2.0**-80], [1, 2.0**-24, -(2.0**-80)], [1, 2.0**-24, 0]])
    assert round_sums(terms).tolist() == [1 + 2.0**-23, 1, 1]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e200, max_value=1e200), min_size=1))
def test_expansions_hold_sums_exactly_and_their_value_is_close(terms: list[float]) -> None:
    """Every exact decision rests on this."""
    normal = [x for x in terms if x == 0 or abs(x) > 1e-200]
    expansion = [np.zeros(1)]
    for term in normal:
        expansion = grow(expansion, np.array([term]))
    exact = exact_sum(np.array(normal))
    about = Fraction(float(value(expansion)[0]))
    assert sum((Fraction(float(part[0])) for part in expansion), Fraction(0)) == exact
    assert abs(about - exact) <= Fraction(1, 2**50) * abs(about)


@given(st.floats(-(2.0**100), 2.0**100, width=32), st.floats(0, 2.0**-10), st.floats(-1, 1), st.integers(1, 2**20))
def test_decide_is_right_or_says_that_it_is_not_sure(middle: float, rest: float, side: float, divisor: int) -> None:
    """A sum only known within `rest` may not be rounded as if it were known."""
    slack = abs(middle) * rest
    exact = (Fraction(middle) + Fraction(slack) * Fraction(side)) / divisor
    rounded, sure = decide([np.array([middle])], np.array([slack]), np.array([float(divisor)]))
    assert not sure[0] or rounded[0] == nearest_float32(exact)


def _block(rng: np.random.Generator, rows: int, fold: int, spread: int) -> NDArray[np.float64]:
    mantissa = rng.integers(-(2**24), 2**24, (1, rows, fold)).astype(np.float64)
    return mantissa * 2.0 ** rng.integers(-spread - 24, spread - 23, (1, rows, fold))


@pytest.mark.parametrize("spread", [0, 3, 20, 60])
@pytest.mark.parametrize("fold", [1, 5, 33, 300])
def test_whole_blocks_are_summed_exactly_whatever_the_exponents(fold: int, spread: int) -> None:
    """The dense path claims an element only where the slices that were left over cannot matter."""
    rng = np.random.default_rng(fold * 100 + spread)
    a, b = _block(rng, 7, fold, spread), _block(rng, 5, fold, spread)
    bias = rng.standard_normal((1, 1, 5)).astype(np.float32).astype(np.float64)
    result, sure = exact_block(a, b, bias)
    assert sure.mean() > (0.99 if spread < 20 else -1)
    for m in range(7):
        for n in range(5):
            exact = exact_sum(np.append(a[0, m] * b[0, n], bias[0, 0, n]))
            assert not sure[0, m, n] or result[0, m, n] == nearest_float32(exact)


def test_ties_of_full_mantissas_in_every_element_are_decided_by_whole_blocks() -> None:
    """An input made of ties costs a few matrix products, not a loop over elements: nobody can stall an operator."""
    rng = np.random.default_rng(0)
    a = _block(rng, 64, 32, 0)
    b = np.zeros((1, 48, 32))
    b[..., 0], b[..., 1] = 1.0, 2.0**-24
    a[..., 0] = np.abs(a[..., 0]) / 2**25 + 1  # in [1, 1.5], a multiple of 2^-23 after this:
    a[..., 0] = np.floor(a[..., 0] * 2**23) / 2**23
    a[..., 1] = 1.0  # half a unit in the last place: a tie
    result, sure = exact_block(a, b, None)
    assert sure.all()
    for m in range(64):
        assert result[0, m, 0] == nearest_float32(Fraction(float(a[0, m, 0])) + Fraction(1, 2**24))


@given(st.data())
def test_specials_follow_ieee_754(data: st.DataObject) -> None:
    """0 · inf, inf - inf and NaN decide an element whatever else is in its row."""
    numbers = st.sampled_from([0.0, 1.0, -2.0, 2.0**-149, np.inf, -np.inf, np.nan])
    shape = data.draw(st.sampled_from([(1, 2, 1), (1, 3, 3), (2, 2, 4)]))
    a, b = (
        np.array(data.draw(st.lists(numbers, min_size=n, max_size=n))).reshape(shape) for n in [math.prod(shape)] * 2
    )
    bias = np.array(data.draw(st.lists(numbers, min_size=shape[1], max_size=shape[1]))).reshape(1, 1, -1)
    with np.errstate(all="ignore"):
        expected = (a[:, :, None, :] * b[:, None, :, :]).sum(axis=-1) + bias
        special = special_block(a, b, bias)
    where = ~np.isfinite(expected)
    np.testing.assert_array_equal(special[where], expected[where])
    assert (special[~where] == 0).all()


def _matmul(m: int, k: int, n: int) -> Node:
    a = View((Coordinate(m, 0, ((0, 1),)), Coordinate(k, 0, ((2, 1),))))
    b = View((Coordinate(n, 0, ((1, 1),)), Coordinate(k, 0, ((2, 1),))))
    operands = (Operand(0, DType.FLOAT, a), Operand(1, DType.FLOAT, b))
    return Node(Kind.FOLD, Fn.FOLD_DOT, DType.FLOAT, (m, n), (k,), operands, 2)


def _natural(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_matrix_product_of_many_tiles_is_exact(threads: int) -> None:
    """Large nodes take BLAS, tiles and threads, which small ones never see."""
    rng = np.random.default_rng(7)
    a, b = _natural(rng, 700, 96), _natural(rng, 130, 96)
    node, counts = _matmul(700, 96, 130), Counts()
    result = run_node(node, [a.reshape(-1), b.reshape(-1)], threads=threads, counts=counts).reshape(700, 130)
    everything = run_node(node, [a.reshape(-1), b.reshape(-1)], threads=threads, all_exact=True).reshape(700, 130)
    assert counts.elements == result.size
    assert 0 < counts.exact < result.size / 1000
    np.testing.assert_array_equal(result, everything)
    for m, n in rng.integers(0, (700, 130), (400, 2)):
        terms = a[m].astype(np.float64) * b[n].astype(np.float64)
        assert float(result[m, n]) == nearest_float32(exact_sum(terms))


@pytest.mark.parametrize("scale", [2.0**-75, 2.0**-60, 1.0, 2.0**50, 1e37])
def test_products_of_any_scale_are_exact(scale: float) -> None:
    """Subnormal results, overflow and products up to 1e75 need no path of their own."""
    rng = np.random.default_rng(3)
    a, b = _natural(rng, 40, 24) * np.float32(scale), _natural(rng, 30, 24) * np.float32(scale)
    result = run_node(_matmul(40, 24, 30), [a.reshape(-1), b.reshape(-1)]).reshape(40, 30)
    for m in range(40):
        for n in range(30):
            assert float(result[m, n]) == nearest_float32(exact_sum(a[m].astype(np.float64) * b[n].astype(np.float64)))


def test_one_row_with_a_nan_leaves_the_others_alone() -> None:
    """A tile with specials goes another way; its ordinary rows must come out the same."""
    rng = np.random.default_rng(5)
    a, b = _natural(rng, 40, 24), _natural(rng, 30, 24)
    plain = run_node(_matmul(40, 24, 30), [a.reshape(-1), b.reshape(-1)]).reshape(40, 30)
    a[3, 5], a[9, 0] = np.nan, np.inf
    result = run_node(_matmul(40, 24, 30), [a.reshape(-1), b.reshape(-1)]).reshape(40, 30)
    assert (result[3].view(np.uint32) == 0x7FC00000).all()
    np.testing.assert_array_equal(result[9], np.where(b[:, 0] > 0, np.inf, -np.inf))
    np.testing.assert_array_equal(np.delete(result, [3, 9], axis=0), np.delete(plain, [3, 9], axis=0))


def test_the_bound_holds_for_the_worst_order_of_additions() -> None:
    """The proof allows any order, so also one after another, which errs more than BLAS does."""
    rng = np.random.default_rng(11)
    for _ in range(200):
        a, b = (_natural(rng, 500).astype(np.float64) for _ in range(2))
        total = 0.0
        for term in a * b:
            total += float(term)
        bound = (500 + 2) * block.ROUNDING * float(np.linalg.norm(a) * np.linalg.norm(b))
        assert abs(Fraction(total) - exact_sum(a * b)) <= Fraction(bound)
