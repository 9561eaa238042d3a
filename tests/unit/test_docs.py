"""The docs name what exists, and `scripts/docs.py` writes what was measured."""

import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from oracle.chain import authority
from oracle.cli.main import app
from oracle.settings import Settings, load_settings
from scripts import docs

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "contracts" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
TARGET = re.compile(r"^([a-z0-9-]+):.*## ", re.MULTILINE)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def broken_links(page: Path) -> list[str]:
    """The links of a page that lead nowhere in this repository."""
    wrong = []
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


def code_of(page: Path) -> Iterator[str]:
    """The shell lines and the inline code of a page."""
    text = page.read_text()
    for language, block in FENCE.findall(text):
        if language in {"sh", "ini"}:
            yield from block.splitlines()
    yield from CODE.findall(FENCE.sub("", text))


def assay_calls(line: str) -> list[list[str]]:
    """The calls of `assay` in a shell line, each as its arguments; a line may hold several."""
    calls = []
    for command in re.split(r"&&|\|\||;|=(?=/)", line.split("  #", maxsplit=1)[0].strip()):
        words = shlex.split(command, comments=True)
        if words and (words[0] == "assay" or words[0].endswith("/assay")):
            calls.append(words[1:])
    return calls


def unknown_in(arguments: list[str]) -> list[str]:
    """The first command or flag among `arguments` that the command line does not have."""
    command, words = typer.main.get_command(app), iter(arguments)
    for word in words:
        commands = getattr(command, "commands", None)
        if word in {"-h", "--help"}:
            continue
        if word.startswith("-"):
            option = next((each for each in command.params if word in each.opts), None)
            if option is None:
                return [word]
            if not option.is_flag:
                next(words, None)
        elif commands is not None:
            names = word.split("|")  # `assay model publish|list|show`
            if not set(names) <= commands.keys():
                return [word]
            command = commands[names[0]]
    return []


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    """A guide with a dead link leaves its reader alone at the step that mattered."""
    assert broken_links(page) == []


@each_page
def test_commands_and_flags_exist(page: Path) -> None:
    """Who copies a command from a guide must not meet `No such option`."""
    calls = [call for line in code_of(page) for call in assay_calls(line)]
    assert [(call, unknown_in(call)) for call in calls if unknown_in(call)] == []


@each_page
def test_make_targets_exist(page: Path) -> None:
    """The same for make."""
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    named = {name for line in code_of(page) for name in re.findall(r"(?:^|&& )make ([a-z][a-z0-9-]*)", line)}
    assert named - targets == set()


def test_guides_name_commands_at_all() -> None:
    """The checks above would pass for pages in which they find nothing."""
    found = [call for page in PAGES for line in code_of(page) for call in assay_calls(line)]
    assert len(found) > 40
    assert {"request", "operator", "keeper", "doctor", "devnet"} <= {word for call in found for word in call}


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("assay requst credit", ["requst"]),
        (".venv/bin/assay request credit --inptu x", ["--inptu"]),
        ("assay --as operator-1 model shw credit", ["shw"]),
        ("assay --as operator-1 model show credit --json", []),
    ],
)
def test_the_check_of_commands_finds_mistakes(line: str, wrong: list[str]) -> None:
    """A check that cannot fail proves nothing."""
    (call,) = assay_calls(line)
    assert unknown_in(call) == wrong


def test_the_check_of_links_finds_mistakes(tmp_path: Path) -> None:
    """The same for links: a missing file, a missing heading, and one of each that is there."""
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading, here\n[a](none.md) [b](#nothing) [c](#a-heading-here) [d](page.md) [e](https://x.org)\n"
    )
    assert broken_links(page) == ["none.md", "#nothing"]


def annotated(page: str = "operator") -> str:
    """The configuration file of a guide."""
    guide = (ROOT / "docs" / "guides" / f"{page}.md").read_text()
    (example,) = [block for language, block in FENCE.findall(guide) if language == "toml"]
    return example


def test_the_annotated_configuration_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown names and wrong types are refused at start: the guide must not teach any."""
    for name in list(os.environ):
        if name.startswith("ASSAY_"):
            monkeypatch.delenv(name)
    file = tmp_path / "assay.toml"
    file.write_text(annotated())
    settings = load_settings(file)
    assert settings.signer.keystore == tmp_path / "keys" / "operator.json"


@pytest.mark.parametrize("page", ["operator", "challenger"])
def test_the_annotated_configuration_shows_the_defaults(page: str) -> None:
    """Who deletes a line must get what the line said, apart from those the guide names."""
    shown = tomllib.loads(annotated(page))
    own = {("store", "path"), ("operator", "models"), ("http", "port"), ("log", "file")}
    for section, values in shown.items():
        fields = Settings.model_fields[section].annotation.model_fields
        for name, value in values.items():
            if fields[name].is_required() or section == "signer" or (section, name) in own:
                continue
            default = fields[name].get_default(call_default_factory=True)
            default = str(default) if isinstance(default, Path) else default
            assert (list(default) if isinstance(default, tuple) else default) == value, f"{section}.{name}"


def test_the_table_of_authority_is_the_maps() -> None:
    """The page is written by `make docs`; by hand it would say what nobody checks."""
    assert docs.rewrite(ROOT, "authority", write=False) == []
    assert authority.table() in (ROOT / "docs" / "authority.md").read_text()


BENCH = {
    "machine": {"cpu": "A CPU", "cores": 2, "os": "Linux-6.1-x86_64"},
    "versions": {"python": "3.11.7"},
    "gas": {name: 1_000 + place for place, name in enumerate(docs.GAS)},
    "worker": {"ms_p50": 3.25, "ms_p99": 9.5, "answers_per_s": 412.0},
}


def repository(folder: Path) -> Path:
    """A folder with a README to fill and the figures to fill it with."""
    (folder / "docs").mkdir()
    (folder / "build").mkdir()
    (folder / "README.md").write_text("Before\n<!-- figures:begin -->\nold\n<!-- figures:end -->\nAfter\n")
    (folder / "build" / "bench.json").write_text(json.dumps(BENCH))
    return folder


def test_figures_are_written_between_their_markers(tmp_path: Path) -> None:
    """Figures in the docs are those that were measured, and nothing else on the page changes."""
    root = repository(tmp_path)
    assert docs.rewrite(root, "figures", write=True) == [root / "README.md"]
    page = (root / "README.md").read_text()
    assert page.startswith("Before\n")
    assert page.endswith("\nAfter\n")
    assert "1,003 gas" in page
    assert "3.25 ms" in page
    assert "old" not in page
    assert docs.rewrite(root, "figures", write=False) == []


def test_stale_figures_are_found_without_being_written(tmp_path: Path) -> None:
    """`--check` must neither pass on old figures nor repair them in silence."""
    root = repository(tmp_path)
    assert docs.rewrite(root, "figures", write=False) == [root / "README.md"]
    assert "old" in (root / "README.md").read_text()


def test_missing_figures_end_with_what_to_run(tmp_path: Path) -> None:
    """Whoever runs `make docs` first needs to know that `make bench` comes before."""
    root = repository(tmp_path)
    del (lacking := json.loads(json.dumps(BENCH)))["gas"]["lifecycle"]
    (root / "build" / "bench.json").write_text(json.dumps(lacking))
    with pytest.raises(SystemExit, match=r"lifecycle.*make bench"):
        docs.rewrite(root, "figures", write=True)
    (root / "build" / "bench.json").unlink()
    with pytest.raises(SystemExit, match="make bench"):
        docs.rewrite(root, "figures", write=True)


def test_a_marker_without_its_partner_is_refused() -> None:
    """A lost end marker would otherwise leave old figures standing for ever."""
    with pytest.raises(ValueError, match="lacks its partner"):
        docs.filled("<!-- figures:begin -->\nold\n", "figures", "new")


def test_every_place_has_figures_to_fill_it() -> None:
    """A place with a misspelt name would never be filled."""
    names = {name for page in docs.pages(ROOT) for name in re.findall(r"<!-- (\w+):begin -->", page.read_text())}
    assert names == {*docs.SOURCES, *docs.GENERATED}


JUDGE = {
    "fast_elements": 10_000_000,
    "mpfr_elements": 10_000_000,
    "fuzz_cases": 1_000_000,
    "model_claims": 9_000,
    "differences": 0,
    "gas_per_term": 126.6,
    "dot_1152_gas": 680_000,
    "function_gas_max": 4_900,
    "cost_model_error_max": 0.25,
    "worst_leaf": {"digits": {"gas": 380_000, "bytes": 9_000}},
}


def test_the_table_of_the_judge_says_how_many_mutants_were_killed_if_that_was_measured() -> None:
    """Mutation tests are a long part that a benchmark may leave out; the rest of the table must not depend on it."""
    plain = docs.judge({"verifier": JUDGE})
    whole = docs.judge({"verifier": {**JUDGE, "mutants_killed": 314, "mutants_total": 315, "mutants_equivalent": 16}})
    assert "| **differences** | 0 |" in plain
    assert "| dearest one-step proof of digits, bound | 380,000 gas, 9,000 bytes |" in plain
    killed = "314 of 315, besides 16 that compute the same"
    assert whole == f"{plain}\n| mutants of the contracts killed (`python -m bench --mutation`) | {killed} |"


DISPUTES = {
    "machine": {"cpu": "a CPU"},
    "versions": {"anvil": "1.0"},
    "dispute": {
        name: {
            "onnx_nodes": 8,
            "nodes": 16,
            "leaves": 1_728,
            "transactions": 7,
            "compute_seconds": 0.25,
            "leaf_gas": 2 * gas,
            "judging_gas": gas,
            "gas_operator": 700_000,
            "gas_challenger": 900_000,
            "gas_by_move": {"challenge": 160_000, "proveStep": 2 * gas},
        }
        for name, gas in (("digits", 80_000), ("magika", 360_000))
    },
    "crowd": {
        "challengers": 50,
        "demands": 50,
        "move_time": 60,
        "due_within_move": 9,
        "gas_of_a_move": 8_000_000,
        "gas_of_a_transaction": 1_000_000,
        "lasted": 2_398,
        "bound": 3_212,
    },
    "challenger": {"ms_per_answer": {"digits": 0.25}, "ms_per_screened_answer": {"digits": 0.04}},
}


def test_the_tables_of_disputes_say_what_each_model_took() -> None:
    """Who weighs a bond against gas reads these figures; none may stand in another's column."""
    lines = docs.dispute(DISPUTES).splitlines()
    assert lines[2] == "| digits | 8 | 16 | 1,728 | 7 | 900,000 | 700,000 | 160,000 | 80,000 | 0.25 |"
    assert docs.moves(DISPUTES).splitlines() == [
        "| gas of | digits | magika |",
        "|---|---:|---:|",
        "| `challenge` | 160,000 | 160,000 |",
        "| `proveStep` | 160,000 | 720,000 |",
    ]
    assert "| digits | 0.25 | 0.04 |" in docs.watching(DISPUTES)


def test_the_worst_of_a_crowd_is_what_may_fall_due_at_the_dearest() -> None:
    """What was measured within one moveTime depends on where its seconds fall; the rules allow one demand more."""
    told = docs.crowd(DISPUTES)
    assert "at the dearest** | 9,000,000 gas |" in told
    assert "| 30% of 30 M, 25% of 36 M, 15% of 60 M |" in told


def test_the_conviction_shown_is_one_that_was_played() -> None:
    """A story made up for the page would be the first thing a reader finds out."""
    assert docs.conviction({"dispute": [{"words": "one\ntwo"}, {"words": "three"}]}) == "```text\none\ntwo\n```"
    with pytest.raises(KeyError, match="dispute"):
        docs.conviction({"dispute": []})
