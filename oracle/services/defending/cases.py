"""What an operator can show for an answer in dispute: its trace, or why there is nothing to show."""

from dataclasses import dataclass

from oracle.canonical.prove import CommittedTrace
from oracle.canonical.tensor import decode
from oracle.canonical.tracing import trace_of
from oracle.errors import InputError
from oracle.metrics import DefenceFailure
from oracle.services.agreement import disagreement
from oracle.services.serving import Served
from oracle.store.requests import StoredRequest


@dataclass(frozen=True, slots=True)
class Case:
    """The trace that bears an answer out."""

    trace: CommittedTrace


@dataclass(frozen=True, slots=True)
class NoCase:
    """Why an answer cannot be defended: for a counter, and in words for a log."""

    failure: DefenceFailure
    words: str


def prepare(stored: StoredRequest, served: Served | None, threads: int = 1) -> Case | NoCase:
    """Run the model canonically and see whether the answer stored is right by it."""
    if served is None or served.program is None:
        return NoCase(DefenceFailure.NOT_SERVED, "its model is not served any more: serve it again, with its program")
    model, program = served.model, served.program
    try:
        answer = decode(stored.output or b"", model.output_tensors)
        trace = trace_of(program.plan, model.inputs, stored.input, threads)
    except InputError as problem:
        return NoCase(
            DefenceFailure.WRONG_ANSWER, f"our answer is none of the model's to this input: {problem.message}"
        )
    canonical = [
        trace.tensors[node].flat.view(spec.dtype.numpy).reshape(spec.shape)
        for node, spec in zip(program.plan.program.output_nodes, model.output_tensors, strict=True)
    ]
    found = disagreement(answer, canonical, model, served.file.output_names)
    if found is not None:
        where = f"element {list(found.index)} of output {found.output!r}"
        words = f"our answer is wrong: {where} is {found.onnxruntime}, canonically {found.canonical}"
        return NoCase(DefenceFailure.WRONG_ANSWER, words)
    return Case(trace)
