"""A model file's program, compiled once and kept ready to run: what an operator runs beside onnxruntime.

The file is lowered with the shapes that `ModelFile` has bound, so the program is the one that others get who bind the
same. Nothing that was published is believed here; `oracle.services.serving` compares.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from numpy.typing import NDArray

from oracle.canonical.bundle import Bundle
from oracle.canonical.fast.execute import Plan, compile_plan
from oracle.canonical.fast.flush import require_ieee_thread
from oracle.canonical.model import Model
from oracle.canonical.program.jumps import jumping_nodes
from oracle.errors import ModelError
from oracle.inference.compiling import compile_file
from oracle.inference.model_file import ModelFile

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class CanonicalModel:
    """A compiled model, which threads may run at the same time.

    `model` is what may be published of it, with tolerances of zero; `jumps` is how many discontinuous nodes of each
    name the program has.
    """

    model: Model
    plan: Plan
    jumps: Mapping[str, int]

    def run(self, inputs: Sequence[NDArray[Any]], threads: int = 1) -> list[NDArray[Any]]:
        """The canonical outputs, of the model's dtypes and shapes; `threads` work on one node at a time.

        Raises `InputError` where the inputs do not fit, `ModelError` on a thread that flushes subnormals.
        """
        flat = self.plan.run(inputs, threads=threads)
        return [tensor.reshape(spec.shape) for tensor, spec in zip(flat, self.model.output_tensors, strict=True)]


def compile_model(file: ModelFile) -> CanonicalModel:
    """Lower a model file and prepare its program; some seconds for a large one.

    Raises `ModelError` where the file cannot be lowered (with each node that is in the way), where it has changed since
    it was checked, or where its program's inputs and outputs are not those that the file declares.
    """
    shapes = {name: spec.shape for name, spec in zip(file.input_names, file.model.inputs, strict=True)}
    bundle = compile_file(file.path, input_shapes=shapes)
    model = bundle.model
    if model.onnx_digest != file.digest:
        raise ModelError(f"{file.path} was changed while it was read.", hint="Start again.")
    if (model.inputs, model.output_tensors) != (file.model.inputs, file.model.output_tensors):
        told, made = (", ".join(map(str, specs)) for specs in (file.model.output_tensors, model.output_tensors))
        raise ModelError(f"{file.path} declares outputs {told}, its program yields {made}.", hint="Export it again.")
    return from_bundle(bundle)


def from_bundle(bundle: Bundle) -> CanonicalModel:
    """A bundle's program, ready to run."""
    return CanonicalModel(bundle.model, compile_plan(bundle.program), jumping_nodes(bundle.program))


def compile_models(files: Sequence[ModelFile]) -> dict[bytes, CanonicalModel | ModelError]:
    """Every file's program by the file's digest, or why it has none; the log tells of each.

    Raises `ModelError` at once where this thread flushes subnormals: then no program could be right.
    """
    require_ieee_thread()
    return {file.digest: _compiled(file) for file in files}


def _compiled(file: ModelFile) -> CanonicalModel | ModelError:
    _log.info("compiling_model", model=file.path.stem)
    began = time.perf_counter()
    try:
        compiled = compile_model(file)
    except ModelError as problem:
        _log.warning("model_not_compiled", model=file.path.stem, reason=str(problem))
        return problem
    _log.info(
        "model_compiled",
        model=file.path.stem,
        root=f"0x{compiled.model.program_root.hex()}",
        nodes=compiled.model.node_count,
        worst_leaf_gas=compiled.model.worst_leaf_gas,
        seconds=round(time.perf_counter() - began, 2),
    )
    return compiled
