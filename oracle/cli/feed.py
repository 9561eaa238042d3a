"""What happens on a chain as it happens: events come, and go again when blocks are replaced."""

from collections.abc import Iterable
from dataclasses import dataclass

from oracle.chain.events import Answered, Disputed, Event, Expired, Refuted, Requested, Settled, Voided
from oracle.chain.history import Happening, happenings
from oracle.chain.protocol import RequestId, Status
from oracle.cli.records import Record, records
from oracle.services.context import Chain

OVERLAP = 64
"""Blocks that are read again each time; deeper reorgs are not seen."""


@dataclass(frozen=True, slots=True)
class News:
    """What is new: events that `came`, and such that are `gone` with their blocks. `now` is the chain's time."""

    came: list[Happening]
    gone: list[Happening]
    now: int


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that is not over: its status, and since when."""

    requested: Requested
    status: Status
    since: int

    @property
    def deadline(self) -> int | None:
        """When its time to be answered or challenged is over; None in a dispute, where the game has the clocks."""
        policy = self.requested.request.policy
        if self.status is Status.DISPUTED:
            return None
        return self.since + (policy.answer_time if self.status is Status.REQUESTED else policy.window)


class Feed:
    """The events since block `first`, kept in step with the chain."""

    def __init__(self, chain: Chain, first: int) -> None:
        self._chain = chain
        self._first = first
        self._next = first
        self._all: list[Happening] = []
        self._times: dict[bytes, int] = {}

    def poll(self) -> News:
        """Read what is new, and the newest blocks again. Raises what `Provider` does."""
        head = self._chain.provider.block("latest")
        start = max(self._first, min(self._next, head.number + 1) - OVERLAP)
        span = self._chain.settings.chain.max_log_range
        tail = list(happenings(self._chain.provider, self._chain.addresses.deployed, start, head.number, span=span))
        kept = [item for item in self._all if item.log.block_number < start]
        before, after = ({_place(item): item for item in part} for part in (self._all[len(kept) :], tail))
        self._all, self._next = [*kept, *tail], head.number + 1
        return News(
            [item for place, item in after.items() if place not in before],
            [item for place, item in before.items() if place not in after],
            head.timestamp,
        )

    def time_of(self, item: Happening) -> int:
        """The time of an event's block, in seconds since the epoch."""
        block = item.log.block_hash
        if block not in self._times:
            self._times[block] = self._chain.provider.block(item.log.block_number).timestamp
        return self._times[block]

    def pending(self) -> list[Pending]:
        """The requests that are not over, oldest first."""
        return pending((item.event, self.time_of(item)) for item in self._all)

    def games(self) -> list[Record]:
        """The games so far, oldest first."""
        return records(self._all, self.time_of)


def pending(events: Iterable[tuple[Event, int]]) -> list[Pending]:
    """The requests that are not over after events in the chain's order, each with its time."""
    found: dict[RequestId, Pending] = {}
    for event, time in events:
        if isinstance(event, Requested):
            found[event.request_id] = Pending(event, Status.REQUESTED, time)
            continue
        before = found.get(getattr(event, "request_id", RequestId(b"")))
        if before is None:
            continue
        request_id = before.requested.request_id
        match event:
            case Answered():
                found[request_id] = Pending(before.requested, Status.ANSWERED, time)
            case Disputed():
                found[request_id] = Pending(before.requested, Status.DISPUTED, time)
            case Refuted() if event.next_attempt:
                found[request_id] = Pending(before.requested, Status.REQUESTED, time)
            case Settled() | Expired() | Voided() | Refuted():
                del found[request_id]
    return list(found.values())


def _place(item: Happening) -> tuple[bytes, int]:
    return item.log.block_hash, item.log.log_index
