"""`ape run publish_samples --registry 0x… --network …`: announce the sample models."""

from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand

from oracle.chain.protocol import checksum
from oracle.demo.devnet import publish_samples
from oracle.errors import WrongChainError
from scripts._sending import key_options, sending


@click.command(cls=ConnectedProviderCommand)
@key_options
@click.option("--registry", required=True, help="Address of the registry.")
def cli(keystore: Path | None, password_file: Path | None, registry: str) -> None:
    """Announce digits, credit and, where it is installed, magika."""
    with sending(keystore, password_file) as sender:
        if not sender.provider.code(registry):
            raise WrongChainError(f"There is no contract at {registry}.", hint="Deploy with `ape run deploy`.")
        published = publish_samples(sender, checksum(registry), click.echo)
    for name, (_, model) in published.items():
        click.echo(f"{name} 0x{model.id.hex()}")
