"""Scores and labels: what classifiers and regressors of ai.onnx.ml do with their sums, as onnxruntime does it."""

from typing import Final

import numpy as np

from oracle.canonical.lower.join import concat
from oracle.canonical.lower.op import Op
from oracle.canonical.lower.ops.reduce import fold_axes
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Value
from oracle.canonical.program.node import Fn
from oracle.canonical.tensor import DType

_TRANSFORMS: Final = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
_ZERO: Final = 1e-7
"""SOFTMAX_ZERO takes scores up to this, on either side, for zero."""


def rows(op: Op) -> Value:
    """Input 0 as float32 [rows, features]; one row where it is a vector."""
    x = op[0] if op[0].rank != 1 else op[0].insert(0)
    if x.rank != 2:
        raise Unsupported(f"its input of shape {list(x.shape)} is not [rows, features].")
    return op.graph.cast(x, DType.FLOAT)


def post_transform(op: Op) -> str:
    """The attribute of this name, where it is supported."""
    name = op.attr("post_transform", "NONE")
    if name not in _TRANSFORMS:
        raise Unsupported(f"its post_transform {name} is not supported.")
    return name


def transformed(op: Op, scores: Value) -> Value:
    """`scores` [rows, targets], two targets at least, after the post_transform."""
    name, map_ = post_transform(op), op.graph.map
    if name == "NONE":
        return scores
    if name == "LOGISTIC":
        return map_(Fn.SIGMOID, scores)
    largest = fold_axes(op, Fn.FOLD_MAX, scores, [1], keep=True)
    summed = powers = map_(Fn.EXP, map_(Fn.SUB, scores, largest))
    if name == "SOFTMAX_ZERO":
        near = map_(Fn.NOT, map_(Fn.LESS, op.graph.constant(np.float32(_ZERO)), map_(Fn.ABS, scores)))
        summed = map_(Fn.WHERE, near, op.graph.constant(np.float32(0)), powers)
        kept = map_(Fn.MUL, scores, map_(Fn.EXP, map_(Fn.NEG, largest)))
        powers = map_(Fn.WHERE, near, kept, powers)
    return map_(Fn.DIV, powers, fold_axes(op, Fn.FOLD_SUM, summed, [1], keep=True))


def regression(op: Op, scores: Value) -> Value:
    """`scores` [rows, targets] of a regressor. onnxruntime transforms two targets and more only."""
    if scores.shape[1] > 1:
        return transformed(op, scores)
    if (name := post_transform(op)) != "NONE":
        op.graph.notes.append(f"{op.graph.origin}: post_transform {name} of one target is ignored, as in onnxruntime.")
    return scores


def two_columns(op: Op, score: Value, *, complement: bool) -> Value:
    """Scores [rows, 2] from the only one there is, [rows, 1]: 1 - s and s if `complement`, else -s and s.

    Of the post_transforms LOGISTIC alone changes them.
    """
    map_ = op.graph.map
    if post_transform(op) == "LOGISTIC":
        return map_(Fn.SIGMOID, concat(op.graph, [map_(Fn.NEG, score), score], 1))
    other = map_(Fn.SUB, op.graph.constant(np.float32(1)), score) if complement else map_(Fn.NEG, score)
    return concat(op.graph, [other, score], 1)


def labels(op: Op, numbers: str, strings: str) -> Value:
    """The labels of the classes, int64; in place of strings, which nobody may want, the classes' numbers."""
    listed, named = op.listed(numbers, int), op.listed(strings, str)
    if named and op.outputs[0]:
        raise Unsupported(
            "its class labels are strings.",
            hint="Choose the output of the scores with --output.",
        )
    return op.graph.constant(np.array(listed or range(len(named)), np.int64))


def above(op: Op, score: Value, bound: float, known: Value) -> Value:
    """Label 1 of `known` where `score` [rows, 1] is above `bound`, else label 0: [rows]."""
    positive = op.graph.map(Fn.LESS, op.graph.constant(np.float32(bound)), score.drop(1))
    return op.graph.map(Fn.WHERE, positive, known.slice(0, 1, 1), known.slice(0, 0, 1))


def largest(op: Op, scores: Value, known: Value) -> Value:
    """The label of the first largest of `scores` [rows, classes]: [rows]."""
    return op.graph.gather(known, 0, op.graph.fold(Fn.FOLD_ARGMAX, scores))
