"""The tables. `oracle/store/migrations` creates them; a test fails where the two differ.

Hashes and ids are 32 raw bytes, addresses checksummed text, chain times seconds since the epoch. Amounts that may
exceed 63 bits are decimal text.
"""

from enum import IntEnum
from typing import Annotated, Any, TypeVar

from sqlalchemy import JSON, Dialect, ForeignKey, Index, Integer, MetaData, Table, Text, TypeDecorator, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from oracle.chain.protocol import InputKind, Status, Verdict

E = TypeVar("E", bound=IntEnum)


class Wei(TypeDecorator[int]):
    """An amount of wei, as decimal text: SQLite's integers end at 9.2 ether."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's)
        """To the database."""
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002 (SQLAlchemy's)
        """From the database."""
        return None if value is None else int(value)


class Code(TypeDecorator[E]):
    """One of the protocol's enumerations, by its number."""

    impl = Integer
    cache_ok = True

    def __init__(self, kind: type[E]) -> None:
        super().__init__()
        self.kind = kind

    def process_result_value(self, value: Any, dialect: Dialect) -> E | None:  # noqa: ARG002 (SQLAlchemy's)
        """From the database."""
        return None if value is None else self.kind(value)


class Base(DeclarativeBase):
    """All tables; constraints are named so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


Number = Annotated[int, mapped_column(primary_key=True)]
Id = Annotated[bytes, mapped_column(primary_key=True)]


class DeploymentRow(Base):
    """The one deployment this database belongs to."""

    __tablename__ = "deployment"

    id: Mapped[Number]
    chain_id: Mapped[int]
    oracle: Mapped[str]
    model_registry: Mapped[str]


class CursorRow(Base):
    """How far events are applied. `hash` is empty before the first block; `finalized` as the endpoints last said."""

    __tablename__ = "cursor"

    id: Mapped[Number]
    number: Mapped[int]
    hash: Mapped[bytes]
    finalized: Mapped[int | None]


class BlockRow(Base):
    """A block within the kept horizon, or with events of ours."""

    __tablename__ = "blocks"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes]
    parent_hash: Mapped[bytes]
    timestamp: Mapped[int]


class EventRow(Base):
    """A log of our contracts, raw and with what it is looked up by. `topics` are concatenated."""

    __tablename__ = "events"
    __table_args__ = (
        Index("uq_events_log", "tx_hash", "block_hash", "log_index", unique=True),
        Index("ix_events_order", "block_number", "tx_index", "log_index"),
    )

    id: Mapped[Number]
    block_number: Mapped[int] = mapped_column(ForeignKey("blocks.number", ondelete="CASCADE"))
    block_hash: Mapped[bytes]
    tx_hash: Mapped[bytes]
    tx_index: Mapped[int]
    log_index: Mapped[int]
    address: Mapped[str]
    name: Mapped[str] = mapped_column(index=True)
    request_id: Mapped[bytes | None] = mapped_column(index=True)
    model_id: Mapped[bytes | None] = mapped_column(index=True)
    account: Mapped[str | None] = mapped_column(index=True)
    topics: Mapped[bytes]
    data: Mapped[bytes]
    timestamp: Mapped[int]
    sender: Mapped[str]
    gas_used: Mapped[int]
    game_id: Mapped[bytes | None] = mapped_column(index=True)


class ModelRow(Base):
    """A published model."""

    __tablename__ = "models"

    id: Mapped[Id]
    onnx_digest: Mapped[bytes] = mapped_column(index=True)
    publisher: Mapped[str]
    encoded: Mapped[bytes]
    uris: Mapped[list[str]] = mapped_column(JSON)
    block_number: Mapped[int]


class RequestRow(Base):
    """A request and where it stands. `fee` and `operator_bond` are gwei."""

    __tablename__ = "requests"
    __table_args__ = (
        Index("ix_requests_status_deadline", "status", "deadline"),
        Index("ix_requests_status_window_end", "status", "window_end"),
        Index("ix_requests_status_delivered", "status", "delivered"),
    )

    id: Mapped[Id]
    model_id: Mapped[bytes] = mapped_column(index=True)
    requester: Mapped[str] = mapped_column(index=True)
    named_operator: Mapped[str | None]
    fee: Mapped[int]
    operator_bond: Mapped[int]
    callback_gas: Mapped[int]
    answer_time: Mapped[int]
    window: Mapped[int]
    encoded: Mapped[bytes]
    input_kind: Mapped[InputKind] = mapped_column(Code(InputKind))
    input: Mapped[bytes]
    input_uri: Mapped[str | None]
    requested_at: Mapped[int]
    requested_block: Mapped[int]
    status: Mapped[Status] = mapped_column(Code(Status))
    attempt: Mapped[int]
    opened_at: Mapped[int]
    deadline: Mapped[int]
    answered_at: Mapped[int | None]
    window_end: Mapped[int | None]
    operator: Mapped[str | None] = mapped_column(index=True)
    software: Mapped[bytes | None]
    manifest_hash: Mapped[bytes | None]
    output: Mapped[bytes | None]
    settled_at: Mapped[int | None]
    delivered: Mapped[bool]
    failed_deliveries: Mapped[int]
    delivery_error: Mapped[bytes | None]


class AnswerRow(Base):
    """An answer to one attempt of a request, refuted or not."""

    __tablename__ = "answers"

    request_id: Mapped[bytes] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    operator: Mapped[str] = mapped_column(index=True)
    software: Mapped[bytes]
    manifest_hash: Mapped[bytes]
    output: Mapped[bytes]
    answered_at: Mapped[int]
    block_number: Mapped[int]
    tx_hash: Mapped[bytes]
    gas_used: Mapped[int]


class GameRow(Base):
    """A game over an answer and how it stands; what was posted, demanded and revealed is in its events."""

    __tablename__ = "games"

    id: Mapped[Id]
    request_id: Mapped[bytes] = mapped_column(index=True)
    attempt: Mapped[int]
    opener: Mapped[str]
    operator: Mapped[str]
    challenged_at: Mapped[int]
    block_number: Mapped[int]
    verdict: Mapped[Verdict] = mapped_column(Code(Verdict), index=True)
    ended_at: Mapped[int | None]


class TransactionRow(Base):
    """A transaction of our sender. Times are seconds since the epoch by our clock, 0: not yet; fees wei a gas."""

    __tablename__ = "transactions"
    __table_args__ = (
        Index(
            "uq_transactions_sender_nonce",
            "sender",
            "nonce",
            unique=True,
            sqlite_where=text("state IN ('prepared', 'sent', 'mined', 'reverted')"),
        ),
        Index("ix_transactions_sender_state", "sender", "state"),
    )

    id: Mapped[Number]
    sender: Mapped[str]
    nonce: Mapped[int]
    to: Mapped[str | None]
    data: Mapped[bytes]
    value: Mapped[int] = mapped_column(Wei)
    gas_limit: Mapped[int]
    max_fee: Mapped[int]
    priority_fee: Mapped[int]
    raw: Mapped[bytes]
    hash: Mapped[bytes]
    purpose: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    cancelling: Mapped[bool]
    bumps: Mapped[int]
    created_at: Mapped[float]
    first_sent_at: Mapped[float]
    last_sent_at: Mapped[float]
    block_number: Mapped[int | None] = mapped_column(index=True)
    block_hash: Mapped[bytes | None]
    gas_used: Mapped[int | None]
    effective_gas_price: Mapped[int | None]


class TransactionHashRow(Base):
    """A version of a transaction that was signed: the first, or a replacement. Any of them may be mined."""

    __tablename__ = "transaction_hashes"

    hash: Mapped[Id]
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id", ondelete="CASCADE"), index=True)
    version: Mapped[int]


class JobRow(Base):
    """Work a service owes a request. `lease_until` is seconds since the epoch by our clock."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("uq_jobs_work", "kind", "request_id", "attempt", unique=True),
        Index("ix_jobs_state_kind", "state", "kind"),
    )

    id: Mapped[Number]
    kind: Mapped[str]
    request_id: Mapped[bytes] = mapped_column(index=True)
    attempt: Mapped[int]
    state: Mapped[str]
    reason: Mapped[str | None]
    owner: Mapped[str | None]
    lease_until: Mapped[float | None]
    tx_id: Mapped[int | None] = mapped_column(ForeignKey("transactions.id"), index=True)
    created_at: Mapped[float]
    updated_at: Mapped[float]


def _table(row: type[Base]) -> Table:
    return Base.metadata.tables[row.__tablename__]


# Statements are written on tables: what the ORM adds to a statement costs more than running it.
DEPLOYMENT = _table(DeploymentRow)
CURSOR = _table(CursorRow)
BLOCKS = _table(BlockRow)
EVENTS = _table(EventRow)
MODELS = _table(ModelRow)
REQUESTS = _table(RequestRow)
ANSWERS = _table(AnswerRow)
GAMES = _table(GameRow)
TRANSACTIONS = _table(TransactionRow)
TRANSACTION_HASHES = _table(TransactionHashRow)
JOBS = _table(JobRow)
