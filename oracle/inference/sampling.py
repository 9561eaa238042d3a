"""Inputs for a calibration: drawn within ranges, and changed a little, for a search."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.tensor import DType, TensorSpec
from oracle.errors import InputError

Array = NDArray[Any]
Inputs = tuple[Array, ...]

_FLOATS: Final = (-4.0, 4.0)
_INTEGERS: Final = (0, 1)


@dataclass(frozen=True, slots=True)
class Range:
    """Least and greatest value of an input's elements; `assumed` where nobody said and no given input showed it."""

    low: float
    high: float
    assumed: bool = False


def range_of(spec: TensorSpec, given: Sequence[Array], told: tuple[float, float] | None) -> Range:
    """The range of an input: as told, else that of the finite elements given, else one that suits its dtype.

    8-bit integers and bools have all their values, other integers 0 and 1, floats -4 to 4. Raises `InputError` for a
    range told that is empty or not of the dtype.
    """
    if told is not None:
        return _checked(spec, *told)
    finite = [array[np.isfinite(array)] for array in given]
    if any(array.size for array in finite):
        low = min(array.min() for array in finite if array.size)
        return Range(low.item(), max(array.max() for array in finite if array.size).item())
    if spec.dtype is DType.FLOAT:
        return Range(*_FLOATS, assumed=True)
    if spec.dtype.size == 1 and spec.dtype is not DType.BOOL:
        limits = np.iinfo(spec.dtype.numpy)
        return Range(limits.min, limits.max)
    return Range(*_INTEGERS, assumed=spec.dtype is not DType.BOOL)


def _checked(spec: TensorSpec, low: float, high: float) -> Range:
    if spec.dtype is DType.FLOAT:
        least, greatest = (float(np.finfo(np.float32).min), float(np.finfo(np.float32).max))
        fits = least <= low and high <= greatest
    else:
        integers = np.iinfo(spec.dtype.numpy) if spec.dtype is not DType.BOOL else np.iinfo(np.uint8)
        greatest = 1 if spec.dtype is DType.BOOL else integers.max
        fits = integers.min <= low and high <= greatest and low == int(low) and high == int(high)
    if not fits or low > high:
        raise InputError(f"{low} to {high} is no range of {spec.dtype.label}.", hint="Write the smaller value first.")
    return Range(low, high) if spec.dtype is DType.FLOAT else Range(int(low), int(high))


def between(one: Inputs, other: Inputs) -> Inputs:
    """The middle of two inputs, element by element, rounded to what their dtypes have."""
    return tuple(_middle(a, b) for a, b in zip(one, other, strict=True))


def _middle(a: Array, b: Array) -> Array:
    if a.dtype.kind == "f":
        return np.asarray((a.astype(np.float64) / 2 + b.astype(np.float64) / 2).astype(a.dtype))
    return np.where(a == b, a, b) if a.dtype.kind == "b" else np.asarray(a // 2 + b // 2 + (a % 2 + b % 2) // 2)


class Sampler:
    """Draws and changes inputs; the same seed gives the same inputs."""

    def __init__(self, specs: Sequence[TensorSpec], ranges: Sequence[Range], seed: int) -> None:
        self._specs, self._ranges = tuple(specs), tuple(ranges)
        self._random = np.random.default_rng(seed)

    def draw(self) -> Inputs:
        """One input, of one of four kinds: spread evenly, around the middle, mostly one value, only the ends."""
        kind = self._random.integers(4)
        return tuple(self._drawn(spec, limits, kind) for spec, limits in zip(self._specs, self._ranges, strict=True))

    def change(self, inputs: Inputs, other: Inputs) -> Inputs:
        """`inputs` with one of its tensors changed: a few elements or all, a little or much, or mixed with `other`."""
        slot = int(self._random.integers(len(inputs)))
        spec, limits = self._specs[slot], self._ranges[slot]
        changed = self._changed(inputs[slot], other[slot], spec, limits)
        return (*inputs[:slot], changed, *inputs[slot + 1 :])

    def _drawn(self, spec: TensorSpec, limits: Range, kind: int) -> Array:
        even = self._even(spec, limits, spec.shape)
        if kind == 1 and spec.dtype is DType.FLOAT:
            middle, width = (limits.low + limits.high) / 2, (limits.high - limits.low) / 6
            return self._fit(self._random.normal(middle, width, spec.shape), spec, limits)
        if kind == 2:
            return np.where(self._random.random(spec.shape) < 0.1, even, self._even(spec, limits, ()))
        if kind == 3:
            ends = np.array([limits.low, limits.high], spec.dtype.numpy)
            return np.asarray(ends[self._random.integers(0, 2, spec.shape)])
        return even

    def _even(self, spec: TensorSpec, limits: Range, shape: tuple[int, ...]) -> Array:
        if spec.dtype is DType.FLOAT:
            return self._fit(self._random.uniform(limits.low, limits.high, shape), spec, limits)
        kind = np.uint8 if spec.dtype is DType.BOOL else spec.dtype.numpy
        drawn = self._random.integers(int(limits.low), int(limits.high), shape, kind, endpoint=True)
        return np.asarray(drawn).astype(spec.dtype.numpy)

    def _fit(self, values: Any, spec: TensorSpec, limits: Range) -> Array:
        ends = np.array([limits.low, limits.high], spec.dtype.numpy)
        return np.clip(np.asarray(values).astype(spec.dtype.numpy), *ends)

    def _changed(self, array: Array, other: Array, spec: TensorSpec, limits: Range) -> Array:
        chosen = self._random.random(array.shape) < self._random.choice([0.0, 0.1, 1.0])
        if array.size:
            chosen.flat[self._random.integers(array.size)] = True
        way = self._random.integers(5)
        if way == 0:
            return np.where(chosen, other, array)
        if way == 1 or spec.dtype is not DType.FLOAT:
            return np.where(chosen, self._even(spec, limits, array.shape), array)
        if way == 2:
            toward = array.dtype.type(self._random.choice([-np.inf, np.inf]))
            return np.where(chosen, self._fit(np.nextafter(array, toward), spec, limits), array)
        if way == 3:
            mixed = array + self._random.random() * (other.astype(np.float64) - array)
        else:
            step = (limits.high - limits.low) * 10.0 ** -self._random.uniform(0, 6)
            mixed = array + self._random.normal(0, step, array.shape)
        return np.where(chosen, self._fit(mixed, spec, limits), array)
