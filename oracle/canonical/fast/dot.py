"""DOT by float64 matrix multiplication, every element proven: docs/canonical-sums.md.

float32: the result of BLAS lies within a proven bound of the exact sum. Where both ends of that interval round to the
same float32 number, that is the element; the others are summed exactly. Integers: by the same multiplication where
float64 holds every sum, else by wrapping ones.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.block import Opened, Rows, norms_of, round_tile, terms_of
from oracle.canonical.fast.exact import F64
from oracle.canonical.fast.views import ViewPlan, at_last, boxes, part
from oracle.canonical.fast.work import Work
from oracle.canonical.program.node import Node

Array = NDArray[Any]
Box = tuple[slice, ...]

_ROWS = 1 << 18  # elements of a tile of one operand: 2 MiB of float64
_RESULTS = 1 << 16  # elements of a tile of the result
_COLUMNS = 1024  # rows of the stationary operand in a tile
_COLUMN_ELEMENTS = 1 << 22  # and their elements
_SPLIT = 1 << 22  # products from which a node is cut for several threads
_AGAIN = 2  # an operand whose elements are read so often is converted to float64 before, not as it is read
_LINE = 64  # bytes that come together from memory
_PARTS = 4


class DotPlan:
    """A compiled DOT node; `constants` are its constant operands by slot, flat and normalised."""

    def __init__(self, node: Node, constants: Mapping[int, Array]) -> None:
        self._dtype = node.dtype.numpy
        self._dims, self._rank, self._fold = node.dims, len(node.dims), node.fold_count
        self._views = [ViewPlan(node, slot) for slot in (0, 1)]
        self._bias_view = ViewPlan(node, 2, fold=(1,) * len(node.fold)) if node.values > 2 else None
        axes = range(self._rank)
        depends = [view.depends for view in self._views]
        both = [axis for axis in axes if depends[0][axis] and depends[1][axis]]
        only = [[axis for axis in axes if depends[j][axis] and axis not in both] for j in (0, 1)]
        only[0] += [axis for axis in axes if not depends[0][axis] and not depends[1][axis]]
        only[0].sort()
        # The stationary operand is copied to float64 whole: a constant one (once), or the smaller one.
        sizes = [math.prod(node.dims[axis] for axis in group) for group in only]
        fixed = [all(slot in constants for slot in view.slots) for view in self._views]
        self._still = int(fixed[1] >= fixed[0] if fixed[0] != fixed[1] else sizes[1] <= sizes[0])
        self._groups = (both, only[1 - self._still], only[self._still])
        # Results are made in the order of their tensor, but for axes that stand between others.
        inner = max((axis for axis in axes if node.dims[axis] != 1 and axis not in both), default=0)
        self._still_outer = inner in self._groups[1]
        outer, own = self._groups[:0:-1] if self._still_outer else self._groups[1:]
        self._result_groups = (both, outer, own)
        self._order = [*both, *outer, *own]
        moving = self._views[1 - self._still]
        reads = math.prod(size for size, depends in zip(moving.space, moving.depends, strict=True) if depends)
        self._wide = np.float64 if reads >= _AGAIN * node.operands[moving.slot].view.count else None
        self._cut()
        # A bias that depends on the stationary operand's rows alone is one more place of them, whose factor is 1.
        self._joined = False
        if self._bias_view is not None and not any(self._bias_view.depends[axis] for axis in self._groups[1]):
            self._joined = not fixed[self._still] or self._bias_view.slots <= constants.keys()
        self._kept: list[Rows] | None = None
        if fixed[self._still] and 0 not in self._views[0].space:
            self._kept = self._still_rows([constants.get(slot, np.empty(0)) for slot in range(len(node.operands))])

    @property
    def elementwise(self) -> bool:
        """Whether every row of an operand serves one element of the batch only (depthwise convolution)."""
        batch, moving, still = (math.prod(self._shape(group)) for group in range(3))
        return batch > 1 and min(moving, still) == 1

    def _shape(self, group: int) -> tuple[int, ...]:
        return tuple(self._dims[axis] for axis in self._groups[group])

    def _cut(self) -> None:
        """Tiles: boxes of the batch axes, of the moving operand's and of the stationary operand's own axes."""
        fold = max(self._fold, 1)
        batch, moving, still = (math.prod(self._shape(group)) for group in range(3))
        rows = max(1, _ROWS // fold)
        together = min(rows // max(1, moving, still), _RESULTS // max(1, moving * still))
        batches = boxes(self._shape(0), max(1, together))
        per_batch = max((_size(box) for box in batches), default=1)
        large = batch * moving * still * fold > _SPLIT and len(batches) < _PARTS
        columns_most = max(1, min(_COLUMNS // max(1, per_batch), _COLUMN_ELEMENTS // fold))
        if large and moving < still:  # the longer side is cut for the threads
            columns_most = min(columns_most, -(-still // _PARTS))
        columns = boxes(self._shape(2), columns_most)
        width = max((_size(box) for box in columns), default=1)
        limit = max(1, min(rows, _RESULTS // max(1, width)) // max(1, per_batch))
        if large and len(batches) * len(columns) < _PARTS:
            limit = min(limit, max(1, -(-moving // _PARTS)))
        self._still_boxes = [b + n for b in batches for n in columns]
        self._tiles = [
            (i, b, m, n)
            for i, (b, n) in enumerate((b, n) for b in batches for n in columns)
            for m in boxes(self._shape(1), limit)
        ]

    def _arranged(self, view: Array, own: int) -> Array:
        """(batch axes, own axes, fold axes) of a view over dims and fold that does not depend on the other axes."""
        other = self._groups[3 - own]
        kept = [*self._groups[0], *self._groups[own], *range(self._rank, view.ndim)]
        return at_last(view.transpose(*kept, *other), (0,) * len(other))

    def _rows(self, view: Array, box: Box, addend: Any = None) -> F64:
        """The rows of a tile (batch, rows, K), a copy laid out for the longest runs in the view.

        `addend`, if given, is written to one place more: (batch, rows) or a number.
        """
        cut = part(view, box)
        lead, own = len(self._groups[0]), len(box)
        batch, count = math.prod(cut.shape[:lead]), math.prod(cut.shape[lead:own])
        length = self._fold + (addend is not None)
        if _nearest(cut, range(lead, own)) <= _nearest(cut, range(own, cut.ndim)):
            whole = np.empty((batch, length, count))
            target = whole[:, : self._fold].reshape(cut.shape[:lead] + cut.shape[own:] + cut.shape[lead:own])
            target[...] = cut.transpose([*range(lead), *range(own, cut.ndim), *range(lead, own)])
            whole = whole.swapaxes(1, 2)
        else:
            whole = np.empty((batch, count, length))
            target = whole[..., : self._fold].reshape(cut.shape)
            target[...] = cut
        if addend is not None:
            whole[..., self._fold] = addend
        return whole

    def _still_rows(self, operands: Sequence[Array]) -> list[Rows]:
        """The stationary operand's tiles."""
        view, bias = self._arranged(self._views[self._still].read(operands), 2), None
        if self._joined and self._bias_view is not None:
            read = self._bias_view.read(operands)
            bias = self._arranged(at_last(read, (0,) * (read.ndim - self._rank)), 2)
        tiles = []
        for box in self._still_boxes:
            addend = None if bias is None else part(bias, box).reshape(_size(box[: len(self._groups[0])]), -1)
            data = self._rows(view, box, addend)
            sums = np.abs(data[..., : self._fold]).sum(axis=-1)
            largest = 0.0 if addend is None else float(np.abs(addend).max(initial=0.0))
            tiles.append(Rows(data, float(sums.max(initial=0.0)), largest, norms_of(data)))
        return tiles

    def __call__(self, operands: Sequence[Array], work: Work) -> Array:
        """The tensor, flat."""
        result = np.empty(self._dims, self._dtype)
        bias = self._bias(operands)
        if not result.size:
            return result.reshape(-1)
        arranged = result.transpose(self._order)
        if not self._fold:
            arranged[...] = 0 if bias is None else bias
            return result.reshape(-1)
        if self._dtype != np.float32 and not self._exact_in_float64(operands):
            arranged[...] = self._wrapping(operands, bias).reshape(arranged.shape)
            return result.reshape(-1)
        opened = Opened()
        view, still = self._views[1 - self._still], self._kept
        moving = self._arranged(view.read(operands, self._wide), 1)
        largest, finite = view.greatest_float(operands) if self._dtype == np.float32 else (0.0, True)
        size = largest if finite else math.inf
        one = 1.0 if self._joined else None
        if still is None:
            still = self._still_rows(operands)

        def tile(at: tuple[int, Box, Box, Box]) -> None:
            number, batch, rows, columns = at
            a, b = Rows(self._rows(moving, batch + rows, one), size), still[number]
            if self._still_outer:
                a, b, rows, columns = b, a, columns, rows
            c = None if bias is None or self._joined else self._bias_tile(bias, batch, rows, columns)
            place = part(arranged, batch + rows + columns)
            if self._dtype != np.float32:
                place[...] = _integers(a, b, c).reshape(place.shape)
                return
            values, index = round_tile(a, b, c, work)
            place[...] = values.reshape(place.shape)
            if index.size:
                opened.add(place, index, terms_of(a, b, c, index), work)

        work.each(tile, self._tiles)
        opened.close()
        return result.reshape(-1)

    def _exact_in_float64(self, operands: Sequence[Array]) -> bool:
        """Whether no sum of integer products can leave float64's 53 bits."""
        a, b, *c = (view.greatest(operands) for view in (*self._views, self._bias_view) if view is not None)
        return self._fold * a * b + sum(c) <= 2**53

    def _wrapping(self, operands: Sequence[Array], bias: Array | None) -> Array:
        """The sums modulo 2^64, in the order of the result's groups."""
        batch = math.prod(self._shape(0))
        sides = [(self._views[1 - self._still], 1), (self._views[self._still], 2)]
        left, right = (
            self._arranged(view.read(operands), own).astype(np.uint64).reshape(batch, -1, self._fold)
            for view, own in (reversed(sides) if self._still_outer else sides)
        )
        total = np.matmul(left, right.swapaxes(-1, -2))
        return np.asarray(total if bias is None else total + bias.astype(np.uint64).reshape(total.shape))

    def _bias(self, operands: Sequence[Array]) -> Array | None:
        """The third operand over the iteration axes, in the order of the groups."""
        if self._bias_view is None:
            return None
        read = self._bias_view.read(operands)
        return at_last(read, (0,) * (read.ndim - self._rank)).transpose(self._order)

    def _bias_tile(self, bias: Array, batch: Box, rows: Box, columns: Box) -> F64:
        """(batch, rows, columns), of size 1 where the bias depends on no axis of the group."""
        assert self._bias_view is not None
        parts: list[slice] = []
        shape = []
        for group, box in zip(self._result_groups, (batch, rows, columns), strict=True):
            depends = any(self._bias_view.depends[axis] for axis in group)
            parts += box if depends else [slice(0, 1)] * len(box)
            shape.append(_size(box) if depends else 1)
        return part(bias, tuple(parts)).astype(np.float64).reshape(shape)


def _nearest(view: Array, axes: range) -> tuple[bool, int]:
    """How well the best of `axes` can be run along: less is better."""
    runs = [(abs(view.strides[axis]) > _LINE, -view.shape[axis]) for axis in axes if view.shape[axis] != 1]
    return min(runs, default=(True, 0))


def _size(box: Box) -> int:
    return math.prod(side.stop - side.start for side in box)


def _integers(a: Rows, b: Rows, bias: F64 | None) -> Array:
    total = np.matmul(a.data, b.data.swapaxes(-1, -2))
    return np.asarray(total if bias is None else total + bias, np.int64)
