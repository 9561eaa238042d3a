"""A new store for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oracle.store.database import Store
from tests.unit.fresh_store import fresh_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A migrated, empty database."""
    return fresh_file(tmp_path)


@pytest.fixture
def open_store(path: Path) -> Iterator[Callable[..., Store]]:
    """Opens that file any number of times."""
    opened = []

    def _open(**options: float) -> Store:
        opened.append(Store.open(f"sqlite:///{path}", **options))
        return opened[-1]

    yield _open
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., Store]) -> Store:
    """An empty store."""
    return open_store()
