"""Functions of one operand of `Elementary.sol` against MPFR."""

import random

import pytest

from tests.differential import binary32 as f32
from tests.differential.evm import Contract, Reverted, deploy, selector
from tests.differential.functions import around, differences

NAMES = ("EXP", "LOG", "SIGMOID", "SOFTPLUS", "TANH", "SINH", "COSH", "ASINH", "ACOSH", "ATANH")

HARDEST = {
    "EXP": (0xC16912CD, 0xBBF0EDF1, 0xBAE0E25C, 0xB3000000),
    "LOG": (0x65D890D3, 0x4C5D65A5, 0x4D604EBE, 0x66A8C860),
    "SIGMOID": (0xB3800000, 0x34000000, 0xB4400000, 0xB4A00000),
    "SOFTPLUS": (0x39EA41D0, 0x40A3F888, 0x3AD68BA7, 0x398B9622),
    "TANH": (0x3AC37DE2, 0x3EEE0566, 0x40ACB4D0, 0x3CD41B91),
    "SINH": (0x3A1285FF, 0x3B36AA1F, 0x3F7DF258, 0x3F99144C),
    "COSH": (0x3A6F7750, 0x3D609528, 0x3A87C3B6, 0x3B43F588),
    "ASINH": (0x655890D3, 0x4CE04EBE, 0x4BDD65A5, 0x6628C860),
    "ACOSH": (0x655890D3, 0x4BDD65A5, 0x4CE04EBE, 0x6628C860),
    "ATANH": (0x3A71E7A1, 0x39B89BA2, 0x3AD637EB, 0x3DDC2ECE),
}
"""Of all operands, the four whose results lie nearest to the middle between two floats: the hardest is 2^-76.6 away."""

EDGES = (
    0x39800000, 0x3A000000,  # 2^-12, 2^-11: below the first, odd functions are their operand
    0x42B17218, 0x42B2D4FC,  # e^x and sinh, cosh reach infinity
    0xC2AEAC50, 0xC2CE8ED0, 0xC2CFF1B5,  # e^x becomes subnormal, its smallest, 0
    0x43000000, 0x5F800000, 0x4B000000, 0x4B800000,  # 2^7, 2^64, 2^23, 2^24
    0x3F800000, 0x3F000000, 0x3FB504F3, 0x3F3504F3, 0x3F317218, 0x3E800000,  # 1, 1/2, √2, 1/√2, ln 2, 1/4
    0x3FB17218, 0x40051592, 0x41102CB4, 0x33800000, 0x33000000,  # 2 ln 2, 3 ln 2, tanh becomes 1, 2^-24, 2^-25
)  # fmt: skip
"""Operands near which a function takes another way, or its result another form."""


@pytest.fixture(scope="module")
def elementary() -> Contract:
    """`Elementary` behind a function that takes lists of cases."""
    return deploy("ElementaryHarness")


@pytest.mark.parametrize("name", NAMES)
def test_any_bits(elementary: Contract, name: str) -> None:
    """Whatever float a node gives to a function, its result has one right value."""
    rng = random.Random(name)  # noqa: S311 (the same cases every time)
    operands = [f32.normalize(x) for x in f32.SPECIALS]
    operands += [f32.normalize(rng.getrandbits(32)) for _ in range(4_000)]
    assert differences(elementary, name, operands) == []


@pytest.mark.parametrize("name", NAMES)
def test_operands_with_ordinary_results(elementary: Contract, name: str) -> None:
    """Most bit patterns overflow or are tiny; here all digits of the result count."""
    rng = random.Random(name)  # noqa: S311 (the same cases every time)
    fields = (127, 160) if name == "ACOSH" else (100, 127) if name == "ATANH" else (112, 135)
    operands = [rng.getrandbits(1) << 31 | rng.randrange(*fields) << 23 | rng.getrandbits(23) for _ in range(5_000)]
    operands += [0x3F800000 + (rng.getrandbits(24) >> rng.randrange(24)) * rng.choice((-1, 1)) for _ in range(1_000)]
    assert differences(elementary, name, operands) == []


@pytest.mark.parametrize("name", NAMES)
def test_hardest_operands(elementary: Contract, name: str) -> None:
    """Where the precision that is carried decides."""
    operands = [x for bits in HARDEST[name] for x in around(bits, 3)]
    assert differences(elementary, name, operands) == []


@pytest.mark.parametrize("name", NAMES)
def test_operands_at_which_the_method_changes(elementary: Contract, name: str) -> None:
    """A threshold that is off by one float shows only at that float."""
    operands = [x for bits in EDGES for x in around(bits, 8)]
    operands += [x for field in range(256) for x in around(field << 23, 1)]
    operands = [f32.normalize(x) for x in operands]
    assert differences(elementary, name, operands) == []


@pytest.mark.parametrize("fn", [0, 0x18, 0x1A, 0x2F, 0x3A, 0x40, 0xFF, 0x130, 2**256 - 1])
def test_an_unknown_function_is_named(fn: int) -> None:
    """A code of another family must not yield some number."""
    family = deploy("Elementary")
    arguments = b"".join(word.to_bytes(32, "big") for word in (fn, f32.NAN, 0))
    with pytest.raises(Reverted) as reverted:
        family.call("compute(uint256,uint256,uint256)", arguments)
    assert reverted.value.data == selector("Functions_UnknownFunction(uint256)") + fn.to_bytes(32, "big")
