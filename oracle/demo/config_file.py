"""Writing a configuration file that `oracle.settings` reads."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path


def write_toml(path: Path, content: Mapping[str, Mapping[str, object]]) -> None:
    """Write tables of texts, numbers and lists of these; an inner mapping becomes a table of its own.

    The file appears whole or not at all.
    """
    lines = [line for name, table in content.items() for line in _table(name, table)]
    draft = path.with_suffix(".draft")
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    draft.replace(path)


def _table(name: str, table: Mapping[str, object]) -> Iterator[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    if plain:
        yield f"[{name}]"
        # JSON's texts, numbers and lists of them are TOML's too.
        yield from (f"{_key(key)} = {_text(value)}" for key, value in plain.items())
        yield ""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _table(f"{name}.{_key(key)}", value)


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else _text(key)


def _text(value: object) -> str:
    """As JSON, without its surrogate pairs and its bare DEL, which TOML has not."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
