"""The kernels of `FixedPoint.sol` against MPFR: the error bounds of docs/verifier-functions-exp.md hold."""

import random

import gmpy2
import pytest
from gmpy2 import mpfr

from tests.differential.evm import Contract, deploy

WIDE = gmpy2.context(precision=600, emin=-(2**40), emax=2**40)


@pytest.fixture(scope="module")
def kernels() -> Contract:
    """`FixedPoint` behind functions that take lists of cases."""
    return deploy("FixedPointHarness")


def _signed(word: int) -> int:
    return word - 2**256 if word >> 255 else word


def _random_number(rng: random.Random, bits: int) -> int:
    return rng.getrandbits(rng.randrange(bits)) << rng.choice((0, 0, 5)) | 1


def test_exp_keeps_its_error_bounds(kernels: Contract) -> None:
    """Correct rounding is proven from them."""
    rng = random.Random(1)  # noqa: S311 (the same cases every time)
    cases = []
    for _ in range(3_000):
        m = _random_number(rng, 170)
        cases.append(
            (rng.getrandbits(1), m, rng.choice((rng.randrange(-6, 8), rng.randrange(-300, 8))) - m.bit_length())
        )
    words = kernels.map_words("exp(uint256[])", (word for case in cases for word in case))
    for (negative, m, e), p, k in zip(cases, words[::2], map(_signed, words[1::2]), strict=True):
        assert 2**127 <= p < 2**128
        assert -185 <= k <= 184
        with WIDE:
            x = m * mpfr(2) ** e * (-1) ** negative
            error = abs(p * mpfr(2) ** (k - 127) / gmpy2.exp(x) - 1)
            assert error < mpfr(2) ** (-124 if abs(x) < 1 else -119), (negative, m, e)


def test_exp_is_cut_to_128(kernels: Contract) -> None:
    """However large a power's exponent, nothing wraps."""
    cases = [
        (negative, m, e) for negative in (0, 1) for m, e in ((1, 7), (2**127, -120), (3, 6), (2**255, 0), (1, 2**40))
    ]
    words = kernels.map_words("exp(uint256[])", (word for case in cases for word in case))
    assert set(zip(words[:10:2], words[1:10:2], strict=True)) == {(words[0], 184)}
    assert set(zip(words[10::2], map(_signed, words[11::2]), strict=True)) == {(words[10], -185)}


def test_ln_keeps_its_error_bound(kernels: Contract) -> None:
    """Near 1 the logarithm is small, and its error must be smaller still."""
    rng = random.Random(2)  # noqa: S311 (the same cases every time)
    cases = []
    for _ in range(3_000):
        m = _random_number(rng, 128)
        cases.append((m, rng.choice((0, 0, 1, rng.randrange(-149, 129))) - m.bit_length()))
    cases += [(2**127 + rng.choice((-1, 1)) * (rng.getrandbits(126) >> rng.randrange(125)), -127) for _ in range(1_000)]
    cases += [(0xB504F333F9DE6484597D89B3754ABE9F + d, e) for d in (-1, 0, 1, 2) for e in range(-130, -124)]
    words = kernels.map_words("ln(uint256[])", (word for case in cases for word in case))
    for (m, e), negative, r, s in zip(cases, words[::3], words[1::3], map(_signed, words[2::3]), strict=True):
        with WIDE:
            exact = gmpy2.log(m * mpfr(2) ** e)
            assert abs(r * (-1) ** negative * mpfr(2) ** s - exact) <= abs(exact) * mpfr(2) ** -123, (m, e)


def test_the_logarithm_of_one_is_nothing(kernels: Contract) -> None:
    """The one exact case of `ln`."""
    assert kernels.map_words("ln(uint256[])", [1, 0, 2**127, -127])[1::3] == [0, 0]


def test_double_atanh_is_just_below(kernels: Contract) -> None:
    """Its bound is one-sided, down to quotients of which nothing but the first term counts."""
    rng = random.Random(3)  # noqa: S311 (the same cases every time)
    with WIDE:
        largest = int((3 - 2 * gmpy2.sqrt(mpfr(2))) * 2**130)
    cases = [(largest - (rng.getrandbits(126) >> rng.randrange(126)), 130) for _ in range(500)]
    cases += [(rng.randrange(2**126, 2**128), rng.randrange(131, rng.choice((140, 420)))) for _ in range(2_000)]
    words = kernels.map_words("doubleAtanh(uint256[])", (word for case in cases for word in case))
    for (n, s), r in zip(cases, words, strict=True):
        with WIDE:
            quotient = r * mpfr(2) ** (1 - s) / (2 * gmpy2.atanh(n * mpfr(2) ** -s))
            assert 0 <= 1 - quotient < mpfr(2) ** -124, (n, s)
