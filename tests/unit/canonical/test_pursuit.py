"""Pursuit: whatever is wrong is convicted, in few moves, and what is right never is.

Verdicts are those of `tests/adversary/table.py`, which recomputes by the reference what a proof opens.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.canonical.layers import Position, layer_count
from oracle.canonical.posted import Posted
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import Program
from oracle.canonical.prove import CommittedTrace
from oracle.canonical.pursuit import AnswerClaim, Case, DemandMove, InputClaim, InputRootClaim, StepClaim, pursue
from oracle.canonical.tensor import DType
from tests.adversary.game import Outcome, play
from tests.adversary.liars import Lie, every_lie, leaf_beyond, padded, roots_of_nothing, shifted, truth
from tests.adversary.scenes import Scene, chain, scene_of_case
from tests.adversary.scenes import scene as build
from tests.adversary.table import answer_is_right
from tests.unit.canonical.strategies import NodeCase, node_cases


def outcome(scene: Scene, lie: Lie) -> Outcome:
    """The game over a lie, which takes no more demands than there are layers on the way."""
    result = play(scene.honest, scene.program, scene.case(lie.answer), lie.trace)
    nodes = len(scene.program.nodes)
    most = max(layer_count(tensor.tree.leaves) for tensor in scene.honest.tensors)
    assert len(result.demands) <= (layer_count(nodes) if nodes > 256 else 0) + most <= 7
    return result


def assert_convicted(scene: Scene, lie: Lie) -> None:
    """Unless the trace is canonical and the answer right by it."""
    is_wrong = lie.trace.root != scene.honest.root or not answer_is_right(scene.model, lie.answer, scene.answer)
    assert outcome(scene, lie).convicted is is_wrong, lie.name


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(case=node_cases(), seed=st.integers(0, 2**32))
def test_every_lie_about_any_node_is_convicted_and_the_truth_is_not(case: NodeCase, seed: int) -> None:
    """Of every kind and function: one element, one ulp, whole tensors, padding, headers, inputs, weights, answers."""
    scene = scene_of_case(case)
    assert not outcome(scene, truth(scene)).convicted
    for lie in every_lie(scene, seed):
        assert_convicted(scene, lie)


@pytest.mark.parametrize("nodes", [3, 128, 129, 256, 257, 300, 511])
def test_every_lie_is_convicted_in_programs_of_any_length(nodes: int) -> None:
    """With tensor roots posted, and with layers of the trace to demand first."""
    scene = chain(nodes, 70)
    assert not outcome(scene, truth(scene)).convicted
    for lie in every_lie(scene, nodes):
        assert_convicted(scene, lie)


@pytest.mark.parametrize("leaves", [0, 1, 2, 127, 128, 129])
def test_every_lie_is_convicted_in_tensors_of_any_size(leaves: int) -> None:
    """Depths 0, 1, 7 and 8; also where there are no elements to be wrong."""
    scene = chain(3, max(0, 64 * leaves - 5))
    assert not outcome(scene, truth(scene)).convicted
    for lie in every_lie(scene, leaves):
        assert_convicted(scene, lie)


@pytest.mark.parametrize("leaves", [16_384, 16_385])
def test_lies_are_convicted_in_deep_tensors(leaves: int) -> None:
    """Depths 14 and 15: two layers and three."""
    scene = chain(3, 64 * leaves - 5)
    lies = [shifted(scene, 2, 64 * leaves - 6), shifted(scene, 2, 0), padded(scene, 2), leaf_beyond(scene, 2)]
    for lie in filter(None, lies):
        assert outcome(scene, lie).convicted


@settings(max_examples=40)
@given(nodes=st.integers(3, 400), data=st.data())
def test_the_first_wrong_node_is_found_wherever_it_is(nodes: int, data: st.DataObject) -> None:
    """What follows from it canonically is wrong too, but cannot be proven so."""
    scene = chain(nodes, data.draw(st.sampled_from([1, 65, 200])))
    node = data.draw(st.integers(2, nodes - 1))
    element = data.draw(st.integers(0, scene.program.nodes[node].count - 1))
    result = outcome(scene, shifted(scene, node, element, by=data.draw(st.sampled_from([1, 2**20, 2**31]))))
    assert isinstance(result.last, StepClaim)
    assert (result.last.proof.index, result.last.proof.element) == (node, element)


def test_only_the_first_demand_in_a_tensor_brings_its_node() -> None:
    """Whoever demanded it: the contract takes it once."""
    scene = chain(5, 64 * 200)
    lie = shifted(scene, 3, 64 * 150, follow=False)
    posted, case = Posted(scene.program, lie.trace.root, lie.trace.roots), scene.case(lie.answer)
    first = pursue(scene.honest, posted, case)
    assert isinstance(first, DemandMove)
    assert (first.position, first.node) == (Position(3, 0, 0), scene.honest.program.encoded[3])
    joined = pursue(scene.honest, posted, case, {first.position: None})
    assert joined == DemandMove(first.position, b"", ())
    revelation = lie.trace.reveal(first.position)
    assert revelation
    posted.add(first.position, revelation.data)
    second = pursue(scene.honest, posted, case, [first.position])
    assert second == DemandMove(Position(3, 1, 75), b"", ())


@pytest.mark.parametrize("nodes", [3, 300])
@pytest.mark.parametrize("change", [-1, 1])
def test_an_answer_to_an_input_of_another_length_is_convicted(nodes: int, change: int) -> None:
    """There is no canonical trace then, so none to compare with; any trace has a wrong input."""
    scene = chain(nodes, 70)
    packed = scene.packed[:-1] if change < 0 else scene.packed + b"\0"
    case = Case(scene.model, packed, scene.answer)
    for lie in (truth(scene), roots_of_nothing(scene, 1)):
        result = play(None, scene.program, case, lie.trace)
        assert result.convicted
        assert isinstance(result.last, InputClaim)
        assert len(result.demands) == (2 if nodes > 256 else 0)


def test_an_answer_to_a_wrong_number_of_roots_is_convicted() -> None:
    """A request may carry tensor roots in place of its input."""
    scene = chain(3, 70)
    for roots in ((), (bytes(32), bytes(32))):
        result = play(None, scene.program, Case(scene.model, roots, scene.answer), truth(scene).trace)
        assert isinstance(result.last, InputRootClaim)


@pytest.mark.parametrize("nodes", [3, 300])
def test_a_trace_of_another_input_is_convicted_by_the_root_the_request_carries(nodes: int) -> None:
    """Whoever has the input can tell; the chain has its root alone."""
    scene = chain(nodes, 70)
    case = Case(scene.model, (scene.honest.roots[0],), scene.answer)
    result = play(scene.honest, scene.program, case, shifted(scene, 0, 3).trace)
    assert result.convicted
    assert isinstance(result.last, InputRootClaim)
    assert not play(scene.honest, scene.program, case, truth(scene).trace).convicted


def test_an_answer_of_another_length_needs_no_demand() -> None:
    """Whatever the trace says."""
    scene = chain(300, 70)
    for answer in (b"", scene.answer[:-1], scene.answer + b"\0"):
        result = play(scene.honest, scene.program, scene.case(answer), shifted(scene, 5, 5).trace)
        assert isinstance(result.last, AnswerClaim)
        assert result.demands == ()


def test_within_tolerance_an_answer_is_right_and_beyond_it_is_convicted() -> None:
    """A difference in the answer that the model allows is no fault."""
    scene = chain(4, 10)
    half = int.from_bytes(np.array(0.5, ">f8").tobytes(), "big")
    specs = tuple(replace(spec, atol=half) for spec in scene.model.outputs)
    loose = replace(scene, model=replace(scene.model, outputs=specs))
    answer = np.frombuffer(scene.answer, ">f4").copy()
    for difference, convicted in ((0.5, False), (0.75, True)):
        answer[13] = np.frombuffer(scene.answer, ">f4")[13] + difference
        result = play(loose.honest, loose.program, loose.case(answer.tobytes()), truth(loose).trace)
        assert result.convicted is convicted
        if convicted:
            assert isinstance(result.last, AnswerClaim)
            assert (result.last.element.output, result.last.element.element) == (1, 3)


def test_a_bool_input_has_the_root_of_its_very_bytes() -> None:
    """True is any byte but zero: a trace of tidier bytes is another trace."""
    view = View((Coordinate(3, 0, ((0, 1),)),))
    nodes = (
        Node(Kind.INPUT, 0, DType.BOOL, (3,)),
        Node(Kind.MAP, Fn.NOT, DType.BOOL, (3,), (), (Operand(0, DType.BOOL, view),), 1),
    )
    scene = build(Program(1, nodes, {}, 1), [np.array([0, 2, 1], np.uint8).view(np.bool_)])
    assert not outcome(scene, truth(scene)).convicted
    lie = shifted(scene, 0, 1, by=-1)  # 2 becomes 1: the same truth, another byte
    assert lie.answer == scene.answer
    assert isinstance(outcome(scene, lie).last, InputClaim)


def test_an_output_that_is_an_input_is_judged_by_its_values() -> None:
    """True is any byte there too, in the trace as in the answer; a program may have one node."""
    nodes = (Node(Kind.INPUT, 0, DType.BOOL, (3,)),)
    scene = build(Program(1, nodes, {}, 1), [np.array([0, 2, 1], np.uint8).view(np.bool_)])
    for answer, convicted in ((b"\0\2\1", False), (b"\0\1\xff", False), (b"\1\2\1", True), (b"\0\0\1", True)):
        assert play(scene.honest, scene.program, scene.case(answer), truth(scene).trace).convicted is convicted


def test_a_trace_of_another_constant_has_another_root() -> None:
    """The root in the node is believed of the program's own data only."""
    scene = chain(4, 70)
    for copied in (scene.tensors[1].copy(), scene.tensors[1] + 1):
        trace = CommittedTrace(scene.program, [scene.tensors[0], copied, *scene.tensors[2:]])
        assert (trace.root == scene.honest.root) is bool((copied == scene.tensors[1]).all())
