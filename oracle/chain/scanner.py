"""Reads a range of blocks: headers, our contracts' logs, and who paid for them. Believes nothing it can check.

Headers come first: logs read after a reorg then carry other hashes, or the stored header no longer fits and the next
step sees it. In the other order an event could be missed for good.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import structlog
from eth_typing import ChecksumAddress

from oracle.chain.events import decode_log
from oracle.chain.protocol import ZERO_ADDRESS
from oracle.chain.rpc import UNDECODABLE
from oracle.chain.wire import Block, Log, Receipt
from oracle.errors import ChainError
from oracle.store.events import UNKNOWN, IndexedEvent

_log = structlog.get_logger(__name__)

_BY_HASH = 16


class Chain(Protocol):
    """What reading a chain takes; `Provider` has it."""

    @property
    def chain_id(self) -> int:
        """The chain's id."""

    def block_number(self) -> int:
        """The newest block's number."""

    def block(self, tag: int) -> Block:
        """A block's header."""

    def finalized_number(self) -> int | None:
        """The newest block that cannot be reorganised, if known."""

    def logs(self, addresses: Sequence[str], first: int, last: int) -> list[Log]:
        """Logs of a range."""

    def logs_of(self, addresses: Sequence[str], block_hash: bytes) -> list[Log]:
        """Logs of a block."""

    def receipts(self, block_number: int) -> list[Receipt]:
        """Receipts of a block."""


class Addresses(NamedTuple):
    """Our contracts; where nothing can be disputed, `dispute` is the zero address."""

    oracle: ChecksumAddress
    registry: ChecksumAddress
    dispute: ChecksumAddress = ZERO_ADDRESS

    @property
    def deployed(self) -> tuple[ChecksumAddress, ...]:
        """Those that are there."""
        return tuple(address for address in self if address != ZERO_ADDRESS)


class Unsettled(ChainError):
    """What was read does not fit together: a reorg in between, endpoints that disagree, or one that lies."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A range as read: headers by ascending number, events in no particular order."""

    blocks: list[Block]
    events: list[IndexedEvent]


class Scanner:
    """Reads ranges. `unknown` counts logs of ours that did not decode."""

    def __init__(self, chain: Chain, addresses: Addresses) -> None:
        self._chain = chain
        self._addresses = addresses.deployed
        self.unknown = 0

    def scan(self, first: int, last: int, wanted: Collection[int], parent: bytes | None) -> Scanned:
        """Read blocks `first` to `last`, with the headers of the `wanted` numbers among them.

        `parent` is the hash of the block before, where known. Raises `Unsettled` if anything contradicts anything,
        `RangeRefused` if the range is too large.
        """
        headers = {number: self._chain.block(number) for number in sorted({*wanted, last})}
        self._check_links(headers.values(), first, parent)
        if last - first < _BY_HASH and len(headers) == last - first + 1:
            logs = [log for b in headers.values() for log in self._chain.logs_of(self._addresses, b.hash)]
        else:
            logs = self._chain.logs(self._addresses, first, last)
        for log in logs:
            self._check_place(log, first, last)
        for number in sorted({log.block_number for log in logs} - headers.keys()):
            headers[number] = self._chain.block(number)
        for log in logs:
            if log.block_hash != headers[log.block_number].hash:
                raise Unsettled(f"Block {log.block_number} changed while its logs were read.")
        return Scanned([headers[number] for number in sorted(headers)], self._events(headers, logs))

    @staticmethod
    def _check_links(blocks: Iterable[Block], first: int, parent: bytes | None) -> None:
        """Each header must name the one before it."""
        number, block_hash = first - 1, parent
        for block in blocks:
            if block_hash is not None and block.number == number + 1 and block.parent_hash != block_hash:
                raise Unsettled(
                    f"Block {block.number} does not follow block {number} as it was read before.",
                    hint="If this persists, replay from an earlier block.",
                )
            number, block_hash = block.number, block.hash

    def _check_place(self, log: Log, first: int, last: int) -> None:
        if log.removed or log.address not in self._addresses or not first <= log.block_number <= last:
            what = "removed" if log.removed else f"of {log.address} in block {log.block_number}"
            raise Unsettled(
                f"An endpoint gave a log {what} when asked for our contracts in blocks {first} to {last}.",
                hint="If this persists, remove the endpoint.",
            )

    def _events(self, headers: dict[int, Block], logs: Iterable[Log]) -> list[IndexedEvent]:
        by_block: dict[int, dict[int, Log]] = defaultdict(dict)
        for log in logs:
            if by_block[log.block_number].setdefault(log.log_index, log) != log:
                raise Unsettled(f"An endpoint gave two logs {log.log_index} of block {log.block_number}.")
        events = []
        for number, unique in by_block.items():
            receipts = {receipt.tx_hash: receipt for receipt in self._chain.receipts(number)}
            for log in unique.values():
                receipt = receipts.get(log.tx_hash)
                if receipt is None or receipt.block_hash != log.block_hash:
                    raise Unsettled(f"Block {number} changed while its receipts were read.")
                events.append(self._event(log, headers[number].timestamp, receipt))
        return events

    def _event(self, log: Log, timestamp: int, receipt: Receipt) -> IndexedEvent:
        try:
            event = decode_log(log.topics, log.data)
        except UNDECODABLE as error:
            event = None
            _log.warning("log_undecodable", tx="0x" + log.tx_hash.hex(), log=log.log_index, error=str(error))
        if event is None:
            self.unknown += 1
        return IndexedEvent(
            event=event,
            name=UNKNOWN if event is None else type(event).__name__,
            address=log.address,
            topics=log.topics,
            data=log.data,
            block_number=log.block_number,
            block_hash=log.block_hash,
            tx_hash=log.tx_hash,
            tx_index=log.tx_index,
            log_index=log.log_index,
            timestamp=timestamp,
            sender=receipt.sender,
            gas_used=receipt.gas_used,
        )
