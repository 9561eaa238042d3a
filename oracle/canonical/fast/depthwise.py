"""float32 DOT whose rows serve one element each, as in depthwise convolution: sums of products, without their terms.

A matrix product would be one of vectors. Every element is proven as in `dot`: docs/canonical-sums.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.block import FLOOR, ROUNDING, Opened, proven
from oracle.canonical.fast.exact import F32, F64
from oracle.canonical.fast.views import ViewPlan, boxes, part
from oracle.canonical.fast.work import Work
from oracle.canonical.program.node import Node

Array = NDArray[Any]
Box = tuple[slice, ...]

_TILE = 1 << 15  # elements: a tile and what is made of it stay in the cache


class DepthwisePlan:
    """A compiled DOT node of at least one fold element; `constants` are its constant operands by slot, normalised."""

    def __init__(self, node: Node, constants: Mapping[int, Array]) -> None:
        self._dims, self._fold = node.dims, node.fold
        self._unit = (node.fold_count + 2) * ROUNDING
        views = [ViewPlan(node, slot) for slot in (0, 1)]
        fewer = min((0, 1), key=lambda slot: sum(views[slot].depends[: len(node.dims)]))
        self._many, self._few = views[1 - fewer], views[fewer]
        self._bias = ViewPlan(node, 2, fold=(1,) * len(node.fold)) if node.values > 2 else None
        self._shape = _one_inner_axis(node.dims, self._many.steps)
        self._rank = len(self._shape)
        self._boxes = boxes(self._shape, _TILE)
        self._kept: F64 | None = None
        if self._few.slots <= constants.keys() and node.count:
            self._kept = self._factors([constants.get(slot, np.empty(0)) for slot in range(len(node.operands))])

    def _factors(self, operands: Sequence[Array]) -> F64:
        """The operand that depends on fewer axes: (shape, fold), 1 along others; the fold is outermost in memory."""
        read = self._shaped(self._few, operands)
        fold = range(self._rank, read.ndim)
        inner_last = np.array(read.transpose(*fold, *range(self._rank)), np.float64, order="C")
        return inner_last.transpose(*range(len(fold), read.ndim), *range(len(fold)))

    def _shaped(self, view: ViewPlan, operands: Sequence[Array]) -> Array:
        """Reads of a view: (shape, fold), of size 1 along axes on which it does not depend."""
        read, joined = view.read(operands), len(self._dims) - self._rank
        if not joined:
            return view.compact(read, self._rank)
        read = view.compact(read, self._rank - 1)
        return read.reshape(*read.shape[: self._rank - 1], self._shape[-1], *read.shape[len(self._dims) :])

    def __call__(self, operands: Sequence[Array], work: Work) -> Array:
        """The tensor, flat."""
        result = np.empty(self._shape, np.float32)
        if not result.size:
            return result.reshape(-1)
        many = self._many.read(operands, np.float64).reshape(*self._shape, *self._fold)
        few = self._factors(operands) if self._kept is None else self._kept
        fold_axes = tuple(range(self._rank, few.ndim))
        largest, _ = self._many.greatest_float(operands)
        size = largest * float(np.abs(few).sum(axis=fold_axes).max())
        bias = None
        if self._bias is not None:
            read = self._shaped(self._bias, operands)
            bias = read.reshape(read.shape[: self._rank]).astype(np.float64)
            size += float(np.abs(bias).max())
            bias = np.broadcast_to(bias, self._shape)
        bound = max(self._unit * size, FLOOR)
        opened = Opened()

        def tile(box: Box) -> None:
            factors = few[tuple(side if size > 1 else slice(None) for side, size in zip(box, few.shape, strict=False))]
            addend = None if bias is None else part(bias, box)
            self._tile((part(many, box), factors, addend), bound, part(result, box), opened, work)

        work.each(tile, self._boxes)
        opened.close()
        return result.reshape(-1)

    def _tile(self, of: tuple[F64, F64, F64 | None], bound: float, place: F32, opened: Opened, work: Work) -> None:
        many, few, bias = of
        axes = list(range(many.ndim))
        own = [axis for axis in axes if few.shape[axis] == many.shape[axis]]
        factors: Any = few[tuple(slice(None) if axis in own else 0 for axis in axes)]
        einsum: Any = np.einsum  # its types know no lists of axes
        total = einsum(many, axes, factors, own, axes[: self._rank])
        if bias is not None:
            total += bias
        place[...], undecided = proven(total, bound)
        index = np.arange(total.size) if work.all_exact else np.flatnonzero(undecided)
        work.counts.add(total.size, index.size)
        if index.size:
            at = np.unravel_index(index, total.shape)
            sums = total[at]
            place[at] = np.where(np.isinf(sums), sums, np.nan)
            index, at = index[np.isfinite(sums)], tuple(axis[np.isfinite(sums)] for axis in at)
            if not index.size:
                return
            terms = many[at].reshape(index.size, -1)  # of a finite sum, all are finite
            terms = terms * np.broadcast_to(few, many.shape)[at].reshape(index.size, -1)
            opened.add(place, index, terms if bias is None else np.column_stack([terms, bias[at]]), work)


def _one_inner_axis(dims: tuple[int, ...], steps: tuple[int, ...] | None) -> tuple[int, ...]:
    """`dims`, the last two as one where reads along them lie in one row: `einsum` is fast along long axes."""
    rank = len(dims)
    if rank < 2 or steps is None or steps[rank - 1] != 1 or steps[rank - 2] != dims[-1]:
        return dims
    return (*dims[:-2], dims[-2] * dims[-1])
