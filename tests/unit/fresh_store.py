"""New stores for tests, quickly: the migrated file is made once a process and copied."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from oracle.store.database import Store


@cache
def _template() -> Path:
    path = Path(tempfile.mkdtemp(prefix="assay-test-")) / "assay.db"
    Store.open(f"sqlite:///{path}").close()
    return path


def fresh_file(folder: Path) -> Path:
    """A migrated, empty database in `folder`."""
    return Path(shutil.copy(_template(), folder / "assay.db"))


def fresh_store(folder: Path) -> Store:
    """An open store on it."""
    return Store.open(f"sqlite:///{fresh_file(folder)}")
