"""What the steps of one run share: threads, what is counted, and whether every element is to be rounded exactly."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

import numpy as np

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class Work:
    """`pool` runs tiles of one node at the same time (None: one after the other)."""

    pool: ThreadPoolExecutor | None = None
    all_exact: bool = False
    counts: Counts = field(default_factory=Counts)

    def each(self, do: Callable[[T], None], tiles: Iterable[T]) -> None:
        """`do(tile)` for every tile; the first error is raised when all are done."""
        tiles = list(tiles)
        if self.pool is None or len(tiles) < 2:
            for tile in tiles:
                do(tile)
            return

        def quietly(tile: T) -> None:
            with np.errstate(all="ignore"):  # infinities and NaN are results here; the setting is one of the thread
                do(tile)

        for _ in self.pool.map(quietly, tiles):
            pass
