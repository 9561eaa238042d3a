"""`make docs`: writes tables into the marked places of the docs: figures of `build/*.json`, and who may call what.

A place is what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->` in README.md or docs/. `--check` writes
nothing and fails where the figures in the docs are not those of `build/bench.json`, or the table of authority is old.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from oracle.chain import authority

ROOT = Path(__file__).resolve().parent.parent

GAS = {
    "request": "request: 128 bytes in, with a callback asked for",
    "answer": "answer: 12 bytes out, by the named operator itself",
    "finalize": "finalize, less the gas inside the callback",
    "lifecycle": "**all three**",
    "lifecycle_without_callback": "all three, where no callback was asked for",
    "lifecycle_relayed": "all three, the answer signed by the operator and sent by somebody else",
    "lifecycle_storing_consumer": "all three, requested by a contract that stores its answer; its own gas included",
    "batch64_per_request": "answer and finalize, each of a batch of 64, consumers that emit an event",
}
WORKER = {
    "ms_p50": ("the operator's own time per answer, median (without inference and waiting for endpoints)", "ms"),
    "ms_p99": ("the same, 99th percentile", "ms"),
    "answers_per_s": ("answers per second, one operator, batched, on a local chain", ""),
}

BLOCKS = (30, 36, 60)
"""Gas of a block, in millions, that a chain may have."""


def figures(bench: Mapping[str, Any]) -> str:
    """The table of what `make bench` measured, and where; raises `KeyError` for a figure that is not there."""
    gas, worker, machine = bench["gas"], bench["worker"], bench["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['os'].partition('-')[0]}"
    versions = ", ".join(f"{name} {version}" for name, version in bench["versions"].items())
    lines = [
        "| credit model, measured by `make bench` | |",
        "|---|---:|",
        *(f"| {text} | {gas[name]:,} gas |" for name, text in GAS.items()),
        *(f"| {text} | {worker[name]:,g} {unit}".rstrip() + " |" for name, (text, unit) in WORKER.items()),
        "",
        f"On {where}; {versions}. Gas: receipts of anvil; stake and request slots as in everyday use.",
    ]
    return "\n".join(lines)


def canonical(bench: Mapping[str, Any]) -> str:
    """The table of canonical execution beside the plain run; raises `KeyError` for a figure that is not there."""
    rows = [
        f"| {name} | {run['nodes']} | {run['plain_ms']:g} | {run['canonical_ms']:g} | {run['ratio']:g} | "
        f"{run['all_exact_ms']:g} | {run['exact_share']:g} | {run['commit_ms']:g} | {run['commit_mb_s']:g} | "
        f"{bench['compile'][name]['seconds']:g} |"
        for name, run in bench["canonical"].items()
    ]
    lines = [
        "| model | nodes | plain, ms | canonical, ms | ratio | all sums exact, ms | open sums | commitment, ms | MB/s "
        "| compiling, s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *rows,
        "",
        f"Medians of the time of one thread, on {bench['machine']['cpu']}; "
        f"onnxruntime {bench['versions']['onnxruntime']}, NumPy {bench['versions']['numpy']}. "
        "The MobileNet has random weights.",
    ]
    return "\n".join(lines)


def judge(bench: Mapping[str, Any]) -> str:
    """The table of the verifier contracts; raises `KeyError` for a figure that is not there."""
    found = bench["verifier"]
    compared = (
        ("elements computed by the fast path and the reference", "fast_elements"),
        ("elements computed by the fast path and MPFR", "mpfr_elements"),
        ("elements computed by the reference and the EVM, hostile proofs among them", "fuzz_cases"),
        ("claims about traces of the sample models", "model_claims"),
    )
    lines = [
        "| the judge, measured by `make bench` | |",
        "|---|---:|",
        *(f"| {text} | {found[name]:,} |" for text, name in compared),
        f"| **differences** | {found['differences']} |",
        f"| one product of a DOT | {found['gas_per_term']:g} gas |",
        f"| one element of a DOT of 1,152 products, the whole call | {found['dot_1152_gas']:,} gas |",
        f"| a function of one operand, at most | {found['function_gas_max']:,} gas |",
        f"| static cost above the measured, realistic nodes, at most | {found['cost_model_error_max']:.0%} |",
        *(
            f"| dearest one-step proof of {name}, bound | {leaf['gas']:,} gas, {leaf['bytes']:,} bytes |"
            for name, leaf in found["worst_leaf"].items()
        ),
    ]
    if "mutants_total" in found:  # `make bench` leaves this long part out
        killed = f"{found['mutants_killed']} of {found['mutants_total']}, besides {found['mutants_equivalent']}"
        lines.append(
            f"| mutants of the contracts killed (`python -m bench --mutation`) | {killed} that compute the same |"
        )
    return "\n".join(lines)


def dispute(bench: Mapping[str, Any]) -> str:
    """The table of what disputes cost, by model; raises `KeyError` for a figure that is not there."""
    rows = [
        f"| {name} | {run['onnx_nodes']} | {run['nodes']} | {run['leaves']:,} | {run['transactions']} "
        f"| {run['gas_challenger']:,} | {run['gas_operator']:,} | {run['leaf_gas']:,} | {run['judging_gas']:,} "
        f"| {run['compute_seconds']:g} |"
        for name, run in bench["dispute"].items()
    ]
    lines = [
        "| model | ONNX nodes | program nodes | most leaves | transactions | gas, challenger | gas, operator "
        "| gas, proof | of it judging | computing, s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *rows,
        "",
        f"From the challenge to the conviction, on anvil {bench['versions']['anvil']}. Judging: the verifier's part "
        f"of the proof. Computing: both sides together, on {bench['machine']['cpu']}, waits aside. "
        "The MobileNet has random weights and reads 64 by 64 pixels.",
    ]
    return "\n".join(lines)


def moves(bench: Mapping[str, Any]) -> str:
    """The table of the dearest of each move, by model; raises `KeyError` for a figure that is not there."""
    by_model = {name: run["gas_by_move"] for name, run in bench["dispute"].items()}
    names = dict.fromkeys(move for gas in by_model.values() for move in gas)
    rows = (f"| `{move}` | " + " | ".join(f"{gas[move]:,}" for gas in by_model.values()) + " |" for move in names)
    return "\n".join(["| gas of | " + " | ".join(by_model) + " |", "|---|" + "---:|" * len(by_model), *rows])


def crowd(bench: Mapping[str, Any]) -> str:
    """The table of an honest operator's worst case; raises `KeyError` for a figure that is not there."""
    found = bench["crowd"]
    worst = found["due_within_move"] * found["gas_of_a_transaction"]
    shares = ", ".join(f"{worst / (block * 10**6):.0%} of {block} M" for block in BLOCKS)
    lines = [
        f"| {found['challengers']} challengers at once against an honest operator | |",
        "|---|---:|",
        f"| demands in one block | {found['demands']} |",
        f"| the dearest reveal: 128 leaves | {found['gas_of_a_transaction']:,} gas |",
        f"| most reveals within one moveTime, measured | {found['gas_of_a_move']:,} gas |",
        f"| **the {found['due_within_move']} that can fall due within one, at the dearest** | {worst:,} gas |",
        f"| that, against the gas of one block | {shares} |",
        f"| from the answer to UPHELD, with every time {found['move_time']} s | {found['lasted']:,} s |",
        f"| the bound on it (section 6.5) | {found['bound']:,} s |",
    ]
    return "\n".join(lines)


def watching(bench: Mapping[str, Any]) -> str:
    """The table of what it takes to watch, by model; raises `KeyError` for a figure that is not there."""
    found = bench["challenger"]
    rows = (
        f"| {name} | {every:g} | {found['ms_per_screened_answer'][name]:g} |"
        for name, every in found["ms_per_answer"].items()
    )
    return "\n".join(["| one right answer of | `all`, ms | `screened`, ms |", "|---|---:|---:|", *rows])


def conviction(played: Mapping[str, Any]) -> str:
    """How `make demo` told the first lie that was refuted; raises `KeyError` where there was none."""
    if not played["dispute"]:
        raise KeyError("dispute")
    return f"```text\n{played['dispute'][0]['words']}\n```"


def demo(played: Mapping[str, Any]) -> str:
    """What `make demo` ended with, in a sentence; raises `KeyError` for a figure that is not there."""
    gas = played["gas"]
    return (
        f"`make demo`: {played['requests']} requests to {len(played['models'])} models, {played['final']} final, "
        f"{played['callbacks']} delivered, {played['refuted']} lies refuted, {played['wrong_final']} wrong answers "
        f"final, in {played['seconds']:g} s. Median gas, shares of batches and callbacks "
        f"included: request {gas['request']:,}, answer {gas['answer']:,}, finalize {gas['finalize']:,}."
    )


SOURCES: dict[str, tuple[str, Callable[[Mapping[str, Any]], str], str]] = {
    "figures": ("build/bench.json", figures, "make bench"),
    "canonical": ("build/bench.json", canonical, "make bench"),
    "judge": ("build/bench.json", judge, "make bench"),
    "dispute": ("build/bench.json", dispute, "make bench"),
    "moves": ("build/bench.json", moves, "make bench"),
    "crowd": ("build/bench.json", crowd, "make bench"),
    "watching": ("build/bench.json", watching, "make bench"),
    "demo": ("build/demo.json", demo, "make demo"),
    "conviction": ("build/demo.json", conviction, "make demo"),
}

GENERATED: dict[str, Callable[[], str]] = {"authority": authority.table}
"""What the package itself says."""

_CHECKED = ("figures", "canonical", "judge", "dispute", "moves", "crowd", "watching")


def filled(page: str, name: str, content: str) -> str:
    """`page` with `content` in each place called `name`; raises `ValueError` where a marker lacks its partner."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    place = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not len(place.findall(page)) == page.count(begin) == page.count(end):
        raise ValueError(f"a marker of {name} lacks its partner")
    return place.sub(lambda _match: f"{begin}\n{content}\n{end}", page)


def pages(root: Path) -> list[Path]:
    """README.md and every page of docs/."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def rewrite(root: Path, name: str, *, write: bool) -> list[Path]:
    """Fill the places called `name`; yields the pages that change. Ends the program where figures are missing."""
    content = GENERATED[name]() if name in GENERATED else _measured(root, name)
    changed = []
    for page in pages(root):
        before = page.read_text()
        after = filled(before, name, content)
        if after != before:
            changed.append(page)
            if write:
                page.write_text(after)
    return changed


def _measured(root: Path, name: str) -> str:
    source, render, command = SOURCES[name]
    path = root / source
    if not path.is_file():
        sys.exit(f"{source} is missing: run `{command}` first.")
    try:
        return render(json.loads(path.read_text()))
    except KeyError as error:
        sys.exit(f"{source} holds no {error}: run `{command}` again.")


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    if parser.parse_args().check:
        stale = sorted({page for name in (*_CHECKED, *GENERATED) for page in rewrite(ROOT, name, write=False)})
        if stale:
            names = ", ".join(str(page.relative_to(ROOT)) for page in stale)
            sys.exit(f"Tables differ from build/bench.json or the ABIs in {names}. Run `make docs`.")
        print("tables match build/bench.json and the ABIs")
        return
    for name in GENERATED:
        changed = rewrite(ROOT, name, write=True)
        print(f"{name}: " + (", ".join(str(page.relative_to(ROOT)) for page in changed) or "nothing has changed"))
    for name, (source, _, command) in SOURCES.items():
        if name not in _CHECKED and not (ROOT / source).is_file():
            print(f"{source} is missing, so its figures stay as they are. `{command}` makes it.")
            continue
        changed = rewrite(ROOT, name, write=True)
        print(f"{source}: " + (", ".join(str(page.relative_to(ROOT)) for page in changed) or "nothing has changed"))


if __name__ == "__main__":
    main()
