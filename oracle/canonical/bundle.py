"""Bundles: a model with its program in one file, `.assay`, of which nothing has to be believed.

A bundle is a ZIP (see `archive`) of `manifest.json` (see `manifest`), `model.onnx` (self-contained), `program.bin`
(each node's encoding after its length, u32 big-endian) and `constants.bin` (the data of the CONST nodes in their order,
each root once: raw bits, big-endian, packed).

Reading recomputes everything that can be: roots of constants, the program's validity, root and cost, the model's id.
That the program is what the ONNX file lowers to is for `oracle.inference.compiling.verify`.
"""

import hashlib
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

import oracle
from oracle.canonical.archive import MAX_BYTES, pack, unpack
from oracle.canonical.commit import Tree, bind_program, tensor_bytes, tensor_root
from oracle.canonical.cost import MAX_PROOF_BYTES, MAX_PROOF_GAS, node_cost, program_cost
from oracle.canonical.manifest import (
    FORMAT,
    LoweringEntry,
    Manifest,
    OnnxEntry,
    ProgramEntry,
    input_entry,
    output_entry,
)
from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.program.encoding import decode_node, encode_node
from oracle.canonical.program.node import MAX_NODES, Kind, Node
from oracle.canonical.program.program import Program, validate_program
from oracle.canonical.prove import program_root
from oracle.canonical.tensor import DType
from oracle.errors import ModelError, ProgramError

if TYPE_CHECKING:
    from oracle.canonical.lower import Lowered

SUFFIX: Final = ".assay"
_ENTRIES: Final = ("manifest.json", "model.onnx", "program.bin", "constants.bin")


@dataclass(frozen=True, slots=True)
class Lowering:
    """What an ONNX file is lowered with: sizes of dynamic dimensions, shapes of inputs, and the outputs chosen."""

    dims: Mapping[str, int]
    input_shapes: Mapping[str, tuple[int, ...]]
    default_dim: int | None
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model with its program. Names are in slot order; `onnx` is a self-contained ONNX file.

    `worst_leaf_node` is the node with the dearest one-step proof, `assay` the version that lowered it.
    """

    model: Model
    program: Program
    onnx: bytes
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    lowering: Lowering
    notes: tuple[str, ...]
    worst_leaf_node: int
    assay: str

    @property
    def constants_bytes(self) -> int:
        """Bytes of all constants."""
        return sum(data.nbytes for data in self.program.constants.values())

    def with_tolerances(self, tolerances: Mapping[str, tuple[int, int]]) -> "Bundle":
        """The same with other tolerances of the outputs named: the bits of atol and rtol.

        Raises `ModelError` for a name that is no output, and for a tolerance on an output that is no float.
        """
        if unknown := sorted(tolerances.keys() - set(self.output_names)):
            raise ModelError(f"The model has no output {unknown[0]!r}.", hint=f"It has {', '.join(self.output_names)}.")
        outputs = []
        for name, spec in zip(self.output_names, self.model.outputs, strict=True):
            atol, rtol = tolerances.get(name, (spec.atol, spec.rtol))
            if (atol or rtol) and spec.tensor.dtype is not DType.FLOAT:
                raise ModelError(f"The output {name!r} is {spec.tensor.dtype.label}: only floats have a tolerance.")
            outputs.append(OutputSpec(spec.tensor, atol, rtol))
        return replace(self, model=replace(self.model, outputs=tuple(outputs)))


@dataclass(frozen=True, slots=True)
class Committed:
    """What a model's program root commits to, valid or not: the version, and the encodings of the nodes."""

    model: Model
    version: int
    nodes: tuple[bytes, ...]


def make_bundle(onnx: bytes, digest: bytes, lowering: Lowering, lowered: "Lowered") -> Bundle:
    """The bundle of what `onnx` was lowered to, without tolerances; `digest` is the file's, of 32 bytes.

    Raises `ProgramError` where a node's one-step proof is too dear.
    """
    gas, node = _affordable(lowered.program, lowered.origins)
    model = Model(
        program_root(lowered.program),
        len(lowered.program.nodes),
        gas,
        tuple(spec for _, spec in lowered.inputs),
        tuple(OutputSpec(spec) for _, spec in lowered.outputs),
        digest,
    )
    inputs, outputs = (tuple(name for name, _ in named) for named in (lowered.inputs, lowered.outputs))
    return Bundle(model, lowered.program, onnx, inputs, outputs, lowering, lowered.notes, node, oracle.__version__)


def is_bundle(path: Path) -> bool:
    """Whether a file begins as a bundle does (and no ONNX file can); False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(2) == b"PK"
    except OSError:
        return False


def write_bundle(path: Path, bundle: Bundle) -> None:
    """Write a bundle, whole or not at all; raises `ModelError` where the file cannot be written."""
    entries = {
        "manifest.json": manifest_of(bundle).encode(),
        "model.onnx": bundle.onnx,
        "program.bin": b"".join(_length_first(map(encode_node, bundle.program.nodes))),
        "constants.bin": b"".join(tensor_bytes(bundle.program.constants[root]) for root in _roots(bundle.program)),
    }
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.writelines(pack(entries))
                file.close()
                Path(file.name).chmod(0o644)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink()
                raise
    except OSError as problem:
        raise ModelError(f"The bundle {path} cannot be written: {problem.strerror}.") from problem


def read_bundle(path: Path, *, max_bytes: int = MAX_BYTES, model_id: bytes | None = None) -> Bundle:
    """The bundle in a file of at most `max_bytes` bytes, which bounds what is held in memory; of `model_id`, if given.

    Another model's is refused before any work is spent on it, and so are more nodes than the model has.

    Raises `ModelError` that names the first thing that is not right: the file's form, a byte that was changed, a
    constant or program of another root, an invalid node, a cost or an id that is not what the manifest says.
    """
    entries = unpack(_content(path, max_bytes), _ENTRIES)
    manifest = Manifest.decode(bytes(entries["manifest.json"]))
    model = manifest.model()
    if model_id is not None and model.id != model_id:
        raise ModelError(f"It is the bundle of model 0x{model.id.hex()}, not of 0x{model_id.hex()}.")
    onnx = bytes(entries["model.onnx"])
    _check_onnx(manifest.onnx, onnx)
    nodes = _nodes(entries["program.bin"], model.node_count)
    program = Program(
        manifest.program.version, nodes, _constants(nodes, entries["constants.bin"]), len(manifest.outputs)
    )
    validate_program(program, model.inputs, model.output_tensors)
    if program_root(program) != model.program_root:
        raise ModelError(
            f"The bundle's program has root {program_root(program).hex()}, not {model.program_root.hex()}."
        )
    gas, dearest = _affordable(program, ("",) * len(nodes))
    if (gas, dearest) != (manifest.program.worst_leaf_gas, manifest.program.worst_leaf_node):
        raise ModelError(
            f"The bundle's dearest one-step proof takes {gas} gas, of node {dearest}; it says "
            f"{manifest.program.worst_leaf_gas}, of node {manifest.program.worst_leaf_node}."
        )
    if len(nodes) != model.node_count:
        raise ModelError(f"The bundle's program has {len(nodes)} nodes; it says {model.node_count}.")
    return Bundle(
        model,
        program,
        onnx,
        tuple(entry.name for entry in manifest.inputs),
        tuple(entry.name for entry in manifest.outputs),
        _lowering(manifest.lowering),
        tuple(manifest.notes),
        dearest,
        manifest.assay,
    )


def read_committed(path: Path, *, max_bytes: int = MAX_BYTES, model_id: bytes | None = None) -> Committed:
    """The encodings in a bundle whose program may break any rule, except that they lead to its model's program root.

    Raises `ModelError` where they do not, or where the bundle is another model's than `model_id`.
    """
    entries = unpack(_content(path, max_bytes), _ENTRIES)
    manifest = Manifest.decode(bytes(entries["manifest.json"]))
    model = manifest.model()
    if model_id is not None and model.id != model_id:
        raise ModelError(f"It is the bundle of model 0x{model.id.hex()}, not of 0x{model_id.hex()}.")
    nodes = tuple(_encodings(entries["program.bin"], MAX_NODES, model.node_count))
    root = bind_program(manifest.program.version, len(nodes), Tree.over_leaves(nodes).hash)
    if root != model.program_root:
        raise ModelError(f"The bundle's program has root {root.hex()}, not {model.program_root.hex()}.")
    return Committed(model, manifest.program.version, nodes)


def _content(path: Path, max_bytes: int) -> bytes:
    if not path.is_file():
        raise ModelError(f"There is no bundle at {path}.", hint="Check the path, or make one: `assay model compile`.")
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as problem:
        raise ModelError(f"The bundle {path} cannot be read: {problem.strerror}.") from problem
    if len(content) > max_bytes:
        raise ModelError(f"The bundle {path} is larger than the limit of {max_bytes} bytes.")
    return content


def _affordable(program: Program, origins: Sequence[str]) -> tuple[int, int]:
    """`program_cost`; raises `ProgramError` for a proof that no transaction holds. `origins` name nodes' sources."""
    for number, (node, origin) in enumerate(zip(program.nodes, origins, strict=True)):
        cost = node_cost(node)
        if cost.gas > MAX_PROOF_GAS or cost.bytes > MAX_PROOF_BYTES:
            raise ProgramError(
                f"A one-step proof of node {number}{f' of the program, from {origin},' if origin else ''} may take "
                f"{cost.bytes} bytes and {cost.gas} gas, where {MAX_PROOF_BYTES} and {MAX_PROOF_GAS} are the most.",
                hint="Export the model with smaller operators.",
            )
    return program_cost(program)


def manifest_of(bundle: Bundle) -> Manifest:
    """The manifest that a bundle is written with."""
    model, lowering = bundle.model, bundle.lowering
    sha256 = hashlib.sha256(bundle.onnx).digest()
    return Manifest(
        format=FORMAT,
        assay=bundle.assay,
        model_id=model.id.hex(),
        program=ProgramEntry(
            version=bundle.program.version,
            root=model.program_root.hex(),
            nodes=model.node_count,
            worst_leaf_gas=model.worst_leaf_gas,
            worst_leaf_node=bundle.worst_leaf_node,
        ),
        inputs=[input_entry(name, spec) for name, spec in zip(bundle.input_names, model.inputs, strict=True)],
        outputs=[output_entry(name, spec) for name, spec in zip(bundle.output_names, model.outputs, strict=True)],
        onnx=OnnxEntry(digest=model.onnx_digest.hex(), sha256=sha256.hex(), external_data=sha256 != model.onnx_digest),
        lowering=LoweringEntry(
            dims=dict(sorted(lowering.dims.items())),
            input_shapes={name: list(shape) for name, shape in sorted(lowering.input_shapes.items())},
            default_dim=lowering.default_dim,
            outputs=list(lowering.outputs),
        ),
        notes=list(bundle.notes),
    )


def _lowering(entry: LoweringEntry) -> Lowering:
    shapes = {name: tuple(shape) for name, shape in entry.input_shapes.items()}
    return Lowering(entry.dims, shapes, entry.default_dim, tuple(entry.outputs))


def _check_onnx(entry: OnnxEntry, onnx: bytes) -> None:
    sha256 = hashlib.sha256(onnx).hexdigest()
    if sha256 != entry.sha256:
        raise ModelError(f"The bundle's model.onnx has SHA-256 {sha256}, not {entry.sha256}.")
    if (entry.digest != sha256) != entry.external_data:
        raise ModelError(f"The bundle's model.onnx is not the file it names, of digest {entry.digest}.")


def _length_first(encodings: Iterator[bytes]) -> Iterator[bytes]:
    for encoding in encodings:
        yield struct.pack(">I", len(encoding)) + encoding


def _nodes(data: memoryview, count: int) -> tuple[Node, ...]:
    return tuple(map(decode_node, _encodings(data, min(count, MAX_NODES), count)))


def _encodings(data: memoryview, most: int, said: int) -> Iterator[bytes]:
    """The encodings in `program.bin`; raises `ModelError` for a torn one, and for more than `most`; `said` are due."""
    position = number = 0
    while position < len(data):
        start = position + 4
        position = start + int.from_bytes(data[position:start], "big")
        if position > len(data) or start > len(data):
            raise ModelError(f"The bundle's program ends within node {number}.")
        if number == most:
            raise ModelError(f"The bundle's program has more than {most} nodes; it says {said}.")
        number += 1
        yield bytes(data[start:position])


def _roots(program: Program) -> Sequence[bytes]:
    """The roots of the constants, each once, in the order of the nodes."""
    return list(dict.fromkeys(node.root for node in program.nodes if node.kind is Kind.CONST))


def _constants(nodes: Sequence[Node], data: memoryview) -> dict[bytes, NDArray[Any]]:
    constants: dict[bytes, NDArray[Any]] = {}
    position = 0
    for number, node in enumerate(nodes):
        if node.kind is not Kind.CONST or node.root in constants:
            continue
        size = node.count * node.dtype.size
        if size > len(data) - position:
            raise ModelError(f"The bundle's constants end within that of node {number}.")
        bits = np.frombuffer(data[position : position + size], f">u{node.dtype.size}")
        constant = bits.astype(f"u{node.dtype.size}").view(node.dtype.numpy)
        if tensor_root(node.dtype, constant) != node.root:
            raise ModelError(f"The bundle's data of constant node {number} does not have the root {node.root.hex()}.")
        constants[node.root] = constant
        position += size
    if position < len(data):
        raise ModelError(f"The bundle has {len(data) - position} bytes after its last constant.")
    return constants
