"""Valid nodes of every function and kind with operands, made by seeded NumPy generators: many, and fast.

`tests/unit/canonical/strategies.py` draws smaller ones, which hypothesis can shrink.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.validate import node_name, validate_node
from oracle.canonical.tensor import DType
from tests.differential.spread import Bits, Rng, any_bits, column, second
from tests.unit.canonical.strategies import FLOAT_FUNCTIONS, FORMATS, INTEGERS, NUMERIC, NodeCase

_MOST = 2_000
"""Elements of an operand."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Kind, function, dtypes of the value operands and of the result."""

    kind: Kind
    fn: int
    dtypes: tuple[DType, ...]
    dtype: DType


def _signatures() -> list[Signature]:
    f, b, u, i64 = DType.FLOAT, DType.BOOL, DType.UINT32, DType.INT64
    pairs = (Fn.ADD, Fn.SUB, Fn.MUL, Fn.DIV, Fn.MAX, Fn.MIN, Fn.POW, Fn.PRELU)
    maps: list[tuple[int, tuple[DType, ...], DType]] = [
        *((Fn.PICK, (a,) * n, a) for a, n in product(FORMATS, (1, 2, 5))),
        *((Fn.CAST, (a,), c) for a, c in product(FORMATS, FORMATS)),
        *((Fn.WHERE, (b, a, a), a) for a in FORMATS),
        *((Fn.EQUAL, (a, a), b) for a in FORMATS),
        *((Fn.LESS, (t, t), b) for t in NUMERIC),
        *((fn, (b, b), b) for fn in (Fn.AND, Fn.OR, Fn.XOR)),
        (Fn.NOT, (b,), b),
        *((fn, (t, t), t) for fn, t in product(pairs, NUMERIC)),
        *((fn, (t,), t) for fn, t in product((Fn.ABS, Fn.NEG, Fn.SIGN), NUMERIC)),
        *((fn, (f,), f) for fn in FLOAT_FUNCTIONS),
    ]
    folds: list[tuple[int, tuple[DType, ...], DType]] = [
        *((Fn.FOLD_DOT, (t,) * n, t) for t, n in product(NUMERIC, (2, 3))),
        *((Fn.FOLD_SUM, (t,) * n, t) for t, n in product(NUMERIC, (1, 2))),
        *((fn, (t,), t) for fn, t in product((Fn.FOLD_MEAN, Fn.FOLD_MAX, Fn.FOLD_MIN), NUMERIC)),
        *((fn, (t,), i64) for fn, t in product((Fn.FOLD_ARGMAX, Fn.FOLD_ARGMIN), NUMERIC)),
        *((fn, (b,), b) for fn in (Fn.FOLD_ANY, Fn.FOLD_ALL)),
    ]
    return [
        *(Signature(Kind.MAP, *entry) for entry in maps),
        *(Signature(Kind.FOLD, *entry) for entry in folds),
        Signature(Kind.TREE, 0, (f, u, u, f), f),
        *(Signature(Kind.RANK, fn, (t,), i64) for fn, t in product((0, 1), NUMERIC)),
    ]


SIGNATURES = _signatures()
_BY_FUNCTION: dict[tuple[Kind, int], list[Signature]] = {}
for _signature in SIGNATURES:
    _BY_FUNCTION.setdefault((_signature.kind, _signature.fn), []).append(_signature)
FUNCTIONS = tuple(_BY_FUNCTION)
"""Every kind with each of its functions."""


def label(node: Node) -> str:
    """What is counted together."""
    return f"{node_name(node)} {node.fn}" if node.kind is Kind.RANK else node_name(node)


def signature(rng: Rng, function: tuple[Kind, int]) -> Signature:
    """One of a function's signatures: half of the time the first, which is float32 where floats exist."""
    known = _BY_FUNCTION[function]
    return known[0] if rng.random() < 0.5 else known[int(rng.integers(len(known)))]


def plain_case(rng: Rng, kind: Signature, count: int) -> NodeCase:
    """A MAP node of `count` elements over operands of as many, but for PICK: there is nothing to compute in it."""
    row = View((Coordinate(count, 0, ((0, 1),)),))
    operands = tuple(Operand(slot, dtype, row) for slot, dtype in enumerate(kind.dtypes))
    columns = [any_bits(rng, kind.dtypes[0], count)]
    for dtype in kind.dtypes[1:]:
        same = dtype is kind.dtypes[0]
        columns.append(second(rng, kind.fn, dtype, columns[0]) if same else any_bits(rng, dtype, count))
    return _case(Node(Kind.MAP, kind.fn, kind.dtype, (count,), (), operands, len(operands)), columns)


def random_case(rng: Rng, kind: Signature, *, elements: int = 60, terms: int = 24) -> NodeCase:
    """A node of about so many elements, which folds over about so many terms; views and index operands of any kind."""
    dims = _dims(rng, 1 if kind.kind in (Kind.TREE, Kind.RANK) else 0, 3, elements)
    fold: tuple[int, ...] = ()
    if kind.kind is not Kind.MAP:
        fold = _dims(rng, 1, 1, 6) if kind.kind is Kind.TREE else _dims(rng, 0, 2, terms)
    indexes = [INTEGERS[int(i)] for i in rng.integers(len(INTEGERS), size=rng.integers(0, 3))]
    slots = range(len(kind.dtypes), len(kind.dtypes) + len(indexes))
    operands, columns = [], []
    for slot, dtype in enumerate((*kind.dtypes, *indexes)):
        view = _view(rng, dtype, (*dims, *fold), () if slot in slots else slots)
        data = _small(rng, dtype, view.count) if slot in slots else column(rng, dtype, view.count)
        if kind.kind is Kind.TREE and slot == 2:
            data = 4 * (data % np.uint32(3)) if rng.random() < 0.1 else data % np.uint32(12)
        elif kind.kind is Kind.TREE and slot in (1, 3):
            rows = int(rng.integers(8, 30))
            data = _rows(rng, rows, fold[0]) if slot == 1 else column(rng, dtype, rows)
            view = View((Coordinate(data.size),))
        operands.append(Operand(slot, dtype, view))
        columns.append(data)
    depth = int(rng.integers(0, 9)) if kind.kind is Kind.TREE else 0
    return _case(
        Node(kind.kind, kind.fn, kind.dtype, dims, fold, tuple(operands), len(kind.dtypes), depth=depth), columns
    )


def product_case(rng: Rng, dtype: DType, rows: int, wide: int, length: int) -> NodeCase:
    """A product of matrices (rows, length) and (length, wide), with or without addends."""
    a = View((Coordinate(rows, 0, ((0, 1),)), Coordinate(length, 0, ((2, 1),))))
    b = View((Coordinate(wide, 0, ((1, 1),)), Coordinate(length, 0, ((2, 1),))))
    views = (a, b, View((Coordinate(wide, 0, ((1, 1),)),)))[: int(rng.integers(2, 4))]
    operands = tuple(Operand(slot, dtype, view) for slot, view in enumerate(views))
    node = Node(Kind.FOLD, Fn.FOLD_DOT, dtype, (rows, wide), (length,), operands, len(operands))
    return _case(node, [column(rng, dtype, view.count) for view in views])


def _case(node: Node, columns: Sequence[Bits]) -> NodeCase:
    validate_node(node)
    return NodeCase(node, tuple(tuple(bits.tolist()) for bits in columns))


def _dims(rng: Rng, least: int, most: int, total: int) -> tuple[int, ...]:
    """Dimensions with a product of at most `total`; now and then one is 0."""
    dims: list[int] = []
    for _ in range(int(rng.integers(least, most + 1))):
        dims.append(int(rng.integers(1, max(1, total // max(1, int(np.prod(dims)))) + 1)))
    if dims and rng.random() < 0.02:
        dims[int(rng.integers(len(dims)))] = 0
    return tuple(int(dim) for dim in rng.permutation(dims))


def _view(rng: Rng, dtype: DType, extents: Sequence[int], indexes: Sequence[int]) -> View:
    """Coordinates that walk along one axis each, or windows, or anything."""
    axes = [int(axis) for axis in rng.permutation(len(extents))]
    coordinates: list[Coordinate] = []
    for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.3 else min(len(axes), 3)):
        coordinate = _coordinate(rng, extents, axes, indexes)
        if coordinate.dim * int(np.prod([c.dim for c in coordinates])) > _MOST:
            break
        coordinates.append(coordinate)
    fill = int(any_bits(rng, dtype, 1)[0])
    return View(tuple(coordinates), min(fill, 1) if dtype is DType.BOOL else fill)


def _coordinate(rng: Rng, extents: Sequence[int], axes: list[int], indexes: Sequence[int]) -> Coordinate:
    index = int(rng.choice(indexes)) if indexes and rng.random() < 0.3 else None
    kind = rng.random()
    if axes and kind < 0.7:
        terms = {axes.pop(): int(rng.choice([1, 1, 1, 1, 2, -1, -3, 33, -40]))}
        if axes and kind < 0.2:
            terms[axes.pop()] = int(rng.choice([1, 1, 2, -1]))
        lows = sum(min(0, c * (extents[axis] - 1)) for axis, c in terms.items())
        highs = sum(max(0, c * (extents[axis] - 1)) for axis, c in terms.items())
        off = int(rng.choice([0, 0, 0, 1, -1]))
        dim = max(0, highs - lows + 1 + int(rng.choice([0, 0, 0, 1, -1])))
        return Coordinate(dim, -lows + off, tuple(sorted(terms.items())), index)
    dim = int(rng.integers(1, 6))
    if kind < 0.95 or not extents:
        return Coordinate(dim, int(rng.integers(-1, dim + 1)) if rng.random() < 0.2 else dim - 1, (), index)
    chosen = sorted({int(axis) for axis in rng.integers(len(extents), size=3)})
    terms = {axis: int(rng.choice([1, 2, -1, 2**31 - 1, -(2**31)])) for axis in chosen}
    return Coordinate(dim, int(rng.choice([0, 1, -(2**31), 2**31 - 1])), tuple(terms.items()), index)


def _small(rng: Rng, dtype: DType, count: int) -> Bits:
    """Indices: mostly near 0, from both sides."""
    end = 1 << 8 * dtype.size
    near = rng.choice(np.array([0, 0, 1, 2, 3, end - 1, end - 2], np.uint64), count)
    far = any_bits(rng, dtype, count)
    return np.where(rng.random(count) < 0.9, near, far).astype(f"u{dtype.size}")


def _rows(rng: Rng, rows: int, features: int) -> Bits:
    """Rows of trees that mostly make sense: features that exist, later rows as children, weights that exist."""
    mode = rng.choice(np.array([0, 0, 0, 1, 2, 3, 4, 5, 6, 7], np.uint32), rows)
    missing = rng.choice(np.array([0, 16], np.uint32), rows)
    feature = rng.integers(0, max(1, features) + (rng.random() < 0.1), rows, dtype=np.uint32)
    leaf = rng.integers(0, 9, rows, dtype=np.uint32)
    first = np.where(mode == 0, leaf, column(rng, DType.FLOAT, rows))
    children = [np.arange(rows, dtype=np.uint32) + rng.integers(0, 6, rows, dtype=np.uint32) for _ in range(2)]
    return np.stack([mode | missing | feature << np.uint32(8), first, *children], 1).astype(np.uint32).reshape(-1)
