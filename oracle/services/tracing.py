"""From a packed input to a committed trace: what both sides of a dispute compute."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from oracle.canonical.prove import CommittedTrace
from oracle.canonical.tensor import decode
from oracle.inference.canonical_model import CanonicalModel


@dataclass(frozen=True, slots=True)
class Traced:
    """A canonical run: its trace with commitments, and its outputs in the model's dtypes and shapes."""

    trace: CommittedTrace
    outputs: tuple[NDArray[Any], ...]


def trace_packed(program: CanonicalModel, packed: bytes, threads: int = 1) -> Traced:
    """The trace of a program on a packed input; raises `InputError` where that does not fit."""
    return trace_of(program, decode(packed, program.model.inputs), threads)


def trace_of(
    program: CanonicalModel, inputs: Sequence[NDArray[Any]], threads: int = 1, *, all_exact: bool = False
) -> Traced:
    """The trace on inputs in slot order; `all_exact` sends every sum through the exact path, as slow inputs do."""
    tensors: list[NDArray[Any]] = []
    flat = program.plan.run(inputs, lambda _, tensor: tensors.append(tensor), threads, all_exact=all_exact)
    specs = program.model.output_tensors
    outputs = tuple(tensor.reshape(spec.shape) for tensor, spec in zip(flat, specs, strict=True))
    return Traced(CommittedTrace(program.plan.program, tensors), outputs)
