"""The smallest lies, which the demo's dishonest operator tells: each is one, and the next smaller one is not."""

from dataclasses import replace

import pytest

from oracle.canonical.model import OutputSpec
from oracle.canonical.program.node import Kind
from oracle.canonical.tolerance import bits_of
from tests.adversary import liars
from tests.adversary.least import largest, least_shift
from tests.adversary.scenes import Scene, chain
from tests.adversary.table import answer_is_right


def tolerant(scene: Scene, atol: float) -> Scene:
    """The same model, published with a tolerance."""
    outputs = tuple(OutputSpec(spec.tensor, bits_of(atol)) for spec in scene.model.outputs)
    return replace(scene, model=replace(scene.model, outputs=outputs))


@pytest.mark.parametrize("atol", [0.0, 0.5, 1000.0])
@pytest.mark.parametrize("node", [0, 1, 2, 4])
def test_a_least_shift_is_a_lie_and_one_bit_less_is_tolerated(node: int, atol: float) -> None:
    """A conviction at the very edge of the tolerance shows that the edge is where it was published."""
    scene = tolerant(chain(7, 5), atol)
    shift = least_shift(scene, node)
    lie = liars.shifted(scene, shift.node, shift.element, by=shift.by)
    assert not answer_is_right(scene.model, lie.answer, scene.answer)
    less = liars.shifted(scene, shift.node, shift.element, by=shift.by - 1)
    assert answer_is_right(scene.model, less.answer, scene.answer)


def test_where_no_shift_makes_a_lie_none_is_named() -> None:
    """A lie that is none would never be refuted, and whoever waits for that would wait for ever."""
    with pytest.raises(ValueError, match="No shift"):
        least_shift(tolerant(chain(7, 5), 1e30), 2)


def test_the_largest_node_of_a_kind_is_the_last_of_equals() -> None:
    """Deep in the network, not at its entrance."""
    assert largest(chain(7, 5), Kind.MAP) == 6
    assert largest(chain(7, 5), Kind.CONST) == 1


@pytest.mark.parametrize("bits", [0, 3])
def test_cut_weights_are_another_model_all_the_way(bits: int) -> None:
    """The trace follows from the other weights, so that only the weights' roots give it away."""
    scene = chain(7, 5)
    lie = liars.other_weights(scene, bits)
    differing = [k for k, tensor in enumerate(lie.trace.tensors) if tensor.root != scene.honest.roots[k]]
    assert liars.weights(scene) == [1]
    assert differing[0] == 1
    assert lie.answer != scene.answer
