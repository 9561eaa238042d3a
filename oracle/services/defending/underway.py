"""What our transactions under way carry into a dispute: traces and revelations that need not be sent again."""

from collections.abc import Mapping, Sequence

from eth_abi.abi import decode

from oracle.canonical.layers import Position
from oracle.chain.abi import artifact
from oracle.chain.dispute import DisputeContract
from oracle.chain.protocol import GameId, Subject
from oracle.store.transactions import OutboxTransaction


class Underway:
    """Calls of the dispute contract that are under way, by what they are about."""

    def __init__(self, dispute: DisputeContract, moves: Sequence[OutboxTransaction]) -> None:
        self._dispute = dispute
        self._functions = artifact("Dispute").functions
        self._moves = moves

    def trace(self, subject: Subject) -> OutboxTransaction | None:
        """The call that posts the trace of an answer, if there is one."""
        begins = self._functions["postTrace"].selector + self._dispute.resolve(subject).data[4:]
        return next((move for move in self._moves if move.data.startswith(begins)), None)

    def reveals(self, game_id: GameId) -> Mapping[Position, OutboxTransaction]:
        """The positions of a game that are being revealed, with the call that does it."""
        found: dict[Position, OutboxTransaction] = {}
        for move in self._moves:
            for name in ("reveal", "revealMany"):
                entry = self._functions[name]
                if move.data.startswith(entry.selector + game_id):
                    _, given = decode(entry.inputs, move.data[4:])
                    for position, *_ in [given] if name == "reveal" else given:
                        found[Position(*position)] = move
        return found

    def has(self, function: str) -> bool:
        """Whether there is a call of this function."""
        selector = self._functions[function].selector
        return any(move.data.startswith(selector) for move in self._moves)
