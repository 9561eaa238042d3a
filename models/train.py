"""Train the sample models and export them to ONNX: `python models/train.py [--check]`.

Without a flag: writes the models (`*.onnx`) and `SHA256SUMS` beside this file. With `--check`:
trains into a temporary folder, compares with the committed sums and exits 1 where one differs. The same
machine and package versions give the same bytes; another CPU may round a weight differently.
"""

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

import convolution
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from oracle.demo.credit_table import FEATURES, credit_table  # noqa: E402  (the repository need not be installed)
from oracle.demo.samples import held_out  # noqa: E402

SUMS = HERE / "SHA256SUMS"
OPSET = {"": 18, "ai.onnx.ml": 3}
IR_VERSION = 8
PIXEL_MAX = 16.0


def digits() -> tuple[onnx.ModelProto, str]:
    """A two-layer perceptron, float32 [N, 64] pixels 0..16 → float32 [N, 10]; and how well it does.

    Trained on pixels / 16; the division then moves into the first weights: exact, as 16 is a power of two.
    """
    images, labels = load_digits(return_X_y=True)
    test = held_out("digits", len(labels))
    mlp = MLPClassifier((32,), random_state=7, max_iter=1000, alpha=1e-3)
    mlp.fit(images[~test] / PIXEL_MAX, labels[~test])
    scores = f"hold-out accuracy {mlp.score(images[test] / PIXEL_MAX, labels[test]):.1%} of {test.sum()}"
    mlp.coefs_[0] /= PIXEL_MAX
    converted = to_onnx(
        mlp,
        initial_types=[("pixels", FloatTensorType([None, 64]))],
        options={id(mlp): {"zipmap": False}},
        target_opset=OPSET,
    )
    nodes = _needed_for(converted.graph, "probabilities")
    model = _model("digits", nodes, converted.graph.initializer, ("pixels", 64), ("probabilities", 10))
    return model, scores


def digits_cnn() -> tuple[onnx.ModelProto, str]:
    """A small convolutional network, float32 [N, 1, 8, 8] pixels 0..16 → float32 [N, 10]; and how well it does."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1) / PIXEL_MAX
    test = held_out("digits", len(labels))
    network = convolution.fit(images[~test], labels[~test], epochs=12, seed=7)
    hits = network.scores(images[test]).argmax(1) == labels[test]
    first, second, dense = network.weights
    channels_first = dense.reshape(4, 4, -1, dense.shape[1]).transpose(2, 0, 1, 3).reshape(dense.shape)
    tensors = {
        "w1": first.transpose(3, 2, 0, 1) / PIXEL_MAX,
        "w2": second.transpose(3, 2, 0, 1),
        "w3": channels_first,
        **{f"b{layer + 1}": bias for layer, bias in enumerate(network.biases)},
    }
    nodes = [
        helper.make_node("Conv", ["pixels", "w1", "b1"], ["c1"], "conv1", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], "conv2", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], ["r2"], "relu2"),
        helper.make_node("MaxPool", ["r2"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["logits"], "dense"),
        helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax", axis=1),
    ]
    weights = [numpy_helper.from_array(np.ascontiguousarray(t, np.float32), name) for name, t in tensors.items()]
    model = _model("digits-cnn", nodes, weights, ("pixels", 1, 8, 8), ("probabilities", 10))
    return model, f"hold-out accuracy {hits.mean():.1%} of {test.sum()}"


def credit() -> tuple[onnx.ModelProto, str]:
    """60 boosted trees of depth 3, float32 [N, 32] → [N, 3] p(good), p(bad), margin; and how well.

    margin is the log-odds of good; p(good) = sigmoid(margin), p(bad) = 1 - p(good).
    """
    table = credit_table()
    test = held_out("credit", len(table.good))
    trees = GradientBoostingClassifier(
        n_estimators=60, max_depth=3, learning_rate=0.1, min_samples_leaf=5, random_state=7
    )
    folds = cross_val_score(trees, table.features[~test], table.good[~test], cv=10)
    trees.fit(table.features[~test], table.good[~test])
    scores = (
        f"hold-out accuracy {trees.score(table.features[test], table.good[test]):.1%} of {test.sum()}, "
        f"ten-fold {folds.mean():.1%} on the rest; approving everybody {table.good[test].mean():.1%}"
    )
    converted = to_onnx(
        trees,
        initial_types=[("features", FloatTensorType([None, len(FEATURES)]))],
        options={id(trees): {"zipmap": False, "raw_scores": True}},
        target_opset=OPSET,
    )
    rows = table.features[test]
    return _with_margin_head(converted, rows, trees.decision_function(rows)), scores


def _with_margin_head(converted: onnx.ModelProto, rows: np.ndarray, margins: np.ndarray) -> onnx.ModelProto:
    """The converter's classifier node as a regressor that yields the margin, then both probabilities.

    A binary TreeEnsembleClassifier leaves it to the runtime how one weight becomes two scores; a regressor
    sums leaves and nothing else. Raises `SystemExit` where the result strays from scikit-learn's margins.
    """
    (ensemble,) = [node for node in converted.graph.node if node.op_type == "TreeEnsembleClassifier"]
    renamed = {"class_ids": "target_ids", "class_nodeids": "target_nodeids"}
    renamed |= {"class_treeids": "target_treeids", "class_weights": "target_weights"}
    attributes = {
        renamed.get(attribute.name, attribute.name): helper.get_attribute_value(attribute)
        for attribute in ensemble.attribute
        if not attribute.name.startswith("classlabels") and attribute.name != "post_transform"
    }
    attributes["target_ids"] = [0] * len(attributes["target_ids"])
    trees = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["margin"],
        "trees",
        domain="ai.onnx.ml",
        n_targets=1,
        **attributes,
    )
    head = [
        helper.make_node("Sigmoid", ["margin"], ["p_good"], "p_good"),
        helper.make_node("Sub", ["one", "p_good"], ["p_bad"], "p_bad"),
        helper.make_node("Concat", ["p_good", "p_bad", "margin"], ["score"], "score", axis=1),
    ]
    one = numpy_helper.from_array(np.ones((1, 1), np.float32), "one")
    model = _model("credit", [trees, *head], [one], ("features", len(FEATURES)), ("score", 3))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"features": rows})
    if not np.allclose(scores[:, 2], margins, rtol=1e-5, atol=1e-5):
        raise SystemExit("credit.onnx does not compute scikit-learn's margins: skl2onnx has changed its export.")
    return model


def _needed_for(graph: onnx.GraphProto, output: str) -> list[onnx.NodeProto]:
    """The nodes that `output` depends on, in the graph's order."""
    wanted, kept = {output}, []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    return kept[::-1]


def _model(
    name: str,
    nodes: list[onnx.NodeProto],
    weights: list[onnx.TensorProto],
    source: tuple[str, *tuple[int, ...]],
    result: tuple[str, *tuple[int, ...]],
) -> onnx.ModelProto:
    """A checked float32 [N, …] → float32 [N, …] model without anything that varies between runs."""
    used = {name for node in nodes for name in node.input}
    inputs, outputs = (
        [helper.make_tensor_value_info(label, TensorProto.FLOAT, ["N", *shape])] for label, *shape in (source, result)
    )
    graph = helper.make_graph(nodes, name, inputs, outputs, [weight for weight in weights if weight.name in used])
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSET.items()]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="assay", ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def train(folder: Path) -> dict[str, str]:
    """Write every model into `folder`, print what it scores; file name → SHA-256 in hex."""
    sums = {}
    for name, build in (("digits", digits), ("digits-cnn", digits_cnn), ("credit", credit)):
        model, scores = build()
        path = folder / f"{name}.onnx"
        path.write_bytes(model.SerializeToString(deterministic=True))
        sums[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path.name}: {path.stat().st_size:,} bytes, {scores}")
    return sums


def check() -> list[str]:
    """What differs between fresh training, the files here, and `SHA256SUMS`; empty when nothing does."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = train(Path(folder))
    lines = (line.split(maxsplit=1) for line in SUMS.read_text().splitlines())
    committed = {name: digest for digest, name in lines}
    wrong = []
    for name in sorted(fresh.keys() | committed.keys()):
        path = HERE / name
        here = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
        for what, digest in (("the file here", here), ("fresh training", fresh.get(name, "nothing"))):
            if digest != committed.get(name):
                wrong.append(f"{name}: {what} is {digest}, SHA256SUMS says {committed.get(name, 'nothing')}.")
    return wrong


def main() -> int:
    """Train, or check; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with what is committed, change nothing")
    if parser.parse_args().check:
        wrong = check()
        print("\n".join(wrong) or "Fresh training gives the committed files, bit for bit.")
        return 1 if wrong else 0
    sums = train(HERE)
    SUMS.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
