"""`assay demo`: everything at once, live."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oracle.cli.session import session
from oracle.cli.show import Json, example, print_json, print_table, say
from oracle.cli.units import show_ether

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from oracle.demo.report import Line, Report

_COLOURS = {
    "sent": "dim",
    "requested": "yellow",
    "answered": "cyan",
    "disputed": "magenta",
    "refuted": "red",
    "final": "blue",
    "delivered": "green",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("assay demo --requests 20"))(demo)


def demo(
    context: typer.Context,
    requests: Annotated[int, typer.Option(min=3, max=30, help="How many requests.")] = 12,
    out: Annotated[Path, typer.Option(help="Folder of demo.json and the demo's files.")] = Path("build"),
    dishonest: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A program that lies: two more operators run it.", hidden=True),
    ] = None,
    json: Json = False,
) -> None:
    """Play the whole system: a chain, three models, two operators and a keeper, real requests, to final answers.

    Takes about half a minute; writes OUT/demo.json. Exit code 1 if anything is not as it should be.
    """
    from rich.console import Console  # noqa: PLC0415

    from oracle import log  # noqa: PLC0415
    from oracle.cli.conviction import explain  # noqa: PLC0415
    from oracle.demo.report import write_report  # noqa: PLC0415
    from oracle.demo.story import Dishonest, play  # noqa: PLC0415

    log.configure("debug" if session(context).verbose else "error")
    with _ended_by_sigterm(), _Watching(Console(stderr=True)) as stage:
        lies = None if dishonest is None else Dishonest(dishonest.resolve(), explain)
        report = play(out / "demo", requests, stage, lies)
    write_report(report, out / "demo.json")
    if json:
        print_json(report.to_json())
    else:
        _conclude(report)
    say(f"Written: {out / 'demo.json'}")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends a `with` block as Ctrl-C does, so that the demo's processes are ended too."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


class _Watching:
    """A live table on a terminal; elsewhere a line for each change."""

    def __init__(self, console: "Console") -> None:
        from rich.live import Live  # noqa: PLC0415

        self._console = console
        self._live = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        self._step = ""
        self._states: dict[int, str] = {}

    def __enter__(self) -> "_Watching":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def tell(self, text: str) -> None:
        """A step has begun."""
        self._step = text
        if self._live is None:
            say(text)
        else:
            self._live.console.print(f"[dim]{text}")

    def show(self, lines: "Sequence[Line]") -> None:
        """These are the requests now."""
        if self._live is not None:
            self._live.update(_live_table(lines, self._step))
            return
        from oracle.demo.report import WAITING  # noqa: PLC0415

        for line in lines:
            if self._states.get(line.number, WAITING) != line.state:
                self._states[line.number] = line.state
                note = {
                    "answered": f" by {line.operator}: {line.answer}",
                    "refuted": f": {line.liar} is convicted, the request is open again",
                    "delivered": f": {line.decision}",
                }
                say(f"  {line.number:>2} {line.ask.title}: {line.state}{note.get(line.state, '')}")


def _live_table(lines: "Sequence[Line]", title: str) -> "Table":
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=title, title_justify="left", expand=True)
    for column, width in (("#", 2), ("asked", None), ("state", 11), ("operator", 10), ("answer", None)):
        table.add_column(column, width=width, ratio=None if width else 1, overflow="ellipsis", no_wrap=True)
    table.add_column("what the contract did", ratio=1, overflow="ellipsis", no_wrap=True)
    for line in lines:
        table.add_row(
            str(line.number),
            Text(line.ask.title),
            Text(line.state, _COLOURS.get(line.state, "")),
            line.operator,
            Text(line.answer),
            Text(line.decision),
        )
    return table


def _conclude(report: "Report") -> None:
    from oracle.canonical.tolerance import float64_of  # noqa: PLC0415

    print_table(
        ["#", "request", "model", "asked", "answer", "what the contract did", "operator", "gas"],
        [
            [
                str(line.number),
                f"0x{line.request_id[:4].hex()}",
                line.ask.sample.model,
                line.ask.title,
                line.answer,
                line.decision,
                line.operator,
                f"{line.gas['lifecycle']:,}",
            ]
            for line in report.lines
        ],
        title="From request to final answer",
    )
    print_table(
        ["model", "program root", "nodes", "dearest proof", "tolerance"],
        [
            [
                name,
                f"0x{model.program_root.hex()}",
                f"{model.node_count:,}",
                f"{model.worst_leaf_gas:,} gas",
                ", ".join(f"{float64_of(output.atol):g}" for output in model.outputs),
            ]
            for name, model in report.models.items()
        ],
        title="The models' programs: every answer is the canonical one, bit for bit",
    )
    for conviction in report.convictions:
        typer.echo(f"{conviction.words}\n")
    gas, money = report.gas, report.money
    typer.echo(
        f"{len(report.lines)} requests final and delivered in {report.seconds:.1f} s, {len(report.convictions)} lies "
        f"refuted, {report.wrong_final} wrong answers final. Median gas: request "
        f"{gas['request']:,}, answer {gas['answer']:,}, finalize {gas['finalize']:,}, lifecycle {gas['lifecycle']:,}."
    )
    typer.echo(f"An operator's own time per answer, median: {report.worker_ms_p50:.2f} ms.")
    typer.echo(
        f"Money conserved: {show_ether(money.before)} ether before = {show_ether(money.after)} after "
        f"+ {show_ether(money.gas)} for gas; the oracle holds {show_ether(money.held)} and owes as much, "
        f"disputes {show_ether(money.credit)}; {show_ether(money.burnt)} were burnt."
    )
