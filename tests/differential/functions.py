"""Functions of one operand on lists of operands: the contract's results beside MPFR's."""

from tests.differential import binary32 as f32
from tests.differential import mpfr
from tests.differential.evm import Contract


def differences(harness: Contract, name: str, operands: list[int]) -> list[tuple[str, ...]]:
    """Operand, result of the contract and result of MPFR where these differ."""
    fn = getattr(mpfr, name)
    words = harness.map_words("compute(uint256[])", (word for x in operands for word in (fn, x, 0)))
    wanted = [mpfr.compute(fn, x) for x in operands]
    return [
        (f"{x:#010x}", f"{got:#010x}", f"{want:#010x}")
        for x, got, want in zip(operands, words[::2], wanted, strict=True)
        if got != want
    ]


def around(bits: int, steps: int) -> list[int]:
    """The floats up to `steps` places from one of these bits, of both signs."""
    near = [max(0, (bits & 0x7FFFFFFF) + step) for step in range(-steps, steps + 1)]
    return [f32.normalize(bits | sign) for bits in near for sign in (0, f32.SIGN)]
