"""`assay model calibrate`: how far onnxruntime lies from the canonical result, and which tolerance to publish."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oracle.cli.model_program import BundleFile, read_inputs
from oracle.cli.show import Json, example, print_json, print_pairs, print_table, printable, say, working
from oracle.cli.units import parse_ranges

if TYPE_CHECKING:
    from oracle.canonical.bundle import Bundle
    from oracle.inference.calibrate import Calibration


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=example(
            "assay model calibrate house-prices.assay --range features=0:100 --write calibrated.assay",
            "assay model calibrate house-prices.assay --input a.npz --input b.npz --samples 200",
        )
    )(calibrate)


def calibrate(
    bundle: BundleFile,
    samples: Annotated[int, typer.Option(min=0, metavar="N", help="Random inputs.")] = 64,
    steps: Annotated[int, typer.Option(min=0, metavar="N", help="Steps of the search for larger errors.")] = 400,
    input_file: Annotated[
        list[Path] | None, typer.Option("--input", "-i", help="A real input; random ones keep to the range of these.")
    ] = None,
    ranges: Annotated[
        list[str] | None, typer.Option("--range", metavar="INPUT=LOW:HIGH", help="Range of an input's elements.")
    ] = None,
    margin: Annotated[
        float, typer.Option(min=1, metavar="M", help="The tolerance allows M times the errors seen.")
    ] = 8.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the random numbers.")] = 0,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="BUNDLE", help="Write a bundle with the tolerance proposed.")
    ] = None,
    json: Json = False,
) -> None:
    """Run onnxruntime over threads, optimisation levels and memory settings against the canonical result.

    Inputs are the given ones, random ones, and ones searched for: from the worst, towards larger errors and towards
    the program's jumps. Proposes a tolerance for every float output.
    """
    from oracle.canonical.bundle import read_bundle, write_bundle  # noqa: PLC0415
    from oracle.canonical.tolerance import bits_of  # noqa: PLC0415
    from oracle.errors import InputError  # noqa: PLC0415
    from oracle.inference.calibrate import Effort, all_settings  # noqa: PLC0415
    from oracle.inference.calibrate import calibrate as measure  # noqa: PLC0415

    if not samples and not input_file:
        raise InputError("There is nothing to run the model on.", hint="Give --samples, or an --input.")
    told = parse_ranges(ranges or [])
    made = read_bundle(bundle)
    given = [tuple(read_inputs(path, made)) for path in input_file or []]
    settings = all_settings(os.cpu_count() or 1)
    with working(f"Running it under {len(settings)} settings"):
        found = measure(made, given, told, settings, Effort(samples, steps, margin, seed))
    if write is not None:
        proposed = {out.name: out.tolerance for out in found.outputs if out.tolerance is not None}
        chosen = {name: (bits_of(each.atol), bits_of(each.rtol)) for name, each in proposed.items()}
        write_bundle(write, made.with_tolerances(chosen))
    if json:
        print_json({**_fields(made, found), "bundle": str(write) if write else None})
        return
    _show(made, found)
    if write is not None:
        say(f"Written to {write}, with these tolerances.")


def _fields(made: "Bundle", found: "Calibration") -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415

    from oracle.inference.deviation import QUANTILES  # noqa: PLC0415

    names = [f"{quantile:g}" for quantile in QUANTILES]
    return {
        "outputs": [
            {
                **asdict(out),
                "absolute": dict(zip(names, out.absolute, strict=True)),
                "relative": dict(zip(names, out.relative, strict=True)),
            }
            for out in found.outputs
        ],
        "margin": found.margin,
        "settings": len(found.settings),
        "worst_setting": str(found.worst_setting),
        "inputs": found.inputs,
        "searched_inputs": found.searched,
        "refused_inputs": found.refused,
        "ranges": {name: asdict(each) for name, each in zip(made.input_names, found.ranges, strict=True)},
        "jumping_nodes": found.jumping_nodes,
    }


def _show(made: "Bundle", found: "Calibration") -> None:
    from oracle.inference.deviation import QUANTILES  # noqa: PLC0415

    rows = []
    for out in found.outputs:
        kinds = ("absolute", out.absolute, out.searched_absolute), ("relative", out.relative, out.searched_relative)
        for kind, values, searched in kinds:
            rows.append([printable(out.name), kind, *(f"{value:.2g}" for value in (*values, searched))])
    columns = [*(f"{100 * quantile:g} %" for quantile in QUANTILES[:-1]), "largest", "searched"]
    print_table(["output", "error", *columns], rows, title="onnxruntime against the canonical result")
    print_pairs(
        [
            ("inputs", f"{found.inputs} given or random, {found.searched} found by the search"),
            ("settings", f"{len(found.settings)}; the worst: {found.worst_setting}"),
            *((f"tolerance of {printable(out.name)}", _tolerance(out.tolerance)) for out in found.outputs),
            ("margin", f"{found.margin:g} times the errors seen; another machine may show larger ones"),
        ]
    )
    for name, each in zip(made.input_names, found.ranges, strict=True):
        if each.assumed:
            say(
                f"The range of {printable(name)!r} was assumed to be {each.low:g} to {each.high:g}: give real inputs "
                "with --input, or --range."
            )
    if found.refused:
        say(f"{found.refused} random inputs were left out, as onnxruntime cannot run the model on them.")
    for out in found.outputs:
        if out.apart:
            say(f"No tolerance covers {out.apart:,} of {out.elements:,} elements of {printable(out.name)!r}.")
    if found.jumping_nodes:
        listed = ", ".join(f"{count} {name}" for name, count in found.jumping_nodes.items())
        say(
            f"The program jumps ({listed}): where float noise comes before, an input can be made that flips a result, "
            "however wide the tolerance. Operators must bond the canonical output, which is the default."
        )


def _tolerance(tolerance: Any) -> str:
    return f"atol {tolerance.atol:g}, rtol {tolerance.rtol:g}" if tolerance else "0: it is no float"
