"""Which published models an operator serves: those its files are, checked against what was published."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from oracle.canonical.model import Model
from oracle.chain.protocol import ModelId
from oracle.errors import ModelError
from oracle.inference.canonical_model import CanonicalModel
from oracle.inference.model_file import ModelFile, load_model_file

_log = structlog.get_logger(__name__)

_NO_PROGRAM = bytes(32)
_UNDEFENDABLE = "it has no program: whoever disputes an answer wins, for no trace could defend it"

Programs = Mapping[bytes, CanonicalModel | ModelError]
"""By a file's digest: what it was compiled to, or why it has no program."""


@dataclass(frozen=True, slots=True)
class Served:
    """A published model and the file that answers for it.

    `program` is the published one, compiled here from the file; None where none was published. Its output is bonded,
    unless the model `is_fast`: then onnxruntime's is, unchecked, for inputs of kind BYTES.
    """

    model: Model
    file: ModelFile
    program: CanonicalModel | None = None
    is_fast: bool = False

    @property
    def name(self) -> str:
        """What logs and metrics call it: the file's name without its suffix."""
        return self.file.path.stem


def load_files(paths: Sequence[Path], dims: Mapping[str, int]) -> list[ModelFile]:
    """Read and check every configured file; raises `ModelError` for the first that fails.

    `dims` binds dynamic dimensions by name; each file takes those it has.
    """
    return [load_model_file(path, dims=dims or None) for path in paths]


def serve(
    files: Sequence[ModelFile], programs: Programs, published: Iterable[Model], *, disputed: bool = False
) -> dict[ModelId, Served]:
    """The published models that `files` can answer for, by id; the log says of others with a file's digest why not.

    The digest is a claim and the program is authoritative: a model that names a program is served only if the file has
    the same one, compiled here, with the same number of nodes and the same worst leaf. Inputs and outputs must be those
    published in any case. Tolerances are the publisher's to choose, so one file may serve several models. Where answers
    can be `disputed`, a model without a program is not served.
    """
    by_digest = {file.digest: file for file in files}
    found: dict[ModelId, Served] = {}
    for model in published:
        file = by_digest.get(model.onnx_digest)
        if file is None:
            continue
        program = None if model.program_root == _NO_PROGRAM else programs[file.digest]
        problem = _UNDEFENDABLE if disputed and program is None else _mismatch(model, file.model, program)
        if problem is None and not isinstance(program, ModelError):
            found[ModelId(model.id)] = Served(model, file, program)
        else:
            _log.warning("model_not_served", model=f"0x{model.id.hex()}", file=file.path.name, reason=problem)
    return found


def why_not_fast(model: Model, program: CanonicalModel) -> str | None:
    """Why onnxruntime's own output must not be bonded, unchecked, for a model; None if it may be.

    Rounding noise is never zero, and a hostile input can make it flip a discontinuous node.
    """
    for slot, spec in enumerate(model.outputs):
        if not spec.atol:
            return f"its output {slot} has no absolute tolerance"
    if program.jumps:
        return f"its program has discontinuous nodes ({', '.join(program.jumps)})"
    return None


def _mismatch(published: Model, own: Model, program: CanonicalModel | ModelError | None) -> str | None:
    """What differs from what was published, in words."""
    if published.inputs != own.inputs:
        told, has = _shown(published.inputs), _shown(own.inputs)
        return f"its inputs are published as {told}, the file has {has}; `operator.dims` binds dynamic dimensions"
    if published.output_tensors != own.output_tensors:
        told, has = _shown(published.output_tensors), _shown(own.output_tensors)
        return f"its outputs are published as {told}, the file has {has}"
    if isinstance(program, ModelError):
        return f"it names a program, and this file has none: {program}"
    if program is None:
        return None
    compiled = program.model
    pairs = (
        ("program root", f"0x{published.program_root.hex()}", f"0x{compiled.program_root.hex()}"),
        ("node count", published.node_count, compiled.node_count),
        ("worst leaf gas", published.worst_leaf_gas, compiled.worst_leaf_gas),
    )
    differing = [f"its {what} is published as {told}, this file's is {has}" for what, told, has in pairs if told != has]
    return "; ".join(differing) or None


def _shown(specs: Iterable[object]) -> str:
    return ", ".join(map(str, specs))
