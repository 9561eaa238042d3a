"""Disputes played at random with reorgs over the packaged contracts, by honest and dishonest accounts.

Honest accounts wait as long as they may, less the depth of a reorg: they act on what they see now, and what they see
may be taken back. Invariants are those of docs/disputes.md section 6. A reorg goes back at most `DEPTH` seconds and
keeps requests, answers, challenges and whatever honest accounts sent; it drops any of the rest.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from oracle.canonical.layers import TRACE, Position
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import Program
from oracle.canonical.tensor import DType
from oracle.chain.calls import Call
from oracle.chain.events import Refuted, Upheld
from oracle.chain.games import Game
from oracle.chain.protocol import ZERO_ADDRESS, Policy, Status, Verdict
from tests.adversary.liars import Lie, every_lie, truth
from tests.adversary.scenes import Scene, chain, scene
from tests.differential.affairs import CHALLENGER, Affair
from tests.differential.court import OPERATOR, REQUESTER, SECOND, THIRD, Court, Reverted

DEPTH = 2
GWEI = 10**9
MAX_DEMANDS, PER_MOVE = 3, 2


def _deep() -> Scene:
    """Two sums of 8,256 elements, and the first ten of the last one as the answer."""
    given = np.arange(8256, dtype=np.float32)
    whole = View((Coordinate(8256, 0, ((0, 1),)),))
    source = Node(Kind.INPUT, 0, DType.FLOAT, (8256,))
    sums = (Node(Kind.MAP, Fn.ADD, DType.FLOAT, (8256,), (), (Operand(k, DType.FLOAT, whole),) * 2, 2) for k in (0, 1))
    answer = Node(Kind.MAP, Fn.PICK, DType.FLOAT, (10,), (), (Operand(2, DType.FLOAT, whole),), 1)
    return scene(Program(1, (source, *sums, answer), {}, 1), [given])


DEEP, LONG = _deep(), chain(300, 3)
"""Tensors of two layers under posted roots; and a trace of two layers over small tensors."""
ANSWERS: dict[str, tuple[Scene, Lie]] = {
    f"{name}: {lie.name}": (where, lie)
    for name, where in (("deep", DEEP), ("long", LONG))
    for lie in (truth(where), *every_lie(where, 11))
}
TRUTHS = [name for name, (_, lie) in ANSWERS.items() if not lie.is_wrong]
WRONG = [name for name, (where, lie) in ANSWERS.items() if lie.answer != where.answer]
ACCOUNTS = (REQUESTER, OPERATOR, CHALLENGER, SECOND, THIRD)
seconds = st.integers(8, 14)


@dataclass(frozen=True)
class Sent:
    """A transaction that was carried out at second `at`. A reorg keeps what `stays`."""

    at: int
    sender: str
    call: Call
    stays: bool


class Disputes(RuleBasedStateMachine):
    """One deployment, up to three answers."""

    STRIDE = 5
    """Seconds between the visits of a keeper, at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.court = Court(max_demands=MAX_DEMANDS, per_move=PER_MOVE)
        self.affairs: list[Affair] = []
        self.sent: list[Sent] = []
        self.marks: list[tuple[object, int, int]] = []
        self.wealth = {account: self._wealth(account) for account in ACCOUNTS}
        self.total = self._ether()

    # ------------------------------------------------------------------ moves

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.ask(data)

    @precondition(lambda self: len(self.affairs) < 3)
    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        """A request, and an honest or dishonest answer."""
        where, lie = ANSWERS[
            data.draw(st.sampled_from(TRUTHS) | st.sampled_from(WRONG) | st.sampled_from(list(ANSWERS)))
        ]
        window, trace_time, proof_period, move_time = (data.draw(seconds) for _ in range(4))
        policy = Policy(OPERATOR, 1_000, 10**9, 10**8, 60, window, trace_time, proof_period, move_time)
        subject = self.court.answered(where, lie.answer, policy)
        self.affairs.append(Affair(self.court, where, lie, subject, self.court.now, MAX_DEMANDS))
        self.marks.clear()  # requests and answers are older than any reorg
        if data.draw(st.booleans()):
            self._challenge(SECOND, self.affairs[-1])
            self.post()

    @rule(data=st.data(), who=st.sampled_from((SECOND, THIRD)))
    def challenge(self, data: st.DataObject, who: str) -> None:
        """Somebody challenges, whether the answer is wrong or not."""
        affair = self.affairs[data.draw(st.integers(0, len(self.affairs) - 1))]
        self._challenge(who, affair)

    @rule(data=st.data(), who=st.sampled_from((SECOND, THIRD)), opens=st.booleans())
    def demand(self, data: st.DataObject, who: str, opens: bool) -> None:
        """Somebody demands anything, to win time or to be first."""
        affair, game = self._game(data)
        if game is None:
            return
        position = data.draw(st.sampled_from(list(game.demands) or [Position(TRACE, 0, 0)]) | self._positions(affair))
        program = affair.scene.honest.program
        node = (b"", ()) if position.is_trace else (program.encoded[position.tensor], program.path(position.tensor))
        dispute = self.court.dispute
        call = dispute.open_chain(game.id, position, *node, game.bond)
        self._try(who, call if opens else dispute.demand(game.id, position, *node))

    @rule()
    def post(self) -> None:
        """Dishonest operators post their traces."""
        for affair in self.affairs:
            if not affair.is_honest and affair.game is not None:
                trace = affair.lie.trace
                self._try(OPERATOR, self.court.dispute.post_trace(affair.subject, trace.root, trace.roots))

    @rule(data=st.data())
    def reveal(self, data: st.DataObject) -> None:
        """A dishonest operator reveals something, if it can."""
        affair, game = self._game(data)
        if game is not None and game.open_demands and not affair.is_honest:
            position = data.draw(st.sampled_from(list(game.open_demands)))
            self._try(OPERATOR, self.court.dispute.reveal(game.id, affair.lie.trace.attempt(position)))

    @rule(data=st.data(), who=st.sampled_from((SECOND, THIRD)))
    def meddle(self, data: st.DataObject, who: str) -> None:
        """Somebody tries to end a game, to prove something, or to be paid."""
        affair, game = self._game(data)
        if game is None:
            return
        dispute, subject, honest = self.court.dispute, affair.subject, affair.scene.honest
        position = next(iter(game.demands), Position(TRACE, 0, 0))
        calls = [
            dispute.resolve(subject),
            dispute.forfeit_trace(subject),
            dispute.forfeit_demand(subject, position),
            dispute.prove_step(subject, honest.prove(data.draw(st.sampled_from(affair.scene.computed)), 0)),
            dispute.prove_model(subject, affair.scene.model),
            dispute.claim(game.id, who),
            dispute.withdraw(self.court.dispute.credit_of(self.court, who), who),  # type: ignore[arg-type]
            self.court.oracle.settle(subject.request, subject.ref),
        ]
        self._try(who, calls[data.draw(st.integers(0, len(calls) - 1))])

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        """Somebody honest acts before it must."""
        duties = [duty for affair in self.affairs for duty in affair.duties()]
        if duties:
            duty = duties[data.draw(st.integers(0, len(duties) - 1))]
            self._send(duty.sender, duty.call)

    @rule(step=st.integers(1, DEPTH) | st.integers(1, 7))
    def wait(self, step: int) -> None:
        """Time passes; whoever is honest acts in the last second in which a reorg still leaves time to act again."""
        until = self.court.now + step
        while True:
            due = self._act_now()
            if due > until:
                break
            self._move_to(due)
        self._move_to(until)

    @precondition(lambda self: self.marks)
    @rule(data=st.data())
    def reorg(self, data: st.DataObject) -> None:
        """The last seconds happen again, without some of the transactions."""
        recent = [i for i, (_, at, _) in enumerate(self.marks) if at >= self.court.now - DEPTH]
        if not recent:
            return
        chosen, now = recent[data.draw(st.integers(0, len(recent) - 1))], self.court.now
        state, _, length = self.marks[chosen]
        self.court.restore(state)
        again, self.sent = self.sent[length:], self.sent[:length]
        del self.marks[chosen:]
        for sent in again:
            self.court.now = sent.at
            if sent.stays or data.draw(st.booleans()):
                self._try(sent.sender, sent.call, stays=sent.stays)
        self.court.now = now

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def ether_is_conserved(self) -> None:
        """Nothing is made or lost; each contract has what it owes, to the wei."""
        court, games = self.court, [game for game in (affair.game for affair in self.affairs) if game is not None]
        assert self._ether() == self.total
        held = sum(game.bond * chain.bonds for game in games if not _keeps(game) for chain in game.chains.values())
        credited = sum(court.dispute.credit_of(court, account) for account in ACCOUNTS)
        assert court.balance(court.dispute.address) == held + credited
        fees = sum(
            affair.subject.request.policy.fee * GWEI
            for affair in self.affairs
            if self._status(affair) in (Status.REQUESTED, Status.ANSWERED, Status.DISPUTED)
        )
        stakes = sum(court.oracle.stake_of(court, account).balance for account in ACCOUNTS)
        assert court.balance(court.oracle.address) == stakes + fees

    @invariant()
    def the_honest_do_not_lose(self) -> None:
        """No right answer with its canonical trace is refuted, and no wrong one becomes final."""
        for affair in self.affairs:
            status = self._status(affair)
            assert not affair.is_honest or status in (Status.ANSWERED, Status.DISPUTED, Status.FINAL), affair.lie.name
            assert not affair.is_wrong or status is not Status.FINAL, affair.lie.name

    @invariant()
    def the_end_is_bounded(self) -> None:
        """H, as the contract says it, is as the events say it and below what the formula allows."""
        for affair in self.affairs:
            game = affair.game
            if game is not None:
                assert self.court.dispute.end_of(self.court, game.id) == (game.end or 0)
                assert (game.end or 0) - affair.answered_at < _bound(game)

    def teardown(self) -> None:
        """Every game ends within its bound, and everybody has what the outcomes say."""
        while any(self._status(affair) in (Status.ANSWERED, Status.DISPUTED) for affair in self.affairs):
            self._end_what_can_end()
            self.wait(self.STRIDE)
        self._act_now()
        self.ether_is_conserved()
        self.the_honest_do_not_lose()
        gains = dict.fromkeys(ACCOUNTS, 0)
        for affair in self.affairs:
            for account, wei in self._paid(affair):
                gains[account] += wei
        assert {account: self._wealth(account) - before for account, before in self.wealth.items()} == gains
        assert gains[CHALLENGER] >= 0

    # ------------------------------------------------------------------ the machine's own

    def _end_what_can_end(self) -> None:
        """What a keeper does; nothing else may be left at the bound."""
        for affair in self.affairs:
            game, subject, dispute = affair.game, affair.subject, self.court.dispute
            if game is None:
                self._try(THIRD, self.court.oracle.settle(subject.request, subject.ref))
                continue
            assert not game.is_open or self.court.now - affair.answered_at <= _bound(game) + self.STRIDE
            overdue = game.forfeited(self.court.now)
            if game.is_trace_forfeited(self.court.now):
                self._send(THIRD, dispute.forfeit_trace(subject))
            elif overdue is not None:
                self._send(THIRD, dispute.forfeit_demand(subject, overdue))
            elif game.is_resolvable(self.court.now):
                self._send(THIRD, dispute.resolve(subject))

    def _act_now(self) -> int:
        """Carry out what cannot wait; yields when the next duty cannot wait any more."""
        while True:
            duties = [duty for affair in self.affairs for duty in affair.duties()]
            urgent = next((duty for duty in duties if self.court.now >= duty.deadline - 1 - DEPTH), None)
            if urgent is None:
                return min((duty.deadline - 1 - DEPTH for duty in duties), default=2**62)
            self._send(urgent.sender, urgent.call)

    def _challenge(self, who: str, affair: Affair) -> None:
        request, ref = affair.subject.request, affair.subject.ref
        self._try(who, self.court.dispute.challenge(request, ref, affair.scene.model, 10**17), stays=True)

    def _send(self, sender: str, call: Call) -> None:
        self.court.send(sender, call)
        self.sent.append(Sent(self.court.now, sender, call, stays=True))

    def _try(self, sender: str, call: Call, *, stays: bool = False) -> None:
        with suppress(Reverted):
            self.court.send(sender, call)
            self.sent.append(Sent(self.court.now, sender, call, stays))

    def _move_to(self, time: int) -> None:
        self.court.now = max(time, self.court.now)
        self.marks.append((self.court.snapshot(), self.court.now, len(self.sent)))

    def _game(self, data: st.DataObject) -> tuple[Affair, Game | None]:
        """An answer, one of those in dispute if there are any, and its game."""
        games = [(affair, affair.game) for affair in self.affairs]
        disputed = [(affair, game) for affair, game in games if game is not None and game.is_open] or games
        return disputed[data.draw(st.integers(0, len(disputed) - 1))]

    def _positions(self, affair: Affair) -> st.SearchStrategy[Position]:
        """Positions of the trace or of computed tensors, not all of which can be demanded yet."""
        if affair.scene is LONG:
            trace = [Position(TRACE, 0, 0), *(Position(TRACE, 1, i) for i in range(3))]
            return st.sampled_from([*trace, *(Position(k, 0, 0) for k in (2, 3, 150, 299))])
        return st.sampled_from([Position(k, layer, 0) for k in (1, 2, 3) for layer in (0, 1)])

    def _status(self, affair: Affair) -> Status:
        return self.court.oracle.status_of(self.court, affair.request_id).status

    def _ether(self) -> int:
        """All there is; what is burnt goes to the zero address."""
        places = (*ACCOUNTS, self.court.oracle.address, self.court.dispute.address, ZERO_ADDRESS)
        return sum(self.court.balance(place) for place in places)

    def _wealth(self, account: str) -> int:
        """An account's ether, its stake and its credit, in wei."""
        court = self.court
        stake = court.oracle.stake_of(court, account).balance  # type: ignore[arg-type]
        return court.balance(account) + stake + court.dispute.credit_of(court, account)  # type: ignore[arg-type]

    def _paid(self, affair: Affair) -> Iterator[tuple[str, int]]:
        """What the outcome of one answer is to whom, in wei."""
        policy, game, court = affair.subject.request.policy, affair.game, self.court
        if self._status(affair) is Status.FINAL:
            yield from ((REQUESTER, -policy.fee * GWEI), (OPERATOR, policy.fee * GWEI))
        if game is None:
            return
        if game.verdict is Verdict.UPHELD:
            assert isinstance(game.ending, Upheld)
            bonds = {owner: chain.bonds * game.bond for owner, chain in game.chains.items()}
            yield from ((owner, -bond) for owner, bond in bonds.items())
            yield OPERATOR, sum(bonds.values()) * 3 // 4
            return
        for owner, chain_state in game.chains.items():  # bonds that nobody has claimed are still theirs
            yield owner, -chain_state.bonds * game.bond
        (refuted,) = (
            timed.event
            for timed in court.happened
            if isinstance(timed.event, Refuted) and timed.event.request_id == affair.request_id
        )
        bond = policy.operator_bond * GWEI
        yield from ((OPERATOR, -bond), (refuted.finder, bond * 4 // 10), (game.opener, bond // 10))


def _keeps(game: Game) -> bool:
    """Whether the bonds of a game have been credited and burnt."""
    return game.verdict is Verdict.UPHELD


def _bound(game: Game) -> int:
    """Property 5, with a demand for each position that was ever demanded."""
    policy, fresh = game.subject.request.policy, len(game.demands)
    spacing = -(-policy.move_time // PER_MOVE)
    periods = policy.window + policy.trace_time + policy.proof_period
    return periods + (2 * MAX_DEMANDS + 2) * policy.move_time + fresh * spacing


def test_money_is_conserved_and_the_honest_never_lose_through_reorgs() -> None:
    """Property 6 of docs/disputes.md, and 2, 3 and 5 again, on the bytecode that is deployed."""
    run_state_machine_as_test(
        Disputes,
        settings=settings(
            max_examples=15, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
