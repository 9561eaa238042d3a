"""Products, convolutions and normalisations."""
# ruff: noqa: D103, N802 -- functions are named as the ONNX operators, whose specification says what they do.

from oracle.canonical.lower.graph import broadcast
from oracle.canonical.lower.op import Op
from oracle.canonical.lower.ops.reduce import fold_axes
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Axis, Value
from oracle.canonical.lower.windows import windows
from oracle.canonical.program.node import Fn
from oracle.canonical.tensor import DType


def BatchNormalization(op: Op) -> Value:
    x, scale, bias, mean, variance = (op[slot] for slot in range(5))
    if op.attr("training_mode", 0):
        raise Unsupported("it is in training mode.", hint="Export the model for inference.")
    if not op.attr("spatial", 1):
        raise Unsupported("it has statistics for every position (spatial = 0).")
    if x.rank < 2 or any(value.shape != (x.shape[1],) for value in (scale, bias, mean, variance)):
        raise Unsupported(f"its statistics do not fit the channels of an input of shape {list(x.shape)}.")
    map_ = op.graph.map
    deviation = map_(Fn.SQRT, map_(Fn.ADD, variance, op.number(op.attr("epsilon", 1e-5))))
    factor = map_(Fn.DIV, scale, deviation)
    shift = map_(Fn.SUB, bias, map_(Fn.MUL, mean, factor))
    channels = (x.shape[1], *[1] * (x.rank - 2))
    factor, shift = op.graph.reshape(factor, channels), op.graph.reshape(shift, channels)
    return map_(Fn.ADD, map_(Fn.MUL, x, factor), shift)


def Conv(op: Op) -> Value:
    x, weight, bias = op[0], op[1], op.optional(2)
    groups = op.attr("group", 1)
    spatial = x.rank - 2
    if (
        spatial < 1
        or weight.rank != x.rank
        or groups < 1
        or weight.shape[0] % groups
        or x.shape[1] != weight.shape[1] * groups
    ):
        raise Unsupported(f"{groups} groups of weights {list(weight.shape)} do not fit an input of {list(x.shape)}.")
    if op.listed("kernel_shape", int, weight.shape[2:]) != list(weight.shape[2:]):
        raise Unsupported(f"its kernel_shape is not that of its weights, {list(weight.shape)}.")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise Unsupported(f"its bias of shape {list(bias.shape)} does not fit {weight.shape[0]} filters.")
    found = windows(op, weight.shape[2:])
    filters, channels = weight.shape[0] // groups, weight.shape[1]
    outer = (x.shape[0], groups, filters, *found.outputs)  # then the fold axes: channels and positions in the window
    axes = [Axis.of(0), Axis(0, ((1, channels), (3 + spatial, 1))), *found.axes(3, 4 + spatial)]
    if max(found.kernel) > 1 or any(found.before + found.after):
        x = op.graph.bounded(x, range(x.rank))
    source = x.read((*outer[:2], 1, *outer[3:], channels, *found.kernel), axes)
    shape = (groups, filters, *[1] * spatial, channels, *found.kernel)
    factors = op.graph.reshape(weight, shape)
    addends = [] if bias is None else [op.graph.reshape(bias, (groups, filters, *[1] * (2 * spatial + 1)))]
    result = op.graph.fold(Fn.FOLD_DOT, source, factors, *addends, axes=1 + spatial)
    return op.graph.reshape(result, (x.shape[0], weight.shape[0], *found.outputs))


def Gemm(op: Op) -> Value:
    if op[0].rank != 2 or op[1].rank != 2:
        raise Unsupported(f"shapes {list(op[0].shape)} and {list(op[1].shape)} are not those of matrices.")
    a = op[0].transpose([1, 0]) if op.attr("transA", 0) else op[0]
    b = op[1] if op.attr("transB", 0) else op[1].transpose([1, 0])
    alpha, beta = op.attr("alpha", 1.0), op.attr("beta", 1.0)
    if a.dtype is not DType.FLOAT and (alpha, beta) != (1, 1):
        raise Unsupported(f"it scales integers, by {alpha} and {beta}.")
    c = op.optional(2) if beta else None
    if c is not None and broadcast([c.shape, (a.shape[0], b.shape[0])]) != (a.shape[0], b.shape[0]):
        raise Unsupported(f"its addend of shape {list(c.shape)} does not fit {a.shape[0]} by {b.shape[0]} elements.")
    if c is not None and beta != 1:
        c = op.graph.map(Fn.MUL, c, op.number(beta))
    if alpha == 1:
        return _product(op, a, b, c)
    scaled = op.graph.map(Fn.MUL, _product(op, a, b, None), op.number(alpha))
    return scaled if c is None else op.graph.map(Fn.ADD, scaled, c)


def LayerNormalization(op: Op) -> list[Value]:
    x, scale, bias = op[0], op[1], op.optional(2)
    if op.attr("stash_type", 1) != DType.FLOAT:
        raise Unsupported("its mean and deviation are not float32 (stash_type).")
    if any(broadcast([value.shape, x.shape]) != x.shape for value in (scale, bias) if value is not None):
        raise Unsupported(f"its scale or bias does not fit an input of shape {list(x.shape)}.")
    map_ = op.graph.map
    axes = list(range(op.axis(op.attr("axis", -1), x.rank), x.rank))
    mean = fold_axes(op, Fn.FOLD_MEAN, x, axes, keep=True)
    centred = map_(Fn.SUB, x, mean)
    variance = fold_axes(op, Fn.FOLD_MEAN, map_(Fn.MUL, centred, centred), axes, keep=True)
    deviation = map_(Fn.SQRT, map_(Fn.ADD, variance, op.number(op.attr("epsilon", 1e-5))))
    y = map_(Fn.MUL, map_(Fn.DIV, centred, deviation), scale)
    return [y if bias is None else map_(Fn.ADD, y, bias), mean, map_(Fn.RECIPROCAL, deviation)]


def LogSoftmax(op: Op) -> Value:
    axes = _softmax_axes(op)
    below = _below_largest(op, axes)
    total = fold_axes(op, Fn.FOLD_SUM, op.graph.map(Fn.EXP, below), axes, keep=True)
    return op.graph.map(Fn.SUB, below, op.graph.map(Fn.LOG, total))


def MatMul(op: Op) -> Value:
    if not op[0].rank or not op[1].rank:
        raise Unsupported("it multiplies by a scalar.")
    a = op[0] if op[0].rank > 1 else op[0].insert(0)
    b = op[1] if op[1].rank > 1 else op[1].insert(1)
    result = _product(op, a, b.transpose([*range(b.rank - 2), b.rank - 1, b.rank - 2]), None)
    if op[1].rank == 1:
        result = result.drop(result.rank - 1)
    return result if op[0].rank > 1 else result.drop(result.rank - (1 if op[1].rank == 1 else 2))


def Softmax(op: Op) -> Value:
    axes = _softmax_axes(op)
    powers = op.graph.map(Fn.EXP, _below_largest(op, axes))
    return op.graph.map(Fn.DIV, powers, fold_axes(op, Fn.FOLD_SUM, powers, axes, keep=True))


def _product(op: Op, a: Value, b: Value, c: Value | None) -> Value:
    """`a` [..., m, k] times `b` [..., n, k] along k, plus `c`, which broadcasts to [..., m, n]."""
    if a.shape[-1] != b.shape[-1]:
        raise Unsupported(f"shapes {list(op[0].shape)} and {list(op[1].shape)} cannot be multiplied.")
    addends = [] if c is None else [c.insert(c.rank)]
    return op.graph.fold(Fn.FOLD_DOT, a.insert(a.rank - 1), b.insert(b.rank - 2), *addends)


def _softmax_axes(op: Op) -> list[int]:
    """The axis of the sum; before opset 13 all axes from it on."""
    rank = op[0].rank
    if op.opset >= 13:
        return [op.axis(op.attr("axis", -1), rank)]
    axis = op.attr("axis", 1)
    return list(range(rank if axis == rank else op.axis(axis, rank), rank))


def _below_largest(op: Op, axes: list[int]) -> Value:
    """X - max x over `axes`: its powers do not overflow."""
    return op.graph.map(Fn.SUB, op[0], fold_axes(op, Fn.FOLD_MAX, op[0], axes, keep=True))
