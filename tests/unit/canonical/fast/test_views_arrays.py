"""Views as arrays: every way to read gives what the definition says, and none leaves its operand."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.fast.views import ViewPlan, boxes
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.tensor import DType
from oracle.errors import ProgramError

_FILL = 77


def _node(dims: tuple[int, ...], coordinates: Sequence[Coordinate], index_view: View | None = None) -> Node:
    operands = [Operand(0, DType.INT32, View(tuple(coordinates), _FILL))]
    if index_view is not None:
        operands.append(Operand(1, DType.INT64, index_view))
    return Node(Kind.MAP, Fn.PICK, DType.INT32, dims, (), tuple(operands), 1)


def _by_definition(node: Node, index: Sequence[int]) -> list[int]:
    """Element by element, in Python's integers. The operand's element p is p."""
    result = []
    for at in itertools.product(*map(range, node.dims)):
        position, inside = 0, True
        for c in node.operands[0].view.coordinates:
            value = c.base + sum(m * at[axis] for axis, m in c.terms)
            if c.index is not None:
                w = index[at[-1]]
                value += w + c.dim if w < 0 else w
            inside &= 0 <= value < c.dim
            position = position * c.dim + value
        result.append(position if inside else _FILL)
    return result


def _read(node: Node, index: Sequence[int] = ()) -> list[int]:
    operand = np.arange(node.operands[0].view.count, dtype=np.int32)
    operand.flags.writeable = False
    read = ViewPlan(node, 0).read([operand, np.array(index, np.int64)])
    assert read.shape == node.dims
    return list(read.reshape(-1).tolist())


def _coordinates(rank: int, reach: int) -> st.SearchStrategy[Coordinate]:
    terms = st.dictionaries(st.integers(0, rank - 1), st.integers(-reach, reach).filter(bool), max_size=rank)
    return st.builds(
        lambda dim, base, terms: Coordinate(dim, base, tuple(sorted(terms.items()))),
        *(st.integers(0, 5), st.integers(-reach, reach), terms),
    )


@pytest.mark.parametrize("reach", [3, 2**31 - 1])
@given(data=st.data())
def test_affine_views_read_what_they_say(reach: int, data: st.DataObject) -> None:
    """Near misses are padded and far ones gathered; overlap, reversal and broadcast are strides."""
    dims = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=3).map(tuple))
    node = _node(dims, data.draw(st.lists(_coordinates(len(dims), reach), max_size=3)))
    assert _read(node) == _by_definition(node, ())


@given(
    st.integers(0, 4),
    st.integers(-3, 3),
    st.lists(st.one_of(st.integers(-5, 5), st.sampled_from([2**63 - 1, -(2**63)])), min_size=3, max_size=3),
)
def test_gathers_wrap_once_and_never_overflow(dim: int, base: int, index: list[int]) -> None:
    """An index is data: whatever it is, the read is in range or the fill."""
    rows = Coordinate(dim, base, ((0, 1),), 1)
    node = _node((2, 3), [rows], View((Coordinate(3, 0, ((1, 1),)),)))
    assert _read(node, index) == _by_definition(node, index)


@given(st.lists(st.integers(1, 5), max_size=4), st.integers(1, 30))
def test_boxes_cover_every_place_once(shape: list[int], limit: int) -> None:
    """Tiles that overlap or leave gaps would write wrong tensors."""
    seen = np.zeros(shape, int)
    for box in boxes(tuple(shape), limit):
        seen[box] += 1
        assert seen[box].size <= limit
    assert (seen == 1).all()


@given(data=st.data())
def test_the_box_of_reads_in_range_is_exactly_that(data: st.DataObject) -> None:
    """Concatenation and padding copy boxes without asking element by element."""
    dims = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple))
    node = _node(dims, data.draw(st.lists(_coordinates(len(dims), 3), max_size=3)))
    plan = ViewPlan(node, 0)
    box = plan.box()
    if box is not None:
        inside = np.zeros(dims, np.bool_)
        inside[box] = True
        np.testing.assert_array_equal(plan.in_range([np.zeros(node.operands[0].view.count, np.int32)]), inside)


def test_coordinates_that_int64_could_wrap_are_refused() -> None:
    """Better no answer than one from a wrapped coordinate."""
    with pytest.raises(ProgramError, match="2\\^61"):
        ViewPlan(_node((2**31 - 1,), [Coordinate(3, 0, ((0, 2**31 - 1),))]), 0)
