"""Nodes without elements, folds over nothing and operands without elements, whose other dimensions are long."""

import numpy as np
import pytest

from oracle.canonical.program.node import MAX_DIM, Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.validate import validate_node
from oracle.canonical.reference.element import element
from oracle.canonical.tensor import DType
from tests.unit.canonical.fast.programs import array_of, bits_of, run_node

F, I64, U32 = DType.FLOAT, DType.INT64, DType.UINT32
LONG = MAX_DIM
FILL = 0x40A00000
FIVE = View((Coordinate(5, 0, ((0, 1),)),), FILL)


def node_of(kind: Kind, fn: int, dims: tuple[int, ...], fold: tuple[int, ...], view: View = FIVE) -> Node:
    """A valid node whose operands are read by `view`."""
    if kind is Kind.TREE:
        table = View((Coordinate(8),))
        dtypes, views, depth = (F, U32, U32, F), (view, table, View((Coordinate(1),)), table), 3
    else:
        dtypes, depth = (F,) * (2 if fn in (Fn.ADD, Fn.FOLD_DOT) else 1), 0
        views = (view,) * len(dtypes)
    dtype = I64 if kind is Kind.RANK or fn == Fn.FOLD_ARGMAX else F
    operands = tuple(Operand(slot, *parts) for slot, parts in enumerate(zip(dtypes, views, strict=True)))
    node = Node(kind, fn, dtype, dims, fold, operands, len(operands), depth=depth)
    validate_node(node)
    return node


def both(node: Node) -> tuple[list[int], list[int]]:
    """All elements by the fast path, and by the reference; the operands count up from 1."""
    columns = [list(range(1, operand.view.count + 1)) for operand in node.operands]
    arrays = [array_of(column, operand.dtype) for column, operand in zip(columns, node.operands, strict=True)]
    readers = [column.__getitem__ for column in columns]
    return bits_of(run_node(node, arrays)), [element(node, at, readers) for at in range(node.count)]


@pytest.mark.parametrize("fold", [(LONG, 0), (0, LONG, LONG, LONG)], ids=str)
@pytest.mark.parametrize(
    ("kind", "fn"),
    [
        *((Kind.FOLD, fn) for fn in (Fn.FOLD_DOT, Fn.FOLD_SUM, Fn.FOLD_MEAN, Fn.FOLD_MAX, Fn.FOLD_ARGMAX)),
        (Kind.RANK, 0),
    ],
)
def test_attack_41_a_fold_over_nothing_takes_no_time_however_long_its_other_dimensions(
    kind: Kind, fn: int, fold: tuple[int, ...]
) -> None:
    """Such a node is valid and cheap to prove: an honest prover must not run out of memory over it."""
    fast, reference = both(node_of(kind, fn, (2, 3), fold))
    assert fast == reference
    assert len(fast) == 6


@pytest.mark.parametrize("dims", [(LONG, LONG, 0), (LONG, LONG, LONG, 0)], ids=str)
@pytest.mark.parametrize(
    ("kind", "fn", "fold"),
    [
        (Kind.MAP, Fn.PICK, ()),
        (Kind.MAP, Fn.ADD, ()),
        (Kind.FOLD, Fn.FOLD_DOT, (3,)),
        (Kind.FOLD, Fn.FOLD_SUM, (3,)),
        (Kind.FOLD, Fn.FOLD_MAX, (3,)),
        (Kind.TREE, 0, (3,)),
        (Kind.RANK, 0, (3,)),
    ],
)
def test_a_node_without_elements_takes_no_time_however_long_its_other_dimensions(
    kind: Kind, fn: int, fold: tuple[int, ...], dims: tuple[int, ...]
) -> None:
    """A program that has one would stop whoever runs it."""
    assert both(node_of(kind, fn, dims, fold)) == ([], [])


@pytest.mark.parametrize(
    ("kind", "fn", "fold"),
    [
        (Kind.MAP, Fn.PICK, ()),
        (Kind.MAP, Fn.ADD, ()),
        *((Kind.FOLD, fn, (3,)) for fn in (Fn.FOLD_DOT, Fn.FOLD_SUM, Fn.FOLD_MEAN, Fn.FOLD_MAX)),
    ],
)
def test_an_operand_without_elements_reads_as_its_fill(kind: Kind, fn: int, fold: tuple[int, ...]) -> None:
    """Its other sizes may be anything: their product is beyond every array."""
    view = View((*(Coordinate(LONG, 5, ((0, LONG),)) for _ in range(3)), Coordinate(0, 0, ((0, 1),))), FILL)
    fast, reference = both(node_of(kind, fn, (4,), fold, view))
    assert fast == reference
    assert len(fast) == 4


def test_an_operand_and_its_index_without_elements_read_as_their_fills() -> None:
    """Both are read out of range, the index far away."""
    view = View((Coordinate(0), Coordinate(LONG, 0, ((0, 5),), 1)), 3)
    index = View((Coordinate(LONG, 5, ((1, 9),)), Coordinate(0)), 2**63)
    node = Node(Kind.FOLD, Fn.FOLD_SUM, I64, (2,), (7,), (Operand(0, I64, view), Operand(1, I64, index)), 1)
    empty = np.zeros(0, np.int64)
    assert run_node(node, [empty, empty]).tolist() == [21, 21]
