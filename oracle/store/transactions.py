"""The sender's outbox: every transaction we signed, from before it was broadcast to its end.

States: prepared → sent → mined, or reverted (mined, but it failed or was cancelled); failed: another transaction took
its nonce; abandoned: it never left, its nonce is free again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eth_typing import ChecksumAddress
from sqlalchemy import ColumnElement, Connection, bindparam, case, exists, func, select, update
from sqlalchemy.dialects.sqlite import insert

from oracle.errors import StoreError
from oracle.store import jobs
from oracle.store.schema import TRANSACTION_HASHES, TRANSACTIONS
from oracle.store.sqlite import Database

State = Literal["prepared", "sent", "mined", "reverted", "failed", "abandoned"]
PENDING: tuple[State, ...] = ("prepared", "sent")
HOLDING: tuple[State, ...] = ("prepared", "sent", "mined", "reverted")
"""States in which a nonce is taken by us."""
RELEASED: tuple[State, ...] = ("failed", "abandoned")
"""States in which it is not any more."""


@dataclass(frozen=True, slots=True)
class OutboxTransaction:
    """A signed transaction. `value` is wei, fees wei a gas; times are seconds since the epoch by our clock, 0: never.

    `to` None creates a contract. `hashes` are of every version signed, newest last; `raw` is the newest.
    """

    id: int
    sender: ChecksumAddress
    nonce: int
    to: ChecksumAddress | None
    data: bytes
    value: int
    gas_limit: int
    max_fee: int
    priority_fee: int
    raw: bytes
    hash: bytes
    purpose: str
    state: State
    reason: str | None
    cancelling: bool
    bumps: int
    created_at: float
    first_sent_at: float
    last_sent_at: float
    block_number: int | None
    block_hash: bytes | None
    gas_used: int | None
    effective_gas_price: int | None
    hashes: tuple[bytes, ...]


_COLUMNS = [TRANSACTIONS.c[name] for name in OutboxTransaction.__slots__[:-1]]

_ADD = insert(TRANSACTIONS).returning(TRANSACTIONS.c.id)
_NEW_HASH = insert(TRANSACTION_HASHES)
_ADD_HASH = _NEW_HASH.on_conflict_do_update(  # the same call, nonce and fees again: the same bytes, once abandoned
    index_elements=["hash"],
    set_={"transaction_id": _NEW_HASH.excluded.transaction_id, "version": _NEW_HASH.excluded.version},
)
_LAST_NONCE = select(func.max(TRANSACTIONS.c.nonce)).where(
    TRANSACTIONS.c.sender == bindparam("sender"), TRANSACTIONS.c.state.in_(HOLDING)
)
_HOLDER = TRANSACTIONS.alias()
_FIRST_RELEASED = select(func.min(TRANSACTIONS.c.nonce)).where(
    TRANSACTIONS.c.sender == bindparam("sender"),
    TRANSACTIONS.c.state.in_(RELEASED),
    TRANSACTIONS.c.nonce >= bindparam("chain_nonce"),
    ~exists().where(
        _HOLDER.c.sender == TRANSACTIONS.c.sender,
        _HOLDER.c.nonce == TRANSACTIONS.c.nonce,
        _HOLDER.c.state.in_(HOLDING),
    ),
)


class Transactions:
    """The outbox of all senders that share the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prepare(
        self,
        *,
        sender: str,
        chain_nonce: int,
        call_to: str | None,
        data: bytes,
        value: int,
        gas_limit: int,
        max_fee: int,
        priority_fee: int,
        purpose: str,
        now: float,
        sign: Callable[[int], tuple[bytes, bytes]],
        job_ids: Sequence[int] = (),
    ) -> OutboxTransaction:
        """Take the next nonce, sign with it, and store the result, before anything leaves; other senders wait.

        `chain_nonce` is what the endpoint says comes next; `sign` yields raw bytes and hash for a nonce. The jobs it
        carries out are attached in the same commit, so that no crash lets them be sent twice.
        """
        with self._database.write() as connection:
            nonce = _next_nonce(connection, sender, chain_nonce)
            raw, tx_hash = sign(nonce)
            stored: dict[str, Any] = {
                "sender": sender,
                "nonce": nonce,
                "to": call_to,
                "data": data,
                "value": value,
                "gas_limit": gas_limit,
                "max_fee": max_fee,
                "priority_fee": priority_fee,
                "raw": raw,
                "hash": tx_hash,
                "purpose": purpose,
                "state": "prepared",
                "reason": None,
                "cancelling": False,
                "bumps": 0,
                "created_at": now,
                "first_sent_at": 0.0,
                "last_sent_at": 0.0,
                **dict.fromkeys(("block_number", "block_hash", "gas_used", "effective_gas_price")),
            }
            tx_id = connection.execute(_ADD, stored).scalar_one()
            connection.execute(_ADD_HASH, {"hash": tx_hash, "transaction_id": tx_id, "version": 0})
            if job_ids:
                jobs.attach(connection, job_ids, tx_id, now)
            return OutboxTransaction(id=tx_id, hashes=(tx_hash,), **stored)

    def mark_sent(self, tx_id: int, now: float) -> None:
        """An endpoint took it, or has it."""
        first = case((TRANSACTIONS.c.first_sent_at == 0.0, now), else_=TRANSACTIONS.c.first_sent_at)
        with self._database.write() as connection:
            self._set(connection, tx_id, PENDING, state="sent", first_sent_at=first, last_sent_at=now)

    def mark_mined(
        self,
        tx_id: int,
        *,
        succeeded: bool,
        block_number: int,
        block_hash: bytes,
        gas_used: int,
        effective_gas_price: int,
    ) -> None:
        """It is in a block: `mined` if it did what it should, else `reverted`."""
        with self._database.write() as connection:
            self._set(
                connection,
                tx_id,
                None,
                state="mined" if succeeded else "reverted",
                reason=None,
                block_number=block_number,
                block_hash=block_hash,
                gas_used=gas_used,
                effective_gas_price=effective_gas_price,
            )

    def mark_failed(self, tx_id: int, state: Literal["failed", "abandoned"], reason: str) -> None:
        """It will never be mined: another took its nonce (`failed`), or it never left (`abandoned`)."""
        with self._database.write() as connection:
            self._set(connection, tx_id, None, state=state, reason=reason)

    def add_replacement(
        self,
        tx_id: int,
        *,
        raw: bytes,
        tx_hash: bytes,
        max_fee: int,
        priority_fee: int,
        cancelling: bool,
        now: float,
    ) -> OutboxTransaction:
        """Store a new version with the same nonce, before it is broadcast; all versions' hashes are kept."""
        with self._database.write() as connection:
            before = _one(connection, tx_id)
            connection.execute(_ADD_HASH, {"hash": tx_hash, "transaction_id": tx_id, "version": len(before.hashes)})
            self._set(
                connection,
                tx_id,
                PENDING,
                raw=raw,
                hash=tx_hash,
                max_fee=max_fee,
                priority_fee=priority_fee,
                cancelling=cancelling,
                bumps=before.bumps + 1,
                last_sent_at=now,
            )
            return _one(connection, tx_id)

    def unmine(self, sender: str, above_block: int) -> int:
        """A reorg removed the blocks above: what was mined there is `prepared` again; yields how many."""
        with self._database.write() as connection:
            return unmine(connection, TRANSACTIONS.c.sender == sender, TRANSACTIONS.c.block_number > above_block)

    def pending(self, sender: str) -> list[OutboxTransaction]:
        """What is not mined yet, by nonce."""
        with self._database.read() as connection:
            return _select(connection, TRANSACTIONS.c.sender == sender, TRANSACTIONS.c.state.in_(PENDING))

    def underway(self, sender: str, to: str, data: bytes | None, *, above_block: int) -> list[OutboxTransaction]:
        """Calls of `to`, with this calldata if given, that are not mined yet or were mined above a block, by nonce."""
        mined = TRANSACTIONS.c.state.in_(("mined", "reverted")) & (TRANSACTIONS.c.block_number > above_block)
        with self._database.read() as connection:
            return _select(
                connection,
                TRANSACTIONS.c.sender == sender,
                TRANSACTIONS.c.to == to,
                TRANSACTIONS.c.state.in_(PENDING) | mined,
                *(() if data is None else (TRANSACTIONS.c.data == data,)),
            )

    def get(self, tx_id: int) -> OutboxTransaction:
        """One transaction; raises `StoreError` if there is none."""
        with self._database.read() as connection:
            return _one(connection, tx_id)

    def last_nonce(self, sender: str) -> int | None:
        """The highest nonce taken; None before the first."""
        with self._database.read() as connection:
            return _last_nonce(connection, sender)

    @staticmethod
    def _set(connection: Connection, tx_id: int, states: Sequence[State] | None, **values: object) -> None:
        change = update(TRANSACTIONS).where(TRANSACTIONS.c.id == tx_id)
        if states is not None:
            change = change.where(TRANSACTIONS.c.state.in_(states))
        connection.execute(change.values(**values))


def unmine(connection: Connection, *where: ColumnElement[bool]) -> int:
    """Make mined transactions `prepared` again, within a transaction of the caller's; yields how many."""
    found = connection.scalars(
        update(TRANSACTIONS)
        .where(TRANSACTIONS.c.block_number.is_not(None), *where)
        .values(state="prepared", block_number=None, block_hash=None, gas_used=None, effective_gas_price=None)
        .returning(TRANSACTIONS.c.id)
    )
    return len(found.all())


def _last_nonce(connection: Connection, sender: str) -> int | None:
    highest: int | None = connection.scalar(_LAST_NONCE, {"sender": sender})
    return highest


def _next_nonce(connection: Connection, sender: str, chain_nonce: int) -> int:
    """The nonce after all of ours; or one that was released below them, for what is behind a gap is never mined."""
    last = _last_nonce(connection, sender)
    if last is None or last < chain_nonce:
        return chain_nonce
    released: int | None = connection.scalar(_FIRST_RELEASED, {"sender": sender, "chain_nonce": chain_nonce})
    return last + 1 if released is None else min(released, last + 1)


def _one(connection: Connection, tx_id: int) -> OutboxTransaction:
    found = _select(connection, TRANSACTIONS.c.id == tx_id)
    if not found:
        raise StoreError(f"There is no transaction {tx_id} in the outbox.")
    return found[0]


def _select(connection: Connection, *conditions: ColumnElement[bool]) -> list[OutboxTransaction]:
    rows = connection.execute(select(*_COLUMNS).where(*conditions).order_by(TRANSACTIONS.c.nonce)).mappings().all()
    versions = select(TRANSACTION_HASHES.c.transaction_id, TRANSACTION_HASHES.c.hash)
    hashes: dict[int, list[bytes]] = {row["id"]: [] for row in rows}
    for tx_id, tx_hash in connection.execute(
        versions.where(TRANSACTION_HASHES.c.transaction_id.in_(hashes)).order_by(TRANSACTION_HASHES.c.version)
    ):
        hashes[tx_id].append(tx_hash)
    return [OutboxTransaction(**row, hashes=tuple(hashes[row["id"]])) for row in rows]
