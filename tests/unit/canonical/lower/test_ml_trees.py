"""Tree ensembles against onnxruntime: any shape of tree, mode, missing value, and its ways with scores and labels."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from oracle.canonical.lower import lower
from oracle.canonical.program.node import Kind
from oracle.errors import ProgramError
from tests.unit.canonical.lower.test_operators import Array, canonical

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
FEATURES = 3


def model(
    operator: str, shape: tuple[int, ...], outputs: list[str], *, opset: int = 3, **attributes: Any
) -> onnx.ModelProto:
    """One node of ai.onnx.ml on float32 `shape`."""
    node = helper.make_node(operator, ["x"], outputs, domain="ai.onnx.ml", **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", 1, shape)],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def runtime(made: onnx.ModelProto, x: Array) -> list[Array]:
    """What onnxruntime says."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return list(onnxruntime.InferenceSession(made.SerializeToString(), options).run(None, {"x": x}))


def agrees(made: onnx.ModelProto, x: Array) -> None:
    """Canonical execution yields what onnxruntime does: labels exactly, scores but for its roundings."""
    for got, right in zip(canonical(made, x), runtime(made, x), strict=True):
        assert (got.dtype, got.shape) == (right.dtype, right.shape)
        assert np.allclose(got, right, rtol=1e-5, atol=1e-6 if right.dtype.kind == "f" else 0, equal_nan=True)


def ensemble(
    kind: str, trees: list[Any], ids: list[list[int]], seed: int, *, lowest: int = -1, missing: bool = False
) -> dict[str, Any]:
    """Attributes of an ensemble of `trees`: nested pairs are branches, anything else is a leaf.

    Every leaf of tree t has a weight for each of `ids[t]`: such that sums are exact, and ties are ties, in any order.
    """
    random = np.random.default_rng(seed)
    nodes = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")
    found: dict[str, list[Any]] = {f"nodes_{name}": [] for name in nodes}
    found |= {f"{kind}_{name}": [] for name in ("treeids", "nodeids", "ids", "weights")}
    if missing:
        found["nodes_missing_value_tracks_true"] = []

    def add(tree: int, shape: Any) -> int:
        number, row = found["nodes_treeids"].count(tree), len(found["nodes_treeids"])
        inner = isinstance(shape, tuple)
        mode = random.choice(MODES) if inner else "LEAF"
        threshold = float(random.integers(-2, 3)) / 2
        for name, value in zip(nodes, (tree, number, random.integers(FEATURES), mode, threshold, 0, 0), strict=True):
            found[f"nodes_{name}"].append(value)
        if missing:
            found["nodes_missing_value_tracks_true"].append(int(random.integers(2)))
        if inner:
            for name, child in zip(("truenodeids", "falsenodeids"), shape, strict=True):
                found[f"nodes_{name}"][row] = add(tree, child)
        for one in ids[tree] if not inner else []:
            weight = float(random.integers(64 * lowest, 65)) / 64
            for name, value in zip(("treeids", "nodeids", "ids", "weights"), (tree, number, one, weight), strict=True):
                found[f"{kind}_{name}"].append(value)
        return number

    for tree, shape in enumerate(trees):
        add(tree, shape)
    return found


TREES = st.lists(st.recursive(st.none(), lambda t: st.tuples(t, t), max_leaves=12).filter(bool), min_size=1, max_size=4)
few = settings(max_examples=50, deadline=None)


def features(seed: int) -> Array:
    """Rows of features that often meet a threshold exactly, some missing or infinite."""
    x = np.random.default_rng(seed).integers(-3, 4, (16, FEATURES)).astype(np.float32) / 2
    x[0, 0], x[1, 1], x[2, 2], x[3] = np.nan, np.inf, -np.inf, np.nan
    return x


@few
@given(TREES, st.integers(0, 99), st.booleans(), st.data())
def test_regressors_agree_with_onnxruntime(trees: list[Any], seed: int, missing: bool, data: st.DataObject) -> None:
    """Every branch mode, missing values on either side, any number of targets, with and without base values."""
    targets = data.draw(st.integers(1, 3))
    attributes = ensemble("target", trees, [list(range(targets))] * len(trees), seed, missing=missing)
    if data.draw(st.booleans()):
        attributes["base_values"] = [0.5, -0.25, 2.0][:targets]
    attributes["aggregate_function"] = data.draw(st.sampled_from(["SUM", "AVERAGE", "MIN", "MAX"]))
    attributes["post_transform"] = data.draw(st.sampled_from(["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"]))
    x = features(seed)
    agrees(model("TreeEnsembleRegressor", x.shape, ["y"], n_targets=targets, **attributes), x)


@few
@given(TREES, st.integers(0, 99), st.integers(3, 4), st.booleans(), st.data())
def test_classifiers_agree_with_onnxruntime(
    trees: list[Any],
    seed: int,
    classes: int,
    single: bool,
    data: st.DataObject,
) -> None:
    """Forests, whose leaves have a weight for each class, and boosted trees, each of which serves one class."""
    ids = [[t % classes] if single else list(range(classes)) for t in range(len(trees))]
    attributes = ensemble("class", trees, ids, seed)
    if single or data.draw(st.booleans()):
        attributes["base_values"] = [0.5, -0.25, 2.0, 0.125][:classes]
    attributes["post_transform"] = data.draw(st.sampled_from(["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"]))
    x = features(seed)
    labels = [7, -3, 12, 5][:classes]
    agrees(model("TreeEnsembleClassifier", x.shape, ["y", "z"], classlabels_int64s=labels, **attributes), x)


@few
@given(
    TREES,
    st.integers(0, 99),
    st.sampled_from([[0], [1]]),
    st.sampled_from([0, -1]),
    st.sampled_from(["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"]),
    st.booleans(),
)
def test_two_classes_with_weights_for_one_agree_with_onnxruntime(
    trees: list[Any],
    seed: int,
    ids: list[int],
    lowest: int,
    transform: str,
    based: bool,
) -> None:
    """How exporters write two classes: onnxruntime makes the other column, and moves the threshold to 0.5 or 0."""
    attributes = ensemble("class", trees, [ids] * len(trees), seed, lowest=lowest)
    if based and ids == [0]:
        attributes["base_values"] = [0.125]
    x = features(seed)
    attributes |= {"classlabels_int64s": [4, 9], "post_transform": transform}
    agrees(model("TreeEnsembleClassifier", x.shape, ["y", "z"], **attributes), x)


def test_two_classes_with_weights_for_both_have_scores() -> None:
    """Their label is not the larger one in onnxruntime, so only the scores are supported."""
    attributes = ensemble("class", [((0, 0), 0), (0, 0)], [[0, 1]] * 2, 1)
    x = features(1)
    made = model("TreeEnsembleClassifier", x.shape, ["y", "z"], classlabels_int64s=[0, 1], **attributes)
    with pytest.raises(ProgramError, match="not the larger one"):
        lower(made)
    del made.graph.output[0]
    agrees(made, x)


def test_string_labels_leave_the_scores() -> None:
    """The way out that the error names must be one."""
    attributes = ensemble("class", [((0, 0), 0), (0, 0)], [[0, 1, 2]] * 2, 1)
    x = features(1)
    made = model("TreeEnsembleClassifier", x.shape, ["y", "z"], classlabels_strings=["a", "b", "c"], **attributes)
    with pytest.raises(ProgramError, match="class labels are strings"):
        lower(made)
    del made.graph.output[0]
    agrees(made, x)


def test_trees_of_one_class_are_walked_once() -> None:
    """A boosted ensemble has as many trees per round as classes: walking each for every class would square the cost."""
    attributes = ensemble("class", [(0, 0)] * 12, [[t % 4] for t in range(12)], 0)
    made = model("TreeEnsembleClassifier", (1, 3), ["y", "z"], classlabels_int64s=[0, 1, 2, 3], **attributes)
    (tree,) = [node for node in lower(made).program.nodes if node.kind is Kind.TREE]
    assert tree.count == 12


@pytest.mark.parametrize("features_given", [1, 3])
def test_lone_leaves_and_single_features_are_trees_too(features_given: int) -> None:
    """Boosting stops there when nothing is gained."""
    attributes = ensemble("target", [0], [[0]], 5)
    x = np.ones((2, features_given), np.float32)
    agrees(model("TreeEnsembleRegressor", x.shape, ["y"], n_targets=1, **attributes), x)


def test_a_transform_that_onnxruntime_ignores_is_noted() -> None:
    """The person who publishes the model should know that the file says something else."""
    attributes = ensemble("target", [(0, 0)], [[0]], 5)
    made = model("TreeEnsembleRegressor", (1, 3), ["y"], n_targets=1, post_transform="LOGISTIC", **attributes)
    assert "LOGISTIC of one target is ignored" in lower(made).notes[0]


def test_tensors_of_float32_are_read_as_lists_are() -> None:
    """Opset 3 has both forms."""
    attributes = ensemble("target", [(0, (0, 0))] * 2, [[0]] * 2, 5)
    listed = model("TreeEnsembleRegressor", (1, 3), ["y"], n_targets=1, base_values=[0.3], **attributes)
    attributes["base_values"] = [0.3]
    for name in ("nodes_values", "target_weights", "base_values"):
        array = np.array(attributes.pop(name), np.float32)
        attributes[f"{name}_as_tensor"] = onnx.numpy_helper.from_array(array)
    tensors = model("TreeEnsembleRegressor", (1, 3), ["y"], n_targets=1, **attributes)
    assert lower(tensors).program.nodes == lower(listed).program.nodes


REASONS = [
    ({"post_transform": "PROBIT"}, "post_transform PROBIT is not supported"),
    ({"nodes_modes": ["BRANCH_MEMBER", "LEAF", "LEAF"]}, "mode 'BRANCH_MEMBER' does not exist"),
    ({"nodes_truenodeids": [5, 0, 0]}, "leads to a node that it does not have"),
    ({"nodes_nodeids": [0, 1, 1]}, "two of its nodes have one number"),
    ({"nodes_treeids": [0, 0, 1], "nodes_falsenodeids": [1, 0, 0]}, "."),
    ({"nodes_truenodeids": [0, 0, 0]}, "are no trees"),
    ({"nodes_truenodeids": [2, 0, 0]}, "do not have one root each"),
    ({"nodes_featureids": [3, 0, 0]}, "feature 3 of 3"),
    ({"nodes_featureids": [-1, 0, 0]}, "numbered from -1"),
    ({"nodes_values": [0.5, 0.0]}, "not of one length"),
    ({"target_ids": [0, 1]}, "not for 1 targets"),
    ({"target_nodeids": [0, 2]}, "no leaf has a weight"),
    ({"target_nodeids": [1, 1]}, "two weights for one target"),
    ({"base_values": [1.0, 2.0]}, "2 base_values for 1 targets"),
    ({"n_targets": 2**40}, "2 leaves have weights for 1099511627776 targets"),
    ({"aggregate_function": "MEDIAN"}, "does not exist"),
    (
        {
            "target_nodeids": [1],
            "target_ids": [0],
            "target_weights": [1.0],
            "target_treeids": [0],
            "aggregate_function": "MIN",
        },
        "MIN",
    ),
]


@pytest.mark.parametrize(("changes", "reason"), REASONS)
def test_broken_ensembles_say_what_is_wrong(changes: dict[str, Any], reason: str) -> None:
    """A table that only looks right would yield zeros where onnxruntime reads what it likes."""
    stump = {
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [0, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_values": [0.5, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
        "target_treeids": [0, 0],
        "target_nodeids": [1, 2],
        "target_ids": [0, 0],
        "target_weights": [1.0, 2.0],
        "n_targets": 1,
    }
    agrees(model("TreeEnsembleRegressor", (2, 3), ["y"], **stump), np.eye(2, 3, dtype=np.float32))
    with pytest.raises(ProgramError, match=reason):
        lower(model("TreeEnsembleRegressor", (1, 3), ["y"], **(stump | changes)))
