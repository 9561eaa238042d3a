"""Whether onnxruntime on this machine agrees with canonical execution, within the tolerance that was published."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray

from oracle.canonical.model import Model
from oracle.canonical.tensor import TensorSpec
from oracle.canonical.tolerance import float64_of, wrong_elements
from oracle.errors import AssayError, ModelError
from oracle.inference.canonical_model import CanonicalModel
from oracle.services.engines import Engines
from oracle.services.serving import Served, why_not_fast

_log = structlog.get_logger(__name__)

_RANDOM_PROBES: Final = 8


@dataclass(frozen=True, slots=True)
class Disagreement:
    """The first element that onnxruntime got wrong, of `elements` in all."""

    output: str
    index: tuple[int, ...]
    onnxruntime: str
    canonical: str
    atol: float
    rtol: float
    elements: int

    def __str__(self) -> str:
        return (
            f"onnxruntime and canonical execution disagree on output {self.output!r}, element {list(self.index)}: "
            f"{self.onnxruntime} and {self.canonical}, with atol {self.atol:g} and rtol {self.rtol:g} allowed "
            f"({self.elements} elements are wrong)"
        )


def disagreement(
    answer: Sequence[NDArray[Any]], canonical: Sequence[NDArray[Any]], model: Model, names: Sequence[str]
) -> Disagreement | None:
    """Where `answer` is not right by the tolerance of `model`; None if it is. `names` are those of the outputs."""
    wrong = wrong_elements(answer, canonical, model.outputs)
    if not wrong:
        return None
    slot, flat = wrong[0]
    spec = model.outputs[slot]
    index = tuple(map(int, np.unravel_index(flat, spec.tensor.shape))) if spec.tensor.shape else ()
    given, truth = (str(tensors[slot].reshape(-1)[flat]) for tensors in (answer, canonical))
    return Disagreement(names[slot], index, given, truth, float64_of(spec.atol), float64_of(spec.rtol), len(wrong))


def begin(served: Served, engines: Engines, *, fast: bool) -> Served:
    """Say in the log how a model is served from now on; where `fast` is asked for, it is granted or refused here."""
    model = {"model": f"0x{served.model.id.hex()}", "name": served.name}
    _log.info("serving_model", **model)
    if served.program is None:
        _log.warning("model_without_program", **model, reason="nobody can dispute its answers")
        return served
    if not fast:
        return served
    problem = why_not_fast(served.model, served.program) or _self_check(served, served.program, engines)
    if problem is None:
        _log.warning("fast_model", **model, reason="onnxruntime's output is bonded unchecked")
    else:
        _log.warning("canonical_stays_on", **model, reason=problem)
    return replace(served, is_fast=problem is None)


def require_agreement(served: Served, program: CanonicalModel, engines: Engines) -> None:
    """Run a served model both ways on probes; raises `ModelError` where onnxruntime fails or the two disagree."""
    for kind, inputs in probes(served.model.inputs):
        (answer,) = engines.sessions.run(served.file, [inputs]).outputs
        if isinstance(answer, AssayError):
            raise ModelError(f"{served.file.path.name} fails on {kind}: {answer.message}", hint=answer.hint)
        canonical, _ = engines.canonical(program, inputs)
        found = disagreement(answer, canonical, served.model, served.file.output_names)
        if found is not None:
            raise ModelError(
                f"On {kind}, {found}.",
                hint="Do not serve the model from this machine: its onnxruntime or its processor computes otherwise "
                "than promised, or the published tolerance is too narrow.",
            )


def _self_check(served: Served, program: CanonicalModel, engines: Engines) -> str | None:
    """Why this machine's onnxruntime is not trusted with a model; None if it agrees with canonical execution."""
    try:
        require_agreement(served, program, engines)
    except ModelError as problem:
        return problem.message
    return None


def probes(specs: Sequence[TensorSpec]) -> Iterator[tuple[str, list[NDArray[Any]]]]:
    """Inputs to try a model on, always the same ones, each with what it is called."""
    yield "zeros", [np.zeros(spec.shape, spec.dtype.numpy) for spec in specs]
    random = np.random.default_rng(0)
    for number in range(_RANDOM_PROBES):
        yield f"random input {number}", [_random(random, spec) for spec in specs]


def _random(random: np.random.Generator, spec: TensorSpec) -> NDArray[Any]:
    kind = spec.dtype.numpy.kind
    values = random.random(spec.shape) if kind == "f" else random.integers(0, 2, spec.shape)
    return np.asarray(values).astype(spec.dtype.numpy)
