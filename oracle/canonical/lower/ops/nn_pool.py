"""Pools: folds over windows, or over all spatial axes."""
# ruff: noqa: D103, N802 -- functions are named as the ONNX operators, whose specification says what they do.

import math

import numpy as np

from oracle.canonical.lower.op import Op
from oracle.canonical.lower.ops.reduce import fold_axes
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Axis, Value
from oracle.canonical.lower.windows import Windows, windows
from oracle.canonical.program.node import Fn
from oracle.canonical.tensor import DType

_NAN = 0x7FC00000
_LOWEST = {DType.FLOAT: 0xFF800000, DType.INT8: 0x80, DType.UINT8: 0}


def AveragePool(op: Op) -> Value:
    x, found = op[0], _pool(op)
    if not op.attr("count_include_pad", 0):
        return op.graph.fold(Fn.FOLD_MEAN, _read(op, op.graph.solid(x), found, 0), axes=len(found.kernel))
    total = op.graph.fold(Fn.FOLD_SUM, _read(op, x, found, 0), axes=len(found.kernel))
    counts = np.ones((), np.float32)
    for along in map(found.counts, range(len(found.kernel))):
        counts = np.multiply.outer(counts, (along[:1] if np.all(along == along[:1]) else along).astype(np.float32))
    return op.graph.map(Fn.DIV, total, op.graph.constant(counts))


def GlobalAveragePool(op: Op) -> Value:
    return fold_axes(op, Fn.FOLD_MEAN, op[0], list(range(2, op[0].rank)), keep=True)


def GlobalMaxPool(op: Op) -> Value:
    return fold_axes(op, Fn.FOLD_MAX, op[0], list(range(2, op[0].rank)), keep=True)


def MaxPool(op: Op) -> list[Value]:
    x, found = op[0], _pool(op)
    if x.dtype not in _LOWEST:
        raise Unsupported(f"it pools {x.dtype.label}.")
    largest = op.graph.fold(Fn.FOLD_MAX, _read(op, x, found, _LOWEST[x.dtype]), axes=len(found.kernel))
    return [largest, _indices(op, x, found)] if any(op.outputs[1:]) else [largest]


def _pool(op: Op) -> Windows:
    return windows(op, op.listed("kernel_shape", int))


def _read(op: Op, x: Value, found: Windows, fill: int) -> Value:
    """The windows of `x`: [batch, channel, windows..., positions...], `fill` (bits) where they leave it."""
    rank = len(found.kernel)
    axes = [Axis.of(0), Axis.of(1), *found.axes(2, 2 + rank)]
    return op.graph.bounded(x, range(x.rank), fill).read((*x.shape[:2], *found.outputs, *found.kernel), axes)


def _indices(op: Op, x: Value, found: Windows) -> Value:
    """Where the largest elements lie in the flat input: the first of equals in each window.

    Integers are compared as float32, which holds 8 bits exactly, so that padding can be NaN, which ARGMAX skips.
    """
    rank = len(found.kernel)
    order = range(rank) if op.attr("storage_order", 0) else range(rank)[::-1]
    steps, weight = [0] * rank, 1
    for axis in order:
        steps[axis], weight = weight, weight * found.sizes[axis]
    padded = _read(op, op.graph.cast(x, DType.FLOAT), found, _NAN)
    place = padded.shape[: padded.rank - rank]
    position = op.graph.fold(Fn.FOLD_ARGMAX, padded, axes=rank)
    inside = np.zeros((), np.int64)
    for axis, size in enumerate(found.kernel):
        inside = np.add.outer(inside, steps[axis] * found.dilations[axis] * np.arange(size))
    index = op.graph.gather(op.graph.constant(inside.reshape(-1)), 0, position)
    planes = weight * np.arange(math.prod(place[:2]), dtype=np.int64).reshape(*place[:2], *[1] * rank)
    index = op.graph.map(Fn.ADD, index, op.graph.constant(planes))
    for axis, size in enumerate(found.outputs):
        starts = steps[axis] * (found.strides[axis] * np.arange(size) - found.before[axis])
        shape = [size if a == axis else 1 for a in range(rank)]
        index = op.graph.map(Fn.ADD, index, op.graph.constant(starts.reshape(shape).astype(np.int64)))
    return index
