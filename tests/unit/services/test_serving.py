"""Serving: a file answers for a published model only if it is that model."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from oracle.canonical.model import OutputSpec
from oracle.canonical.tensor import DType, TensorSpec
from oracle.errors import ModelError
from oracle.services.serving import load_files, serve, why_not_fast
from tests.unit.services.world import MODELS, compiled, model_file, tolerant, with_program

CREDIT, DIGITS = model_file("credit"), model_file("digits")
PROGRAMS = {model_file(name).digest: compiled(name) for name in ("credit", "digits")}
OTHER_SPEC = TensorSpec(DType.FLOAT, (1, 7))


def test_files_serve_the_models_published_from_them():
    """By digest and specs, whatever the file is called."""
    served = serve([CREDIT, DIGITS], PROGRAMS, [DIGITS.model, CREDIT.model])
    assert set(served) == {CREDIT.model.id, DIGITS.model.id}
    assert served[CREDIT.model.id].file is CREDIT
    assert served[CREDIT.model.id].name == "credit"


def test_where_answers_can_be_disputed_a_model_without_a_program_is_not_served():
    """Its answers would be right and lost all the same: there is no trace to show."""
    bare, whole = CREDIT.model, with_program("credit")
    with capture_logs() as logs:
        assert set(serve([CREDIT], PROGRAMS, [bare, whole], disputed=True)) == {whole.id}
    assert [each["reason"] for each in logs] == [
        "it has no program: whoever disputes an answer wins, for no trace could defend it"
    ]


def test_one_file_serves_every_publication_of_it():
    """Two publishers may announce it with other tolerances: other ids, the same outputs."""
    wider, program = tolerant(CREDIT.model, 0.5), with_program("credit", 0.5)
    assert set(serve([CREDIT], PROGRAMS, [CREDIT.model, wider, program])) == {
        CREDIT.model.id,
        wider.id,
        program.id,
    }


@pytest.mark.parametrize(
    "published",
    [
        replace(CREDIT.model, onnx_digest=bytes(32)),
        replace(CREDIT.model, inputs=(OTHER_SPEC,)),
        replace(CREDIT.model, outputs=(OutputSpec(OTHER_SPEC),)),
    ],
    ids=["another digest", "other inputs", "other outputs"],
)
def test_what_differs_from_what_was_published_is_not_served(published):
    """An answer for it would be bonded on something this file does not compute, or that nobody checked."""
    assert serve([CREDIT], PROGRAMS, [published]) == {}


def test_a_model_is_served_with_the_program_that_was_published():
    """Its output is what the operator bonds, so it must be the one the chain judges by."""
    published = with_program("credit")
    served = serve([CREDIT, DIGITS], PROGRAMS, [published, CREDIT.model])
    assert served[published.id].program is compiled("credit")
    assert served[CREDIT.model.id].program is None


@pytest.mark.parametrize(
    ("poison", "said"),
    [
        ({"program_root": compiled("digits").model.program_root}, "program root"),
        ({"node_count": 12}, "node count"),
        ({"worst_leaf_gas": 1}, "worst leaf gas"),
    ],
    ids=["another program", "another node count", "another worst leaf"],
)
def test_attack_69_a_known_digest_beside_a_poisoned_program_is_not_served(poison, said):
    """The chain judges by the program: whoever bonds what the file yields would lose to the publisher."""
    with capture_logs() as logs:
        assert serve([CREDIT], PROGRAMS, [replace(with_program("credit"), **poison)]) == {}
    (line,) = logs
    assert line["event"] == "model_not_served"
    (value,) = poison.values()
    assert f"its {said} is published as {f'0x{value.hex()}' if isinstance(value, bytes) else value}" in line["reason"]
    assert line["reason"].count(" is published as ") == 1


def test_attack_69_a_program_that_this_file_does_not_have_is_not_served():
    """What cannot be compiled here cannot be checked here."""
    programs = {CREDIT.digest: ModelError("2 nodes cannot be lowered: Foo, Bar")}
    with capture_logs() as logs:
        assert serve([CREDIT], programs, [with_program("credit")]) == {}
        assert set(serve([CREDIT], programs, [CREDIT.model])) == {CREDIT.model.id}
    assert [line["reason"] for line in logs] == [
        "it names a program, and this file has none: 2 nodes cannot be lowered: Foo, Bar"
    ]


def test_fast_is_for_continuous_programs_with_a_tolerance():
    """A jump, or a tolerance of zero, turns honest rounding noise into a wrong answer."""
    assert why_not_fast(with_program("digits"), compiled("digits")) is None
    assert why_not_fast(with_program("digits", 0.0), compiled("digits")) == "its output 0 has no absolute tolerance"
    assert why_not_fast(with_program("credit"), compiled("credit")) == "its program has discontinuous nodes (TREE)"


def test_configured_files_are_checked_at_start():
    """A wrong path is an error now, not at the first request."""
    assert [file.model for file in load_files([MODELS / "credit.onnx"], {})] == [CREDIT.model]
    with pytest.raises(ModelError):
        load_files([MODELS / "README.md"], {})
