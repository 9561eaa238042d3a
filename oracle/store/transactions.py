"""The sender's outbox: every transaction we signed, from before it was broadcast to its end.

States: prepared → sent → mined, or reverted (mined, but it failed or was cancelled); failed: another transaction took
its nonce; abandoned: it never left, its nonce is free again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from eth_typing import ChecksumAddress
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from oracle.errors import StoreError
from oracle.store import jobs
from oracle.store.schema import TransactionHashRow, TransactionRow
from oracle.store.sqlite import Database

State = Literal["prepared", "sent", "mined", "reverted", "failed", "abandoned"]
PENDING: tuple[State, ...] = ("prepared", "sent")
HOLDING: tuple[State, ...] = ("prepared", "sent", "mined", "reverted")
"""States in which a nonce is taken by us."""


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


_COLUMNS = [getattr(TransactionRow, name) for name in OutboxTransaction.__slots__[:-1]]


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
        with self._database.write() as session:
            last = _last_nonce(session, sender)
            nonce = chain_nonce if last is None else max(chain_nonce, last + 1)
            raw, tx_hash = sign(nonce)
            row = TransactionRow(
                sender=sender,
                nonce=nonce,
                to=call_to,
                data=data,
                value=value,
                gas_limit=gas_limit,
                max_fee=max_fee,
                priority_fee=priority_fee,
                raw=raw,
                hash=tx_hash,
                purpose=purpose,
                state="prepared",
                cancelling=False,
                bumps=0,
                created_at=now,
                first_sent_at=0.0,
                last_sent_at=0.0,
            )
            session.add(row)
            session.flush()
            session.execute(insert(TransactionHashRow).values(hash=tx_hash, transaction_id=row.id, version=0))
            if job_ids:
                jobs.attach(session, job_ids, row.id, now)
            return _one(session, row.id)

    def mark_sent(self, tx_id: int, now: float) -> None:
        """An endpoint took it, or has it."""
        never = TransactionRow.first_sent_at == 0.0
        with self._database.write() as session:
            session.execute(update(TransactionRow).where(TransactionRow.id == tx_id, never).values(first_sent_at=now))
            self._set(session, tx_id, PENDING, state="sent", last_sent_at=now)

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
        with self._database.write() as session:
            self._set(
                session,
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
        with self._database.write() as session:
            self._set(session, tx_id, None, state=state, reason=reason)

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
        with self._database.write() as session:
            before = _one(session, tx_id)
            session.execute(
                insert(TransactionHashRow).values(hash=tx_hash, transaction_id=tx_id, version=len(before.hashes))
            )
            self._set(
                session,
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
            return _one(session, tx_id)

    def unmine(self, sender: str, above_block: int) -> int:
        """A reorg removed the blocks above: what was mined there is `sent` again; yields how many."""
        with self._database.write() as session:
            return unmine(session, TransactionRow.sender == sender, TransactionRow.block_number > above_block)

    def pending(self, sender: str) -> list[OutboxTransaction]:
        """What is not mined yet, by nonce."""
        with self._database.read() as session:
            return _select(session, TransactionRow.sender == sender, TransactionRow.state.in_(PENDING))

    def get(self, tx_id: int) -> OutboxTransaction:
        """One transaction; raises `StoreError` if there is none."""
        with self._database.read() as session:
            return _one(session, tx_id)

    def last_nonce(self, sender: str) -> int | None:
        """The highest nonce taken; None before the first."""
        with self._database.read() as session:
            return _last_nonce(session, sender)

    @staticmethod
    def _set(session: Session, tx_id: int, states: Sequence[State] | None, **values: object) -> None:
        change = update(TransactionRow).where(TransactionRow.id == tx_id)
        if states is not None:
            change = change.where(TransactionRow.state.in_(states))
        session.execute(change.values(**values))


def unmine(session: Session, *where: ColumnElement[bool]) -> int:
    """Make mined transactions `sent` again, within a transaction of the caller's; yields how many."""
    found = session.scalars(
        update(TransactionRow)
        .where(TransactionRow.block_number.is_not(None), *where)
        .values(state="sent", block_number=None, block_hash=None, gas_used=None, effective_gas_price=None)
        .returning(TransactionRow.id)
    )
    return len(found.all())


def _last_nonce(session: Session, sender: str) -> int | None:
    highest: int | None = session.scalar(
        select(func.max(TransactionRow.nonce)).where(TransactionRow.sender == sender, TransactionRow.state.in_(HOLDING))
    )
    return highest


def _one(session: Session, tx_id: int) -> OutboxTransaction:
    found = _select(session, TransactionRow.id == tx_id)
    if not found:
        raise StoreError(f"There is no transaction {tx_id} in the outbox.")
    return found[0]


def _select(session: Session, *conditions: ColumnElement[bool]) -> list[OutboxTransaction]:
    rows = session.execute(select(*_COLUMNS).where(*conditions).order_by(TransactionRow.nonce)).mappings().all()
    versions = select(TransactionHashRow.transaction_id, TransactionHashRow.hash)
    hashes: dict[int, list[bytes]] = {row["id"]: [] for row in rows}
    for tx_id, tx_hash in session.execute(
        versions.where(TransactionHashRow.transaction_id.in_(hashes)).order_by(TransactionHashRow.version)
    ):
        hashes[tx_id].append(tx_hash)
    return [OutboxTransaction(**row, hashes=tuple(hashes[row["id"]])) for row in rows]
