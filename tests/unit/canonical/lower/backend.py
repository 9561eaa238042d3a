"""ONNX's own backend tests as cases for lowering: each generated node test, run through canonical execution.

A case is `passed`, `unsupported` with the reason lowering gave, or `failed` with what was wrong.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.case.test_case import TestCase as Case

from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.lower import lower
from oracle.canonical.lower.proto import array
from oracle.canonical.program.program import validate_program
from oracle.canonical.program.validate import FORMATS
from oracle.errors import ModelError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case: `passed`, `unsupported` or `failed`, and why."""

    name: str
    operators: tuple[str, ...]
    status: str
    reason: str = ""


@cache
def cases() -> tuple[Case, ...]:
    """Every generated node test of the installed onnx release, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tuple(sorted(collect_testcases(None), key=lambda case: case.name))


def outcome(case: Case) -> Outcome:
    """Lower the case's model, execute it on the case's inputs and compare within the suite's tolerance.

    Where inputs must be known when the program is made, all but the first are bound to the case's values, then all.
    """
    model = case.model
    operators = tuple(
        sorted({f"{node.domain + '.' if node.domain else ''}{node.op_type}" for node in model.graph.node})
    )
    for bound in (slice(0, 0), slice(1, None), slice(None)):
        try:
            problem = _problem(case, bound)
        except ModelError as error:
            reason = str(error)
        else:
            return Outcome(case.name, operators, "failed" if problem else "passed", problem)
    return Outcome(case.name, operators, "unsupported", reason)


def _problem(case: Case, bound: slice) -> str:
    """What is wrong with the case's outputs, "" if nothing. Inputs in `bound` are made constants: shapes, axes, ..."""
    names = [value.name for value in case.model.graph.input]
    for inputs, wanted in case.data_sets:
        given = dict(zip(names, map(_tensor, inputs), strict=True))
        constants = {name: given.pop(name) for name in names[bound]}
        shapes = {name: value.shape for name, value in given.items()}
        lowered = lower(case.model, input_shapes=shapes, input_values=constants)
        specs = tuple(s for _, s in lowered.inputs), tuple(s for _, s in lowered.outputs)
        validate_program(lowered.program, *specs)
        results = compile_plan(lowered.program).run(list(given.values()))
        for (name, spec), flat, right in zip(lowered.outputs, results, wanted, strict=True):
            if problem := _difference(flat.reshape(spec.shape), _tensor(right), case):
                return f"output {name}: {problem}"
    return ""


def _tensor(value: Any) -> NDArray[Any]:
    if isinstance(value, TensorProto):
        return array(value)
    if not isinstance(value, np.ndarray | np.generic):
        raise ModelError(f"a {type(value).__name__} is no tensor.")
    given = np.asarray(value)
    if given.dtype.name not in {dtype.label for dtype in FORMATS}:
        raise ModelError(f"{given.dtype.name} tensors are not supported.")
    return given


def _difference(got: NDArray[Any], wanted: NDArray[Any], case: Case) -> str:
    if got.dtype != wanted.dtype or got.shape != wanted.shape:
        return f"{got.dtype}{list(got.shape)} instead of {wanted.dtype}{list(wanted.shape)}"
    if np.allclose(got, wanted, rtol=case.rtol, atol=case.atol, equal_nan=True):
        return ""
    return f"{got.reshape(-1)[:8]} instead of {wanted.reshape(-1)[:8]}"


def outcomes(operators: set[str]) -> Iterator[Outcome]:
    """Outcomes of the cases that use none but `operators`, and at least one of them."""
    for case in cases():
        used = {node.op_type for node in case.model.graph.node}
        if used & operators:
            yield outcome(case)
