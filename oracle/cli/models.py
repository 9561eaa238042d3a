"""`assay model list|show`."""

from typing import Annotated

import typer

from oracle.cli.session import session
from oracle.cli.show import Json, example, print_json, print_pairs, print_table, say, working
from oracle.cli.units import show_hex

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Compile, announce and list models.")


@app.command("list", epilog=example("assay model list"))
def list_models(context: typer.Context, json: Json = False) -> None:
    """The models announced on this chain."""
    from oracle.cli.catalogue import published  # noqa: PLC0415

    with session(context).chain() as chain, working("Reading the registry"):
        listings = published(chain)
    if json:
        print_json([listing.to_json() for listing in listings])
        return
    if not listings:
        say("No model has been published here. Publish one with `assay model publish FILE`.")
        return
    print_table(
        ["model", "inputs", "outputs", "id", "program"],
        [
            [
                listing.title,
                ", ".join(map(str, listing.model.inputs)) if listing.model else "unknown dtype",
                ", ".join(map(str, listing.model.output_tensors)) if listing.model else "unknown dtype",
                show_hex(listing.model_id),
                listing.program,
            ]
            for listing in listings
        ],
    )


@app.command(epilog=example("assay model show credit"))
def show(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Id, beginning of id or digest, or a devnet's name.")],
    json: Json = False,
) -> None:
    """One model: specs, digest, program, publisher, where to get it."""
    from oracle.canonical.tolerance import float64_of  # noqa: PLC0415
    from oracle.cli.catalogue import find, published  # noqa: PLC0415

    with session(context).chain() as chain, working("Reading the registry"):
        listing = find(published(chain), model)
    if json:
        print_json(listing.to_json())
        return
    specs = listing.model
    print_pairs(
        [
            ("model", show_hex(listing.model_id)),
            ("name", listing.name or "-"),
            ("file's SHA-256", f"{listing.onnx_digest.hex()} (a claim of the publisher)"),
            ("program root", listing.program),
            *(
                [
                    ("nodes", f"{specs.node_count:,}"),
                    ("dearest one-step proof", f"{specs.worst_leaf_gas:,} gas"),
                ]
                if specs and any(specs.program_root)
                else []
            ),
            *((f"input {slot}", str(spec)) for slot, spec in enumerate(specs.inputs if specs else ())),
            *(
                (f"output {slot}", f"{spec.tensor}, atol {float64_of(spec.atol):g}, rtol {float64_of(spec.rtol):g}")
                for slot, spec in enumerate(specs.outputs if specs else ())
            ),
            ("publisher", listing.publisher),
            *(("file at", uri) for uri in listing.uris),
            ("announced in", f"block {listing.block}"),
        ]
    )
