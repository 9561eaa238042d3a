"""From values to a node: which iteration axes it has, in which order, and how its operands are viewed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from oracle.canonical.lower.value import Coord, Value
from oracle.canonical.program.node import MAX_DIM, Coordinate, Kind, Node, Operand, View
from oracle.canonical.tensor import DType


@dataclass(frozen=True, slots=True)
class Shape:
    """The axes of values of one shape as a node runs over them: `dims`, then `fold`, as groups of the values' axes.

    Each group is a run of axes (outermost first) that becomes one dimension; axes in no group have size 1.
    """

    shape: tuple[int, ...]
    dims: tuple[tuple[int, ...], ...]
    fold: tuple[tuple[int, ...], ...]

    def size(self, group: tuple[int, ...]) -> int:
        """Positions along a group."""
        return math.prod(self.shape[axis] for axis in group)


def group_axes(values: Sequence[Value], dims: Sequence[int], fold: Sequence[int], *, keep_last: bool = False) -> Shape:
    """Drop axes of size 1 and merge neighbours that every value reads like one axis.

    With `keep_last` the last axis of `dims` (the class of a TREE, the place of a RANK) and those of `fold` stay as they
    are.
    """
    shape = values[0].shape

    def groups(axes: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        found: list[tuple[int, ...]] = []
        for axis in axes:
            if shape[axis] == 1:
                continue
            size = math.prod(shape[a] for a in found[-1]) * shape[axis] if found else 0
            if found and size <= MAX_DIM and all(_like_one(value, found[-1][-1], axis) for value in values):
                found[-1] = (*found[-1], axis)
            else:
                found.append((axis,))
        return tuple(found)

    if keep_last:
        return Shape(shape, (*groups(dims[:-1]), (dims[-1],)), tuple((axis,) for axis in fold))
    return Shape(shape, groups(dims), groups(fold))


def _like_one(value: Value, outer: int, inner: int) -> bool:
    size = value.shape[inner]
    return all(
        c.steps[outer] == c.steps[inner] * size and (c.index is None or _like_one(c.index, outer, inner))
        for c in value.coords
    )


def make_node(kind: Kind, fn: int, dtype: DType, axes: Shape, values: Sequence[Value], *, depth: int = 0) -> Node:
    """The node of `kind` that runs over `axes` and reads `values`; index values become its last operands."""
    operands: list[Operand] = []
    indexes: list[Operand] = []
    for value in values:
        coordinates = []
        for coord in _needed(value):
            index = None
            if coord.index is not None:
                operand = _operand(coord.index, [_coordinate(c, axes, None) for c in _needed(coord.index)])
                if operand not in indexes:
                    indexes.append(operand)
                index = len(values) + indexes.index(operand)
            coordinates.append(_coordinate(coord, axes, index))
        operands.append(_operand(value, coordinates))
    dims = tuple(axes.size(group) for group in axes.dims)
    fold = tuple(axes.size(group) for group in axes.fold)
    return Node(kind, fn, dtype, dims, fold, (*operands, *indexes), len(values), depth=depth)


def _needed(value: Value) -> list[Coord]:
    """The coordinates that say something about axes longer than 1; one, the flat position, where that is enough."""
    value = value.flat if value.plain and value.source_count <= MAX_DIM else value
    steps = [tuple(0 if n == 1 else s for s, n in zip(c.steps, value.shape, strict=True)) for c in value.coords]
    coords = [Coord(c.dim, c.base, s, c.index) for c, s in zip(value.coords, steps, strict=True)]
    return [coord for coord in coords if not coord.trivial]


def _operand(value: Value, coordinates: list[Coordinate]) -> Operand:
    return Operand(value.node, value.dtype, View(tuple(coordinates), value.fill or 0))


def _coordinate(coord: Coord, axes: Shape, index: int | None) -> Coordinate:
    groups = (*axes.dims, *axes.fold)
    terms = tuple((t, coord.steps[group[-1]]) for t, group in enumerate(groups) if coord.steps[group[-1]])
    return Coordinate(coord.dim, coord.base, terms, index)
