"""float32 DOT whose rows serve one element each, as in depthwise convolution: products added place by place.

A matrix product would be one of vectors. Every element is proven as in `dot`: docs/canonical-sums.md.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.block import FLOOR, ROUNDING, proven
from oracle.canonical.fast.exact import F32, F64, round_sums
from oracle.canonical.fast.views import ViewPlan, at_last, boxes, part
from oracle.canonical.fast.work import Work
from oracle.canonical.program.node import Node

Array = NDArray[Any]
Box = tuple[slice, ...]

_TILE = 1 << 14  # elements: a tile and one product of each stay in the cache
_RUN = 256  # elements in a row that NumPy should find before a loop of its own costs nothing


class DepthwisePlan:
    """A compiled DOT node of at least one fold element; `constants` are its constant operands by slot, normalised."""

    def __init__(self, node: Node, constants: Mapping[int, Array]) -> None:
        self._dims, self._rank, self._fold = node.dims, len(node.dims), node.fold
        self._unit = (node.fold_count + 2) * ROUNDING
        views = [ViewPlan(node, slot) for slot in (0, 1)]
        fewer = min((0, 1), key=lambda slot: sum(views[slot].depends[: self._rank]))
        self._many, self._few = views[1 - fewer], views[fewer]
        self._bias = ViewPlan(node, 2, fold=(1,) * len(node.fold)) if node.values > 2 else None
        self._boxes, self._places = boxes(node.dims, _TILE), list(np.ndindex(*node.fold))
        self._kept: F64 | None = None
        if self._few.slots <= constants.keys() and node.count:
            self._kept = self._factors([constants.get(slot, np.empty(0)) for slot in range(len(node.operands))])

    def _factors(self, operands: Sequence[Array]) -> F64:
        """The operand that depends on fewer axes: (K, dims), of size 1 along others, but not along short inner ones."""
        read = self._few.compact(self._few.read(operands), self._rank)
        fold_first = read.transpose(*range(self._rank, read.ndim), *range(self._rank))
        shape, run = [math.prod(self._fold), *read.shape[: self._rank]], 1
        factors = fold_first.astype(np.float64, order="C").reshape(shape)
        for axis in range(self._rank, 0, -1):
            if run >= _RUN:
                break
            shape[axis] = self._dims[axis - 1]
            run *= shape[axis]
        return np.ascontiguousarray(np.broadcast_to(factors, shape))

    def __call__(self, operands: Sequence[Array], work: Work) -> Array:
        """The tensor, flat."""
        result = np.empty(self._dims, np.float32)
        if not result.size:
            return result.reshape(-1)
        wide = operands[self._many.slot].astype(np.float64)
        many = self._many.read(operands, wide)
        few = self._factors(operands) if self._kept is None else self._kept
        bias = None
        size = max(_largest(wide), _largest(np.float64(self._many.fill))) * _largest(np.abs(few).sum(axis=0))
        if self._bias is not None:
            bias = self._bias.compact(self._bias.read(operands), self._rank)
            bias = bias.reshape(bias.shape[: self._rank]).astype(np.float64)
            size += _largest(bias)
            bias = np.broadcast_to(bias, self._dims)
        bound = max(self._unit * size, FLOOR)
        few = np.broadcast_to(few, (len(few), *self._dims))

        def tile(box: Box) -> None:
            part(result, box)[...] = self._tile((part(many, box), few[(slice(None), *box)]), bias, box, bound, work)

        work.each(tile, self._boxes)
        return result.reshape(-1)

    def _tile(self, of: tuple[F64, F64], bias: F64 | None, box: Box, bound: float, work: Work) -> F32:
        many, few = of
        total, product = np.zeros(few.shape[1:]), np.empty(few.shape[1:])
        for factor, place in zip(few, self._places, strict=True):
            np.multiply(at_last(many, place), factor, out=product)
            total += product
        if bias is not None:
            total += part(bias, box)
        result, index = proven(total, bound)
        if work.all_exact:
            index = np.arange(total.size)
        work.counts.add(total.size, index.size)
        if index.size:
            sums = total.reshape(-1)[index]
            result.reshape(-1)[index] = np.where(np.isinf(sums), sums, np.nan)
            index = index[np.isfinite(sums)]  # all terms of a finite sum are finite
            at = np.unravel_index(index, total.shape)
            terms = many[at].reshape(index.size, len(few)) * few[(slice(None), *at)].T
            if bias is not None:
                terms = np.column_stack([terms, part(bias, box)[at]])
            result.reshape(-1)[index] = round_sums(terms)
        return result


def _largest(values: Any) -> float:
    """The greatest magnitude of what is finite."""
    low, high = np.min(values, initial=0.0), np.max(values, initial=0.0)
    if np.isfinite(low) and np.isfinite(high):
        return float(max(-low, high))
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
