"""`assay watch`: requests, answers and disputes as they happen, with their clocks and bonds; no database, no key."""

import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oracle.cli.session import session
from oracle.cli.show import Json, example, print_json, printable, working
from oracle.cli.units import show_duration, show_gwei, show_hex, show_id, show_time

if TYPE_CHECKING:
    from rich.console import Group

    from oracle.chain.history import Happening
    from oracle.cli.feed import Feed, News, Pending

_LINES = 12
"""Events that a terminal shows below the tables."""

_ROWS = 20
"""Requests, and games, that a table shows: the newest."""

_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("assay watch", "assay watch --once", "assay watch --json | jq .words"))(watch)


def watch(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Show how things stand now, and end.")] = False,
    blocks: Annotated[
        int | None, typer.Option(min=1, help="Look at the newest blocks only [default: all since `chain.start_block`]")
    ] = None,
    interval: Annotated[float | None, typer.Option(min=0.1, help="Seconds between looks [default: as set]")] = None,
    json: Json = False,
) -> None:
    """Show requests, answers and disputes live: clocks, bonds, and each event as it comes; until interrupted.

    With --json one line per event, with `"gone": true` where a reorg took it back.
    """
    from oracle.cli.feed import Feed  # noqa: PLC0415

    with session(context).chain() as chain:
        head, first = chain.provider.block_number(), chain.settings.chain.start_block
        feed = Feed(chain, first if blocks is None else max(first, head - blocks + 1))
        with working("Reading the chain"):
            news = feed.poll()
        if once:
            _state(feed, news.now, json=json)
            return
        pause = chain.settings.chain.poll_seconds if interval is None else interval
        try:
            if json or not sys.stdout.isatty():
                _follow(feed, pause, json=json)
            else:
                _live(feed, news, pause)
        except KeyboardInterrupt:
            raise typer.Exit(_INTERRUPTED) from None


def _state(feed: "Feed", now: int, *, json: bool) -> None:
    from oracle.cli.moves import game_json  # noqa: PLC0415

    if json:
        games = [game_json(each, now) for each in feed.games() if each.game.is_open]
        print_json({"now": now, "requests": [_request_json(each, now) for each in feed.pending()], "games": games})
        return
    from rich.console import Console  # noqa: PLC0415

    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(_tables(feed, now, []))


def _follow(feed: "Feed", pause: float, *, json: bool) -> None:
    while True:
        time.sleep(pause)
        news = feed.poll()
        for item, gone in (*((item, True) for item in news.gone), *((item, False) for item in news.came)):
            if json:
                print_json(_event_json(feed, item, gone=gone))
            else:
                typer.echo(_line(feed, item, gone=gone))
        sys.stdout.flush()


def _live(feed: "Feed", news: "News", pause: float) -> None:
    from rich.live import Live  # noqa: PLC0415

    lines = deque((_line(feed, item) for item in news.came[-_LINES:]), _LINES)
    with Live(_tables(feed, news.now, lines), auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(pause)
            news = feed.poll()
            lines.extend(_line(feed, item, gone=True) for item in news.gone)
            lines.extend(_line(feed, item) for item in news.came)
            live.update(_tables(feed, news.now, lines), refresh=True)


def _tables(feed: "Feed", now: int, lines: "deque[str] | list[str]") -> "Group":
    from rich.console import Group  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from oracle.cli.clocks import bonds, standing  # noqa: PLC0415

    waiting, disputed = feed.pending(), [record for record in feed.games() if record.game.is_open]
    title = f"Requests that are not over: {len(waiting)}, at {show_time(now)}"
    requests = Table("request", "model", "status", "clock", "fee", "bonds", title=title)
    for each in waiting[-_ROWS:]:
        policy = each.requested.request.policy
        stakes = f"{show_gwei(policy.operator_bond)} / {show_gwei(policy.challenger_bond)}"
        cells = (
            show_id(each.requested.request_id),
            show_id(each.requested.request.model_id),
            each.status.name.lower(),
            _clock(each, now),
            show_gwei(policy.fee),
            stakes,
        )
        requests.add_row(*map(Text, cells))
    title = f"Disputes: {len(disputed)}"
    games = Table("game", "request", "operator", "opener", "standing", "bonds", title=title)
    for record in disputed[-_ROWS:]:
        cells = (
            show_id(record.game.id),
            show_id(record.requested.request_id),
            record.answered.operator[:10],
            record.game.opener[:10],
            standing(record.game, now),
            bonds(record.game),
        )
        games.add_row(*map(Text, cells))
    return Group(requests, games, *(Text(line) for line in lines))


def _clock(each: "Pending", now: int) -> str:
    if each.deadline is None:
        return "in dispute"
    left = each.deadline - now
    if left > 0:
        return show_duration(left)
    return "can be settled" if each.status.name == "ANSWERED" else "can be expired"


def _request_json(each: "Pending", now: int) -> dict[str, Any]:
    policy = each.requested.request.policy
    return {
        "request_id": show_hex(each.requested.request_id),
        "model_id": show_hex(each.requested.request.model_id),
        "status": each.status.name,
        "since": each.since,
        "deadline": each.deadline,
        "clock": None if each.deadline is None else each.deadline - now,
        "fee_gwei": policy.fee,
        "operator_bond_gwei": policy.operator_bond,
        "challenger_bond_gwei": policy.challenger_bond,
    }


def _words(item: "Happening") -> str:
    """An event in one line: which request or game, and what."""
    from oracle.chain.events import GameEvent  # noqa: PLC0415
    from oracle.cli.moves import move_words  # noqa: PLC0415

    event = item.event
    if isinstance(event, GameEvent):
        return f"game {show_id(event.game_id)}: {move_words(event, None, None)}"
    about = getattr(event, "request_id", None) or getattr(event, "model_id", None)
    who = getattr(event, "operator", None) or getattr(event, "account", None)
    named = f" {show_id(about)}" if isinstance(about, bytes) else ""
    return f"{type(event).__name__}{named}" + (f" by {who}" if who else "")


def _line(feed: "Feed", item: "Happening", *, gone: bool = False) -> str:
    when = "taken back by a reorg" if gone else show_time(feed.time_of(item))
    return printable(f"{when}  {_words(item)}")


def _event_json(feed: "Feed", item: "Happening", *, gone: bool) -> dict[str, Any]:
    event = item.event
    return {
        "event": type(event).__name__,
        "words": printable(_words(item)),
        "block": item.log.block_number,
        "timestamp": None if gone else feed.time_of(item),
        "transaction": show_hex(item.log.tx_hash),
        "request_id": show_hex(found) if (found := getattr(event, "request_id", None)) else None,
        "game_id": show_hex(found) if (found := getattr(event, "game_id", None)) else None,
        "gone": gone,
    }
