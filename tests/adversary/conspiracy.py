"""A liar with an accomplice among the challengers, against one honest challenger, on a real chain.

    outcome = Conspiracy(arena, scene, lie, plot=Plot(opens=True, leads=2)).play()

The accomplice opens the game itself, makes the honest challenger's demands before it or in the same block ahead of it,
or floods the game; then it falls silent. The liar moves in the last second there is. The honest challenger moves as its
service does; `outcome.made` holds its transactions and the liar's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from eth_abi.abi import decode

from oracle.canonical.layers import Position
from oracle.chain.abi import artifact
from oracle.chain.calls import Call
from oracle.chain.deploy import MAX_DEMANDS
from oracle.chain.games import Game, Turn
from oracle.chain.gas import demand_limit, move_limit
from oracle.chain.protocol import GWEI
from tests.adversary.duel import Duel, move_of

_DEMANDS = ("demand", "openChain")


@dataclass(frozen=True, slots=True)
class Plot:
    """What the accomplice does. `opens`: it opens the game itself.

    `leads` is how many demands it makes as soon as they can be made, `copies` how many right before the honest
    challenger's, `floods` how many chains it opens over other tensors when the trace is posted, so that all falls due
    later.
    """

    opens: bool = False
    leads: int = 0
    copies: int = 0
    floods: int = 0


@dataclass
class Conspiracy(Duel):
    """A duel in which the operator is lazy and has an accomplice; `led` and `copied` count what that has demanded."""

    plot: Plot = Plot()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.accomplice = self.arena.challengers[1]
        self._its_pursuer = self.pursuer_of(self.accomplice)
        self.led = self.copied = 0

    def challenge(self) -> None:
        """Open the game, or let the accomplice."""
        if self.plot.opens:
            bond = self.policy.challenger_bond * GWEI
            call = self.arena.dispute.challenge(self.subject.request, self.subject.ref, self.scene.model, bond)
            self._conspire(call)
        else:
            super().challenge()

    def operate(self) -> bool:
        """The operator's next move, in the last second there is for it."""
        game, last = self.the_game, self.arena.now + 1
        if game.posted_at is None:
            moved = last >= game.trace_deadline and super().operate()
            for call in self._flood() if moved else ():
                self._conspire(call)
            return moved
        waiting = game.open_demands.values()
        return bool(waiting) and last >= min(each.due for each in waiting) and super().operate()

    def pursue(self) -> bool:
        """The next demand of the accomplice, or else the honest challenger's move behind the copy of it."""
        if self.led < self.plot.leads:
            its = self._its_pursuer.plan(self.the_game, self.stored(), self.found, self.arena.now)
            if its is not None and move_of(its.call) in _DEMANDS:
                self.led += 1
                self._conspire(its.call)
                return True
        planned = self.plan()
        if planned is None:
            return False
        if move_of(planned.call) in _DEMANDS and self.copied < self.plot.copies:
            self.copied += self._copy(planned.call)
        self.send("challenger", move_of(planned.call), planned.call, planned.gas)
        return True

    def _copy(self, call: Call) -> bool:
        """Make a demand before its author; whether the accomplice may demand now."""
        game, dispute = self.the_game, self.arena.dispute
        turn = game.may_demand(self.accomplice, self.arena.now, MAX_DEMANDS)
        if turn in (Turn.NO, Turn.WAIT):
            return False
        _, place, node, path = decode(artifact("Dispute").functions["demand"].inputs, call.data[4:])
        if turn is Turn.BOND:
            self._conspire(dispute.open_chain(game.id, Position(*place), node, path, game.bond))
        else:
            self._conspire(dispute.demand(game.id, Position(*place), node, path))
        return True

    def _flood(self) -> Iterator[Call]:
        """Chains over tensors, from the last one backwards."""
        game, program = self.the_game, self.scene.honest.program
        for k in self.scene.computed[::-1][: self.plot.floods]:
            yield self.arena.dispute.open_chain(
                game.id, Position(k, 0, 0), program.encoded[k], program.path(k), game.bond
            )

    def _conspire(self, call: Call) -> None:
        self.see(self.arena.send(self.accomplice, call, demand_limit(len(call.data))))

    def _wait(self, game: Game) -> None:
        """A second; the liar is upheld as soon as it can be."""
        self.arena.wait_until(self.arena.now + 1)
        if game.is_resolvable(self.arena.now):
            call = self.arena.dispute.resolve(self.subject)
            self.send("operator", "resolve", call, move_limit(len(call.data)))
