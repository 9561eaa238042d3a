"""Mutants that compute the same as the contracts, looked at one by one: no test can notice them.

Each is named by file, replaced text, new text and (the beginning of) the line, as long as that stands.
"""

from bench.mutation.mutants import Mutant

_AT_EQUALITY = "both sides are the same number there"
_IRRATIONAL = "what is rounded is no tie: docs/verifier-functions-*.md"
_SATURATED = "it stands for infinity, and is saturated to 64 bits"
_UNUSED = "the value is not looked at, or set again before it is read"
_GAS = "only saves gas: the general way gives the same, or a number within the same error bound"

REASONS = {
    ("Cost.sol", ">", ">=", "price = BASE_GAS + (price > floor"): _AT_EQUALITY,
    ("FixedSine.sol", "<", "<=", "uint256 window = e < 2"): "for e = 2 both windows are the first word",
    ("FixedSine.sol", "e < -24", "(e < -24) && false", "if (e < -24) return"): _GAS,
    ("FixedPoint.sol", ">", ">=", "bool below = a > SQRT2"): "either reduction is right at the boundary",
    ("FixedPoint.sol", ">", ">=", "return (top > 127"): "a shift by 0",
    ("InputFaults.sol", "0", "1", "(uint256 start, uint256 stop, uint256 length)"): _UNUSED,
    ("Power.sol", "0", "1", "if (exponent & 1 == 1) return"): _UNUSED,
    ("Trigonometry.sol", "true", "false", "return Binary32.round(negative, FixedArctangent"): _IRRATIONAL,
    ("Trigonometry.sol", "true", "false", "return Binary32.round(negative, HALF_PI"): _IRRATIONAL,
    ("Elementary.sol", "true", "false", "return Binary32.round(false, FixedPoint.doubleAtanh"): _IRRATIONAL,
    ("Elementary.sol", ">", ">=", "if (e > 0) (x, e)"): "a shift by 0",
    ("Binary32.sol", "|", "^", "uint256 rest = m & (half"): "they have no common bit",
    ("Floats.sol", "128", "127", "if (!Binary32.isFinite(x)) return Binary32.isNegative"): _SATURATED,
    ("Floats.sol", "128", "129", "if (!Binary32.isFinite(x)) return Binary32.isNegative"): _SATURATED,
    ("Floats.sol", "<", "<=", "int256 magnitude = int256(e < 0"): "a shift by 0",
    ("Floats.sol", "<", "<=", "return (Binary32.order(x)"): _AT_EQUALITY,
    ("Openings.sol", "1", "0", "if (reach + 1 < length)"): _AT_EQUALITY,
    ("Reach.sol", "false", "true", "if (axis == node.dims.length) return Line"): _UNUSED,
    ("Accumulator.sol", "n == 1", "(n == 1) && false", "if (n == 1) return addProduct"): _GAS,
}


def why_equivalent(mutant: Mutant, source: str) -> str | None:
    """Why nothing can notice the mutant, or None where something should."""
    line = source.splitlines()[source.count("\n", 0, mutant.start)].strip()
    replaced = source[mutant.start : mutant.end]
    for (file, old, new, beginning), reason in REASONS.items():
        if mutant.path.endswith(f"/{file}") and (replaced, mutant.text) == (old, new) and line.startswith(beginning):
            return reason
    return None
