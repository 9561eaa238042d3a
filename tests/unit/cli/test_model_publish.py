"""What `assay model publish` lets through, before anything is sent."""

from pathlib import Path

import pytest
from onnx import TensorProto, helper

from oracle.cli import main
from oracle.cli.lowering import with_tolerances
from oracle.cli.model_publish import checked_to_publish
from oracle.errors import ModelError
from oracle.inference.compiling import compile_file


def saved(folder: Path, shape: list[int], operator: str = "Relu", dtype: int = TensorProto.FLOAT) -> Path:
    """The file of a model with one operator, from x to y, both of `shape`."""
    x, y = (helper.make_tensor_value_info(name, d, shape) for name, d in (("x", TensorProto.FLOAT), ("y", dtype)))
    attributes = {"to": dtype} if operator == "Cast" else {}
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"], **attributes)], "g", [x], [y])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path = folder / "m.onnx"
    path.write_bytes(made.SerializeToString())
    return path


def ended(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and standard error of a command line."""
    with pytest.raises(SystemExit) as end:
        main.run([str(argument) for argument in arguments])
    return int(end.value.code or 0), capsys.readouterr().err


def test_a_model_is_published_with_program_and_tolerance(tmp_path: Path) -> None:
    """All that its id binds: who asks for it has fixed what is right."""
    bundle = with_tolerances(compile_file(saved(tmp_path, [1, 4])), ["1e-6"], ["y=1e-5"])
    model = checked_to_publish(bundle).model
    assert any(model.program_root)
    assert (model.node_count, model.worst_leaf_gas) == (len(bundle.program.nodes), bundle.model.worst_leaf_gas)
    assert all((model.outputs[0].atol, model.outputs[0].rtol))


def test_a_float_output_without_a_tolerance_is_refused(tmp_path: Path) -> None:
    """Onnxruntime is seldom right to the bit: operators would answer nothing, and fees would wait for their expiry."""
    with pytest.raises(ModelError, match=r"'y' has no tolerance.*calibrate"):
        checked_to_publish(compile_file(saved(tmp_path, [1, 4])))


def test_integers_need_no_tolerance(tmp_path: Path) -> None:
    """They have none, and a tolerance for all outputs passes them by only where there is a float too."""
    bundle = compile_file(saved(tmp_path, [1, 4], "Cast", TensorProto.INT32))
    assert checked_to_publish(bundle).model.outputs[0].atol == 0
    with pytest.raises(ModelError, match="no float output"):
        with_tolerances(bundle, ["1e-6"], None)


@pytest.mark.parametrize(("shape", "words"), [([16_385], "65,540 bytes"), ([0, 4], "0 bytes")])
def test_tensors_that_no_request_could_hold_are_refused(tmp_path: Path, shape: list[int], words: str) -> None:
    """The registry would refuse them too, after gas is spent."""
    with pytest.raises(ModelError, match=words):
        checked_to_publish(with_tolerances(compile_file(saved(tmp_path, shape)), ["1"], None))


def test_a_file_that_cannot_be_lowered_names_the_way_without_a_program(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Publishing without one is a decision, never a fallback."""
    path = saved(tmp_path, [4], "NonZero", TensorProto.INT64)
    code, err = ended(capsys, "model", "publish", path)
    assert code == ModelError.exit_code
    assert "(NonZero)" in err
    assert "--no-program" in err


@pytest.mark.parametrize("options", [("--dim", "N=1"), ("--no-program",), ("--output", "y")])
def test_a_bundle_takes_no_options_of_lowering(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: tuple[str, ...]
) -> None:
    """It was lowered when it was made."""
    (tmp_path / "m.assay").write_bytes(b"PK")
    assert ended(capsys, "model", "publish", tmp_path / "m.assay", *options)[0] == 2


@pytest.mark.parametrize("options", [("--atol", "1"), ("--output", "y"), ("--input-shape", "x=4")])
def test_without_a_program_there_is_nothing_to_lower(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: tuple[str, ...]
) -> None:
    """A tolerance that nothing judges by would mislead."""
    assert ended(capsys, "model", "publish", saved(tmp_path, [4]), "--no-program", *options)[0] == 2
