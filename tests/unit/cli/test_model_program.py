"""The commands of canonical models: what they print, how they end, and what they say of files that are no good."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from oracle.canonical.bundle import read_bundle
from oracle.canonical.vectors import Case, ReferencePath
from oracle.cli import canonical, main
from oracle.errors import InputError, ModelError

VECTORS = Path(__file__).parents[2] / "vectors" / "float32.json"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one line of JSON."""
        return json.loads(self.out)


Assay = Callable[..., Ended]


@pytest.fixture
def assay(capsys: pytest.CaptureFixture[str]) -> Assay:
    """Runs a command line."""

    def run(*arguments: object) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main.run([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Ended(int(ended.value.code or 0), printed.out, printed.err)

    return run


def tensor(name: str, shape: Sequence[int | str], dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """A declared input or output."""
    return helper.make_tensor_value_info(name, dtype, shape)


def model(
    nodes: Sequence[onnx.NodeProto], inputs: Any = None, outputs: Any = None, weights: Sequence[Any] = ()
) -> onnx.ModelProto:
    """A model from x to y, float32 [N, 4] both unless told."""
    graph = helper.make_graph(
        nodes, "g", inputs or [tensor("x", ["N", 4])], outputs or [tensor("y", ["N", 4])], list(weights)
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def softmax(scale: float = 2.0) -> onnx.ModelProto:
    """The softmax of scale · x."""
    weights = [numpy_helper.from_array(np.array([scale], np.float32), "s")]
    nodes = [helper.make_node("Mul", ["x", "s"], ["z"]), helper.make_node("Softmax", ["z"], ["y"], axis=-1)]
    return model(nodes, weights=weights)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """That model's file."""
    path = tmp_path / "softmax.onnx"
    path.write_bytes(softmax().SerializeToString())
    return path


@pytest.fixture
def bundle(assay: Assay, file: Path) -> Path:
    """Its bundle, with a tolerance."""
    path = file.with_suffix(".assay")
    assert assay("model", "compile", file, "-o", path, "--atol", "1e-6", "--rtol", "y=1e-6").code == 0
    return path


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """An input."""
    path = tmp_path / "x.npz"
    np.savez(path, x=np.array([[0.1, -3, 2.5, 0]], np.float32))
    return path


def test_compile_prints_what_scripts_read(assay: Assay, file: Path) -> None:
    """The names are part of the interface, and the bundle holds what was printed."""
    path = file.with_name("b.assay")
    printed = assay("model", "compile", file, "-o", path, "--json").json
    made = read_bundle(path)
    assert printed["model_id"] == f"0x{made.model.id.hex()}"
    assert printed["program_root"] == f"0x{made.model.program_root.hex()}"
    assert printed["nodes"] == len(made.program.nodes)
    assert printed["worst_leaf_gas"] == made.model.worst_leaf_gas
    assert printed["worst_leaf_node"] == made.worst_leaf_node
    assert printed["constants_bytes"] == made.constants_bytes > 0
    assert printed["seconds"] >= 0
    assert printed["lowering"]["dims"] == {"N": 1}


def test_compile_without_a_bundle_says_so(assay: Assay, file: Path) -> None:
    """Who forgot -o must not look for a file."""
    ended = assay("model", "compile", file)
    assert ended.code == 0
    assert "Nothing was written" in ended.err
    assert "batch" in ended.out


def test_a_dimension_and_an_output_can_be_chosen(assay: Assay, file: Path) -> None:
    """Another size is another program; another output may be any tensor of the file."""
    three = assay("model", "compile", file, "--dim", "N=3", "--json").json
    shaped = assay("model", "compile", file, "--input-shape", "x=3,4", "--json").json
    assert three["inputs"][0]["shape"] == [3, 4]
    assert shaped["program_root"] == three["program_root"]
    inner = assay("model", "compile", file, "--output", "z", "--json").json
    assert [output["name"] for output in inner["outputs"]] == ["z"]
    assert inner["nodes"] < three["nodes"]


def test_run_compares_both_ways(assay: Assay, bundle: Path, numbers: Path) -> None:
    """Within the tolerance they agree, and the command ends with 0."""
    ended = assay("model", "run", bundle, "--input", numbers, "--json")
    assert (ended.code, ended.json["agree"], ended.json["wrong_elements"]) == (0, True, 0)
    one, other = (ended.json[name][0]["data"] for name in ("canonical", "onnxruntime"))
    np.testing.assert_allclose(one, other, rtol=1e-6)
    assert sum(one) == pytest.approx(1)


def test_run_ends_with_1_where_they_disagree(assay: Assay, tmp_path: Path, numbers: Path) -> None:
    """Onnxruntime adds a tie's two ends one by one: without a tolerance that is wrong, and it is shown."""
    weights = [numpy_helper.from_array(np.array([[1], [2**-24], [2**-24], [2**-40]], np.float32), "w")]
    gemm = model([helper.make_node("MatMul", ["x", "w"], ["y"])], outputs=[tensor("y", ["N", 1])], weights=weights)
    (tmp_path / "m.onnx").write_bytes(gemm.SerializeToString())
    assert assay("model", "compile", tmp_path / "m.onnx", "-o", tmp_path / "m.assay").code == 0
    np.savez(numbers, x=np.ones((1, 4), np.float32))
    ended = assay("model", "run", tmp_path / "m.assay", "--input", numbers)
    assert ended.code == 1
    assert "'y', element 0: onnxruntime 1.0" in ended.err
    assert "calibrate" in ended.err


@pytest.mark.parametrize(("flag", "only"), [("--canonical", "canonical"), ("--fast", "onnxruntime")])
def test_run_one_way_compares_nothing(assay: Assay, bundle: Path, numbers: Path, flag: str, only: str) -> None:
    """And does not claim that they agree."""
    shown = assay("model", "run", bundle, "--input", numbers, flag, "--json").json
    assert shown["agree"] is None
    assert only in shown
    assert len({"canonical", "onnxruntime"} & shown.keys()) == 1


def test_run_refuses_both_flags_and_foreign_inputs(assay: Assay, bundle: Path, numbers: Path, tmp_path: Path) -> None:
    """The first is a mistake, the second belongs to another model."""
    assert assay("model", "run", bundle, "-i", numbers, "--fast", "--canonical").code == 2
    np.savez(tmp_path / "wrong.npz", x=np.zeros((1, 5), np.float32))
    ended = assay("model", "run", bundle, "-i", tmp_path / "wrong.npz")
    assert ended.code == InputError.exit_code
    assert "float32[1,4]" in ended.err


def test_run_yields_outputs_that_the_file_does_not_declare(assay: Assay, file: Path, numbers: Path) -> None:
    """A bundle may end at a tensor inside the model; onnxruntime must be asked for the same one."""
    assert assay("model", "compile", file, "--output", "z", "-o", file.with_name("z.assay")).code == 0
    shown = assay("model", "run", file.with_name("z.assay"), "-i", numbers, "--json").json
    assert shown["canonical"][0]["data"] == shown["onnxruntime"][0]["data"]


def test_inspect_lists_every_node(assay: Assay, bundle: Path) -> None:
    """A person can read the program, and see what each node costs."""
    shown = assay("model", "inspect", bundle, "--json").json
    made = read_bundle(bundle)
    assert [line["node"] for line in shown["listing"]] == list(range(len(made.program.nodes)))
    assert max(line["gas"] for line in shown["listing"]) == made.model.worst_leaf_gas
    text = assay("model", "inspect", bundle).out
    assert all(line["text"] in text for line in shown["listing"])
    assert "atol 1e-06" in text


def test_inspect_shows_one_node_with_its_encoding(assay: Assay, bundle: Path) -> None:
    """What a dispute is about is one node."""
    last = len(read_bundle(bundle).program.nodes) - 1
    (line,) = assay("model", "inspect", bundle, "--node", last, "--json").json["listing"]
    assert "output 0" in line["text"]
    assert bytes.fromhex(line["encoding"])[0] == 2
    ended = assay("model", "inspect", bundle, "--node", last + 1)
    assert (ended.code, f"0 to {last}" in ended.err) == (ModelError.exit_code, True)


def test_verify_accepts_the_file_a_bundle_is_of(assay: Assay, bundle: Path, file: Path) -> None:
    """Whoever serves or watches a model recompiles it first."""
    shown = assay("model", "verify", bundle, file, "--json")
    assert (shown.code, shown.json["same_file"], shown.json["same_program"]) == (0, True, True)


def test_attack_69_verify_finds_the_first_node_that_differs(assay: Assay, bundle: Path, file: Path) -> None:
    """A bundle may name a famous file and hold another program."""
    file.write_bytes(softmax(3.0).SerializeToString())
    shown = assay("model", "verify", bundle, file, "--json")
    assert shown.code == 1
    assert (shown.json["same_file"], shown.json["same_program"]) == (False, False)
    found = shown.json["first_difference"]
    assert found["bundle"] != found["file"]
    assert found["bundle"].startswith(f"%{found['node']} = CONST")
    assert "first difference" in assay("model", "verify", bundle, file).out


def test_verify_tells_a_file_that_only_lowers_to_the_same(assay: Assay, bundle: Path, file: Path) -> None:
    """The program is what counts, but the model's id binds the file too."""
    other = softmax()
    other.doc_string = "the same, said twice"
    file.write_bytes(other.SerializeToString())
    shown = assay("model", "verify", bundle, file, "--json")
    assert (shown.code, shown.json["same_file"], shown.json["same_program"]) == (1, False, True)


def test_calibrate_writes_a_tolerance_that_holds(assay: Assay, file: Path, numbers: Path) -> None:
    """From a bundle without one to a bundle on which both ways agree."""
    plain, made = file.with_name("plain.assay"), file.with_name("made.assay")
    assay("model", "compile", file, "-o", plain)
    options = ("--samples", 4, "--steps", 8, "--input", numbers, "--write", made)
    shown = assay("model", "calibrate", plain, *options, "--json").json
    (output,) = shown["outputs"]
    assert output["name"] == "y"
    assert set(output["absolute"]) == {"0.5", "0.9", "0.99", "0.999", "1"}
    assert shown["inputs"] == 5
    assert shown["jumping_nodes"] == {}
    spec = json.loads(assay("model", "inspect", made, "--json").out)["outputs"][0]
    assert (spec["atol"], spec["rtol"]) == (output["tolerance"]["atol"], output["tolerance"]["rtol"])
    assert assay("model", "run", made, "-i", numbers).code == 0


def test_calibrate_says_what_it_assumed_and_that_programs_jump(assay: Assay, tmp_path: Path) -> None:
    """No tolerance covers a jump, and a range nobody gave may be far from real inputs."""
    rounding = model([helper.make_node("Mul", ["x", "x"], ["z"]), helper.make_node("Round", ["z"], ["y"])])
    (tmp_path / "m.onnx").write_bytes(rounding.SerializeToString())
    assay("model", "compile", tmp_path / "m.onnx", "-o", tmp_path / "m.assay")
    ended = assay("model", "calibrate", tmp_path / "m.assay", "--samples", 2, "--steps", 4)
    assert "1 MAP ROUND" in ended.err
    assert "assumed to be -4 to 4" in ended.err
    assert "8 times" in ended.out


def cyclic() -> onnx.ModelProto:
    """Two nodes that read each other."""
    return model([helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"]),
                  helper.make_node("Relu", ["b"], ["y"])])  # fmt: skip


def outside() -> onnx.ModelProto:
    """A weight in a file outside of the folder."""
    made = softmax()
    weight = made.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../secret")
    return made


def huge() -> onnx.ModelProto:
    """A tensor of 2^60 elements from a few bytes."""
    size = [numpy_helper.from_array(np.array([2**30, 2**30], np.int64), "size")]
    nodes = [helper.make_node("Expand", ["x", "size"], ["y"])]
    return model(nodes, [tensor("x", [1, 1])], [tensor("y", [2**30, 2**30])], size)


def sequence() -> onnx.ModelProto:
    """A dimension that is open and does not lead."""
    return model(
        [helper.make_node("Relu", ["x"], ["y"])], [tensor("x", ["N", "length"])], [tensor("y", ["N", "length"])]
    )


def unsupported() -> onnx.ModelProto:
    """An operator there is not."""
    return model([helper.make_node("Softmax", ["x"], ["z"]), helper.make_node("NonZero", ["z"], ["y"], name="find")])


BAD_FILES: dict[str, tuple[bytes, list[str]]] = {
    "not an ONNX file": (b"\xff" * 64, ["not an ONNX model"]),
    "empty": (b"", ["is empty"]),
    "external data outside the folder": (outside().SerializeToString(), ["'s'", "'../../secret'", "outside"]),
    "unbound dimension": (sequence().SerializeToString(), ["length", "--dim name=n", "--default-dim"]),
    "unsupported operator": (unsupported().SerializeToString(), ["'find' (NonZero)", "not supported"]),
    "cycle": (cyclic().SerializeToString(), ["cycle"]),
    "huge shape": (huge().SerializeToString(), ["1152921504606846976 elements"]),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_attack_51_a_bad_file_is_a_sentence(assay: Assay, tmp_path: Path, name: str) -> None:
    """What is wrong, with what, and what to do: never a traceback, never a bundle."""
    content, words = BAD_FILES[name]
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    ended = assay("model", "compile", path, "-o", tmp_path / "bad.assay")
    assert ended.code == ModelError.exit_code, ended.err
    assert ended.err.startswith("Error: ")
    assert "bug" not in ended.err
    assert [word for word in words if word not in ended.err] == []
    assert not (tmp_path / "bad.assay").exists()


@pytest.mark.parametrize(
    "options",
    [("--dim", "N"), ("--dim", "N=0"), ("--input-shape", "x"), ("--input-shape", "x=1,b"), ("--atol", "y=much")],
)
def test_a_malformed_option_is_a_usage_error(assay: Assay, file: Path, options: tuple[str, str]) -> None:
    """Told apart from a model that is no good."""
    assert assay("model", "compile", file, *options).code == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--dim", "M=2"), "no dynamic dimension M"),
        (("--output", "q"), "no tensor 'q'"),
        (("--atol", "q=1"), "no output 'q'"),
        (("--rtol", "-1"), "-1.0 is no tolerance"),
        (("--atol", "nan"), "nan is no tolerance"),
    ],
)
def test_an_option_that_does_not_fit_the_model_is_told(
    assay: Assay, file: Path, options: tuple[str, str], words: str
) -> None:
    """With what the model has instead."""
    ended = assay("model", "compile", file, *options)
    assert ended.code == ModelError.exit_code
    assert words in ended.err


def test_a_damaged_bundle_is_a_sentence(assay: Assay, bundle: Path) -> None:
    """Bundles come from elsewhere."""
    bundle.write_bytes(bundle.read_bytes()[:-1])
    ended = assay("model", "inspect", bundle)
    assert (ended.code, "no bundle" in ended.err) == (ModelError.exit_code, True)


class OneWrong:
    """A path that is wrong in one case."""

    name = "mutant"

    def compute(self, cases: Sequence[Case]) -> list[int]:
        """Right, but for the case at position 1."""
        return [bits ^ (at == 1) for at, bits in enumerate(ReferencePath().compute(cases))]


def few(folder: Path) -> Path:
    """Some of the vectors."""
    content = json.loads(VECTORS.read_text())
    content["cases"] = content["cases"][::200]
    (folder / "few.json").write_text(json.dumps(content))
    return folder / "few.json"


def test_check_runs_the_paths_there_are(assay: Assay, tmp_path: Path) -> None:
    """The reference and the fast path always, the contracts where an EVM is installed, or the reason why not."""
    ended = assay("canonical", "check", few(tmp_path), "--json")
    assert ended.code == 0
    assert {"reference", "fast"} <= ended.json["paths"].keys()
    assert {"reference", "fast", "evm"} == ended.json["paths"].keys() | ended.json["skipped"].keys()
    assert all(path["differences"] == 0 for path in ended.json["paths"].values())


def test_check_ends_with_1_and_shows_what_differs(
    assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A difference of one bit is the start of a search."""
    monkeypatch.setattr(canonical, "compute_paths", lambda: ([ReferencePath(), OneWrong()], {"evm": "not here"}))
    ended = assay("canonical", "check", few(tmp_path))
    assert ended.code == 1
    assert "mutant: case 1" in ended.err
    assert "not run: not here" in ended.out


def test_check_says_why_there_is_no_evm(assay: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two paths that agree are less than three: nobody should take one for the other."""
    monkeypatch.setitem(__import__("sys").modules, "pyrevm", None)
    ended = assay("canonical", "check", few(tmp_path))
    assert ended.code == 0
    assert "pyrevm is not installed" in ended.out


def test_check_refuses_a_file_of_something_else(assay: Assay, tmp_path: Path) -> None:
    """With where it is wrong."""
    (tmp_path / "x.json").write_text('{"cases": [{"fn": "Exp"}]}')
    ended = assay("canonical", "check", tmp_path / "x.json")
    assert (ended.code, "no file of vectors" in ended.err) == (InputError.exit_code, True)
