"""Products, convolutions and normalisations against onnxruntime, and rounded once against exact sums."""

import math
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.canonical.lower import lower
from oracle.canonical.program.node import Fn, Kind
from oracle.errors import ProgramError
from tests.unit.canonical.lower.test_operators import Array, canonical, model, runtime

few = settings(max_examples=50, deadline=None)


def normal(*shape: int, seed: int = 0) -> Array:
    """Some float32 numbers."""
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), np.float32)


def agrees(made: onnx.ModelProto, *inputs: Array) -> None:
    """Canonical execution yields what onnxruntime does, but for its roundings."""
    for got, right in zip(canonical(made, *inputs), runtime(made, *inputs), strict=True):
        assert (got.dtype, got.shape) == (right.dtype, right.shape)
        scale = np.abs(right[np.isfinite(right)]).max(initial=1) if right.dtype.kind == "f" else 0
        assert np.allclose(got, right, rtol=1e-5, atol=1e-6 * scale, equal_nan=True)


def functions(made: onnx.ModelProto) -> list[Fn]:
    """The functions of the program's MAP and FOLD nodes."""
    nodes = lower(made).program.nodes
    return [Fn(node.fn) for node in nodes if node.kind in (Kind.MAP, Kind.FOLD)]


@st.composite
def window_attributes(draw: st.DrawFn, kernel: list[int], *, dilated: bool = True) -> dict[str, Any]:
    """Strides, dilations and some way of padding."""
    rank = len(kernel)
    each = lambda low, high: draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank))  # noqa: E731
    found: dict[str, Any] = {"kernel_shape": kernel, "strides": each(1, 3)}
    padding = draw(st.sampled_from(["none", "pads", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    if dilated and not padding.startswith("SAME"):
        found["dilations"] = each(1, 2)
    if padding == "pads":
        found["pads"] = [min(pad, size - 1) for pad, size in zip(each(0, 2) + each(0, 2), kernel * 2, strict=True)]
    elif padding != "none":
        found["auto_pad"] = padding
    if padding.startswith("SAME"):  # where windows leave gaps of two, they are refused
        found["strides"] = [min(stride, size + 1) for stride, size in zip(found["strides"], kernel, strict=True)]
    return found


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[onnx.ModelProto, Array]:
    """A convolution over one to three axes, with any groups, and its input."""
    rank = draw(st.integers(1, 3))
    kernel = draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank))
    groups, channels, filters = (draw(st.integers(1, 3)) for _ in range(3))
    attributes = draw(window_attributes(kernel)) | {"group": groups}
    sizes = draw(st.lists(st.integers(5, 8), min_size=rank, max_size=rank))
    x = normal(draw(st.integers(1, 2)), groups * channels, *sizes)
    weight = normal(groups * filters, channels, *kernel, seed=1)
    bias = [normal(groups * filters, seed=2)] if draw(st.booleans()) else []
    return model("Conv", [x, weight, *bias], draw(st.sampled_from([7, 11, 22])), attributes), x


@few
@given(convolutions())
def test_convolutions_agree_with_onnxruntime(case: tuple[onnx.ModelProto, Array]) -> None:
    """A window off by one, or the wrong group, would judge honest operators guilty."""
    agrees(*case)


def test_convolutions_stay_channels_last() -> None:
    """One copy at the start of a network, none between its layers: a window's channels lie together."""
    nodes = [
        onnx.helper.make_node("Conv", ["x", "w0", "b0"], ["a"], pads=[1, 1, 1, 1]),
        onnx.helper.make_node("Relu", ["a"], ["b"]),
        onnx.helper.make_node("Conv", ["b", "w1"], ["c"], strides=[2, 2]),
        onnx.helper.make_node("GlobalAveragePool", ["c"], ["y"]),
    ]
    tensors = {"w0": normal(32, 3, 3, 3), "b0": normal(32), "w1": normal(8, 32, 3, 3)}
    graph = onnx.helper.make_graph(
        nodes,
        "g",
        [onnx.helper.make_tensor_value_info("x", 1, [1, 3, 32, 32])],
        [onnx.helper.make_empty_tensor_value_info("y")],
        [onnx.numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    assert functions(made) == [Fn.FOLD_DOT, Fn.MAX, Fn.FOLD_DOT, Fn.FOLD_MEAN]


def test_a_sum_with_its_bias_is_rounded_once() -> None:
    """Where onnxruntime rounds after every term, the canonical element is the exact sum, rounded."""
    x, weight, bias = normal(4, 300), normal(300, 5, seed=1), normal(5, seed=2) * np.float32(100)
    (got,) = canonical(model("Gemm", [x, weight, bias], 13, {}), x)
    for row, column in np.ndindex(*got.shape):
        terms = [float(a) * float(b) for a, b in zip(x[row], weight[:, column], strict=True)]
        assert got[row, column] == np.float32(math.fsum([*terms, float(bias[column])]))


@pytest.mark.parametrize("opset", [7, 9, 11, 13])
@pytest.mark.parametrize(
    ("attributes", "bias"),
    [
        ({}, (5,)),
        ({"transA": 1}, (3, 5)),
        ({"transB": 1, "alpha": 0.3}, (1, 5)),
        ({"alpha": 0.5, "beta": 0.25}, (3, 1)),
        ({"beta": 0.7, "transA": 1, "transB": 1}, (1,)),
        ({"beta": 0.0}, (3, 5)),
    ],
)
def test_gemm_agrees_with_onnxruntime(attributes: dict[str, Any], bias: tuple[int, ...], opset: int) -> None:
    """Exporters scale, transpose and broadcast in all these ways."""
    a = normal(4, 3) if attributes.get("transA") else normal(3, 4)
    b = normal(5, 4, seed=1) if attributes.get("transB") else normal(4, 5, seed=1)
    agrees(model("Gemm", [a, b, normal(*bias, seed=2)], opset, attributes), a)


def test_gemm_does_not_scale_integers() -> None:
    """A factor of 0.5 must not become 0."""
    whole = np.ones((2, 2), np.int32)
    with pytest.raises(ProgramError, match="it scales integers"):
        lower(model("Gemm", [whole, whole], 13, {"alpha": 0.5}))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3,), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3,)),
        ((4, 2, 3), (3,)),
        ((3,), (4, 3, 2)),
        ((4, 1, 2, 3), (5, 3, 2)),
        ((2, 0), (0, 3)),
    ],
)
def test_matrix_products_agree_with_numpy(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    """Vectors, stacks and broadcasts: their axes come and go by rules of their own."""
    for dtype in (np.float32, np.int32, np.uint8):
        a, b = ((9 * normal(*shape, seed=len(shape))).astype(dtype) for shape in (left, right))
        (got,) = canonical(model("MatMul", [a, b], 13, {}), a)
        wanted = np.matmul(a, b)
        assert got.shape == wanted.shape
        assert np.allclose(got, wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize(
    ("opset", "axis"), [(7, 0), (7, 1), (11, 2), (11, -1), (12, None), (13, None), (13, 0), (18, -2)]
)
def test_softmax_agrees_with_onnxruntime(operator: str, opset: int, axis: int | None) -> None:
    """Before opset 13 the sum runs over all axes from `axis` on."""
    x = 30 * normal(2, 3, 4)
    x[0, 0, 0], x[1, 2, 3] = -np.inf, 500
    agrees(model(operator, [x], opset, {} if axis is None else {"axis": axis}), x)


@pytest.mark.parametrize("axis", [-1, 1, -2, 0])
@pytest.mark.parametrize("bias", [True, False])
def test_layer_normalisation_agrees_with_onnxruntime(axis: int, *, bias: bool) -> None:
    """Transformers need it twice a layer; mean and deviation are outputs too."""
    x = normal(2, 3, 4) * 5 + 3
    scale = normal(*x.shape[axis:], seed=1)
    inputs = [x, scale, normal(*scale.shape, seed=2)] if bias else [x, scale]
    agrees(model("LayerNormalization", inputs, 17, {"axis": axis, "epsilon": 1e-3}, outputs=3), x)


@pytest.mark.parametrize("opset", [7, 9, 14, 15])
def test_batch_normalisation_is_one_product_and_one_sum(opset: int) -> None:
    """What does not depend on the input is a constant, by canonical execution."""
    x = normal(2, 3, 4, 5)
    inputs = [x, normal(3, seed=1), normal(3, seed=2), normal(3, seed=3), np.abs(normal(3, seed=4))]
    made = model("BatchNormalization", inputs, opset, {"epsilon": 1e-3})
    assert functions(made) == [Fn.MUL, Fn.ADD]
    agrees(made, x)


@pytest.mark.parametrize(
    ("operator", "inputs", "attributes", "reason"),
    [
        ("Conv", [normal(1, 3, 8), normal(2, 2, 3)], {}, "1 groups of weights"),
        ("Conv", [normal(1, 3, 8), normal(2, 3, 3)], {"kernel_shape": [2]}, "kernel_shape"),
        ("Conv", [normal(1, 3, 8), normal(2, 3, 9)], {}, "window of 9 positions is longer than the 8"),
        ("Conv", [normal(1, 3, 8), normal(2, 3, 3)], {"strides": [0]}, "must be from 1 to"),
        ("Conv", [normal(1, 3, 8), normal(2, 3, 3)], {"auto_pad": "SAME_LOWER", "dilations": [2]}, "is not ONNX's"),
        ("Conv", [normal(1, 3, 8), normal(2, 3, 1)], {"auto_pad": "SAME_UPPER", "strides": [4]}, "leave gaps"),
        ("AveragePool", [normal(1, 3, 6)], {"auto_pad": "SAME_LOWER", "strides": [3], "kernel_shape": [1]}, "gaps"),
        ("Conv", [normal(1, 3, 8), normal(2, 3, 3)], {"pads": [0, 2**31]}, "must be from 1 to"),
        ("Conv", [normal(1, 3, 8), normal(2, 3, 3)], {"strides": [1.5]}, "not a list of int"),
        ("Conv", [normal(1, 3, 8), normal(2, 3, 3)], {"auto_pad": "SOME"}, "auto_pad 'SOME' does not exist"),
        ("Conv", [normal(1, 3), normal(2, 3)], {}, "do not fit an input"),
        ("Conv", [normal(1, 3, 8), normal(2, 3, 3), normal(3)], {}, "bias of shape \\[3\\] does not fit 2 filters"),
        ("MatMul", [normal(2, 3), normal(2, 3)], {}, "cannot be multiplied"),
        ("MatMul", [normal(2, 3), normal()], {}, "by a scalar"),
        ("Gemm", [normal(2, 3, 4), normal(4, 5)], {}, "not those of matrices"),
        ("Gemm", [normal(2, 3), normal(3, 4), normal(2, 1, 1)], {}, "addend of shape"),
        ("LayerNormalization", [normal(2, 3), normal(4, 2, 3)], {}, "scale or bias does not fit"),
        ("BatchNormalization", [normal(2, 3)], {}, "input 1 is missing"),
        ("BatchNormalization", [normal(2, 3), *[normal(2)] * 4], {}, "do not fit the channels"),
        ("BatchNormalization", [normal(2, 3), *[normal(3)] * 4], {"training_mode": 1}, "in training mode"),
        ("LayerNormalization", [normal(2, 3), normal(3)], {"stash_type": 11}, "stash_type"),
    ],
)
def test_what_cannot_be_lowered_says_why(
    operator: str, inputs: list[Array], attributes: dict[str, Any], reason: str
) -> None:
    """Never a silent approximation, and never a wrong shape."""
    with pytest.raises(ProgramError, match=reason):
        lower(model(operator, inputs, 17, attributes))


@pytest.mark.parametrize("operator", ["Conv", "AveragePool"])
@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("size", [7, 8])
def test_windows_of_one_position_over_every_second_agree_with_onnxruntime(
    operator: str, auto_pad: str, size: int
) -> None:
    """Shortcuts of residual networks: one position is left over at the end, and no padding is wanted."""
    x = normal(1, 3, size, size)
    inputs = [x, normal(2, 3, 1, 1)] if operator == "Conv" else [x]
    agrees(model(operator, inputs, 19, {"auto_pad": auto_pad, "strides": [2, 2], "kernel_shape": [1, 1]}), x)
