"""Ending disputes whose time has come, whoever is in the right: forfeits, resolutions, and claims for others."""

from collections.abc import Iterator
from dataclasses import dataclass

from oracle.chain.calls import Call
from oracle.chain.dispute import DisputeContract
from oracle.chain.games import Game
from oracle.chain.gas import move_limit
from oracle.metrics import Purpose
from oracle.services.moves import Moves
from oracle.store.database import Store


@dataclass(frozen=True, slots=True)
class Ending:
    """A call that anybody may send; `what` it does."""

    call: Call
    purpose: Purpose
    what: str


class Referee:
    """Ends games that their players leave open."""

    def __init__(self, dispute: DisputeContract, store: Store, moves: Moves) -> None:
        self._dispute = dispute
        self._store = store
        self._moves = moves

    def end(self, now: int) -> bool:
        """End what could be ended at the chain's time `now`, and claim bonds that were free by then.

        A `now` in the past leaves that to the players for so long. Whether anything was sent.
        """
        sent = False
        for each in (*self._endings(now), *self._claims(now)):
            gas = move_limit(len(each.call.data))
            sent |= self._moves.send(each.call, purpose=each.purpose, gas_limit=gas, what=each.what)
        return sent

    def _endings(self, now: int) -> Iterator[Ending]:
        for game in self._store.games.open():
            found = ending(self._dispute, game, now)
            if found is not None:
                yield found

    def _claims(self, now: int) -> Iterator[Ending]:
        for each in self._store.games.unclaimed():
            if each.ended_at <= now:
                call = self._dispute.claim(each.game_id, each.owner)
                yield Ending(call, Purpose.CLAIM, f"claim the bonds of {each.owner} in game 0x{each.game_id.hex()}")


def ending(dispute: DisputeContract, game: Game, now: int) -> Ending | None:
    """How time ends `game` at `now`; None while it does not."""
    name = f"game 0x{game.id.hex()}"
    if game.is_trace_forfeited(now):
        return Ending(dispute.forfeit_trace(game.subject), Purpose.FORFEIT, f"end {name}: no trace was posted")
    missed = game.forfeited(now)
    if missed is not None:
        what = f"end {name}: tensor {missed.tensor}, layer {missed.layer}.{missed.index} was not revealed"
        return Ending(dispute.forfeit_demand(game.subject, missed), Purpose.FORFEIT, what)
    if game.is_resolvable(now):
        return Ending(dispute.resolve(game.subject), Purpose.RESOLVE, f"uphold the answer of {name}")
    return None
