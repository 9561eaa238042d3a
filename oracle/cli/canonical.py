"""`assay canonical check`: test vectors through every way that computes elements."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oracle.cli.model_program import DIFFERS
from oracle.cli.show import Json, example, print_json, print_pairs, say, working

if TYPE_CHECKING:
    from oracle.canonical.vectors import ComputePath

_SHOWN = 5

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Canonical arithmetic, checked.")


@app.callback()
def _group() -> None:
    """Canonical arithmetic, checked."""


@app.command(epilog=example("assay canonical check float32.json"))
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Test vectors.")],
    json: Json = False,
) -> None:
    """Compute test vectors by the reference, by the fast path, and by the verifier contracts in an EVM.

    The contracts take part where pyrevm is installed. Exit code 1 where any result differs in a bit.
    """
    from oracle.canonical import vectors  # noqa: PLC0415

    cases = vectors.read_cases(file)
    paths, lacking = compute_paths()
    found = {}
    for path in paths:
        with working(f"{len(cases):,} cases by the {path.name} path"):
            found[path.name] = vectors.check(cases, path)
    if json:
        shown = {
            name: {"differences": len(different), "first": list(map(str, different[:_SHOWN]))}
            for name, different in found.items()
        }
        print_json({"file": str(file), "cases": len(cases), "paths": shown, "skipped": lacking})
    else:
        print_pairs(
            [
                ("cases", f"{len(cases):,}"),
                *((name, f"{len(different):,} differences") for name, different in found.items()),
                *((name, f"not run: {reason}") for name, reason in lacking.items()),
            ]
        )
        for name, different in found.items():
            for difference in different[:_SHOWN]:
                say(f"{name}: {difference}")
    if any(found.values()):
        raise typer.Exit(DIFFERS)


def compute_paths() -> "tuple[list[ComputePath], dict[str, str]]":
    """The ways to compute that there are here, and why others are not."""
    from oracle.canonical.fast.vectors_path import FastPath  # noqa: PLC0415
    from oracle.canonical.vectors import ReferencePath  # noqa: PLC0415
    from oracle.cli.evm_path import EvmMissing, EvmPath  # noqa: PLC0415

    paths: list[ComputePath] = [ReferencePath(), FastPath()]
    try:
        return [*paths, EvmPath()], {}
    except EvmMissing as missing:
        return paths, {EvmPath.name: str(missing)}
