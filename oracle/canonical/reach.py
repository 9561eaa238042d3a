"""How much of an operand one element of a node can need, from the node alone: docs/canonical.md section 9."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from oracle.canonical.commit import LEAF_BYTES, depth_of, leaf_count
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node

TREE_NODES = 1
"""The operand of a TREE that is its table of rows."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The most that is opened of an operand: leaves, in at most so many runs, of a tree of so many levels."""

    leaves: int
    runs: int
    depth: int

    @property
    def siblings(self) -> int:
        """The most siblings that the runs have in all."""
        return min(2 * self.runs, self.leaves) * self.depth


@dataclass(frozen=True, slots=True)
class Line:
    """How the reads of an operand along the fold's innermost axis come.

    Its view is computed `views` times, the reads lie evenly in `segments` parts, and they are `scattered` if those of a
    part lie neither side by side nor all in one place.
    """

    views: int
    segments: int
    scattered: bool


def folded_values(node: Node) -> int:
    """The first value operands, which are read at every fold index."""
    if node.kind is Kind.FOLD:
        return 2 if node.fn == Fn.FOLD_DOT else 1
    return 1 if node.kind is Kind.RANK else 0


def fold_sizes(node: Node) -> tuple[int, ...]:
    """The fold dimensions; all 1 where K = 0, as nothing is then read at more than one fold index."""
    return node.fold if node.fold_count else (1,) * len(node.fold)


def inner_axis(node: Node) -> int | None:
    """The innermost fold axis (counted from the first iteration axis) that is longer than 1, if there is one."""
    long = [axis for axis, size in enumerate(fold_sizes(node), len(node.dims)) if size > 1]
    return long[-1] if long else None


def opening(node: Node, slot: int) -> Opening:
    """The most that any element of `node` needs of operand `slot`."""
    operand = node.operands[slot]
    total = leaf_count(operand.view.count * operand.dtype.size)
    if node.kind is Kind.TREE:
        reads = total if slot == TREE_NODES else _along(node, slot)[0]
        leaves = min(reads, node.depth + 1, total)
        runs = leaves
    elif node.kind is Kind.MAP or folded_values(node) <= slot < node.values:
        leaves = runs = min(1, total)
    else:
        covering, apart = _along(node, slot)
        leaves = min(covering, total)
        runs = min(apart, leaves)
    return Opening(leaves, runs, depth_of(total))


def _along(node: Node, slot: int) -> tuple[int, int]:
    """Leaves and runs that reads at all fold indices may touch, not limited to what the operand has."""
    view, per_leaf = node.operands[slot].view, LEAF_BYTES // node.operands[slot].dtype.size
    sizes = dict(enumerate(fold_sizes(node), len(node.dims)))
    long = [axis for axis, size in sizes.items() if size > 1]
    moving, strides, cut = _moving(node, slot), _strides(node, slot), _cut(node, slot)
    segments = span = apart = whole = 1
    for axis in sorted(long, key=lambda a: abs(strides[a])):
        size, stride = sizes[axis], abs(strides[axis])
        if axis in moving:
            segments, apart = segments * size, apart * size
        elif stride:
            if stride > span + per_leaf - 1:
                segments *= size
            else:
                span += stride * (size - 1)
            if stride > whole + per_leaf - 1:
                apart *= size
            elif axis not in cut:
                whole += stride * (size - 1)
    leaves = segments * (-(-(span - 1) // per_leaf) + 1)
    ragged = any(len(_fold_axes(node, c)) > 1 and can_leave(node, c) for c in view.coordinates)
    return leaves, leaves if ragged else apart


def line(node: Node, slot: int) -> Line:
    """How a folded operand is read along the innermost axis."""
    axis = inner_axis(node)
    if axis is None:
        return Line(1, 1, scattered=False)
    size = fold_sizes(node)[axis - len(node.dims)]
    if axis in _moving(node, slot):
        return Line(size, size, scattered=False)
    stride = _strides(node, slot)[axis]
    if abs(stride) * node.operands[slot].dtype.size > LEAF_BYTES:
        segments = size
    else:
        segments = min(3, size) if axis in _cut(node, slot) else 1
    return Line(1, segments, stride not in (0, 1))


def can_leave(node: Node, coordinate: Coordinate) -> bool:
    """Whether a coordinate may be outside of [0, dim) at some indices, as far as the node says."""
    if coordinate.index is not None:
        return True
    sizes = (*node.dims, *fold_sizes(node))
    reach = [coefficient * max(sizes[axis] - 1, 0) for axis, coefficient in coordinate.terms]
    least = coordinate.base + sum(r for r in reach if r < 0)
    greatest = coordinate.base + sum(r for r in reach if r > 0)
    return least < 0 or greatest >= coordinate.dim


def _fold_axes(node: Node, coordinate: Coordinate) -> list[int]:
    """The fold axes longer than 1 that the coordinate has terms on."""
    first, sizes = len(node.dims), fold_sizes(node)
    return [axis for axis, _ in coordinate.terms if axis >= first and sizes[axis - first] > 1]


def _cut(node: Node, slot: int) -> set[int]:
    """Fold axes along which reads may leave the operand."""
    leaving = [c for c in node.operands[slot].view.coordinates if can_leave(node, c)]
    return _union(_fold_axes(node, c) for c in leaving)


def _moving(node: Node, slot: int) -> set[int]:
    """Fold axes along which an index of the operand changes."""
    indices = {c.index for c in node.operands[slot].view.coordinates if c.index is not None}
    return _union(_fold_axes(node, c) for index in indices for c in node.operands[index].view.coordinates)


def _union(groups: Iterable[list[int]]) -> set[int]:
    return {axis for group in groups for axis in group}


def _strides(node: Node, slot: int) -> list[int]:
    """Elements that a step along each axis moves in the operand, indices aside."""
    coordinates = node.operands[slot].view.coordinates
    strides = [0] * (len(node.dims) + len(node.fold))
    for d, coordinate in enumerate(coordinates):
        weight = math.prod(c.dim for c in coordinates[d + 1 :])
        for axis, coefficient in coordinate.terms:
            strides[axis] += coefficient * weight
    return strides
