"""Whether an answer is right: docs/canonical.md section 8, fault 3. Compared exactly, with no slack of its own."""

import math
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.model import OutputSpec
from oracle.errors import ModelError

# Computed in float64, |a - c| and atol + rtol * |c| err by less than 2^-51 of themselves, unless they are tiny.
_SURE = 1 + 2.0**-50
_TINY = 2.0**-900


def float64_of(bits: int) -> float:
    """The float64 whose bits are `bits`, as a model publishes its tolerances."""
    value: float = struct.unpack(">d", bits.to_bytes(8, "big"))[0]
    return value


def bits_of(value: float) -> int:
    """The bits of a tolerance; raises `ModelError` where it is negative or not finite."""
    if not (math.isfinite(value) and value >= 0):
        raise ModelError(f"{value} is no tolerance.", hint="Tolerances are finite and not negative.")
    return int.from_bytes(struct.pack(">d", abs(value)), "big")


def wrong_elements(
    answers: Sequence[NDArray[Any]], canonical: Sequence[NDArray[Any]], specs: Sequence[OutputSpec]
) -> list[tuple[int, int]]:
    """(output, flat index) of every element of `answers` that is not right, in order; both have the specs' shapes."""
    return [
        (slot, int(index))
        for slot, (answer, truth, spec) in enumerate(zip(answers, canonical, specs, strict=True))
        for index in _wrong(answer.reshape(-1), truth.reshape(-1), float64_of(spec.atol), float64_of(spec.rtol))
    ]


def _wrong(answer: NDArray[Any], truth: NDArray[Any], atol: float, rtol: float) -> list[int]:
    unequal = answer != truth
    if answer.dtype.kind == "f":
        unequal &= ~(np.isnan(answer) & np.isnan(truth))
    candidates = np.flatnonzero(unequal)
    if not candidates.size:
        return []
    if answer.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            a, c = (array[candidates].astype(np.float64) for array in (answer, truth))
            finite = np.isfinite(a) & np.isfinite(c)
            error, allowed = np.abs(a - c), atol + rtol * np.abs(c)
            clear = finite & (error * _SURE < allowed) & (allowed > _TINY)
        candidates = candidates[~clear]
    return [int(i) for i in candidates if not _right(answer[i].item(), truth[i].item(), atol, rtol)]


def _right(a: float, c: float, atol: float, rtol: float) -> bool:
    """The rule on two unequal elements, exactly."""
    if not (np.isfinite(a) and np.isfinite(c)):
        return False
    exact_a, exact_c = Fraction(a), Fraction(c)
    return abs(exact_a - exact_c) <= Fraction(atol) + Fraction(rtol) * abs(exact_c)
