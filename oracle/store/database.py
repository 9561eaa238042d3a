"""The one database of a worker: opening, migrating, and the repositories in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from threading import Lock
from typing import Self

from sqlalchemy import Connection, insert, inspect, select, text

from oracle.errors import StoreError
from oracle.store.catalogue import Catalogue
from oracle.store.events import Events
from oracle.store.games import Games
from oracle.store.jobs import Jobs
from oracle.store.ledger import Ledger
from oracle.store.requests import Requests
from oracle.store.schema import DEPLOYMENT
from oracle.store.sqlite import Database
from oracle.store.transactions import Transactions

_ALEMBIC = Lock()
"""Alembic keeps what it is doing in module globals: one upgrade at a time in a process."""

REVISION = "0002"
"""The newest migration: the schema this version reads and writes."""


class Store:
    """An open database: one repository for each thing kept; `ledger` is what the indexer writes.

    Threads and processes may share one file. Everything done through it may raise `StoreError`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.ledger = Ledger(database)
        self.events = Events(database)
        self.requests = Requests(database)
        self.games = Games(database)
        self.catalogue = Catalogue(database)
        self.jobs = Jobs(database)
        self.transactions = Transactions(database)

    @classmethod
    def open(cls, url: str, *, busy_timeout: float = 10.0) -> Self:
        """Open a SQLAlchemy URL of a SQLite file, creating it or upgrading its schema where needed.

        `busy_timeout` is how many seconds to wait for other writers. Raises `ConfigError` for another URL,
        `StoreError` if the file is locked, corrupt, from a newer version, or not ours.
        """
        database = Database(url, busy_timeout)
        try:
            _migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    @property
    def path(self) -> str:
        """The file."""
        return self._database.path

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and blocks nobody."""
        with self._database.read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that excludes other writers from its first statement on; commits, or leaves no trace."""
        with self._database.write() as connection:
            yield connection

    def bind(self, chain_id: int, oracle: str, registry: str) -> None:
        """Tie the database to a deployment; raises `StoreError` if it belongs to another."""
        with self.write() as connection:
            row = connection.execute(select(DEPLOYMENT)).one_or_none()
            if row is None:
                connection.execute(
                    insert(DEPLOYMENT).values(id=1, chain_id=chain_id, oracle=oracle, model_registry=registry)
                )
            elif (row.chain_id, row.oracle, row.model_registry) != (chain_id, oracle, registry):
                raise StoreError(
                    f"The database {self.path} belongs to the oracle {row.oracle} on chain {row.chain_id}, "
                    f"not to {oracle} on chain {chain_id}.",
                    hint="Use another file for this deployment.",
                )


def _migrate(database: Database) -> None:
    with database.immediate.begin() as connection:
        found = _revision(connection, database.path)
        if found != REVISION:
            _upgrade(connection, found, database.path)


def _revision(connection: Connection, path: str) -> str | None:
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found
    if tables:
        raise StoreError(f"{path} is another program's database.", hint="Use another file.")
    return None


def _upgrade(connection: Connection, found: str | None, path: str) -> None:
    # Half a second to import, needed once in a database's life.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(files("oracle.store") / "migrations"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreError(
            f"The database {path} is from a newer version of assay (schema {found}; this one knows {REVISION}).",
            hint="Upgrade assay, or use another file.",
        )
    config.attributes["connection"] = connection
    with _ALEMBIC:
        command.upgrade(config, "head")
