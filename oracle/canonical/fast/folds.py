"""MAX, MIN, ARGMAX, ARGMIN, ANY and ALL over folds of any dtype."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.views import ViewPlan, at_last, boxes, part
from oracle.canonical.fast.work import Work
from oracle.canonical.program.node import Fn, Node

Array = NDArray[Any]
Box = tuple[slice, ...]

_TERMS = 1 << 16
_SHORT = 64

_REDUCE: dict[int, Any] = {
    Fn.FOLD_MAX: np.maximum,
    Fn.FOLD_MIN: np.minimum,
    Fn.FOLD_ANY: np.logical_or,
    Fn.FOLD_ALL: np.logical_and,
}


class FoldPlan:
    """A compiled fold that picks one of its elements, or where it is."""

    def __init__(self, node: Node) -> None:
        self._fn, self._dims, self._fold = node.fn, node.dims, node.fold
        self._dtype = node.dtype.numpy
        self._view = ViewPlan(node, 0)
        self._places = list(np.ndindex(*node.fold))[: _SHORT + 1]
        self._boxes = boxes(node.dims, max(1, _TERMS // max(1, node.fold_count)))

    def __call__(self, operands: Sequence[Array], work: Work) -> Array:
        """The tensor, flat."""
        result = np.empty(self._dims, self._dtype)
        read = self._view.read(operands)
        if not result.size:
            return result.reshape(-1)
        if not read.size:
            result[...] = _nothing(self._fn, self._dtype)
            return result.reshape(-1)
        do: Callable[[Box, Array, Array], None] = self._reduce if self._fn in _REDUCE else self._arg
        work.each(lambda box: do(box, read, result), self._boxes)
        return result.reshape(-1)

    def _reduce(self, box: Box, read: Array, result: Array) -> None:
        ufunc, cut, out = _REDUCE[self._fn], part(read, box), part(result, box)
        if len(self._places) <= _SHORT:  # along the elements, one place of the fold after the other
            out[...] = at_last(cut, self._places[0])
            for place in self._places[1:]:
                ufunc(out, at_last(cut, place), out=out)
        else:
            # Not with `out=`: where a view runs backwards, NumPy 1.26 then takes one element twice and leaves one out.
            out[...] = ufunc.reduce(cut, axis=tuple(range(len(self._dims), cut.ndim)))

    def _arg(self, box: Box, read: Array, result: Array) -> None:
        cut = part(read, box)
        flat = cut.reshape((*cut.shape[: len(self._dims)], -1))
        if flat.dtype == np.float32:
            part(result, box)[...] = _float_arg(flat, self._fn == Fn.FOLD_ARGMAX)
        else:
            part(result, box)[...] = flat.argmax(axis=-1) if self._fn == Fn.FOLD_ARGMAX else flat.argmin(axis=-1)


def _float_arg(rows: Array, greatest: bool) -> Array:
    """First place of the greatest or least number of each row; 0 where all are NaN."""
    nan = np.isnan(rows)
    if greatest:
        place = np.where(nan, np.float32(-np.inf), rows).argmax(axis=-1)
    else:
        place = np.where(nan, np.float32(np.inf), rows).argmin(axis=-1)
    chosen = np.take_along_axis(nan, place[..., None], axis=-1)[..., 0]
    # A NaN stands first only among infinities of the sign put in its place: then the first number is the one.
    return np.where(chosen, (~nan).argmax(axis=-1), place)


def _nothing(fn: int, dtype: np.dtype[Any]) -> Any:
    """The result of a fold over nothing."""
    if fn in (Fn.FOLD_MAX, Fn.FOLD_MIN):
        lowest = fn == Fn.FOLD_MAX
        if dtype == np.float32:
            return -np.inf if lowest else np.inf
        return np.iinfo(dtype).min if lowest else np.iinfo(dtype).max
    return fn == Fn.FOLD_ALL
