"""Bundles: what they hold comes out as it went in, and nothing in them is believed."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from oracle.canonical.archive import pack, unpack
from oracle.canonical.bundle import Bundle, Lowering, is_bundle, make_bundle, read_bundle, write_bundle
from oracle.canonical.lower import lower
from oracle.canonical.manifest import Manifest
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.tolerance import bits_of
from oracle.errors import ModelError, ProgramError

ENTRIES = ("manifest.json", "model.onnx", "program.bin", "constants.bin")
SIZE = 8
LOWERING = Lowering({"N": 1}, {}, None, ())

Change = Callable[[dict[str, bytes]], None]


def onnx_file(scale: float = 1.5) -> bytes:
    """From x to y = relu(x · w + b) · scale, and z, how many of y are above 0: floats, integers and bools."""
    weights = [
        numpy_helper.from_array(np.linspace(-1, 1, SIZE * SIZE, dtype=np.float32).reshape(SIZE, SIZE), "w"),
        numpy_helper.from_array(np.arange(SIZE, dtype=np.float32), "b"),
        numpy_helper.from_array(np.array([scale], np.float32), "s"),
        numpy_helper.from_array(np.array([0], np.float32), "zero"),
    ]
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["p"]),
        helper.make_node("Relu", ["p"], ["q"]),
        helper.make_node("Mul", ["q", "s"], ["y"]),
        helper.make_node("Greater", ["y", "zero"], ["m"]),
        helper.make_node("Cast", ["m"], ["i"], to=TensorProto.INT64),
        helper.make_node("ReduceSum", ["i"], ["z"], keepdims=0),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", SIZE])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", SIZE])
    z = helper.make_tensor_value_info("z", TensorProto.INT64, [])
    graph = helper.make_graph(nodes, "g", [x], [y, z], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The bundle of that model, with a tolerance."""
    data = onnx_file()
    made = make_bundle(data, hashlib.sha256(data).digest(), LOWERING, lower(data, dims=LOWERING.dims))
    return made.with_tolerances({"y": (bits_of(1e-5), bits_of(3e-7))})


@pytest.fixture
def file(bundle: Bundle, tmp_path: Path) -> Path:
    """It in a file."""
    write_bundle(tmp_path / "model.assay", bundle)
    return tmp_path / "model.assay"


def forged(file: Path, change: Change) -> Path:
    """The bundle with changed entries and sound checksums: what an attacker would make."""
    entries = {name: bytes(data) for name, data in unpack(file.read_bytes(), ENTRIES).items()}
    change(entries)
    file.write_bytes(b"".join(pack(entries)))
    return file


def with_manifest(change: Callable[[dict[str, Any]], None]) -> Change:
    """A change of the manifest, written as manifests are."""

    def apply(entries: dict[str, bytes]) -> None:
        manifest = json.loads(entries["manifest.json"])
        change(manifest)
        entries["manifest.json"] = json.dumps(manifest, indent=1).encode() + b"\n"

    return apply


def same(one: Bundle, other: Bundle) -> bool:
    """Equal in every field; constants by their bits."""
    bits = [{root: data.tobytes() for root, data in each.program.constants.items()} for each in (one, other)]
    programs = [replace(each.program, constants={}) for each in (one, other)]
    return bits[0] == bits[1] and replace(one, program=programs[0]) == replace(other, program=programs[1])


def test_what_was_written_is_read(bundle: Bundle, file: Path) -> None:
    """Model, program, constants, ONNX file, names, notes, and how it was lowered."""
    assert same(read_bundle(file), bundle)
    assert bundle.model.node_count == len(bundle.program.nodes) > 8
    assert bundle.model.worst_leaf_gas > 21_000
    assert bundle.constants_bytes >= 4 * 64


def test_the_same_bundle_is_the_same_bytes(bundle: Bundle, file: Path, tmp_path: Path) -> None:
    """Who compiles the same file can compare bundles by their hashes."""
    write_bundle(tmp_path / "again.assay", read_bundle(file))
    assert (tmp_path / "again.assay").read_bytes() == file.read_bytes()


def test_a_bundle_is_told_from_an_onnx_file(file: Path, tmp_path: Path) -> None:
    """`publish` takes both."""
    (tmp_path / "m.onnx").write_bytes(onnx_file())
    assert is_bundle(file)
    assert not is_bundle(tmp_path / "m.onnx")
    assert not is_bundle(tmp_path / "none")


def test_the_id_binds_program_cost_and_tolerance(bundle: Bundle) -> None:
    """Whoever asks for the model by its id has fixed all of them."""
    ids = {bundle.model.id, bundle.with_tolerances({"y": (0, 0)}).model.id}
    other = onnx_file(1.25)
    ids.add(make_bundle(other, bundle.model.onnx_digest, LOWERING, lower(other, dims={"N": 1})).model.id)
    assert len(ids) == 3


def test_tolerances_are_for_floats_and_known_names(bundle: Bundle) -> None:
    """The registry would refuse the first, and the second would be lost without a word."""
    with pytest.raises(ModelError, match="'z' is int64: only floats"):
        bundle.with_tolerances({"z": (bits_of(1.0), 0)})
    with pytest.raises(ModelError, match=r"no output 'w'.*y, z"):
        bundle.with_tolerances({"w": (0, 0)})


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_tolerance_is_finite_and_not_negative(value: float) -> None:
    """Any other is a program fault on-chain."""
    with pytest.raises(ModelError, match="is no tolerance"):
        bits_of(value)


def test_attack_52_any_changed_byte_is_found(file: Path) -> None:
    """Wherever it lies: a bundle comes from a stranger's server."""
    whole = file.read_bytes()
    for position in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[position] ^= 1
        file.write_bytes(changed)
        with pytest.raises(ModelError):
            read_bundle(file)


def rebound(change: Callable[[dict[str, Any]], None]) -> Change:
    """The same with the model's id made to fit."""

    def apply(entries: dict[str, bytes]) -> None:
        with_manifest(change)(entries)
        with pytest.raises(ModelError) as told:
            Manifest.decode(entries["manifest.json"]).model()
        with_manifest(lambda manifest: manifest.update(model_id=told.value.message[-65:-1]))(entries)

    return apply


def flip(name: str, position: int) -> Change:
    """One bit of an entry."""

    def apply(entries: dict[str, bytes]) -> None:
        changed = bytearray(entries[name])
        changed[position] ^= 1
        entries[name] = bytes(changed)

    return apply


def other_onnx(entries: dict[str, bytes]) -> None:
    """Another model's file beside the program, with the manifest's SHA-256 made to fit."""
    entries["model.onnx"] = onnx_file(1.25)
    sha256 = hashlib.sha256(entries["model.onnx"]).hexdigest()
    with_manifest(lambda manifest: manifest["onnx"].update(sha256=sha256))(entries)


def fewer_nodes(entries: dict[str, bytes]) -> None:
    """The last node gone."""
    length = int.from_bytes(entries["program.bin"][:4], "big")
    entries["program.bin"] = entries["program.bin"][4 + length :]


def appended(name: str, data: bytes) -> Change:
    """More bytes at an entry's end."""

    def apply(entries: dict[str, bytes]) -> None:
        entries[name] += data

    return apply


FORGERIES: dict[str, tuple[Change, str]] = {
    "a weight": (flip("constants.bin", 5), "constant node .* does not have the root"),
    "the file": (flip("model.onnx", 30), r"model\.onnx has SHA-256"),
    "another file": (other_onnx, r"model\.onnx is not the file it names"),
    "a node": (flip("program.bin", 4 + 2), "dtype|root|node"),
    "a node's view": (flip("program.bin", -3), "node|root"),
    "fewer nodes": (fewer_nodes, "node|root"),
    "a cut program": (lambda e: e.update({"program.bin": e["program.bin"][:-1]}), "ends within node"),
    "a cut length": (appended("program.bin", b"\0\0"), "ends within node"),
    "an empty node": (appended("program.bin", bytes(4)), r"has more than \d+ nodes"),
    "cut constants": (lambda e: e.update({"constants.bin": e["constants.bin"][:-1]}), "end within that of node"),
    "more constants": (appended("constants.bin", b"\0"), "1 bytes after its last constant"),
    "no manifest": (lambda e: e.update({"manifest.json": b"[]"}), "manifest is malformed"),
    "the id": (with_manifest(lambda m: m.update(model_id="00" * 32)), "says its model's id is 00"),
    "the root": (with_manifest(lambda m: m["program"].update(root="00" * 32)), "says its model's id"),
    "the gas": (with_manifest(lambda m: m["program"].update(worst_leaf_gas=1)), "says its model's id"),
    "the dearest node": (with_manifest(lambda m: m["program"].update(worst_leaf_node=0)), "dearest one-step proof"),
    "the root and the id": (rebound(lambda m: m["program"].update(root="00" * 32)), "program has root .*, not 0000"),
    "the gas and the id": (rebound(lambda m: m["program"].update(worst_leaf_gas=1)), "dearest one-step proof"),
    "the count and the id": (rebound(lambda m: m["program"].update(nodes=3)), "has more than 3 nodes; it says 3"),
    "a larger count and the id": (rebound(lambda m: m["program"].update(nodes=300)), r"has \d+ nodes; it says 300"),
    "a shape and the id": (rebound(lambda m: m["inputs"][0].update(shape=[2, 8])), r"not float32\[2,8\]"),
    "an output and the id": (rebound(lambda m: m["outputs"].pop()), "output"),
    "the version": (with_manifest(lambda m: m["program"].update(version=2)), "has version 2"),
    "the tolerance": (with_manifest(lambda m: m["outputs"][0].update(atol=1.0)), "atol of 'y' is 1.0, its bits"),
    "a NaN": (with_manifest(lambda m: m["outputs"][0].update(rtol=float("nan"))), "nan is no tolerance"),
    "a shape": (with_manifest(lambda m: m["inputs"][0].update(shape=[2, 8])), "says its model's id"),
    "a dtype": (with_manifest(lambda m: m["inputs"][0].update(dtype="string")), "unknown dtype 'string'"),
    "a rank": (with_manifest(lambda m: m["inputs"][0].update(shape=[1] * 9)), "inputs.0.shape"),
    "an unknown field": (with_manifest(lambda m: m.update(admin="me")), "admin"),
    "a later format": (with_manifest(lambda m: m.update(format=2)), "format"),
    "a doubled key": (
        lambda e: e.update({"manifest.json": e["manifest.json"].replace(b'"notes"', b'"notes": [], "notes"')}),
        "says something twice",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_attack_52_a_forgery_with_sound_checksums_is_found(file: Path, name: str) -> None:
    """The checks are of the contents, not only of their checksums; each says what is wrong."""
    change, words = FORGERIES[name]
    with pytest.raises(ModelError, match=words):
        read_bundle(forged(file, change))


def test_attack_52_another_models_bundle_is_refused_before_any_work(file: Path, bundle: Bundle) -> None:
    """Who asks for one model must not be kept busy with the validation of another, however large."""
    assert read_bundle(file, model_id=bundle.model.id).model == bundle.model
    forged(file, flip("program.bin", 6))
    with pytest.raises(ModelError, match=f"bundle of model 0x{bundle.model.id.hex()}, not of 0x{bytes(32).hex()}"):
        read_bundle(file, model_id=bytes(32))


def test_attack_69_a_poisoned_program_has_another_id(bundle: Bundle, file: Path) -> None:
    """With everything made to fit, a famous file's digest beside another program is another model, not that one."""
    other = onnx_file(1.25)
    poisoned = make_bundle(bundle.onnx, bundle.model.onnx_digest, LOWERING, lower(other, dims={"N": 1}))
    write_bundle(file, poisoned)
    assert read_bundle(file).model.id != bundle.model.id


def test_attack_51_a_file_above_the_limit_is_not_read(file: Path) -> None:
    """The limit bounds memory: nothing in a bundle unpacks to more than the file."""
    size = file.stat().st_size
    read_bundle(file, max_bytes=size)
    with pytest.raises(ModelError, match=f"larger than the limit of {size - 1} bytes"):
        read_bundle(file, max_bytes=size - 1)


def test_constants_keep_their_raw_bits(file: Path, bundle: Bundle) -> None:
    """Roots are of raw bits: a NaN's payload or a bool of 2 must survive the way through a file."""
    for root, data in read_bundle(file).program.constants.items():
        assert data.tobytes() == bundle.program.constants[root].tobytes()
        assert data.dtype == bundle.program.constants[root].dtype


def test_a_file_that_cannot_be_written_is_told(bundle: Bundle, tmp_path: Path) -> None:
    """And leaves nothing half-written behind."""
    with pytest.raises(ModelError, match="cannot be written"):
        write_bundle(tmp_path / "none" / "m.assay", bundle)
    (tmp_path / "taken").mkdir()
    with pytest.raises(ModelError, match="cannot be written"):
        write_bundle(tmp_path / "taken", bundle)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_missing_bundle_is_told(tmp_path: Path) -> None:
    """With how to make one."""
    with pytest.raises(ModelError, match=r"no bundle at .*assay model compile"):
        read_bundle(tmp_path / "none.assay")


def test_attack_41_a_program_too_dear_to_prove_is_refused(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is made, by the node's name, and again when it is read: such a node could not be disputed."""
    data = onnx_file()
    monkeypatch.setattr("oracle.canonical.bundle.MAX_PROOF_GAS", bundle.model.worst_leaf_gas - 1)
    with pytest.raises(ProgramError, match=r"node \d+ of the program, from node .*\(.*\), may take"):
        make_bundle(data, hashlib.sha256(data).digest(), LOWERING, lower(data, dims=LOWERING.dims))


def test_program_entries_are_the_committed_encodings(bundle: Bundle, file: Path) -> None:
    """Anyone can recompute the root from the file with the page docs/canonical.md alone."""
    data = bytes(unpack(file.read_bytes(), ENTRIES)["program.bin"])
    encodings = [encode_node(node) for node in bundle.program.nodes]
    assert data == b"".join(len(each).to_bytes(4, "big") + each for each in encodings)
