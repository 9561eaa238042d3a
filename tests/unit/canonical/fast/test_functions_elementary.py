"""Elementary functions on arrays are correctly rounded, by GNU MPFR and by the reference."""

from typing import Any

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

from oracle.canonical.fast.functions import KERNELS, map_function, rounding
from oracle.canonical.program.node import Fn
from oracle.canonical.reference.maps import map_function as reference
from oracle.canonical.tensor import DType
from tests.unit.canonical import mpfr

FUNCTIONS = pytest.mark.parametrize("fn", KERNELS, ids=lambda fn: fn.name)
MP = mpmath.MPContext()
MP.prec = 400
EXACT = {fn: getattr(MP, fn.name.lower()) for fn in KERNELS if fn not in (Fn.SIGMOID, Fn.SOFTPLUS)} | {
    Fn.SIGMOID: lambda x: 1 / (1 + MP.exp(-x)),
    Fn.SOFTPLUS: lambda x: MP.log1p(MP.exp(x)),
}
# What docs/canonical-functions.md proves of each kernel, in units of 2^-53 relative to the result.
BOUNDS = {
    Fn.EXP: 3, Fn.SIGMOID: 5, Fn.TANH: 7, Fn.SINH: 8, Fn.COSH: 3, Fn.LOG: 8, Fn.SOFTPLUS: 12, Fn.ASINH: 12,
    Fn.ACOSH: 13, Fn.ATANH: 10, Fn.SIN: 11, Fn.COS: 11, Fn.TAN: 14, Fn.ASIN: 12, Fn.ACOS: 11, Fn.ATAN: 9, Fn.ERF: 7,
}  # fmt: skip


def floats(bits: Any) -> NDArray[np.float32]:
    """float32 with these bits."""
    return np.asarray(bits, np.uint32).view(np.float32)


def judged(fn: Fn, x: NDArray[np.float32]) -> NDArray[np.uint32]:
    """The canonical bits, by MPFR."""
    return np.array([mpfr.unary(fn, bits) for bits in x.view(np.uint32).tolist()], np.uint32)


def computed(fn: Fn, x: NDArray[np.float32]) -> NDArray[np.uint32]:
    """The bits under test."""
    return map_function(fn, DType.FLOAT, [x]).view(np.uint32)


def sample(count: int, seed: int = 5) -> NDArray[np.float32]:
    """Any bits, natural numbers, multiples of pi / 4, short ones, and neighbours of where kernels branch."""
    rng = np.random.default_rng(seed)
    edges = np.array(
        [0, 2**-24, 2**-12, 2**-8, 1 / 512, 0.5, 1, 1.40625, 3.9192, 9.01, 17, 88.7228, 89.4, 104, 8192, 2**26, 3e38]
    )
    near = np.concatenate([edges, -edges]).astype(np.float32).view(np.uint32)
    return np.concatenate(
        [
            floats(rng.integers(0, 2**32, count, dtype=np.uint32)),
            (rng.standard_normal(count) * 3).astype(np.float32),
            (rng.integers(-2000, 2000, count) * (np.pi / 4)).astype(np.float32),
            (rng.integers(-(2**12), 2**12, count) * 2.0 ** rng.integers(-30, 5, count)).astype(np.float32),
            *(floats(near + np.uint32(step % 2**32)) for step in range(-3, 4)),
        ]
    )


@FUNCTIONS
def test_every_result_is_correctly_rounded(fn: Fn) -> None:
    """One wrong bit is a fault an operator is slashed for."""
    x = sample(3000)
    np.testing.assert_array_equal(computed(fn, x), judged(fn, x))


@FUNCTIONS
def test_results_are_those_of_the_reference(fn: Fn) -> None:
    """The reference says what an element is."""
    x = sample(60, seed=6)
    expected = [reference(fn, DType.FLOAT, [DType.FLOAT], [bits]) for bits in x.view(np.uint32).tolist()]
    np.testing.assert_array_equal(computed(fn, x), np.array(expected, np.uint32))


@FUNCTIONS
def test_elements_left_undecided_are_decided_exactly(fn: Fn, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are one in 2^24: a kernel assumed worse than it is sends enough of them down that path."""
    monkeypatch.setattr(rounding, "ERROR", 2.0**-28)
    x = sample(1500, seed=7)
    np.testing.assert_array_equal(computed(fn, x), judged(fn, x))


@FUNCTIONS
def test_a_kernel_errs_by_less_than_is_proven(fn: Fn) -> None:
    """The rounding test is right only if the bound is; a slip in the analysis would show here."""
    x = sample(250, seed=8).astype(np.float64)
    with np.errstate(all="ignore"):
        y = KERNELS[fn](x)
    smallest, largest = 2.0**-150, 2.0**128
    rows = [(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True) if smallest < abs(b) < largest]
    saturated = {Fn.TANH: 9.5, Fn.ERF: 3.99, Fn.ATAN: 2.0**27, Fn.ASIN: 1, Fn.ACOS: 1}.get(fn, largest)
    errors = [abs(b / EXACT[fn](MP.mpf(a)) - 1) * 2**53 for a, b in rows if abs(a) < saturated]
    assert len(errors) > 100
    assert max(errors) < BOUNDS[fn] < rounding.ERROR * 2**53 - 1


def test_the_hardest_case_is_decided() -> None:
    """sigmoid(-2^-24) lies 2^-76.6 from a tie, closer than any other result of these functions."""
    x = np.array([-(2.0**-24), 2.0**-24, -(2.0**-23), -(2.0**-24) * (1 + 2.0**-23)], np.float32)
    np.testing.assert_array_equal(computed(Fn.SIGMOID, x), judged(Fn.SIGMOID, x))


@pytest.mark.parametrize("fn", [Fn.SIN, Fn.COS, Fn.TAN], ids=lambda fn: fn.name)
def test_arguments_next_to_multiples_of_half_pi_keep_their_accuracy(fn: Fn) -> None:
    """There almost all digits of the argument cancel; large ones need a hundred bits of pi more."""
    rng = np.random.default_rng(9)
    big = [int(rng.integers(1, 2**24)) << int(rng.integers(0, 100)) for _ in range(400)]
    x = np.array([float(k * MP.pi / 2) for k in big], np.float64).astype(np.float32)
    x = np.concatenate([floats(x.view(np.uint32) + np.uint32(step % 2**32)) for step in (-1, 0, 1)])
    np.testing.assert_array_equal(computed(fn, x), judged(fn, x))


def test_no_float32_comes_closer_to_a_multiple_of_half_pi_than_is_assumed() -> None:
    """The error of the reduction is absolute; the analysis makes it relative by this distance."""
    quarter = MP.pi / 2
    for exponent in range(-24, 105):
        ratio = MP.ldexp(1, exponent) / quarter
        # Convergents p/q of the ratio: |m * ratio - n| for m < 2^24 is least for m a denominator q.
        previous, q, rest, least = 0, 1, ratio, MP.mpf(1)
        while q < 2**24:
            least = min(least, abs(q * ratio - MP.nint(q * ratio)))
            rest = 1 / (rest - MP.floor(rest))
            previous, q = q, int(MP.floor(rest)) * q + previous
        assert least * quarter > 2.0**-34


def test_shape_follows_the_operand_and_the_operand_is_left_alone() -> None:
    """Blocks and the end of the last one must not show."""
    x = np.linspace(-5, 5, 3 * 8192 + 17, dtype=np.float32).reshape(1, -1)[:, ::-1]
    before = x.copy()
    result = map_function(Fn.TANH, DType.FLOAT, [x])
    np.testing.assert_array_equal(
        result[0], [map_function(Fn.TANH, DType.FLOAT, [v])[()] for v in x[0, :20]] + list(result[0, 20:])
    )
    np.testing.assert_array_equal(x, before)
    assert result.shape == x.shape
    assert map_function(Fn.EXP, DType.FLOAT, [np.empty((0, 3), np.float32)]).shape == (0, 3)
