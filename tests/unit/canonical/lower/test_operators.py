"""Operators in old and new opsets against onnxruntime: another implementation of the same specification."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper

from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.lower import lower
from oracle.errors import ProgramError

Array = NDArray[Any]
X = np.random.default_rng(5).standard_normal((2, 3, 4)).astype(np.float32)
N = np.arange(-12, 12, dtype=np.int64).reshape(2, 3, 4)
WILD = np.float32([0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, 1e-40, -1e-40, 3e38, np.inf, -np.inf, np.nan, 7, -7, 1e10])


def model(
    operator: str, inputs: Sequence[Array | None], opset: int, attributes: Mapping[str, Any], *, outputs: int = 1
) -> onnx.ModelProto:
    """One node; its first input is the model's, the others are constants; None is left out."""
    names = ["" if array is None else f"i{slot}" for slot, array in enumerate(inputs)]
    results = [f"o{slot}" for slot in range(outputs)]
    node = helper.make_node(operator, names, results, **attributes)
    constants = [
        onnx.numpy_helper.from_array(array, names[slot])
        for slot, array in enumerate(inputs)
        if array is not None and slot
    ]
    first = [
        helper.make_tensor_value_info(names[0], helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for array in inputs[:1]
        if array is not None
    ]
    ends = [helper.make_empty_tensor_value_info(name) for name in results]
    graph = helper.make_graph([node], "g", first, ends, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def canonical(made: onnx.ModelProto, *inputs: Array) -> list[Array]:
    """What the model's program yields."""
    lowered = lower(made)
    flat = compile_plan(lowered.program).run(inputs)
    return [one.reshape(spec.shape) for one, (_, spec) in zip(flat, lowered.outputs, strict=True)]


def runtime(made: onnx.ModelProto, *inputs: Array) -> list[Array]:
    """What onnxruntime says."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, ["CPUExecutionProvider"])
    return list(session.run(None, {f"i{slot}": array for slot, array in enumerate(inputs)}))


def i64(*values: int) -> Array:
    """A vector of int64."""
    return np.array(values, np.int64)


CASES: list[tuple[str, Sequence[Array | None], int, dict[str, Any], int]] = [
    ("Clip", [X], 7, {"min": -0.5, "max": 0.25}, 1),
    ("Clip", [X], 10, {"max": 0.25}, 1),
    ("Clip", [X, None, np.float32(0.1)], 11, {}, 1),
    ("Clip", [N, np.int64(-3), np.int64(5)], 13, {}, 1),
    ("Slice", [X], 9, {"starts": [1, -3], "ends": [2, 1000], "axes": [1, 2]}, 1),
    ("Slice", [X], 7, {"starts": [0, 1], "ends": [1, -1]}, 1),
    ("Slice", [X, i64(-1, 3), i64(-100, 0), i64(-1, 1), i64(-2, -1)], 10, {}, 1),
    ("Slice", [X, i64(2), i64(2), i64(2)], 13, {}, 1),
    ("Pad", [X], 7, {"pads": [0, 1, 2, 1, 0, 3], "value": 2.5}, 1),
    ("Pad", [X], 10, {"pads": [0, 0, 3, 0, 0, 2], "mode": "reflect"}, 1),
    ("Pad", [X, i64(1, 0, -1, 0, 2, -2), np.float32(-3)], 11, {}, 1),
    ("Pad", [X, i64(2, 3, 1, 4), None, i64(-1, 0)], 18, {"mode": "edge"}, 1),
    ("Pad", [X, i64(2, 3, 1, 4), None, i64(2, 1)], 19, {"mode": "wrap"}, 1),
    ("Pad", [N, i64(0, 1, 2, 1, 0, 3), np.int64(-7)], 13, {}, 1),
    ("Squeeze", [X[:1, :, None]], 7, {"axes": [0, 2]}, 1),
    ("Squeeze", [X[:1, :, None]], 7, {}, 1),
    ("Squeeze", [X[:1, :, None], i64(-2)], 13, {}, 1),
    ("Unsqueeze", [X], 9, {"axes": [0, 3]}, 1),
    ("Unsqueeze", [X, i64(-1, 1)], 13, {}, 1),
    ("Split", [X], 7, {"axis": 2, "split": [1, 3]}, 2),
    ("Split", [X], 11, {"axis": -1}, 2),
    ("Split", [X, i64(0, 3)], 13, {"axis": 1}, 2),
    ("Split", [X], 18, {"axis": 1, "num_outputs": 2}, 2),
    ("ReduceSum", [X], 11, {"axes": [0, -1], "keepdims": 0}, 1),
    ("ReduceSum", [X, i64(1)], 13, {}, 1),
    ("ReduceSum", [X], 13, {"noop_with_empty_axes": 1}, 1),
    ("ReduceMean", [X], 7, {"axes": [1]}, 1),
    ("ReduceMean", [X, i64(0, 2)], 18, {"keepdims": 0}, 1),
    ("ReduceMax", [X], 12, {"axes": [2]}, 1),
    ("ReduceMin", [N], 13, {"axes": [0, 1], "keepdims": 0}, 1),
    ("ArgMax", [X], 7, {"axis": 1}, 1),
    ("ArgMax", [N // 5], 12, {"axis": -1, "select_last_index": 1, "keepdims": 0}, 1),
    ("ArgMin", [N // 5], 13, {"axis": 2, "select_last_index": 1}, 1),
    ("Gather", [X, i64(0, -1, 2).reshape(3, 1)], 11, {"axis": 1}, 1),
    ("Gather", [X, np.int64(-1)], 7, {"axis": 2}, 1),
    ("Reshape", [X, i64(0, -1)], 7, {}, 1),
    ("Reshape", [X, i64(4, 0, 2)], 13, {}, 1),
    ("Flatten", [X], 7, {"axis": 0}, 1),
    ("Flatten", [X], 11, {"axis": -1}, 1),
    ("Expand", [X[:, :1], i64(2, 1, 3, 1)], 8, {}, 1),
    ("Tile", [X, i64(2, 1, 3)], 7, {}, 1),
    ("Tile", [X, i64(1, 0, 1)], 13, {}, 1),
    ("Transpose", [X], 7, {}, 1),
    ("Shape", [X], 15, {"start": -2}, 1),
    ("ConstantOfShape", [i64(2, 3)], 9, {}, 1),
    ("Dropout", [X], 7, {}, 1),
    ("Dropout", [X], 10, {}, 1),
    ("Dropout", [X, np.float32(0.4)], 13, {}, 2),
    ("Elu", [WILD], 7, {"alpha": 1.5}, 1),
    ("LeakyRelu", [WILD], 7, {}, 1),
    ("LeakyRelu", [X], 16, {"alpha": 1.75}, 1),
    ("PRelu", [X, np.float32([[0.5], [-2], [3]])], 9, {}, 1),
    ("HardSigmoid", [WILD], 7, {}, 1),
    ("HardSwish", [X], 14, {}, 1),
    ("Gelu", [X], 20, {"approximate": "tanh"}, 1),
    ("Round", [WILD], 11, {}, 1),
    ("Floor", [WILD], 7, {}, 1),
    ("Ceil", [WILD], 7, {}, 1),
    ("Sign", [X], 13, {}, 1),
    ("Softplus", [X], 7, {}, 1),
    ("Reciprocal", [X], 13, {}, 1),
    ("Mean", [X, X[0], X[:1, :1]], 13, {}, 1),
    ("Sum", [X, X[0], X[:1, :1], np.float32(3)], 8, {}, 1),
    ("Max", [X, X[0], X[:1, :1]], 12, {}, 1),
    ("Min", [N, N[0]], 12, {}, 1),
    ("Pow", [X, np.float32(2)], 7, {}, 1),
    ("Pow", [X, np.int64(3)], 12, {}, 1),
    ("Pow", [N.astype(np.int32), np.int64(2)], 12, {}, 1),
    ("Pow", [N, np.float32(3)], 13, {}, 1),
    ("Where", [X > 0, X, np.float32(7)], 9, {}, 1),
    ("Equal", [N, np.int64(3)], 7, {}, 1),
    ("Greater", [X, X[0]], 7, {}, 1),
    ("Less", [WILD, np.float32(1.5)], 9, {}, 1),
    ("Div", [N.astype(np.int32), np.int32(5)], 7, {}, 1),
    ("Neg", [N.astype(np.int8)], 13, {}, 1),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[2]}")
def test_operators_do_what_onnxruntime_does(case: tuple[str, Sequence[Array | None], int, dict[str, Any], int]) -> None:
    """Attributes became inputs, defaults changed, axes may be negative: every opset has its own reading."""
    operator, inputs, opset, attributes, outputs = case
    made = model(operator, inputs, opset, attributes, outputs=outputs)
    assert inputs[0] is not None
    if operator == "ConstantOfShape":
        with pytest.raises(ProgramError, match="computed from the model's inputs"):
            lower(made)
        lowered = lower(made, input_values={"i0": inputs[0]})
        got = [compile_plan(lowered.program).run([])[0].reshape(2, 3)]
    else:
        got = canonical(made, inputs[0])
    for mine, theirs in zip(got, runtime(made, inputs[0]), strict=True):
        assert mine.dtype == theirs.dtype
        assert np.allclose(mine, theirs, rtol=1e-5, atol=1e-6, equal_nan=True)
        assert mine.shape == theirs.shape


DTYPES = ("float32", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool")


@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("source", DTYPES)
def test_casts_within_range_do_what_onnxruntime_does(source: str, target: str) -> None:
    """ONNX leaves casts out of range open; within it, everybody must agree."""
    values = np.array([0, 1, 2, 100, 127], source)
    if source == target == "float32":
        values = WILD
    elif source == "float32" and target != "bool":
        values = np.float32([0, 0.9, 1.5, 2.5, 100.99])
    made = model("Cast", [values], 13, {"to": int(helper.np_dtype_to_tensor_dtype(np.dtype(target)))})
    assert np.array_equal(canonical(made, values)[0], runtime(made, values)[0], equal_nan=target == "float32")


@pytest.mark.parametrize("bounds", [(0, 5, 1), (5, 0, -2), (1, 1, 1), (-3, 8, 4)])
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.float32, np.int16])
def test_ranges_have_their_steps(bounds: tuple[int, int, int], dtype: Any) -> None:
    """Position masks and anchors are made of them."""
    start, limit, delta = (np.array(bound, dtype) for bound in bounds)
    made = model("Range", [start, limit, delta], 11, {})
    lowered = lower(made, input_values={"i0": start})
    assert compile_plan(lowered.program).run([])[0].tolist() == runtime(made, start)[0].tolist()


def test_fractional_ranges_count_exactly() -> None:
    """One element more or less would shift everything after it: 0.3 / 0.1 is 3.0000001 in float32."""
    bounds = [np.float32(bound) for bound in (0, 0.3, 0.1)]
    made = model("Range", bounds, 11, {})
    (got,) = compile_plan(lower(made, input_values={"i0": np.array(bounds[0])}).program).run([])
    assert got.tolist() == [np.float32(0.1) * np.float32(k) for k in range(4)]


def test_padding_may_be_computed() -> None:
    """The constant of Pad can be an input: then it is read where the data has nothing."""
    nodes = [helper.make_node("Pad", ["x", "pads", "c"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", 1, [2]), helper.make_tensor_value_info("c", 1, [])],
        [helper.make_empty_tensor_value_info("y")],
        [onnx.numpy_helper.from_array(i64(1, 2), "pads")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    assert canonical(made, np.float32([1, 2]), np.array(9, np.float32))[0].tolist() == [9, 1, 2, 9, 9]
