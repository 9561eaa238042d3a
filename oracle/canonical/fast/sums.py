"""SUM, MEAN, and DOT where no row serves two elements (depthwise convolution): sums of terms, every element proven.

Bounds and proofs: docs/canonical-sums.md. A tile's terms are laid out fold first where folds are short, so that sums
run along the elements, and fold last where they are long.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.block import FLOOR, ROUNDING, proven
from oracle.canonical.fast.exact import F32, F64, round_sums
from oracle.canonical.fast.views import ViewPlan, at_last, boxes, part
from oracle.canonical.fast.work import Work
from oracle.canonical.program.node import Fn, Node

Array = NDArray[Any]
Box = tuple[slice, ...]

_TERMS = 1 << 16  # of a tile: they stay in the cache
_SHORT = 64  # folds up to this length are laid out fold first


class SumPlan:
    """A compiled SUM, MEAN or DOT node of any numeric dtype."""

    def __init__(self, node: Node) -> None:
        self._dims, self._rank, self._fold = node.dims, len(node.dims), node.fold_count
        self._dtype = node.dtype.numpy
        self._mean = node.fn == Fn.FOLD_MEAN
        factors = 2 if node.fn == Fn.FOLD_DOT else 1
        self._views = [ViewPlan(node, slot, fill=0 if self._mean else None) for slot in range(factors)]
        self._bias = ViewPlan(node, factors, fold=(1,) * len(node.fold)) if node.values > factors else None
        self._fold_first = self._fold <= _SHORT
        self._boxes = boxes(node.dims, max(1, _TERMS // max(1, self._fold)))

    def __call__(self, operands: Sequence[Array], work: Work) -> Array:
        """The tensor, flat."""
        result = np.empty(self._dims, self._dtype)
        if not result.size:
            return result.reshape(-1)
        wide = np.float64 if self._dtype == np.float32 else np.uint64
        # Each element of a product's operands is read several times.
        reads = [view.read(operands, wide if len(self._views) == 2 else None) for view in self._views]
        bias = None if self._bias is None else self._over_dims(self._bias.read(operands))
        counts = self._counts(operands) if self._mean else None

        def tile(box: Box) -> None:
            shape = part(result, box).shape
            c: Any = None if bias is None else part(bias, box).astype(wide).reshape(-1)
            n = None if counts is None else part(counts, box).reshape(-1)
            if self._dtype == np.float32:
                values: Array = self._round(self._terms(reads, box, wide), c, n, work)
            elif n is not None:
                values = _integer_mean(self._terms(reads, box, self._dtype), n, self._fold_axis)
            else:
                total = self._terms(reads, box, wide).sum(axis=self._fold_axis, dtype=wide)
                values = total if c is None else total + c
            part(result, box)[...] = values.reshape(shape).astype(self._dtype)

        work.each(tile, self._boxes)
        return result.reshape(-1)

    @property
    def _fold_axis(self) -> int:
        return 0 if self._fold_first else 1

    def _over_dims(self, read: Array) -> Array:
        return at_last(read, (0,) * (read.ndim - self._rank))

    def _counts(self, operands: Sequence[Array]) -> Array:
        """Reads in range of every element of a MEAN."""
        axes = tuple(range(self._rank, len(self._views[0].space)))
        return np.asarray(self._views[0].in_range(operands).sum(axis=axes, dtype=np.int64))

    def _terms(self, reads: Sequence[Array], box: Box, wide: Any) -> Array:
        """The terms of a tile: (K, elements) where folds are short, else (elements, K)."""
        parts = [part(read, box) for read in reads]
        if self._fold_first:
            axes = (*range(self._rank, parts[0].ndim), *range(self._rank))
            parts = [part.transpose(axes) for part in parts]
        terms = np.empty(parts[0].shape, wide)
        if len(parts) == 2:
            np.multiply(parts[0], parts[1], out=terms)
        else:
            terms[...] = parts[0]
        elements = math.prod(side.stop - side.start for side in box)
        return terms.reshape((self._fold, elements) if self._fold_first else (elements, self._fold))

    def _round(self, terms: F64, bias: F64 | None, counts: Array | None, work: Work) -> F32:
        total = terms.sum(axis=self._fold_axis)
        size = np.abs(terms).sum(axis=self._fold_axis)
        if bias is not None:
            total, size = total + bias, size + np.abs(bias)
        divisor: Any = 1.0 if counts is None else np.maximum(counts, 1)
        bound = np.maximum((self._fold + 2) * ROUNDING * size / divisor, FLOOR)
        result, undecided = proven(total / divisor, bound)
        index = np.flatnonzero(undecided)
        special = ~np.isfinite(total)
        if counts is not None:
            special |= counts == 0
        index = np.arange(total.size) if work.all_exact else index
        if special.any():
            result[special] = np.where(np.isinf(total[special]), total[special], np.nan)
            index = index[~special[index]]
        work.counts.add(total.size, index.size)
        if index.size:
            open_terms = terms[:, index].T if self._fold_first else terms[index]
            if bias is not None:
                open_terms = np.column_stack([open_terms, bias[index]])
            result[index] = round_sums(open_terms, None if counts is None else counts[index].astype(np.float64))
        return result


def _integer_mean(terms: Array, counts: Array, axis: int) -> Array:
    """Sums of any integers divided by their `counts` toward zero, exactly; 0 where the count is 0.

    In halves of 32 bits, whose sums fit 64 bits: terms = high · 2^32 + low, low ≥ 0, at most 2^20 terms.
    """
    signed = terms.dtype.kind == "i"
    wide = terms.astype(np.int64 if signed else np.uint64)
    high = (wide >> wide.dtype.type(32)).sum(axis=axis, dtype=np.int64)
    low = (wide & wide.dtype.type(0xFFFFFFFF)).sum(axis=axis, dtype=np.int64)
    divisor = np.maximum(counts, 1)
    quotient, left = np.divmod(high, divisor)
    below, remainder = np.divmod((left << 32) + low, divisor)
    floor: Array = (quotient << 32) + below
    return np.asarray(floor + ((floor < 0) & (remainder != 0)) if signed else floor.astype(np.uint64))
