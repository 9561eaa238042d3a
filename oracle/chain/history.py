"""The protocol's events of a range of blocks, straight from an endpoint: for commands that keep no database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oracle.chain.events import Event, decode_log
from oracle.chain.provider import Log, Provider, RangeRefused


@dataclass(frozen=True, slots=True)
class Happening:
    """An event and the log it came in."""

    event: Event
    log: Log


def raw_logs(
    provider: Provider, addresses: Sequence[str], first: int, last: int, *, span: int = 2_000
) -> Iterator[Log]:
    """The logs of `addresses` in blocks `first` to `last`, in order, asked for `span` blocks at a time.

    Ranges that are refused are halved; raises `RangeRefused` where one block is too much. Logs that were not asked
    for are dropped.
    """
    while first <= last:
        end = min(first + span - 1, last)
        try:
            found = provider.logs(addresses, first, end)
        except RangeRefused:
            if span == 1:
                raise
            span = max(span // 2, 1)
            continue
        wanted = (log for log in found if log.address in addresses and first <= log.block_number <= end)
        yield from sorted((log for log in wanted if not log.removed), key=lambda log: (log.block_number, log.log_index))
        first = end + 1


def happenings(
    provider: Provider, addresses: Sequence[str], first: int, last: int, *, span: int = 2_000
) -> Iterator[Happening]:
    """The events in those logs; what this version cannot decode is left out. Raises as `raw_logs` does."""
    for log in raw_logs(provider, addresses, first, last, span=span):
        try:
            event = decode_log(log.topics, log.data)
        except ValueError:
            continue
        if event is not None:
            yield Happening(event, log)
