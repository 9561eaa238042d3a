"""The cost model's bound on what is opened, against what elements do read. Gas is held to measured proofs elsewhere."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.canonical.commit import LEAF_BYTES
from oracle.canonical.cost import WITHOUT_BOUND, Cost, node_cost, program_cost
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import Program
from oracle.canonical.reach import opening
from oracle.canonical.reference.element import touched
from oracle.canonical.tensor import DType

N = DType.INT64
PER_LEAF = LEAF_BYTES // N.size


@st.composite
def windows(draw: st.DrawFn) -> Node:
    """Sums over windows that leave their operand, overlap, run backwards or follow an index."""
    fold = tuple(draw(st.lists(st.sampled_from([0, 1, 2, 3, 4, 12]), min_size=1, max_size=3)))
    axes = range(len(fold) + 1)
    coordinates = []
    for _ in range(draw(st.integers(1, 2))):
        used = sorted(draw(st.sets(st.sampled_from(axes), max_size=2)))
        terms = tuple((axis, draw(st.sampled_from([1, 2, -1, 5, 33, 40, -40]))) for axis in used)
        index = draw(st.sampled_from([None, None, 1]))
        size, base = draw(st.integers(1, 12) | st.integers(100, 600)), draw(st.integers(-9, 9) | st.integers(0, 200))
        coordinates.append(Coordinate(size, base, terms, index))
    moved = draw(st.sampled_from(axes))
    index = Operand(1, N, View((Coordinate(12, 0, ((moved, 1),)),)))
    return Node(Kind.FOLD, Fn.FOLD_SUM, N, (3,), fold, (Operand(0, N, View(tuple(coordinates))), index), 1)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(node=windows(), element=st.integers(0, 2), seed=st.integers(0, 2**16))
def test_no_element_needs_more_leaves_or_runs_than_the_bound(node: Node, element: int, seed: int) -> None:
    """A gap that padding tears into a window is one more run, with siblings of its own."""
    readers = [lambda position: position, lambda position: (seed + 40503 * position) % 601]
    for slot, positions in enumerate(touched(node, element, readers)):
        leaves = sorted({position // PER_LEAF for position in positions})
        runs = sum(leaf - 1 not in leaves for leaf in leaves)
        bound = opening(node, slot)
        assert len(leaves) <= bound.leaves
        assert runs <= bound.runs


ROW = View((Coordinate(8, 0, ((0, 1),)),))
SOURCE = Node(Kind.INPUT, 0, N, (8,))
SUM = Node(Kind.MAP, Fn.ADD, N, (8,), (), (Operand(0, N, ROW), Operand(0, N, ROW)), 2)
COPY = Node(Kind.MAP, Fn.PICK, N, (8,), (), (Operand(0, N, ROW),), 1)


def test_a_program_costs_what_its_dearest_node_does() -> None:
    """The first of equals is named, and what is given costs nothing."""
    assert node_cost(SOURCE) == Cost(0, 0)
    assert program_cost(Program(1, (SOURCE, COPY, SUM, SUM), {}, 1)) == (node_cost(SUM).gas, 2)


def test_more_runs_than_an_opening_can_count_have_no_bound() -> None:
    """One byte tells their number."""
    for reads, bounded in ((255, True), (256, False)):
        view = View((Coordinate(2 * PER_LEAF * reads, 0, ((0, 2 * PER_LEAF),)),))
        node = Node(Kind.FOLD, Fn.FOLD_SUM, N, (), (reads,), (Operand(0, N, view),), 1)
        assert (node_cost(node).gas < WITHOUT_BOUND) is bounded


def test_padding_can_tear_a_window_into_runs() -> None:
    """Of seven rows that lie without a gap, the corner reads the first column only: seven runs."""
    column, row = Coordinate(7, -6, ((0, 1), (2, 1))), Coordinate(7, 0, ((1, 1),))
    view = View((row, column, Coordinate(PER_LEAF)))
    node = Node(Kind.FOLD, Fn.FOLD_SUM, N, (7,), (7, 7), (Operand(0, N, view),), 1)
    (positions,) = touched(node, 0, [lambda position: position])
    assert len({position // PER_LEAF for position in positions}) == 7
    assert opening(node, 0).runs == 7
    inside = View((row, Coordinate(13, 0, ((0, 1), (2, 1))), Coordinate(PER_LEAF)))
    node = Node(Kind.FOLD, Fn.FOLD_SUM, N, (7,), (1, 7), (Operand(0, N, inside),), 1)
    assert opening(node, 0).runs == 1
