"""The canonical run's word on an answer, by an ONNX file; or why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak
from numpy.typing import NDArray

from oracle.canonical.bundle import Bundle
from oracle.canonical.commit import tensor_root
from oracle.canonical.model import Model
from oracle.canonical.tensor import encode
from oracle.chain.protocol import InputKind
from oracle.cli.catalogue import UNCOMPILED
from oracle.cli.evidence import Evidence
from oracle.errors import InputError, ModelError
from oracle.inference.canonical_model import from_bundle
from oracle.inference.checking import Checked, check_answer
from oracle.inference.inputs import read_input
from oracle.inference.recompiling import recompile


@dataclass(frozen=True, slots=True)
class Judged:
    """`checked` is the comparison, None where `reason` says why there is none.

    `same_file` and `same_program`: whether the file has the digest, and compiles to the program, that was published;
    None where that was not compared. `compiled` is what it compiles to.
    """

    reason: str | None
    checked: Checked | None
    compiled: Model | None = None
    same_file: bool | None = None
    same_program: bool | None = None

    @property
    def is_right(self) -> bool | None:
        """The canonical run's word; None where there is none."""
        return None if self.checked is None else self.checked.is_right


def judged(evidence: Evidence, file: Path, input_file: Path | None) -> Judged:
    """Compile `file`, compare it with the model that was published, run it, compare the answer.

    `input_file` is the input of a request that carries only its roots. Raises `ModelError` where there is no file,
    `InputError` where `input_file` is not the request's input.
    """
    if not file.is_file():
        raise ModelError(f"There is no model file at {file}.", hint="Check the path.")
    published = evidence.published
    if published is None:
        return Judged("its model was not published here, so nobody can say which tolerance it has", None)
    model = published.model
    if model is None or model.id != evidence.requested.request.model_id:
        return Judged("its model uses a dtype that this version does not know, or is not what its id says", None)
    if not any(model.program_root):
        return Judged(f"its model was published without a program; {UNCOMPILED}", None)
    try:
        bundle = recompile(file, model)
    except ModelError as problem:
        return Judged(f"the file does not compile to the published model: {problem.message}", None)
    made = bundle.model
    same_file, same_program = made.onnx_digest == model.onnx_digest, made.program_root == model.program_root
    reason = _mismatch(model, made)
    checked = None
    if reason is None and evidence.answer is not None:
        packed = _packed_input(evidence, model, bundle, input_file)
        if packed is None:
            reason = "its input is not on the chain: give it with --input"
        else:
            checked = check_answer(from_bundle(bundle), model, packed, evidence.answer.event.output)
    return Judged(reason, checked, made, same_file, same_program)


def _mismatch(model: Model, made: Model) -> str | None:
    """Why a published model cannot be judged by what the file compiles to; None if it can."""
    if made.program_root != model.program_root:
        if made.onnx_digest == model.onnx_digest:
            return (
                "the published program is not what this file compiles to here, though the file is the one it names: do "
                "not rely on this model (or publisher and you have different versions of assay)"
            )
        return "the file is not the published one and compiles to another program: it is another model"
    declared, true = ((each.node_count, each.worst_leaf_gas) for each in (model, made))
    if declared != true:
        return "the published model contradicts its own program: whoever challenges an answer to it voids the request"
    return None


def _packed_input(evidence: Evidence, model: Model, bundle: Bundle, input_file: Path | None) -> bytes | None:
    """The packed input: the chain's, or what `input_file` holds if its roots are the request's."""
    requested = evidence.requested
    if requested.request.input_kind is InputKind.BYTES:
        return requested.input
    if input_file is None:
        return None
    tensors = read_input(input_file, model.inputs, bundle.input_names)
    if keccak(_roots(tensors, model)) != requested.request.input_hash:
        raise InputError(f"{input_file} is not the request's input: its roots are others.", hint="Get the right one.")
    return encode(tensors, model.inputs)


def _roots(tensors: Sequence[NDArray[Any]], model: Model) -> bytes:
    return b"".join(tensor_root(spec.dtype, tensor) for tensor, spec in zip(tensors, model.inputs, strict=True))
