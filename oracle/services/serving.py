"""Which published models an operator serves: those its files are, checked against what was published."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from oracle.canonical.model import Model
from oracle.chain.protocol import ModelId
from oracle.inference.model_file import ModelFile, load_model_file

_log = structlog.get_logger(__name__)

_NO_PROGRAM = bytes(32)


@dataclass(frozen=True, slots=True)
class Served:
    """A published model and the file that answers for it."""

    model: Model
    file: ModelFile

    @property
    def name(self) -> str:
        """What logs and metrics call it: the file's name without its suffix."""
        return self.file.path.stem


def load_files(paths: Sequence[Path], dims: Mapping[str, int]) -> list[ModelFile]:
    """Read and check every configured file; raises `ModelError` for the first that fails.

    `dims` binds dynamic dimensions by name; each file takes those it has.
    """
    return [load_model_file(path, dims=dims or None) for path in paths]


def serve(files: Sequence[ModelFile], published: Iterable[Model]) -> dict[ModelId, Served]:
    """The published models that `files` can answer for, by id.

    A file serves a model if its digest is the published one and its inputs and outputs are those published. The digest
    is a claim and the program is authoritative: this version compiles none, so it serves no model that names one.
    """
    by_digest = {file.digest: file for file in files}
    found: dict[ModelId, Served] = {}
    for model in published:
        file = by_digest.get(model.onnx_digest)
        if file is None:
            continue
        problem = _mismatch(model, file.model)
        if problem is None:
            found[ModelId(model.id)] = Served(model, file)
        else:
            _log.warning("model_not_served", model=f"0x{model.id.hex()}", file=file.path.name, reason=problem)
    return found


def _mismatch(published: Model, own: Model) -> str | None:
    if published.program_root != _NO_PROGRAM:
        return "it names a program, and this version cannot check one"
    if published.inputs != own.inputs:
        return f"its inputs are published as {_shown(published.inputs)}, the file has {_shown(own.inputs)}"
    if published.output_tensors != own.output_tensors:
        told, has = _shown(published.output_tensors), _shown(own.output_tensors)
        return f"its outputs are published as {told}, the file has {has}"
    return None


def _shown(specs: Iterable[object]) -> str:
    return ", ".join(map(str, specs))
