"""Every way to lie about every kind of node, on a real chain: always refuted, and the money goes where it belongs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from oracle.canonical.commit import Tree, bind_program
from oracle.canonical.model import Model
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Kind
from oracle.canonical.program_fault import program_fault
from oracle.canonical.tensor import DType, TensorSpec
from oracle.chain.events import DemandForfeited, Proven, TraceForfeited
from oracle.chain.protocol import GWEI, Fault, Status, Verdict
from oracle.services.watching.library import Malformed
from tests.adversary.arena import POLICY, Arena
from tests.adversary.duel import Duel, Manner, Outcome
from tests.adversary.liars import (
    Lie,
    header,
    leaf_beyond,
    padded,
    root_of_nothing,
    roots_of_nothing,
    shifted,
    tensor_beyond,
    truth,
    whole_tensor,
    wrong_answer,
    wrong_length,
)
from tests.adversary.scenes import Scene, chain, deep, scene, scene_of_case
from tests.differential.models import program_of, real_input
from tests.differential.random_nodes import FUNCTIONS, random_case, signature

BOND = POLICY.operator_bond * GWEI
HONEST = Manner()
SMALL = ("digits", "credit", "digits-cnn", "ranks")
"""Scenes of which every node is lied about."""


def sample(name: str) -> Scene:
    """A sample model with a real input."""
    return scene(program_of(name), [real_input(name).reshape(-1)])


def ranks() -> Scene:
    """A node of the kind that no sample has."""
    rng = np.random.default_rng(3)
    function = next(each for each in FUNCTIONS if each[0] is Kind.RANK)
    return scene_of_case(random_case(rng, signature(rng, function)))


SCENES: dict[str, Callable[[], Scene]] = {
    "digits": lambda: sample("digits"),
    "credit": lambda: sample("credit"),
    "digits-cnn": lambda: sample("digits-cnn"),
    "magika": lambda: sample("magika"),
    "ranks": ranks,
    "many nodes": lambda: chain(300, 70),
    "large tensors": lambda: deep(16_385),
}
"""The last two have tensor roots that must be demanded, and tensors of three layers."""


@cache
def scene_of(name: str) -> Scene:
    """A scene, made once."""
    return SCENES[name]()


@dataclass(frozen=True)
class Row:
    """A case that was played."""

    scene: str
    kind: str
    way: str
    outcome: Outcome

    def __str__(self) -> str:
        ending = self.outcome.ending
        how = ending.fault.name if isinstance(ending, Proven) else type(ending).__name__
        gas = f"{self.outcome.gas('operator'):>9,} {self.outcome.gas('challenger'):>9,}"
        verdict = self.outcome.verdict.name
        return f"{self.scene:13} {self.kind:6} {self.way:30} {verdict} {how:15} {self.outcome.transactions:>2} {gas}"


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    """One chain for all cases: each is undone after it."""
    with Arena.start() as running:
        yield running


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    """The cases played, printed as a table in the end."""
    played: list[Row] = []
    yield played
    print(
        "model         kind   way                            verdict how            moves  operator  challenger (gas)"
    )
    print(*played, f"{len(played)} cases", sep="\n")


def convicted(
    arena: Arena, where: Scene, lie: Lie, manner: Manner = HONEST, malformed: Malformed | None = None
) -> Outcome:
    """A dispute played to the end and undone: the answer must be struck out, and every wei go where the rules say."""
    oracle, dispute, provider = arena.oracle, arena.dispute, arena.provider
    with arena.restored():
        duel = Duel(arena, where, lie, manner, malformed=malformed)
        accounts = (arena.operator, duel.challenger)
        before = [oracle.stake_of(provider, account).balance for account in accounts]
        outcome = duel.play()
        expected = (Verdict.REFUTED, Status.REQUESTED) if malformed is None else (Verdict.VOIDED, Status.VOID)
        status = oracle.status_of(provider, duel.subject.request.id(provider.chain_id, oracle.address)).status
        assert (outcome.verdict, status) == expected, f"{lie.name}, {manner}"
        after = [oracle.stake_of(provider, account).balance for account in accounts]
        assert [b - a for a, b in zip(before, after, strict=True)] == [-BOND, BOND // 2], lie.name
        duel.send("challenger", "claim", dispute.claim(duel.id, duel.challenger))
        credit = POLICY.challenger_bond * GWEI
        duel.send("challenger", "withdraw", dispute.withdraw(credit, duel.challenger))
        assert arena.balance(dispute.address) == 0
    return outcome


def ways(where: Scene, node: int) -> Iterator[tuple[str, Lie]]:
    """What can be wrong with one tensor."""
    spec = where.program.nodes[node]
    middle, top = spec.count // 2, 1 << 8 * spec.dtype.size - 2
    yield "one unit, followed up", shifted(where, node, middle)
    yield "one unit, alone", shifted(where, node, middle, follow=False)
    yield "last element, far off", shifted(where, node, spec.count - 1, by=top)
    yield "whole tensor, followed up", whole_tensor(where, node, seed=node)
    yield "whole tensor, alone", whole_tensor(where, node, seed=node, follow=False)
    yield "another dtype", header(where, node, dtype=DType.INT8 if spec.dtype is not DType.INT8 else DType.UINT8)
    yield "another count", header(where, node, more=1)
    for way, lie in (("padding", padded(where, node)), ("a leaf beyond", leaf_beyond(where, node))):
        if lie is not None:
            yield way, lie


def nodes_by_kind(where: Scene) -> dict[Kind, list[int]]:
    """Nodes with elements."""
    found: dict[Kind, list[int]] = {}
    for k, node in enumerate(where.program.nodes):
        if node.count:
            found.setdefault(node.kind, []).append(k)
    return found


@pytest.mark.parametrize("name", SCENES)
def test_every_way_to_lie_about_every_kind_of_node_is_refuted(arena: Arena, rows: list[Row], name: str) -> None:
    """The promise of the system: what is wrong anywhere is found and proven, by the service's own moves."""
    where = scene_of(name)
    for kind, nodes in nodes_by_kind(where).items():
        chosen = nodes[len(nodes) // 2]
        for way, lie in ways(where, chosen):
            rows.append(Row(name, kind.name, way, convicted(arena, where, lie)))
        for other in nodes if name in SMALL else ():
            if other != chosen:
                lie = shifted(where, other, 0)
                rows.append(Row(name, kind.name, f"one unit, node {other}", convicted(arena, where, lie)))


@pytest.mark.parametrize("name", SCENES)
def test_wrong_answers_and_roots_of_nothing_are_refuted(arena: Arena, rows: list[Row], name: str) -> None:
    """The right trace does not save a wrong answer, and hashes of nothing save nobody."""
    where = scene_of(name)
    lies = [wrong_length(where, -1), wrong_length(where, 1), roots_of_nothing(where, 1)]
    if len(where.program.nodes) > 256:
        lies += [lie for lie in (root_of_nothing(where, 1), tensor_beyond(where)) if lie is not None]
    answers = [wrong_answer(where, 0), wrong_answer(where, len(where.answer) - 1)]
    for lie in answers:
        outcome = convicted(arena, where, lie)
        assert isinstance(outcome.ending, Proven)
        assert (outcome.ending.fault, outcome.transactions) == (Fault.ANSWER, 3)
        rows.append(Row(name, "", lie.name, outcome))
    rows += [Row(name, "", lie.name, convicted(arena, where, lie)) for lie in lies]


@pytest.mark.parametrize("name", SCENES)
def test_attack_38_silence_and_delay_at_every_move_are_refuted(arena: Arena, rows: list[Row], name: str) -> None:
    """No trace, no reveal at any depth, or either one second late: time convicts whoever owes the move."""
    where = scene_of(name)
    node = max(where.computed, key=lambda k: where.program.nodes[k].count * where.program.nodes[k].dtype.size)
    lie = shifted(where, node, where.program.nodes[node].count - 1)
    demands = len(convicted(arena, where, lie).demands)
    assert demands >= 1
    for late in (False, True):
        manners = [Manner(posts=False, late=late), *(Manner(reveals=met, late=late) for met in range(demands))]
        for manner in manners:
            outcome = convicted(arena, where, lie, manner)
            assert isinstance(outcome.ending, DemandForfeited if manner.posts else TraceForfeited)
            assert outcome.refused == (("Dispute_TooLate",) if late else ())
            way = "no trace" if not manner.posts else f"silent after {manner.reveals} reveals"
            rows.append(Row(name, "", way + (", late" if late else ""), outcome))


def test_who_says_the_truth_is_upheld(arena: Arena) -> None:
    """The same pursuit finds nothing wrong in a right trace."""
    for name in SCENES:
        with arena.restored():
            outcome = Duel(arena, scene_of(name), truth(scene_of(name))).play()
        assert (outcome.verdict, outcome.demands) == (Verdict.UPHELD, ())


def malformed_models(where: Scene) -> Iterator[tuple[Fault, Model, Sequence[bytes], int]]:
    """Models whose program breaks the rules, with its nodes and version, one for each fault of a program."""

    def model(encoded: Sequence[bytes], version: int = 1) -> Model:
        root = bind_program(version, len(encoded), Tree.over_leaves(encoded).hash)
        return replace(where.model, program_root=root, node_count=len(where.program.nodes))

    encoded = [encode_node(node) for node in where.program.nodes]
    yield Fault.MODEL, replace(where.model, node_count=0), encoded, 1
    yield Fault.HEADER, model(encoded, version=2), encoded, 2
    yield Fault.HEADER, model(encoded[:-1]), encoded[:-1], 1
    broken = [*encoded[:2], encoded[2][:-1], *encoded[3:]]
    yield Fault.NODE, model(broken), broken, 1
    yield Fault.NODE, replace(where.model, worst_leaf_gas=1), encoded, 1
    given = where.program.nodes[0]
    other = replace(given, dims=(given.count + 1,))
    spec = TensorSpec(given.dtype, other.dims)
    longer = [encode_node(other), *encoded[1:]]
    yield Fault.OPERAND, replace(model(longer), inputs=(spec, *where.model.inputs[1:])), longer, 1


@pytest.mark.parametrize("posts", [False, True])
def test_attack_40_59_a_program_that_breaks_the_rules_is_voided_at_its_operators_cost(
    arena: Arena, rows: list[Row], *, posts: bool
) -> None:
    """Nobody could run it, so the requester gets its fee back; who answered all the same loses its bond."""
    where = chain(6, 40)
    for fault, model, encoded, version in malformed_models(where):
        claim = program_fault(model, encoded, version)
        assert claim is not None
        broken, manner = replace(where, model=model), Manner(posts=posts and model.node_count == len(encoded))
        outcome = convicted(arena, broken, truth(broken), manner, Malformed(model, claim))
        assert isinstance(outcome.ending, Proven)
        assert outcome.ending.fault is fault
        rows.append(Row("malformed", "", f"{'a' if manner.posts else 'no'} trace", outcome))
