"""From files to bundles, and running what a bundle is of."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from oracle.errors import ModelError
from oracle.inference.compiling import compile_file, first_difference, verify
from oracle.inference.model_file import load_model_file
from oracle.inference.runs import CanonicalRun, PlainRun, Setting


def tensor(name, shape, dtype=TensorProto.FLOAT):
    """A declared input or output."""
    return helper.make_tensor_value_info(name, dtype, shape)


@pytest.fixture
def adding(save) -> Path:
    """Two inputs that share the leading symbol: [N, 4] + [N, M]."""
    return save(
        [helper.make_node("Add", ["x", "b"], ["y"])],
        inputs=[tensor("x", ["N", 4]), tensor("b", ["N", "M"])],
        outputs=[tensor("y", ["N", 4])],
    )


def shapes(bundle) -> list[tuple[int, ...]]:
    """The shapes of a bundle's inputs."""
    return [spec.shape for spec in bundle.model.inputs]


def test_leading_dimensions_are_a_batch_of_one(adding) -> None:
    """As for a file that is published without a program, so that both have the same inputs; and it is noted."""
    bundle = compile_file(adding, dims={"M": 4})
    assert shapes(bundle) == [spec.shape for spec in load_model_file(adding, dims={"M": 4}).model.inputs]
    assert shapes(bundle) == [(1, 4), (1, 4)]
    assert "'N' is bound to 1" in bundle.notes[0]


def test_a_shape_binds_its_symbols_everywhere(adding) -> None:
    """The other input's leading dimension is the same, not a batch of 1."""
    assert shapes(compile_file(adding, input_shapes={"x": (3, 4)}, dims={"M": 1})) == [(3, 4), (3, 1)]


def test_the_default_binds_what_is_left(adding) -> None:
    """After the batch; what is named comes first."""
    assert shapes(compile_file(adding, default_dim=4)) == [(1, 4), (1, 4)]
    assert shapes(compile_file(adding, default_dim=4, dims={"N": 2})) == [(2, 4), (2, 4)]


def test_an_open_dimension_is_named_with_the_ways_to_bind_it(adding) -> None:
    """Without them the reader would have to guess names and flags."""
    with pytest.raises(ModelError, match=r"open: M.*--dim name=n.*--input-shape.*--default-dim"):
        compile_file(adding)


def test_attack_51_weights_in_other_files_are_read_within_the_folder_only(save, tmp_path: Path) -> None:
    """What lies beside the model is embedded, and named by its digest; the program does not depend on where it lay."""
    weight = numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    one = compile_file(save(nodes, weights=[weight]))
    (tmp_path / "w.bin").write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="w.bin")
    path = save(nodes, name="external.onnx", weights=[weight])
    other = compile_file(path)
    assert other.model.program_root == one.model.program_root
    assert other.model.onnx_digest != one.model.onnx_digest
    found = verify(other, path)
    assert (found.onnx_digest, found.difference) == (other.model.onnx_digest, None)
    (tmp_path / "w.bin").unlink()
    with pytest.raises(ModelError, match=r"'w\.bin', which is missing"):
        compile_file(path)


def test_a_longer_program_differs_at_its_first_further_node(save) -> None:
    """Also where one program is the beginning of the other."""
    nodes = [helper.make_node("Exp", ["x"], ["z"]), helper.make_node("Log", ["z"], ["y"])]
    long = compile_file(save(nodes)).program
    short = compile_file(save(nodes), outputs=["z"]).program
    found = first_difference(short, long)
    assert found is not None
    assert (found.number, found.bundled) == (2, None)
    assert "LOG" in (found.compiled or "")
    assert first_difference(long, long) is None


def test_both_runs_yield_the_outputs_asked_for(save) -> None:
    """In slot order and of the program's shapes, whether the file declares them as outputs or not."""
    nodes = [helper.make_node("Exp", ["x"], ["z"]), helper.make_node("Sum", ["z", "x"], ["y"])]
    bundle = compile_file(save(nodes), outputs=["y", "z"])
    x = [np.array([[0, 1, -1, 2]], np.float32)]
    for one, other in zip(CanonicalRun(bundle)(x), PlainRun(bundle, Setting())(x), strict=True):
        assert one.shape == other.shape == (1, 4)
        np.testing.assert_allclose(one, other, rtol=1e-6)
    np.testing.assert_allclose(CanonicalRun(bundle)(x)[1], np.exp(x[0]), rtol=1e-6)


def test_a_zipmap_is_run_as_the_tensor_it_reads(save) -> None:
    """Programs have no maps: both ways must yield the scores themselves."""
    nodes = [
        helper.make_node("Softmax", ["x"], ["p"], axis=-1),
        helper.make_node("ZipMap", ["p"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2, 3]),
    ]
    scores = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    maps = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.INT64, scores))
    path = save(nodes, outputs=[helper.make_value_info("y", maps)], opsets=(("", 18), ("ai.onnx.ml", 3)))
    bundle = compile_file(path)
    x = [np.array([[0, 1, -1, 2]], np.float32)]
    (one,), (other,) = CanonicalRun(bundle)(x), PlainRun(bundle, Setting(threads=2, arena=False))(x)
    np.testing.assert_allclose(one, other, rtol=1e-6)
    assert any("ZipMap" in note for note in bundle.notes)
