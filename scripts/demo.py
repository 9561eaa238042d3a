"""`ape run demo`: the same as `assay demo`, on an anvil of its own."""

import click

from oracle.cli.main import run


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def cli(options: tuple[str, ...]) -> None:
    """Play the whole system; OPTIONS are those of `assay demo`."""
    run(["demo", *options])
