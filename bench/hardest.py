"""The operands whose results lie nearest to a rounding boundary, of all float32: `python -m bench.hardest [NAME …]`.

What the precision of `Elementary.sol` and `Trigonometry.sol` in `contracts/verifier` is measured by:
docs/verifier-functions-exp.md and docs/verifier-functions-trig.md.
"""

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import gmpy2
import numpy as np
from gmpy2 import mpfr
from numpy.typing import NDArray

CHUNK = 1 << 21
SIGN = 1 << 31
WIDE = gmpy2.context(precision=600, emin=-(2**40), emax=2**40)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Search:
    """A function, and the exponent fields of the operands that have to be looked at."""

    approximate: Callable[[Floats], Floats]
    exact: Callable[[mpfr], mpfr]
    fields: tuple[int, int]
    signs: tuple[int, ...] = (0,)


def _erf(x: Floats) -> Floats:
    """NumPy has none."""
    return np.fromiter(map(math.erf, x.tolist()), np.float64, len(x))


BOTH = (0, SIGN)
SEARCHES = {
    "EXP": Search(np.exp, gmpy2.exp, (101, 134), BOTH),
    "LOG": Search(np.log, gmpy2.log, (0, 255)),
    "SIGMOID": Search(lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (1 + gmpy2.exp(-x)), (100, 134), BOTH),
    "SOFTPLUS": Search(lambda x: np.log1p(np.exp(x)), lambda x: gmpy2.log1p(gmpy2.exp(x)), (100, 134), BOTH),
    "TANH": Search(np.tanh, gmpy2.tanh, (114, 131)),
    "SINH": Search(np.sinh, gmpy2.sinh, (114, 134)),
    "COSH": Search(np.cosh, gmpy2.cosh, (114, 134)),
    "ASINH": Search(np.arcsinh, gmpy2.asinh, (114, 255)),
    "ACOSH": Search(np.arccosh, gmpy2.acosh, (127, 255)),
    "ATANH": Search(np.arctanh, gmpy2.atanh, (114, 127)),
    "SIN": Search(np.sin, gmpy2.sin, (115, 255)),
    "COS": Search(np.cos, gmpy2.cos, (115, 255)),
    "TAN": Search(np.tan, gmpy2.tan, (115, 255)),
    "ASIN": Search(np.arcsin, gmpy2.asin, (115, 127)),
    "ACOS": Search(np.arccos, gmpy2.acos, (99, 127), BOTH),
    "ATAN": Search(np.arctan, gmpy2.atan, (115, 154)),
    "ERF": Search(_erf, gmpy2.erf, (97, 129)),
    "ERF, subnormal": Search(_erf, gmpy2.erf, (0, 1)),
}


def candidates(search: Search) -> Iterator[int]:
    """Bits of operands whose results are within 24 units of 2^-53 of a boundary, by float64, and of few others."""
    first, last = search.fields[0] << 23, search.fields[1] << 23
    for sign in search.signs:
        for start in range(max(first, 1), last, CHUNK):
            bits = np.arange(start, min(start + CHUNK, last), dtype=np.uint32) | np.uint32(sign)
            with np.errstate(all="ignore"):
                y = np.abs(search.approximate(bits.view(np.float32).astype(np.float64)))
            below_24_bits = y.view(np.int64) & (2**29 - 1)
            near = (np.abs(below_24_bits - 2**28) < 24) & (y < 2.0**128)
            units = np.minimum(y, 2.0**-126) * 2.0**149  # of subnormals
            near_subnormal = (np.abs(units % 1 - 0.5) < np.maximum(units, 1) * 2.0**-49) & (units >= 0.25)
            yield from bits[np.where(y < 2.0**-126, near_subnormal, near)].tolist()


def distance(search: Search, bits: int) -> float:
    """log2 of the distance between a result and the nearest boundary, relative to the result."""
    with WIDE:
        y = abs(search.exact(mpfr(float(np.uint32(bits).view(np.float32)))))
        in_units = y / mpfr(2) ** max(gmpy2.frexp(y)[0] - 24, -149)
        return float(gmpy2.log2(abs(in_units - gmpy2.floor(in_units) - 0.5) / in_units))


def main() -> None:
    """Print the four hardest operands of each function."""
    for name in sys.argv[1:] or SEARCHES:
        search = SEARCHES[name]
        hardest = sorted((distance(search, bits), bits) for bits in candidates(search))[:4]
        print(name.ljust(9), *(f"{bits:08x} {log2:.1f}  " for log2, bits in hardest), flush=True)


if __name__ == "__main__":
    main()
