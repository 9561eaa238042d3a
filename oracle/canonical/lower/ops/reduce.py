"""Operators that fold axes away."""
# ruff: noqa: D103, N802 -- functions are named as the ONNX operators, whose specification says what they do.

from oracle.canonical.lower.op import Op
from oracle.canonical.lower.value import Value
from oracle.canonical.program.node import Fn
from oracle.canonical.tensor import DType


def ReduceSum(op: Op) -> Value:
    return _reduce(op, Fn.FOLD_SUM)


def ReduceMean(op: Op) -> Value:
    return _reduce(op, Fn.FOLD_MEAN)


def ReduceMax(op: Op) -> Value:
    return _reduce(op, Fn.FOLD_ANY if op[0].dtype is DType.BOOL else Fn.FOLD_MAX)


def ReduceMin(op: Op) -> Value:
    return _reduce(op, Fn.FOLD_ALL if op[0].dtype is DType.BOOL else Fn.FOLD_MIN)


def ArgMax(op: Op) -> Value:
    return _position(op, Fn.FOLD_ARGMAX)


def ArgMin(op: Op) -> Value:
    return _position(op, Fn.FOLD_ARGMIN)


def _reduce(op: Op, fn: Fn) -> Value:
    x = op[0]
    axes = op.ints(1, "axes")
    if not axes:
        if axes is not None and op.attr("noop_with_empty_axes", 0):
            return x
        if axes is None and len(op.inputs) < 2 and op.attr("noop_with_empty_axes", 0):
            return x
        axes = list(range(x.rank))
    return fold_axes(op, fn, x, [op.axis(axis, x.rank) for axis in axes], keep=bool(op.attr("keepdims", 1)))


def _position(op: Op, fn: Fn) -> Value:
    x = op[0]
    axis = op.axis(op.attr("axis", 0), x.rank)
    keep = bool(op.attr("keepdims", 1))
    if not op.attr("select_last_index", 0):
        return fold_axes(op, fn, x, [axis], keep=keep)
    last = x.shape[axis] - 1
    position = fold_axes(op, fn, x.slice(axis, last, last + 1, -1), [axis], keep=keep)
    return op.graph.map(Fn.SUB, op.graph.constant(last, DType.INT64), position)


def fold_axes(op: Op, fn: Fn, x: Value, axes: list[int], *, keep: bool) -> Value:
    """`fn` over `axes` of `x`, which stay as axes of size 1 if `keep`."""
    source = op.graph.solid(x) if fn is Fn.FOLD_MEAN else x
    kept = [axis for axis in range(x.rank) if axis not in axes]
    result = op.graph.fold(fn, source.transpose([*kept, *sorted(set(axes))]), axes=x.rank - len(kept))
    for axis in sorted(set(axes)) if keep else []:
        result = result.insert(axis)
    return result
