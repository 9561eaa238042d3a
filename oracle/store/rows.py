"""The rows that events make of requests, answers, models and games: kept up to date, or made again.

Everything here runs within a transaction of the caller's.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table, bindparam, delete, select
from sqlalchemy.dialects.sqlite import Insert, insert

from oracle.store.catalogue import MODEL_COLUMNS, MODEL_FIELDS, StoredModel, stored_model
from oracle.store.events import IndexedEvent, from_row
from oracle.store.games import GAME_FIELDS, SELECT_GAMES, StoredGame
from oracle.store.projection import project_answer, project_game, project_model, project_request
from oracle.store.requests import ANSWER_FIELDS, REQUEST_FIELDS, SELECT_REQUESTS, StoredRequest
from oracle.store.schema import ANSWERS, EVENTS, GAMES, MODELS, REQUESTS

_CHUNK = 500  # ids in one statement; SQLite takes 32,766 variables

_REQUESTS_BY_ID = SELECT_REQUESTS.where(REQUESTS.c.id.in_(bindparam("ids", expanding=True)))
_MODELS_BY_ID = select(*MODEL_COLUMNS).where(MODELS.c.id.in_(bindparam("ids", expanding=True)))
_GAMES_BY_ID = SELECT_GAMES.where(GAMES.c.id.in_(bindparam("ids", expanding=True)))
_ORDERED = select(EVENTS).order_by(EVENTS.c.block_number, EVENTS.c.tx_index, EVENTS.c.log_index)
_MODEL_EVENTS = ("ModelPublished", "MirrorsAdded")

S = TypeVar("S", StoredRequest, StoredModel, StoredGame)


@dataclass(frozen=True, slots=True)
class Touched:
    """Requests, models and games some events are about."""

    requests: Sequence[bytes] = ()
    models: Sequence[bytes] = ()
    games: Sequence[bytes] = ()

    def __bool__(self) -> bool:
        return bool(self.requests or self.models or self.games)

    def with_(self, events: Iterable[IndexedEvent]) -> "Touched":
        """These, and what `events` are about."""
        events = list(events)
        return Touched(
            distinct(*self.requests, *(event.request_id for event in events)),
            distinct(*self.models, *(event.model_id for event in events)),
            distinct(*self.games, *(event.game_id for event in events)),
        )


def rebuild(connection: Connection, touched: Touched) -> None:
    """Make the rows of these requests, models and games again, from their events alone."""
    for chunk in chunks(touched.requests):
        connection.execute(delete(REQUESTS).where(REQUESTS.c.id.in_(chunk)))
        _project_requests(connection, _events(connection, _ORDERED.where(EVENTS.c.request_id.in_(chunk))))
    for chunk in chunks(touched.models):
        connection.execute(delete(MODELS).where(MODELS.c.id.in_(chunk)))
        wanted = _ORDERED.where(EVENTS.c.model_id.in_(chunk), EVENTS.c.name.in_(_MODEL_EVENTS))
        _project_models(connection, _events(connection, wanted))
    for chunk in chunks(touched.games):
        connection.execute(delete(GAMES).where(GAMES.c.id.in_(chunk)))
        _project_games(connection, _events(connection, _ORDERED.where(EVENTS.c.game_id.in_(chunk))))


def project(connection: Connection, events: Sequence[IndexedEvent]) -> None:
    """Fold events, in order and after all that are stored, into the rows."""
    _project_requests(connection, events)
    _project_models(connection, events)
    _project_games(connection, events)


def _project_requests(connection: Connection, events: Iterable[IndexedEvent]) -> None:
    events = [event for event in events if event.request_id is not None]
    known = {row.id: StoredRequest(*row) for row in _rows(connection, _REQUESTS_BY_ID, (e.request_id for e in events))}
    folded = _folded(known, events, lambda event: event.request_id, project_request)
    answers = {}
    for event in events:
        answer = project_answer(event)
        if answer is not None and answer.request_id in folded:
            answers[answer.request_id, answer.attempt] = answer
    _upsert(connection, REQUESTS, REQUEST_FIELDS, folded.values())
    _upsert(connection, ANSWERS, ANSWER_FIELDS, answers.values())


def _project_models(connection: Connection, events: Iterable[IndexedEvent]) -> None:
    events = [event for event in events if event.model_id is not None]
    known = {row.id: stored_model(row) for row in _rows(connection, _MODELS_BY_ID, (e.model_id for e in events))}
    _upsert(connection, MODELS, MODEL_FIELDS, _folded(known, events, lambda e: e.model_id, project_model).values())


def _project_games(connection: Connection, events: Iterable[IndexedEvent]) -> None:
    events = [event for event in events if event.game_id is not None]
    known = {row.id: StoredGame(*row) for row in _rows(connection, _GAMES_BY_ID, (e.game_id for e in events))}
    _upsert(connection, GAMES, GAME_FIELDS, _folded(known, events, lambda e: e.game_id, project_game).values())


def _folded(
    known: dict[bytes, S],
    events: Iterable[IndexedEvent],
    id_of: Callable[[IndexedEvent], bytes | None],
    step: Callable[[S | None, IndexedEvent], S | None],
) -> dict[bytes, S]:
    """What `step` makes of `known` by `events`, in order."""
    after = dict(known)
    for event in events:
        key = id_of(event)
        if key is not None:
            made = step(after.get(key), event)
            if made is not None:
                after[key] = made
    return after


def _rows(connection: Connection, query: Select[Any], ids: Iterable[bytes | None]) -> Iterator[Any]:
    for chunk in chunks(distinct(*ids)):
        yield from connection.execute(query, {"ids": chunk})


def _events(connection: Connection, query: Select[Any]) -> list[IndexedEvent]:
    return [from_row(row) for row in connection.execute(query)]


def _upsert(connection: Connection, table: Table, names: Sequence[str], items: Iterable[object]) -> None:
    rows = [{name: getattr(item, name) for name in names} for item in items]
    if rows:
        connection.execute(_upsert_into(table), rows)


@cache
def _upsert_into(table: Table) -> Insert:
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def distinct(*ids: bytes | None) -> list[bytes]:
    """Each id once, in order."""
    return list(dict.fromkeys(item for item in ids if item is not None))


def chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """As many at a time as one statement takes."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
