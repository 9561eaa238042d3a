"""Whole models: what is refused, in which words, and that the same file is the same program."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.helper import make_node

from oracle.canonical.commit import Tree
from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.lower import lower
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.listing import listing
from oracle.canonical.program.node import Kind
from oracle.errors import ModelError


def model(
    nodes: Sequence[onnx.NodeProto],
    shape: Sequence[int | str] = (2, 3),
    *,
    outputs: Sequence[str] = ("y",),
    weights: Sequence[onnx.TensorProto] = (),
    opset: int = 13,
    dtype: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """A model of one input `x` of `shape`."""
    ends = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", dtype, shape)], ends, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


RELU = [make_node("Relu", ["x"], ["y"], name="first")]
WEIGHT = onnx.numpy_helper.from_array(np.float32([1, 2, 3]), "w")


def refused(made: onnx.ModelProto | bytes, **options: Any) -> str:
    """The sentence with which a model is refused."""
    with pytest.raises(ModelError) as caught:
        lower(made, **options)
    return str(caught.value)


@pytest.mark.parametrize("data", [b"", b"not ONNX", b"\x00" * 100, model(RELU).SerializeToString()[:20]])
def test_bytes_that_are_no_model_are_refused(data: bytes) -> None:
    """Whatever is downloaded is met with a sentence."""
    assert "not an ONNX model" in refused(data)


def test_open_dimensions_are_named_with_the_way_to_bind_them() -> None:
    """A program has concrete shapes; whoever compiles must know what to say."""
    sentence = refused(model(RELU, ["batch", 3, "", "seq"]))
    assert "batch, seq, x.2" in sentence
    assert "--dim" in sentence
    assert "--input-shape" in sentence
    assert "--default-dim" in sentence


@pytest.mark.parametrize(
    "options",
    [
        {"dims": {"batch": 4, "seq": 5, "x.2": 6}},
        {"input_shapes": {"x": [4, 3, 6, 5]}},
        {"dims": {"seq": 5, "x.2": 6}, "default_dim": 4},
    ],
)
def test_open_dimensions_are_bound_in_three_ways(options: dict[str, Any]) -> None:
    """By name, by a whole shape, or all at once."""
    ((name, spec),) = lower(model(RELU, ["batch", 3, "", "seq"]), **options).inputs
    assert (name, spec.shape) == ("x", (4, 3, 6, 5))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dims": {"batch": 1}}, "no dynamic dimension batch"),
        ({"input_shapes": {"x": [2]}}, "has 2 axes; the shape given for it 1"),
        ({"input_shapes": {"x": [2, 4]}}, "has size 3 in the model, not 4"),
        ({"input_shapes": {"z": [2, 4]}}, "no input 'z'"),
        ({"input_values": {"z": np.zeros(1)}}, "no input 'z'"),
        ({"outputs": ["z"]}, "no tensor 'z'. Its outputs are y"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], sentence: str) -> None:
    """A misspelt name must not be ignored."""
    assert sentence in refused(model(RELU), **options)


def test_contradicting_sizes_of_one_symbol_are_refused() -> None:
    """`n` cannot be two sizes at once."""
    assert "'n' is bound to 2 and to 3" in refused(model(RELU, ["n", "n"]), input_shapes={"x": [2, 3]})


def test_all_that_cannot_be_lowered_is_told_at_once() -> None:
    """Nobody wants to learn of the next unsupported operator after mending the first."""
    nodes = [
        make_node("NonZero", ["x"], ["a"], name="one"),
        make_node("Relu", ["a"], ["b"], name="harmless"),
        make_node("If", ["b"], ["c"], name="two"),
        make_node("Squash", ["c"], ["d"], name="three", domain="com.example"),
        make_node("Cast", ["x"], ["e"], name="four", to=TensorProto.FLOAT16),
        make_node("Max", ["d", "e"], ["y"], name="harmless too"),
    ]
    sentence = refused(model(nodes))
    assert "4 nodes cannot be lowered" in sentence
    for part in (
        "node 'one' (NonZero): the operator is not supported",
        "node 'two' (If): control flow is not supported",
        "node 'three' (Squash): operators of the domain 'com.example'",
        "node 'four' (Cast): it casts to float16",
    ):
        assert part in sentence
    assert "harmless" not in sentence


def test_what_outputs_do_not_need_may_be_unsupported() -> None:
    """A part of a model can be served where the whole cannot."""
    nodes = [*RELU, make_node("NonZero", ["x"], ["z"])]
    made = model(nodes, outputs=["y", "z"])
    assert lower(made, outputs=["y"]).outputs[0][0] == "y"
    assert "NonZero" in refused(made)


@pytest.mark.parametrize(
    ("nodes", "sentence"),
    [
        (
            [make_node("Add", ["x", "b"], ["a"]), make_node("Relu", ["a"], ["b"]), make_node("Neg", ["b"], ["y"])],
            "cycle",
        ),
        ([make_node("Add", ["x", "ghost"], ["y"])], "reads the tensor 'ghost', which nothing defines"),
        ([*RELU, make_node("Neg", ["x"], ["y"])], "'y' is defined twice"),
        ([make_node("Relu", ["x"], ["x"])], "'x' is defined twice"),
        ([make_node("Add", ["x", "w"], ["y"])], "shapes [2, 4] and [3] do not broadcast"),
        ([make_node("Relu", [], ["y"])], "its input 0 is missing"),
        ([make_node("Max", [], ["y"])], "it has no inputs"),
        ([make_node("Transpose", ["x"], ["y"], perm=[0, 0])], "permutation"),
        ([make_node("Transpose", ["x"], ["y"], perm="no")], "attribute 'perm'"),
        ([make_node("Squeeze", ["x", "w"], ["y"])], "axes are [1.0, 2.0, 3.0], not integers"),
        ([make_node("Not", ["x"], ["y"])], "float32, which does not fit bool -> bool"),
        ([make_node("ReduceSum", ["x"], ["y", "more"])], None),
    ],
)
def test_unsound_graphs_are_refused(nodes: list[onnx.NodeProto], sentence: str | None) -> None:
    """No file may end in a traceback or run for ever."""
    made = model(nodes, (2, 4), weights=[WEIGHT], outputs=["y"] if sentence else ["y", "more"])
    assert (sentence or "its output 1 is not supported") in refused(made)


@pytest.mark.parametrize("opset", [6, 27, 10**6])
def test_other_opsets_are_refused(opset: int) -> None:
    """An operator's meaning may be another one there."""
    assert f"opset {opset}" in refused(model(RELU, opset=opset))


def test_dtypes_without_canonical_arithmetic_are_refused() -> None:
    """float16 is not float32 with fewer digits."""
    assert "holds float16" in refused(model(RELU, dtype=TensorProto.FLOAT16))
    half = onnx.numpy_helper.from_array(np.float16([1]), "w")
    assert "'w' holds float16" in refused(model([make_node("Add", ["x", "w"], ["y"])], weights=[half]))


def test_weights_elsewhere_or_cut_short_are_refused() -> None:
    """Only bytes that were checked become constants."""
    add = [make_node("Add", ["x", "w"], ["y"])]
    elsewhere = TensorProto(name="w", data_type=1, dims=[3], data_location=TensorProto.EXTERNAL)
    elsewhere.external_data.add(key="location", value="../secrets")
    assert "lies in another file" in refused(model(add, weights=[elsewhere]))
    short = TensorProto(name="w", data_type=1, dims=[3], raw_data=b"\0" * 4)
    assert "the file is corrupt" in refused(model(add, weights=[short]))


@pytest.mark.parametrize(
    ("shape", "sentence"), [((2**20, 2**20), "at most 2^31"), ((2,) * 9, "rank 9"), ((-1, 3), "not negative")]
)
def test_huge_and_impossible_shapes_are_refused(shape: tuple[int, ...], sentence: str) -> None:
    """A small file can ask for more than a machine has."""
    assert sentence in refused(model(RELU, shape))


def test_a_tensor_that_grows_beyond_the_limits_is_refused_with_its_node() -> None:
    """A chain of Expand doubles what it likes without a byte in the file."""
    huge = onnx.numpy_helper.from_array(np.int64([2**30, 2**10, 2, 3]), "s")
    nodes = [make_node("Expand", ["x", "s"], ["a"]), make_node("Exp", ["a"], ["y"], name="grown")]
    assert "node 'grown' (Exp): the tensor" in refused(model(nodes, (2, 3), weights=[huge]))


def test_programs_are_the_same_however_the_file_is_written() -> None:
    """The program root names a model for everybody: bytes of the file that mean nothing must not change it."""
    nodes = [
        make_node("Add", ["x", "w"], ["a"], name="n"),
        make_node("ReduceMean", ["a"], ["b"], axes=[1], keepdims=1),
        make_node("Sub", ["a", "b"], ["y"]),
    ]
    made = model(nodes, weights=[WEIGHT])
    first = root(made)
    made.producer_name = "another"
    made.graph.value_info.append(helper.make_tensor_value_info("a", 1, [9, 9, 9]))
    del made.graph.initializer[:]
    made.graph.initializer.append(TensorProto(name="w", data_type=1, dims=[3], float_data=[1, 2, 3]))
    attributes = list(reversed(made.graph.node[1].attribute))
    del made.graph.node[1].attribute[:]
    made.graph.node[1].attribute.extend(attributes)
    made.graph.node[0].name = ""
    assert root(made) == first
    assert root(made.SerializeToString()) == first
    made.graph.node.insert(0, make_node("Exp", ["x"], ["unused"]))
    assert root(made) == first


def root(made: onnx.ModelProto | bytes) -> bytes:
    """What names the program: the tree over its nodes."""
    return Tree.over_leaves([encode_node(node) for node in lower(made).program.nodes]).hash


def test_nodes_may_come_in_any_order() -> None:
    """Some files are not sorted; they mean the same."""
    nodes = [make_node("Exp", ["a"], ["y"]), make_node("Neg", ["x"], ["a"])]
    assert root(model(nodes)) == root(model(nodes[::-1]))


def test_values_given_for_inputs_become_constants() -> None:
    """A mode switch among the inputs is bound once, and is no input of the program."""
    made = model([make_node("Reshape", ["x", "s"], ["y"])])
    made.graph.input.append(helper.make_tensor_value_info("s", TensorProto.INT64, [1]))
    assert "shape when the program is made" in refused(made)
    lowered = lower(made, input_values={"s": np.array([-1], np.int64)})
    assert [name for name, _ in lowered.inputs] == ["x"]
    assert lowered.outputs[0][1].shape == (6,)


def test_any_tensor_can_be_an_output() -> None:
    """Embeddings are taken from the middle of a network."""
    nodes = [make_node("Neg", ["x"], ["a"]), make_node("Exp", ["a"], ["y"])]
    lowered = lower(model(nodes), outputs=["a", "x"])
    x = np.float32([[1, 2, 3], [4, 5, 6]])
    got = compile_plan(lowered.program).run([x])
    assert [one.tolist() for one in got] == [(-x).reshape(-1).tolist(), x.reshape(-1).tolist()]


def test_nodes_say_where_they_come_from() -> None:
    """A node that is too dear is refused by the name its author knows."""
    lowered = lower(model([make_node("Elu", ["x"], ["y"], name="act")]))
    assert len(lowered.origins) == len(lowered.program.nodes)
    made = [origin for node, origin in zip(lowered.program.nodes, lowered.origins, strict=True) if node.operands]
    assert set(made) == {"node 'act' (Elu)"}


def test_tensors_without_elements_pass_through() -> None:
    """A batch of none has an answer: nothing."""
    nodes = [make_node("Add", ["x", "w"], ["a"]), make_node("ReduceMax", ["a"], ["y"], axes=[1])]
    lowered = lower(model(nodes, (0, 3), weights=[WEIGHT]))
    assert lowered.outputs[0][1].shape == (0, 1)
    assert compile_plan(lowered.program).run([np.zeros((0, 3), np.float32)])[0].size == 0


def test_listings_show_every_node() -> None:
    """What a person checks before trusting a program."""
    nodes = [make_node("ReduceSum", ["x", "axes"], ["y"])]
    program = lower(model(nodes, weights=[onnx.numpy_helper.from_array(np.int64([1]), "axes")])).program
    assert list(listing(program)) == [
        "%0 = INPUT float32[i2,j3] slot 0",
        "%1 = FOLD SUM float32[i2|r3] (%0[0+3i+1r : 6])   output 0",
    ]
    assert [node.kind for node in program.nodes] == [Kind.INPUT, Kind.FOLD]
