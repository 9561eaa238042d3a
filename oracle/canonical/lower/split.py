"""Folds too long for one proof, as folds of parts and a fold over the parts' results."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Axis, Value
from oracle.canonical.program.node import Fn
from oracle.canonical.tensor import DType

if TYPE_CHECKING:
    from oracle.canonical.lower.graph import Graph

MAX_BYTES: Final = 96_000
"""Of operands that one fold may read: a proof has 120,000, and needs siblings too."""
MAX_PRODUCTS: Final = 12_000
MAX_FLOATS: Final = 24_000
MAX_INTEGERS: Final = 15_000
MAX_COMPARED: Final = 10_000

_ARG: Final = (Fn.FOLD_ARGMAX, Fn.FOLD_ARGMIN)
_NAN: Final = 0x7FC00000
_INFINITY: Final = 0x7F800000


def longest(fn: Fn, values: Sequence[Value], fold: Sequence[int]) -> int:
    """Terms that one fold of `fn` over the axes `fold` of `values` may have."""
    width = sum(value.dtype.size for value in values if any(value.varies(axis) for axis in fold))
    if fn is Fn.FOLD_DOT:
        most = MAX_PRODUCTS
    elif Fn.FOLD_MAX <= fn <= Fn.FOLD_ARGMIN:
        most = MAX_COMPARED
    else:
        most = MAX_FLOATS if values[0].dtype is DType.FLOAT else MAX_INTEGERS
    return min(most, MAX_BYTES // max(width, 1))


def fold_in_parts(graph: "Graph", fn: Fn, values: Sequence[Value], axes: int) -> Value:
    """`fn` over the last `axes` axes of `values`, all of one shape, where there are more terms than one fold may have.

    Every part is rounded: SUM, DOT and MEAN differ from one fold by that. What is only compared does not differ.
    """
    if fn is Fn.FOLD_MEAN:
        return _mean(graph, values[0], axes)
    folded = values[: 2 if fn is Fn.FOLD_DOT else 1]
    addends = values[len(folded) :]
    parts = _cut(graph, fn, folded, axes)
    partial = graph.fold(fn, *parts, axes=axes)
    if fn in _ARG:
        return _winner(graph, fn, parts[0], partial, axes)
    whole = []
    for addend in addends:
        for _ in range(axes):
            addend = addend.drop(addend.rank - 1)  # noqa: PLW2901
        whole.append(addend.insert(addend.rank))
    return graph.fold(Fn.FOLD_SUM if fn is Fn.FOLD_DOT else fn, partial, *whole)


def _cut(graph: "Graph", fn: Fn, values: Sequence[Value], axes: int) -> list[Value]:
    """The values with a new axis before the fold axes: the number of the part."""
    first = values[0].rank - axes
    shape = values[0].shape
    axis = next(a for a in range(first, len(shape)) if shape[a] > 1)
    room = longest(fn, values, range(first, len(shape))) // math.prod(shape[axis + 1 :])
    parts = _parts(shape[axis], max(room, 1))
    size = -(-shape[axis] // parts)
    if parts * size > shape[axis]:
        fill = _neutral(fn, values[0].dtype)
        values = [graph.bounded(value, [axis], fill) if value.varies(axis) else value for value in values]
    moved = [Axis.of(a + (a >= first)) for a in range(len(shape))]
    moved[axis] = Axis(0, ((first, size), (axis + 1, 1)))
    cut = (*shape[:first], parts, *shape[first:axis], size, *shape[axis + 1 :])
    return [value.read(cut, moved) for value in values]


def _parts(size: int, room: int) -> int:
    """Into how many parts an axis is cut so that none is longer than `room`: equal ones if that takes few more."""
    least = -(-size // room)
    return next((parts for parts in range(least, 2 * least) if size % parts == 0), least)


def _neutral(fn: Fn, dtype: DType) -> int:
    """The bits of what changes no result of `fn`, read beyond the end of the last part."""
    if fn in (Fn.FOLD_DOT, Fn.FOLD_SUM, Fn.FOLD_ANY):
        return 0
    if fn is Fn.FOLD_ALL:
        return 1
    if dtype is DType.FLOAT:
        return _NAN if fn in _ARG else _INFINITY | (int(fn is Fn.FOLD_MAX) << 31)
    bits, signed = 8 * dtype.size, dtype.numpy.kind == "i"
    smallest, largest = (1 << bits - 1, (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return smallest if fn in (Fn.FOLD_MAX, Fn.FOLD_ARGMAX) else largest


def _winner(graph: "Graph", fn: Fn, parts: Value, position: Value, axes: int) -> Value:
    """The position over all parts, from the `position` that won in each: of the part whose winner wins."""
    if axes != 1:
        raise Unsupported("it looks for a position along more than one axis.")
    part = graph.fold(fn, pick_along(graph, parts, position))
    inside = pick_along(graph, position, part)
    first = graph.map(Fn.MUL, part, graph.constant(parts.shape[-1], DType.INT64))
    return graph.map(Fn.ADD, first, inside)


def pick_along(graph: "Graph", value: Value, index: Value) -> Value:
    """The element of `value` at `index` along its last axis, which `index` lacks."""
    return _diagonal(graph.gather(value, value.rank - 1, index), index.rank)


def _diagonal(value: Value, rank: int) -> Value:
    """Of a value with `rank` axes twice, the elements where both positions are the same."""
    return value.read(value.shape[:rank], [Axis.of(axis % rank) for axis in range(2 * rank)])


def _mean(graph: "Graph", value: Value, axes: int) -> Value:
    if value.dtype is not DType.FLOAT or value.fill is not None:
        raise Unsupported("it is a mean of too many integers for one proof, or of a padded window.")
    count = math.prod(value.shape[value.rank - axes :])
    return graph.map(Fn.DIV, graph.fold(Fn.FOLD_SUM, value, axes=axes), graph.constant(count, DType.FLOAT))
