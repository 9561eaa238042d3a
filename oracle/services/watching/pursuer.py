"""Pursuing one game over a wrong answer: forfeit what is overdue, else demand, else prove.

Everything follows from the game as the chain's events tell it and from the canonical trace. Traces and moves worked out
are kept only to save time.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import structlog

from oracle.canonical.cost import node_cost
from oracle.canonical.layers import Position
from oracle.canonical.posted import Posted
from oracle.canonical.program_fault import HeaderClaim, ModelClaim, NodeClaim, OperandClaim
from oracle.canonical.prove import CommittedTrace
from oracle.canonical.pursuit import (
    AnswerClaim,
    Case,
    ConstantClaim,
    DemandMove,
    InputClaim,
    Move,
    StepClaim,
    pursue,
)
from oracle.canonical.tracing import trace_of
from oracle.chain.abi import artifact
from oracle.chain.calls import Call
from oracle.chain.dispute import DisputeContract
from oracle.chain.games import Game, Turn
from oracle.chain.gas import JUDGE_SOURCE, demand_limit, move_limit, prove_limit
from oracle.chain.protocol import GameId
from oracle.errors import ProofError
from oracle.metrics import Purpose
from oracle.services.moves import Moves
from oracle.services.watching.judge import answer_of, run_input
from oracle.services.watching.library import Malformed, Watched
from oracle.services.watching.patience import turn_for
from oracle.store.requests import StoredRequest

_log = structlog.get_logger(__name__)

_State = tuple[GameId, bytes, frozenset[Position], frozenset[Position]]
"""A game as far as moves follow from it: its trace, what is demanded, what is revealed."""

_TRACES_KEPT: Final = 2
_MOVES_KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class Planned:
    """A move to send: the call with its gas limit, what it is for and does, and the seconds left for it, if limited."""

    call: Call
    gas: int
    purpose: Purpose
    what: str
    seconds_left: float | None = None

    @property
    def is_bond(self) -> bool:
        """Whether it takes a bond along."""
        return self.call.value > 0


class Pursuer:
    """Works out what to do next in a game. `owner` is the account that demands; K is `max_demands`."""

    def __init__(self, dispute: DisputeContract, moves: Moves, *, max_demands: int, threads: int) -> None:
        self._dispute = dispute
        self._moves = moves
        self._max_demands = max_demands
        self._threads = threads
        self._traces: OrderedDict[GameId, CommittedTrace] = OrderedDict()
        self._known: OrderedDict[_State, Move] = OrderedDict()

    def plan(self, game: Game, stored: StoredRequest, found: Watched | Malformed, now: int) -> Planned | None:
        """The move to make against the answer `stored` at the chain's time `now`; None where there is none yet.

        Raises `ProofError` where what was revealed contradicts itself.
        """
        subject = game.subject
        if game.is_trace_forfeited(now):
            return _plain(self._dispute.forfeit_trace(subject), Purpose.FORFEIT, "forfeit: no trace was posted")
        overdue = game.forfeited(now)
        if overdue is not None:
            call = self._dispute.forfeit_demand(subject, overdue)
            return _plain(call, Purpose.FORFEIT, f"forfeit: {shown(overdue)} was not revealed")
        if isinstance(found, Malformed):
            return self._program(game, found, now) if game.is_program_provable(now) else None
        if not game.is_provable(now):
            return None
        move = self._move(game, stored, found)
        if isinstance(move, DemandMove):
            return self._demand(game, move, now)
        return self._prove(game, stored, found, move, now)

    def forget(self, game_id: GameId) -> None:
        """Drop what is kept of a game that is over."""
        self._traces.pop(game_id, None)

    # ------------------------------------------------------------------ what is wrong where

    def _move(self, game: Game, stored: StoredRequest, watched: Watched) -> Move:
        """What follows from what is revealed; worked out once for each state of the game."""
        state = (game.id, game.trace_root or b"", frozenset(game.demands), frozenset(game.revealed))
        move = self._known.get(state)
        if move is None:
            program = watched.program.plan.program
            posted = Posted(program, game.trace_root or b"", game.roots)
            posted.add_all(game.revealed)
            case = Case(watched.model, stored.input, answer_of(stored))
            began = time.perf_counter()
            move = self._known[state] = pursue(self._trace(game, stored, watched), posted, case, game.demands)
            seconds = round(time.perf_counter() - began, 4)
            _log.info("move_worked_out", game=f"0x{game.id.hex()}", move=type(move).__name__, seconds=seconds)
            if len(self._known) > _MOVES_KEPT:
                self._known.popitem(last=False)
        return move

    def _trace(self, game: Game, stored: StoredRequest, watched: Watched) -> CommittedTrace | None:
        """Our own canonical trace; None for an input that has none."""
        given = run_input(stored, watched)
        if given is None:
            return None
        trace = self._traces.pop(game.id, None) or trace_of(watched.program.plan, *given, self._threads)
        self._traces[game.id] = trace
        if len(self._traces) > _TRACES_KEPT:
            self._traces.popitem(last=False)
        return trace

    # ------------------------------------------------------------------ moves

    def _demand(self, game: Game, move: DemandMove, now: int) -> Planned | None:
        me = self._moves.address
        turn = turn_for(game, move.position, me, now, self._max_demands)
        if turn in (Turn.NO, Turn.WAIT):
            return None
        if turn is Turn.BOND:
            call = self._dispute.open_chain(game.id, move.position, move.node, move.node_path, game.bond)
        else:
            call = self._dispute.demand(game.id, move.position, move.node, move.node_path)
        underway = [each for each in self._moves.underway(self._dispute.address) if _is_demand(each.data, game.id)]
        if underway:  # the next one follows from what it leads to
            call = Call(self._dispute.address, underway[0].data, underway[0].value)
        deadline = game.next_deadline(me, now, self._max_demands)
        left = None if deadline is None else deadline - now
        gas = demand_limit(len(call.data))
        return Planned(call, gas, Purpose.DEMAND, f"demand {shown(move.position)}", left)

    def _prove(self, game: Game, stored: StoredRequest, watched: Watched, move: Move, now: int) -> Planned | None:
        subject, model, dispute = game.subject, watched.model, self._dispute
        judging = JUDGE_SOURCE
        match move:
            case StepClaim(proof):
                judging = node_cost(watched.program.plan.program.nodes[proof.index]).gas
                call, what = dispute.prove_step(subject, proof), f"element {proof.element} of tensor {proof.index}"
            case ConstantClaim(claim):
                call, what = dispute.prove_constant(subject, claim), f"tensor {claim.index}, a constant,"
            case InputClaim(claim, given):
                call, what = dispute.prove_input(subject, model, claim, given), f"tensor {claim.index}, an input,"
            case AnswerClaim(element):
                call = dispute.prove_answer(subject, model, answer_of(stored), element)
                what = f"element {element.element} of output {element.output} of the answer"
            case _:
                raise ProofError(
                    f"the game 0x{game.id.hex()} shows nothing wrong, although the answer was found wrong."
                )
        left = None if game.end is None else game.end - now
        return Planned(call, prove_limit(len(call.data), judging), Purpose.PROVE, f"prove {what} wrong", left)

    def _program(self, game: Game, found: Malformed, now: int) -> Planned:
        """Fault 4."""
        subject, model, dispute = game.subject, found.model, self._dispute
        match found.claim:
            case ModelClaim():
                call, what = dispute.prove_model(subject, model), "the model"
            case HeaderClaim(version, count, tree):
                call, what = dispute.prove_header(subject, model, version, count, tree), "the program's header"
            case NodeClaim(opening):
                call, what = dispute.prove_node(subject, model, opening), f"node {opening.index}"
            case OperandClaim(opening, operand, source):
                call = dispute.prove_operand(subject, model, opening, operand, source)
                what = f"operand {operand} of node {opening.index}"
        end = game.trace_deadline if game.end is None else game.end
        gas = prove_limit(len(call.data), JUDGE_SOURCE)
        return Planned(call, gas, Purpose.PROVE, f"prove {what} malformed", end - now)


def _plain(call: Call, purpose: Purpose, what: str, seconds_left: float | None = None) -> Planned:
    return Planned(call, move_limit(len(call.data)), purpose, what, seconds_left)


def _is_demand(data: bytes, game_id: GameId) -> bool:
    """Whether calldata is that of a demand in a game."""
    return data[4:].startswith(game_id) and data[:4] in _DEMANDS


def shown(position: Position) -> str:
    """A position in words."""
    tensor = "the trace" if position.is_trace else f"tensor {position.tensor}"
    return f"layer {position.layer}.{position.index} of {tensor}"


_DEMANDS = tuple(artifact("Dispute").functions[name].selector for name in ("demand", "openChain"))
