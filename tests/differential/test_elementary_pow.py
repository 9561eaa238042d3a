"""POW of `Elementary.sol` against MPFR."""

import math
import random
import struct
from collections.abc import Iterator

import pytest

from tests.differential import binary32 as f32
from tests.differential import mpfr
from tests.differential.evm import Contract, deploy


@pytest.fixture(scope="module")
def elementary() -> Contract:
    """`Elementary` behind a function that takes lists of cases."""
    return deploy("ElementaryHarness")


def differences(elementary: Contract, cases: list[tuple[int, int]]) -> list[tuple[str, ...]]:
    """Operands, result of the contract and result of MPFR where these differ."""
    words = elementary.map_words("compute(uint256[])", (word for x, y in cases for word in (mpfr.POW, x, y)))
    wanted = [mpfr.compute(mpfr.POW, x, y) for x, y in cases]
    return [
        (f"{x:#010x}", f"{y:#010x}", f"{got:#010x}", f"{want:#010x}")
        for (x, y), got, want in zip(cases, words[::2], wanted, strict=True)
        if got != want
    ]


def bits_of(value: float) -> int:
    """float32 bits of a number, rounded where it is none, normalised."""
    try:
        return f32.normalize(int.from_bytes(struct.pack(">f", value), "big"))
    except OverflowError:
        return f32.INFINITY


def test_every_pair_of_special_operands(elementary: Contract) -> None:
    """IEEE 754 has a rule for each, and none follows from another."""
    numbers = (2, 3, -3, 4, 8, 0.25, 0.75, -0.75, 1.5, 10, 127, 128, 149, 150, 151, -149, -150, -151, 1 / 3, -7)
    operands = sorted({f32.normalize(bits) for bits in f32.SPECIALS} | {bits_of(number) for number in numbers})
    assert differences(elementary, [(x, y) for x in operands for y in operands]) == []


def test_any_bits(elementary: Contract) -> None:
    """Two nodes may give any floats."""
    rng = random.Random(1)  # noqa: S311 (the same cases every time)
    cases = [(f32.normalize(rng.getrandbits(32)), f32.normalize(rng.getrandbits(32))) for _ in range(8_000)]
    assert differences(elementary, cases) == []


def _in_range(rng: random.Random) -> Iterator[tuple[int, int]]:
    while True:
        x = rng.randrange(1, f32.INFINITY)
        if rng.random() < 0.4:
            x = 0x3F800000 + rng.choice((-1, 1)) * rng.randrange(1, 1 << rng.randrange(1, 24))
        logarithm = math.log2(f32.value(x)) or 1
        exponent = rng.uniform(-152, 130) * rng.choice((1, 1, 2.0 ** -rng.randrange(30)))
        yield x, bits_of(exponent / logarithm)


def test_results_that_are_neither_huge_nor_tiny(elementary: Contract) -> None:
    """Most random pairs overflow or underflow; here all digits count, for x near 1 and far from it."""
    source = _in_range(random.Random(2))  # noqa: S311 (the same cases every time)
    assert differences(elementary, [next(source) for _ in range(8_000)]) == []


def _roots(rng: random.Random) -> Iterator[tuple[int, int]]:
    while True:
        j = rng.randrange(8)
        odd = rng.randrange(1, 1 << max(1, 24 >> j)) | 1
        exponent = rng.randrange(-149, 128) >> j << j
        x = odd ** (1 << j) * 2.0**exponent
        if odd ** (1 << j) >= 2**24 or not 2.0**-149 <= x < 2.0**128:
            continue
        n = rng.choice((1, 1, 2, 3, 4, 5, 7, -1, -2, -3, rng.randrange(1, 40), rng.randrange(-300, 300)))
        sign = rng.choice((0, 0, 0, f32.SIGN))
        yield bits_of(x) + rng.choice((0, 0, 0, 0, 1)) | sign, bits_of(n / 2**j)


def test_perfect_powers_and_their_roots(elementary: Contract) -> None:
    """Exact results and ties are not to be had from any number of digits; one place beside them there is none."""
    source = _roots(random.Random(3))  # noqa: S311 (the same cases every time)
    cases = [next(source) for _ in range(8_000)]
    cases += [
        (bits_of(odd**8 * 2.0**e), bits_of(n / 8)) for odd in (3, 5, 7) for e in (-48, 0, 8) for n in range(-9, 60)
    ]
    assert differences(elementary, cases) == []


def test_integer_powers_up_to_ties(elementary: Contract) -> None:
    """m^n of 25 bits is the middle between two floats; of 26 bits it is not."""
    cases = []
    for n in range(2, 17):
        root = int(2 ** (25 / n))
        for odd in {3, 5, 7, *(number | 1 for number in range(max(3, root - 40), root + 40))}:
            cases += [(bits_of(odd * 2.0**e) | sign, bits_of(n)) for e in (0, -7, 5) for sign in (0, f32.SIGN)]
            cases.append((bits_of(odd), bits_of(-n)))
    assert differences(elementary, cases) == []


def test_ties_among_subnormals(elementary: Contract) -> None:
    """There fewer digits make a tie, down to the half of the smallest number."""
    rng = random.Random(4)  # noqa: S311 (the same cases every time)
    cases = []
    for _ in range(4_000):
        n = rng.choice((2, 2, 2, 3, 3, 4, 5, 6, 7, 9, 15))
        odd = rng.randrange(1, 1 << (26 // n)) | 1
        cases.append((bits_of(odd * 2.0 ** ((-150 + rng.randrange(-4, 12)) // n)), bits_of(n)))
    cases += [(bits_of(2.0**e), bits_of(y)) for e in range(-149, 128, 3) for y in (1, -1, 0.5, 1.5, 2, -2, 150, -150)]
    assert differences(elementary, cases) == []
