"""Linear models and preparation of features."""
# ruff: noqa: D103, N802 -- functions are named as the ONNX operators, whose specification says what they do.

import numpy as np

from oracle.canonical.lower.op import Op
from oracle.canonical.lower.ops.ml_scores import above, labels, largest, regression, rows, transformed, two_columns
from oracle.canonical.lower.ops.reduce import fold_axes
from oracle.canonical.lower.trees import floats
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Value
from oracle.canonical.program.node import Fn
from oracle.canonical.tensor import DType


def ArrayFeatureExtractor(op: Op) -> Value:
    x = op[0] if op[0].rank > 1 else op[0].insert(0)
    columns = op.graph.reshape(op[1], (op[1].count,))
    known = op.graph.known(columns)
    if known is not None and known.size and not 0 <= known.min() <= known.max() < x.shape[-1]:
        raise Unsupported(f"it takes columns {known.min()} to {known.max()} of {x.shape[-1]}.")
    return op.graph.gather(x, x.rank - 1, columns)


def Binarizer(op: Op) -> Value:
    return op.graph.cast(op.graph.map(Fn.LESS, op.number(op.attr("threshold", 0.0)), op[0]), op[0].dtype)


def Imputer(op: Op) -> Value:
    x, map_ = op[0], op.graph.map
    kind = "float" if x.dtype is DType.FLOAT else "int64"
    values: list[float] = op.listed(f"imputed_value_{kind}s", float if kind == "float" else int)
    missing = op.attr("replaced_value_float", 0.0) if kind == "float" else op.attr("replaced_value_int64", 0)
    if x.dtype not in (DType.FLOAT, DType.INT64) or x.rank not in (1, 2) or len(values) not in (1, x.shape[-1]):
        raise Unsupported(f"its {len(values)} values do not fit an input {x.dtype.label}{list(x.shape)}.")
    same = map_(Fn.EQUAL, x, op.number(missing)) if missing == missing else map_(Fn.NOT, map_(Fn.EQUAL, x, x))  # noqa: PLR0124
    return map_(Fn.WHERE, same, op.graph.constant(values, x.dtype), x)


def LinearClassifier(op: Op) -> list[Value]:
    known = labels(op, "classlabels_ints", "classlabels_strings")
    scores = _linear(op, floats(op, "intercepts").size)
    if scores.shape[1] == 1 and known.count == 2:
        return [above(op, scores, 0, known), two_columns(op, scores, complement=True)]
    if scores.shape[1] != known.count or known.count < 2:
        raise Unsupported(f"it has {known.count} class labels for {scores.shape[1]} scores.")
    return [largest(op, scores, known), transformed(op, scores)]


def LinearRegressor(op: Op) -> Value:
    return regression(op, _linear(op, op.attr("targets", 1)))


def Normalizer(op: Op) -> Value:
    x, map_ = op.graph.cast(op[0], DType.FLOAT), op.graph.map
    if x.rank not in (1, 2):
        raise Unsupported(f"its input has rank {x.rank}, not 1 or 2.")
    norm, last = op.attr("norm", "MAX"), [x.rank - 1]
    if norm == "MAX":
        size = fold_axes(op, Fn.FOLD_MAX, x, last, keep=True)
    elif norm == "L1":
        size = fold_axes(op, Fn.FOLD_SUM, map_(Fn.ABS, x), last, keep=True)
    elif norm == "L2":
        size = map_(Fn.SQRT, op.graph.fold(Fn.FOLD_DOT, x, x)).insert(x.rank - 1)
    else:
        raise Unsupported(f"its norm {norm!r} does not exist.")
    zero = map_(Fn.EQUAL, size, op.graph.constant(np.float32(0)))
    return map_(Fn.DIV, x, map_(Fn.WHERE, zero, op.graph.constant(np.float32(1)), size))


def Scaler(op: Op) -> Value:
    x = op.graph.cast(op[0], DType.FLOAT)
    offset, scale = floats(op, "offset"), floats(op, "scale")
    if x.rank not in (1, 2) or offset.size != scale.size or scale.size not in (1, x.shape[-1]):
        raise Unsupported(f"{offset.size} offsets and {scale.size} scales do not fit an input of {list(x.shape)}.")
    return op.graph.map(Fn.MUL, op.graph.map(Fn.SUB, x, op.graph.constant(offset)), op.graph.constant(scale))


def ZipMap(op: Op) -> Value:
    op.graph.notes.append(f"{op.graph.origin} is left out: its output is the tensor of scores, in the order of labels.")
    return op[0]


def _linear(op: Op, targets: int) -> Value:
    """Coefficients times features, plus intercepts: [rows, targets]."""
    x = rows(op)
    coefficients, intercepts = floats(op, "coefficients"), floats(op, "intercepts")
    if targets < 1 or coefficients.size != targets * x.shape[1] or intercepts.size not in (0, targets):
        raise Unsupported(
            f"{coefficients.size} coefficients and {intercepts.size} intercepts do not fit {targets} targets of "
            f"{x.shape[1]} features."
        )
    factors = op.graph.constant(coefficients.reshape(targets, x.shape[1]))
    addends = [op.graph.constant(intercepts).insert(1)] if intercepts.size else []
    return op.graph.fold(Fn.FOLD_DOT, x.insert(1), factors, *addends)
