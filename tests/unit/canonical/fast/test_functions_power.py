"""POW of float32 arrays is correctly rounded, ties and special values included, by GNU MPFR."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from oracle.canonical.fast.functions import map_function, rounding
from oracle.canonical.fast.functions.power import _logs
from oracle.canonical.program.node import Fn
from oracle.canonical.tensor import DType
from tests.unit.canonical import mpfr

SPECIAL = np.array(
    [0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 2, -2, 0.5, -0.5, 3, -3, 2.0**-149, -(2.0**-149), 1.5, 1e30, -1e30,
     2.0**24, 2.0**24 - 1, -(2.0**24) + 1, 2.0**25, 1 + 2.0**-23, 1 - 2.0**-24], np.float32,
)  # fmt: skip


def agree(x: Any, y: Any) -> None:
    """Both as float32, broadcast."""
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    result = map_function(Fn.POW, DType.FLOAT, [x, y])
    pairs = zip(*(a.ravel().view(np.uint32).tolist() for a in np.broadcast_arrays(x, y)), strict=True)
    expected = np.array([mpfr.binary(Fn.POW, a, b) for a, b in pairs], np.uint32)
    np.testing.assert_array_equal(result.view(np.uint32).ravel(), expected)


def cases(rng: np.random.Generator, count: int) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Pairs of any bits, natural ones, bases near 1 with large exponents, short numbers, roots and powers of two."""

    def any_bits() -> NDArray[np.float32]:
        return rng.integers(0, 2**32, count, dtype=np.uint32).view(np.float32)

    return [
        (any_bits(), any_bits()),
        (any_bits(), rng.standard_normal(count) * 3),
        (1 + rng.standard_normal(count) * 1e-3, rng.standard_normal(count) * 1e4),
        (1 + rng.integers(-9, 9, count) * 2.0**-24, rng.standard_normal(count) * 2**27),
        (rng.integers(-400, 400, count), rng.integers(-20, 20, count)),
        (rng.integers(0, 300, count) ** rng.integers(1, 4, count), rng.integers(-40, 40, count) / 8),
        (2.0 ** rng.integers(-149, 128, count), rng.integers(-200, 200, count) / rng.choice([1, 3, 8, 64], count)),
    ]


def test_every_result_is_correctly_rounded() -> None:
    """One wrong bit is a fault an operator is slashed for."""
    for x, y in cases(np.random.default_rng(1), 2000):
        agree(x, y)


def test_results_left_undecided_are_decided_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel assumed worse than it is sends more elements down that path."""
    monkeypatch.setattr(rounding, "ERROR", 2.0**-28)
    for x, y in cases(np.random.default_rng(2), 800):
        agree(x, y)


def test_special_values_are_those_of_ieee_754_with_one_zero() -> None:
    """Zeros, ones, infinities and NaN in every combination."""
    agree(SPECIAL[:, None], SPECIAL)


@pytest.mark.parametrize("y", [2, 3, 0.5, -1, 1, 0, 4, -2, 1.5, np.inf, -np.inf, np.nan, 7, -0.5, 1 / 3])
def test_one_exponent_for_all_gives_the_same_results(y: float) -> None:
    """Squares, roots and reciprocals take shorter ways; short bases make ties, subnormal results too."""
    rng = np.random.default_rng(3)
    short = rng.integers(-5000, 5000, 1500) * 2.0 ** rng.integers(-80, 60, 1500)
    bits = rng.integers(0, 2**32, 1500, dtype=np.uint32).view(np.float32)
    agree(np.concatenate([bits, SPECIAL, short.astype(np.float32)]), np.float32(y))


@pytest.mark.parametrize("x", [2, 10, 0.5, 1, -2, 0, 1.0001])
def test_one_base_for_all_gives_the_same_results(x: float) -> None:
    """As in 2^x and 10^x."""
    rng = np.random.default_rng(4)
    agree(np.float32(x), np.concatenate([rng.standard_normal(1500).astype(np.float32) * 40, SPECIAL]))


def test_table_entries_are_as_the_exact_sums_need_them() -> None:
    """Only so x * r - 1 and k ln 2 - ln r are exact, and what the sum with q loses is known."""
    reciprocals, heads, tails = _logs()
    assert (reciprocals * 2**16 == np.rint(reciprocals * 2**16)).all()
    assert reciprocals.max() < 2
    assert (heads * 2**42 == np.rint(heads * 2**42)).all()
    assert ((heads == 0) == (reciprocals == 1)).all()
    assert (tails[heads == 0] == 0).all()
    assert np.abs(heads[heads != 0]).min() > 2.0**-12.001
    assert np.abs(tails).max() <= 2.0**-43
