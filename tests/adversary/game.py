"""Whole games between a challenger that pursues and somebody who has posted a trace, judged by the table."""

from dataclasses import dataclass

from oracle.canonical.layers import Position
from oracle.canonical.posted import Posted
from oracle.canonical.program.program import Program
from oracle.canonical.prove import CommittedTrace
from oracle.canonical.pursuit import Case, DemandMove, Move, NothingWrong, pursue
from tests.adversary.table import Opponent, Refused, Table


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a game ended: by a proof, by a demand that nobody met (`forfeited`), or with nothing to say."""

    convicted: bool
    demands: tuple[Position, ...]
    last: Move
    forfeited: bool = False


def play(mine: CommittedTrace | None, program: Program, case: Case, trace: Opponent) -> Outcome:
    """The game to its end; raises `Refused` where the challenger moves against the rules."""
    table = Table.of(case, program, trace)
    posted = Posted(program, trace.root, trace.roots)
    demands: list[Position] = []
    while True:
        move = pursue(mine, posted, case, demands)
        if isinstance(move, NothingWrong):
            return Outcome(convicted=False, demands=tuple(demands), last=move)
        if not isinstance(move, DemandMove):
            if not table.convicts(move):
                raise Refused(f"{move} proves nothing")
            return Outcome(convicted=True, demands=tuple(demands), last=move)
        if move.position in table.revealed:
            raise Refused(f"{move.position} is revealed already: nothing comes of it")
        table.demand(move)
        demands.append(move.position)
        revelation = trace.reveal(move.position)
        if revelation is None:
            return Outcome(convicted=True, demands=tuple(demands), last=move, forfeited=True)
        table.reveal(revelation)
        posted.add(move.position, revelation.data)
