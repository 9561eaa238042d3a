"""Answers in dispute as those who play see them: what an honest operator and an honest challenger owe next, and when.

Everything is derived from the chain's events, by the code that operators and challengers run.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from oracle.canonical.posted import Posted
from oracle.canonical.pursuit import (
    AnswerClaim,
    ConstantClaim,
    DemandMove,
    InputClaim,
    Move,
    StepClaim,
    pursue,
)
from oracle.chain.calls import Call
from oracle.chain.games import Game, Turn, replay
from oracle.chain.protocol import GameId, RequestId, Subject, Verdict
from tests.adversary.liars import Lie
from tests.adversary.scenes import Scene
from tests.adversary.table import answer_is_right
from tests.differential.court import CHAIN_ID, OPENER, OPERATOR, Court

CHALLENGER = OPENER
"""The honest one."""


@dataclass(frozen=True)
class Duty:
    """A call that somebody honest owes, to be carried out before `deadline`."""

    sender: str
    call: Call
    deadline: int


@dataclass
class Affair:
    """An answer: `lie` is what its operator gave and posts; `max_demands` is K."""

    court: Court
    scene: Scene
    lie: Lie
    subject: Subject
    answered_at: int
    max_demands: int
    _moves: dict[object, Move] = field(default_factory=dict)

    @property
    def is_honest(self) -> bool:
        """Whether the operator has the canonical trace, and so the right answer."""
        return not self.lie.is_wrong

    @property
    def is_wrong(self) -> bool:
        """Whether the answer is wrong, whatever trace may be posted."""
        return not answer_is_right(self.scene.model, self.lie.answer, self.scene.answer)

    @property
    def id(self) -> GameId:
        return self.court.id_of(self.subject)

    @property
    def window_end(self) -> int:
        return self.answered_at + self.subject.request.policy.window

    @property
    def request_id(self) -> RequestId:
        return self.subject.request.id(CHAIN_ID, self.court.oracle.address)

    @property
    def game(self) -> Game | None:
        """As the events tell it."""
        events = (timed for timed in self.court.happened if getattr(timed.event, "game_id", None) == self.id)
        return replay(events, self.subject, self.window_end)

    def duties(self) -> Iterator[Duty]:
        """What the honest owe now."""
        game = self.game
        if self.is_honest and game is not None and game.is_open:
            yield from self._defence(game)
        if self.is_wrong:
            yield from self._pursuit(game)

    def _defence(self, game: Game) -> Iterator[Duty]:
        dispute, trace = self.court.dispute, self.lie.trace
        if game.posted_at is None:
            yield Duty(OPERATOR, dispute.post_trace(self.subject, trace.root, trace.roots), game.trace_deadline)
        for position, demand in game.open_demands.items():
            revelation = trace.reveal(position)
            assert revelation is not None
            yield Duty(OPERATOR, dispute.reveal(self.id, revelation), demand.due)

    def _pursuit(self, game: Game | None) -> Iterator[Duty]:
        dispute, now = self.court.dispute, self.court.now
        at_once = now + 1
        if game is None:
            bond = self.subject.request.policy.challenger_bond * 10**9
            call = dispute.challenge(self.subject.request, self.subject.ref, self.scene.model, bond)
            yield Duty(CHALLENGER, call, self.window_end)
        elif not game.is_open:
            chain = game.chains.get(CHALLENGER)
            if game.verdict is not Verdict.UPHELD and chain is not None and chain.bonds:
                yield Duty(CHALLENGER, dispute.claim(self.id, CHALLENGER), at_once)
        elif game.is_trace_forfeited(now):
            yield Duty(CHALLENGER, dispute.forfeit_trace(self.subject), at_once)
        elif (overdue := game.forfeited(now)) is not None:
            yield Duty(CHALLENGER, dispute.forfeit_demand(self.subject, overdue), at_once)
        elif game.posted_at is not None:
            yield from self._next(game)

    def _next(self, game: Game) -> Iterator[Duty]:
        move = self._move(game)
        if not isinstance(move, DemandMove):
            yield Duty(CHALLENGER, self._proof(move), self.court.now + 1)
            return
        turn = game.may_demand(CHALLENGER, self.court.now, self.max_demands)
        deadline = game.next_deadline(CHALLENGER, self.court.now, self.max_demands)
        if turn is Turn.WAIT:
            return
        assert deadline is not None, "an honest challenger has lost its turn"
        what = (self.id, move.position, move.node, move.node_path)
        dispute = self.court.dispute
        call = dispute.open_chain(*what, game.bond) if turn is Turn.BOND else dispute.demand(*what)
        yield Duty(CHALLENGER, call, deadline)

    def _move(self, game: Game) -> Move:
        """What `pursue` says; asked once for what is known."""
        assert game.trace_root is not None
        known = (game.trace_root, frozenset(game.demands), frozenset(game.revealed))
        if known not in self._moves:
            posted = Posted(self.scene.program, game.trace_root, game.roots)
            posted.add_all(game.revealed)
            case = self.scene.case(self.lie.answer)
            self._moves[known] = pursue(self.scene.honest, posted, case, game.demands)
        return self._moves[known]

    def _proof(self, move: Move) -> Call:
        dispute = self.court.dispute
        match move:
            case StepClaim(proof):
                return dispute.prove_step(self.subject, proof)
            case ConstantClaim(claim):
                return dispute.prove_constant(self.subject, claim)
            case InputClaim(claim, given):
                return dispute.prove_input(self.subject, self.scene.model, claim, given)
            case AnswerClaim(element):
                return dispute.prove_answer(self.subject, self.scene.model, self.lie.answer, element)
        raise AssertionError(f"a wrong answer, and all there is to do is {move}")
