"""What the global options said, and the settings that follow from them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from oracle.errors import ConfigError

if TYPE_CHECKING:
    from oracle.services.context import Chain
    from oracle.settings import Settings

DEFAULT_ROLE = "requester"
"""Whose key a devnet's configuration names."""


@dataclass(slots=True)
class Session:
    """The global options of one run of `assay`; filled in when the command line is parsed."""

    config: Path | None = None
    rpc: tuple[str, ...] = ()
    role: str | None = None
    keystore: Path | None = None
    password_file: Path | None = None
    verbose: bool = False

    def settings(self, *, usual_role: str | None = None, **overrides: object) -> "Settings":
        """The settings of this run; `overrides` are a command's own flags, named `section__setting`.

        On a devnet, `--as ROLE` takes that role's key and database; `usual_role` is taken where nothing names a key.
        Raises `ConfigError`.
        """
        from oracle.settings import load_settings  # noqa: PLC0415  (start-up time, here and in every command)

        settings = load_settings(
            self.config,
            chain__rpc=self.rpc or None,
            signer__keystore=self.keystore,
            signer__password_file=self.password_file,
            log__level="debug" if self.verbose else None,
            **overrides,
        )
        role = self._role(settings, usual_role)
        if role is None:
            return settings
        accounts = settings.devnet.accounts if settings.devnet else {}
        if role not in accounts:
            raise ConfigError(
                f"There is no devnet account {role!r}.",
                hint=f"Choose from {', '.join(accounts)}." if accounts else "`--as` is for a running `assay devnet`.",
            )
        keystore = accounts[role].keystore
        store = settings.store.model_copy(update={"path": settings.store.path or keystore.with_suffix(".db")})
        signer = settings.signer.model_copy(update={"keystore": keystore})
        return settings.model_copy(update={"signer": signer, "store": store})

    def _role(self, settings: "Settings", usual: str | None) -> str | None:
        if self.role is not None or settings.devnet is None:
            return self.role
        default = settings.devnet.accounts.get(DEFAULT_ROLE)
        unnamed = default is not None and settings.signer.keystore == default.keystore
        return usual if unnamed and usual in settings.devnet.accounts else None

    @contextmanager
    def chain(self, **overrides: object) -> "Iterator[Chain]":
        """The settings' chain for a command that runs once; its logs stay quiet unless `-v` is given.

        `overrides` are as in `settings`.
        """
        from oracle import log  # noqa: PLC0415
        from oracle.services.context import open_chain  # noqa: PLC0415

        settings = self.settings(usual_role=None, **overrides)
        log.configure(
            "debug" if self.verbose else "error", settings.log.format, settings.log.file, secrets=settings.secrets()
        )
        with open_chain(settings) as chain:
            yield chain


def session(context: typer.Context) -> Session:
    """The session of a command's context."""
    found = context.obj
    if not isinstance(found, Session):
        raise TypeError("a command was called without a session")
    return found
