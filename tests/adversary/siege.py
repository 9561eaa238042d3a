"""Many malicious challengers against one honest answer, in one game on a real chain.

    result = Siege(arena, scene, crowd(arena, seed), policy).play()
    result.verdict, result.bonds, result.gas_of_a_move, result.lasted, result.bound

Everybody moves at the last second there is: the challenge, the trace, every demand of a `slow` attacker and every
reveal. The operator follows the rules of its service: it reveals what is due. At each step come `nuisances`, which the
contract must refuse.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Literal

import numpy as np
from eth_typing import ChecksumAddress

from oracle.canonical.layers import TRACE, Position, above, trace_position
from oracle.chain.calls import Call
from oracle.chain.deploy import DEMANDS_PER_MOVE, MAX_DEMANDS
from oracle.chain.games import Game, Turn
from oracle.chain.gas import demand_limit, move_limit
from oracle.chain.protocol import GWEI, Policy, Verdict
from oracle.services.defending.defence import fitting, reveal_call
from tests.adversary.arena import POLICY, Arena, Refused, Sent
from tests.adversary.duel import Duel
from tests.adversary.liars import truth
from tests.adversary.nuisances import nuisances
from tests.adversary.scenes import Scene, heavy
from tests.adversary.table import positions

Taste = Literal["new", "asked", "shown"]
_NUISANCES = 3
"""So many come at each step."""
_JUNK_GAS = 3_000_000
_IN_A_BLOCK = 15
"""Nuisances that a block has room for, by their gas limits."""


@dataclass
class Attacker:
    """Who demands: what nobody has demanded, what others wait for, or what is revealed; and when, and how much.

    `bonds` are the chains it pays for, all in one block; `demands` are those it makes in the last one at most.
    """

    account: ChecksumAddress
    taste: Taste = "new"
    slow: bool = True
    bonds: int = 1
    demands: int = MAX_DEMANDS


def crowd(arena: Arena, seed: int, *, opens_late: bool = False) -> list[Attacker]:
    """An attacker for every account of the arena's challengers; the first opens the game."""
    rng = np.random.default_rng(seed)
    tastes: tuple[Taste, ...] = ("new", "new", "asked", "shown")
    found = []
    for account in arena.challengers:
        slow = opens_late or bool(rng.random() < 0.7)
        bonds = 4 if rng.random() < 0.1 else 1
        found.append(Attacker(account, tastes[int(rng.integers(4))], slow, bonds))
    return found


def flood(arena: Arena) -> "Siege":
    """Every challenger demands another tensor of 128 full leaves, all in one block: the dearest moment there is."""
    return Siege(arena, heavy(), [Attacker(account, demands=1) for account in arena.challengers])


@dataclass(frozen=True, slots=True)
class Result:
    """How a siege ended. Times in seconds, money in wei.

    `gas_of_a_move` is the most the operator's reveals took within one moveTime, `gas_of_a_transaction` the most a
    single one took, `gas` all of the operator's; `due_in_a_move` is how many demands fell due within one moveTime at
    most. `lasted` is from the answer to the verdict.
    """

    verdict: Verdict
    bonds: int
    demands: int
    reveals: int
    refused: dict[str, int]
    gas_of_a_move: int
    gas_of_a_transaction: int
    gas: int
    due_in_a_move: int
    lasted: int
    bound: int


@dataclass
class Siege:
    """One answer, besieged. `policy` are its terms."""

    arena: Arena
    scene: Scene
    attackers: Sequence[Attacker]
    policy: Policy = POLICY
    seed: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    revealed: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self.duel = Duel(self.arena, self.scene, truth(self.scene), policy=self.policy)
        self._all = [
            position
            for k in self.scene.computed
            for position in positions(k, -(-self.scene.program.nodes[k].count * _size(self.scene, k) // 256))
        ]
        if len(self.scene.program.nodes) > 256:
            self._all += positions(TRACE, len(self.scene.program.nodes))
        self._pests = nuisances(self.arena.dispute, self.scene, self.duel.subject, self.duel.id)
        self._next_pest = cycle(self._pests)
        self._opened = dict.fromkeys((each.account for each in self.attackers), 0)

    def play(self) -> Result:
        """From the challenge to the verdict."""
        duel, arena = self.duel, self.arena
        arena.wait_until(duel.window_end - 1)
        duel.challenge()
        self._opened[duel.challenger] = 1
        arena.wait_until(duel.the_game.trace_deadline - 1)
        assert duel.operate(), "the trace was not posted"
        self._pester()
        while (moment := self._next()) is not None:
            self._step(moment)
        self._end()
        self._pester()
        return self._result()

    # ------------------------------------------------------------------ steps

    def _next(self) -> int | None:
        """The second in which somebody moves next; None where only the end is left."""
        moments = [moment for each in self.attackers if (moment := self._moment(each)) is not None]
        moments += [state.due - 1 for state in self.duel.the_game.open_demands.values()]
        return max(min(moments), self.arena.now) if moments else None

    def _moment(self, attacker: Attacker) -> int | None:
        """When an attacker demands next; None where it does not, or waits."""
        game, now, account = self.duel.the_game, self.arena.now, attacker.account
        turn = game.may_demand(account, now, MAX_DEMANDS)
        deadline = game.next_deadline(account, now, MAX_DEMANDS)
        made = game.chains[account].demands if account in game.chains else 0
        if turn in (Turn.NO, Turn.WAIT) or deadline is None:
            return None
        if turn is Turn.BOND and self._opened[account] >= attacker.bonds:
            return None
        if turn is Turn.NEXT and made >= attacker.demands:
            return None
        return deadline - 1 if attacker.slow else now

    def _step(self, moment: int) -> None:
        """All moves of one second, in one block; what must succeed does, and nothing else."""
        self.arena.wait_until(moment)
        game = self.duel.the_game
        due = [position for position, state in game.open_demands.items() if state.due - 1 <= moment]
        reveals = []
        for some in fitting([self.scene.honest.reveal(position) for position in due]):
            call, gas = reveal_call(self.arena.dispute, game.id, some)
            reveals.append((self.arena.operator, call, gas))
        chosen: set[Position] = set()
        acting = [each for each in self.attackers if (its := self._moment(each)) is not None and its <= moment]
        demands = [call for each in acting for call in self._demands(each, game, chosen)]
        pests = [(name, self.arena.bystander, call) for name, call in islice(self._next_pest, _NUISANCES)]
        pests += [] if demands else self._greedy(game, due)
        junk = [_as_junk(account, call) for _, account, call in pests]
        sent = self.arena.send_together([*reveals, *demands, *junk])
        rightful, refused = sent[: len(sent) - len(junk)], sent[len(sent) - len(junk) :]
        for each in sorted(map(_succeeded, rightful), key=lambda each: each.place):
            self.duel.see(each)
        self.revealed += [(moment, _succeeded(each).gas) for each in sent[: len(reveals)]]
        for (name, *_), answer in zip(pests, refused, strict=True):
            self._note(name, answer)

    def _demands(
        self, attacker: Attacker, game: Game, chosen: set[Position]
    ) -> Iterator[tuple[ChecksumAddress, Call, int]]:
        """What an attacker demands now; `chosen` is what is demanded in the same block."""
        dispute, account = self.arena.dispute, attacker.account
        turn = game.may_demand(account, self.arena.now, MAX_DEMANDS)
        if turn is not Turn.BOND:
            call = dispute.demand(game.id, *self._opening(self._choose(attacker.taste, game, chosen)))
            yield account, call, demand_limit(len(call.data))
        while turn is not Turn.NEXT and self._opened[account] < attacker.bonds:
            self._opened[account] += 1
            opening = self._opening(self._choose(attacker.taste, game, chosen))
            call = dispute.open_chain(game.id, *opening, game.bond)
            yield account, call, demand_limit(len(call.data))

    def _greedy(self, game: Game, due: Sequence[Position]) -> list[tuple[str, ChecksumAddress, Call]]:
        """A demand of an account whose chain has to wait, and one of an account whose chain is used up."""
        found: dict[str, tuple[str, ChecksumAddress, Call]] = {}
        for account, chain in game.chains.items():
            waits = chain.last is not None and game.demands[chain.last].revealed_at is None and chain.last not in due
            if chain.last is not None and (waits or chain.demands == MAX_DEMANDS):
                name = "a demand out of turn" if waits else "one demand more"
                found[name] = (name, account, self.arena.dispute.demand(game.id, *self._opening(chain.last)))
        return list(found.values())

    def _opening(self, position: Position) -> tuple[Position, bytes, Sequence[bytes]]:
        """What a demand brings along, be it the first in its tensor or not."""
        program = self.scene.honest.program
        if position.is_trace:
            return position, b"", ()
        return position, program.encoded[position.tensor], program.path(position.tensor)

    def _choose(self, taste: Taste, game: Game, chosen: set[Position]) -> Position:
        shown = set(game.revealed)
        possible = [position for position in self._all if self._may(position, shown)]
        fresh = [position for position in possible if position not in game.demands and position not in chosen]
        wanted = {"new": fresh, "asked": [*game.open_demands, *chosen], "shown": sorted(shown)}[taste] or possible
        position = wanted[0] if taste == "new" else wanted[int(self._rng.integers(len(wanted)))]
        chosen.add(position)
        return position

    def _may(self, position: Position, shown: set[Position]) -> bool:
        """Whether what is above a position is revealed."""
        higher, nodes = above(position), len(self.scene.program.nodes)
        if higher is not None:
            return higher in shown
        return position.is_trace or nodes <= 256 or trace_position(nodes, position.tensor) in shown

    def _pester(self) -> None:
        """Every nuisance there is."""
        for first in range(0, len(self._pests), _IN_A_BLOCK):
            some = self._pests[first : first + _IN_A_BLOCK]
            answers = self.arena.send_together([_as_junk(self.arena.bystander, call) for _, call in some])
            for (name, _), answer in zip(some, answers, strict=True):
                self._note(name, answer)

    def _end(self) -> None:
        """A verdict one second early, and the verdict."""
        arena, game, dispute = self.arena, self.duel.the_game, self.arena.dispute
        assert game.end is not None
        assert game.end == dispute.end_of(arena.provider, game.id)
        call = dispute.resolve(self.duel.subject)
        limit = move_limit(len(call.data))
        arena.wait_until(game.end - 1)
        (early,) = arena.send_together([(arena.bystander, call, limit)])
        self._note("the verdict a second early", early)
        self.duel.see(arena.send(arena.bystander, call, limit))

    def _note(self, name: str, answer: Sent | Refused) -> None:
        assert isinstance(answer, Refused), f"{name} was taken"
        error = answer.name or "no reason"
        self.refused[error] = self.refused.get(error, 0) + 1

    # ------------------------------------------------------------------ what came of it

    def _result(self) -> Result:
        game, policy = self.duel.the_game, self.policy
        answered_at = self.duel.window_end - policy.window
        move, spacing = policy.move_time, -(-policy.move_time // DEMANDS_PER_MOVE)
        given = policy.window + policy.trace_time + policy.proof_period
        in_a_move = [sum(g for t, g in self.revealed if start <= t < start + move) for start, _ in self.revealed]
        dues = [state.due for state in game.demands.values()]
        own = sum(each.gas for each in self.duel.made if each.side == "operator")
        return Result(
            verdict=game.verdict,
            bonds=sum(chain.bonds for chain in game.chains.values()) * policy.challenger_bond * GWEI,
            demands=sum(1 + len(state.joined) for state in game.demands.values()),
            reveals=len(game.revealed),
            refused=self.refused,
            gas_of_a_move=max(in_a_move),
            gas_of_a_transaction=max(gas for _, gas in self.revealed),
            gas=own + sum(gas for _, gas in self.revealed),
            due_in_a_move=max(sum(start <= due <= start + move for due in dues) for start in dues),
            lasted=(game.ended_at or 0) - answered_at,
            bound=given + (2 * MAX_DEMANDS + 2) * move + len(game.demands) * spacing,
        )


def _as_junk(account: ChecksumAddress, call: Call) -> tuple[ChecksumAddress, Call, int]:
    return account, call, demand_limit(len(call.data)) + _JUNK_GAS


def _succeeded(answer: Sent | Refused) -> Sent:
    assert isinstance(answer, Sent), f"a rightful move was refused: {answer}"
    return answer


def _size(scene: Scene, node: int) -> int:
    return scene.program.nodes[node].dtype.size
