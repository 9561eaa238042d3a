"""Tensors as operators see them: a lazy, strided reading of a node's flat data.

Transposes, slices, broadcasts, windows, pads and gathers only rewrite the reading; they cost no node.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from oracle.canonical.tensor import DType


@dataclass(frozen=True, slots=True)
class Axis:
    """Where a position along an old axis comes from: `base` + the sum of step · index over new axes."""

    base: int = 0
    steps: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, axis: int, step: int = 1, base: int = 0) -> "Axis":
        """Position `base + step * index[axis]`."""
        return cls(base, ((axis, step),))


@dataclass(frozen=True, slots=True)
class Coord:
    """One coordinate of the node's data: `base + sum(step * index)`, one step per axis of the value, plus `index`."""

    dim: int
    base: int
    steps: tuple[int, ...]
    index: "Value | None" = None

    @property
    def trivial(self) -> bool:
        """Whether it says nothing: one position, always 0."""
        return self.dim == 1 and not self.base and not any(self.steps) and self.index is None


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of `shape`, read from the data of `node` through coordinates whose sizes multiply to the node's count.

    `fill` is None where no read leaves the data, else the bits that such a read yields. Index values have the same
    shape as the value they belong to.
    """

    node: int
    dtype: DType
    shape: tuple[int, ...]
    coords: tuple[Coord, ...] = field(repr=False)
    fill: int | None = None

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def count(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    @property
    def source_count(self) -> int:
        """Elements of the node's data."""
        return math.prod(c.dim for c in self.coords)

    @property
    def plain(self) -> bool:
        """Whether it reads by fixed strides, never out of range."""
        return self.fill is None and all(c.index is None for c in self.coords)

    @property
    def whole(self) -> bool:
        """Whether it is the node's data as they lie, in row-major order."""
        return self.plain and self.source_count == self.count and self.strides == contiguous(self.shape)

    @property
    def strides(self) -> tuple[int, ...]:
        """Elements of flat data that a step along each axis moves; 0 for an axis of size 1 or without effect."""
        flat = [0] * self.rank
        weight = 1
        for coord in reversed(self.coords):
            for axis, step in enumerate(coord.steps):
                flat[axis] += step * weight
            weight *= coord.dim
        return tuple(0 if size == 1 else stride for size, stride in zip(self.shape, flat, strict=True))

    @property
    def flat(self) -> "Value":
        """The same reading through one coordinate, the position in flat data; `plain` values only."""
        base, weight = 0, 1
        steps = [0] * self.rank
        for coord in reversed(self.coords):
            base += coord.base * weight
            steps = [s + step * weight for s, step in zip(steps, coord.steps, strict=True)]
            weight *= coord.dim
        return replace(self, coords=(Coord(weight, base, tuple(steps)),))

    def varies(self, axis: int) -> bool:
        """Whether what is read may depend on the position along `axis`."""
        return self.shape[axis] != 1 and any(
            c.steps[axis] or (c.index is not None and c.index.varies(axis)) for c in self.coords
        )

    def read(self, shape: Sequence[int], axes: Sequence[Axis]) -> "Value":
        """The value of `shape` whose element is this one's at the positions `axes`, one per axis of this value."""
        coords = []
        for coord in self.coords:
            steps = [0] * len(shape)
            base = coord.base
            for step, axis in zip(coord.steps, axes, strict=True):
                base += step * axis.base
                for new, factor in axis.steps:
                    steps[new] += step * factor
            index = None if coord.index is None else coord.index.read(shape, axes)
            coords.append(Coord(coord.dim, base, tuple(steps), index))
        return replace(self, shape=tuple(shape), coords=tuple(coords))

    def transpose(self, order: Sequence[int]) -> "Value":
        """Axis `order[t]` becomes axis t."""
        place = {axis: new for new, axis in enumerate(order)}
        return self.read([self.shape[a] for a in order], [Axis.of(place[a]) for a in range(self.rank)])

    def slice(self, axis: int, start: int, size: int, step: int = 1) -> "Value":
        """`size` positions of `axis` from `start`, every `step`-th; `step` may be negative."""
        axes = [Axis.of(a) if a != axis else Axis.of(a, step, start) for a in range(self.rank)]
        return self.read([*self.shape[:axis], size, *self.shape[axis + 1 :]], axes)

    def insert(self, axis: int, size: int = 1) -> "Value":
        """A new axis before `axis`, along which the value repeats."""
        shape = [*self.shape[:axis], size, *self.shape[axis:]]
        return self.read(shape, [Axis.of(a + (a >= axis)) for a in range(self.rank)])

    def drop(self, axis: int) -> "Value":
        """Without `axis`, of which position 0 is taken."""
        axes = [Axis() if a == axis else Axis.of(a - (a > axis)) for a in range(self.rank)]
        return self.read([*self.shape[:axis], *self.shape[axis + 1 :]], axes)

    def expand(self, shape: Sequence[int]) -> "Value":
        """Broadcast to `shape`, as NumPy does; sizes must agree or be 1."""
        lead = len(shape) - self.rank
        axes = [Axis.of(lead + a) if self.shape[a] == shape[lead + a] else Axis() for a in range(self.rank)]
        return self.read(shape, axes)

    def reshape(self, shape: Sequence[int]) -> "Value | None":
        """The same elements in row-major order as `shape`, or None where no reading says that."""
        if math.prod(shape) == 0:
            return self.read(shape, [Axis()] * self.rank)
        long = self
        for axis in reversed(range(self.rank)):
            if self.shape[axis] == 1:
                long = long.drop(axis)
        axes = _regroup(long, tuple(shape))
        return None if axes is None else long.read(shape, axes)

    def merges(self, axis: int) -> bool:
        """Whether `axis` and the next one read like one axis."""
        return all(
            c.steps[axis] == c.steps[axis + 1] * self.shape[axis + 1] and (c.index is None or c.index.merges(axis))
            for c in self.coords
        )


def _regroup(value: Value, shape: tuple[int, ...]) -> list[Axis] | None:
    """Where positions of `value`, which has no axis of size 1, come from in `shape`; None where it cannot be said.

    Runs of old and new axes with equal products match. In a run that reads like one axis the innermost axis may carry
    the whole position.
    """
    axes: list[Axis] = []
    new = old = 0
    while old < value.rank:
        first, size, product = old, value.shape[old], 1
        old += 1
        run: list[tuple[int, int]] = []
        while product != size:
            if product < size:
                product *= shape[new]
                run.append((new, product))
                new += 1
            elif value.merges(old - 1):
                size *= value.shape[old]
                old += 1
            else:
                return None
        steps = tuple((axis, size // before) for axis, before in run)
        axes += [Axis()] * (old - first - 1) + [Axis(0, steps)]
    return axes


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """Row-major strides of `shape`, 0 for axes of size 1."""
    strides = [0] * len(shape)
    weight = 1
    for axis in reversed(range(len(shape))):
        strides[axis] = 0 if shape[axis] == 1 else weight
        weight *= shape[axis]
    return tuple(strides)


def separate(value: Value, axes: Sequence[int]) -> Value | None:
    """The same reading with a coordinate of its own for each of `axes`, so that leaving the axis is leaving the data.

    None where the value's layout does not allow it: another coordinate shares the axis, or the axis was cut.
    """
    if all(_owned(value, axis) for axis in axes):
        return value
    if not value.plain:
        return None
    (flat,) = value.flat.coords
    if not flat.dim:
        return replace(value, coords=(replace(flat, base=0, steps=(0,) * value.rank),))
    unit = [Coord(1, 0, _steps(value.rank, {axis: 1})) for axis in axes if value.shape[axis] == 1]
    coords: list[Coord] = []
    base, size = flat.base, flat.dim
    rest = {axis: step for axis, step in enumerate(flat.steps) if step and value.shape[axis] > 1}
    wide = [axis for axis in axes if value.shape[axis] != 1]
    for axis in sorted(wide, key=lambda a: (-flat.steps[a], a)):
        step = rest.pop(axis, 0)
        block = step * value.shape[axis]
        if block <= 0 or size % block:
            return None
        outer = {a: s // block for a, s in rest.items() if s % block == 0}
        rest = {a: s for a, s in rest.items() if s % block}
        lead, base = divmod(base, block)
        reach = [s * (value.shape[a] - 1) for a, s in rest.items()]
        if base + sum(min(r, 0) for r in reach) < 0 or base + sum(max(r, 0) for r in reach) >= step:
            return None
        coords.append(Coord(size // block, lead, _steps(value.rank, outer)))
        coords.append(Coord(value.shape[axis], 0, _steps(value.rank, {axis: 1})))
        size = step
    coords.append(Coord(size, base, _steps(value.rank, rest)))
    return replace(value, coords=(*(c for c in coords if not c.trivial), *unit))


def _owned(value: Value, axis: int) -> bool:
    """Whether positions outside the axis lie outside the data: one coordinate moves with it alone, and is covered."""
    movers = [c for c in value.coords if c.steps[axis]]
    if len(movers) != 1 or any(c.index is not None and c.index.varies(axis) for c in value.coords):
        return False
    coord = movers[0]
    if coord.index is not None or any(step for a, step in enumerate(coord.steps) if a != axis):
        return False
    last = coord.base + coord.steps[axis] * (value.shape[axis] - 1)
    low, high = min(coord.base, last), max(coord.base, last)
    return abs(coord.steps[axis]) == 1 and low <= 0 and high >= coord.dim - 1


def _steps(rank: int, steps: dict[int, int]) -> tuple[int, ...]:
    return tuple(steps.get(axis, 0) for axis in range(rank))
