"""A game dragged out: every move of everybody is made in its last second, and it still ends when it was promised to."""

from dataclasses import dataclass, field

import pytest

from oracle.canonical import pursuit
from oracle.canonical.layers import Position
from oracle.canonical.posted import Posted
from oracle.canonical.prove import StepProof
from oracle.chain.calls import Call
from oracle.chain.deploy import DEMANDS_PER_MOVE, MAX_DEMANDS
from oracle.chain.protocol import GWEI, ZERO_ADDRESS, Policy, Verdict
from tests.adversary.liars import Lie, shifted, truth
from tests.adversary.scenes import chain
from tests.differential.court import OPENER, OPERATOR, SECOND, THIRD, Court, Reverted

POLICY = Policy(ZERO_ADDRESS, 1_000_000, 400_000_000, 400_000_000, 100, 500, 300, 400, 600)
BOND = POLICY.challenger_bond * GWEI
SPACING = -(-POLICY.move_time // DEMANDS_PER_MOVE)
SCENE = chain(24, 300)
WRONG = 5
POSITIONS = [Position(tensor, 0, 0) for tensor in range(2, len(SCENE.program.nodes))]
"""Each shows a whole tensor; they are enough for three chains in which nobody joins anybody."""
LIES = {Verdict.UPHELD: truth(SCENE), Verdict.REFUTED: shifted(SCENE, WRONG, 130, by=1 << 22)}


@dataclass
class Stalled:
    """A game in which everybody waits: `demands_by` and `reveals_by` are the last seconds of what can be done now."""

    court: Court
    lie: Lie
    accounts: tuple[str, ...]
    demands_by: dict[str, int] = field(init=False)
    reveals_by: dict[Position, tuple[int, str]] = field(init=False, default_factory=dict)
    demanded: list[Position] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        dispute = self.court.dispute
        self.subject = self.court.answered(SCENE, self.lie.answer, POLICY)
        self.answered_at, self.id = self.court.now, self.court.id_of(self.subject)
        self.court.now += POLICY.window - 1
        self.court.send(OPENER, dispute.challenge(self.subject.request, self.subject.ref, SCENE.model, BOND))
        self.court.now += POLICY.trace_time - 1
        self.court.send(OPERATOR, dispute.post_trace(self.subject, self.lie.trace.root, self.lie.trace.roots))
        self.demands_by = dict.fromkeys(self.accounts, self.court.now + POLICY.proof_period - 1)

    def play(self) -> None:
        """Every demand and every reveal there can be, each in its last second."""
        spent = dict.fromkeys(self.accounts, 0)
        while waiting := [*self.demands_by.values(), *(by for by, _ in self.reveals_by.values())]:
            self.court.now = min(waiting)
            for position, (by, owner) in list(self.reveals_by.items()):
                if by == self.court.now:
                    self._reveal(position)
                    if spent[owner] < MAX_DEMANDS:
                        self.demands_by[owner] = by + POLICY.move_time - 1
            for account, by in list(self.demands_by.items()):
                if by == self.court.now:
                    self._demand(account)
                    spent[account] += 1

    def next_demand(self, account: str) -> Call:
        """The account's next demand, with a bond if it has no chain yet."""
        position, dispute = POSITIONS[len(self.demanded)], self.court.dispute
        node = (SCENE.honest.program.encoded[position.tensor], SCENE.honest.program.path(position.tensor))
        if account == OPENER or dispute.chain_of(self.court, self.id, account).bonds:
            return dispute.demand(self.id, position, *node)
        return dispute.open_chain(self.id, position, *node, BOND)

    def _demand(self, account: str) -> None:
        self.court.send(account, self.next_demand(account))
        position = POSITIONS[len(self.demanded)]
        due = self.court.dispute.demand_of(self.court, self.id, position).due
        self.reveals_by[position] = (due - 1, account)
        self.demanded.append(position)
        del self.demands_by[account]

    def _reveal(self, position: Position) -> None:
        self.court.send(OPERATOR, self.court.dispute.reveal(self.id, self.lie.trace.reveal(position)))
        del self.reveals_by[position]


@pytest.mark.parametrize("accounts", [(OPENER,), (OPENER, SECOND, THIRD)], ids=["one", "three"])
@pytest.mark.parametrize("verdict", [Verdict.UPHELD, Verdict.REFUTED], ids=lambda verdict: verdict.name.lower())
def test_attack_1_every_move_in_its_last_second(accounts: tuple[str, ...], verdict: Verdict) -> None:
    """Property 5 of docs/disputes.md: delay is bounded, has to be paid for by bonds, and changes no verdict."""
    court = Court()
    game = Stalled(court, LIES[verdict], accounts)
    game.play()
    demands = len(game.demanded)
    assert demands == len(accounts) * MAX_DEMANDS
    for account in accounts:
        with pytest.raises(Reverted, match="Dispute_NoChain"):
            court.send(account, game.next_demand(account))
    end = court.dispute.end_of(court, game.id)
    periods = POLICY.window + POLICY.trace_time + POLICY.proof_period
    bound = periods + (2 * MAX_DEMANDS + 2) * POLICY.move_time + demands * SPACING
    seconds_short = POLICY.move_time + 2 * MAX_DEMANDS + 2
    assert bound - seconds_short - demands * SPACING <= end - game.answered_at < bound
    court.now = end - 1
    with pytest.raises(Reverted, match="Dispute_TooEarly"):
        court.send(OPERATOR, court.dispute.resolve(game.subject))
    if verdict is Verdict.REFUTED:
        court.send(OPENER, court.dispute.prove_step(game.subject, proof_against(game)))
    else:
        court.now = end
        court.send(OPERATOR, court.dispute.resolve(game.subject))
    assert court.dispute.game_of(court, game.id).verdict is verdict


def proof_against(game: Stalled) -> StepProof:
    """What convicts the operator, from all that it revealed."""
    posted = Posted(SCENE.program, game.lie.trace.root, game.lie.trace.roots)
    for position in game.demanded:
        revelation = game.lie.trace.reveal(position)
        assert revelation is not None
        posted.add(position, revelation.data)
    move = pursuit.pursue(SCENE.honest, posted, SCENE.case(game.lie.answer), game.demanded)
    assert isinstance(move, pursuit.StepClaim)
    return move.proof
