"""Views as NumPy arrays: docs/canonical.md section 4.

A view becomes an array over a node's iteration and fold dimensions: strided, without a copy, where every read is in
range; strided over a padded copy where reads leave the operand a little; gathered element by element otherwise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.functions import normalize
from oracle.canonical.program.node import Coordinate, Node, Operand
from oracle.canonical.tensor import DType
from oracle.errors import ProgramError

Array = NDArray[Any]

_FAR = 2**61  # coordinates beyond this could wrap in int64
_PADDING = 4  # a padded copy may be this many times the operand and the read together


@dataclass(frozen=True, slots=True)
class _Strides:
    """An array of `shape`, strides in elements, from element `offset` of a flat array."""

    offset: int
    steps: tuple[int, ...]

    def over(self, flat: Array, shape: tuple[int, ...]) -> Array:
        """The strided array; NumPy itself refuses one that would leave the buffer."""
        size = flat.itemsize
        strides = tuple(step * size for step in self.steps)
        return np.ndarray(shape, flat.dtype, flat, self.offset * size, strides)


@dataclass(frozen=True, slots=True)
class _Padding:
    """A copy of the part of an operand of shape `dims` that is read, in an array of shape `padded` full of fill."""

    dims: tuple[int, ...]
    padded: tuple[int, ...]
    source: tuple[slice, ...]
    target: tuple[slice, ...]

    def copy(self, flat: Array, fill: Any, dtype: Any) -> Array:
        """The flat padded copy."""
        padded = np.full(self.padded, fill, dtype)
        padded[self.target] = flat.reshape(self.dims)[self.source]
        return padded.reshape(-1)


class ViewPlan:
    """A compiled view of operand `slot` of `node`; arrays it yields have the shape `space`: dims, then fold."""

    def __init__(self, node: Node, slot: int, *, fold: tuple[int, ...] | None = None, fill: int | None = None) -> None:
        """`fold` and `fill` (as bits), if given, take the place of the node's and the view's own."""
        operand = node.operands[slot]
        self.space = node.dims + (node.fold if fold is None else fold)
        self.slot = slot
        self.dtype = operand.dtype.numpy
        self.fill = fill_value(operand.dtype, operand.view.fill if fill is None else fill)
        self._coordinates = tuple(_without_unit_axes(c, self.space) for c in operand.view.coordinates)
        self._dims = tuple(c.dim for c in self._coordinates)
        self._indices = {c.index: ViewPlan(node, c.index, fold=fold) for c in self._coordinates if c.index is not None}
        self._ranges = tuple(_span(c, self.space) for c in self._coordinates)
        self.slots = {slot} | set(self._indices)
        self.depends = tuple(self._depends_on(axis) for axis in range(len(self.space)))
        self.always_in_range = not self._indices and all(
            low >= 0 and high < dim for (low, high), dim in zip(self._ranges, self._dims, strict=True)
        )
        self._empty = 0 in self.space
        self._all_fill = not operand.view.count
        self._padding: _Padding | None = None
        self._strides: _Strides | None = None
        if self._empty or self._all_fill:
            return
        if not self._indices:
            self._compile_strides(operand)
        if self._strides is None and any(max(-low, high) >= _FAR for low, high in self._ranges):
            raise ProgramError(
                f"a view of tensor {operand.node} has coordinates beyond 2^61, which cannot be run here."
            )

    @property
    def steps(self) -> tuple[int, ...] | None:
        """Elements from one read to the next along each axis of `space`, in the operand or its padded copy, if so."""
        return None if self._strides is None else self._strides.steps

    def _depends_on(self, axis: int) -> bool:
        own = any(axis == term for c in self._coordinates for term, _ in c.terms)
        return own or any(plan.depends[axis] for plan in self._indices.values())

    def _compile_strides(self, operand: Operand) -> None:
        low, dims = [0] * len(self._dims), self._dims
        if not self.always_in_range:
            padded = tuple(high - low + 1 for low, high in self._ranges)
            if math.prod(padded) > _PADDING * (operand.view.count + math.prod(self.space)) + 1024:
                return
            low = [low for low, _ in self._ranges]
            spans = [
                (max(low, 0), max(min(high + 1, dim), low, 0))
                for (low, high), dim in zip(self._ranges, dims, strict=True)
            ]
            spans = [(start, max(start, min(stop, dim))) for (start, stop), dim in zip(spans, dims, strict=True)]
            source = tuple(slice(start, stop) for start, stop in spans)
            target = tuple(slice(start - at, stop - at) for (start, stop), at in zip(spans, low, strict=True))
            self._padding = _Padding(dims, padded, source, target)
            dims = padded
        self._strides = self._strides_over(dims, low)

    def _strides_over(self, dims: Sequence[int], low: Sequence[int]) -> _Strides:
        """The view as strides over an array of shape `dims`, whose first element has the coordinates `low`."""
        steps, offset, stride = [0] * len(self.space), 0, 1
        for coordinate, dim, start in zip(reversed(self._coordinates), reversed(dims), reversed(low), strict=True):
            offset += (coordinate.base - start) * stride
            for axis, coefficient in coordinate.terms:
                steps[axis] += coefficient * stride
            stride *= dim
        return _Strides(offset, tuple(steps))

    def read(self, operands: Sequence[Array], dtype: Any = None) -> Array:
        """Every read, as an array of shape `space`, not to be written to.

        `operands` are the node's operands, flat and normalised; `dtype`, if given, is one that holds all elements.
        """
        flat = operands[self.slot]
        dtype = flat.dtype if dtype is None else dtype
        if self._empty:
            return np.empty(self.space, dtype)
        if self._all_fill:
            return np.broadcast_to(np.asarray(self.fill, dtype), self.space)
        if self._padding is not None:
            flat = self._padding.copy(flat, self.fill, dtype)
        elif flat.dtype != dtype:
            flat = flat.astype(dtype)
        if self._strides is None:
            return self._gather(operands, flat)
        return self._strides.over(flat, self.space)

    def _gather(self, operands: Sequence[Array], flat: Array) -> Array:
        position, inside = self._positions(operands)
        values = np.where(inside, flat.take(np.where(inside, position, 0)), flat.dtype.type(self.fill))
        return np.broadcast_to(values, self.space)

    def _positions(self, operands: Sequence[Array]) -> tuple[Array, Array]:
        """Row-major positions and whether they are in range, of a shape that broadcasts to `space`."""
        position: Array = np.zeros((1,) * len(self.space), np.int64)
        inside: Array = np.ones((1,) * len(self.space), np.bool_)
        for coordinate in self._coordinates:
            at = _affine(coordinate, self.space)
            if coordinate.index is not None:
                at = at + self._indices[coordinate.index].wrapped(operands, coordinate.dim)
            ok = (at >= 0) & (at < coordinate.dim)
            inside = inside & ok
            position = position * coordinate.dim + np.where(ok, at, 0)
        return position, inside

    def wrapped(self, operands: Sequence[Array], dim: int) -> Array:
        """As an index into `dim` elements: negative values have `dim` added once; far ones are clipped, still far."""
        index = self.compact(self.read(operands), len(self.space))
        if index.dtype == np.uint64:
            return np.minimum(index, np.uint64(2**62)).astype(np.int64)
        index = index.astype(np.int64)
        return np.clip(np.where(index < 0, index + dim, index), -(2**62), 2**62)

    def compact(self, read: Array, axes: int) -> Array:
        """`read` of size 1 along those of its first `axes` axes on which the view does not depend."""
        return read[tuple(slice(None) if depends else slice(0, 1) for depends in self.depends[:axes])]

    def in_range(self, operands: Sequence[Array]) -> Array:
        """Which reads are in range: bool of shape `space`."""
        if self.always_in_range or self._empty:
            return np.broadcast_to(np.True_, self.space)
        if self._all_fill:
            return np.broadcast_to(np.False_, self.space)
        return np.broadcast_to(self._positions(operands)[1], self.space)

    def read_box(self, operands: Sequence[Array], box: tuple[slice, ...]) -> Array:
        """The reads of a box that is not empty and inside `box()`."""
        strides = self._strides_over(self._dims, [0] * len(self._dims))
        offset = strides.offset + sum(step * part.start for step, part in zip(strides.steps, box, strict=True))
        shape = tuple(part.stop - part.start for part in box)
        return _Strides(offset, strides.steps).over(operands[self.slot], shape)

    def greatest(self, operands: Sequence[Array]) -> int:
        """No magnitude read of an integer operand is greater."""
        flat = operands[self.slot]
        ends = [int(flat.min()), int(flat.max())] if flat.size else []
        return max(abs(end) for end in [*ends, int(self.fill)])

    def greatest_float(self, operands: Sequence[Array]) -> tuple[float, bool]:
        """What no finite magnitude read of a float32 operand exceeds, and whether all elements are finite."""
        flat = operands[self.slot]
        ends = [float(flat.min()), float(flat.max())] if flat.size else []
        fill = [] if self.always_in_range else [float(self.fill)]
        finite = all(map(math.isfinite, (*ends, *fill)))
        if not finite:
            ends = [float(np.abs(flat[np.isfinite(flat)]).max(initial=0.0))]
        return max((abs(end) for end in (*ends, *fill) if math.isfinite(end)), default=0.0), finite

    def box(self) -> tuple[slice, ...] | None:
        """The reads in range, where they are a box known beforehand; else None."""
        if self._indices:
            return None
        bounds = [(0, size) for size in self.space]
        for coordinate, (low, high) in zip(self._coordinates, self._ranges, strict=True):
            if low >= 0 and high < coordinate.dim:
                continue
            if len(coordinate.terms) != 1:
                return None
            axis, step = coordinate.terms[0]
            ends = (-coordinate.base, coordinate.dim - 1 - coordinate.base)
            first, last = ends if step > 0 else (-ends[1], -ends[0])
            start, stop = bounds[axis]
            start, stop = max(start, -(-first // abs(step))), min(stop, last // abs(step) + 1)
            bounds[axis] = (start, max(start, stop))
        return tuple(slice(start, stop) for start, stop in bounds)


def fill_value(dtype: DType, bits: int) -> Any:
    """The normalised element whose bits are `bits`."""
    unsigned = np.array([bits], f"u{dtype.size}")
    with np.errstate(invalid="ignore"):
        return normalize(unsigned.view(dtype.numpy))[0]


def _without_unit_axes(c: Coordinate, space: tuple[int, ...]) -> Coordinate:
    return Coordinate(c.dim, c.base, tuple(term for term in c.terms if space[term[0]] != 1), c.index)


def _span(c: Coordinate, space: tuple[int, ...]) -> tuple[int, int]:
    """Least and greatest value of the affine part (of an empty space: as if every axis had one place)."""
    reach = [coefficient * max(space[axis] - 1, 0) for axis, coefficient in c.terms]
    return c.base + sum(min(r, 0) for r in reach), c.base + sum(max(r, 0) for r in reach)


def _affine(c: Coordinate, space: tuple[int, ...]) -> Array:
    total: Array = np.full((1,) * len(space), c.base, np.int64)
    for axis, coefficient in c.terms:
        shape = [1] * len(space)
        shape[axis] = space[axis]
        total = total + (np.arange(space[axis], dtype=np.int64) * coefficient).reshape(shape)
    return total


def boxes(shape: tuple[int, ...], limit: int) -> list[tuple[slice, ...]]:
    """`shape` cut into boxes of at most `limit` elements (and at least one), in row-major order."""
    whole, axis = 1, len(shape)
    while axis and whole * shape[axis - 1] <= limit:
        axis -= 1
        whole *= max(shape[axis], 1)
    rest = tuple(slice(0, size) for size in shape[axis:])
    if not axis:
        return [rest]
    step = max(1, limit // whole)
    runs = [slice(at, min(at + step, shape[axis - 1])) for at in range(0, shape[axis - 1], step)]
    outer = [tuple(slice(i, i + 1) for i in index) for index in np.ndindex(*shape[: axis - 1])]
    return [(*lead, run, *rest) for lead in outer for run in runs]


def part(array: Array, box: tuple[slice, ...]) -> Array:
    """The view of `array` that `box` cuts from its first axes; an array even where nothing is cut."""
    index: Any = (*box, ...)
    return np.asarray(array[index])


def at_last(array: Array, place: tuple[int, ...]) -> Array:
    """The view of `array` at `place` of its last axes."""
    index: Any = (..., *place)
    return np.asarray(array[index])
