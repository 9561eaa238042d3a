"""What hypothesis draws for tests of canonical execution: elements, columns of them, and valid nodes with operands.

Floats are drawn where arithmetic is hard: specials and their neighbours, short significands, extreme exponents; columns
hold numbers that cancel or come to stand exactly between two float32.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from hypothesis import strategies as st

from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.tensor import DType

FORMATS = tuple(d for d in DType if d not in (DType.FLOAT16, DType.DOUBLE))
INTEGERS = tuple(d for d in FORMATS if d not in (DType.FLOAT, DType.BOOL))
NUMERIC = (DType.FLOAT, *INTEGERS)
COMPUTED = (Kind.MAP, Kind.FOLD, Kind.TREE, Kind.RANK)
FLOAT_FUNCTIONS = tuple(fn for fn in Fn if 0x20 <= fn < 0x80)
"""Functions of one float32."""

_SIGN = 0x80000000
SPECIAL_FLOATS = (
    *(0x00000000, 0x00000001, 0x00000002, 0x007FFFFF, 0x00800000, 0x00800001),  # 0, subnormals, least normals
    *(0x33000000, 0x33800000, 0x34000000, 0x3EFFFFFF, 0x3F000000, 0x3F7FFFFF, 0x3F800000, 0x3F800001),  # about ½ and 1
    *(0x40000000, 0x40490FDB, 0x4B000000, 0x4B7FFFFF, 0x4B800000, 0x4B800001),  # 2, π, about 2^24
    *(0x42AEAC4F, 0x42B17217, 0x42B17218, 0x42CFF1B4, 0x42CFF1B5),  # where e^x leaves the format
    *(0x4EFFFFFF, 0x4F000000, 0x4F7FFFFF, 0x5EFFFFFF, 0x5F000000, 0x5F7FFFFF, 0x5F800000),  # ends of the integers
    *(0x7F000000, 0x7F7FFFFE, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF),  # largest, infinity, NaNs
)


@cache
def float_bits() -> st.SearchStrategy[int]:
    """Bits of a float32, raw: -0 and NaNs of any payload among them."""
    signs = st.sampled_from([0, _SIGN])
    special = st.builds(lambda s, b: s | b, signs, st.sampled_from(SPECIAL_FLOATS))
    short = st.builds(
        lambda s, e, m: s | e << 23 | m << 20, signs, st.integers(0, 254), st.integers(0, 7)
    )  # sums and products of few bits hit midpoints often
    ordinary = st.builds(lambda s, e, m: s | e << 23 | m, signs, st.integers(110, 144), st.integers(0, 2**23 - 1))
    return st.one_of(special, ordinary, short, st.integers(0, 2**32 - 1))


@cache
def element_bits(dtype: DType) -> st.SearchStrategy[int]:
    """Raw bits of an element of `dtype`; a bool is any byte."""
    if dtype is DType.FLOAT:
        return float_bits()
    end = 1 << 8 * dtype.size
    ends = st.sampled_from([0, 1, 2, 3, end - 1, end - 2, end // 2 - 1, end // 2, end // 2 + 1])
    return st.one_of(ends, st.integers(0, min(20, end - 1)), st.integers(0, end - 1))


_POOL = st.lists(float_bits(), min_size=1, max_size=4)
_RELATED = st.tuples(
    st.integers(0, 3),  # which number of the pool
    st.sampled_from([0, _SIGN]),
    st.sampled_from([0, 0, 0, 1, -1]),  # steps to a neighbour
    st.sampled_from([0, 0, 0, 1, 23, 24, 25, 48, 80]),  # halvings
)


def _related(pool: Sequence[int], which: int, sign: int, step: int, halvings: int) -> int:
    bits = pool[which % len(pool)]
    if halvings < (bits >> 23 & 255) < 255:
        bits -= halvings << 23
    return (bits ^ sign) + step & 0xFFFFFFFF


@st.composite
def columns(draw: st.DrawFn, dtype: DType, count: int) -> tuple[int, ...]:
    """Raw bits of `count` elements. Floats are a few numbers, their negatives, neighbours and small parts."""
    if dtype is not DType.FLOAT:
        return tuple(draw(st.lists(element_bits(dtype), min_size=count, max_size=count)))
    pool = draw(_POOL)
    drawn = draw(st.lists(_RELATED | float_bits(), min_size=count, max_size=count))
    return tuple(entry if isinstance(entry, int) else _related(pool, *entry) for entry in drawn)


@dataclass(frozen=True, slots=True)
class NodeCase:
    """A valid node whose operand j is tensor j, and the raw bits of every operand's elements."""

    node: Node
    operands: tuple[tuple[int, ...], ...]

    @property
    def readers(self) -> list[Callable[[int], int]]:
        """A reader for each operand, that refuses positions outside of it."""
        return [_reader(column) for column in self.operands]


def _reader(column: Sequence[int]) -> Callable[[int], int]:
    def read(position: int) -> int:
        assert 0 <= position < len(column)
        return column[position]

    return read


_PAIRS = (Fn.ADD, Fn.SUB, Fn.MUL, Fn.DIV, Fn.MAX, Fn.MIN, Fn.POW, Fn.PRELU)


@st.composite
def functions(draw: st.DrawFn, kinds: Sequence[Kind]) -> tuple[Kind, int, tuple[DType, ...], DType]:
    """Kind, fn, dtypes of the value operands and of the result, as docs/canonical.md section 3 has them."""
    a, t = draw(st.sampled_from(FORMATS)), draw(st.sampled_from([DType.FLOAT, *NUMERIC]))
    f, b, u = DType.FLOAT, DType.BOOL, DType.UINT32
    entries: list[tuple[Kind, int, tuple[DType, ...], DType]] = [
        (Kind.MAP, Fn.PICK, (a,) * draw(st.integers(1, 6)), a),
        (Kind.MAP, Fn.CAST, (a,), draw(st.sampled_from(FORMATS))),
        (Kind.MAP, Fn.WHERE, (b, a, a), a),
        (Kind.MAP, Fn.EQUAL, (a, a), b),
        (Kind.MAP, Fn.LESS, (t, t), b),
        (Kind.MAP, draw(st.sampled_from([Fn.AND, Fn.OR, Fn.XOR])), (b, b), b),
        (Kind.MAP, Fn.NOT, (b,), b),
        (Kind.MAP, draw(st.sampled_from(_PAIRS)), (t, t), t),
        (Kind.MAP, draw(st.sampled_from([Fn.ABS, Fn.NEG, Fn.SIGN])), (t,), t),
        (Kind.MAP, draw(st.sampled_from(FLOAT_FUNCTIONS)), (f,), f),
        (Kind.FOLD, Fn.FOLD_DOT, (t,) * draw(st.integers(2, 3)), t),
        (Kind.FOLD, Fn.FOLD_SUM, (t,) * draw(st.integers(1, 2)), t),
        (Kind.FOLD, draw(st.sampled_from([Fn.FOLD_MEAN, Fn.FOLD_MAX, Fn.FOLD_MIN])), (t,), t),
        (Kind.FOLD, draw(st.sampled_from([Fn.FOLD_ARGMAX, Fn.FOLD_ARGMIN])), (t,), DType.INT64),
        (Kind.FOLD, draw(st.sampled_from([Fn.FOLD_ANY, Fn.FOLD_ALL])), (b,), b),
        (Kind.TREE, 0, (f, u, u, f), f),
        (Kind.RANK, draw(st.integers(0, 1)), (t,), DType.INT64),
    ]
    kind = draw(st.sampled_from(kinds))
    return draw(st.sampled_from([entry for entry in entries if entry[0] is kind]))


def _dims(least: int, most: int) -> st.SearchStrategy[tuple[int, ...]]:
    dim = st.one_of(st.integers(1, 4), st.integers(0, 4))
    return st.lists(dim, min_size=least, max_size=most).map(tuple)


@st.composite
def _coordinates(draw: st.DrawFn, extents: Sequence[int], indices: Sequence[int]) -> Coordinate:
    """A coordinate that walks along one axis, or any other; now and then one whose sum needs more than 32 bits."""
    index = draw(st.one_of(st.none(), st.sampled_from(indices))) if indices else None
    if extents and draw(st.integers(0, 3)):
        axis = draw(st.integers(0, len(extents) - 1))
        return Coordinate(max(1, extents[axis]), 0, ((axis, 1),), index)
    dim = draw(st.integers(0, 5))
    small = st.integers(-2, 2)
    extreme = st.sampled_from([-(2**31), 2**31 - 1])
    base = draw(st.one_of(st.integers(-2, dim), small, extreme) if draw(st.integers(0, 9)) == 0 else st.integers(0, 2))
    axes = sorted(draw(st.sets(st.integers(0, len(extents) - 1), max_size=3))) if extents else []
    coefficients = st.one_of(small, small, small, extreme).filter(bool)
    return Coordinate(dim, base, tuple((axis, draw(coefficients)) for axis in axes), index)


@st.composite
def _views(draw: st.DrawFn, dtype: DType, extents: Sequence[int], indices: Sequence[int]) -> View:
    coordinates = draw(st.lists(_coordinates(extents, indices), max_size=3))
    fill = draw(element_bits(dtype))
    return View(tuple(coordinates), min(fill, 1) if dtype is DType.BOOL else fill)


@st.composite
def node_cases(draw: st.DrawFn, kinds: Sequence[Kind] = COMPUTED) -> NodeCase:
    """Valid nodes of `kinds`, of few elements, with operands."""
    kind, fn, dtypes, dtype = draw(functions(kinds))
    dims = draw(_dims(1 if kind in (Kind.TREE, Kind.RANK) else 0, 3))
    fold: tuple[int, ...] = ()
    if kind is not Kind.MAP:
        fold = draw(_dims(1, 1) if kind is Kind.TREE else _dims(0, 2))
    extents = (*dims, *fold)
    index_dtypes = draw(st.lists(st.sampled_from(INTEGERS), max_size=2))
    slots = range(len(dtypes), len(dtypes) + len(index_dtypes))
    operands: list[Operand] = []
    data: list[tuple[int, ...]] = []
    for slot, operand_dtype in enumerate((*dtypes, *index_dtypes)):
        if kind is Kind.TREE and slot in (1, 3):
            count = draw(st.one_of(st.sampled_from([12, 20, 28]), st.integers(0, 30)))
            view = View((Coordinate(count),), draw(element_bits(operand_dtype)))
        else:
            view = draw(_views(operand_dtype, extents, slots if slot < len(dtypes) else ()))
        operands.append(Operand(slot, operand_dtype, view))
        if kind is Kind.TREE and slot == 1:
            data.append(draw(_tree_tables(view.count, fold[0])))
        elif slot in slots or (kind is Kind.TREE and slot == 2):
            data.append(draw(_small_columns(operand_dtype, view.count)))
        else:
            data.append(draw(columns(operand_dtype, view.count)))
    depth = draw(st.integers(0, 6)) if kind is Kind.TREE else 0
    node = Node(kind, fn, dtype, dims, fold, tuple(operands), len(dtypes), depth=depth)
    return NodeCase(node, tuple(data))


@st.composite
def _small_columns(draw: st.DrawFn, dtype: DType, count: int) -> tuple[int, ...]:
    end = 1 << 8 * dtype.size
    small = st.sampled_from([0, 0, 1, 2, 3, end - 1, end - 2])
    return tuple(draw(st.lists(st.one_of(small, small, element_bits(dtype)), min_size=count, max_size=count)))


@st.composite
def _tree_tables(draw: st.DrawFn, count: int, features: int) -> tuple[int, ...]:
    """Rows that mostly make sense: mode, feature, and rows after it that mostly exist, or a weight."""
    rows = count // 4
    cells: list[int] = []
    for row in range(rows):
        mode = draw(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5, 6, 7]))
        feature = draw(st.integers(0, max(0, features - draw(st.integers(0, 1)))))
        first = draw(st.integers(0, 8)) if mode == 0 else draw(float_bits())
        children = [draw(st.sampled_from([row, *range(row + 1, rows + 1), row + 1])) for _ in range(2)]
        cells += [mode | draw(st.sampled_from([0, 16])) | feature << 8, first, *children]
    return (*cells, *draw(columns(DType.UINT32, count - 4 * rows)))


@st.composite
def source_nodes(draw: st.DrawFn) -> Node:
    """Valid INPUT and CONST nodes."""
    dtype, dims = draw(st.sampled_from(FORMATS)), draw(_dims(0, 8))
    if draw(st.booleans()):
        return Node(Kind.INPUT, 0, dtype, dims, slot=draw(st.integers(0, 2**16 - 1)))
    return Node(Kind.CONST, 0, dtype, dims, root=draw(st.binary(min_size=32, max_size=32)))


def valid_nodes() -> st.SearchStrategy[Node]:
    """Valid nodes of every kind."""
    return st.one_of(node_cases().map(lambda case: case.node), source_nodes())
