"""Operators that move elements about. Most only read a value in another way and yield no node."""
# ruff: noqa: D103, N802 -- functions are named as the ONNX operators, whose specification says what they do.

import math
from fractions import Fraction
from typing import Final

import numpy as np

from oracle.canonical.lower.graph import broadcast
from oracle.canonical.lower.join import concat
from oracle.canonical.lower.op import Op
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Value
from oracle.canonical.program.node import Fn
from oracle.canonical.tensor import DType

_LONGEST_RANGE: Final = 2**24


def Concat(op: Op) -> Value:
    return concat(op.graph, op.values, op.axis(op.attr("axis", 0), op[0].rank))


def Constant(op: Op) -> Value:
    kinds = {
        "value_float": DType.FLOAT,
        "value_floats": DType.FLOAT,
        "value_int": DType.INT64,
        "value_ints": DType.INT64,
    }
    for name, value in op.attributes.items():
        if name == "value":
            return op.graph.constant(value)
        if name in kinds:
            return op.graph.constant(value, kinds[name])
    raise Unsupported("it holds no tensor of numbers.")


def ConstantOfShape(op: Op) -> Value:
    shape = op.shape(0)
    value = op.attr("value", np.zeros(1, np.float32))
    return op.graph.constant(value.reshape(())).expand(shape)


def Dropout(op: Op) -> list[Value]:
    training = op.known(2, "mode flags")
    if training is not None and training.any():
        raise Unsupported("it is in training mode, and random.", hint="Export the model for inference.")
    if op.opset < 12:
        return [op[0]]  # the mask is left open there
    return [op[0], op.graph.constant(1, DType.BOOL).expand(op[0].shape)]


def Expand(op: Op) -> Value:
    return op[0].expand(broadcast([op[0].shape, tuple(op.shape(1))]))


def Flatten(op: Op) -> Value:
    shape = op[0].shape
    axis = op.attr("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise Unsupported(f"its axis {axis} is outside a tensor of rank {len(shape)}.")
    axis = axis + len(shape) if axis < 0 else axis
    return op.graph.reshape(op[0], (math.prod(shape[:axis]), math.prod(shape[axis:])))


def Gather(op: Op) -> Value:
    x, index = op[0], op[1]
    axis = op.axis(op.attr("axis", 0), x.rank)
    size = x.shape[axis]
    known = op.graph.known(index)
    if known is not None and known.size and not -size <= known.min() <= known.max() < size:
        raise Unsupported(f"its indices reach from {known.min()} to {known.max()} on an axis of size {size}.")
    if known is None or known.size != 1 or known.dtype.kind not in "iu":
        return op.graph.gather(x, axis, index)
    one = x.slice(axis, int(known.reshape(())) % size, 1)
    return op.graph.reshape(one, (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]))


def Identity(op: Op) -> Value:
    return op[0]


def Range(op: Op) -> Value:
    start, limit, delta = (op.known(slot, "bounds") for slot in range(3))
    if start is None or limit is None or delta is None or not start.size == limit.size == delta.size == 1:
        raise Unsupported("it lacks a bound, or one is no number.")
    bounds = [float(n.reshape(())) if n.dtype.kind == "f" else int(n.reshape(())) for n in (start, limit, delta)]
    if not all(math.isfinite(bound) for bound in bounds) or not bounds[2]:
        raise Unsupported(f"its bounds are {bounds}.")
    first, last, step = map(Fraction, bounds)
    count = max(math.ceil((last - first) / step), 0)
    if count > _LONGEST_RANGE:
        raise Unsupported(f"it has {count} elements.")
    dtype = op[0].dtype
    steps = op.graph.cast(op.graph.constant(np.arange(count, dtype=np.int64)), dtype)
    return op.graph.map(Fn.ADD, op.graph.map(Fn.MUL, steps, op.graph.reshape(op[2], ())), op.graph.reshape(op[0], ()))


def Reshape(op: Op) -> Value:
    x = op[0]
    shape = [int(n) for n in op.shape(1, negative=True)]
    if not op.attr("allowzero", 0):
        if any(n == 0 and axis >= x.rank for axis, n in enumerate(shape)):
            raise Unsupported(f"its shape {shape} copies an axis that the input, of rank {x.rank}, does not have.")
        shape = [x.shape[axis] if n == 0 else n for axis, n in enumerate(shape)]
    if -1 in shape:
        rest = math.prod(n for n in shape if n != -1)
        shape[shape.index(-1)] = x.count // rest if rest else 0
    if math.prod(shape) != x.count or min(shape, default=0) < 0:
        raise Unsupported(f"{list(x.shape)} cannot be reshaped to {shape}.")
    return op.graph.reshape(x, shape)


def Shape(op: Op) -> Value:
    rank = op[0].rank
    start, stop, _ = slice(op.attr("start", 0), op.attr("end", rank)).indices(rank)
    return op.graph.constant(np.array(op[0].shape[start:stop], np.int64))


def Size(op: Op) -> Value:
    return op.graph.constant(op[0].count, DType.INT64)


def Slice(op: Op) -> Value:
    x = op[0]
    starts, ends = op.ints(1, "starts"), op.ints(2, "ends")
    if starts is None or ends is None:
        raise Unsupported("it lacks starts or ends.")
    axes = op.ints(3, "axes") or list(range(len(starts)))
    steps = op.ints(4, "steps") or [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise Unsupported(f"its starts {starts}, ends {ends}, axes {axes} and steps {steps} do not fit together.")
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        at = op.axis(axis, x.rank)
        positions = range(x.shape[at])[start:end:step]
        x = x.slice(at, positions.start, len(positions), step)
    return x


def Split(op: Op) -> list[Value]:
    x = op[0]
    axis = op.axis(op.attr("axis", 0), x.rank)
    sizes = op.ints(1, "split")
    if sizes is None:
        parts = op.attr("num_outputs", len(op.outputs))
        if parts != len(op.outputs):
            raise Unsupported(f"it makes {parts} parts for {len(op.outputs)} outputs.")
        size = -(-x.shape[axis] // parts)
        sizes = [max(min(size, x.shape[axis] - size * part), 0) for part in range(parts)]
    if sum(sizes) != x.shape[axis] or min(sizes, default=0) < 0:
        raise Unsupported(f"its sizes {sizes} do not add up to {x.shape[axis]}.")
    return [x.slice(axis, sum(sizes[:part]), size) for part, size in enumerate(sizes)]


def Squeeze(op: Op) -> Value:
    x = op[0]
    axes = op.ints(1, "axes")
    dropped = {a for a, n in enumerate(x.shape) if n == 1} if axes is None else {op.axis(a, x.rank) for a in axes}
    if any(x.shape[axis] != 1 for axis in dropped):
        raise Unsupported(f"it drops axes {sorted(dropped)} of shape {list(x.shape)}, not all of size 1.")
    for axis in sorted(dropped, reverse=True):
        x = x.drop(axis)
    return x


def Tile(op: Op) -> Value:
    x = op[0]
    repeats = op.shape(1)
    if len(repeats) != x.rank:
        raise Unsupported(f"it repeats {len(repeats)} axes of a tensor of rank {x.rank}.")
    wide = x
    for axis in reversed(range(x.rank)):
        wide = wide.insert(axis, repeats[axis])
    return op.graph.reshape(wide, [size * count for size, count in zip(x.shape, repeats, strict=True)])


def Transpose(op: Op) -> Value:
    rank = op[0].rank
    order = op.attr("perm", list(reversed(range(rank))))
    if sorted(order) != list(range(rank)):
        raise Unsupported(f"its permutation {order} does not fit a tensor of rank {rank}.")
    return op[0].transpose(order)


def Unsqueeze(op: Op) -> Value:
    axes = op.ints(1, "axes") or []
    rank = op[0].rank + len(axes)
    places = sorted(op.axis(axis, rank) for axis in axes)
    if len(set(places)) != len(places):
        raise Unsupported(f"its axes {axes} name one twice.")
    x = op[0]
    for axis in places:
        x = x.insert(axis)
    return x
