"""SQLite: connections, transactions, and errors a person can act on.

WAL mode with `synchronous=NORMAL`: a commit survives the death of the process at any instruction, for the write-ahead
log is in the kernel's hands by then. Only a power cut can take the last commits, never the consistency, and what it
takes is derived again: events from the chain at the older cursor, nonces from the endpoint's pending count, and a
second answer to a request is refused by the contract. `FULL` would cost an fsync for each step of the hot path.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, IntegrityError

from oracle.errors import ConfigError, StoreError

_SENTENCES = (
    ("locked", "is locked by another program", "Stop what else has it open, or wait and try again."),
    ("busy", "is locked by another program", "Stop what else has it open, or wait and try again."),
    ("full", "cannot grow: the disk is full", "Free some space and start again; nothing was half written."),
    ("malformed", "is corrupt", "Move it away: a new one is rebuilt from the chain. Keep it if sends are pending."),
    ("not a database", "is not a database", "Name another file, or move this one away."),
    ("readonly", "cannot be written", "Give this user write access to the file and its folder."),
    ("unable to open", "cannot be opened", "Does its folder exist, and may this user write there?"),
    ("disk i/o error", "cannot be read or written: the disk reports an error", "Check the disk."),
)  # fmt: skip


_TURN = 0.01
"""Seconds between two tries to switch a file to the write-ahead log."""


class Database:
    """A SQLite file. Threads and processes may share it. Everything may raise `StoreError`."""

    def __init__(self, url: str, busy_timeout: float) -> None:
        self._engine = _engine(url, busy_timeout)
        self.immediate = self._engine.execution_options(immediate=True)

    @property
    def path(self) -> str:
        """The file."""
        return str(self._engine.url.database)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and blocks nobody."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that excludes other writers from its first statement on; commits, or leaves no trace."""
        with self.immediate.begin() as connection:
            yield connection


def _engine(url: str, busy_timeout: float) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError("The database URL cannot be read.", hint="Write sqlite:///path.") from error
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        raise ConfigError("The database must be a SQLite file.", hint="Write sqlite:///path.")
    engine = create_engine(parsed, connect_args={"timeout": busy_timeout, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin transactions ourselves
        connection.execute("PRAGMA foreign_keys = ON")
        _use_wal(connection, busy_timeout)
        connection.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    @event.listens_for(engine, "handle_error")
    def _explain(context: ExceptionContext) -> None:
        if not isinstance(context.sqlalchemy_exception, IntegrityError):
            raise _explained(str(parsed.database), context.original_exception)

    return engine


def _use_wal(connection: sqlite3.Connection, patience: float) -> None:
    """Switch to the write-ahead log; SQLite does not wait its turn for this, so we do, for `patience` seconds."""
    deadline = monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or monotonic() >= deadline:
                raise
            sleep(_TURN)
        else:
            return


def _explained(path: str, error: BaseException) -> StoreError:
    said = str(error)
    for words, what, hint in _SENTENCES:
        if words in said.lower():
            return StoreError(f"The database {path} {what}.", hint=hint)
    return StoreError(f"The database {path} failed: {said}.")
