"""`oracle.chain.games` against the contract: games at random, every view and every right compared at each step."""

from contextlib import suppress
from dataclasses import asdict
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.canonical.layers import TRACE, Position, above, trace_position
from oracle.canonical.posted import Posted
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import Program
from oracle.canonical.prove import StepProof
from oracle.canonical.pursuit import DemandMove, StepClaim, pursue
from oracle.canonical.tensor import DType
from oracle.chain.calls import Call
from oracle.chain.events import (
    ChainOpened,
    Claimed,
    CreditWithdrawn,
    Demanded,
    DemandForfeited,
    Event,
    GameEvent,
    Proven,
    Revealed,
    TraceForfeited,
    TracePosted,
    Upheld,
)
from oracle.chain.games import Game, Turn, replay
from oracle.chain.protocol import Fault, Policy, Verdict
from tests.adversary.liars import Lie, shifted, truth
from tests.adversary.scenes import Scene, chain, scene
from tests.differential.court import CHAIN_ID, OPENER, OPERATOR, SECOND, THIRD, Court, Reverted

CHALLENGERS = (OPENER, SECOND, THIRD)
POLICY = Policy(OPERATOR, 1_000, 10**9, 10**8, 60, 40, 20, 20, 10)


def wide() -> Scene:
    """A sum of 130 leaves, in two layers, and a short answer."""
    given = np.arange(64 * 130, dtype=np.float32)
    whole = View((Coordinate(given.size, 0, ((0, 1),)),))
    operands = (Operand(0, DType.FLOAT, whole), Operand(0, DType.FLOAT, whole))
    nodes = (
        Node(Kind.INPUT, 0, DType.FLOAT, (given.size,)),
        Node(Kind.MAP, Fn.ADD, DType.FLOAT, (given.size,), (), operands, 2),
        Node(Kind.MAP, Fn.PICK, DType.FLOAT, (3,), (), (Operand(1, DType.FLOAT, whole),), 1),
    )
    return scene(Program(1, nodes, {}, 1), [given])


WIDE = wide()
"""Tensor roots are posted; tensor 1 has 130 leaves, in two layers."""
LONG = chain(300, 3)
"""The trace has two layers; each tensor has one leaf."""
SCENES = {"wide": WIDE, "long": LONG}
POSITIONS = {
    "wide": [Position(1, 0, 0), Position(1, 1, 0), Position(1, 1, 1), Position(2, 0, 0)],
    "long": [
        Position(TRACE, 0, 0),
        *(Position(TRACE, 1, i) for i in range(3)),
        *(Position(k, 0, 0) for k in (2, 150, 299)),
    ],
}


class Match:
    """A game between three challengers and an operator, right unless told to lie, with the fold of its events."""

    def __init__(self, scene: Scene, late: int, lie: Lie | None = None) -> None:
        self.court, self.scene = Court(max_demands=4, per_move=3), scene
        posted = lie or truth(scene)
        self.trace, self.answer = posted.trace, posted.answer
        self.subject = self.court.answered(scene, self.answer, POLICY)
        self.window_end = self.court.now + POLICY.window
        self.id = self.court.id_of(self.subject)
        self.court.now += late
        challenge = self.court.dispute.challenge(self.subject.request, self.subject.ref, scene.model, 10**17)
        self.court.send(OPENER, challenge)
        self.k = self.court.dispute.constants(self.court).max_demands

    @property
    def game(self) -> Game:
        """As the events tell it."""
        events = (timed for timed in self.court.happened if getattr(timed.event, "game_id", None) == self.id)
        found = replay(events, self.subject, self.window_end)
        assert found is not None
        return found

    def may(self, sender: str, call: Call) -> bool:
        """Whether the contract would take a call now."""
        before = self.court.snapshot()
        try:
            self.court.send(sender, call)
        except Reverted:
            return False
        finally:
            self.court.restore(before)
        return True

    def demand(self, position: Position, *, bond: bool) -> Call:
        """The call that demands a position; it brings the node of a tensor."""
        program, tensor = self.scene.honest.program, position.tensor
        node = (b"", ()) if position.is_trace else (program.encoded[tensor], program.path(tensor))
        if bond:
            return self.court.dispute.open_chain(self.id, position, *node, self.game.bond)
        return self.court.dispute.demand(self.id, position, *node)

    def can_be_demanded(self, position: Position) -> bool:
        """Whether what is above a position is known."""
        nodes = len(self.scene.program.nodes)
        shown = above(position)
        if shown is None and not position.is_trace and nodes > 256:
            shown = trace_position(nodes, position.tensor)
        return shown is None or shown in self.game.revealed

    def compare(self) -> None:
        """Every view of the contract says what the fold says."""
        court, game = self.court, self.game
        view = asdict(court.dispute.game_of(court, self.id))
        assert view == {
            "verdict": game.verdict,
            "opener": game.opener,
            "challenged_at": game.challenged_at,
            "posted_at": game.posted_at or 0,
            "window_end": game.window_end,
            "trace_time": POLICY.trace_time,
            "proof_period": POLICY.proof_period,
            "move_time": POLICY.move_time,
            "bond": game.bond,
            "node_count": len(self.scene.program.nodes),
            "program_root": self.scene.honest.program_root,
            "trace_root": game.trace_root or bytes(32),
            "last_due": game.last_due,
            "latest": game.latest,
            "open_demands": len(game.open_demands),
            "bonds": view["bonds"] if not game.is_open else sum(chain.bonds for chain in game.chains.values()),
        }
        assert court.dispute.end_of(court, self.id) == (game.end or 0)
        for position, state in game.demands.items():
            demand = court.dispute.demand_of(court, self.id, position)
            assert (demand.owner, demand.due, demand.revealed_at) == (state.owner, state.due, state.revealed_at or 0)
        for owner, chain_state in game.chains.items():
            held = court.dispute.chain_of(court, self.id, owner)
            assert (held.bonds, held.demands) == (chain_state.bonds, chain_state.demands)
            if chain_state.last is not None:
                assert (held.last, held.demanded_at) == (chain_state.last, chain_state.demanded_at)

    def compare_rights(self, positions: list[Position]) -> None:
        """What the fold says may be done now is what the contract takes."""
        court, game, now = self.court, self.game, self.court.now
        assert self.may(THIRD, court.dispute.resolve(self.subject)) == game.is_resolvable(now)
        assert self.may(THIRD, court.dispute.forfeit_trace(self.subject)) == game.is_trace_forfeited(now)
        overdue = {p for p in game.demands if self.may(THIRD, court.dispute.forfeit_demand(self.subject, p))}
        first = game.forfeited(now)
        assert (first in overdue) if overdue else (first is None)
        for position in filter(self.can_be_demanded, positions):
            for owner in CHALLENGERS:
                turn = game.may_demand(owner, now, self.k)
                assert self.may(owner, self.demand(position, bond=False)) == (turn in (Turn.FIRST, Turn.NEXT))
                assert turn is not Turn.BOND or self.may(owner, self.demand(position, bond=True))
        for owner in CHALLENGERS:
            chain_state = game.chains.get(owner)
            owed = game.verdict in (Verdict.REFUTED, Verdict.VOIDED) and chain_state is not None and chain_state.bonds
            assert self.may(THIRD, court.dispute.claim(self.id, owner)) == bool(owed)


def move(match: Match, positions: list[Position], rng: Random) -> tuple[str, Call]:
    """A move, often possible, and who sends it."""
    dispute, game, owner = match.court.dispute, match.game, rng.choice(CHALLENGERS)
    possible = [each for each in positions if match.can_be_demanded(each)]
    position = rng.choice(possible if possible and rng.random() < 0.9 else positions)
    if game.posted_at is None and rng.random() < 0.7:
        return OPERATOR, dispute.post_trace(match.subject, match.trace.root, match.trace.roots)
    match rng.choices(("demand", "reveal", "silence", "resolve", "claim"), (5, 6, 1, 2, 1))[0]:
        case "demand":
            is_covered = game.may_demand(owner, match.court.now, match.k) in (Turn.FIRST, Turn.NEXT)
            return owner, match.demand(position, bond=rng.random() < (0.1 if is_covered else 0.4))
        case "reveal":
            waiting = list(game.open_demands)[: rng.choice((1, 5))]
            return THIRD, dispute.reveal_many(match.id, [match.trace.attempt(each) for each in waiting])
        case "silence" if game.posted_at is None:
            return THIRD, dispute.forfeit_trace(match.subject)
        case "silence":
            return THIRD, dispute.forfeit_demand(match.subject, position)
        case "claim":
            return THIRD, dispute.claim(match.id, owner)
        case _:
            return THIRD, dispute.resolve(match.subject)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(SCENES)))
def test_the_fold_says_what_the_contract_says(seed: int, name: str) -> None:
    """Who plays from logs alone must know each clock, each chain and each right as the contract does, to the second."""
    rng = Random(seed)  # noqa: S311 (not for secrets)
    match, positions = Match(SCENES[name], rng.randrange(POLICY.window)), POSITIONS[name]
    for _ in range(30):
        match.court.now += rng.choice((0, 0, 0, 1, 1, 1, 2, 3, 5, 10))
        sender, call = move(match, positions, rng)
        with suppress(Reverted):
            match.court.send(sender, call)
        match.compare()
        match.compare_rights(positions)
        if not match.game.is_open and rng.random() < 0.3:
            break


def test_a_game_s_id_is_the_contract_s() -> None:
    """Every move names it; a wrong one is a game that does not exist."""
    court = Court()
    subject = court.answered(WIDE, WIDE.answer, POLICY)
    assert court.dispute.id_of(court, subject) == subject.game_id(CHAIN_ID, court.oracle.address)
    status = court.oracle.status_of(court, subject.request.id(CHAIN_ID, court.oracle.address))
    assert status.commitment == subject.commitment(CHAIN_ID, court.oracle.address)


def told(match: Match, sender: str, call: Call) -> Event:
    """The dispute contract's last event of a call."""
    return [event for event in match.court.send(sender, call) if isinstance(event, GameEvent | CreditWithdrawn)][-1]


def test_every_move_tells_what_it_did() -> None:
    """Programs play from these events alone: a field out of place is a clock or a position that is not there."""
    match, place, bond = Match(WIDE, 0), POSITIONS["wide"][0], 10**17
    dispute, game_id = match.court.dispute, match.id
    post = dispute.post_trace(match.subject, match.trace.root, match.trace.roots)
    assert told(match, OPERATOR, post) == TracePosted(game_id, match.trace.root, match.trace.roots)
    due = match.court.now + POLICY.move_time
    opened = match.court.send(SECOND, match.demand(place, bond=True))
    assert opened == [ChainOpened(game_id, SECOND), Demanded(game_id, SECOND, place, due)]
    revelation = match.trace.attempt(place)
    assert told(match, THIRD, dispute.reveal(game_id, revelation)) == Revealed(game_id, place, revelation.data)
    beyond = POSITIONS["wide"][1]
    match.court.send(SECOND, match.demand(beyond, bond=False))
    match.court.now = match.game.last_due
    forfeit = dispute.forfeit_demand(match.subject, beyond)
    assert told(match, THIRD, forfeit) == DemandForfeited(game_id, SECOND, beyond)
    assert told(match, THIRD, dispute.claim(game_id, SECOND)) == Claimed(game_id, SECOND, bond)
    assert told(match, SECOND, dispute.withdraw(bond, THIRD)) == CreditWithdrawn(SECOND, THIRD, bond)


def test_every_ending_tells_how_it_came() -> None:
    """Upheld, refuted and voided games pay different people."""
    silent = Match(WIDE, 0)
    silent.court.now += POLICY.trace_time
    assert told(silent, THIRD, silent.court.dispute.forfeit_trace(silent.subject)) == TraceForfeited(silent.id)
    upheld = Match(WIDE, 0)
    upheld.court.send(OPERATOR, upheld.court.dispute.post_trace(upheld.subject, upheld.trace.root, upheld.trace.roots))
    upheld.court.now += 1_000
    ended = told(upheld, THIRD, upheld.court.dispute.resolve(upheld.subject))
    assert ended == Upheld(upheld.id, OPERATOR, 75 * 10**15, 25 * 10**15)
    wrong = Match(LONG, 0, shifted(LONG, 7, 2))
    wrong.court.send(OPERATOR, wrong.court.dispute.post_trace(wrong.subject, wrong.trace.root, wrong.trace.roots))
    proof = pursuing(wrong)
    assert told(wrong, THIRD, wrong.court.dispute.prove_step(wrong.subject, proof)) == Proven(
        wrong.id, THIRD, OPENER, Fault.STEP, 7, 2
    )
    assert wrong.game.verdict is Verdict.REFUTED


def pursuing(match: Match) -> StepProof:
    """The proof that an honest opener comes to, each demand of its being revealed."""
    scene = match.scene
    posted = Posted(scene.program, match.trace.root, match.trace.roots)
    while True:
        found = pursue(scene.honest, posted, scene.case(match.answer), match.game.demands)
        if isinstance(found, StepClaim):
            return found.proof
        assert isinstance(found, DemandMove)
        match.court.send(OPENER, match.demand(found.position, bond=False))
        revelation = match.trace.attempt(found.position)
        match.court.send(OPERATOR, match.court.dispute.reveal(match.id, revelation))
        posted.add(found.position, revelation.data)


@pytest.mark.parametrize("constants", [{"max_demands": 0}, {"max_demands": 256}, {"per_move": 0}])
def test_constants_that_no_game_can_be_played_by_are_refused(constants: dict[str, int]) -> None:
    """They are immutable: a deployment with them would be mute for ever."""
    with pytest.raises(Reverted, match="Dispute_BadParameters"):
        Court(**constants)
