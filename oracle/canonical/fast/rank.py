"""RANK: the places of a fold's elements in sorted order."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.views import ViewPlan
from oracle.canonical.fast.work import Work
from oracle.canonical.program.node import RANK_DESCENDING, Node

Array = NDArray[Any]


class RankPlan:
    """A compiled RANK node."""

    def __init__(self, node: Node) -> None:
        self._dims, self._fold = node.dims, node.fold_count
        self._descending = node.fn == RANK_DESCENDING
        self._view = ViewPlan(node, 0)
        self._sorted_once = not self._view.depends[len(node.dims) - 1]

    def __call__(self, operands: Sequence[Array], work: Work) -> Array:  # noqa: ARG002  (as all plans are called)
        """The tensor, flat."""
        result = np.zeros(self._dims, np.int64)
        places = min(self._dims[-1], self._fold)
        if not result.size or not places:
            return result.reshape(-1)
        read = self._view.read(operands)
        rank = len(self._dims)
        if self._sorted_once:
            read = read[(*(slice(None),) * (rank - 1), slice(0, 1))]
        keys = _ordered(np.ascontiguousarray(read).reshape(*read.shape[:rank], self._fold))
        order = np.argsort(~keys if self._descending else keys, axis=-1, kind="stable")
        if self._sorted_once:
            result[..., :places] = order[..., 0, :places]
        else:
            result[..., :places] = np.diagonal(order, axis1=-2, axis2=-1)
        return result.reshape(-1)


def _ordered(values: Array) -> Array:
    """Unsigned integers in the order of `values`, normalised: the one NaN, positive, comes after +inf."""
    unsigned = values.view(f"u{values.itemsize}")
    top = unsigned.dtype.type(1 << (8 * values.itemsize - 1))
    if values.dtype.kind == "f":
        return np.where(unsigned & top, ~unsigned, unsigned | top)
    return unsigned ^ top if values.dtype.kind == "i" else unsigned
