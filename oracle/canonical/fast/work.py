"""What the steps of one run share: threads, what is counted, and whether every element is to be rounded exactly."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType
from typing import Final, TypeVar

import numpy as np

from oracle.canonical.fast.flush import require_ieee_thread

T = TypeVar("T")

_FEW: Final = 4  # tiles, below which it takes longer to wake a thread than to work


@dataclass(slots=True)
class Counts:
    """Elements of float32 DOT, SUM and MEAN nodes, and those whose float64 result proved nothing yet."""

    elements: int = 0
    exact: int = 0
    _lock: Lock = field(default_factory=Lock)

    def add(self, elements: int, exact: int) -> None:
        """Counts `elements`, of which `exact` needed the exact path."""
        with self._lock:
            self.elements += elements
            self.exact += exact

    @property
    def exact_share(self) -> float:
        """Share of elements that needed the exact path; 0 where there are none."""
        return self.exact / self.elements if self.elements else 0.0


class Work:
    """`threads` run tiles of one node at the same time; those besides the caller's are started when first needed."""

    def __init__(self, threads: int = 1, *, all_exact: bool = False, counts: Counts | None = None) -> None:
        self.all_exact, self.counts = all_exact, Counts() if counts is None else counts
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> "Work":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def each(self, do: Callable[[T], None], tiles: Sequence[T]) -> None:
        """`do(tile)` for every tile; an error is raised when no thread works any more."""
        if self._threads < 2 or len(tiles) < _FEW:
            for tile in tiles:
                do(tile)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads - 1, initializer=require_ieee_thread)
        left = deque(tiles)
        helpers = [self._pool.submit(_drain, do, left) for _ in range(self._threads - 1)]
        try:
            _drain(do, left)
        finally:
            wait(helpers)
        for helper in helpers:
            helper.result()


def _drain(do: Callable[[T], None], left: deque[T]) -> None:
    with np.errstate(all="ignore"):  # infinities and NaN are results here; the setting is one of the thread
        while left:
            try:
                tile = left.popleft()
            except IndexError:  # another thread took the last one
                return
            do(tile)
