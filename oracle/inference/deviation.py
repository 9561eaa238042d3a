"""How far onnxruntime's outputs lie from the canonical ones, and which tolerance covers that."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.tensor import TensorSpec

Array = NDArray[Any]

QUANTILES: Final = (0.5, 0.9, 0.99, 0.999, 1.0)
_HALF_ULP: Final = 2.0**-24


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Right is |a - c| <= atol + rtol |c|."""

    atol: float
    rtol: float


class Deviation:
    """The worst that any setting made of one output, for inputs 0 … `inputs` - 1: arrays of (inputs, elements).

    `error` is |a - c|, 0 where either is not finite; `apart` says where no tolerance helps: a NaN or an infinity on one
    side only, or another integer.
    """

    def __init__(self, spec: TensorSpec, inputs: int) -> None:
        self.spec = spec
        self.canonical = np.zeros((inputs, spec.count), np.float64)
        self.error = np.zeros((inputs, spec.count), np.float64)
        self.apart = np.zeros((inputs, spec.count), np.bool_)

    def add(self, number: int, answer: Array, canonical: Array) -> None:
        """Take in one setting's `answer` to input `number`."""
        error, apart = deviation(answer.reshape(-1), canonical.reshape(-1))
        self.canonical[number] = canonical.reshape(-1)
        self.error[number] = np.maximum(self.error[number], error)
        self.apart[number] |= apart


def scale(outputs: Sequence[Array]) -> float:
    """The greatest finite magnitude in some arrays."""
    magnitudes = [np.abs(output[np.isfinite(output)].astype(np.float64)).max(initial=0.0) for output in outputs]
    return float(max(magnitudes, default=0.0))


def deviation(answer: Array, canonical: Array) -> tuple[Array, Array]:
    """`error` and `apart` of flat arrays of one dtype."""
    if answer.dtype.kind != "f":
        apart = answer != canonical
        return np.abs(answer.astype(np.float64) - canonical.astype(np.float64)), apart
    a, c = answer.astype(np.float64), canonical.astype(np.float64)
    finite = np.isfinite(a) & np.isfinite(c)
    with np.errstate(invalid="ignore"):
        error = np.where(finite, np.abs(a - c), 0.0)
    return error, ~finite & (a != c) & ~(np.isnan(a) & np.isnan(c))


def quantiles(values: Array) -> tuple[float, ...]:
    """The `QUANTILES` of an array, 0 where it is empty: values that occur, the next above where two compete."""
    if not values.size:
        return (0.0,) * len(QUANTILES)
    return tuple(float(q) for q in np.quantile(values, QUANTILES, method="higher"))


def relative(error: Array, canonical: Array) -> Array:
    """Errors over magnitudes, of the elements whose canonical value is finite and not 0."""
    usable = np.isfinite(canonical) & (canonical != 0)
    return np.asarray(error[usable] / np.abs(canonical[usable]))


def propose(error: Array, canonical: Array, margin: float) -> Tolerance:
    """The tolerance that allows `margin` times every error: rtol for values of the output's size, atol for the rest.

    rtol comes from the elements of at least half the greatest magnitude, atol from what that leaves of the others. Both
    are at least `margin` half-ulps (of the greatest magnitude), since another machine rounds where this one was lucky;
    and both are rounded up to two digits.
    """
    magnitude = np.where(np.isfinite(canonical), np.abs(canonical), 0.0)
    greatest = float(magnitude.max(initial=0.0))
    if not greatest:
        return Tolerance(_rounded_up(margin * float(error.max(initial=0.0))), _rounded_up(margin * _HALF_ULP))
    large = magnitude >= greatest / 2
    rtol = max(float((error[large] / magnitude[large]).max()), _HALF_ULP)
    atol = max(float((error - rtol * magnitude).max()), _HALF_ULP * greatest)
    return Tolerance(_rounded_up(margin * atol), _rounded_up(margin * rtol))


def score(answers: Sequence[Array], canonical: Sequence[Array], scales: Sequence[float]) -> float:
    """How bad one answer is: elements that no tolerance covers count 1 each, an error as its part of the scale."""
    total = 0.0
    for answer, truth, size in zip(answers, canonical, scales, strict=True):
        error, apart = deviation(answer.reshape(-1), truth.reshape(-1))
        worst = float(error[~apart].max(initial=0.0)) / size if size else 0.0
        total = max(total, min(worst, 1.0) + float(apart.sum()))
    return total


def _rounded_up(value: float) -> float:
    if not math.isfinite(value):
        return float(np.finfo(np.float64).max)
    return float(Context(prec=2, rounding=ROUND_CEILING).create_decimal(Decimal(value)))
