"""Protocol events as stored: every log of our contracts, in the chain's order, with who paid for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from eth_typing import ChecksumAddress
from sqlalchemy import Row, select

from oracle.chain.events import (
    ChainOpened,
    Challenged,
    Claimed,
    CreditWithdrawn,
    Demanded,
    DemandForfeited,
    Deposited,
    EnvironmentPublished,
    Event,
    MirrorsAdded,
    ModelPublished,
    Proven,
    Requested,
    Withdrawn,
    decode_log,
)
from oracle.store.schema import EVENTS
from oracle.store.sqlite import Database

UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class IndexedEvent:
    """A log of ours and where it is. `event` is None, and `name` Unknown, where it does not decode.

    `timestamp` is the block's, `sender` and `gas_used` are the transaction's.
    """

    event: Event | None
    name: str
    address: ChecksumAddress
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    tx_hash: bytes
    tx_index: int
    log_index: int
    timestamp: int
    sender: ChecksumAddress
    gas_used: int

    @property
    def order(self) -> tuple[int, int, int]:
        """Where it comes among all events."""
        return (self.block_number, self.tx_index, self.log_index)

    @property
    def key(self) -> tuple[bytes, bytes, int]:
        """What identifies it through reorgs."""
        return (self.tx_hash, self.block_hash, self.log_index)

    @property
    def request_id(self) -> bytes | None:
        """The request it is about, if it is about one."""
        return getattr(self.event, "request_id", None)

    @property
    def game_id(self) -> bytes | None:
        """The game it is about, if it is about one."""
        return getattr(self.event, "game_id", None)

    @property
    def model_id(self) -> bytes | None:
        """The model it is about, if it is about one."""
        match self.event:
            case Requested():
                return self.event.request.model_id
            case ModelPublished() | MirrorsAdded():
                return self.event.model_id
            case _:
                return None

    @property
    def account(self) -> ChecksumAddress | None:
        """Whose event it is: the requester, operator, publisher, owner of stake, or who made a move of a dispute."""
        match self.event:
            case Requested():
                return self.event.request.requester
            case ModelPublished() | MirrorsAdded() | EnvironmentPublished():
                return self.event.publisher
            case Deposited() | Withdrawn() | CreditWithdrawn():
                return self.event.account
            case Challenged():
                return self.event.opener
            case ChainOpened() | Demanded() | Claimed():
                return self.event.owner
            case Proven() | DemandForfeited():
                return self.event.finder
            case _:
                return getattr(self.event, "operator", None)


class Events:
    """Reads events, in the chain's order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def select(
        self,
        *,
        name: str | None = None,
        request_id: bytes | None = None,
        game_id: bytes | None = None,
        model_id: bytes | None = None,
        account: str | None = None,
        first: int = 0,
        last: int | None = None,
        limit: int = 10_000,
    ) -> list[IndexedEvent]:
        """Events in blocks `first` to `last` with the given name, request, game, model and account."""
        wanted = {
            "name": name,
            "request_id": request_id,
            "game_id": game_id,
            "model_id": model_id,
            "account": account,
        }
        query = select(EVENTS).where(EVENTS.c.block_number >= first)
        for column, value in wanted.items():
            if value is not None:
                query = query.where(EVENTS.c[column] == value)
        if last is not None:
            query = query.where(EVENTS.c.block_number <= last)
        query = query.order_by(EVENTS.c.block_number, EVENTS.c.tx_index, EVENTS.c.log_index).limit(limit)
        with self._database.read() as connection:
            return [from_row(row) for row in connection.execute(query)]


def from_row(row: Row[Any]) -> IndexedEvent:
    """A stored event, decoded again."""
    topics = tuple(row.topics[start : start + 32] for start in range(0, len(row.topics), 32))
    return IndexedEvent(
        event=None if row.name == UNKNOWN else decode_log(topics, row.data),
        name=row.name,
        address=ChecksumAddress(row.address),
        topics=topics,
        data=row.data,
        block_number=row.block_number,
        block_hash=row.block_hash,
        tx_hash=row.tx_hash,
        tx_index=row.tx_index,
        log_index=row.log_index,
        timestamp=row.timestamp,
        sender=ChecksumAddress(row.sender),
        gas_used=row.gas_used,
    )


def to_rows(events: Iterable[IndexedEvent]) -> list[dict[str, Any]]:
    """Events as rows of `EVENTS`."""
    return [
        {
            "block_number": event.block_number,
            "block_hash": event.block_hash,
            "tx_hash": event.tx_hash,
            "tx_index": event.tx_index,
            "log_index": event.log_index,
            "address": event.address,
            "name": event.name,
            "request_id": event.request_id,
            "game_id": event.game_id,
            "model_id": event.model_id,
            "account": event.account,
            "topics": b"".join(event.topics),
            "data": event.data,
            "timestamp": event.timestamp,
            "sender": event.sender,
            "gas_used": event.gas_used,
        }
        for event in events
    ]
