"""`assay challenger`: the program that watches answers and disputes wrong ones."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from oracle.cli.services import HttpPort, StoreFile
from oracle.cli.session import session
from oracle.cli.show import example

_ID = re.compile("0x[0-9a-fA-F]{64}")


class Check(StrEnum):
    """Which answers are run canonically."""

    ALL = "all"
    SCREENED = "screened"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=example(
            "assay --keystore key.json --password-file password challenger",
            "assay --keystore key.json --password-file password challenger --model house-prices.assay --check screened",
            "assay --as challenger challenger --dry-run                 (on a devnet)",
        )
    )(challenger)


def challenger(
    context: typer.Context,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|FILE", help="Model to watch, by id, bundle or ONNX file [default: all announced]"),
    ] = None,
    bundles: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where fetched bundles are kept [default: .assay/bundles]")
    ] = None,
    fetch: Annotated[
        bool | None, typer.Option("--fetch/--no-fetch", help="Ask mirrors for models that no file was given for.")
    ] = None,
    check: Annotated[
        Check | None,
        typer.Option(help="Run every answer canonically, or only those onnxruntime does not confirm [default: all]"),
    ] = None,
    max_bond: Annotated[int | None, typer.Option(min=0, metavar="GWEI", help="Largest bond to stake.")] = None,
    max_games: Annotated[int | None, typer.Option(min=1, help="Most disputes to have bonds in at a time.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Send nothing; log what would be done.")] = False,
    http_port: HttpPort = None,
    store: StoreFile = None,
) -> None:
    """Check others' answers and dispute the wrong ones, until Ctrl-C or SIGTERM. A restart resumes where it stopped.

    A bond is staked only where a canonical run says that the answer is wrong: the chain will say the same.
    """
    from oracle.services.loop import stop_on_signals  # noqa: PLC0415
    from oracle.services.run import run_challenger  # noqa: PLC0415

    named = model or []
    settings = session(context).settings(
        usual_role="challenger",
        challenger__models=tuple(each.lower() for each in named if _ID.fullmatch(each)) or None,
        challenger__files=tuple(Path(each) for each in named if not _ID.fullmatch(each)) or None,
        challenger__bundles=bundles,
        challenger__fetch=fetch,
        challenger__check=check.value if check else None,
        challenger__max_bond_gwei=max_bond,
        challenger__max_games=max_games,
        challenger__dry_run=dry_run or None,
        http__port=http_port,
        store__path=store,
    )
    settings.check()
    with stop_on_signals() as stop:
        run_challenger(settings, stop=stop)
