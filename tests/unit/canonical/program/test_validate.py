"""Which nodes are malformed. A node accepted here and refused on-chain, or the reverse, would cost somebody a bond."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.program.encoding import decode_node, encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.validate import validate_node
from oracle.canonical.tensor import DType
from oracle.errors import ProgramError
from tests.unit.canonical.strategies import FORMATS, valid_nodes

F, N, U, B = DType.FLOAT, DType.INT64, DType.UINT32, DType.BOOL
LINE = View((Coordinate(4, terms=((0, 1),)),))


def _operand(dtype: DType, view: View = LINE) -> Operand:
    return Operand(0, dtype, view)


def _coordinate(node: Node, coordinate: Coordinate) -> Node:
    """`node` with `coordinate` as the view of its first operand."""
    first = replace(node.operands[0], view=View((coordinate,)))
    return replace(node, operands=(first, *node.operands[1:]))


def _table(node: Node, slot: int, coordinate: Coordinate) -> Node:
    operands = list(node.operands)
    operands[slot] = replace(operands[slot], view=View((coordinate,)))
    return replace(node, operands=tuple(operands))


ADD = Node(Kind.MAP, Fn.ADD, F, (4,), operands=(_operand(F), _operand(F)), values=2)
GATHER = replace(ADD, operands=(_operand(F, View((Coordinate(9, index=2),))), _operand(F), _operand(N)))
DOT = Node(Kind.FOLD, Fn.FOLD_DOT, F, (4,), (8,), operands=(_operand(F), _operand(F), _operand(F)), values=3)
RANK = Node(Kind.RANK, 0, N, (4,), (8,), operands=(_operand(F),), values=1)
INPUT = Node(Kind.INPUT, 0, F, (4,), slot=3)
CONST = Node(Kind.CONST, 0, F, (4,), root=bytes(32))
TABLE = View((Coordinate(40),))
TREE = Node(
    *(Kind.TREE, 0, F, (2, 3), (5,)),
    operands=(_operand(F), _operand(U, TABLE), _operand(U), _operand(F, TABLE)),
    values=4,
    depth=7,
)


@given(valid_nodes())
def test_every_node_the_strategies_draw_is_valid_and_survives_its_encoding(node: Node) -> None:
    """The program's root commits to the encoding, so it must say all there is to say of a node, in one way."""
    validate_node(node)
    assert decode_node(encode_node(node)) == node


@given(st.binary(max_size=200))
def test_bytes_decode_to_a_node_they_encode_or_are_refused(data: bytes) -> None:
    """A program is a stranger's file: whatever its bytes, the judge may only refuse it."""
    try:
        node = decode_node(data)
        validate_node(node)
    except ProgramError:
        return
    assert encode_node(node) == data


@given(valid_nodes(), st.data())
def test_no_node_has_two_encodings(node: Node, data: st.DataObject) -> None:
    """A changed byte is another node or none: else one node could have two roots."""
    good = encode_node(node)
    position = data.draw(st.integers(0, len(good) - 1))
    bad = bytes([*good[:position], good[position] ^ data.draw(st.integers(1, 255)), *good[position + 1 :]])
    try:
        other = decode_node(bad)
        validate_node(other)
    except ProgramError:
        return
    assert other != node
    assert encode_node(other) == bad


@given(valid_nodes(), st.data())
def test_missing_and_additional_bytes_are_refused(node: Node, data: st.DataObject) -> None:
    """The end of a node is where its fields end."""
    good = encode_node(node)
    with pytest.raises(ProgramError):
        decode_node(good[: data.draw(st.integers(0, len(good) - 1))])
    with pytest.raises(ProgramError):
        decode_node(good + data.draw(st.binary(min_size=1, max_size=9)))


@pytest.mark.parametrize("node", [ADD, GATHER, DOT, RANK, INPUT, CONST, TREE], ids=lambda n: n.kind.name)
def test_the_nodes_broken_below_are_valid(node: Node) -> None:
    """Otherwise the cases below would prove nothing."""
    validate_node(node)


BROKEN: dict[str, tuple[Node, str]] = {
    "no such MAP function": (replace(ADD, fn=0x05), "0x05, which does not exist"),
    "a fold's function in MAP": (replace(ADD, fn=Fn.FOLD_SUM), "0x81, which does not exist"),
    "a MAP function in FOLD": (replace(DOT, fn=Fn.ADD), "0x10, which does not exist"),
    "no such FOLD function": (replace(DOT, fn=0x89), "0x89, which does not exist"),
    "no such order": (replace(RANK, fn=2), "0x02, which does not exist"),
    "an INPUT with a function": (replace(INPUT, fn=1), "0x01, which does not exist"),
    "a CONST with a function": (replace(CONST, fn=1), "0x01, which does not exist"),
    "a TREE with a function": (replace(TREE, fn=1), "0x01, which does not exist"),
    "a format of another version": (replace(INPUT, dtype=DType.FLOAT16), "no format"),
    "an operand of another version's format": (
        replace(ADD, fn=Fn.CAST, operands=(_operand(DType.DOUBLE),), values=1),
        "does not fit any -> any",
    ),
    "too many iteration dimensions": (replace(INPUT, dims=(1,) * 9), "9 iteration"),
    "too many fold dimensions": (replace(DOT, fold=(1,) * 9), "9 fold"),
    "too large a dimension": (replace(INPUT, dims=(2**31, 0)), "dimension of 2147483648"),
    "too large a fold dimension": (replace(DOT, fold=(2**31, 0)), "dimension of 2147483648"),
    "too long a fold": (replace(DOT, fold=(2**20 + 1,)), "folds over 1048577"),
    "too large a tensor": (replace(INPUT, dims=(2**30, 17)), "285212672 leaves"),
    "MAP with a fold": (replace(ADD, fold=(1,)), "1 fold dimensions, where none"),
    "INPUT with a fold": (replace(INPUT, fold=(1,)), "1 fold dimensions, where none"),
    "CONST with a fold": (replace(CONST, fold=(1,)), "1 fold dimensions, where none"),
    "TREE without features": (replace(TREE, fold=()), "0 fold dimensions"),
    "TREE with two axes of features": (replace(TREE, fold=(1, 1)), "2 fold dimensions"),
    "TREE without classes": (replace(TREE, dims=()), "no iteration dimension"),
    "RANK without places": (replace(RANK, dims=()), "no iteration dimension"),
    "a slot beyond 16 bits": (replace(INPUT, slot=2**16), "slot 65536"),
    "a slot where none is encoded": (replace(ADD, slot=1), "slot 1"),
    "a short root": (replace(CONST, root=bytes(31)), "31 bytes"),
    "a root where none is encoded": (replace(INPUT, root=bytes(32)), "32 bytes"),
    "too deep a tree": (replace(TREE, depth=4097), "depth 4097"),
    "a depth where none is encoded": (replace(DOT, depth=1), "depth 1"),
    "too few values": (replace(ADD, operands=ADD.operands[:1], values=1), "1 values"),
    "too many values": (replace(ADD, operands=(_operand(F),) * 3, values=3), "3 values"),
    "an addend of MEAN": (replace(DOT, fn=Fn.FOLD_MEAN, operands=DOT.operands[:2], values=2), "2 values"),
    "fewer operands than values": (replace(ADD, operands=ADD.operands[:1]), "1 operands"),
    "too many operands": (replace(ADD, operands=(*ADD.operands, *(_operand(N),) * 7)), "9 operands"),
    "PICK of nothing": (replace(ADD, fn=Fn.PICK, operands=(), values=0), "0 values"),
    "INPUT with an operand": (replace(INPUT, operands=(_operand(N),)), "1 operands, where none"),
    "CONST with a value": (replace(CONST, operands=(_operand(N),), values=1), "1 values"),
    "operands of two dtypes": (replace(ADD, operands=(_operand(F), _operand(N))), "operand 1 of a MAP ADD node"),
    "arithmetic of bools": (replace(ADD, dtype=B, operands=(_operand(B),) * 2), "is bool, which does not fit"),
    "another result": (replace(ADD, dtype=N), "yields int64"),
    "a comparison that yields numbers": (replace(ADD, fn=Fn.LESS), "yields float32"),
    "a position that is no int64": (replace(RANK, dtype=DType.INT32), "yields int32"),
    "EXP of integers": (
        replace(ADD, fn=Fn.EXP, dtype=N, operands=(_operand(N),), values=1),
        "is int64, which does not fit",
    ),
    "ANY of numbers": (
        replace(DOT, fn=Fn.FOLD_ANY, dtype=B, operands=(_operand(F),), values=1),
        "is float32, which does not fit",
    ),
    "RANK of bools": (replace(RANK, operands=(_operand(B),)), "is bool, which does not fit"),
    "a condition that is no bool": (
        replace(ADD, fn=Fn.WHERE, operands=(_operand(F),) * 3, values=3),
        "operand 0 of a MAP WHERE node is float32",
    ),
    "weights that are no float32": (
        replace(TREE, operands=(*TREE.operands[:3], _operand(U, TABLE))),
        "operand 3 of a TREE node is uint32",
    ),
    "an operand beyond 32 bits": (replace(ADD, operands=(Operand(2**32, F, LINE),) * 2), "tensor 4294967296"),
    "an index of floats": (replace(GATHER, operands=(*ADD.operands, _operand(F))), "no integer"),
    "an index of bools": (replace(GATHER, operands=(*ADD.operands, _operand(B))), "no integer"),
    "too many coordinates": (
        replace(ADD, operands=(_operand(F, View((Coordinate(1),) * 9)), _operand(F))),
        "9 coordinates",
    ),
    "too large a size": (_coordinate(ADD, Coordinate(2**31)), "dimension of 2147483648"),
    "too large an operand": (
        replace(ADD, operands=(_operand(F, View((Coordinate(2**30), Coordinate(17)))), _operand(F))),
        "285212672 leaves",
    ),
    "a base beyond 32 bits": (_coordinate(ADD, Coordinate(4, 2**31)), "base 2147483648"),
    "axes that descend": (_coordinate(DOT, Coordinate(4, 0, ((1, 1), (0, 1)))), "axes [1, 0]"),
    "an axis twice": (_coordinate(DOT, Coordinate(4, 0, ((1, 1), (1, 2)))), "axes [1, 1]"),
    "an axis that is not there": (_coordinate(DOT, Coordinate(4, 0, ((2, 1),))), "axes [2]"),
    "a coefficient of 0": (_coordinate(ADD, Coordinate(4, 0, ((0, 0),))), "coefficient 0"),
    "a coefficient beyond 32 bits": (_coordinate(ADD, Coordinate(4, 0, ((0, -(2**31) - 1),))), "coefficient -214"),
    "a value as an index": (_coordinate(GATHER, Coordinate(4, index=1)), "index 1"),
    "an index that is not there": (_coordinate(GATHER, Coordinate(4, index=3)), "index 3"),
    "an index of an index": (
        replace(GATHER, operands=(*ADD.operands, _operand(N, View((Coordinate(4, index=2),))))),
        "index of its own",
    ),
    "nodes with a base": (_table(TREE, 1, Coordinate(40, 1)), "is a table"),
    "nodes with a term": (_table(TREE, 1, Coordinate(40, 0, ((0, 1),))), "is a table"),
    "weights in two dimensions": (
        replace(TREE, operands=(*TREE.operands[:3], _operand(F, View((Coordinate(4), Coordinate(10)))))),
        "is a table",
    ),
    "weights without a dimension": (replace(TREE, operands=(*TREE.operands[:3], _operand(F, View(())))), "is a table"),
    "nodes with an index": (
        replace(TREE, operands=(*_table(TREE, 1, Coordinate(40, index=4)).operands, _operand(N))),
        "is a table",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_refused_in_words(rule: str) -> None:
    """Every rule of sections 4 and 5, broken alone."""
    node, words = BROKEN[rule]
    with pytest.raises(ProgramError) as refusal:
        validate_node(node)
    assert words in str(refusal.value)
    assert str(refusal.value).endswith(".")


AT_THE_LIMIT = [
    replace(INPUT, dims=(2**31 - 1, 0)),
    replace(INPUT, dims=(2**30, 16)),
    replace(INPUT, dims=(1,) * 8, slot=2**16 - 1),
    replace(DOT, fold=(2**10, 2**10)),
    replace(DOT, fold=(0, 2**31 - 1)),
    replace(TREE, depth=4096),
    replace(TREE, depth=0),
    replace(ADD, fn=Fn.PICK, operands=(_operand(F),) * 8, values=8),
    _coordinate(ADD, Coordinate(2**31 - 1, -(2**31), ((0, 2**31 - 1),))),
]


@pytest.mark.parametrize("node", AT_THE_LIMIT)
def test_a_node_at_a_limit_is_valid(node: Node) -> None:
    """Limits are inclusive: the compiler may use them whole."""
    validate_node(node)
    assert decode_node(encode_node(node)) == node


def _with_fill(dtype: DType, fill: int) -> Node:
    return Node(Kind.MAP, Fn.CAST, F, (4,), operands=(_operand(dtype, replace(LINE, fill=fill)),), values=1)


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_fill_is_an_element_of_its_operand(dtype: DType) -> None:
    """The fill has 64 bits in the encoding, and the element fewer: what is left over must not be free to choose."""
    end = 2 if dtype is B else 1 << 8 * dtype.size
    validate_node(_with_fill(dtype, end - 1))
    with pytest.raises(ProgramError, match="has fill"):
        validate_node(_with_fill(dtype, end))


@pytest.mark.parametrize(
    "change", [lambda d: d[:7], lambda d: bytes([9]) + d[1:], lambda d: d[:2] + bytes([8]) + d[3:]]
)
def test_bytes_that_name_no_kind_or_dtype_are_refused(change: Callable[[bytes], bytes]) -> None:
    """A code without a meaning has no element."""
    with pytest.raises(ProgramError):
        decode_node(change(encode_node(ADD)))
