"""`docs/attacks.md` names every attack, and the files of the tests that play it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "attacks.md"
LEAST_ROWS = 75
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
LINK = re.compile(r"\]\(\.\./(tests/[^)]+)\)")
TEST = re.compile(r"^\s*(?:def|function) test_attack_((?:\d+_)+)\w+\(", re.MULTILINE)


def claimed(page: str) -> set[tuple[int, str]]:
    """Each row with each file it says its tests are in."""
    return {(int(row), file) for row, _, tests in ROW.findall(page) for file in LINK.findall(tests)}


def played(root: Path) -> set[tuple[int, str]]:
    """Each row with each file in `root`/tests that has a test named after it, alone or with other rows."""
    sources = [(path, path.read_text()) for path in (root / "tests").rglob("*") if path.suffix in {".py", ".sol"}]
    named = [(rows, str(path.relative_to(root))) for path, source in sources for rows in TEST.findall(source)]
    return {(int(row), file) for rows, file in named for row in rows.rstrip("_").split("_")}


def corrections(page: str, shown: set[tuple[int, str]]) -> str:
    """The rows that name other files than `shown`, one a line, as they should be."""
    names = {int(row): name for row, name, _ in ROW.findall(page)}
    wrong = {row for row, _ in claimed(page) ^ shown} | (names.keys() - {row for row, _ in shown})
    return "\n".join(f"| {row} | {names.get(row, 'NAME THE ATTACK')} | {_links(row, shown)} |" for row in sorted(wrong))


def _links(row: int, shown: set[tuple[int, str]]) -> str:
    files = sorted(file for number, file in shown if number == row)
    return ", ".join(f"[{Path(file).name.split('.')[0]}](../{file})" for file in files) or "WRITE A TEST"


def test_the_table_names_each_row_once() -> None:
    """A row that is lost is an attack nobody thinks of any more."""
    rows = [int(row) for row, _, _ in ROW.findall(PAGE.read_text())]
    assert rows == list(range(1, max(LEAST_ROWS, len(rows)) + 1))


def test_every_row_names_the_files_of_its_tests_and_no_others() -> None:
    """A defence is claimed exactly where a test shows it, and no attack goes without."""
    wanted = corrections(PAGE.read_text(), played(ROOT))
    assert not wanted, f"in docs/attacks.md these rows should read:\n{wanted}"


@pytest.mark.parametrize(
    ("source", "file", "rows"),
    [
        ("def test_attack_05_by_day(world):\n", "test_a.py", {5}),
        ("    function test_attack_5_by_night() external {\n", "A.t.sol", {5}),
        ("def test_attack_5_6_both(world):\n", "test_a.py", {5, 6}),
        ("# test_attack_7_told\ndef help_attack_8_only(world):\n", "test_a.py", set()),
    ],
)
def test_tests_are_found_by_their_names(tmp_path: Path, source: str, file: str, rows: set[int]) -> None:
    """A test that is not found could vanish without anybody noticing."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / file).write_text(source)
    assert played(tmp_path) == {(row, f"tests/{file}") for row in rows}


def test_what_is_corrected() -> None:
    """A check that cannot fail proves nothing: too few files, none, one too many, and a row that is not there."""
    page = "| 5 | Theft | [a](../tests/a.py) |\n| 6 | Fire | with luck |\n| 7 | Flood | [c](../tests/c.py) |\n"
    shown = {(5, "tests/a.py"), (5, "tests/B.t.sol"), (8, "tests/a.py")}
    assert corrections(page, shown).splitlines() == [
        "| 5 | Theft | [B](../tests/B.t.sol), [a](../tests/a.py) |",
        "| 6 | Fire | WRITE A TEST |",
        "| 7 | Flood | WRITE A TEST |",
        "| 8 | NAME THE ATTACK | [a](../tests/a.py) |",
    ]
    assert corrections("| 5 | Theft | [a](../tests/a.py); and more |\n", {(5, "tests/a.py")}) == ""
