"""Pad: reading beyond the ends, which yields a constant, or positions inside by a constant index."""
# ruff: noqa: D103, N802 -- functions are named as the ONNX operators, whose specification says what they do.

from collections.abc import Callable
from typing import Final

import numpy as np

from oracle.canonical.commit import tensor_bytes
from oracle.canonical.lower.op import Op
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Axis, Value

_MOST: Final = 2**24


def Pad(op: Op) -> Value:
    x = op[0]
    pads = op.ints(1, "pads")
    axes = [op.axis(axis, x.rank) for axis in op.ints(3, "axes") or range(x.rank)]
    if pads is None or len(pads) != 2 * len(axes) or len(set(axes)) != len(axes):
        raise Unsupported(f"its pads {pads} do not fit the axes {axes}.")
    ends = {axis: (pads[t], pads[t + len(axes)]) for t, axis in enumerate(axes) if pads[t] or pads[t + len(axes)]}
    for axis, (before, after) in ends.items():
        size = x.shape[axis] + min(before, 0) + min(after, 0)
        if size < 0:
            raise Unsupported(f"it cuts {-min(before, 0) - min(after, 0)} of {x.shape[axis]} positions of axis {axis}.")
        x = x.slice(axis, -min(before, 0), size)
    wider = {axis: (max(low, 0), max(high, 0)) for axis, (low, high) in ends.items() if max(low, high) > 0}
    mode = op.attr("mode", "constant")
    if not wider:
        return x
    if mode == "constant":
        return _constant(op, x, wider)
    if mode not in _POSITIONS:
        raise Unsupported(f"its mode {mode!r} does not exist.")
    return _inside(op, x, wider, _POSITIONS[mode])


def _constant(op: Op, x: Value, ends: dict[int, tuple[int, int]]) -> Value:
    filler = op.number(op.attr("value", 0.0)) if op.opset < 11 else op.optional(2) or op.number(0)
    known = op.graph.known(op.graph.materialise(op.graph.reshape(filler, ())))
    shape = [size + sum(ends.get(axis, (0, 0))) for axis, size in enumerate(x.shape)]
    axes = [Axis.of(axis, base=-ends.get(axis, (0, 0))[0]) for axis in range(x.rank)]
    if known is not None:
        return op.graph.bounded(x, list(ends), int.from_bytes(tensor_bytes(known), "big")).read(shape, axes)
    apart = op.graph.bounded(op.graph.solid(x), list(ends)).read(shape, axes)
    return op.graph.pick(apart, op.graph.reshape(filler, ()).expand(shape))


def _inside(op: Op, x: Value, ends: dict[int, tuple[int, int]], position: Callable[[int, int], int]) -> Value:
    x = op.graph.bounded(x, list(ends))
    for axis, (before, after) in ends.items():
        size = x.shape[axis]
        if not size or before + after > _MOST:
            raise Unsupported(f"it pads an axis of {size} with {before} and {after} of its own elements.")
        positions = [position(p, size) for p in range(-before, size + after)]
        x = op.graph.gather(x, axis, op.graph.constant(np.array(positions, np.int64)))
    return x


def _edge(position: int, size: int) -> int:
    return min(max(position, 0), size - 1)


def _reflect(position: int, size: int) -> int:
    around = position % max(2 * (size - 1), 1)
    return min(around, 2 * (size - 1) - around)


def _wrap(position: int, size: int) -> int:
    return position % size


_POSITIONS = {"edge": _edge, "reflect": _reflect, "wrap": _wrap}
