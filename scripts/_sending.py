"""What ape's scripts share: a sender on the network ape is connected to. Ape lists no file that begins with _."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from ape import networks

from oracle.chain.anvil import dev_account
from oracle.chain.fees import FeeRules
from oracle.chain.provider import Provider
from oracle.chain.sender import Sender
from oracle.chain.signer import KeySigner
from oracle.errors import AssayError, ConfigError
from oracle.store.database import Store


def key_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--keystore` and `--password-file`."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    password = click.option("--password-file", type=file, help="File with the keystore's password [default: asked]")
    keystore = click.option("--keystore", type=file, help="Key that signs; ape's own are in ~/.ape/accounts.")
    return keystore(password(command))


@contextmanager
def sending(keystore: Path | None, password_file: Path | None) -> Iterator[Sender]:
    """A sender for ape's network; on a local one without a keystore, anvil's first account signs.

    Errors of Assay end the script with their sentence.
    """
    try:
        connected = networks.provider
        provider = Provider([connected.http_uri], chain_id=connected.chain_id)
        with tempfile.TemporaryDirectory(prefix="assay-") as folder:
            store = Store.open(f"sqlite:///{Path(folder) / 'outbox.db'}")
            try:
                yield Sender(provider, _signer(keystore, password_file), store, FeeRules())
            finally:
                store.close()
                provider.close()
    except AssayError as error:
        raise click.ClickException(str(error)) from error


def _signer(keystore: Path | None, password_file: Path | None) -> KeySigner:
    if keystore is None:
        if not networks.provider.network.is_dev:
            raise ConfigError("No keystore is named.", hint="Pass --keystore FILE.")
        return KeySigner(dev_account(0))
    if password_file is not None:
        return KeySigner.from_keystore(keystore, password_file.read_text().rstrip("\r\n"))
    return KeySigner.from_keystore(keystore, click.prompt("Password", hide_input=True))
