"""Layers of trees: what one move of a dispute demands and reveals. docs/disputes.md section 3.

A tree is shown from the top in layers of at most 7 levels. A layer below a node is a position; the last layer shows the
leaves themselves.
"""

from dataclasses import dataclass
from typing import Any

from oracle.canonical.commit import depth_of

LAYER_LEVELS = 7
TRACE = 2**32 - 1


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Layer `layer` of a tensor's tree (of the trace's: `TRACE`), below its node `index` of depth `7 * layer`."""

    tensor: int
    layer: int
    index: int

    @property
    def is_trace(self) -> bool:
        """Whether it lies in the trace's tree, whose leaves are tensor roots."""
        return self.tensor == TRACE

    def to_abi(self) -> tuple[int, int, int]:
        """The tuple that ABI encoders take."""
        return (self.tensor, self.layer, self.index)


@dataclass(frozen=True, slots=True)
class Shown:
    """The nodes a position shows: `count` of depth `depth`, from node `first` on; leaves if `are_leaves`."""

    depth: int
    first: int
    count: int
    are_leaves: bool


@dataclass(frozen=True, slots=True)
class Revelation:
    """What is at a position, with the paths that bind it: the struct of IDispute.sol. Siblings are lowest first."""

    position: Position
    data: bytes
    path: tuple[bytes, ...]
    trace_path: tuple[bytes, ...]

    def to_abi(self) -> tuple[Any, ...]:
        """The nested tuple that ABI encoders take."""
        return (self.position.to_abi(), self.data, list(self.path), list(self.trace_path))


def layer_count(leaves: int) -> int:
    """Layers of a tree over `leaves` leaves: at least one."""
    return max(1, -(-depth_of(leaves) // LAYER_LEVELS))


def shown(position: Position, leaves: int) -> Shown | None:
    """What a position shows in a tree over `leaves` leaves; None where it does not exist.

    A tree without leaves has one position, which shows nothing.
    """
    depth = depth_of(leaves)
    top = LAYER_LEVELS * position.layer
    if not 0 <= position.layer < layer_count(leaves) or not 0 <= position.index < max(1, _nodes(leaves, depth - top)):
        return None
    levels = min(LAYER_LEVELS, depth - top)
    first = position.index << levels
    count = min(1 << levels, _nodes(leaves, depth - top - levels) - first)
    return Shown(top + levels, first, count, top + levels == depth)


def above(position: Position) -> Position | None:
    """The position of the same tree that shows the node `position` lies below; None for the first layer."""
    if position.layer == 0:
        return None
    return Position(position.tensor, position.layer - 1, position.index >> LAYER_LEVELS)


def way_to(position: Position) -> list[Position]:
    """The positions that must be revealed, from the top down, before what `position` shows is known; it is the last."""
    higher = above(position)
    return [*(way_to(higher) if higher else ()), position]


def leaf_position(tensor: int, leaves: int, leaf: int) -> Position:
    """The position that shows leaf `leaf` of a tree over `leaves` leaves."""
    layer = layer_count(leaves) - 1
    return Position(tensor, layer, leaf >> (depth_of(leaves) - LAYER_LEVELS * layer))


def trace_position(nodes: int, index: int) -> Position:
    """The position of the trace's last layer that shows tensor root `index`, in a program of `nodes` nodes."""
    return leaf_position(TRACE, nodes, index)


def _nodes(leaves: int, height: int) -> int:
    """Nodes of height `height` that have leaves below them."""
    return -(-leaves >> height)
