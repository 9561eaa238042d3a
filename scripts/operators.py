"""ONNX's own backend tests through canonical execution, and docs/operators.md, which says what became of them.

Each generated node test of the installed onnx release is lowered, executed and compared within the suite's tolerance.
It is `passed`, `unsupported` with the reason lowering gave, or `failed` with what was wrong.
"""

import argparse
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.case.test_case import TestCase as Case

from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.lower import lower
from oracle.canonical.lower.model import OPSETS
from oracle.canonical.lower.ops import LOWERINGS
from oracle.canonical.lower.proto import array, dtype_name
from oracle.canonical.program.validate import FORMATS
from oracle.errors import ModelError

PAGE = Path(__file__).resolve().parent.parent / "docs" / "operators.md"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case: `passed`, `unsupported` or `failed`, and why. `operators` are those of its graph."""

    name: str
    operators: tuple[tuple[str, str], ...]
    status: str
    reason: str = ""


@cache
def cases() -> tuple[Case, ...]:
    """Every generated node test of the installed onnx release, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tuple(sorted(collect_testcases(None), key=lambda case: case.name))


def operators(case: Case) -> tuple[tuple[str, str], ...]:
    """(domain, operator) of the case's nodes."""
    return tuple(sorted({(node.domain, node.op_type) for node in case.model.graph.node}))


def outcomes() -> Iterator[Outcome]:
    """Of every case, in order of their names."""
    for case in cases():
        yield outcome(case)


def outcome(case: Case) -> Outcome:
    """Lower the case's model, execute it on the case's inputs and compare within the suite's tolerance.

    Where inputs must be known when the program is made, all but the first are bound to the case's values, then all.
    """
    used = operators(case)
    if unknown := [name for name in used if name not in LOWERINGS]:
        return Outcome(case.name, used, "unsupported", f"operator {', '.join(filter(None, unknown[0]))}")
    reason = ""
    for bound in (slice(0, 0), slice(1, None), slice(None)):
        try:
            problem = _problem(case, bound)
        except ModelError as error:
            reason = error.message.rpartition(": ")[2]
        else:
            return Outcome(case.name, used, "failed" if problem else "passed", problem)
    return Outcome(case.name, used, "unsupported", reason)


def _problem(case: Case, bound: slice) -> str:
    """What is wrong with the case's outputs, "" if nothing. Inputs in `bound` are made constants: shapes, axes, ..."""
    names = [value.name for value in case.model.graph.input]
    for inputs, wanted in case.data_sets:
        given = dict(zip(names, map(_tensor, inputs), strict=True))
        constants = {name: given.pop(name) for name in names[bound]}
        shapes = {name: value.shape for name, value in given.items()}
        lowered = lower(_in_known_opset(case.model), input_shapes=shapes, input_values=constants)
        results = compile_plan(lowered.program).run(list(given.values()))
        for (name, spec), flat, right in zip(lowered.outputs, results, wanted, strict=True):
            if problem := _difference(flat.reshape(spec.shape), _tensor(right), case):
                return f"output {name}: {problem}"
    return ""


def _in_known_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model of an opset before 7 as one of 7, where its operators are the same in both; one after 26 as one of 26.

    A later definition that says something else shows as a failed case.
    """
    (version,) = [entry.version for entry in model.opset_import if not entry.domain] or [OPSETS[""].start]
    nearest = min(max(version, OPSETS[""].start), OPSETS[""].stop - 1)
    older = [node.op_type for node in model.graph.node if not node.domain and version < nearest]
    if version == nearest or any(onnx.defs.get_schema(n, nearest).since_version > version for n in older):
        return model
    same = onnx.ModelProto()
    same.CopyFrom(model)
    for entry in same.opset_import:
        if not entry.domain:
            entry.version = nearest
    return same


def _tensor(value: Any) -> NDArray[Any]:
    if isinstance(value, onnx.TensorProto):
        if value.data_type not in FORMATS:
            raise ModelError(f"{dtype_name(value.data_type)} tensors are not supported")
        return array(value)
    if not isinstance(value, np.ndarray | np.generic):
        raise ModelError("sequences, maps and optional values are not supported")
    given = np.asarray(value)
    if given.dtype.name not in {dtype.label for dtype in FORMATS}:
        name = "string" if given.dtype.kind in "OU" else given.dtype.name
        raise ModelError(f"{name} tensors are not supported")
    return given


def _difference(got: NDArray[Any], wanted: NDArray[Any], case: Case) -> str:
    if got.dtype != wanted.dtype or got.shape != wanted.shape:
        return f"{got.dtype}{list(got.shape)} instead of {wanted.dtype}{list(wanted.shape)}"
    if np.allclose(got, wanted, rtol=case.rtol, atol=case.atol, equal_nan=True):
        return ""
    return f"{got.reshape(-1)[:8]} instead of {wanted.reshape(-1)[:8]}"


def page(found: Iterable[Outcome]) -> str:
    """The text of docs/operators.md."""
    listed = list(found)
    rows: dict[tuple[str, str], Counter[str]] = {name: Counter() for name in LOWERINGS}
    reasons: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    several: Counter[str] = Counter()
    absent: Counter[str] = Counter()
    for one in listed:
        if one.reason.startswith("operator ") and one.status == "unsupported":
            absent[one.reason.removeprefix("operator ")] += 1
        elif len(one.operators) > 1:
            several[one.status] += 1
        else:
            rows[one.operators[0]][one.status] += 1
            if one.reason:
                reasons[one.operators[0]][one.reason] += 1
    total = Counter(one.status for one in listed)
    lines = [
        "# Operators",
        "",
        "What can be lowered to a canonical program, and what became of ONNX's own tests of it. Written by",
        "`scripts/operators.py`, which `make docs` runs.",
        "",
        f"Of the {len(listed)} generated node tests of onnx {onnx.__version__}, {total['passed']} passed, "
        f"{total['unsupported']} are unsupported, {total['failed']} failed.",
        f"Tests of functions written out in several operators: {several['passed']} passed, "
        f"{several['unsupported']} unsupported, {several['failed']} failed.",
        "",
        "| operator | passed | unsupported | failed | reasons |",
        "|---|---:|---:|---:|---|",
        *(_row(name, rows[name], reasons[name]) for name in sorted(rows)),
        "",
        "Operators of these tests that cannot be lowered, with the number of tests: "
        + ", ".join(f"{name} {count}" for name, count in sorted(absent.items()))
        + ".",
        "",
    ]
    return "\n".join(lines)


def _row(name: tuple[str, str], counts: Counter[str], reasons: Counter[str]) -> str:
    why = "; ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items())).replace("|", "\\|")
    full = ".".join(filter(None, name))
    return f"| {full} | {counts['passed']} | {counts['unsupported']} | {counts['failed']} | {why} |"


def main() -> None:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    text = page(outcomes())
    if parser.parse_args().check:
        if not PAGE.is_file() or PAGE.read_text() != text:
            sys.exit("docs/operators.md is not what the tests say. Run `make docs`.")
        return
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
