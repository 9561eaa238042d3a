"""The configuration file a devnet writes."""

import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from oracle.demo.config_file import write_toml

KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
VALUES = st.integers(0, 2**40) | st.text(st.characters(codec="ascii"), max_size=20)


@given(
    st.dictionaries(st.sampled_from(["chain", "signer"]), st.dictionaries(KEYS, VALUES | st.lists(VALUES)), min_size=1)
)
def test_what_is_written_is_what_is_read(tmp_path_factory, content) -> None:  # type: ignore[no-untyped-def]
    """Paths and names may hold quotes, backslashes or blanks."""
    path: Path = tmp_path_factory.mktemp("toml") / "file.toml"
    write_toml(path, content)
    assert tomllib.loads(path.read_text(encoding="utf-8")) == {name: table for name, table in content.items() if table}


def test_inner_mappings_become_tables(tmp_path: Path) -> None:
    """Accounts are listed by role, below `devnet`."""
    content = {"devnet": {"accounts": {"operator-1": {"address": "0x1"}}, "consumers": {"A": "0x2"}}}
    write_toml(tmp_path / "x.toml", content)
    assert tomllib.loads((tmp_path / "x.toml").read_text()) == content
