"""ONNX's own node tests: what can be lowered must be right, and what cannot must say why."""

import pytest

from oracle.canonical.lower.model import OPSETS
from oracle.canonical.lower.ops import LOWERINGS
from oracle.canonical.program.validate import FORMATS
from scripts.operators import Case, Outcome, cases, operators, outcome


@pytest.fixture(scope="module")
def lowered() -> list[tuple[Case, Outcome]]:
    """The cases that use no operator but those we have."""
    return [(case, outcome(case)) for case in cases() if all(name in LOWERINGS for name in operators(case))]


def test_no_case_fails(lowered: list[tuple[Case, Outcome]]) -> None:
    """A wrong result here is a wrong verdict on-chain."""
    assert [(one.name, one.reason) for _, one in lowered if one.status == "failed"] == []
    assert sum(one.status == "passed" for _, one in lowered) > 500


def test_what_is_unsupported_has_another_dtype_or_opset(lowered: list[tuple[Case, Outcome]]) -> None:
    """Nothing within the formats and opsets of programs may be refused, but for training."""
    refused = [one for case, one in lowered if one.status == "unsupported" and within(case) and not _training(one)]
    assert refused == []


def _training(one: Outcome) -> bool:
    return one.reason.startswith("it is in training mode")


def within(case: Case) -> bool:
    """Whether inputs, outputs and opsets of the case are those of canonical programs."""
    values = (*case.model.graph.input, *case.model.graph.output)
    known = all(entry.version in OPSETS.get(entry.domain, ()) for entry in case.model.opset_import)
    return known and all(value.type.tensor_type.elem_type in FORMATS for value in values)
