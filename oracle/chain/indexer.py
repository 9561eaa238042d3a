"""Brings the store up to the chain: a durable cursor, confirmations, reorgs taken back, ranges of fitting size.

Each range is one commit. A step that fails leaves the store as it was, and the next one starts from there.
"""

from bisect import bisect_left
from collections.abc import Callable
from time import perf_counter

import structlog

from oracle.chain.rpc import RangeRefused
from oracle.chain.scanner import Addresses, Chain, Scanner, Unsettled
from oracle.errors import AssayError, ChainError
from oracle.store.database import Store
from oracle.store.events import IndexedEvent
from oracle.store.ledger import Cursor, Overtaken, Rewind

_log = structlog.get_logger(__name__)

_TRIES = 3
_STEP_RANGES = 50
_STEP_EVENTS = 5_000


class Indexer:
    """Follows our contracts on one chain. Several programs may index into one database.

    `reorgs` counts chains taken back, `distrusted` reads that contradicted themselves, `head` is the newest block
    seen, `read_at` the `perf_counter` when the newest range had been read and decoded. Not thread-safe.
    """

    def __init__(
        self,
        chain: Chain,
        store: Store,
        addresses: Addresses,
        *,
        start_block: int,
        confirmations: int = 2,
        max_range: int = 2_000,
        keep_blocks: int = 256,
        rescan: int = 32,
        on_rewind: Callable[[Rewind], None] = lambda _rewind: None,
    ) -> None:
        """Tie the store to the deployment; raises `StoreError` if it belongs to another.

        Events are applied `confirmations` blocks behind the head. `start_block` is the first that can hold an event;
        the first `sync` reads the last `rescan` applied blocks again. Reorgs up to `keep_blocks` deep are taken back,
        and `on_rewind` told.
        """
        self._chain = chain
        self._store = store
        self._ledger = store.ledger
        self._start = start_block
        self._confirmations = confirmations
        self._max_range = max_range
        self._keep = keep_blocks
        self._rescan = rescan
        self._on_rewind = on_rewind
        self._scanner = Scanner(chain, addresses)
        self._range = max_range
        self._rescanned = False
        self.head = 0
        self.reorgs = 0
        self.distrusted = 0
        self.read_at = 0.0
        store.bind(chain.chain_id, addresses.oracle, addresses.registry)
        self._ledger.start(start_block - 1)

    @property
    def unknown(self) -> int:
        """Logs of our contracts that did not decode; they are stored raw."""
        return self._scanner.unknown

    @property
    def behind(self) -> int:
        """Blocks that are confirmed and not applied yet, as of the last step."""
        return max(0, self.head - self._confirmations - self._cursor().number)

    def sync(self) -> list[IndexedEvent]:
        """One step: take back what a reorg removed, apply what is confirmed; yields the events new to the store.

        Stops after 50 ranges or 5,000 events; `behind` then says how much is left. What another program applied to
        the same database is not yielded. Raises `ChainError` if the chain cannot be read or was reorganised deeper
        than the blocks kept, `StoreError` if the database fails.
        """
        self._follow_reorg()
        self._note_finalized()
        first = self._cursor().number + 1
        if not self._rescanned:
            first = max(self._start, first - self._rescan)
        events = self._apply_up_to(self.head - self._confirmations, first)
        self._rescanned = True
        return events

    def rescan(self, blocks: int) -> list[IndexedEvent]:
        """Read the last `blocks` applied blocks again; yields events an endpoint had kept back."""
        self._follow_reorg()
        last = self._cursor().number
        return self._apply_up_to(last, max(self._start, last - blocks + 1))

    def replay(self, from_block: int) -> list[IndexedEvent]:
        """Read everything from `from_block` on again, and correct the store by it; yields the events new to it.

        Doing it twice changes nothing. This mends what a reorg deeper than the kept blocks left.
        """
        self.head = self._chain.block_number()
        target = max(self._start - 1, self.head - self._confirmations)
        cursor = self._cursor()
        if cursor.number > target:
            self._on_rewind(self._ledger.rewind(target, cursor))
        events: list[IndexedEvent] = []
        first = max(self._start, from_block)
        while first <= target:
            last, applied = self._apply_range(first, target)
            events += applied
            first = last + 1
        return events

    def _cursor(self) -> Cursor:
        cursor = self._ledger.cursor()
        if cursor is None:
            raise AssertionError("the cursor is set when an indexer is made")
        return cursor

    def _note_finalized(self) -> None:
        number = self._chain.finalized_number()
        if number is not None and number != self._cursor().finalized:
            self._ledger.set_finalized(number)

    # ------------------------------------------------------------------ reorgs

    def _follow_reorg(self) -> None:
        """Rewind to the last applied block that is still on the chain, if that is not the last one applied.

        A head below the cursor is no reorg by itself: the endpoint may lag.
        """
        self.head = self._chain.block_number()
        cursor = self._cursor()
        top = min(cursor.number, self.head)
        kept = self._ledger.hashes(max(self._start, top - self._keep), top)
        numbers = list(kept)
        if not numbers or self._on_chain(numbers[-1], kept):
            return
        first_gone = bisect_left(numbers, True, key=lambda number: not self._on_chain(number, kept))  # noqa: FBT003
        if first_gone > 0:
            to = numbers[first_gone - 1]
        elif top - self._keep < self._start:
            to = self._start - 1
        else:
            raise ChainError(
                f"The chain was reorganised below block {numbers[0]}, deeper than the {self._keep} blocks kept.",
                hint=f"Correct the database with `assay replay --role ROLE --from-block {self._start}`.",
            )
        rewind = self._ledger.rewind(to, cursor)
        self.reorgs += 1
        _log.warning("reorg", depth=cursor.number - to, to=to, requests=len(rewind.requests))
        self._on_rewind(rewind)

    def _on_chain(self, number: int, kept: dict[int, bytes]) -> bool:
        return self._chain.block(number).hash == kept[number]

    # ------------------------------------------------------------------ ranges

    def _apply_up_to(self, target: int, first: int) -> list[IndexedEvent]:
        """Apply ranges; after a failure what was applied before it is yielded, and the next step meets it again."""
        events: list[IndexedEvent] = []
        for _ in range(_STEP_RANGES):
            if first > target or len(events) >= _STEP_EVENTS:
                break
            try:
                last, applied = self._apply_range(first, target)
            except AssayError as error:
                if not events:
                    raise
                _log.warning("step_interrupted", at_block=first, error=str(error))
                break
            events += applied
            first = last + 1
        return events

    def _apply_range(self, first: int, target: int) -> tuple[int, list[IndexedEvent]]:
        """Apply one range from `first`, as long as endpoints give; yields its last block and its new events."""
        for left in reversed(range(_TRIES)):
            while True:
                last = min(first + self._range - 1, target)
                try:
                    applied = self._read_and_apply(first, last, target)
                except RangeRefused:
                    if last == first:
                        raise
                    self._range = max(1, (last - first + 1) // 2)
                    continue
                except (Unsettled, Overtaken) as error:
                    self.distrusted += isinstance(error, Unsettled)
                    _log.info("range_read_again", first=first, last=last, error=str(error))
                    if left == 0:
                        raise
                    break
                self._range = min(self._max_range, self._range + self._range // 4 + 1)
                return last, applied
        raise AssertionError("unreachable: the last try returns or raises")

    def _read_and_apply(self, first: int, last: int, target: int) -> list[IndexedEvent]:
        cursor = self._cursor()
        kept = self._ledger.hashes(first - 1, last)
        horizon = range(max(first, target - self._keep + 1), last + 1)
        wanted = {*horizon, *(number for number in kept if number >= first)}
        scanned = self._scanner.scan(first, last, wanted, kept.get(first - 1))
        self.read_at = perf_counter()
        return self._ledger.apply(scanned.blocks, scanned.events, last=last, keep=self._keep, cursor=cursor)
