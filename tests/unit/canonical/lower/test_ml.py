"""Linear models, scalers and normalisers against onnxruntime, and whole scikit-learn pipelines."""

from typing import Any

import numpy as np
import onnx
import pytest
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler

from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.lower import lower
from oracle.errors import ProgramError
from tests.unit.canonical.lower.test_ml_trees import agrees, model
from tests.unit.canonical.lower.test_ml_trees import runtime as run
from tests.unit.canonical.lower.test_operators import Array

X = np.float32([[-1, 2], [0.5, 0.25], [0, 0], [3, -4], [-1, -2]])
TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"]


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("x", [X, X[0]], ids=["rows", "vector"])
def test_linear_classifiers_agree_with_onnxruntime(transform: str, classes: int, x: Array) -> None:
    """One row of coefficients makes two classes; the second column is onnxruntime's way."""
    attributes = {
        "coefficients": [0.5, 0.25, -0.5, 0.25, 1.0, 1.0][: 2 * classes],
        "intercepts": [0.125, -0.25, 0.0][:classes],
        "classlabels_ints": [7, 3, -2][: max(classes, 2)],
        "post_transform": transform,
    }
    agrees(model("LinearClassifier", x.shape, ["y", "z"], **attributes), x)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize(
    "attributes", [{"intercepts": [0.5]}, {}, {"targets": 2}, {"targets": 2, "intercepts": [0, 1.5]}]
)
@pytest.mark.parametrize("x", [X, X[0]], ids=["rows", "vector"])
def test_linear_regressors_agree_with_onnxruntime(transform: str, attributes: dict[str, Any], x: Array) -> None:
    """Intercepts may be left out; one target is never transformed."""
    coefficients = [0.5, 0.25, 1.0, 2.0][: 2 * attributes.get("targets", 1)]
    given = {"coefficients": coefficients, "post_transform": transform, **attributes}
    agrees(model("LinearRegressor", x.shape, ["y"], **given), x)


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
@pytest.mark.parametrize("x", [X, X[0], X[2]], ids=["rows", "vector", "zeros"])
def test_normalisers_agree_with_onnxruntime(norm: str, x: Array) -> None:
    """A row whose norm is 0 stays as it is; the largest may be negative."""
    agrees(model("Normalizer", x.shape, ["y"], norm=norm), x)


@pytest.mark.parametrize("attributes", [{"offset": [1, 2], "scale": [0.5, 3]}, {"offset": [1.5], "scale": [0.5]}])
@pytest.mark.parametrize("x", [X, X[0]], ids=["rows", "vector"])
def test_scalers_agree_with_onnxruntime(attributes: dict[str, list[float]], x: Array) -> None:
    """Numbers for every feature, or one for all."""
    given = {name: [float(n) for n in listed] for name, listed in attributes.items()}
    agrees(model("Scaler", x.shape, ["y"], **given), x)


@pytest.mark.parametrize("missing", [np.nan, 0.5, np.inf])
@pytest.mark.parametrize("values", [[7.0], [7.0, 8.0]])
def test_imputers_agree_with_onnxruntime(missing: float, values: list[float]) -> None:
    """NaN is missing where the model says NaN, though NaN equals nothing."""
    x = np.append(X, np.float32([[np.nan, 0.5], [np.inf, 0.5]]), axis=0)
    agrees(model("Imputer", x.shape, ["y"], replaced_value_float=missing, imputed_value_floats=values), x)


@pytest.mark.parametrize("threshold", [0.0, 0.25])
def test_binarizers_agree_with_onnxruntime(threshold: float) -> None:
    """The threshold itself is not above it."""
    agrees(model("Binarizer", X.shape, ["y"], threshold=threshold), X)


def table(classes: int) -> tuple[Array, Array]:
    """Some rows of four features, and their classes."""
    x = np.random.default_rng(0).standard_normal((120, 4)).astype(np.float32)
    return x, np.digitize(x[:, 0] + x[:, 1] * x[:, 2], np.linspace(-1, 1, classes - 1))


PIPELINES = [
    make_pipeline(StandardScaler(), LogisticRegression()),
    make_pipeline(MinMaxScaler(), MLPClassifier([6], max_iter=30, random_state=0)),
    make_pipeline(Normalizer(), RandomForestClassifier(5, max_depth=4, random_state=0)),
    GradientBoostingClassifier(n_estimators=5, random_state=0),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("pipeline", PIPELINES, ids=["logistic", "perceptron", "forest", "boosting"])
@pytest.mark.parametrize("classes", [2, 3])
def test_scikit_learn_classifiers_agree_with_onnxruntime(pipeline: Any, classes: int) -> None:
    """What people have: scaler and classifier, exported as they come, with ZipMap at the end."""
    x, y = table(classes)
    made = to_onnx(pipeline.fit(x, y), x[:1], target_opset={"": 18, "ai.onnx.ml": 3})
    lowered = lower(made, default_dim=len(x))
    assert any("is left out: its output is the tensor of scores" in note for note in lowered.notes)
    label, scores = compile_plan(lowered.program).run([x])
    right, maps = _run(made, x)
    assert np.array_equal(label, right)
    wanted = np.array([[row[one] for one in sorted(row)] for row in maps])
    assert np.allclose(scores.reshape(wanted.shape), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "regressor", [LinearRegression(), GradientBoostingRegressor(n_estimators=5)], ids=["linear", "trees"]
)
def test_scikit_learn_regressors_agree_with_onnxruntime(regressor: Any) -> None:
    """Prices, scores, forecasts: one number for each row."""
    x, y = table(9)
    made = to_onnx(regressor.fit(x, y), x[:1], target_opset={"": 18, "ai.onnx.ml": 3})
    (got,) = compile_plan(lower(made, default_dim=len(x)).program).run([x])
    assert np.allclose(got, _run(made, x)[0].reshape(-1), rtol=1e-5, atol=1e-6)


def _run(made: onnx.ModelProto, x: Array) -> list[Any]:
    (name,) = [value.name for value in made.graph.input]
    for node in made.graph.node:
        node.input[:] = ["x" if one == name else one for one in node.input]
    made.graph.input[0].name = "x"
    return run(made, x)


def test_string_labels_are_refused_where_they_are_wanted() -> None:
    """The chain has no strings; the scores are numbers."""
    attributes = {"coefficients": [1.0, 0, 0, 1], "intercepts": [0.0, 0], "classlabels_strings": ["cat", "dog"]}
    made = model("LinearClassifier", X.shape, ["y", "z"], **attributes)
    with pytest.raises(ProgramError, match="class labels are strings"):
        lower(made)
    assert [name for name, _ in lower(made, outputs=["z"]).outputs] == ["z"]


@pytest.mark.parametrize(
    ("operator", "attributes", "reason"),
    [
        ("LinearRegressor", {"coefficients": [1.0]}, "1 coefficients and 0 intercepts do not fit"),
        ("LinearRegressor", {"coefficients": [1.0, 2.0], "post_transform": "PROBIT"}, "PROBIT is not supported"),
        ("LinearClassifier", {"coefficients": [1.0, 2.0], "intercepts": [0.0]}, "0 class labels for 1 scores"),
        ("Normalizer", {"norm": "L3"}, "norm 'L3' does not exist"),
        ("Scaler", {"offset": [1.0], "scale": [1.0, 2.0]}, "1 offsets and 2 scales"),
    ],
)
def test_what_does_not_fit_says_why(operator: str, attributes: dict[str, Any], reason: str) -> None:
    """Never a wrong shape, and never a guess."""
    outputs = ["y", "z"] if operator.endswith("Classifier") else ["y"]
    with pytest.raises(ProgramError, match=reason):
        lower(model(operator, X.shape, outputs, **attributes))
