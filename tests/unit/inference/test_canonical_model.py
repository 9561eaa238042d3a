"""Compiling a checked file: the program everybody gets who binds the same shapes, ready to run."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from structlog.testing import capture_logs

from oracle.canonical.fast import flush
from oracle.canonical.lower import lower
from oracle.canonical.prove import program_root
from oracle.errors import ModelError
from oracle.inference import canonical_model
from oracle.inference.canonical_model import compile_model, compile_models
from oracle.inference.model_file import load_model_file
from tests.unit.inference.conftest import tensor


def test_the_program_is_what_the_file_lowers_to_with_the_shapes_bound(relu):
    """Another size is another program, so the operator's own choice of sizes decides which one it serves."""
    roots = set()
    for size in (1, 3):
        file = load_model_file(relu, dims={"N": size})
        compiled = compile_model(file)
        lowered = lower(relu.read_bytes(), dims={"N": size})
        assert compiled.model.program_root == program_root(lowered.program)
        assert compiled.model.node_count == len(lowered.program.nodes)
        assert compiled.model.inputs == file.model.inputs
        assert compiled.model.onnx_digest == file.digest
        assert compiled.model.worst_leaf_gas > 21_000
        roots.add(compiled.model.program_root)
    assert len(roots) == 2


@pytest.mark.parametrize("threads", [1, 2])
def test_it_yields_tensors_of_the_shapes_of_its_outputs(relu, threads):
    """What is packed into an answer has a shape; the program's tensors are flat."""
    compiled = compile_model(load_model_file(relu, dims={"N": 2}))
    x = np.array([[1, -1, 0, 2], [-2, 3, -0.0, 4]], np.float32)
    (y,) = compiled.run([x], threads)
    assert np.array_equal(y, np.maximum(x, 0))
    assert y.shape == (2, 4)


def test_discontinuous_nodes_are_counted_by_name(save):
    """They decide whether onnxruntime's own output may be bonded."""
    continuous = save([helper.make_node("Sigmoid", ["x"], ["y"])])
    stepped = save([helper.make_node("Round", ["x"], ["r"]), helper.make_node("Sign", ["r"], ["y"])], name="s.onnx")
    assert compile_model(load_model_file(continuous)).jumps == {}
    assert compile_model(load_model_file(stepped)).jumps == {"MAP ROUND": 1, "MAP SIGN": 1}


def test_a_file_that_cannot_be_lowered_has_a_reason_and_stops_no_other(relu, save):
    """It may still be published without a program."""
    bad = load_model_file(
        save(
            [
                helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
                helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
            ],
            name="bad.onnx",
        )
    )
    good = load_model_file(relu)
    with capture_logs() as logs:
        programs = compile_models([bad, good])
    assert isinstance(programs[bad.digest], ModelError)
    assert "DynamicQuantizeLinear" in str(programs[bad.digest])
    assert programs[good.digest].model.node_count >= 2
    assert [line["event"] for line in logs] == [
        "compiling_model",
        "model_not_compiled",
        "compiling_model",
        "model_compiled",
    ]


def test_a_file_that_changed_since_it_was_checked_is_refused(relu):
    """The program must be of the digest that is served."""
    file = load_model_file(relu)
    relu.write_bytes(relu.read_bytes().replace(b"Relu", b"Sqrt"))
    with pytest.raises(ModelError, match="was changed"):
        compile_model(file)


def test_declared_outputs_that_the_program_does_not_yield_are_refused(save):
    """The published specs would contradict the program: a program fault, and the operator's bond."""
    file = load_model_file(
        save([helper.make_node("Relu", ["x"], ["y"])], outputs=[tensor("y", ["M", 4], TensorProto.FLOAT)]),
        dims={"N": 2, "M": 3},
    )
    with pytest.raises(ModelError, match=r"declares outputs float32\[3,4\], its program yields float32\[2,4\]"):
        compile_model(file)


def test_nothing_is_compiled_on_a_thread_that_flushes_subnormals(relu, monkeypatch):
    """An operator that cannot compute canonical results must not start."""

    def flushing():
        raise ModelError("This thread flushes subnormal float32 to zero.")

    monkeypatch.setattr(canonical_model, "require_ieee_thread", flushing)
    with pytest.raises(ModelError, match="flushes subnormal"):
        compile_models([load_model_file(relu)])
    assert flush.require_ieee_thread() is None
