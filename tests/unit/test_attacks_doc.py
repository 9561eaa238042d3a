"""`docs/attacks.md` names every attack, and the files of the tests that play it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "attacks.md"
ROWS = 85
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
LINK = re.compile(r"\]\(\.\./(tests/[^)]+)\)")
TEST = re.compile(r"^\s*(?:def|function) test_attack_(\d+)_\w+\(", re.MULTILINE)
LATER = ("with canonical execution", "with disputes")


def claimed(page: str) -> set[tuple[int, str]]:
    """Each row with each file it says its tests are in."""
    return {(int(row), file) for row, _, tests in ROW.findall(page) for file in LINK.findall(tests)}


def played(root: Path) -> set[tuple[int, str]]:
    """Each row with each file in `root`/tests that has a test named after it."""
    sources = (path for path in (root / "tests").rglob("*") if path.suffix in {".py", ".sol"})
    return {(int(row), str(path.relative_to(root))) for path in sources for row in TEST.findall(path.read_text())}


def unanswered(page: str) -> list[int]:
    """The rows that neither name a test nor say what they wait for."""
    return [int(row) for row, _, tests in ROW.findall(page) if not LINK.search(tests) and tests not in LATER]


def test_the_table_names_each_row_once() -> None:
    """A row that is lost is an attack nobody thinks of any more."""
    assert [int(row) for row, _, _ in ROW.findall(PAGE.read_text())] == list(range(1, ROWS + 1))


def test_the_table_names_the_tests_that_exist_and_no_others() -> None:
    """A defence is claimed exactly where a test shows it; after adding a test, name its file in its row."""
    said, shown = claimed(PAGE.read_text()), played(ROOT)
    assert sorted(said - shown) == [], "docs/attacks.md names files without a test of that row"
    assert sorted(shown - said) == [], "docs/attacks.md does not name these files in their rows"


def test_every_row_names_a_test_or_what_it_waits_for() -> None:
    """An open row must be visibly open."""
    assert unanswered(PAGE.read_text()) == []


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("def test_attack_05_by_day(world):\n", "test_a.py"),
        ("    function test_attack_5_by_night() external {\n", "A.t.sol"),
    ],
)
def test_the_check_of_the_table_finds_mistakes(tmp_path: Path, source: str, file: str) -> None:
    """A check that cannot fail proves nothing."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / file).write_text(source)
    assert played(tmp_path) == {(5, f"tests/{file}")}
    assert claimed(f"| 5 | Theft | [a](../tests/{file}); more with disputes |\n") == {(5, f"tests/{file}")}
    assert unanswered("| 5 | Theft | soon |\n| 6 | Fire | with disputes |\n") == [5]
