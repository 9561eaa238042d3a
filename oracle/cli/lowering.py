"""What the commands that compile share: how a file is lowered, and its tolerances."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oracle.cli.units import parse_dims, parse_shapes, parse_tolerances

if TYPE_CHECKING:
    from oracle.canonical.bundle import Bundle

Dims = Annotated[
    list[str] | None, typer.Option("--dim", metavar="NAME=N", help="Size of a dynamic dimension, or INPUT.AXIS=N.")
]
InputShapes = Annotated[
    list[str] | None, typer.Option("--input-shape", metavar="NAME=1,3,224,224", help="Shape of a whole input.")
]
DefaultDim = Annotated[
    int | None, typer.Option("--default-dim", min=1, metavar="N", help="Size of all dimensions left open.")
]
Outputs = Annotated[
    list[str] | None, typer.Option("--output", metavar="NAME", help="A tensor to yield [default: the file's outputs].")
]
Atol = Annotated[
    list[str] | None,
    typer.Option("--atol", metavar="[OUTPUT=]X", help="Absolute tolerance of a float output, or of all."),
]
Rtol = Annotated[list[str] | None, typer.Option("--rtol", metavar="[OUTPUT=]Y", help="Relative tolerance, likewise.")]


def compiled(
    file: Path,
    dims: list[str] | None,
    input_shapes: list[str] | None,
    default_dim: int | None,
    outputs: list[str] | None,
    atol: list[str] | None,
    rtol: list[str] | None,
) -> "Bundle":
    """The bundle of an ONNX file, as the options say. Raises `ModelError`."""
    from oracle.inference.compiling import compile_file  # noqa: PLC0415

    bundle = compile_file(
        file,
        dims=parse_dims(dims or []),
        input_shapes=parse_shapes(input_shapes or []),
        default_dim=default_dim,
        outputs=outputs or (),
    )
    return with_tolerances(bundle, atol, rtol)


def with_tolerances(bundle: "Bundle", atol: list[str] | None, rtol: list[str] | None) -> "Bundle":
    """The bundle with the tolerances given; those of other outputs stay."""
    from oracle.canonical.tensor import DType  # noqa: PLC0415
    from oracle.canonical.tolerance import bits_of  # noqa: PLC0415
    from oracle.errors import ModelError  # noqa: PLC0415

    absolute, relative = parse_tolerances(atol or []), parse_tolerances(rtol or [])
    if None in absolute.keys() | relative.keys() and not any(
        s.tensor.dtype is DType.FLOAT for s in bundle.model.outputs
    ):
        raise ModelError("A tolerance is given, and the model has no float output.", hint="Leave it out.")
    chosen = {name: (0, 0) for name in (absolute.keys() | relative.keys()) - {None} if name is not None}
    for name, spec in zip(bundle.output_names, bundle.model.outputs, strict=True):
        named = name in chosen
        if not named and spec.tensor.dtype is not DType.FLOAT:
            continue
        a, r = (values.get(name, values.get(None)) for values in (absolute, relative))
        chosen[name] = spec.atol if a is None else bits_of(a), spec.rtol if r is None else bits_of(r)
    return bundle.with_tolerances(chosen)


def facts(bundle: "Bundle") -> list[tuple[str, str]]:
    """A bundle in words: what it is of, what it yields, what a proof of it costs."""
    from oracle.canonical.program.jumps import jumping_nodes  # noqa: PLC0415
    from oracle.canonical.tolerance import float64_of  # noqa: PLC0415
    from oracle.cli.show import printable  # noqa: PLC0415
    from oracle.cli.units import show_hex  # noqa: PLC0415

    model = bundle.model
    inputs = zip(bundle.input_names, model.inputs, strict=True)
    outputs = zip(bundle.output_names, model.outputs, strict=True)
    jumping = ", ".join(f"{count} {name}" for name, count in jumping_nodes(bundle.program).items())
    return [
        ("model", show_hex(model.id)),
        ("program root", f"{show_hex(model.program_root)} (version {bundle.program.version})"),
        ("file's digest", model.onnx_digest.hex()),
        *((f"input {printable(name)}", str(spec)) for name, spec in inputs),
        *(
            (
                f"output {printable(name)}",
                f"{spec.tensor}, atol {float64_of(spec.atol):g}, rtol {float64_of(spec.rtol):g}",
            )
            for name, spec in outputs
        ),
        ("nodes", f"{model.node_count:,}, and {bundle.constants_bytes:,} bytes of constants"),
        ("dearest proof", f"{model.worst_leaf_gas:,} gas, of an element of node {bundle.worst_leaf_node}"),
        ("jumps", f"{jumping}: float noise before them can change a result by any amount" if jumping else "none"),
        *(("note", printable(note)) for note in bundle.notes),
    ]


def fields(bundle: "Bundle") -> dict[str, object]:
    """The same for programs."""
    from oracle.canonical.bundle import manifest_of  # noqa: PLC0415
    from oracle.canonical.program.jumps import jumping_nodes  # noqa: PLC0415
    from oracle.cli.units import show_hex  # noqa: PLC0415

    manifest = manifest_of(bundle).model_dump()
    model = bundle.model
    return {
        "model_id": show_hex(model.id),
        "program_root": show_hex(model.program_root),
        "onnx_digest": show_hex(model.onnx_digest),
        "nodes": model.node_count,
        "constants_bytes": bundle.constants_bytes,
        "worst_leaf_gas": model.worst_leaf_gas,
        "worst_leaf_node": bundle.worst_leaf_node,
        **{name: manifest[name] for name in ("inputs", "outputs", "lowering", "notes", "assay")},
        "jumping_nodes": jumping_nodes(bundle.program),
    }
