"""`assay operator|keeper|replay`: the programs that keep running, and starting them over from a block."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from oracle.cli.session import session
from oracle.cli.show import Json, example, print_json, say
from oracle.cli.units import parse_dims

HttpPort = Annotated[
    int | None, typer.Option(min=0, max=65_535, help="Serve /health and /metrics there; 0 takes a free port.")
]
StoreFile = Annotated[Path | None, typer.Option("--store", help="SQLite file [default: .assay/ROLE.db]")]
Dims = Annotated[list[str] | None, typer.Option("--dim", metavar="NAME=N", help="Size of a dynamic dimension.")]


class Role(StrEnum):
    """A service and the name of its database."""

    OPERATOR = "operator"
    KEEPER = "keeper"
    CHALLENGER = "challenger"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog=example(
            "assay --keystore key.json --password-file password operator --model house-prices.onnx",
            "assay --as operator-1 operator                             (on a devnet)",
        )
    )(operator)
    app.command(
        epilog=example(
            "assay --keystore key.json --password-file password keeper --grace 60",
            "assay --as keeper keeper                                   (on a devnet)",
        )
    )(keeper)
    app.command(epilog=example("assay replay --role operator --from-block 19000000"))(replay)


def operator(
    context: typer.Context,
    model: Annotated[list[Path] | None, typer.Option(help="ONNX file to serve [default: `operator.models`]")] = None,
    dim: Dims = None,
    min_fee: Annotated[int | None, typer.Option(min=0, metavar="GWEI", help="Least fee to answer for.")] = None,
    max_bond: Annotated[int | None, typer.Option(min=0, metavar="GWEI", help="Largest bond to stake.")] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Bond onnxruntime's output, unchecked, where the model allows it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; log what would be answered.")] = False,
    http_port: HttpPort = None,
    store: StoreFile = None,
) -> None:
    """Answer requests with your models, until Ctrl-C or SIGTERM. A restart resumes where it stopped.

    Each answer is computed canonically too, and not given where onnxruntime disagrees; --fast leaves that out.
    """
    from oracle.services.loop import stop_on_signals  # noqa: PLC0415
    from oracle.services.run import run_operator  # noqa: PLC0415

    settings = session(context).settings(
        usual_role="operator-1",
        operator__models=tuple(model) if model else None,
        operator__dims=parse_dims(dim) if dim else None,
        operator__min_fee_gwei=min_fee,
        operator__max_bond_gwei=max_bond,
        operator__fast=fast or None,
        operator__dry_run=dry_run or None,
        http__port=http_port,
        store__path=store,
    )
    settings.check()
    with stop_on_signals() as stop:
        run_operator(settings, stop=stop)


def keeper(
    context: typer.Context,
    grace: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="How long answers are left to their operators.")
    ] = None,
    http_port: HttpPort = None,
    store: StoreFile = None,
) -> None:
    """Do what nobody else has done, until Ctrl-C or SIGTERM: settle, deliver, expire."""
    from oracle.services.loop import stop_on_signals  # noqa: PLC0415
    from oracle.services.run import run_keeper  # noqa: PLC0415

    settings = session(context).settings(
        usual_role="keeper", keeper__grace_seconds=grace, http__port=http_port, store__path=store
    )
    settings.check()
    with stop_on_signals() as stop:
        run_keeper(settings, stop=stop)


def replay(
    context: typer.Context,
    from_block: Annotated[int, typer.Option(min=0, help="First block to read again.")],
    role: Annotated[Role, typer.Option(help="Whose database.")],
    store: StoreFile = None,
    json: Json = False,
) -> None:
    """Read a service's events again from a block. Nothing is answered or sent twice. Stop the service first."""
    from oracle.services.run import replay as replay_store  # noqa: PLC0415

    usual = "operator-1" if role is Role.OPERATOR else role.value
    settings = session(context).settings(usual_role=usual, store__path=store)
    events = replay_store(settings, role=role.value, from_block=from_block)
    if json:
        print_json({"role": role.value, "from_block": from_block, "new_events": events})
    else:
        say(f"Read again from block {from_block}; {events} events were new to the {role}'s database.")
