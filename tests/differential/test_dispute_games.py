"""Whole games in the EVM: a challenger pursues every liar of `tests/adversary`, and the dispute contract decides."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.canonical import pursuit
from oracle.canonical.claims import SourceClaim
from oracle.canonical.commit import tensor_root
from oracle.canonical.layers import TRACE, Position, Revelation
from oracle.canonical.posted import Posted
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import Program
from oracle.canonical.tensor import DType
from oracle.chain.calls import Call
from oracle.chain.protocol import GWEI, ZERO_ADDRESS, GameId, Policy, Subject, Verdict
from tests.adversary.liars import (
    Lie,
    every_lie,
    header,
    leaf_beyond,
    padded,
    root_of_nothing,
    roots_of_nothing,
    shifted,
    tensor_beyond,
    truth,
    wrong_answer,
)
from tests.adversary.scenes import Scene, chain, deep, scene, scene_of_case
from tests.adversary.table import Table, accepts, answer_is_right, positions
from tests.differential.court import OPENER, OPERATOR, Court, Reverted
from tests.differential.models import program_of, real_input
from tests.differential.random_nodes import FUNCTIONS, random_case, signature

MOVE = 600
POLICY = Policy(ZERO_ADDRESS, 1_000_000, 400_000_000, 400_000_000, *[MOVE] * 5)
BOND = POLICY.challenger_bond * GWEI


@dataclass(slots=True)
class Played:
    """A game that is over: the verdict, the demands made, and gas by move."""

    verdict: Verdict
    demands: list[Position] = field(default_factory=list)
    gas: dict[str, int] = field(default_factory=dict)


class Match:
    """One game in a court: a challenge of an answer, and a posted trace."""

    def __init__(self, court: Court, where: Scene, lie: Lie) -> None:
        self.court, self.scene, self.lie = court, where, lie
        self.subject: Subject = court.answered(where, lie.answer, POLICY)
        self.id: GameId = court.id_of(self.subject)
        self.played = Played(Verdict.OPEN)
        self.send(
            OPENER, court.dispute.challenge(self.subject.request, self.subject.ref, where.model, BOND), "challenge"
        )
        self.send(OPERATOR, court.dispute.post_trace(self.subject, lie.trace.root, lie.trace.roots), "postTrace")

    def send(self, sender: str, call: Call, what: str) -> None:
        """Carry out a move."""
        self.court.now += 1
        self.court.send(sender, call)
        self.played.gas[what] = max(self.court.gas_used, self.played.gas.get(what, 0))

    def pursue(self) -> Played:
        """Play to the end."""
        posted = Posted(self.scene.program, self.lie.trace.root, self.lie.trace.roots)
        case = self.scene.case(self.lie.answer)
        while self.played.verdict is Verdict.OPEN:
            move = pursuit.pursue(self.scene.honest, posted, case, self.played.demands)
            if isinstance(move, pursuit.DemandMove):
                self._demand(move, posted)
            else:
                self._end(move)
            self.played.verdict = self.court.dispute.game_of(self.court, self.id).verdict
        return self.played

    def _demand(self, move: pursuit.DemandMove, posted: Posted) -> None:
        dispute, trace = self.court.dispute, self.lie.trace
        self.send(OPENER, dispute.demand(self.id, move.position, move.node, move.node_path), "demand")
        self.played.demands.append(move.position)
        revelation = trace.reveal(move.position)
        if revelation is not None:
            self.send(OPERATOR, dispute.reveal(self.id, revelation), "reveal")
            posted.add(move.position, revelation.data)
            return
        with pytest.raises(Reverted, match=r"Dispute_Wrong|Dispute_PaddingNotZero"):
            self.court.send(OPERATOR, dispute.reveal(self.id, trace.attempt(move.position)))
        self.court.now = dispute.demand_of(self.court, self.id, move.position).due
        self.send(OPENER, dispute.forfeit_demand(self.subject, move.position), "forfeitDemand")

    def _end(self, move: pursuit.Move) -> None:
        dispute, subject, model = self.court.dispute, self.subject, self.scene.model
        match move:
            case pursuit.StepClaim(proof):
                self.send(OPENER, dispute.prove_step(subject, proof), "proveStep")
            case pursuit.ConstantClaim(claim):
                self.send(OPENER, dispute.prove_constant(subject, claim), "proveConstant")
            case pursuit.InputClaim(claim, given):
                self.send(OPENER, dispute.prove_input(subject, model, claim, given), "proveInput")
            case pursuit.AnswerClaim(element):
                self.send(OPENER, dispute.prove_answer(subject, model, self.lie.answer, element), "proveAnswer")
            case pursuit.NothingWrong():
                self.court.now = dispute.end_of(self.court, self.id)
                self.send(OPENER, dispute.resolve(subject), "resolve")
            case _:
                pytest.fail(f"{move} was not expected here")


@pytest.fixture(scope="module")
def court() -> Court:
    """The protocol, deployed once: every match is over a request of its own."""
    return Court()


def sample(name: str) -> Scene:
    """A sample model with a real input."""
    return scene(program_of(name), [real_input(name).reshape(-1)])


def lies_of(where: Scene, seed: int) -> list[Lie]:
    """Every kind of lie, but for other bytes that are right as well."""
    return [
        lie
        for lie in every_lie(where, seed)
        if lie.trace.root != where.honest.root or not answer_is_right(where.model, lie.answer, where.answer)
    ]


@pytest.mark.parametrize("name", ["digits", "credit"])
def test_every_lie_about_a_sample_model_is_refuted(court: Court, name: str) -> None:
    """The promise of the system, with the contract as judge."""
    where = sample(name)
    assert Match(court, where, truth(where)).pursue().verdict is Verdict.UPHELD
    for lie in lies_of(where, 1):
        assert Match(court, where, lie).pursue().verdict is Verdict.REFUTED, lie.name


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_a_wrong_element_of_any_kind_of_node_is_refuted(court: Court, function: tuple[int, int]) -> None:
    """Of every kind and function of nodes."""
    rng = np.random.default_rng([*map(int, function)])
    where = scene_of_case(random_case(rng, signature(rng, function)))
    node = len(where.program.nodes) - 2
    count = where.program.nodes[node].count
    lies = [shifted(where, node, int(rng.integers(count)))] if count else [header(where, node, more=1)]
    for lie in (*lies, header(where, node, more=2)):
        assert Match(court, where, lie).pursue().verdict is Verdict.REFUTED, lie.name
    assert Match(court, where, truth(where)).pursue().verdict is Verdict.UPHELD


@pytest.mark.parametrize("nodes", [3, 256, 257, 300])
def test_every_lie_is_refuted_in_programs_of_any_length(court: Court, nodes: int) -> None:
    """With tensor roots posted, and with layers of the trace to demand first."""
    where = chain(nodes, 70)
    for lie in lies_of(where, nodes):
        played = Match(court, where, lie).pursue()
        assert played.verdict is Verdict.REFUTED, lie.name
        assert len(played.demands) <= 1 + 2 * (nodes > 256)


@pytest.mark.parametrize("leaves", [2, 127, 128, 129, 16_384, 16_385])
def test_lies_are_refuted_in_tensors_of_any_depth(court: Court, leaves: int) -> None:
    """Depths 1, 7, 8, 14 and 15: one layer to three."""
    where = deep(leaves)
    count = where.program.nodes[2].count
    lies = [shifted(where, 2, element) for element in (0, count // 2, count - 1)]
    lies += [lie for lie in (padded(where, 2), leaf_beyond(where, 2), roots_of_nothing(where, 3)) if lie]
    for lie in lies:
        played = Match(court, where, lie).pursue()
        assert played.verdict is Verdict.REFUTED, lie.name
        assert len(played.demands) <= 1 + (leaves > 128) + (leaves > 16_384)


def test_a_lie_is_found_below_three_layers_of_the_trace(court: Court) -> None:
    """More than 2^14 nodes: four demands lead to any small tensor."""
    where = chain(16_400, 1, outputs=1)
    lie = shifted(where, 16_390, 0, follow=False)
    played = Match(court, where, lie).pursue()
    assert played.verdict is Verdict.REFUTED
    assert played.demands == [
        Position(TRACE, 0, 0),
        Position(TRACE, 1, 64),
        Position(TRACE, 2, 16_390 >> 1),
        Position(16_390, 0, 0),
    ]


def test_a_tensor_without_elements_is_refuted_by_its_header(court: Court) -> None:
    """Its one position shows nothing, and binds dtype and count."""
    where = chain(4, 0)
    assert Match(court, where, truth(where)).pursue().verdict is Verdict.UPHELD
    played = Match(court, where, header(where, 2, more=1)).pursue()
    assert (played.verdict, played.demands) == (Verdict.REFUTED, [Position(2, 0, 0)])
    honest = Match(court, where, truth(where))
    reveal_all(honest, [Position(2, 0, 0)])


@pytest.mark.parametrize("nodes", [5, 300])
def test_attack_37_a_root_of_nothing_is_lost(court: Court, nodes: int) -> None:
    """It cannot be revealed, nor anything below it."""
    where = chain(nodes, 70)
    lies = [roots_of_nothing(where, 1), *([root_of_nothing(where, 1)] if nodes > 256 else [])]
    for lie in lies:
        played = Match(court, where, lie).pursue()
        assert played.verdict is Verdict.REFUTED
        assert "forfeitDemand" in played.gas or "proveInput" in played.gas


@pytest.mark.parametrize("nodes", [5, 300])
@pytest.mark.parametrize("follow", [False, True])
def test_attack_39_a_trace_right_in_all_but_the_answer_the_input_or_one_weight(
    court: Court, nodes: int, *, follow: bool
) -> None:
    """Each is proven by the roots alone; a wrong answer beside the right trace without any demand."""
    where, ways = chain(nodes, 70), 2 * (nodes > 256)
    lies = {
        "proveAnswer": (wrong_answer(where, 5, 100), 0),
        "proveInput": (shifted(where, 0, 69, follow=follow), ways),
        "proveConstant": (shifted(where, 1, 3, follow=follow), ways),
    }
    for proof, (lie, demands) in lies.items():
        played = Match(court, where, lie).pursue()
        assert (played.verdict, len(played.demands)) == (Verdict.REFUTED, demands)
        assert proof in played.gas


@pytest.mark.parametrize("nodes", [5, 300])
def test_attack_75_junk_outside_what_the_nodes_say_is_lost(court: Court, nodes: int) -> None:
    """In a tensor's padding, behind its last leaf, behind the last node; with every node right."""
    where = chain(nodes, 330)
    lies = [padded(where, 3), leaf_beyond(where, 3), tensor_beyond(where) if nodes > 256 else None]
    for lie in filter(None, lies):
        played = Match(court, where, lie).pursue()
        assert played.verdict is Verdict.REFUTED
        assert "forfeitDemand" in played.gas


def test_attack_60_odd_bits_of_inputs_and_constants_are_no_fault(court: Court) -> None:
    """-0, NaN of any payload, true as any byte: their roots are those of the very bytes, and nothing else is asked."""
    odd = np.array([0x80000000, 0x7FC12345, 0xFF800001, 0x7F800000], np.uint32).view(np.float32)
    truths = np.array([2, 0, 255, 1], np.uint8).view(np.bool_)
    view = View((Coordinate(4, 0, ((0, 1),)),))
    root = tensor_root(DType.FLOAT, odd)
    chosen = tuple(Operand(node, dtype, view) for node, dtype in enumerate((DType.BOOL, DType.FLOAT, DType.FLOAT)))
    nodes = (
        Node(Kind.INPUT, 0, DType.BOOL, (4,)),
        Node(Kind.INPUT, 0, DType.FLOAT, (4,), slot=1),
        Node(Kind.CONST, 0, DType.FLOAT, (4,), root=root),
        Node(Kind.MAP, Fn.WHERE, DType.FLOAT, (4,), (), chosen, 3),
    )
    where = scene(Program(1, nodes, {root: odd}, 1), [truths, odd[::-1].copy()])
    assert Match(court, where, truth(where)).pursue().verdict is Verdict.UPHELD
    match = Match(court, where, truth(where))
    for source in range(3):
        program = match.scene.honest.program
        node = program.encoded[source], program.path(source)
        move = court.dispute.demand(match.id, Position(source, 0, 0), *node)
        with pytest.raises(Reverted, match="Dispute_CannotDemand"):
            match.send(OPENER, move, "demand")
        for claim in claims_of(match, source):
            with pytest.raises(Reverted, match="Dispute_NoFault"):
                match.send(OPENER, claim, "prove")


def claims_of(match: Match, source: int) -> list[Call]:
    """The proof that there could be against an INPUT or CONST node of an honest trace."""
    honest, dispute = match.scene.honest, match.court.dispute
    program, path = honest.program, tuple(honest.tree.path(0, source))
    claim = SourceClaim(source, program.encoded[source], program.path(source), honest.roots[source], path)
    if program.nodes[source].kind is Kind.CONST:
        return [dispute.prove_constant(match.subject, claim)]
    return [dispute.prove_input(match.subject, match.scene.model, claim, match.scene.packed)]


@settings(max_examples=60)
@given(nodes=st.sampled_from([4, 257, 300]), leaves=st.sampled_from([0, 1, 2, 130, 250]), data=st.data())
def test_attack_58_what_can_be_demanded_is_what_the_rules_say(
    court: Court, nodes: int, leaves: int, data: st.DataObject
) -> None:
    """A demand that nobody could meet would convict the honest."""
    where = chain(nodes, max(0, 256 * leaves - 7), DType.UINT8, outputs=1)
    match = Match(court, where, truth(where))
    table = Table.of(where.case(match.lie.answer), where.program, match.lie.trace)
    tensors = st.one_of(st.just(TRACE), st.integers(0, nodes + 1), st.sampled_from([2, 3]))
    for _ in range(12):
        tensor = data.draw(tensors)
        position = Position(tensor, data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3) | st.integers(0, 2**15)))
        inside = not position.is_trace and tensor < nodes and tensor not in table.known
        program = where.honest.program
        node = (program.encoded[tensor], program.path(tensor)) if inside else (b"", ())
        move = pursuit.DemandMove(position, *node)
        if table.allows(move):
            table.demand(move)
            match.send(OPENER, court.dispute.open_chain(match.id, position, *node, BOND), "openChain")
            if position not in table.revealed:
                revelation = where.honest.reveal(position)
                table.reveal(revelation)
                match.send(OPERATOR, court.dispute.reveal(match.id, revelation), "reveal")
        else:
            with pytest.raises(Reverted, match=r"Dispute_|StepVerifier_"):
                match.send(OPENER, court.dispute.open_chain(match.id, position, *node, BOND), "openChain")


def reveal_all(match: Match, every: list[Position]) -> None:
    """Demand and reveal positions of an honest trace from the top down; the contract takes them, and nothing else."""
    court, dispute, trace, known = match.court, match.court.dispute, match.scene.honest, set[int]()
    rng = np.random.default_rng(len(every))
    for number, position in enumerate(every):
        new = not position.is_trace and position.tensor not in known
        node = (trace.program.encoded[position.tensor], trace.program.path(position.tensor)) if new else (b"", ())
        known.add(position.tensor)
        if number % 7 == 0 and number:
            match.send(OPENER, dispute.open_chain(match.id, position, *node, BOND), "openChain")
        else:
            match.send(OPENER, dispute.demand(match.id, position, *node), "demand")
        right = trace.reveal(position)
        for wrong in changed(rng, right):
            assert not accepts(match.scene.program, trace.root, wrong)
            with pytest.raises(Reverted, match="Dispute_"):
                court.send(OPERATOR, dispute.reveal(match.id, wrong))
        match.send(OPERATOR, dispute.reveal(match.id, right), "reveal")
        assert court.is_revealed(match.id, position)


def changed(rng: np.random.Generator, right: Revelation) -> list[Revelation]:
    """A revelation with a bit flipped in each of its parts, with less and with more of each."""
    found = []
    for part in ("data", "path", "trace_path"):
        value = getattr(right, part)
        longer = value + bytes(32) if part == "data" else (*value, bytes(32))
        found.append(replace(right, **{part: longer}))
        if value:
            found.append(replace(right, **{part: value[:-1]}))
            flat = bytearray(value if part == "data" else b"".join(value))
            flat[int(rng.integers(len(flat)))] ^= 1 << int(rng.integers(8))
            chunks = tuple(bytes(flat[i : i + 32]) for i in range(0, len(flat), 32))
            found.append(replace(right, **{part: bytes(flat) if part == "data" else chunks}))
    return found


@pytest.mark.parametrize("nodes", [257, 300])
def test_every_position_of_a_trace_can_be_demanded_and_revealed(court: Court, nodes: int) -> None:
    """What an honest operator is asked for it can show, and nothing but the truth."""
    where = chain(nodes, 1)
    reveal_all(Match(court, where, truth(where)), positions(TRACE, nodes)[:40])


@pytest.mark.parametrize("leaves", [2, 3, 127, 128, 129, 16_384, 16_385])
def test_positions_of_tensors_of_any_depth_can_be_demanded_and_revealed(court: Court, leaves: int) -> None:
    """The first and the last of every layer, whole and not."""
    where = deep(leaves)
    every = positions(2, -(-(64 * leaves - 5) * 4 // 256))
    layers = [[p for p in every if p.layer == layer] for layer in range(every[-1].layer + 1)]
    ends = [position for layer in layers for position in dict.fromkeys((layer[0], layer[-1]))]
    reveal_all(Match(court, where, truth(where)), ends)
