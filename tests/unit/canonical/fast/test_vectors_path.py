"""The fast path against the published vectors."""

from pathlib import Path

from oracle.canonical.fast.vectors_path import FastPath
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.tensor import DType
from oracle.canonical.vectors import Case, check, read_cases

VECTORS = Path(__file__).parents[3] / "vectors" / "float32.json"


def test_the_fast_path_agrees_with_every_vector() -> None:
    """They were made apart from the project's code; among them are sums that leave the proven path."""
    assert check(read_cases(VECTORS), FastPath()) == []


def test_a_sum_without_iteration_axes_is_decided_exactly() -> None:
    """A tie that float64 cannot decide, in a node whose tensor is a scalar."""
    views = [Operand(slot, DType.FLOAT, View((Coordinate(3, terms=((0, 1),)),))) for slot in (0, 1)]
    node = Node(Kind.FOLD, Fn.FOLD_DOT, DType.FLOAT, (), (3,), tuple(views), values=2)
    one = 0x3F800000
    columns = ((one, 0x33800000, 0x17800000), (one, one, one))  # 1 + 2^-24 + 2^-80
    assert FastPath().compute([Case("DOT", node, columns, 0)]) == [0x3F800001]
