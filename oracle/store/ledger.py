"""What the indexer writes: blocks, events, the cursor, and the rows that events make. One commit for each range."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, exists, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from oracle.chain.protocol import RequestId
from oracle.chain.wire import Block
from oracle.errors import StoreError
from oracle.store import jobs, transactions
from oracle.store.catalogue import MODEL_COLUMNS, MODEL_FIELDS, StoredModel, stored_model
from oracle.store.events import IndexedEvent, from_row, to_rows
from oracle.store.projection import project_answer, project_model, project_request
from oracle.store.requests import ANSWER_FIELDS, REQUEST_FIELDS, StoredRequest, select_requests
from oracle.store.schema import AnswerRow, Base, BlockRow, CursorRow, EventRow, ModelRow, RequestRow, TransactionRow
from oracle.store.sqlite import Database

_CHUNK = 500  # ids in one statement; SQLite takes 32,766 variables


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last block whose events are applied; `hash` is empty before the first. `finalized` as last heard."""

    number: int
    hash: bytes
    finalized: int | None


class Overtaken(StoreError):
    """Another program moved the cursor meanwhile. Nothing was written; read the chain again."""


@dataclass(frozen=True, slots=True)
class Rewind:
    """What a reorg took back: everything above `to`; these requests and models were rebuilt without it."""

    to: int
    requests: frozenset[RequestId]
    models: frozenset[bytes]


class Ledger:
    """Applies and takes back ranges of blocks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cursor(self) -> Cursor | None:
        """How far events are applied; None for a new database."""
        with self._database.read() as session:
            row = session.get(CursorRow, 1)
            return None if row is None else Cursor(row.number, row.hash, row.finalized)

    def start(self, number: int) -> None:
        """Set the cursor of a new database to the block before the first."""
        with self._database.write() as session:
            session.execute(insert(CursorRow).values(id=1, number=number, hash=b"").on_conflict_do_nothing())

    def set_finalized(self, number: int) -> None:
        """Note which block cannot be reorganised any more."""
        with self._database.write() as session:
            session.execute(update(CursorRow).values(finalized=number))

    def hashes(self, first: int, last: int) -> dict[int, bytes]:
        """Hashes kept of blocks `first` to `last`, by ascending number."""
        query = (
            select(BlockRow.number, BlockRow.hash).where(BlockRow.number.between(first, last)).order_by(BlockRow.number)
        )
        with self._database.read() as session:
            return {row.number: row.hash for row in session.execute(query)}

    def apply(
        self, blocks: Sequence[Block], events: Sequence[IndexedEvent], *, last: int, keep: int, cursor: Cursor
    ) -> list[IndexedEvent]:
        """Store a range that ends with block `last`; yields the events that were not stored yet, in order.

        `cursor` is where the caller saw it; raises `Overtaken` if it is elsewhere.
        `blocks` are headers of the range: `last`, those with events, and any others to keep. Stored blocks of the
        same numbers and other hashes go, with their events. Applying a range twice changes nothing. Blocks more than
        `keep` below the cursor are forgotten unless they have events.
        """
        with self._database.write() as session:
            before = _locked(session, cursor)
            known = _keys(session, blocks)
            touched = _take_back(session, BlockRow.number.in_(_replaced(session, blocks)))
            headers = [
                {"number": b.number, "hash": b.hash, "parent_hash": b.parent_hash, "timestamp": b.timestamp}
                for b in blocks
            ]
            session.execute(insert(_table(BlockRow)).on_conflict_do_nothing(), headers)
            new = sorted((e for e in events if e.key not in known), key=lambda event: event.order)
            if new:
                session.execute(insert(_table(EventRow)), to_rows(new))
            if not touched and new and new[0].block_number > cursor.number:
                _project(session, new)
            else:
                _rebuild(session, touched.with_(new))
                jobs.reopen(session, touched.requests)
            if last >= cursor.number:
                before.number = last
                before.hash = next(b.hash for b in blocks if b.number == last)
                _prune(session, cursor.number - keep, last - keep)
            return new

    def rewind(self, to: int, cursor: Cursor) -> Rewind:
        """Take back everything above block `to`.

        Ended jobs of the requests concerned are looked at again, and our transactions mined above `to` are `sent`
        again. Raises `Overtaken` if the cursor is not where the caller saw it.
        """
        with self._database.write() as session:
            before = _locked(session, cursor)
            touched = _take_back(session, BlockRow.number > to)
            _rebuild(session, touched)
            jobs.reopen(session, touched.requests)
            transactions.unmine(session, TransactionRow.block_number > to)
            kept = session.scalar(select(BlockRow.hash).where(BlockRow.number == to))
            before.number, before.hash = to, kept or b""
            return Rewind(to, frozenset(map(RequestId, touched.requests)), frozenset(touched.models))


@dataclass(frozen=True, slots=True)
class _Touched:
    """Requests and models some events are about."""

    requests: list[bytes]
    models: list[bytes]

    def __bool__(self) -> bool:
        return bool(self.requests or self.models)

    def with_(self, events: Iterable[IndexedEvent]) -> "_Touched":
        events = list(events)
        requests = (event.request_id for event in events)
        models = (event.model_id for event in events)
        return _Touched(_distinct(*self.requests, *requests), _distinct(*self.models, *models))


def _locked(session: Session, cursor: Cursor) -> CursorRow:
    row = session.get_one(CursorRow, 1)
    if (row.number, row.hash) != (cursor.number, cursor.hash):
        raise Overtaken("Another program indexes into this database and moved its cursor meanwhile.")
    return row


def _keys(session: Session, blocks: Sequence[Block]) -> set[tuple[bytes, bytes, int]]:
    """What identifies the events stored in these very blocks."""
    columns = select(EventRow.tx_hash, EventRow.block_hash, EventRow.log_index)
    numbers = [block.number for block in blocks]
    return {
        (tx_hash, block_hash, log_index)
        for chunk in _chunks(numbers)
        for tx_hash, block_hash, log_index in session.execute(columns.where(EventRow.block_number.in_(chunk)))
    }


def _replaced(session: Session, blocks: Sequence[Block]) -> list[int]:
    """Numbers of stored blocks that are not these blocks."""
    hashes = {block.number: block.hash for block in blocks}
    query = select(BlockRow.number, BlockRow.hash)
    return [
        number
        for chunk in _chunks(list(hashes))
        for number, stored in session.execute(query.where(BlockRow.number.in_(chunk)))
        if stored != hashes[number]
    ]


def _take_back(session: Session, where: ColumnElement[bool]) -> _Touched:
    """Delete blocks with their events; yields what the events were about."""
    gone = select(EventRow.request_id, EventRow.model_id).join(BlockRow, BlockRow.number == EventRow.block_number)
    rows = session.execute(gone.where(where).distinct()).all()
    session.execute(delete(BlockRow).where(where))
    return _Touched(_distinct(*(row.request_id for row in rows)), _distinct(*(row.model_id for row in rows)))


def _rebuild(session: Session, touched: _Touched) -> None:
    """Make the rows of these requests and models again, from their events alone."""
    ordered = select(EventRow).order_by(EventRow.block_number, EventRow.tx_index, EventRow.log_index)
    for chunk in _chunks(touched.requests):
        session.execute(delete(RequestRow).where(RequestRow.id.in_(chunk)))
        rows = session.scalars(ordered.where(EventRow.request_id.in_(chunk)))
        _project_requests(session, [from_row(row) for row in rows])
    for chunk in _chunks(touched.models):
        session.execute(delete(ModelRow).where(ModelRow.id.in_(chunk)))
        rows = session.scalars(
            ordered.where(EventRow.model_id.in_(chunk), EventRow.name.in_(("ModelPublished", "MirrorsAdded")))
        )
        _project_models(session, [from_row(row) for row in rows])


def _project(session: Session, events: Sequence[IndexedEvent]) -> None:
    _project_requests(session, [event for event in events if event.request_id is not None])
    _project_models(session, [event for event in events if event.model_id is not None])


def _project_requests(session: Session, events: Sequence[IndexedEvent]) -> None:
    """Fold events, in order, into the rows of requests and answers."""
    requests: dict[bytes, StoredRequest] = {}
    for chunk in _chunks(_distinct(*(event.request_id for event in events))):
        for row in session.execute(select_requests().where(RequestRow.id.in_(chunk))):
            requests[row.id] = StoredRequest(*row)
    answers = {}
    for event in events:
        if event.request_id is None:
            continue
        after = project_request(requests.get(event.request_id), event)
        if after is None:
            continue
        requests[after.id] = after
        answer = project_answer(event)
        if answer is not None:
            answers[answer.request_id, answer.attempt] = answer
    _upsert(session, _table(RequestRow), REQUEST_FIELDS, requests.values())
    _upsert(session, _table(AnswerRow), ANSWER_FIELDS, answers.values())


def _project_models(session: Session, events: Sequence[IndexedEvent]) -> None:
    """Fold events, in order, into the rows of models."""
    models: dict[bytes, StoredModel] = {}
    for chunk in _chunks(_distinct(*(event.model_id for event in events))):
        for row in session.execute(select(*MODEL_COLUMNS).where(ModelRow.id.in_(chunk))):
            models[row.id] = stored_model(row)
    for event in events:
        if event.model_id is None:
            continue
        after = project_model(models.get(event.model_id), event)
        if after is not None:
            models[after.id] = after
    _upsert(session, _table(ModelRow), MODEL_FIELDS, models.values())


def _upsert(session: Session, table: Table, names: Sequence[str], items: Iterable[object]) -> None:
    rows = [{name: getattr(item, name) for name in names} for item in items]
    if not rows:
        return
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in names if name not in keys}
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def _prune(session: Session, first: int, last: int) -> None:
    """Forget blocks `first` to `last` - 1 that have no events."""
    has_events = exists().where(EventRow.block_number == BlockRow.number)
    session.execute(delete(BlockRow).where(BlockRow.number >= first, BlockRow.number < last, ~has_events))


def _table(row: type[Base]) -> Table:
    return Base.metadata.tables[row.__tablename__]


def _distinct(*ids: bytes | None) -> list[bytes]:
    return list(dict.fromkeys(item for item in ids if item is not None))


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
