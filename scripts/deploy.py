"""`ape run deploy --network …`: deploy the contracts, and print the configuration that names them."""

from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand

from oracle.chain.deploy import LOCAL, PUBLIC, deploy
from scripts._sending import key_options, sending


@click.command(cls=ConnectedProviderCommand)
@key_options
@click.option("--local", "is_local", is_flag=True, help="Minimal times of 1 s, for tests; else those for public use.")
def cli(keystore: Path | None, password_file: Path | None, is_local: bool) -> None:
    """Deploy the contracts. There is no owner: nothing can be changed afterwards."""
    with sending(keystore, password_file) as sender:
        deployment = deploy(sender, LOCAL if is_local else PUBLIC)
    click.echo(
        "[chain]\n"
        f"chain_id = {deployment.chain_id}\n"
        f'oracle = "{deployment.oracle}"\n'
        f'registry = "{deployment.registry}"\n'
        f"start_block = {deployment.block}"
    )
