"""Demands and proofs that are copied, and sent ahead of those who thought of them."""

from dataclasses import dataclass

import pytest

from oracle.canonical import pursuit
from oracle.canonical.posted import Posted
from oracle.chain.protocol import GWEI, ZERO_ADDRESS, Policy, Verdict
from tests.adversary.liars import shifted
from tests.adversary.scenes import chain
from tests.differential.court import OPENER, OPERATOR, SECOND, THIRD, Court

MOVE = 600
POLICY = Policy(ZERO_ADDRESS, 1_000_000, 400_000_000, 400_000_000, *[MOVE] * 5)
BOND = POLICY.challenger_bond * GWEI
SCENE = chain(300, 700)


@pytest.fixture(scope="module")
def court() -> Court:
    """The protocol, deployed once: every game is over a request of its own."""
    return Court()


@dataclass(frozen=True)
class Hunt:
    """How a liar was hunted down: when each demand was due, counted from the trace, and what each account got, wei."""

    verdict: Verdict
    dues: tuple[int, ...]
    lost: int
    paid: dict[str, int]
    returned: dict[str, int]


def hunted(court: Court, author: str, copier: str | None) -> Hunt:
    """A liar hunted by `author`; `copier` sends each of its demands, and its proof, right ahead of it."""
    lie, oracle, dispute = shifted(SCENE, 150, 600, by=1 << 22), court.oracle, court.dispute
    subject = court.answered(SCENE, lie.answer, POLICY)
    game, started = court.id_of(subject), court.now
    court.send(OPENER, dispute.challenge(subject.request, subject.ref, SCENE.model, BOND))
    court.send(OPERATOR, dispute.post_trace(subject, lie.trace.root, lie.trace.roots))
    stakes = {account: oracle.stake_of(court, account).balance for account in (OPENER, SECOND, THIRD, OPERATOR)}
    posted, demanded, dues = Posted(SCENE.program, lie.trace.root), [], []
    move = pursuit.pursue(SCENE.honest, posted, SCENE.case(lie.answer), demanded)
    while isinstance(move, pursuit.DemandMove):
        for account in filter(None, (copier, author)):
            needs_bond = account != OPENER and not dispute.chain_of(court, game, account).bonds
            given = (game, move.position, move.node, move.node_path)
            court.send(account, dispute.open_chain(*given, BOND) if needs_bond else dispute.demand(*given))
        dues.append(dispute.demand_of(court, game, move.position).due - started)
        court.now += MOVE - 1
        shown = lie.trace.reveal(move.position)
        court.send(OPERATOR, dispute.reveal(game, shown))
        posted.add(move.position, shown.data)
        demanded.append(move.position)
        move = pursuit.pursue(SCENE.honest, posted, SCENE.case(lie.answer), demanded)
    assert isinstance(move, pursuit.StepClaim)
    court.send(copier or author, dispute.prove_step(subject, move.proof))
    paid = {account: oracle.stake_of(court, account).balance - before for account, before in stakes.items()}
    lost = -paid.pop(OPERATOR)
    returned = {}
    for account in filter(None, (author, copier)):
        before = dispute.credit_of(court, account)
        court.send(account, dispute.claim(game, account))
        returned[account] = dispute.credit_of(court, account) - before
    return Hunt(dispute.game_of(court, game).verdict, tuple(dues), lost, paid, returned)


@pytest.mark.parametrize("author", [OPENER, THIRD], ids=["opener", "joins"])
def test_attack_10_73_copied_demands_and_proofs_take_at_most_the_finders_share(court: Court, author: str) -> None:
    """Whoever is copied keeps its bond, its time and the verdict; who opened the game keeps the opener's share."""
    alone, copied = hunted(court, author, None), hunted(court, author, SECOND)
    bond = POLICY.operator_bond * GWEI
    finder, opener = bond * 40 // 100, bond * 10 // 100
    assert alone.verdict is copied.verdict is Verdict.REFUTED
    assert alone.dues == copied.dues
    assert len(alone.dues) >= 3
    assert alone.lost == copied.lost == bond
    assert sum(alone.paid.values()) == sum(copied.paid.values()) == finder + opener
    assert alone.paid[author] - copied.paid[author] == copied.paid[SECOND] == finder
    assert copied.paid[OPENER] == opener
    assert alone.returned == {author: BOND}
    assert copied.returned == {author: BOND, SECOND: BOND}
