"""Vectors of encodings of nodes: what is a node, and why not.

The file is records, numbers big-endian: `u16 length · encoding · u8 malformation · u64 count`. The malformation is 0
for a node, whose tensor then has `count` elements; for INPUT and CONST, which compute nothing, count is `GIVEN`.
"""

import random
import struct
from collections.abc import Iterator
from dataclasses import replace
from enum import IntEnum, auto

from bench.vectors.operands import FORMATS, INTEGERS
from oracle.canonical.program.encoding import decode_node, encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.validate import validate_node
from oracle.canonical.tensor import DType
from oracle.errors import ProgramError

GIVEN = 2**64 - 1
F, B, U8, U32, I64 = DType.FLOAT, DType.BOOL, DType.UINT8, DType.UINT32, DType.INT64


class Malformation(IntEnum):
    """Why bytes are no node, in the order of reading: the enum of the contracts."""

    NONE = 0
    TOO_SHORT = auto()
    BYTES_LEFT_OVER = auto()
    UNKNOWN_KIND = auto()
    UNKNOWN_FUNCTION = auto()
    UNKNOWN_DTYPE = auto()
    RANK_TOO_HIGH = auto()
    RANK_DOES_NOT_FIT = auto()
    OPERANDS_DO_NOT_FIT = auto()
    DIMENSION_TOO_LARGE = auto()
    TOO_MANY_ELEMENTS = auto()
    FOLD_TOO_LONG = auto()
    TREE_TOO_DEEP = auto()
    FILL_TOO_LARGE = auto()
    INDEX_NOT_ALLOWED = auto()
    TERM_NOT_CANONICAL = auto()
    DTYPES_DO_NOT_FIT = auto()
    TABLE_VIEW_NOT_PLAIN = auto()


M = Malformation
ROW = View((Coordinate(5, 0, ((0, 1),)),))
GATHER = View((Coordinate(7, -1, ((0, 1), (1, -2)), 2), Coordinate(3, 2)), 9)


def nodes() -> bytes:
    """The file. Raises `AssertionError` where the Python rules do not take and refuse the same encodings."""
    rng = random.Random(2)  # noqa: S311 (the same cases every time)
    return b"".join(
        _record(data, reason) for data, reason in [*_heads(), *_limits(), *_fields(), *_cuts(), *_dtypes(rng)]
    )


def _record(data: bytes, reason: Malformation) -> bytes:
    try:
        node = decode_node(data)
        validate_node(node)
        valid = True
    except ProgramError:
        valid = False
    assert valid == (reason is M.NONE), f"{data.hex()} is {reason.name}"
    count = 0
    if valid:
        count = GIVEN if node.kind in (Kind.INPUT, Kind.CONST) else node.count
    return struct.pack(">H", len(data)) + data + struct.pack(">BQ", reason, count)


Cases = Iterator[tuple[bytes, Malformation]]


def _plain(fn: int, *dtypes: DType, out: DType, kind: Kind = Kind.MAP) -> Node:
    """A node of two elements with values of the dtypes."""
    fold = (2,) if kind in (Kind.FOLD, Kind.RANK) else ()
    return Node(kind, fn, out, (2,), fold, tuple(Operand(i, d, View(())) for i, d in enumerate(dtypes)), len(dtypes))


PICK = _plain(Fn.PICK, F, out=F)
SUM = _plain(Fn.FOLD_SUM, U8, out=U8, kind=Kind.FOLD)
RANK = _plain(0, F, out=I64, kind=Kind.RANK)
INPUT = Node(Kind.INPUT, 0, F, (3,), slot=65_535)
CONST = Node(Kind.CONST, 0, U8, (3, 4), root=bytes(range(1, 33)))
TREE = Node(
    Kind.TREE, 0, F, (2, 3), (4,),
    (Operand(0, F, View((Coordinate(8, 0, ((0, 4), (2, 1))),))), Operand(1, U32, View((Coordinate(12),))),
     Operand(2, U32, View(())), Operand(3, F, View((Coordinate(9),)))), 4, depth=4096,
)  # fmt: skip
INDEXED = Node(
    Kind.MAP, Fn.ADD, I64, (2, 3), (),
    (Operand(0, I64, GATHER), Operand(4_000_000_000, I64, ROW), Operand(2, DType.INT8, ROW)), 2,
)  # fmt: skip


def _heads() -> Cases:
    """Kinds and functions by their codes, and the number of values of each; heads alone, as no more is looked at."""
    arity = _arities()
    for kind in range(8):
        known = kind <= max(Kind)
        for fn in range(256):
            least, most = arity.get((kind, fn), (1, 0))
            if not known or least > most:
                if fn < 0x44 or fn in (0x7F, 0x80, 0x89, 0x8A, 0xFF):
                    yield bytes((kind, fn, F, 0, 0, 0, 0)), M.UNKNOWN_FUNCTION if known else M.UNKNOWN_KIND
                continue
            rank, fold = (1 if kind in (Kind.TREE, Kind.RANK) else 0), (1 if kind == Kind.TREE else 0)
            for values in range(10):
                if not least <= values <= most:
                    yield bytes((kind, fn, F, rank, fold, values, values)), M.OPERANDS_DO_NOT_FIT
    yield bytes((255, 0, F, 0, 0, 0, 0)), M.UNKNOWN_KIND
    for dtype in (*range(15), 0x1F, 0x80, 0xFF):
        if dtype not in FORMATS:
            yield bytes((Kind.MAP, 0, dtype, 0, 0, 1, 1)), M.UNKNOWN_DTYPE


def _arities() -> dict[tuple[int, int], tuple[int, int]]:
    arity: dict[tuple[int, int], tuple[int, int]] = {(kind, 0): (0, 0) for kind in (Kind.INPUT, Kind.CONST)}
    arity[Kind.TREE, 0] = (4, 4)
    arity |= {(Kind.RANK, fn): (1, 1) for fn in (0, 1)}
    two = (Fn.EQUAL, Fn.LESS, Fn.AND, Fn.OR, Fn.XOR, Fn.ADD, Fn.SUB, Fn.MUL, Fn.DIV, Fn.MAX, Fn.MIN, Fn.POW, Fn.PRELU)
    for fn in Fn:
        kind = Kind.FOLD if fn >= Fn.FOLD_DOT else Kind.MAP
        arity[kind, fn] = (2, 2) if fn in two else (1, 1)
    return arity | {
        (Kind.MAP, Fn.PICK): (1, 8),
        (Kind.MAP, Fn.WHERE): (3, 3),
        (Kind.FOLD, Fn.FOLD_DOT): (2, 3),
        (Kind.FOLD, Fn.FOLD_SUM): (1, 2),
    }


def _of(dims: tuple[int, ...], fold: tuple[int, ...] = (), dtype: DType = U8) -> bytes:
    """A sum, or without fold dimensions a copy, of a tensor of one element."""
    shape = (Kind.FOLD, Fn.FOLD_SUM) if fold else (Kind.MAP, Fn.PICK)
    return encode_node(Node(*shape, dtype, dims, fold, (Operand(0, dtype, View(())),), 1))


def _reading(*sizes: int, dtype: DType = U8) -> bytes:
    return encode_node(
        Node(Kind.MAP, Fn.PICK, dtype, (), (), (Operand(0, dtype, View(tuple(map(Coordinate, sizes)))),), 1)
    )


def _limits() -> Cases:
    """At every limit, and one beyond."""
    most = 2**31 - 1
    for size in (0, 1, most):
        yield _of((size, 0)), M.NONE
        yield _of((0,), (size, 0)), M.NONE
        yield _reading(size, 0), M.NONE
    for size in (2**31, 2**31 + 1, 2**32 - 1):
        yield _of((size, 0)), M.DIMENSION_TOO_LARGE
        yield _of((0,), (size, 0)), M.DIMENSION_TOO_LARGE
        yield _reading(size, 0), M.DIMENSION_TOO_LARGE
    for dtype in FORMATS:
        rows = 2**36 // dtype.size // 2**20
        yield _of((2**20, rows), dtype=dtype), M.NONE
        yield _of((2**20, rows + 1), dtype=dtype), M.TOO_MANY_ELEMENTS
        yield _reading(2**20, rows, dtype=dtype), M.NONE
        yield _reading(2**20, rows + 1, dtype=dtype), M.TOO_MANY_ELEMENTS
    yield _of((most,) * 8), M.TOO_MANY_ELEMENTS
    yield _of((most,) * 7 + (0,)), M.NONE
    yield _reading(*(most,) * 8), M.TOO_MANY_ELEMENTS
    yield _reading(*(most,) * 7, 0), M.NONE
    yield _of((), (2**10, 2**10)), M.NONE
    yield _of((), (2**10, 2**10 + 1)), M.FOLD_TOO_LONG
    yield _of((2**20 + 1, 2), (2**20,)), M.NONE
    yield _of((), (most,) * 8), M.FOLD_TOO_LONG
    yield _of((1,) * 8, (1,) * 8), M.NONE
    yield _of((1,) * 9), M.RANK_TOO_HIGH
    yield _of((), (1,) * 9), M.RANK_TOO_HIGH
    yield _reading(*(1,) * 8), M.NONE
    yield _reading(*(1,) * 9), M.RANK_TOO_HIGH
    yield encode_node(TREE), M.NONE
    yield encode_node(replace(TREE, depth=4097)), M.TREE_TOO_DEEP
    yield encode_node(replace(TREE, depth=65_535)), M.TREE_TOO_DEEP
    for dtype in FORMATS:
        end = 2 if dtype is B else 1 << 8 * dtype.size
        for fill in {end - 1, end, end + 1, 2 * end - 1, 2**64 - 1}:
            if fill < 2**64:
                node = Node(Kind.MAP, 0, dtype, (), (), (Operand(0, dtype, View((), fill)),), 1)
                yield encode_node(node), M.NONE if fill < end else M.FILL_TOO_LARGE


def _fields() -> Cases:
    """One field changed at a time."""
    for node in (PICK, SUM, RANK, INPUT, CONST, TREE, INDEXED):
        yield encode_node(node), M.NONE
    ranks = [
        (PICK, (), ()),
        (PICK, (2,), (2,)),
        (INPUT, (), (1,)),
        (CONST, (3,), (4,)),
        (RANK, (), (2,)),
        (RANK, (2,), ()),
    ]
    ranks += [(TREE, (), (1,)), (TREE, (1,), ()), (TREE, (1,), (1, 1)), (SUM, (), ()), (RANK, (1, 1), (1, 1, 1))]
    for node, dims, fold in ranks:
        bare = replace(
            node,
            dims=dims,
            fold=fold,
            operands=tuple(replace(o, view=replace(o.view, coordinates=())) for o in node.operands),
        )
        fits = {
            Kind.FOLD: True,
            Kind.RANK: bool(dims),
            Kind.TREE: bool(dims) and len(fold) == 1,
        }.get(node.kind, not fold)
        if fits or node.kind is not Kind.TREE:
            yield encode_node(bare), M.NONE if fits else M.RANK_DOES_NOT_FIT
        else:
            yield encode_node(bare), M.RANK_DOES_NOT_FIT
    # Operands and values.
    pick = PICK.operands[0]
    index = Operand(1, I64, View(()))
    yield encode_node(replace(PICK, operands=(pick,) * 8, values=8)), M.NONE
    yield encode_node(replace(PICK, operands=(pick, *[index] * 7))), M.NONE
    yield encode_node(replace(PICK, operands=(pick, *[index] * 8))), M.OPERANDS_DO_NOT_FIT
    yield encode_node(replace(PICK, operands=(pick,), values=2)), M.OPERANDS_DO_NOT_FIT
    yield encode_node(replace(INPUT, operands=(index,))), M.OPERANDS_DO_NOT_FIT
    yield encode_node(replace(CONST, operands=(index,))), M.OPERANDS_DO_NOT_FIT
    for dtype in (0, 8, 10, 11, 14, 255):
        yield encode_node(replace(PICK, operands=(replace(pick, dtype=dtype),))), M.UNKNOWN_DTYPE  # type: ignore[arg-type]
    for dtype in FORMATS:
        reason = M.NONE if dtype in INTEGERS else M.DTYPES_DO_NOT_FIT
        yield encode_node(replace(PICK, operands=(pick, Operand(1, dtype, View(()))))), reason
    # Coordinates of the first value, and of an index.
    for coordinate, reason in _coordinates():
        operands = (replace(INDEXED.operands[0], view=View((coordinate,))), *INDEXED.operands[1:])
        yield encode_node(replace(INDEXED, operands=operands)), reason
    index = replace(INDEXED.operands[2], view=View((Coordinate(5, 0, (), 2),)))
    yield encode_node(replace(INDEXED, operands=(*INDEXED.operands[:2], index))), M.INDEX_NOT_ALLOWED
    second = replace(INDEXED.operands[1], view=View((Coordinate(5, 0, (), 2),)))
    yield encode_node(replace(INDEXED, operands=(INDEXED.operands[0], second, INDEXED.operands[2]))), M.NONE
    # Tables of a tree.
    for slot in range(4):
        for coordinates in (
            (), (Coordinate(4), Coordinate(3)), (Coordinate(12, 1),), (Coordinate(12, -1),),
            (Coordinate(12, 0, ((0, 1),)),), (Coordinate(12, 0, (), 4),),
        ):  # fmt: skip
            tables = list(TREE.operands)
            tables[slot] = replace(tables[slot], view=View(coordinates))
            node = replace(TREE, operands=(*tables, Operand(4, I64, View(()))))
            yield encode_node(node), M.TABLE_VIEW_NOT_PLAIN if slot in (1, 3) else M.NONE


def _coordinates() -> Iterator[tuple[Coordinate, Malformation]]:
    yield Coordinate(5, -(2**31), ((0, -(2**31)), (1, 2**31 - 1))), M.NONE
    yield Coordinate(5, 2**31 - 1, ((1, 1),)), M.NONE
    for index in (0, 1, 3, 4, 254):
        yield Coordinate(5, 0, (), index), M.INDEX_NOT_ALLOWED
    yield Coordinate(5, 0, (), 2), M.NONE
    for terms in (
        ((0, 0),), ((1, 0),), ((2, 1),), ((255, 1),), ((0, 1), (0, 1)), ((1, 1), (0, 1)), ((1, 1), (1, 2)),
        ((0, 1), (2, 1)), ((0, 1), (1, 1), (1, 1)), ((0, 1), (1, 1), (2, 1)), ((0, 1), (1, 0)),
    ):  # fmt: skip
        yield Coordinate(5, 0, terms), M.TERM_NOT_CANONICAL


def _cuts() -> Cases:
    """A node cut short anywhere, or with bytes behind it."""
    for node in (INPUT, CONST, TREE, INDEXED, SUM):
        data = encode_node(node)
        yield from ((data[:length], M.TOO_SHORT) for length in range(len(data)))
        yield from ((data + extra, M.BYTES_LEFT_OVER) for extra in (b"\0", bytes(33)))


def _dtypes(rng: random.Random) -> Cases:
    """Every function with dtypes that fit, with one of them changed, and with any."""
    arity = _arities()
    for (kind, fn), (least, most) in arity.items():
        for values in range(least, most + 1):
            fitting = [ins for dtype in FORMATS for ins in _candidates(kind, dtype, values)]
            for ins, out in dict.fromkeys(fitting):
                yield _typed(kind, fn, ins, out)
                changed = list(ins)
                if changed:
                    changed[rng.randrange(len(changed))] = rng.choice(FORMATS)
                    yield _typed(kind, fn, tuple(changed), out)
                yield _typed(kind, fn, ins, rng.choice(FORMATS))


def _candidates(kind: int, dtype: DType, values: int) -> list[tuple[tuple[DType, ...], DType]]:
    if kind == Kind.TREE:
        return [((F, U32, U32, F), F), ((dtype, U32, U32, F), F), ((F, dtype, U32, F), F), ((F, U32, dtype, F), F),
                ((F, U32, U32, dtype), F), ((F, U32, U32, F), dtype)]  # fmt: skip
    same = (dtype,) * values
    return [(same, dtype), (same, B), (same, I64), ((B, *same)[:values], dtype), (same, F)]


def _typed(kind: int, fn: int, ins: tuple[DType, ...], out: DType) -> tuple[bytes, Malformation]:
    fold = (2,) if kind in (Kind.FOLD, Kind.TREE, Kind.RANK) else ()
    table = View((Coordinate(4),)) if kind == Kind.TREE else View(())
    operands = tuple(Operand(i, dtype, table) for i, dtype in enumerate(ins))
    node = Node(Kind(kind), fn, out, (2,), fold, operands, len(ins), root=bytes(32) if kind == Kind.CONST else b"")
    try:
        validate_node(node)
    except ProgramError:
        return encode_node(node), M.DTYPES_DO_NOT_FIT
    return encode_node(node), M.NONE
