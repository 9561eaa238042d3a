"""`assay model publish`: announce a model on-chain, with its program."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oracle.cli.lowering import Atol, DefaultDim, Dims, InputShapes, Outputs, Rtol, compiled, with_tolerances
from oracle.cli.session import session
from oracle.cli.show import Json, example, print_json, print_pairs, printable, say, working
from oracle.cli.units import parse_dims, show_hex

if TYPE_CHECKING:
    from oracle.canonical.bundle import Bundle
    from oracle.canonical.model import Model

_WITHOUT = "A model without a program can be published with --no-program; nobody can dispute its answers then."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=example(
            "assay model publish house-prices.assay --uri ipfs://bafy…",
            "assay model publish house-prices.onnx --dim batch=1 --atol 1e-4",
        )
    )(publish)


@dataclass(frozen=True, slots=True)
class Publishable:
    """What is announced, with the names of its inputs and outputs."""

    model: "Model"
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]


def publish(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A bundle, or an ONNX file, which is compiled on the way.")],
    dim: Dims = None,
    input_shape: InputShapes = None,
    default_dim: DefaultDim = None,
    output: Outputs = None,
    atol: Atol = None,
    rtol: Rtol = None,
    no_program: Annotated[
        bool, typer.Option("--no-program", help="Announce the ONNX file alone: its answers cannot be disputed.")
    ] = False,
    uri: Annotated[list[str] | None, typer.Option(help="Where the file can be had.")] = None,
    json: Json = False,
) -> None:
    """Check a model and announce it on-chain, with its program and tolerances.

    Every float output needs a tolerance, from the bundle or from --atol and --rtol: `assay model calibrate` finds it.
    """
    from oracle.canonical.bundle import is_bundle  # noqa: PLC0415
    from oracle.services.context import open_sender  # noqa: PLC0415

    bundled = is_bundle(file)
    lowering = dim or input_shape or default_dim or output
    if bundled and (lowering or no_program):
        raise typer.BadParameter("A bundle is published as it was compiled: only --atol, --rtol and --uri go with it.")
    if no_program and (input_shape or default_dim or output or atol or rtol):
        raise typer.BadParameter("Without a program there are no tolerances; of the options of lowering, --dim alone.")
    with working("Checking the model"):
        if bundled:
            checked = _of_bundle(file, atol, rtol)
        elif no_program:
            checked = _without_program(file, parse_dims(dim or []))
        else:
            checked = _of_onnx(file, dim, input_shape, default_dim, output, atol, rtol)
    with session(context).chain() as chain, open_sender(chain) as sender, working("Announcing it"):
        mined = sender.execute(chain.registry.publish(checked.model, uri or []), purpose="publish model")
    model = checked.model
    if json:
        print_json(
            {
                "model_id": show_hex(model.id),
                "onnx_digest": show_hex(model.onnx_digest),
                "program_root": show_hex(model.program_root),
                "nodes": model.node_count,
                "worst_leaf_gas": model.worst_leaf_gas,
                "inputs": [str(spec) for spec in model.inputs],
                "outputs": [str(spec) for spec in model.output_tensors],
                "transaction": show_hex(mined.hash),
                "block": mined.block_number,
                "gas_used": mined.gas_used,
            }
        )
        return
    print_pairs([*_described(checked), ("transaction", f"{show_hex(mined.hash)} ({mined.gas_used:,} gas)")])
    say(f"Serve it with `assay operator --model {'FILE.onnx' if bundled else file}`.")


def checked_to_publish(bundle: "Bundle") -> Publishable:
    """A bundle's model, if it may be published; raises `ModelError` where operators could not answer it."""
    from oracle.canonical.tensor import MAX_BYTES, DType  # noqa: PLC0415
    from oracle.errors import ModelError  # noqa: PLC0415
    from oracle.inference.runs import PlainRun, Setting  # noqa: PLC0415

    model = bundle.model
    for role, specs in (("inputs", model.inputs), ("outputs", model.output_tensors)):
        size = sum(spec.nbytes for spec in specs)
        if size > MAX_BYTES or not all(spec.count for spec in specs):
            raise ModelError(
                f"The model's {role} take {size:,} bytes; 1 to {MAX_BYTES:,} are allowed, and none may be empty.",
                hint="Bind other dimensions with --dim, or choose outputs with --output.",
            )
    for name, spec in zip(bundle.output_names, model.outputs, strict=True):
        if spec.tensor.dtype is DType.FLOAT and not (spec.atol or spec.rtol):
            raise ModelError(
                f"The output {printable(name)!r} has no tolerance, so that operators could hardly ever answer.",
                hint="Measure it with `assay model calibrate`, or give --atol and --rtol.",
            )
    PlainRun(bundle, Setting(optimisation_level="disabled"))
    return Publishable(model, bundle.input_names, bundle.output_names)


def _of_bundle(file: Path, atol: list[str] | None, rtol: list[str] | None) -> Publishable:
    from oracle.canonical.bundle import read_bundle  # noqa: PLC0415

    return checked_to_publish(with_tolerances(read_bundle(file), atol, rtol))


def _of_onnx(
    file: Path,
    dim: list[str] | None,
    input_shape: list[str] | None,
    default_dim: int | None,
    output: list[str] | None,
    atol: list[str] | None,
    rtol: list[str] | None,
) -> Publishable:
    from oracle.errors import ProgramError  # noqa: PLC0415

    try:
        bundle = compiled(file, dim, input_shape, default_dim, output, atol, rtol)
    except ProgramError as problem:
        hint = f"{problem.hint} {_WITHOUT}" if problem.hint else _WITHOUT
        raise ProgramError(problem.message, hint=hint) from problem
    return checked_to_publish(bundle)


def _without_program(file: Path, dims: dict[str, int]) -> Publishable:
    from oracle.inference.model_file import load_model_file  # noqa: PLC0415

    loaded = load_model_file(file, dims=dims)
    return Publishable(loaded.model, loaded.input_names, loaded.output_names)


def _described(checked: Publishable) -> list[tuple[str, str]]:
    from oracle.canonical.tolerance import float64_of  # noqa: PLC0415
    from oracle.cli.catalogue import UNCOMPILED  # noqa: PLC0415

    model = checked.model
    disputable = any(model.program_root)
    program = f"{show_hex(model.program_root)}, {model.node_count:,} nodes" if disputable else UNCOMPILED
    return [
        ("model", show_hex(model.id)),
        ("file's SHA-256", model.onnx_digest.hex()),
        ("program root", program),
        *((f"input {printable(n)}", str(spec)) for n, spec in zip(checked.input_names, model.inputs, strict=True)),
        *(
            (
                f"output {printable(name)}",
                f"{spec.tensor}, atol {float64_of(spec.atol):g}, rtol {float64_of(spec.rtol):g}",
            )
            for name, spec in zip(checked.output_names, model.outputs, strict=True)
        ),
    ]
