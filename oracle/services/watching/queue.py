"""Answers that wait to be judged, in the order in which they are."""

import heapq
from dataclasses import dataclass, field

from oracle.chain.protocol import GameId, ModelId, RequestId


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """An answer to be judged before `deadline`, in seconds since the epoch by the chain's clock.

    Those that onnxruntime does not confirm come first, then what is due first. `game` identifies the answer.
    """

    confirmed: bool
    deadline: int
    game: GameId
    request: RequestId = field(compare=False)
    model: ModelId = field(compare=False)


class Queue:
    """Waiting answers, each once."""

    def __init__(self) -> None:
        self._heap: list[Waiting] = []
        self._games: set[GameId] = set()

    def __len__(self) -> int:
        return len(self._games)

    def __contains__(self, game: GameId) -> bool:
        return game in self._games

    def add(self, waiting: Waiting) -> None:
        """Take one in, unless it waits already."""
        if waiting.game not in self._games:
            self._games.add(waiting.game)
            heapq.heappush(self._heap, waiting)

    def pop(self) -> Waiting | None:
        """The first one, which does not wait any more; None where nothing waits."""
        if not self._heap:
            return None
        waiting = heapq.heappop(self._heap)
        self._games.discard(waiting.game)
        return waiting
