"""Where output goes: results to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

_SHORT = 12
"""Columns of cells up to this long are not wrapped, however narrow the terminal."""

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, for programs.")]


def example(*lines: str) -> str:
    """The epilog of a command's help: how it is called."""
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)])


def print_json(value: Any) -> None:
    """One line of JSON on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def say(text: str) -> None:
    """A line for the person, on standard error."""
    typer.echo(text, err=True)


def print_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Names and values under each other, on standard output."""
    listed = list(pairs)
    width = max(len(name) for name, _ in listed)
    for name, value in listed:
        typer.echo(f"{name:<{width}}  {value}")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """A table on standard output; cells are shown as they are, whatever markup they seem to hold."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    listed = [[printable(cell) for cell in row] for row in rows]
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        short = all(len(row[index]) <= _SHORT for row in listed)
        table.add_column(column, overflow="fold", no_wrap=short)
    for row in listed:
        table.add_row(*map(Text, row))
    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(table)


@contextmanager
def working(text: str) -> Iterator[None]:
    """A spinner on standard error for as long as something takes; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415

    with Console(stderr=True).status(text):
        yield


def printable(text: str) -> str:
    """`text` without control characters: what comes from the chain may hold anything."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
