"""The kernels of `Trigonometry.sol` against MPFR: the error bounds of docs/verifier-functions-trig.md hold."""

import random

import gmpy2
import pytest
from gmpy2 import mpfr

from tests.differential.evm import Contract, deploy

WIDE = gmpy2.context(precision=600, emin=-(2**40), emax=2**40)


@pytest.fixture(scope="module")
def kernels() -> Contract:
    """The kernels behind functions that take lists of cases."""
    return deploy("FixedTrigonometryHarness")


def _signed(word: int) -> int:
    return word - 2**256 if word >> 255 else word


def test_reduction_keeps_its_error_bound(kernels: Contract) -> None:
    """Sine and tangent are as precise as the angle that is left, next to a multiple of π/2 too."""
    rng = random.Random(1)  # noqa: S311 (the same cases every time)
    cases = [(rng.randrange(2**23, 2**24), rng.randrange(-36, 105)) for _ in range(3_000)]
    cases += [(m, e) for m in (2**23, 2**24 - 1) for e in range(-40, 105)]
    cases.append((16367173, 72))  # of all floats the nearest to a multiple of π/2: 2^-29.9 of a quarter turn
    words = kernels.map_words("reduce(uint256[])", (word for case in cases for word in case))
    for at, (m, e) in enumerate(cases):
        quadrant, below, a, s = *words[4 * at : 4 * at + 3], _signed(words[4 * at + 3])
        assert 2**126 <= a < 2**128
        assert s <= -127
        with WIDE:
            x, quarter = m * mpfr(2) ** e, gmpy2.const_pi() / 2
            turns = gmpy2.rint(x / quarter) if x >= 0.5 else mpfr(0)
            rest = x - turns * quarter
            assert quadrant % 4 == turns % 4, (m, e)
            assert below == (rest < 0), (m, e)
            error = abs(a * mpfr(2) ** s / abs(rest) - 1)
            assert error < mpfr(2) ** -125, (m, e)


def test_sine_and_cosine_keep_their_error_bounds(kernels: Contract) -> None:
    """Correct rounding is proven from them."""
    rng = random.Random(2)  # noqa: S311 (the same cases every time)
    with WIDE:
        largest = int((gmpy2.const_pi() / 4) ** 2 * 2**128)
    cases = [1, largest, *(rng.randrange(largest) >> rng.choice((0, 0, rng.randrange(128))) | 1 for _ in range(3_000))]
    words = kernels.map_words("sineAndCosine(uint256[])", cases)
    for t, ratio, cosine in zip(cases, words[::2], words[1::2], strict=True):
        with WIDE:
            x = gmpy2.sqrt(t / mpfr(2) ** 128)
            assert abs(ratio / mpfr(2) ** 128 - gmpy2.sin(x) / x) < mpfr(2) ** -122, t
            assert abs(cosine / mpfr(2) ** 128 - gmpy2.cos(x)) < mpfr(2) ** -126, t
    assert kernels.map_words("sineAndCosine(uint256[])", [0]) == [2**128, 2**128]


def test_arctangent_keeps_its_error_bound(kernels: Contract) -> None:
    """Correct rounding is proven from it; arccosines near 1 start with a short operand and lose little more."""
    rng = random.Random(3)  # noqa: S311 (the same cases every time)
    cases = [(2**127, 0), (2**128 - 1, 1), (2**126, 0)]
    cases += [(rng.randrange(2**126, 2**128), rng.choice((1, 1, 2, 3, rng.randrange(4, 160)))) for _ in range(2_000)]
    cases += [(rng.randrange(2**114, 2**127) >> rng.randrange(12), 0) for _ in range(1_000)]
    cases = [(max(z, 2**114), s) for z, s in cases]
    words = kernels.map_words("arctan(uint256[])", (word for case in cases for word in case))
    for (z, s), r in zip(cases, words, strict=True):
        with WIDE:
            exact = gmpy2.atan(z * mpfr(2) ** (-127 - s))
            error = abs(r * mpfr(2) ** (-255 - s) / exact - 1)
            assert error < mpfr(2) ** -121 + mpfr(2) ** 2 / z, (z, s)
            if z >= 2**126:
                assert error < mpfr(2) ** -121, (z, s)


def test_erf_keeps_its_error_bound(kernels: Contract) -> None:
    """Correct rounding is proven from it; between two centres the series has the longest way to go."""
    rng = random.Random(4)  # noqa: S311 (the same cases every time)
    cases = [(m, e) for m in (1, 2, 3, 2**22, 2**24 - 1) for e in (-149, -148, -126, -103, -102, -101, -60, -30)]
    for _ in range(3_000):
        x = rng.randrange(2**23, 63 * 2**20) >> rng.choice((0, 0, rng.randrange(24))) | 1
        shift = max(0, x.bit_length() - 24)
        cases.append((x >> shift, shift - 24))
    cases += [((2 * i + 1) * 2**18 + off, -22) for i in range(31) for off in (-1, 0, 1)]
    words = kernels.map_words("erf(uint256[])", (word for case in cases for word in case))
    for (m, e), r, s in zip(cases, words[::2], map(_signed, words[1::2]), strict=True):
        with WIDE:
            error = abs(r * mpfr(2) ** s / gmpy2.erf(m * mpfr(2) ** e) - 1)
            assert error < mpfr(2) ** -116, (m, e)


def test_the_table_of_erf_is_erf(kernels: Contract) -> None:
    """A wrong low digit would hide behind the error bound."""
    words = kernels.map_words("centre(uint256[])", range(32))
    for i, value, derivative in zip(range(32), words[::2], words[1::2], strict=True):
        with WIDE:
            c = mpfr(i) / 8
            assert value == gmpy2.floor(gmpy2.erf(c) * 2**128)
            assert derivative == gmpy2.floor(2 / gmpy2.sqrt(gmpy2.const_pi()) * gmpy2.exp(-c * c) * 2**127)
