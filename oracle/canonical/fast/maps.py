"""MAP nodes: functions in chunks that stay in the cache, and PICK as copies of boxes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.functions import of_normalised
from oracle.canonical.fast.views import ViewPlan, boxes
from oracle.canonical.fast.work import Work
from oracle.canonical.program.node import Fn, Node

Array = NDArray[Any]
Box = tuple[slice, ...]

_CHUNK = 1 << 14  # elements
_SPREAD = 1 << 10  # elements from which one number is better spread out: NumPy is faster along two arrays


class MapPlan:
    """A compiled MAP node of any function but PICK."""

    def __init__(self, node: Node) -> None:
        self._fn, self._dtype, self._dims, self._count = Fn(node.fn), node.dtype, node.dims, node.count
        self._views = [ViewPlan(node, slot) for slot in range(node.values)]
        self._single = [not any(view.depends) for view in self._views]  # operands of which one element is read
        self._boxes = boxes(self._dims, _CHUNK)
        self._flat_boxes = boxes((self._count,), _CHUNK)

    def __call__(self, operands: Sequence[Array], work: Work) -> Array:
        """The tensor, flat."""
        reads = [view.read(operands) for view in self._views]
        cuts, dims = self._boxes, self._dims
        single = self._single
        if all(one or read.flags.c_contiguous for one, read in zip(single, reads, strict=True)) and not all(single):
            cuts, dims = self._flat_boxes, (self._count,)
            reads = [self._spread(read) if one else read.reshape(-1) for one, read in zip(single, reads, strict=True)]
        else:
            single = [False] * len(reads)
        if len(cuts) == 1:
            return of_normalised(self._fn, self._dtype, reads).reshape(-1)
        result = np.empty(dims, self._dtype.numpy)

        def chunk(box: Box) -> None:
            spread = (slice(box[0].stop - box[0].start),)
            cut = [read[spread if one else box] for one, read in zip(single, reads, strict=True)]
            result[box] = of_normalised(self._fn, self._dtype, cut)

        work.each(chunk, cuts)
        return result.reshape(-1)

    def _spread(self, read: Array) -> Array:
        """The one element of `read`, for a chunk."""
        one = read.reshape(-1)[:1]
        return one if self._count < _SPREAD else np.full(min(self._count, _CHUNK), one[0])


class PickPlan:
    """A compiled MAP PICK: of every operand, last to first, what is in range is copied over the fill of the last."""

    def __init__(self, node: Node) -> None:
        self._dims, self._dtype = node.dims, node.dtype.numpy
        self._views = [ViewPlan(node, slot) for slot in range(node.values)]
        self._boxes = [view.box() for view in self._views]

    def __call__(self, operands: Sequence[Array], work: Work) -> Array:  # noqa: ARG002  (as all plans are called)
        """The tensor, flat; the operand itself where nothing moves."""
        first = self._views[0]
        if first.always_in_range:
            return np.ascontiguousarray(first.read(operands)).reshape(-1)
        result = np.full(self._dims, self._views[-1].fill, self._dtype)
        for view, box in zip(reversed(self._views), reversed(self._boxes), strict=True):
            if box is None:
                np.copyto(result, view.read(operands), where=view.in_range(operands))
            elif result[box].size:
                result[box] = view.read_box(operands, box)
        return result.reshape(-1)
