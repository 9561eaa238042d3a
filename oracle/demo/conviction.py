"""What refuting an answer took: transactions, gas and computing, from the chain and from the logs of both sides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from oracle.chain.events import (
    ChainOpened,
    Challenged,
    Claimed,
    Demanded,
    DemandForfeited,
    Proven,
    Revealed,
    TraceForfeited,
    TracePosted,
)
from oracle.chain.history import Happening
from oracle.chain.protocol import GameId
from oracle.chain.provider import Provider
from oracle.demo.processes import Worker
from oracle.errors import AssayError

_MOVES: Mapping[type, str] = {
    Challenged: "challenge",
    TracePosted: "trace",
    ChainOpened: "demand",
    Demanded: "demand",
    Revealed: "reveal",
    Proven: "prove",
    TraceForfeited: "forfeit",
    DemandForfeited: "forfeit",
    Claimed: "claim",
}
_COMPUTING = ("wrong_answer", "move_worked_out", "ended")
"""Events of services' logs that tell, for a game, the seconds that something took to compute."""


@dataclass(frozen=True, slots=True)
class Conviction:
    """A refuted answer: `transactions` till the verdict, `gas_by_move` those and what came after.

    `leaf_gas` is the gas of the transaction with the proof (0: there was none), `compute_seconds` what both sides
    computed, the operator's run and trace included; `words` tell the story.
    """

    model: str
    transactions: int
    gas_by_move: dict[str, int]
    leaf_gas: int
    compute_seconds: float
    words: str

    def to_json(self) -> dict[str, Any]:
        """What `demo.json` holds."""
        return {
            "model": self.model,
            "transactions": self.transactions,
            "gas_by_move": self.gas_by_move,
            "compute_seconds": self.compute_seconds,
            "leaf_gas": self.leaf_gas,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True)
class Costs:
    """The transactions of a game: gas of each, by what it did."""

    moves: tuple[tuple[str, int], ...]

    @property
    def transactions(self) -> int:
        """How many there were till the verdict."""
        return sum(move != "claim" for move, _ in self.moves)

    @property
    def by_move(self) -> dict[str, int]:
        """The gas of each kind of move."""
        return {kind: self.of(kind) for kind in dict.fromkeys(move for move, _ in self.moves)}

    def of(self, kind: str) -> int:
        """The gas of one kind of move."""
        return sum(gas for move, gas in self.moves if move == kind)


def costs(provider: Provider, happenings: Iterable[Happening], game: GameId) -> Costs:
    """What a game's transactions cost, by its events; raises `AssayError` where the chain has lost one."""
    kinds: dict[bytes, str] = {}
    for each in happenings:
        kind = _MOVES.get(type(each.event))
        if kind is not None and getattr(each.event, "game_id", None) == game:
            kinds.setdefault(each.log.tx_hash, kind)
    moves = []
    for tx_hash, kind in kinds.items():
        receipt = provider.receipt(tx_hash)
        if receipt is None:
            raise AssayError(f"The chain has lost transaction 0x{tx_hash.hex()}.")
        moves.append((kind, receipt.gas_used))
    return Costs(tuple(moves))


def computed(workers: Iterable[Worker], game: GameId) -> float:
    """The seconds of computing for a game that services' logs tell of."""
    told = (event for worker in workers for name in _COMPUTING for event in worker.events(name))
    seconds: list[float] = [event["seconds"] for event in told if event["game"] == f"0x{game.hex()}"]
    return round(sum(seconds), 3)
