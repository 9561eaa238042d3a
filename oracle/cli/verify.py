"""`assay verify`: one answer judged from an RPC endpoint and the ONNX file alone."""

from pathlib import Path
from typing import Annotated

import typer

from oracle.cli.session import session
from oracle.cli.show import Json, example, print_json, print_pairs, working
from oracle.cli.units import parse_address

_Address = Annotated[
    str | None, typer.Option(parser=parse_address, metavar="ADDRESS", help="Instead of the configured one.")
]

_EXIT_CODES = """\b
Exit codes:
  0  right, and final
  20 right, and not final yet
  21 wrong, and it can still be refuted
  22 wrong, and refuted
  23 wrong, and final or beyond challenge: nobody refuted it in time
  24 not judged
  25 there is no answer
  26 right, and refuted or void all the same"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=example(
            "assay verify 0x1f6c09aa --model credit.onnx",
            "assay verify 0x1f6c09aa --model credit.onnx --rpc https://node.example --chain-id 1 \\",
            "    --oracle 0x… --registry 0x… --start-block 21000000 --json",
        )
        + f"\n\n{_EXIT_CODES}"
    )(verify)


def verify(
    context: typer.Context,
    request: Annotated[str, typer.Argument(help="Id of a request, or its beginning.")],
    model: Annotated[Path, typer.Option("--model", "-m", metavar="FILE", help="The model's ONNX file.")],
    attempt: Annotated[
        int | None, typer.Option(min=1, help="Which answer, where there were several [default: the newest]")
    ] = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", "-i", help="The input of a request that carries only its roots.")
    ] = None,
    rpc: Annotated[list[str] | None, typer.Option("--rpc", help="Endpoint instead of the configured ones.")] = None,
    chain_id: Annotated[int | None, typer.Option(min=1, help="Instead of the configured one.")] = None,
    oracle: _Address = None,
    registry: _Address = None,
    start_block: Annotated[int | None, typer.Option(min=0, help="Where the deployment's events begin.")] = None,
    json: Json = False,
) -> None:
    """Say of an answer: which model, right or wrong, final or until when it can change, and what is not proven.

    Nothing is taken from a database: an endpoint's logs and state, and the ONNX file, compiled again and run, are all.

    """
    from oracle.cli.evidence import gather  # noqa: PLC0415
    from oracle.cli.judged import judged  # noqa: PLC0415
    from oracle.cli.verification import conclude, lines, not_proven, to_json  # noqa: PLC0415
    from oracle.settings import show_url  # noqa: PLC0415

    this = session(context)
    this.rpc = tuple(rpc or this.rpc)
    overrides = {
        "chain__chain_id": chain_id,
        "chain__oracle": oracle,
        "chain__registry": registry,
        "chain__start_block": start_block,
    }
    with this.chain(**overrides) as chain:
        with working("Reading the chain"):
            evidence = gather(chain, request, attempt)
        endpoints = ", ".join(show_url(url) for url in chain.settings.chain.rpc)
    with working("Compiling the model and running it"):
        found = conclude(evidence, judged(evidence, model, input_file))
    if json:
        print_json(to_json(found, endpoints))
    else:
        print_pairs(lines(found))
        typer.echo("\nNot proven:")
        for each in not_proven(found, endpoints):
            typer.echo(f"- {each}")
    if found.verdict:
        raise typer.Exit(int(found.verdict))
