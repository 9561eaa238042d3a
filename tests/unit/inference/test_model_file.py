"""What of an ONNX file is published, and which files are refused."""

import hashlib

import pytest
from onnx import TensorProto, helper

from oracle.canonical.tensor import DType, TensorSpec
from oracle.errors import ModelError
from oracle.inference.model_file import load_model_file


def tensor(name, shape, dtype=TensorProto.FLOAT):
    """A declared input or output."""
    return helper.make_tensor_value_info(name, dtype, shape)


def node(op="Relu", **attributes):
    """A node from x to y."""
    return helper.make_node(op, ["x"], ["y"], **attributes)


def test_the_model_has_concrete_specs_the_digest_and_no_program_yet(relu):
    """These are the fields a model id binds."""
    file = load_model_file(relu)
    spec = TensorSpec(DType.FLOAT, (1, 4))
    assert (file.input_names, file.output_names) == (("x",), ("y",))
    assert file.model.inputs == file.model.output_tensors == (spec,)
    assert file.model.onnx_digest == file.digest == hashlib.sha256(relu.read_bytes()).digest()
    assert (file.model.program_root, file.model.node_count, file.model.worst_leaf_gas) == (bytes(32), 0, 0)
    assert [(output.atol, output.rtol) for output in file.model.outputs] == [(0, 0)]


def test_initializers_listed_as_inputs_are_no_inputs(save):
    """Old exporters list every weight among the graph's inputs."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [4], [1, 2, 3, 4])
    path = save(
        [helper.make_node("Add", ["x", "w"], ["y"])], weights=[weight], inputs=[tensor("x", ["N", 4]), tensor("w", [4])]
    )
    assert load_model_file(path).input_names == ("x",)


def test_dims_are_bound_by_name_everywhere(save):
    """One symbolic name is one size, in inputs and outputs."""
    path = save([node()], inputs=[tensor("x", ["N", "L"])], outputs=[tensor("y", ["N", "L"])])
    file = load_model_file(path, dims={"L": 7, "N": 2})
    assert [spec.shape for spec in (*file.model.inputs, *file.model.output_tensors)] == [(2, 7), (2, 7)]


def test_an_unnamed_dim_is_bound_by_tensor_and_axis(save):
    """Exporters leave dims without a name."""
    path = save([node()], inputs=[tensor("x", [None, None])], outputs=[tensor("y", [None, None])])
    file = load_model_file(path, dims={"x.1": 3, "y.1": 3})
    assert file.model.inputs[0].shape == (1, 3)


def test_an_unbound_dim_is_refused_with_the_flag_to_pass(save):
    """Only the leading dim has an obvious meaning."""
    path = save([node()], inputs=[tensor("x", ["N", "length"])], outputs=[tensor("y", ["N", "length"])])
    with pytest.raises(ModelError, match=r"'length' \(axis 1 of 'x'\) has no size.*--dim length=n"):
        load_model_file(path)


def test_a_dim_the_model_does_not_have_is_refused(relu):
    """A mistyped flag must not be ignored."""
    with pytest.raises(ModelError, match=r"no dynamic dimension M\. It has N"):
        load_model_file(relu, dims={"M": 3})


def test_another_digest_than_the_published_one_is_refused(relu):
    """An operator must not answer for a model with another file."""
    load_model_file(relu, expected_digest=hashlib.sha256(relu.read_bytes()).digest())
    with pytest.raises(ModelError, match=r"has SHA-256 .*, not 0000.* as published"):
        load_model_file(relu, expected_digest=bytes(32))


@pytest.mark.parametrize(
    ("dtype", "name"),
    [(TensorProto.STRING, "string"), (TensorProto.BFLOAT16, "bfloat16"), (TensorProto.COMPLEX64, "complex64")],
)
def test_dtypes_without_an_encoding_are_refused(save, dtype, name):
    """What cannot be packed cannot be asked for."""
    values = {"inputs": [tensor("x", ["N", 4], dtype)], "outputs": [tensor("y", ["N", 4], dtype)]}
    with pytest.raises(ModelError, match=f"input 'x' holds {name}, which cannot cross the chain"):
        load_model_file(save([node("Identity")], **values))


@pytest.mark.parametrize("code", [0, 99])
def test_attack_51_a_dtype_nobody_defined_is_refused(save, code):
    """The number comes from the file."""
    with pytest.raises(ModelError, match="cannot cross the chain"):
        load_model_file(save([node()], inputs=[tensor("x", ["N", 4], code)]))


def test_sequences_and_maps_are_refused(save):
    """scikit-learn's default export yields a list of dictionaries."""
    zipmap = helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2, 3])
    kinds = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    output = helper.make_value_info("y", helper.make_sequence_type_proto(kinds))
    path = save([zipmap], outputs=[output], opsets=(("", 18), ("ai.onnx.ml", 3)))
    with pytest.raises(ModelError, match=r"output 'y' is a sequence, not a tensor.*zipmap=False"):
        load_model_file(path)


def test_an_output_without_a_shape_is_refused(save):
    """A model id binds shapes, so they cannot be left to the run."""
    with pytest.raises(ModelError, match="output 'y' declares no shape"):
        load_model_file(save([node()], outputs=[tensor("y", None)]))


def test_a_model_without_inputs_is_refused(save):
    """There is nothing to ask it."""
    weight = helper.make_tensor("x", TensorProto.FLOAT, [1, 4], [1, 2, 3, 4])
    path = save([node()], weights=[weight], inputs=[tensor("x", [1, 4])])
    with pytest.raises(ModelError, match="has no input"):
        load_model_file(path)


def test_attack_24_a_rank_above_the_limit_is_refused(save):
    """Contracts store shapes: they bound the rank at 8."""
    shape = [1] * 9
    with pytest.raises(ModelError, match="rank 9; at most 8"):
        load_model_file(save([node()], inputs=[tensor("x", shape)], outputs=[tensor("y", shape)]))


@pytest.mark.parametrize("size", [0, -1])
def test_attack_24_a_tensor_without_elements_is_refused(save, size):
    """Zero and negative sizes slip past products and sums."""
    values = {"inputs": [tensor("x", [1, size])], "outputs": [tensor("y", [1, size])]}
    with pytest.raises(ModelError, match=f"has size {size}; a tensor must have elements"):
        load_model_file(save([node()], **values))


def test_attack_24_inputs_above_64_kib_are_refused(save):
    """They would not fit into a transaction; exactly 64 KiB does."""
    largest = {"inputs": [tensor("x", ["N", 16_384])], "outputs": [tensor("y", ["N", 16_384])]}
    assert load_model_file(save([node()], **largest)).model.inputs[0].nbytes == 65_536
    above = {"inputs": [tensor("x", ["N", 16_385])], "outputs": [tensor("y", ["N", 16_385])]}
    with pytest.raises(ModelError, match="inputs take 65540 bytes"):
        load_model_file(save([node()], **above))


def test_attack_24_outputs_are_counted_together(save):
    """Each may be small and their sum too big for a dispute's transaction."""
    outputs = [tensor("y", ["N", 16_000]), tensor("z", ["N", 16_000])]
    nodes = [node(), helper.make_node("Neg", ["x"], ["z"])]
    path = save(nodes, inputs=[tensor("x", ["N", 16_000])], outputs=outputs)
    with pytest.raises(ModelError, match="outputs take 128000 bytes"):
        load_model_file(path)


def test_attack_51_an_astronomic_shape_is_refused_without_allocating(save):
    """Sizes are multiplied as Python integers, which do not wrap."""
    shape = [2**62] * 8
    with pytest.raises(ModelError, match="at most 65536 are allowed"):
        load_model_file(save([node()], inputs=[tensor("x", shape)], outputs=[tensor("y", shape)]))


def test_attack_51_an_operator_nobody_has_is_refused(save):
    """The sentence names the operator: the publisher can replace it."""
    with pytest.raises(ModelError, match="uses the operator Frobnicate, which this onnxruntime lacks"):
        load_model_file(save([node("Frobnicate")]))


def test_attack_51_a_custom_operator_is_refused(save):
    """A custom operator is native code that somebody else would have us load."""
    path = save([node("Backdoor", domain="evil")], opsets=(("", 18), ("evil", 1)))
    with pytest.raises(ModelError, match=r"cannot run model\.onnx: .*Backdoor"):
        load_model_file(path)


def test_an_operator_without_a_kernel_is_refused(save):
    """ONNX defines Relu for int16; onnxruntime's CPU has no code for it."""
    int16 = {
        "inputs": [tensor("x", ["N", 4], TensorProto.INT16)],
        "outputs": [tensor("y", ["N", 4], TensorProto.INT16)],
    }
    with pytest.raises(ModelError, match="onnxruntime has no kernel for"):
        load_model_file(save([node()], **int16))


def test_an_opset_from_the_future_is_refused(save):
    """A model newer than the installed onnxruntime says what to do."""
    with pytest.raises(ModelError, match=r"onnxruntime .* cannot run model\.onnx.*Export it again with an opset"):
        load_model_file(save([node()], opsets=(("", 999),)))


def test_attack_51_a_cycle_is_refused(save):
    """A graph that needs its own result must not hang."""
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    with pytest.raises(ModelError, match="its graph has a cycle"):
        load_model_file(save([*nodes, helper.make_node("Relu", ["b"], ["y"])]))


@pytest.mark.parametrize("dims", [[2**28], [2**40], [2**33, 2**31]])
def test_attack_51_a_huge_tensor_declared_in_a_header_is_refused(save, dims):
    """A few bytes that declare a gigabyte must not make us allocate it."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, raw_data=bytes(16))
    nodes = [helper.make_node("ReduceSum", ["w"], ["r"], keepdims=0), helper.make_node("Add", ["x", "r"], ["y"])]
    with pytest.raises(ModelError, match=r"onnxruntime .* cannot run"):
        load_model_file(save(nodes, weights=[weight]))


def test_attack_51_control_characters_in_a_file_do_not_reach_the_terminal(save):
    """Names come from the file, and a terminal obeys escape sequences."""
    with pytest.raises(ModelError) as caught:
        load_model_file(save([node("Fro\x1b[2Jb")], inputs=[tensor("x", ["N", 4])]))
    assert str(caught.value).isprintable()
    with pytest.raises(ModelError) as caught:
        load_model_file(save([node()], inputs=[tensor("x", ["N", "\x1b[2J"])]))
    assert str(caught.value).isprintable()
