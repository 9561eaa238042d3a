"""Elements of whole nodes: views, index operands, trees, and what an element reads."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.reference.element import element, rank_position, touched
from oracle.canonical.reference.formats import normalise
from oracle.canonical.reference.views import read_in_range, unravel
from oracle.canonical.tensor import DType
from oracle.errors import ProofError
from tests.unit.canonical import mpfr
from tests.unit.canonical.strategies import NodeCase, node_cases

F, I32, I64, U32, B = DType.FLOAT, DType.INT32, DType.INT64, DType.UINT32, DType.BOOL
ONE, TWO, HALF, NAN = 0x3F800000, 0x40000000, 0x3F000000, 0x7FC00000
Array = NDArray[Any]


def elements(case: NodeCase) -> list[int]:
    """The whole tensor of a node."""
    return [element(case.node, i, case.readers) for i in range(case.node.count)]


def read_tensor(case: NodeCase, slot: int, grid: Sequence[Array]) -> Array:
    """What operand `slot` reads as at all points of a grid of indices, -1 out of range; with NumPy's own indexing."""
    operand = case.node.operands[slot]
    coordinates, inside = [], np.ones(grid[0].shape, bool)
    for c in operand.view.coordinates:
        value = np.full(grid[0].shape, c.base, object) + sum(m * grid[axis] for axis, m in c.terms)
        if c.index is not None:
            index_operand = case.node.operands[c.index]
            bits = read_tensor(case, c.index, grid)
            bits = np.where(bits < 0, index_operand.view.fill, bits)
            numbers = np.array([int(b) for b in bits.flat], np.uint64).astype(index_operand.dtype.numpy)
            shift = numbers.astype(object).reshape(bits.shape)
            value = value + shift + np.where(shift < 0, c.dim, 0)
        inside &= (value >= 0) & (value < c.dim)
        coordinates.append(value)
    data = np.array([normalise(operand.dtype, b) for b in case.operands[slot]], object)
    data = data.reshape([c.dim for c in operand.view.coordinates])
    result = np.full(grid[0].shape, -1, object)
    where = tuple(c[inside].astype(int) for c in coordinates)
    result[inside] = data[where] if where else data[()]
    return result


@settings(max_examples=200)
@given(node_cases())
def test_views_read_what_numpys_indexing_reads(case: NodeCase) -> None:
    """Every read of every operand, by whole grids instead of one by one."""
    node = case.node
    dims = (*node.dims, *node.fold, 1)  # never without an axis
    grid = np.indices(dims).astype(object)
    for slot in range(len(node.operands)):
        expected = read_tensor(case, slot, grid)
        for at in np.ndindex(*dims):
            bits = read_in_range(node, case.readers, slot, at)
            assert (-1 if bits is None else bits) == expected[at]


@given(node_cases())
def test_an_element_depends_on_nothing_but_what_it_touched(case: NodeCase) -> None:
    """A one-step proof opens what was touched, and must be enough: all else may be anything."""
    for i in range(min(case.node.count, 3)):
        seen = touched(case.node, i, case.readers)
        hidden = [
            {position: column[position] for position in positions}.__getitem__
            for column, positions in zip(case.operands, seen, strict=True)
        ]
        assert element(case.node, i, hidden) == element(case.node, i, case.readers)


@given(node_cases())
def test_what_a_node_writes_is_normalised_and_of_its_dtype(case: NodeCase) -> None:
    """-0, other NaNs and bools above 1 exist in raw bytes of inputs and constants alone."""
    for bits in elements(case):
        assert 0 <= bits < 1 << 8 * case.node.dtype.size
        assert normalise(case.node.dtype, bits) == bits


@given(node_cases(kinds=(Kind.RANK,)))
def test_a_ranks_position_is_its_element(case: NodeCase) -> None:
    """Places run along the last axis; each place has a position of its own as long as there are elements."""
    node = case.node
    for i, position in enumerate(elements(case)):
        place = unravel(i, node.dims)[-1]
        assert rank_position(node, i, case.readers) == position
        assert 0 <= position < max(node.fold_count, 1)
        if place >= node.fold_count:
            assert position == 0


def _view(*coordinates: Coordinate, fill: int = 0) -> View:
    return View(coordinates, fill)


def _along(axis: int, dim: int) -> Coordinate:
    return Coordinate(dim, 0, ((axis, 1),))


@given(st.integers(1, 3), st.integers(1, 2), st.integers(0, 2), st.data())
def test_a_convolution_is_a_dot_over_windows(stride: int, dilation: int, pad: int, data: st.DataObject) -> None:
    """What views are for: strides, dilation and padding are coefficients, bases and the fill."""
    size, kernel = 7, 3
    count = (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
    bytes_ = st.integers(0, 255)
    x = data.draw(st.lists(bytes_, min_size=size * size, max_size=size * size))
    w = data.draw(st.lists(bytes_, min_size=kernel * kernel, max_size=kernel * kernel))
    window = [Coordinate(size, -pad, ((axis, stride), (axis + 2, dilation))) for axis in (0, 1)]
    operands = (
        Operand(0, I32, _view(*window, fill=1)),
        Operand(1, I32, _view(_along(2, kernel), _along(3, kernel))),
    )
    node = Node(Kind.FOLD, Fn.FOLD_DOT, I32, (count, count), (kernel, kernel), operands, values=2)
    image = np.pad(np.array(x).reshape(size, size), pad, constant_values=1)
    reach = dilation * (kernel - 1) + 1
    windows = np.lib.stride_tricks.sliding_window_view(image, (reach, reach))
    windows = windows[::stride, ::stride, ::dilation, ::dilation]
    expected = np.einsum("abij,ij->ab", windows, np.array(w).reshape(kernel, kernel))
    assert elements(NodeCase(node, (tuple(x), tuple(w)))) == expected.ravel().tolist()


def _gather(index: int, fill: int = 99) -> int:
    operands = (
        Operand(0, I64, _view(Coordinate(3, index=1), fill=fill)),
        Operand(1, I64, _view(_along(0, 1), fill=2)),
    )
    node = Node(Kind.MAP, Fn.PICK, I64, (1,), operands=operands, values=1)
    return element(node, 0, [(10, 20, 30).__getitem__, (index % 2**64,).__getitem__])


@pytest.mark.parametrize(
    ("index", "y"), [(0, 10), (2, 30), (3, 99), (-1, 30), (-3, 10), (-4, 99), (2**63 - 1, 99), (-(2**63), 99)]
)
def test_a_negative_index_counts_from_the_end_once(index: int, y: int) -> None:
    """ONNX's rule, and beyond it the fill: no index is an error in a trace."""
    assert _gather(index) == y


def test_an_index_out_of_range_itself_is_its_fill() -> None:
    """Then it is an index as any other."""
    operands = (
        Operand(0, I64, _view(Coordinate(3, index=1))),
        Operand(1, DType.INT8, _view(Coordinate(1, 5), fill=0xFF)),
    )
    node = Node(Kind.MAP, Fn.PICK, I64, (1,), operands=operands, values=1)
    assert element(node, 0, [(10, 20, 30).__getitem__, (0,).__getitem__]) == 30


def test_sums_of_coordinates_do_not_wrap() -> None:
    """At 2^31 - 1 the sum needs 64 bits: wrapped to 32 it would be in range."""
    steep = Coordinate(4, 2**31 - 1, ((0, 2**31 - 1), (1, 2)))
    node = Node(Kind.MAP, Fn.PICK, I64, (3, 2), operands=(Operand(0, I64, _view(steep, fill=7)),), values=1)
    assert elements(NodeCase(node, ((1, 2, 3, 4),))) == [7] * 6


def test_pick_reads_no_operand_after_the_first_in_range() -> None:
    """Concat of many parts is provable by opening one."""
    parts = (
        Operand(0, F, _view(Coordinate(2, 0, ((0, 1),)), fill=ONE)),
        Operand(1, F, _view(Coordinate(3, -2, ((0, 1),)), fill=HALF)),
    )
    node = Node(Kind.MAP, Fn.PICK, F, (6,), operands=parts, values=2)
    readers = [(5, 6).__getitem__, (7, 8, 9).__getitem__]
    assert [element(node, i, readers) for i in range(6)] == [5, 6, 7, 8, 9, HALF]
    assert touched(node, 1, readers) == [{1}, set()]
    assert touched(node, 4, readers) == [set(), {2}]
    assert touched(node, 5, readers) == [set(), set()]


def test_where_does_not_read_the_branch_it_does_not_take() -> None:
    """Else proofs would open operands for nothing. A raw bool of 2 is true."""
    node = Node(Kind.MAP, Fn.WHERE, I64, (2,), operands=tuple(Operand(k, d, _view(_along(0, 2)))
                for k, d in enumerate((B, I64, I64))), values=3)  # fmt: skip
    readers = [(2, 0).__getitem__, (10, 11).__getitem__, (20, 21).__getitem__]
    assert [element(node, i, readers) for i in range(2)] == [10, 21]
    assert [touched(node, i, readers) for i in range(2)] == [[{0}, {0}, set()], [{1}, set(), {1}]]


def test_mean_counts_the_reads_in_range_alone() -> None:
    """Average pooling at a border: padding is not an element. With none at all it is NaN, or 0 of integers."""
    window = Coordinate(4, -1, ((0, 4), (1, 1)))
    node = Node(Kind.FOLD, Fn.FOLD_MEAN, I64, (3,), (3,), (Operand(0, I64, _view(window, fill=1000)),), values=1)
    assert elements(NodeCase(node, ((10, 20, 60, 7),))) == [15, 7, 0]


def test_the_addend_is_read_with_all_fold_indices_zero() -> None:
    """Once, not once a term; and it is read where the fold is empty."""
    operands = (Operand(0, I64, _view(_along(0, 3))), Operand(1, I64, _view(Coordinate(9, 4, ((0, 1),)))))
    readers = [(1, 2, 3).__getitem__, tuple(range(100, 109)).__getitem__]
    for length, total in ((3, 6), (0, 0)):
        node = Node(Kind.FOLD, Fn.FOLD_SUM, I64, (), (length,), operands, values=2)
        assert element(node, 0, readers) == total + 104


def _walk(case: NodeCase, at: tuple[int, ...], row: int, branches: int) -> int:
    """The tree's definition once more, as a recursion over Python floats."""
    node, nodes, weights = case.node, case.operands[1], case.operands[3]
    entry = nodes[4 * row : 4 * row + 4]
    if len(entry) < 4:
        return 0
    mode, feature = entry[0] & 15, entry[0] >> 8
    if mode == 0:
        weight = weights[entry[1] + at[-1] :][:1]
        return normalise(F, weight[0]) if weight else 0
    if mode > 6 or feature >= node.fold[0] or branches == node.depth:
        return 0
    bits = read_in_range(node, case.readers, 0, (*at, feature))
    v, t = (float(mpfr.to_mpfr(b)) for b in (node.operands[0].view.fill if bits is None else bits, entry[1]))
    true = [v <= t, v < t, v >= t, v > t, v == t, v != t][mode - 1] or (math.isnan(v) and entry[0] & 16 != 0)
    return _walk(case, at, entry[2] if true else entry[3], branches + 1)


@settings(max_examples=150)
@given(node_cases(kinds=(Kind.TREE,)))
def test_trees_walk_as_they_are_defined(case: NodeCase) -> None:
    """Tables that make sense and tables that do not: rows, weights and features that are not there give 0."""
    node = case.node
    for i, bits in enumerate(elements(case)):
        at = unravel(i, node.dims)
        root = read_in_range(node, case.readers, 2, (*at, 0))
        assert bits == _walk(case, at, node.operands[2].view.fill if root is None else root, 0)


# A stump: row 0 compares feature 0 with ½, true to row 1 (weights 0 and 1), false to row 2 (weights 2 and 3).
def _stump(mode: int, x: int, threshold: int = HALF, depth: int = 1) -> list[int]:
    nodes = (mode, threshold, 1, 2, 0, 0, 0, 0, 0, 2, 0, 0)
    operands = tuple(
        Operand(slot, dtype, view)
        for slot, (dtype, view) in enumerate(
            ((F, _view(_along(1, 1))), (U32, _view(Coordinate(12))), (U32, _view()), (F, _view(Coordinate(3))))
        )
    )
    node = Node(Kind.TREE, 0, F, (2,), (1,), operands, 4, depth=depth)
    return elements(NodeCase(node, ((x,), nodes, (0,), (ONE, TWO, 0x40400000))))


TRUE, FALSE = [ONE, TWO], [0x40400000, 0]  # the last weight is outside of its table


@pytest.mark.parametrize(("mode", "branches"), [
    (1, (TRUE, TRUE, FALSE)), (2, (TRUE, FALSE, FALSE)), (3, (FALSE, TRUE, TRUE)),
    (4, (FALSE, FALSE, TRUE)), (5, (FALSE, TRUE, FALSE)), (6, (TRUE, FALSE, TRUE)),
])  # fmt: skip
def test_modes_compare_the_feature_with_the_threshold(mode: int, branches: tuple[list[int], ...]) -> None:
    """Below, at and above it; NaN makes all but ≠ false, unless the row says that missing values are true."""
    assert tuple(_stump(mode, x) for x in (HALF - 1, HALF, HALF + 1)) == branches
    for nan in (NAN, 0xFF800001):
        assert _stump(mode, nan) == (TRUE if mode == 6 else FALSE)
        assert _stump(mode | 16, nan) == TRUE
        assert _stump(mode | 16, ONE, threshold=nan) == (TRUE if mode == 6 else FALSE)
    assert _stump(5, 0x80000000, threshold=0) == TRUE


def test_a_walk_that_is_not_at_a_leaf_after_its_depth_yields_zero() -> None:
    """So that a cycle in a table ends."""
    assert _stump(1, 0, depth=0) == [0, 0]
    assert _stump(1, 0, depth=4096) == TRUE
    assert _stump(7, 0) == _stump(1 | 1 << 8, 0) == [0, 0]


def test_what_is_not_computed_has_no_element() -> None:
    """Inputs and constants are given; and no node has more elements than its tensor."""
    with pytest.raises(ProofError, match="given, not computed"):
        element(Node(Kind.INPUT, 0, F, (4,)), 0, [])
    node = Node(Kind.MAP, Fn.NOT, B, (2,), operands=(Operand(0, B, _view(_along(0, 2))),), values=1)
    for index in (-1, 2):
        with pytest.raises(ProofError, match="no element"):
            element(node, index, [(0, 1).__getitem__])


@given(node_cases(kinds=(Kind.MAP, Kind.FOLD)), st.data())
def test_how_a_raw_operand_is_written_does_not_matter(case: NodeCase, data: st.DataObject) -> None:
    """-0 for +0, a NaN for another, 2 for true: operands are normalised when read."""

    def respelled(dtype: DType, bits: int) -> int:
        if dtype is F and normalise(F, bits) in (0, NAN):
            return data.draw(
                st.sampled_from([0, 0x80000000] if normalise(F, bits) == 0 else [NAN, 0xFFFFFFFF, 0x7F800001])
            )
        return 2 if dtype is B and bits else bits

    operands = tuple(
        tuple(respelled(operand.dtype, bits) for bits in column)
        for operand, column in zip(case.node.operands, case.operands, strict=True)
    )
    assert elements(NodeCase(case.node, operands)) == elements(case)
