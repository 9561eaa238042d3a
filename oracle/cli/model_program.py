"""`assay model compile|run|inspect|verify`: canonical programs of models, in bundles."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oracle.cli.lowering import Atol, DefaultDim, Dims, InputShapes, Outputs, Rtol, compiled, facts, fields
from oracle.cli.show import Json, example, print_json, print_pairs, printable, say, working
from oracle.cli.units import show_hex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from oracle.canonical.bundle import Bundle

DIFFERS = 1
"""Exit code where two things that should be the same are not."""
_SHOWN = 10

BundleFile = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle that `assay model compile` wrote.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "compile",
        epilog=example(
            "assay model compile house-prices.onnx -o house-prices.assay",
            "assay model compile bert.onnx --dim sequence=128 --output logits --rtol 1e-4 --atol 1e-5",
        ),
    )(compile_model)
    app.command(epilog=example("assay model run house-prices.assay --input house.npz"))(run)
    app.command(epilog=example("assay model inspect house-prices.assay --node 7"))(inspect)
    app.command(epilog=example("assay model verify house-prices.assay house-prices.onnx"))(verify)


def compile_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The ONNX file.")],
    dim: Dims = None,
    input_shape: InputShapes = None,
    default_dim: DefaultDim = None,
    output: Outputs = None,
    atol: Atol = None,
    rtol: Rtol = None,
    bundle: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="BUNDLE", help="Where to write the bundle.")
    ] = None,
    json: Json = False,
) -> None:
    """Lower an ONNX file to its canonical program: the same bytes for everybody.

    Leading dimensions that nothing binds are a batch of 1.
    """
    from oracle.canonical.bundle import write_bundle  # noqa: PLC0415
    from oracle.canonical.tensor import MAX_BYTES  # noqa: PLC0415

    began = time.perf_counter()
    with working(f"Compiling {file.name}"):
        made = compiled(file, dim, input_shape, default_dim, output, atol, rtol)
        if bundle is not None:
            write_bundle(bundle, made)
    seconds = round(time.perf_counter() - began, 3)
    size = sum(spec.nbytes for spec in made.model.output_tensors)
    if size > MAX_BYTES:
        say(f"Its outputs take {size:,} bytes: a model to publish has at most {MAX_BYTES:,}. Choose some: --output.")
    if json:
        print_json({**fields(made), "seconds": seconds, "bundle": str(bundle) if bundle else None})
        return
    print_pairs([*facts(made), ("compiled in", f"{seconds:.2f} s")])
    say(f"Written to {bundle}." if bundle else "Nothing was written: give -o BUNDLE to keep it.")


def run(
    bundle: BundleFile,
    input_file: Annotated[
        Path, typer.Option("--input", "-i", help="Tensors: .npz, .npy, .json, or packed big-endian bytes.")
    ],
    canonical: Annotated[bool, typer.Option("--canonical", help="The canonical run only.")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="Onnxruntime only.")] = False,
    json: Json = False,
) -> None:
    """Run a bundle's model canonically and in onnxruntime, and compare the two by its tolerance.

    Exit code 1 where they disagree.
    """
    from oracle.canonical.tolerance import wrong_elements  # noqa: PLC0415
    from oracle.cli.tensors import plain_tensor, show_tensor  # noqa: PLC0415
    from oracle.inference.runs import CanonicalRun, PlainRun, Setting  # noqa: PLC0415

    if canonical and fast:
        raise typer.BadParameter("--canonical and --fast exclude each other; without them, both run.")
    made = _read(bundle)
    inputs = read_inputs(input_file, made)
    runs: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    for name, wanted, way in (
        ("canonical", not fast, lambda: CanonicalRun(made)),
        ("onnxruntime", not canonical, lambda: PlainRun(made, Setting())),
    ):
        if wanted:
            with working(f"Running it ({name})"):
                ready = way()
                began = time.perf_counter()
                runs[name] = ready(inputs)
                seconds[name] = round(time.perf_counter() - began, 6)
    wrong = wrong_elements(runs["onnxruntime"], runs["canonical"], made.model.outputs) if len(runs) == 2 else None
    if json:
        shown = {
            name: [{"name": n, **plain_tensor(t)} for n, t in zip(made.output_names, tensors, strict=True)]
            for name, tensors in runs.items()
        }
        compared = {
            "agree": None if wrong is None else not wrong,
            "wrong_elements": None if wrong is None else len(wrong),
        }
        print_json({"model_id": show_hex(made.model.id), **shown, "seconds": seconds, **compared})
    else:
        for name, tensors in runs.items():
            print_pairs(
                (f"{name}, {printable(n)}", show_tensor(t)) for n, t in zip(made.output_names, tensors, strict=True)
            )
        print_pairs((f"{name} took", f"{1000 * spent:.1f} ms") for name, spent in seconds.items())
    if wrong is not None:
        _conclude(made, wrong, runs)


def _conclude(made: "Bundle", wrong: "Sequence[tuple[int, int]]", runs: "dict[str, list[NDArray[Any]]]") -> None:
    if not wrong:
        say("They agree within the tolerance.")
        return
    for slot, element in wrong[:_SHOWN]:
        one, other = (runs[name][slot].reshape(-1)[element] for name in ("onnxruntime", "canonical"))
        say(f"Output {printable(made.output_names[slot])!r}, element {element}: onnxruntime {one}, canonical {other}.")
    say(f"They disagree on {len(wrong)} elements. `assay model calibrate` measures and proposes a tolerance.")
    raise typer.Exit(DIFFERS)


def inspect(
    bundle: BundleFile,
    node: Annotated[int | None, typer.Option(min=0, metavar="K", help="Only this node, with its encoding.")] = None,
    json: Json = False,
) -> None:
    """Show a bundle's program, one line per node, and what the dearest one-step proof of each costs."""
    from oracle.canonical.cost import node_cost  # noqa: PLC0415
    from oracle.canonical.program.encoding import encode_node  # noqa: PLC0415
    from oracle.canonical.program.listing import listing  # noqa: PLC0415
    from oracle.errors import ModelError  # noqa: PLC0415

    made = _read(bundle)
    nodes = made.program.nodes
    if node is not None and node >= len(nodes):
        raise ModelError(f"The program has no node {node}.", hint=f"Its nodes are 0 to {len(nodes) - 1}.")
    lines: list[dict[str, Any]] = []
    for number, (text, each) in enumerate(zip(listing(made.program), nodes, strict=True)):
        if node in (None, number):
            cost = node_cost(each)
            lines.append({"node": number, "text": text, "gas": cost.gas, "bytes": cost.bytes})
    if node is not None:
        lines[0]["encoding"] = encode_node(nodes[node]).hex()
    if json:
        print_json({**fields(made), "listing": lines})
        return
    if node is None:
        print_pairs(facts(made))
        typer.echo()
    for line in lines:
        typer.echo(line["text"])
        if node is not None:
            print_pairs([("proof", f"{line['gas']:,} gas, {line['bytes']:,} bytes"), ("encoding", line["encoding"])])


def verify(
    bundle: BundleFile,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The ONNX file it should be of.")],
    json: Json = False,
) -> None:
    """Compile an ONNX file again, and see whether the bundle's program is what it lowers to.

    Exit code 1 where file or program are others.
    """
    from oracle.inference import compiling  # noqa: PLC0415

    made = _read(bundle)
    with working(f"Compiling {file.name}"):
        found = compiling.verify(made, file)
    same_file = found.onnx_digest == made.model.onnx_digest
    difference = found.difference
    if json:
        print_json(
            {
                "same_file": same_file,
                "same_program": difference is None,
                "onnx_digest": show_hex(found.onnx_digest),
                "program_root": show_hex(found.program_root),
                "bundle_onnx_digest": show_hex(made.model.onnx_digest),
                "bundle_program_root": show_hex(made.model.program_root),
                "first_difference": None
                if difference is None
                else {"node": difference.number, "bundle": difference.bundled, "file": difference.compiled},
            }
        )
    else:
        print_pairs(
            [
                ("file", "the same" if same_file else f"another: {found.onnx_digest.hex()}"),
                ("program", "the same" if difference is None else f"another: {show_hex(found.program_root)}"),
            ]
        )
        if difference is not None:
            print_pairs(
                [
                    ("first difference", f"node {difference.number}"),
                    ("in the bundle", difference.bundled or "none"),
                    ("from the file", difference.compiled or "none"),
                ]
            )
    if difference is not None or not same_file:
        raise typer.Exit(DIFFERS)


def read_inputs(file: Path, made: "Bundle") -> "list[NDArray[Any]]":
    """The tensors in an input file, for a bundle's model. Raises `InputError`."""
    from oracle.inference.inputs import MAX_FILE_BYTES, read_input  # noqa: PLC0415

    largest = MAX_FILE_BYTES + 64 * sum(spec.nbytes for spec in made.model.inputs)
    return read_input(file, made.model.inputs, made.input_names, max_bytes=largest)


def _read(path: Path) -> "Bundle":
    from oracle.canonical.bundle import read_bundle  # noqa: PLC0415

    with working(f"Checking {path.name}"):
        return read_bundle(path)
