"""How near a canonical run comes to the jumps of its program: what a search for hostile inputs goes after."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.functions import normalize
from oracle.canonical.fast.views import ViewPlan
from oracle.canonical.program.jumps import jumps
from oracle.canonical.program.node import Fn, Kind, Node
from oracle.canonical.program.program import Program

Array = NDArray[Any]

_TREE_X, _TREE_NODES = 0, 1
_COMPARED: Final = frozenset({Fn.EQUAL, Fn.LESS})


class Nearness:
    """A sink for `Plan.run`: it keeps what jumping nodes read and yield, and says how near the run came to a jump."""

    def __init__(self, program: Program) -> None:
        numbered = [(number, node) for number, node in enumerate(program.nodes) if jumps(node)]
        self._numbers, self._nodes = [number for number, _ in numbered], [node for _, node in numbered]
        slots = [(0, 1) if node.kind is Kind.MAP and node.fn in _COMPARED else (0,) for node in self._nodes]
        self._views = [[ViewPlan(node, slot) for slot in s] for node, s in zip(self._nodes, slots, strict=True)]
        self._wanted = {operand.node for node in self._nodes for operand in node.operands}
        self._wanted.update(self._numbers)
        self._kept: dict[int, Array] = {}

    def __call__(self, number: int, tensor: Array) -> None:
        """Keep the tensor if a jumping node reads or yields it."""
        if number in self._wanted:
            self._kept[number] = tensor.view(np.uint8) != 0 if tensor.dtype == np.bool_ else normalize(tensor)

    def side(self) -> bytes:
        """On which side of every jump the run was: what the jumping nodes yielded."""
        return b"".join(self._kept[number].tobytes() for number in self._numbers)

    def distance(self) -> float:
        """The least relative distance to a jump, exact hits aside; infinite where there is none."""
        least = np.inf
        with np.errstate(all="ignore"):
            for node, views in zip(self._nodes, self._views, strict=True):
                operands = [self._kept[operand.node] for operand in node.operands]
                reads = [view.read(operands).astype(np.float64) for view in views]
                found = _distances(node, reads, operands)
                found = found[(found > 0) & np.isfinite(found)]
                least = min(least, float(found.min())) if found.size else least
        return least


def _distances(node: Node, reads: Sequence[Array], operands: Sequence[Array]) -> Array:
    x = reads[0]
    if node.kind is Kind.TREE:
        return _from_thresholds(x.reshape(-1, node.fold[0]), operands[_TREE_NODES])
    if node.kind is not Kind.MAP:
        ordered = np.sort(x.reshape(*node.dims, -1), axis=-1)
        return _apart(ordered[..., 1:], ordered[..., :-1])
    if node.fn in _COMPARED:
        return _apart(x, reads[1])
    if node.fn == Fn.SIGN:
        return np.abs(x)
    to_integer = np.abs(x - np.rint(x))
    return np.asarray((0.5 - to_integer if node.fn == Fn.ROUND else to_integer) / (1 + np.abs(x)))


def _apart(a: Array, b: Array) -> Array:
    return np.asarray(np.abs(a - b) / np.maximum(np.maximum(np.abs(a), np.abs(b)), np.finfo(np.float32).tiny))


def _from_thresholds(x: Array, table: Array) -> Array:
    """Of rows of features, from every threshold of a tree's branches."""
    rows = table[: table.size // 4 * 4].reshape(-1, 4)
    branches = rows[rows[:, 0] & 15 != 0]
    feature = (branches[:, 0] >> 8).astype(np.int64)
    known = feature < x.shape[1]
    thresholds = np.ascontiguousarray(branches[known, 1]).view(np.float32).astype(np.float64)
    return _apart(x[:, feature[known]], thresholds)
