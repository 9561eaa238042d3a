"""Tree ensembles: TREE nodes, and a sum over the trees."""
# ruff: noqa: D103, N802 -- functions are named as the ONNX operators, whose specification says what they do.

from typing import Final

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.lower.op import Op
from oracle.canonical.lower.ops.ml_scores import (
    above,
    labels,
    largest,
    post_transform,
    regression,
    rows,
    transformed,
    two_columns,
)
from oracle.canonical.lower.trees import Ensemble, ensemble, floats
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Value
from oracle.canonical.program.node import Fn

_AGGREGATES: Final = {"SUM": Fn.FOLD_SUM, "AVERAGE": Fn.FOLD_MEAN, "MIN": Fn.FOLD_MIN, "MAX": Fn.FOLD_MAX}


def TreeEnsembleClassifier(op: Op) -> list[Value]:
    post_transform(op)
    known = labels(op, "classlabels_int64s", "classlabels_strings")
    classes = known.count
    if classes < 2:
        raise Unsupported(f"it has {classes} class labels.")
    trees = ensemble(op, "class", classes, by_target=True)
    base = floats(op, "base_values")
    if classes == 2:
        return _binary(op, trees, base, known)
    if base.size not in (0, classes):
        raise Unsupported(f"it has {base.size} base_values for {classes} classes.")
    if op.outputs[0] and not base.size and len(trees.given) < classes:
        raise Unsupported(
            "some class may have no weight in any leaf that is reached, and is then no candidate.",
            hint="Choose the output of the scores with --output.",
        )
    scores = _aggregate(op, trees, Fn.FOLD_SUM, base)
    return [largest(op, scores, known), transformed(op, scores)]


def TreeEnsembleRegressor(op: Op) -> Value:
    targets = op.attr("n_targets", 1)
    aggregate = op.attr("aggregate_function", "SUM")
    if aggregate not in _AGGREGATES or targets < 1:
        raise Unsupported(f"its aggregate_function {aggregate!r} of {targets} targets does not exist.")
    base = floats(op, "base_values")
    if base.size not in (0, targets):
        raise Unsupported(f"it has {base.size} base_values for {targets} targets.")
    trees = ensemble(op, "target", targets, by_target=aggregate == "SUM")
    if aggregate in ("MIN", "MAX") and not trees.full:
        raise Unsupported(f"it takes the {aggregate} of trees of which some have no weight for a target.")
    return regression(op, _aggregate(op, trees, _AGGREGATES[aggregate], base))


def _binary(op: Op, trees: Ensemble, base: NDArray[np.float32], known: Value) -> list[Value]:
    """Label and scores of two classes, where onnxruntime goes its own ways."""
    if base.size > 1:
        raise Unsupported("onnxruntime gives two base_values of two classes a meaning that ONNX does not.")
    bound = 0.0 if trees.smallest < 0 else 0.5
    if trees.used <= {0}:  # class 0 has the weights of the positive class
        score = _aggregate(op, trees, Fn.FOLD_SUM, np.append(base, np.zeros(2 - base.size, np.float32)))
        score = score.slice(1, 0, 1)
        return [above(op, score, bound, known), two_columns(op, score, complement=bound > 0)]
    if trees.given != trees.used:
        raise Unsupported("one of two classes has no weight in some leaf.")
    if trees.used == {1}:
        if base.size:
            raise Unsupported("it has weights for class 1 alone, and a base value for class 0.")
        scores = _aggregate(op, trees, Fn.FOLD_SUM, base)
        return [above(op, scores.slice(1, 1, 1), bound, known), transformed(op, scores)]
    if op.outputs[0]:
        raise Unsupported(
            "the label of two classes with weights of their own is not the larger one in onnxruntime.",
            hint="Choose the output of the scores with --output.",
        )
    scores = _aggregate(op, trees, Fn.FOLD_SUM, np.append(base, np.zeros(2 - base.size, np.float32)))
    return [largest(op, scores, known), transformed(op, scores)]


def _aggregate(op: Op, trees: Ensemble, fn: Fn, base: NDArray[np.float32]) -> Value:
    """`fn` over the trees, plus the base values: [rows, targets]."""
    x = rows(op)
    if trees.features > x.shape[1]:
        raise Unsupported(f"it looks at feature {trees.features - 1} of {x.shape[1]}.")
    groups, _ = trees.roots.shape
    columns = trees.targets // groups
    walks = op.graph.tree(
        x.insert(1).insert(1).insert(1),
        op.graph.constant(trees.nodes.reshape(-1)),
        op.graph.constant(trees.roots.astype(np.uint32)).insert(2, columns).insert(3),
        op.graph.constant(trees.weights.reshape(-1)),
        depth=trees.depth,
    )
    results = walks.transpose([0, 1, 3, 2])  # [rows, groups, columns, trees]
    addend = op.graph.constant(base.reshape(groups, columns, 1)) if base.size else None
    if fn is Fn.FOLD_SUM:
        total = op.graph.fold(fn, results, *([] if addend is None else [addend]))
    else:
        total = op.graph.fold(fn, results)
        total = total if addend is None else op.graph.map(Fn.ADD, total, addend.drop(2))
    return op.graph.reshape(total, (x.shape[0], trees.targets))
