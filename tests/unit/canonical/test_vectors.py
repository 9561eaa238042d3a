"""The vectors every way of computing must agree with, and their file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from oracle.canonical.program.node import Kind
from oracle.canonical.program.validate import validate_node
from oracle.canonical.vectors import Case, ReferencePath, check, read_cases
from oracle.errors import InputError

VECTORS = Path(__file__).parents[2] / "vectors" / "float32.json"


def _file(folder: Path, content: Any) -> Path:
    file = folder / "vectors.json"
    file.write_text(json.dumps(content))
    return file


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """All cases of the project's own file."""
    return read_cases(VECTORS)


def test_the_reference_agrees_with_every_vector(cases: list[Case]) -> None:
    """They were made apart from the project's code, from the definition alone."""
    assert len(cases) == 3595
    assert len({case.name for case in cases}) == 26
    assert check(cases, ReferencePath()) == []


def test_every_case_is_a_valid_node_of_one_element(cases: list[Case]) -> None:
    """So any way of computing nodes can be asked for it, the EVM too."""
    for case in cases:
        validate_node(case.node)
        assert case.node.count == 1
        assert [operand.view.count for operand in case.node.operands] == [len(column) for column in case.operands]


class _OneWrong:
    name = "wrong in its second bit"

    def compute(self, cases: Sequence[Case]) -> list[int]:
        """The expected bits but for one."""
        return [case.expected ^ (2 if position == 7 else 0) for position, case in enumerate(cases)]


def test_a_path_that_differs_is_reported_with_operands_and_both_results(cases: list[Case]) -> None:
    """A difference is the start of a search, so it must say what was computed from what."""
    (difference,) = check(cases[:9], _OneWrong())
    assert difference.position == 7
    text = str(difference)
    assert text.startswith(f"case 7, {cases[7].name}({cases[7].operands[0][0]:08x})")
    assert f"{cases[7].expected ^ 2:08x}, not {cases[7].expected:08x}." in text


class _Short:
    name = "short"

    def compute(self, cases: Sequence[Case]) -> list[int]:
        """One result too few."""
        return [case.expected for case in cases[1:]]


def test_a_path_that_skips_a_case_is_not_checked_at_all(cases: list[Case]) -> None:
    """Results that do not line up with cases would be compared with others' expectations."""
    with pytest.raises(ValueError, match="shorter"):
        check(cases[:5], _Short())


@pytest.mark.parametrize(
    ("case", "bits"),
    [
        ({"fn": "Pow", "x": ["40000000", "40400000"], "y": "41000000"}, 0x41000000),
        ({"fn": "PRelu", "x": ["c0000000", "3f000000"], "y": "bf800000"}, 0xBF800000),
        ({"fn": "Abs", "x": ["80000000"], "y": "00000000"}, 0),
        ({"fn": "Round", "x": ["40200000"], "y": "40000000"}, 0x40000000),
        ({"fn": "DOT", "a": ["3f800000"], "b": ["40000000"], "c": "3f800000", "y": "40400000"}, 0x40400000),
        ({"fn": "SUM", "a": [], "y": "00000000"}, 0),
        ({"fn": "SUM", "a": [], "c": "3f800000", "y": "3f800000"}, 0x3F800000),
        ({"fn": "MEAN", "a": [], "y": "7fc00000"}, 0x7FC00000),
    ],
)
def test_cases_of_every_shape_are_read(tmp_path: Path, case: dict[str, Any], bits: int) -> None:
    """Functions named as ONNX's, folds with and without an addend, and folds of nothing."""
    (read,) = read_cases(_file(tmp_path, {"cases": [case]}))
    assert read.node.kind is (Kind.FOLD if "a" in case else Kind.MAP)
    assert ReferencePath().compute([read]) == [bits] == [read.expected]


GOOD = {"fn": "Exp", "x": ["00000000"], "y": "3f800000"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "the file"),
        ({"seed": 1}, "cases"),
        ({"cases": [], "more": 1}, "more"),
        ({"cases": [GOOD, GOOD | {"fn": "Expm1"}]}, "case 1: no function of vectors is named Expm1"),
        ({"cases": [GOOD | {"x": []}]}, "case 0: a MAP EXP node has 0 values"),
        ({"cases": [GOOD | {"x": ["00000000"] * 2}]}, "case 0: a MAP EXP node has 2 values"),
        ({"cases": [GOOD | {"x": ["0x000000"]}]}, "cases.0"),
        ({"cases": [GOOD | {"x": ["0000000"]}]}, "cases.0"),
        ({"cases": [GOOD | {"y": "3F800000"}]}, "cases.0"),
        ({"cases": [{"fn": "Exp", "x": ["00000000"]}]}, "cases.0"),
        ({"cases": [{"fn": "DOT", "a": ["00000000"], "y": "00000000"}]}, "DOT has a and b of one length"),
        ({"cases": [{"fn": "DOT", "a": ["00000000"], "b": [], "y": "00000000"}]}, "DOT has a and b of one length"),
        ({"cases": [{"fn": "SUM", "a": [], "b": [], "y": "00000000"}]}, "other folds have a alone"),
        ({"cases": [{"fn": "MEAN", "a": [], "c": "00000000", "y": "00000000"}]}, "a FOLD MEAN node has 2 values"),
    ],
)
def test_a_bad_file_is_refused_in_words(tmp_path: Path, content: Any, words: str) -> None:
    """It says which case is wrong and why, and where a rule of nodes is broken, which."""
    with pytest.raises(InputError) as refusal:
        read_cases(_file(tmp_path, content))
    assert words in str(refusal.value)
    assert "vectors.json" in str(refusal.value)


def test_a_file_that_is_missing_or_no_json_is_refused(tmp_path: Path) -> None:
    """With a sentence, not a traceback."""
    with pytest.raises(InputError, match="cannot be read"):
        read_cases(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(InputError, match="no file of vectors: the file: Invalid JSON"):
        read_cases(tmp_path / "text.json")
