"""What the indexer writes: blocks, events, the cursor, and the rows that events make. One commit for each range."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, exists, select, update
from sqlalchemy.dialects.sqlite import insert

from oracle.chain.protocol import RequestId
from oracle.chain.wire import Block
from oracle.errors import StoreError
from oracle.store import jobs, transactions
from oracle.store.events import IndexedEvent, to_rows
from oracle.store.rows import Touched, chunks, distinct, project, rebuild
from oracle.store.schema import BLOCKS, CURSOR, EVENTS, TRANSACTIONS
from oracle.store.sqlite import Database

_PRUNE_EVERY = 64
"""Blocks between two looks for blocks to forget."""

_ADD_BLOCK = insert(BLOCKS).on_conflict_do_nothing()
_ADD_EVENT = insert(EVENTS)
_CURSOR = select(CURSOR)
_SET_CURSOR = update(CURSOR)


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
        with self._database.read() as connection:
            row = connection.execute(_CURSOR).one_or_none()
            return None if row is None else Cursor(row.number, row.hash, row.finalized)

    def start(self, number: int) -> None:
        """Set the cursor of a new database to the block before the first."""
        with self._database.write() as connection:
            connection.execute(insert(CURSOR).values(id=1, number=number, hash=b"").on_conflict_do_nothing())

    def set_finalized(self, number: int) -> None:
        """Note which block cannot be reorganised any more."""
        with self._database.write() as connection:
            connection.execute(update(CURSOR).values(finalized=number))

    def hashes(self, first: int, last: int) -> dict[int, bytes]:
        """Hashes kept of blocks `first` to `last`, by ascending number."""
        query = (
            select(BLOCKS.c.number, BLOCKS.c.hash).where(BLOCKS.c.number.between(first, last)).order_by(BLOCKS.c.number)
        )
        with self._database.read() as connection:
            return {row.number: row.hash for row in connection.execute(query)}

    def apply(
        self, blocks: Sequence[Block], events: Sequence[IndexedEvent], *, last: int, keep: int, cursor: Cursor
    ) -> list[IndexedEvent]:
        """Store a range that ends with block `last`; yields the events that were not stored yet, in order.

        `cursor` is where the caller saw it; raises `Overtaken` if it is elsewhere.
        `blocks` are headers of the range: `last`, those with events, and any others to keep. Stored blocks of the
        same numbers and other hashes go, with their events. Applying a range twice changes nothing. Blocks more than
        `keep` below the cursor are forgotten unless they have events.
        """
        with self._database.write() as connection:
            _require_cursor(connection, cursor)
            known: set[tuple[bytes, bytes, int]] = set()
            touched = Touched()
            if blocks[0].number <= cursor.number:  # else nothing of the range can be stored yet
                known = _keys(connection, blocks)
                touched = _take_back(connection, BLOCKS.c.number.in_(_replaced(connection, blocks)))
            headers = [
                {"number": b.number, "hash": b.hash, "parent_hash": b.parent_hash, "timestamp": b.timestamp}
                for b in blocks
            ]
            connection.execute(_ADD_BLOCK, headers)
            new = sorted((e for e in events if e.key not in known), key=lambda event: event.order)
            if new:
                connection.execute(_ADD_EVENT, to_rows(new))
            if not touched and new and new[0].block_number > cursor.number:
                project(connection, new)
            else:
                rebuild(connection, touched.with_(new))
                jobs.reopen(connection, touched.requests)
            if last >= cursor.number:
                _set_cursor(connection, last, next(b.hash for b in blocks if b.number == last))
                if last // _PRUNE_EVERY > cursor.number // _PRUNE_EVERY:
                    _prune(connection, last - keep)
            return new

    def rewind(self, to: int, cursor: Cursor) -> Rewind:
        """Take back everything above block `to`.

        Ended jobs of the requests concerned are looked at again, and our transactions mined above `to` are
        `prepared` again. Raises `Overtaken` if the cursor is not where the caller saw it.
        """
        with self._database.write() as connection:
            _require_cursor(connection, cursor)
            touched = _take_back(connection, BLOCKS.c.number > to)
            rebuild(connection, touched)
            jobs.reopen(connection, touched.requests)
            transactions.unmine(connection, TRANSACTIONS.c.block_number > to)
            kept = connection.scalar(select(BLOCKS.c.hash).where(BLOCKS.c.number == to))
            _set_cursor(connection, to, kept or b"")
            return Rewind(to, frozenset(map(RequestId, touched.requests)), frozenset(touched.models))


def _require_cursor(connection: Connection, cursor: Cursor) -> None:
    row = connection.execute(_CURSOR).one()
    if (row.number, row.hash) != (cursor.number, cursor.hash):
        raise Overtaken("Another program indexes into this database and moved its cursor meanwhile.")


def _set_cursor(connection: Connection, number: int, block_hash: bytes) -> None:
    connection.execute(_SET_CURSOR, {"number": number, "hash": block_hash})


def _keys(connection: Connection, blocks: Sequence[Block]) -> set[tuple[bytes, bytes, int]]:
    """What identifies the events stored in these very blocks."""
    columns = select(EVENTS.c.tx_hash, EVENTS.c.block_hash, EVENTS.c.log_index)
    numbers = [block.number for block in blocks]
    return {
        (tx_hash, block_hash, log_index)
        for chunk in chunks(numbers)
        for tx_hash, block_hash, log_index in connection.execute(columns.where(EVENTS.c.block_number.in_(chunk)))
    }


def _replaced(connection: Connection, blocks: Sequence[Block]) -> list[int]:
    """Numbers of stored blocks that are not these blocks."""
    hashes = {block.number: block.hash for block in blocks}
    query = select(BLOCKS.c.number, BLOCKS.c.hash)
    return [
        number
        for chunk in chunks(list(hashes))
        for number, stored in connection.execute(query.where(BLOCKS.c.number.in_(chunk)))
        if stored != hashes[number]
    ]


def _take_back(connection: Connection, where: ColumnElement[bool]) -> Touched:
    """Delete blocks with their events; yields what the events were about."""
    gone = select(EVENTS.c.request_id, EVENTS.c.model_id, EVENTS.c.game_id).join(
        BLOCKS, BLOCKS.c.number == EVENTS.c.block_number
    )
    rows = connection.execute(gone.where(where).distinct()).all()
    connection.execute(delete(BLOCKS).where(where))
    return Touched(
        distinct(*(row.request_id for row in rows)),
        distinct(*(row.model_id for row in rows)),
        distinct(*(row.game_id for row in rows)),
    )


def _prune(connection: Connection, last: int) -> None:
    """Forget blocks below `last` that have no events."""
    has_events = exists().where(EVENTS.c.block_number == BLOCKS.c.number)
    connection.execute(delete(BLOCKS).where(BLOCKS.c.number < last, ~has_events))
