"""Attacks on the dispute contract as packaged: clocks that run out, useless demands, calldata with more behind it."""

import numpy as np
import pytest
from eth_abi.abi import encode

from oracle.canonical import pursuit
from oracle.canonical.layers import TRACE, Position
from oracle.canonical.posted import Posted
from oracle.canonical.program.program import LOWERING_VERSION
from oracle.canonical.prove import StepProof
from oracle.chain.calls import Call
from oracle.chain.protocol import GWEI, ZERO_ADDRESS, Policy, Subject, Verdict
from tests.adversary.liars import Lie, shifted, truth
from tests.adversary.scenes import Scene, chain
from tests.differential.court import OPENER, OPERATOR, SECOND, THIRD, Court, Reverted

MOVE = 600
POLICY = Policy(ZERO_ADDRESS, 1_000_000, 400_000_000, 400_000_000, *[MOVE] * 5)
BOND = POLICY.challenger_bond * GWEI
LARGE = chain(300, 700)
SMALL = chain(8, 300)


@pytest.fixture(scope="module")
def court() -> Court:
    """The protocol, deployed once: every game is over a request of its own."""
    return Court()


def opened(court: Court, scene: Scene, lie: Lie) -> Subject:
    """A game over an answer, with the operator's trace."""
    subject = court.answered(scene, lie.answer, POLICY)
    court.send(OPENER, court.dispute.challenge(subject.request, subject.ref, scene.model, BOND))
    court.send(OPERATOR, court.dispute.post_trace(subject, lie.trace.root, lie.trace.roots))
    return subject


def proof_of(scene: Scene, lie: Lie) -> StepProof:
    """The step proof against a lie, with everything revealed on the way to it."""
    posted, demanded = Posted(scene.program, lie.trace.root, lie.trace.roots), []
    while True:
        move = pursuit.pursue(scene.honest, posted, scene.case(lie.answer), demanded)
        if isinstance(move, pursuit.StepClaim):
            return move.proof
        assert isinstance(move, pursuit.DemandMove)
        demanded.append(move.position)
        revelation = lie.trace.reveal(move.position)
        assert revelation is not None
        posted.add(move.position, revelation.data)


def with_tail(call: Call, tail: bytes) -> Call:
    """The same call with bytes behind it."""
    return Call(call.to, call.data + tail, call.value)


def test_attack_76_demands_made_and_revealed_ahead_run_out_nobodys_clock(court: Court) -> None:
    """A liar makes each demand first and has it revealed; the honest one, in its last second, still counts."""
    lie = shifted(LARGE, 150, 600, by=1 << 22)
    subject, dispute = opened(court, LARGE, lie), court.dispute
    game = court.id_of(subject)
    posted, demanded = Posted(LARGE.program, lie.trace.root), [Position(TRACE, 0, 0)]
    court.now += 1
    court.send(OPENER, dispute.demand(game, demanded[0], b"", ()))
    first = lie.trace.reveal(demanded[0])
    court.send(OPERATOR, dispute.reveal(game, first))
    posted.add(demanded[0], first.data)
    move = pursuit.pursue(LARGE.honest, posted, LARGE.case(lie.answer), demanded)
    rounds = 0
    while isinstance(move, pursuit.DemandMove):
        started = court.now
        court.now += 1
        node = (LARGE.honest.program.encoded[150], LARGE.honest.program.path(150))
        if rounds == 0:
            court.send(SECOND, dispute.open_chain(game, move.position, *node, BOND))
        else:
            court.send(SECOND, dispute.demand(game, move.position, *node))
        shown = lie.trace.reveal(move.position)
        court.send(OPERATOR, dispute.reveal(game, shown))
        court.now = started + MOVE - 1
        court.send(OPENER, dispute.demand(game, move.position, move.node, move.node_path))
        mine = dispute.chain_of(court, game, OPENER)
        assert (mine.demanded_at, mine.last) == (court.now, move.position)
        assert dispute.end_of(court, game) >= court.now + 2 * MOVE
        demanded.append(move.position)
        posted.add(move.position, shown.data)
        rounds += 1
        move = pursuit.pursue(LARGE.honest, posted, LARGE.case(lie.answer), demanded)
    assert rounds >= 2
    assert isinstance(move, pursuit.StepClaim)
    court.now += MOVE - 1
    court.send(OPENER, dispute.prove_step(subject, move.proof))
    assert dispute.game_of(court, game).verdict is Verdict.REFUTED


@pytest.mark.parametrize("useless", [False, True])
def test_attack_77_a_demand_ahead_makes_no_honest_demand_revert(court: Court, *, useless: bool) -> None:
    """Whoever demands in a tensor first brings its node; what a later demand brings there is passed over."""
    wide = chain(4, 64 * 200, outputs=1)
    lie = shifted(wide, 3, 64 * 150, by=1 << 22)
    subject, dispute = opened(court, wide, lie), court.dispute
    game, position = court.id_of(subject), Position(3, 0, 0)
    node = (wide.honest.program.encoded[3], wide.honest.program.path(3))
    court.send(SECOND, dispute.open_chain(game, position, *node, BOND))
    given = (b"\xff" * 40, [b"\1" * 32] * 9) if useless else node
    court.send(OPENER, dispute.demand(game, position, *given))
    assert dispute.demand_of(court, game, position).owner == SECOND
    court.send(OPERATOR, dispute.reveal(game, lie.trace.reveal(position)))
    court.now += MOVE - 1
    below = Position(3, 1, 150 >> 1)
    court.send(OPENER, dispute.demand(game, below, *given))
    court.send(THIRD, dispute.open_chain(game, below, *node, BOND))
    assert dispute.demand_of(court, game, below).owner == OPENER
    with pytest.raises(Reverted, match="Dispute_WrongNode"):
        court.send(THIRD, dispute.open_chain(game, Position(2, 0, 0), b"", (), BOND))


def tails(scene: Scene, lie: Lie) -> list[bytes]:
    """What an attacker may put behind calldata, above all the game it would rather have judged."""
    program = (scene.honest.program.root, LOWERING_VERSION, len(scene.program.nodes))
    game = encode(["(bytes32,uint16,uint32)", "bytes32"], [program, lie.trace.root])
    return [b"", b"\0", game, game * 2, game + b"\1", np.random.default_rng(0).bytes(640)]


def test_attack_79_bytes_behind_a_proof_change_no_verdict(court: Court) -> None:
    """The contract appends the game to its calldata: what an attacker puts there must not be taken for the game."""
    lie = shifted(SMALL, 4, 130, by=1 << 22)
    proof = proof_of(SMALL, lie)
    honest = opened(court, SMALL, truth(SMALL))
    for tail in tails(SMALL, lie):
        with pytest.raises(Reverted, match="StepVerifier_NotInTrace"):
            court.send(OPENER, with_tail(court.dispute.prove_step(honest, proof), tail))
        guilty = opened(court, SMALL, lie)
        events = court.send(SECOND, with_tail(court.dispute.prove_step(guilty, proof), tail))
        assert any(type(event).__name__ == "Proven" for event in events)
        assert court.dispute.game_of(court, court.id_of(guilty)).verdict is Verdict.REFUTED
    assert court.dispute.game_of(court, court.id_of(honest)).verdict is Verdict.OPEN


def test_attack_79_a_proof_that_ends_in_the_game_behind_it_convicts_nobody(court: Court) -> None:
    """Calldata cut short, so that its end is read from what the contract appends: a revert, or the truth."""
    lie = shifted(SMALL, 4, 130, by=1 << 22)
    honest = opened(court, SMALL, truth(SMALL))
    own = pursuit.StepClaim(SMALL.honest.prove(4, 130)).proof
    for proof in (proof_of(SMALL, lie), own):
        whole = court.dispute.prove_step(honest, proof)
        for cut in (1, 31, 32, 64, 96, 128, 160, 256):
            with pytest.raises(Reverted):
                court.send(OPENER, Call(whole.to, whole.data[:-cut]))
    assert court.dispute.game_of(court, court.id_of(honest)).verdict is Verdict.OPEN
