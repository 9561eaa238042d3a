"""Gas of the moves of a dispute at their dearest: limits hold it, and bonds pay for what a deployment says they do."""

import pytest

from oracle.canonical.commit import Tree, bind_trace
from oracle.canonical.layers import Position, Revelation
from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.posted import Posted
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import Program
from oracle.canonical.prove import CommittedProgram
from oracle.canonical.pursuit import DemandMove, StepClaim, pursue
from oracle.canonical.tensor import DType, TensorSpec
from oracle.chain import gas
from oracle.chain.calls import Call
from oracle.chain.deploy import CHALLENGE_GAS, DEFENCE_GAS, MAX_DEMANDS
from oracle.chain.protocol import Policy
from tests.adversary.liars import shifted
from tests.adversary.scenes import Scene, chain, heavy
from tests.differential.court import OPENER, OPERATOR, SECOND, Court

POLICY = Policy(OPERATOR, 1_000, 10**9, 10**8, 60, 100, 50, 50, 20)
BOND = 10**17
DEAREST_PROOF = 6_000_000
"""What section 9 of docs/canonical.md lets a node's proof take."""
TALLEST_TRACE = 21
"""Siblings of a root in a trace of 2^21 tensors."""


def taken(court: Court, sender: str, call: Call, limit: int) -> int:
    """Gas of a transaction, the floor of EIP-7623 included; it must be below the limit."""
    court.send(sender, call)
    tokens = call.data.count(0) + 4 * (len(call.data) - call.data.count(0))
    found = max(court.gas_used, 21_000 + 10 * tokens)
    assert found <= limit, f"{found} gas, limit {limit}"
    return found


def plain(court: Court, sender: str, call: Call) -> int:
    """The same for a move that brings no node, data or proof."""
    return taken(court, sender, call, gas.move_limit(len(call.data)))


@pytest.mark.parametrize("nodes", [5, 256, 257, 300])
def test_every_move_of_a_conviction_fits_its_limit(nodes: int) -> None:
    """A move that runs out of gas at the last moment loses the game."""
    played = chain(nodes, 64 * 126 if nodes == 256 else 70)
    lie = shifted(played, 3, 65)
    court = Court()
    subject = court.answered(played, lie.answer, POLICY)
    game_id, dispute = court.id_of(subject), court.dispute
    plain(court, OPENER, dispute.challenge(subject.request, subject.ref, played.model, BOND))
    trace = dispute.post_trace(subject, lie.trace.root, lie.trace.roots)
    taken(court, OPERATOR, trace, gas.trace_limit(len(trace.data), nodes))
    posted, demanded = Posted(played.program, lie.trace.root, lie.trace.roots), []
    while isinstance(move := pursue(played.honest, posted, played.case(lie.answer), demanded), DemandMove):
        call = dispute.demand(game_id, move.position, move.node, move.node_path)
        taken(court, OPENER, call, gas.demand_limit(len(call.data)))
        demanded.append(move.position)
        revelation = lie.trace.attempt(move.position)
        call = dispute.reveal(game_id, revelation)
        taken(court, OPERATOR, call, gas.reveal_limit(len(call.data), 1))
        posted.add(move.position, revelation.data)
    assert isinstance(move, StepClaim)
    call = dispute.prove_step(subject, move.proof)
    taken(court, OPENER, call, gas.prove_limit(len(call.data), played.model.worst_leaf_gas))
    plain(court, SECOND, dispute.claim(game_id, OPENER))
    plain(court, OPENER, dispute.withdraw(BOND, OPENER))


def test_every_ending_by_time_fits_its_limit() -> None:
    """Silence must be punishable, and an honest answer must become final, whatever gas costs."""
    played = chain(5, 70)
    court, dispute = Court(), Court().dispute
    for ending in ("trace", "demand", "resolve"):
        subject = court.answered(played, played.answer, POLICY)
        game_id = court.id_of(subject)
        plain(court, OPENER, dispute.challenge(subject.request, subject.ref, played.model, BOND))
        if ending == "trace":
            court.now += 50
            plain(court, SECOND, dispute.forfeit_trace(subject))
            continue
        court.send(OPERATOR, dispute.post_trace(subject, played.honest.root, played.honest.roots))
        program, place = played.honest.program, Position(2, 0, 0)
        opening = dispute.open_chain(game_id, place, program.encoded[2], program.path(2), BOND)
        taken(court, SECOND, opening, gas.demand_limit(len(opening.data)))
        if ending == "demand":
            court.now += 20
            plain(court, SECOND, dispute.forfeit_demand(subject, place))
            continue
        court.send(OPERATOR, dispute.reveal(game_id, played.honest.reveal(place)))
        court.now += 500
        plain(court, SECOND, dispute.resolve(subject))


def largest_node() -> Node:
    """As many operands, coordinates and terms as a node can have: nearly 6,000 bytes."""
    terms = tuple((axis, 2**31 - 1) for axis in range(16))

    def view(index: int | None) -> View:
        return View(tuple(Coordinate(8, -(2**31), terms, index) for _ in range(8)))

    operands = (Operand(0, DType.FLOAT, view(1)), *(Operand(0, DType.INT64, view(None)) for _ in range(7)))
    return Node(Kind.FOLD, Fn.FOLD_SUM, DType.FLOAT, (2,) * 8, (2,) * 8, operands, 1)


def test_the_demand_of_the_largest_node_fits_its_limit() -> None:
    """A node can be as hostile as the limits of the encoding let it."""
    assert demand_of_the_largest_node() > gas.MOVE


def demand_of_the_largest_node() -> int:
    """Gas of the first demand in its tensor."""
    given = Node(Kind.INPUT, 0, DType.FLOAT, (4,))
    program = Program(1, (given, largest_node()), {}, 1)
    committed = CommittedProgram(program)
    spec = TensorSpec(DType.FLOAT, (1,))
    model = Model(committed.root, 2, 10**6, (TensorSpec(DType.FLOAT, (4,)),), (OutputSpec(spec),), bytes(32))
    roots = [b"\1" * 32, b"\2" * 32]
    court = Court()
    subject = court.answered(Scene(model, program, bytes(16), chain(3, 4).honest), bytes(4), POLICY)
    court.send(OPENER, court.dispute.challenge(subject.request, subject.ref, model, BOND))
    court.send(OPERATOR, court.dispute.post_trace(subject, bind_trace(2, Tree.over_leaves(roots).hash), roots))
    node, path = committed.encoded[1], committed.path(1)
    call = court.dispute.demand(court.id_of(subject), Position(1, 0, 0), node, path)
    return taken(court, OPENER, call, gas.demand_limit(len(call.data)))


def test_bonds_pay_for_a_conviction_and_for_a_defence() -> None:
    """Section 9 of the design: who is right must not lose money by it, so the constants are what is measured here."""
    played = heavy()
    court = Court()
    dispute, honest = court.dispute, played.honest
    subject = court.answered(played, played.answer, POLICY)
    game_id = court.id_of(subject)
    challenge = plain(court, OPENER, dispute.challenge(subject.request, subject.ref, played.model, BOND))
    call = dispute.post_trace(subject, honest.root, honest.roots)
    trace = taken(court, OPERATOR, call, gas.trace_limit(len(call.data), len(honest.roots)))
    reveals = []
    for tensor in range(1, MAX_DEMANDS + 1):
        place = Position(tensor, 0, 0)
        court.send(OPENER, dispute.demand(game_id, place, honest.program.encoded[tensor], honest.program.path(tensor)))
        call = dispute.reveal(game_id, honest.reveal(place))
        reveals.append(taken(court, OPERATOR, call, gas.reveal_limit(len(call.data), 1)))
    siblings = Revelation(Position(1, 3, 0), b"", (b"\xff" * 32,) * 21, (b"\xff" * 32,) * (TALLEST_TRACE - 8))
    paths = gas.PER_BYTE * 32 * (len(siblings.path) + len(siblings.trace_path))
    defence = trace + sum(reveals) + MAX_DEMANDS * paths
    assert DEFENCE_GAS * 9 // 10 <= defence <= DEFENCE_GAS, defence
    conviction = challenge + MAX_DEMANDS * demand_of_the_largest_node() + DEAREST_PROOF + gas.MOVE
    assert CHALLENGE_GAS * 9 // 10 <= conviction <= CHALLENGE_GAS, conviction
