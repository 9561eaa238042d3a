"""The fast engine against the reference, which shares no arithmetic with it: random nodes of every kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.fast import block, depthwise, dot, exact, folds, maps, sums
from oracle.canonical.program.node import Kind
from oracle.canonical.reference.element import element
from tests.unit.canonical.fast.programs import array_of, bits_of, run_node
from tests.unit.canonical.strategies import NodeCase, node_cases


def _expected(case: NodeCase) -> list[int]:
    return [element(case.node, index, case.readers) for index in range(case.node.count)]


def _computed(case: NodeCase, constant: list[bool], *, all_exact: bool = False) -> list[int]:
    arrays = [array_of(bits, op.dtype) for bits, op in zip(case.operands, case.node.operands, strict=True)]
    for array in arrays:
        array.flags.writeable = False
    return bits_of(run_node(case.node, arrays, constant, all_exact=all_exact))


_CONSTANT = st.lists(st.booleans(), min_size=8, max_size=8)


@pytest.mark.parametrize("kind", [Kind.MAP, Kind.FOLD, Kind.TREE, Kind.RANK])
@given(data=st.data())
def test_every_element_has_the_bits_of_the_reference(kind: Kind, data: st.DataObject) -> None:
    """An engine that differs in one bit makes honest operators lose their bonds."""
    case = data.draw(node_cases([kind]))
    constant = data.draw(_CONSTANT)
    with np.errstate(all="raise"):
        assert _computed(case, constant, all_exact=data.draw(st.booleans())) == _expected(case)


@given(node_cases([Kind.MAP, Kind.FOLD]), _CONSTANT, st.integers(1, 12))
def test_tiles_of_any_size_give_the_same_bits(case: NodeCase, constant: list[bool], size: int) -> None:
    """Nodes larger than the cache are cut into tiles; none may be left out, computed twice or misplaced."""
    with pytest.MonkeyPatch.context() as patch:
        for module, names in _TILES.items():
            for name in names:
                patch.setattr(module, name, size)
        assert _computed(case, constant) == _expected(case)


_TILES = {
    block: ("_WORTH", "_TOGETHER"),
    depthwise: ("_TILE",),
    dot: ("_ROWS", "_RESULTS", "_COLUMNS", "_COLUMN_ELEMENTS", "_SPLIT"),
    exact: ("_CHUNK", "_FEW"),
    folds: ("_TERMS", "_SHORT"),
    maps: ("_CHUNK", "_SPREAD"),
    sums: ("_TERMS", "_SHORT"),
}


@given(node_cases([Kind.FOLD]), _CONSTANT)
def test_elements_left_open_get_their_bits_one_by_one_as_well(case: NodeCase, constant: list[bool]) -> None:
    """A few open elements are summed alone and many by whole tiles: both ways must agree with the reference."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block, "_DENSE", 0)
        assert _computed(case, constant) == _expected(case)
