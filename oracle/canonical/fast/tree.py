"""TREE: all walks of a node at the same time, one step after the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.views import ViewPlan
from oracle.canonical.fast.work import Work
from oracle.canonical.program.node import Node

Array = NDArray[Any]
Ints = NDArray[np.int64]

_LEAF, _LAST_MODE = 0, 6
_MISSING = 16


@dataclass(frozen=True, slots=True)
class _Walks:
    """Walks under way: the elements they are for (flat), and the table rows they stand at."""

    element: Ints
    row: Ints

    def only(self, which: NDArray[np.bool_]) -> "_Walks":
        return _Walks(self.element[which], self.row[which])


class TreePlan:
    """A compiled TREE node."""

    def __init__(self, node: Node) -> None:
        self._dims, self._features, self._depth = node.dims, node.fold[0], node.depth
        self._x = ViewPlan(node, 0)
        self._roots = ViewPlan(node, 2, fold=(1,))

    def __call__(self, operands: Sequence[Array], work: Work) -> Array:  # noqa: ARG002  (as all plans are called)
        """The tensor, flat."""
        result = np.zeros(self._dims, np.float32).reshape(-1)
        if not result.size:
            return result
        x, nodes, weights = self._x.read(operands), operands[1], operands[3]
        table = nodes[: nodes.size // 4 * 4].reshape(-1, 4)
        row = self._roots.read(operands)[..., 0].astype(np.int64).reshape(-1)
        walks = _Walks(np.arange(result.size), row)
        for _ in range(self._depth + 1):
            walks = walks.only(walks.row < len(table))
            words = table[walks.row]
            leaf = words[:, 0] & 15 == _LEAF
            self._finish(walks.only(leaf), words[leaf, 1], weights, result)
            walks, words = walks.only(~leaf), words[~leaf]
            if not walks.row.size:
                break
            walks = self._step(walks, words, x)
        return result

    def _finish(self, walks: _Walks, first: Array, weights: Array, result: Array) -> None:
        place = first.astype(np.int64) + walks.element % self._dims[-1]
        inside = place < weights.size
        result[walks.element[inside]] = weights[place[inside]]

    def _step(self, walks: _Walks, words: Array, x: Array) -> _Walks:
        """The walks one branch on; those at a wrong row end here, with 0."""
        right = (words[:, 0] & 15 <= _LAST_MODE) & (words[:, 0] >> 8 < self._features)
        walks, words = walks.only(right), words[right]
        place = np.unravel_index(walks.element, self._dims)
        value = x[(*place, (words[:, 0] >> 8).astype(np.int64))]
        threshold = np.ascontiguousarray(words[:, 1]).view(np.float32)
        mode = words[:, 0] & 15
        outcomes = [
            value <= threshold,
            value < threshold,
            value >= threshold,
            value > threshold,
            value == threshold,
            value != threshold,
        ]
        taken = np.choose(mode.astype(np.intp) - 1, outcomes) | (np.isnan(value) & (words[:, 0] & _MISSING != 0))
        return _Walks(walks.element, np.where(taken, words[:, 2], words[:, 3]).astype(np.int64))
