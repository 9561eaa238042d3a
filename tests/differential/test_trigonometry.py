"""Functions of `Trigonometry.sol` against MPFR."""

import random
from fractions import Fraction

import gmpy2
import pytest

from tests.differential import binary32 as f32
from tests.differential.evm import Contract, Reverted, deploy, selector
from tests.differential.functions import around, differences

NAMES = ("SIN", "COS", "TAN", "ASIN", "ACOS", "ATAN", "ERF")

HARDEST = {
    "SIN": (0x73243F06, 0x46199998, 0x55CAFB2A, 0x67A9242B),
    "COS": (0x6115CB11, 0x5F18B878, 0x59443C0A, 0x7A4B1A27),
    "TAN": (0x5FFD33A4, 0x5D5873AE, 0x7714B423, 0x453C5846),
    "ASIN": (0x3F083A1A, 0x3DE5FA1E, 0x3D07959C, 0x39E89768),
    "ACOS": (0x39826222, 0x328885A3, 0xBC406CCD, 0x3C8A2F9B),
    "ATAN": (0x3D8D6B23, 0x3B7C1BC9, 0x3AD637FA, 0x4C700518),
    "ERF": (0x3940EAD6, 0x39C0057D, 0x36AEA466, 0x358E9D2D),
}
"""Of all operands, four whose results lie nearest to the middle between two floats: the hardest is 2^-57.1 away."""

EDGES = (
    0x39800000, 0x3F000000, 0x3F800000,  # 2^-12, 1/2 and 1: other ways to compute
    0x407B0000, 0x407AD445,  # erf is 1 without, and with being computed
    0x4B800000, 0x4C000000, 0x4CC90FDB, 0x7F7FFFFF,  # 2^24, 2^25, arctan becomes π/2, the largest
    0x3F490FDB, 0x3FC90FDB, 0x4016CBE4, 0x40490FDB, 0x40C90FDB,  # multiples of π/4
    0x33000000, 0x33800000, 0x00800000,  # 2^-25, 2^-24, the smallest normal
)  # fmt: skip
"""Operands near which a function takes another way, or its result another form."""


@pytest.fixture(scope="module")
def trigonometry() -> Contract:
    """`Trigonometry` behind a function that takes lists of cases."""
    return deploy("TrigonometryHarness")


def nearest_to_multiples() -> list[int]:
    """For every exponent from 2^-1 on, the float nearest to a multiple of π/2, relative to its exponent.

    The denominators of the continued fraction of 2^e * 2/π are the mantissas that come nearest to an integer.
    """
    with gmpy2.context(precision=700):
        two_over_pi = Fraction(int(gmpy2.floor(2 / gmpy2.const_pi() * 2**640)), 2**640)
    found = []
    for e in range(-24, 105):
        alpha = two_over_pi * Fraction(2) ** e % 1
        rest, (before, q) = alpha, (0, 1)
        while True:
            rest = 1 / rest
            term, rest = rest // 1, rest % 1
            if term * q + before >= 2**24:
                break
            before, q = q, term * q + before
        m = q * -(-(2**23) // q)  # its first multiple with 24 bits, which may be the denominator itself
        if m < 2**24:
            found.append((e + 150) << 23 | (m - 2**23))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_any_bits(trigonometry: Contract, name: str) -> None:
    """Whatever float a node gives to a function, its result has one right value."""
    rng = random.Random(name)  # noqa: S311 (the same cases every time)
    operands = [f32.normalize(x) for x in f32.SPECIALS]
    operands += [f32.normalize(rng.getrandbits(32)) for _ in range(4_000)]
    assert differences(trigonometry, name, operands) == []


@pytest.mark.parametrize("name", NAMES)
def test_operands_with_ordinary_results(trigonometry: Contract, name: str) -> None:
    """Most bit patterns are huge or tiny; here all digits of the result count."""
    rng = random.Random(name)  # noqa: S311 (the same cases every time)
    fields = (114, 127) if name in ("ASIN", "ACOS") else (112, 135)
    operands = [rng.getrandbits(1) << 31 | rng.randrange(*fields) << 23 | rng.getrandbits(23) for _ in range(5_000)]
    operands += [0x3F800000 + (rng.getrandbits(24) >> rng.randrange(24)) * rng.choice((-1, 1)) for _ in range(1_000)]
    assert differences(trigonometry, name, operands) == []


@pytest.mark.parametrize("name", NAMES)
def test_tiny_operands(trigonometry: Contract, name: str) -> None:
    """Of subnormals erf alone is not its operand, and its result is cut to fewer digits."""
    rng = random.Random(name)  # noqa: S311 (the same cases every time)
    operands = [rng.getrandbits(1) << 31 | (rng.randrange(1, 0x01000000) >> rng.randrange(24)) for _ in range(1_000)]
    operands += [rng.getrandbits(1) << 31 | rng.randrange(1, 0x39800000) for _ in range(1_000)]
    assert differences(trigonometry, name, [f32.normalize(x) for x in operands]) == []


@pytest.mark.parametrize("name", NAMES)
def test_hardest_operands(trigonometry: Contract, name: str) -> None:
    """Where the precision that is carried decides."""
    operands = [x for bits in HARDEST[name] for x in around(bits, 3)]
    assert differences(trigonometry, name, operands) == []


@pytest.mark.parametrize("name", NAMES)
def test_operands_at_which_the_method_changes(trigonometry: Contract, name: str) -> None:
    """A threshold that is off by one float shows only at that float."""
    operands = [x for bits in EDGES for x in around(bits, 8)]
    operands += [x for field in range(256) for x in around(field << 23, 1)]
    assert differences(trigonometry, name, operands) == []


@pytest.mark.parametrize("name", ["SIN", "COS", "TAN"])
def test_operands_next_to_multiples_of_a_quarter_turn(trigonometry: Contract, name: str) -> None:
    """The reduction loses the most digits there, and decides sign and quadrant."""
    operands = [x for bits in nearest_to_multiples() for x in around(bits, 1)]
    rng = random.Random(name)  # noqa: S311 (the same cases every time)
    with gmpy2.context(precision=100):
        multiples = [rng.randrange(1, 1 << rng.randrange(1, 40)) * gmpy2.const_pi() / 4 for _ in range(600)]
    exact = [Fraction(*multiple.as_integer_ratio()) for multiple in multiples]
    operands += [x for multiple in exact for x in around(f32.nearest(multiple), 1)]
    assert differences(trigonometry, name, operands) == []


def test_erf_next_to_the_borders_of_its_centres(trigonometry: Contract) -> None:
    """At the odd sixteenths the next centre takes over, and its series has the longest way to go."""
    operands = [x for i in range(64) for x in around(f32.nearest(Fraction(i, 16)), 4)]
    assert differences(trigonometry, "ERF", operands) == []


@pytest.mark.parametrize("fn", [0, 0x19, 0x30, 0x39, 0x41, 0xFF, 0x13A, 2**256 - 1])
def test_an_unknown_function_is_named(fn: int) -> None:
    """A code of another family must not yield some number."""
    family = deploy("Trigonometry")
    arguments = b"".join(word.to_bytes(32, "big") for word in (fn, f32.NAN, 0))
    with pytest.raises(Reverted) as reverted:
        family.call("compute(uint256,uint256,uint256)", arguments)
    assert reverted.value.data == selector("Functions_UnknownFunction(uint256)") + fn.to_bytes(32, "big")
