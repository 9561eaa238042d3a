"""`Binary32.sol` against exact fractions."""

import random
from fractions import Fraction

import pytest

from tests.differential import binary32 as f32
from tests.differential.evm import Contract, deploy


@pytest.fixture(scope="module")
def harness() -> Contract:
    """`Binary32` behind functions that take lists of cases."""
    return deploy("Binary32Harness")


def _signed(word: int) -> int:
    return word - 2**256 if word >> 255 else word


def test_any_bits_read_as_the_number_they_are(harness: Contract) -> None:
    """Every operand of every function goes through it."""
    rng = random.Random(1)  # noqa: S311 (the same cases every time)
    cases = [*f32.SPECIALS, *(rng.getrandbits(32) for _ in range(5_000))]
    words = harness.map_words("unpack(uint256[])", cases)
    for case, bits, negative, mantissa, exponent in zip(
        cases, words[::4], words[1::4], words[2::4], words[3::4], strict=True
    ):
        assert bits == f32.normalize(case)
        if bits & 0x7FFFFFFF < f32.INFINITY:
            assert (-1) ** negative * mantissa * Fraction(2) ** _signed(exponent) == f32.value(bits)


def test_a_number_rounds_to_the_nearest_float_and_ties_to_even(harness: Contract) -> None:
    """It is the last step of every function: one wrong bit here is a wrong verdict."""
    rng = random.Random(2)  # noqa: S311 (the same cases every time)
    cases: list[tuple[int, int, int, int]] = []
    for _ in range(6_000):
        cases.append((rng.getrandbits(1), rng.getrandbits(rng.randrange(1, 257)), rng.randrange(-420, 140), 0))
    for _ in range(6_000):  # at, just below and just above the middle between two neighbours, subnormal and not
        tail = rng.randrange(1, 200)
        middle = (rng.getrandbits(24) << 1 | rng.getrandbits(1)) << tail
        off = rng.choice((-1, 0, 0, 1))
        cases.append((rng.getrandbits(1), max(middle + off, 0), rng.randrange(-152, 110) - tail, 0))
    for m in (0, 1, 2, 3, 2**24 - 1, 2**24, 2**25 - 1, 2**256 - 1, 2**255, 2**255 + 1):
        cases.extend((0, m, e, 0) for e in (-(10**40), -500, -407, -406, -405, -404, -152, -151, -150, -149, -1, 0, 1))
        cases.extend((1, m, e, 0) for e in (23, 102, 103, 104, 105, 127, 128, 129, 10**40) if m)
    words = harness.map_words("round(uint256[])", (word for case in cases for word in case))
    for (negative, m, e, _), bits in zip(cases, words, strict=True):
        exact = m * (-1) ** negative * Fraction(2) ** max(min(e, 2000), -2000)
        assert bits == f32.nearest(exact), (negative, m, e)


def test_what_is_cut_off_still_decides_a_tie(harness: Contract) -> None:
    """Quotients and roots are cut, not exact; just above the middle must not round as the middle."""
    rng = random.Random(3)  # noqa: S311 (the same cases every time)
    cases = []
    for _ in range(4_000):
        bits = rng.randrange(25, 60)
        m = rng.getrandbits(bits) | 1 << (bits - 1)
        if rng.getrandbits(1):
            m = m >> (bits - 25) << (bits - 25)
        cases.append((rng.getrandbits(1), m, rng.randrange(-220, 105), 1))
    cases.extend((0, m, e, 1) for m in (0, 1, 2, 3, 5) for e in (-150, -151, -200, -(10**30)))
    words = harness.map_words("round(uint256[])", (word for case in cases for word in case))
    for (negative, m, e, _), bits in zip(cases, words, strict=True):
        for part in (Fraction(1, 2**60), 1 - Fraction(1, 2**60)):
            exact = (m + part) * (-1) ** negative * Fraction(2) ** max(e, -2000)
            assert bits == f32.nearest(exact), (negative, m, e)
