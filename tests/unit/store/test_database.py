"""Opening, migrating and damaged databases: a clear sentence each time, and nothing lost silently."""

import os
import sqlite3
from pathlib import Path
from threading import Thread

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

import oracle.store
from oracle.errors import ConfigError, StoreError
from oracle.store.database import REVISION, Store
from oracle.store.schema import Base


def test_the_migrations_make_exactly_the_schema(path):
    """A model changed without a migration would fail on every existing database."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_the_newest_migration_is_the_revision_this_version_reads():
    """`Store.open` decides by this constant, without importing alembic."""
    config = Config()
    config.set_main_option("script_location", str(Path(oracle.store.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_every_commit_outlives_the_process(store):
    """WAL and foreign keys are what the promises of the store rest on."""
    with store.read() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA synchronous")) == 1
        assert session.scalar(text("PRAGMA foreign_keys")) == 1


def test_a_new_file_opened_by_several_programs_at_once_is_migrated_once(tmp_path):
    """Operator and keeper start together on a fresh machine."""
    errors = []

    def _open():
        try:
            Store.open(f"sqlite:///{tmp_path}/new.db").close()
        except StoreError as error:
            errors.append(error)

    threads = [Thread(target=_open) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_transaction_that_fails_leaves_no_trace(store):
    """Half a step is worse than none."""

    def fail_midway():
        with store.write() as session:
            session.execute(text("INSERT INTO cursor (id, number, hash) VALUES (1, 5, x'00')"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_midway()
    assert store.ledger.cursor() is None


def test_the_same_deployment_may_be_bound_again_and_no_other(store):
    """Events of two oracles in one file would be answered with the wrong contract."""
    store.bind(1, "0xa", "0xb")
    store.bind(1, "0xa", "0xb")
    for other in ((2, "0xa", "0xb"), (1, "0xc", "0xb"), (1, "0xa", "0xc")):
        with pytest.raises(StoreError, match="Use another file"):
            store.bind(*other)


def test_attack_53_a_database_from_a_newer_version_is_refused(path):
    """An old program must not write into tables it does not understand."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"newer version of assay \(schema 9999"):
        Store.open(f"sqlite:///{path}")


def test_attack_53_another_program_s_database_is_refused(tmp_path):
    """A mistyped path must not add tables to a browser's history."""
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE places (url TEXT)")
    with pytest.raises(StoreError, match="another program's database"):
        Store.open(f"sqlite:///{tmp_path}/other.db")


def test_attack_53_a_file_that_is_no_database_is_refused(tmp_path):
    """The sentence names the file."""
    (tmp_path / "note.txt").write_text("hello " * 1000)
    with pytest.raises(StoreError, match=r"note\.txt is not a database"):
        Store.open(f"sqlite:///{tmp_path}/note.txt")


def test_attack_53_a_corrupt_database_is_a_clear_error(path):
    """Garbage in the middle of the file, as a failing disk leaves it."""
    size = os.path.getsize(path)  # noqa: PTH202 (the fixture's path may be text)
    with open(path, "r+b") as file:  # noqa: PTH123
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    with pytest.raises(StoreError, match="is corrupt"):
        Store.open(f"sqlite:///{path}").jobs.add("answer", b"1" * 32, 1, now=0)


def test_attack_53_a_locked_database_is_a_clear_error_and_nothing_is_lost(path, open_store):
    """A backup program holds it: the step fails, the next one succeeds."""
    store = open_store(busy_timeout=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another program"):
        store.jobs.add("answer", b"1" * 32, 1, now=0)
    other.execute("ROLLBACK")
    other.close()
    assert store.jobs.add("answer", b"1" * 32, 1, now=0)


def test_attack_53_a_full_disk_is_a_clear_error_and_nothing_is_half_written(store):
    """What was stored before stays; what did not fit is not stored in part."""
    with store.read() as session:
        pages = session.scalar(text("PRAGMA page_count"))
    store.jobs.add("answer", b"0" * 32, 1, now=0)

    def fill():
        with store.write() as session:
            session.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
            for number in range(1000):
                block = {"n": number, "big": b"\0" * 1000}
                session.execute(text("INSERT INTO blocks VALUES (:n, :big, :big, 1)"), block)

    with pytest.raises(StoreError, match="the disk is full"):
        fill()
    assert store.ledger.hashes(0, 1000) == {}
    assert store.jobs.counts() == {("answer", "open"): 1}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_attack_53_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path):
    """The hint says whose permission is missing."""
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(f"sqlite:///{tmp_path}/assay.db")


def test_attack_53_a_folder_that_is_not_there_is_a_clear_error(tmp_path):
    """A mistyped path is the commonest mistake."""
    with pytest.raises(StoreError, match="Does its folder exist"):
        Store.open(f"sqlite:///{tmp_path}/missing/assay.db")


@pytest.mark.parametrize("url", ["postgresql://localhost/x", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_only_sqlite_files_are_taken(url):
    """What is promised here was tried with SQLite only, and memory keeps nothing."""
    with pytest.raises(ConfigError, match="sqlite:///path"):
        Store.open(url)
