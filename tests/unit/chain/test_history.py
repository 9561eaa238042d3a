"""Reading logs in ranges."""

from collections.abc import Sequence

import pytest

from oracle.chain.history import raw_logs
from oracle.chain.provider import Log, RangeRefused

OURS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def log(block: int, index: int = 0, *, address: str = OURS, removed: bool = False) -> Log:
    """A log of a block."""
    return Log(address, (bytes(32),), b"", block, bytes(32), bytes(32), 0, index, removed)  # type: ignore[arg-type]


class Endpoint:
    """Serves at most `most` blocks at once, and lies with `extra` logs."""

    def __init__(self, logs: Sequence[Log], most: int, extra: Sequence[Log] = ()) -> None:
        self.asked: list[tuple[int, int]] = []
        self._logs, self._most, self._extra = logs, most, extra

    def logs(self, _addresses: Sequence[str], first: int, last: int) -> list[Log]:
        self.asked.append((first, last))
        if last - first + 1 > self._most:
            raise RangeRefused("too many blocks")
        return [*reversed([each for each in self._logs if first <= each.block_number <= last]), *self._extra]


def test_ranges_that_are_refused_are_halved_and_nothing_is_lost() -> None:
    """Endpoints differ in what they serve at once; every log must come once, in order."""
    logs = [log(block, index) for block in range(20) for index in (0, 1)]
    endpoint = Endpoint(logs, most=3)
    assert list(raw_logs(endpoint, [OURS], 0, 19, span=10)) == logs  # type: ignore[arg-type]
    assert endpoint.asked[:4] == [(0, 9), (0, 4), (0, 1), (2, 3)]


def test_one_block_that_is_refused_ends_it() -> None:
    """Halving one block for ever would hang."""
    with pytest.raises(RangeRefused):
        list(raw_logs(Endpoint([], most=0), [OURS], 0, 9, span=8))  # type: ignore[arg-type]


def test_logs_that_were_not_asked_for_are_dropped() -> None:
    """An endpoint that returns other blocks, other contracts or removed logs must not be believed."""
    lies = [log(99), log(5, address="0x" + "11" * 20), log(5, removed=True)]
    assert list(raw_logs(Endpoint([log(5)], most=10, extra=lies), [OURS], 0, 9)) == [log(5)]  # type: ignore[arg-type]
