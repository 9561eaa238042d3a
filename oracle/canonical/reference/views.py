"""Reads of operands through views: docs/canonical.md section 4."""

from collections.abc import Callable, Sequence

from oracle.canonical.program.node import Coordinate, Node
from oracle.canonical.reference.formats import decode, normalise

Reader = Callable[[int], int]
"""Gives an operand's element, as raw bits, at a position from 0 to its count - 1."""


def read(node: Node, readers: Sequence[Reader], slot: int, at: Sequence[int]) -> int:
    """The bits operand `slot` reads as at the iteration and fold indices `at`, its fill where that is out of range."""
    bits = read_in_range(node, readers, slot, at)
    return fill(node, slot) if bits is None else bits


def fill(node: Node, slot: int) -> int:
    """What operand `slot` reads as out of range."""
    operand = node.operands[slot]
    return normalise(operand.dtype, operand.view.fill)


def read_in_range(node: Node, readers: Sequence[Reader], slot: int, at: Sequence[int]) -> int | None:
    """The same, None where it is out of range."""
    operand = node.operands[slot]
    position, inside = 0, True
    for coordinate in operand.view.coordinates:
        c = _coordinate(node, readers, coordinate, at)
        inside = inside and 0 <= c < coordinate.dim
        position = position * coordinate.dim + c
    return normalise(operand.dtype, readers[slot](position)) if inside else None


def _coordinate(node: Node, readers: Sequence[Reader], coordinate: Coordinate, at: Sequence[int]) -> int:
    c = coordinate.base + sum(coefficient * at[axis] for axis, coefficient in coordinate.terms)
    if coordinate.index is None:
        return c
    w = int(decode(node.operands[coordinate.index].dtype, read(node, readers, coordinate.index, at)))
    return c + (w + coordinate.dim if w < 0 else w)


def unravel(index: int, dims: Sequence[int]) -> tuple[int, ...]:
    """The indices, row-major, of element `index` of a tensor of dimensions `dims`."""
    indices = []
    for dim in reversed(dims):
        index, i = divmod(index, dim)
        indices.append(i)
    return tuple(reversed(indices))
