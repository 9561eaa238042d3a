"""Terms and models at the ends of their fields, in the dispute contract as packaged."""

from dataclasses import replace

import pytest

from oracle.canonical.commit import bind_trace
from oracle.canonical.layers import TRACE, Position
from oracle.chain.protocol import GWEI, ZERO_ADDRESS, Policy, Verdict
from tests.adversary.liars import shifted
from tests.differential.court import OPENER, OPERATOR, SECOND, THIRD, Court, Reverted
from tests.differential.test_dispute_attacks import BOND, POLICY, SMALL, proof_of

LONGEST = 2**31 - 1
LARGEST = 2**48 - 1


@pytest.fixture(scope="module")
def court() -> Court:
    """The protocol, deployed once: every game is over a request of its own."""
    return Court()


def test_attack_86_the_most_extreme_terms_overflow_no_field() -> None:
    """68 years and 281,475 ether each: a field that wrapped would end a game early or freeze its money."""
    terms = Policy(ZERO_ADDRESS, 1, LARGEST, LARGEST, *[LONGEST] * 5)
    court, bond = Court(), LARGEST * GWEI
    court.send(THIRD, court.oracle.deposit(OPERATOR, bond))
    lie = shifted(SMALL, 4, 130, by=1 << 22)
    subject, dispute = court.answered(SMALL, lie.answer, terms), court.dispute
    game = court.id_of(subject)
    asked = court.now
    court.send(OPENER, dispute.challenge(subject.request, subject.ref, SMALL.model, bond))
    court.now += LONGEST - 1
    court.send(OPERATOR, dispute.post_trace(subject, lie.trace.root, lie.trace.roots))
    view = dispute.game_of(court, game)
    assert (view.bond, view.window_end, view.posted_at) == (bond, asked + LONGEST, court.now)
    node = (SMALL.honest.program.encoded[4], SMALL.honest.program.path(4))
    court.now = dispute.end_of(court, game) - LONGEST - 1
    court.send(OPENER, dispute.demand(game, Position(4, 0, 0), *node))
    for number, tensor in enumerate((2, 3, 5)):
        other = (SMALL.honest.program.encoded[tensor], SMALL.honest.program.path(tensor))
        court.send(SECOND, dispute.open_chain(game, Position(tensor, 0, 0), *other, bond))
        due = dispute.demand_of(court, game, Position(tensor, 0, 0)).due
        assert due == court.now + LONGEST + (number + 1) * -(-LONGEST // 8)
    court.now += LONGEST - 1
    court.send(OPERATOR, dispute.reveal(game, lie.trace.reveal(Position(4, 0, 0))))
    assert dispute.end_of(court, game) == court.now + 2 * LONGEST
    court.now += 2 * LONGEST - 1
    court.send(OPENER, dispute.prove_step(subject, proof_of(SMALL, lie)))
    for owner, bonds in ((OPENER, 1), (SECOND, 3)):
        court.send(THIRD, dispute.claim(game, owner))
        assert dispute.credit_of(court, owner) == bonds * bond
        court.send(owner, dispute.withdraw(bonds * bond, owner))
    assert court.balance(dispute.address) == 0


@pytest.mark.parametrize("count", [0, 2**21 + 1, 2**32 - 2, 2**32 - 1])
def test_attack_86_a_model_of_absurdly_many_nodes_is_voided_and_holds_no_money(court: Court, count: int) -> None:
    """Every depth and position derives from a number that its publisher chose."""
    model = replace(SMALL.model, node_count=count)
    where = replace(SMALL, model=model)
    subject, dispute = court.answered(where, SMALL.answer, POLICY), court.dispute
    game = court.id_of(subject)
    court.send(OPENER, dispute.challenge(subject.request, subject.ref, model, BOND))
    court.send(OPERATOR, dispute.post_trace(subject, b"\1" * 32 if count else bind_trace(0, bytes(32)), ()))
    assert dispute.game_of(court, game).node_count == count
    if count == 0:
        for tensor in (0, TRACE):
            with pytest.raises(Reverted, match="Dispute_CannotDemand"):
                court.send(OPENER, dispute.demand(game, Position(tensor, 0, 0), b"\1", ()))
    else:
        court.send(OPENER, dispute.demand(game, Position(TRACE, 0, 0), b"", ()))
    before = court.balance(dispute.address)
    court.send(SECOND, dispute.prove_model(subject, model))
    assert dispute.game_of(court, game).verdict is Verdict.VOIDED
    court.send(SECOND, dispute.claim(game, OPENER))
    with pytest.raises(Reverted, match="Dispute_NothingToClaim"):
        court.send(SECOND, dispute.claim(game, OPENER))
    court.send(OPENER, dispute.withdraw(BOND, OPENER))
    assert court.balance(dispute.address) == before - BOND
