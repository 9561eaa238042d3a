"""Nodes with operands, as random as the seed: every kind, function, dtype and feature of views."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.vectors.operands import FLOAT_FUNCTIONS, FORMATS, INTEGERS, NUMERIC, SIGN, SPECIAL_FLOATS
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.prove import CommittedTensor
from oracle.canonical.tensor import DType

F, B, U32, I64 = DType.FLOAT, DType.BOOL, DType.UINT32, DType.INT64


@dataclass(frozen=True, slots=True)
class NodeCase:
    """A valid node whose operand j is tensor j, and the raw bits of every operand's elements."""

    node: Node
    operands: tuple[tuple[int, ...], ...]

    def committed(self) -> list[CommittedTensor]:
        """The operands, with their trees."""
        return [commit(o.dtype, column) for o, column in zip(self.node.operands, self.operands, strict=True)]


def commit(dtype: DType, column: Sequence[int]) -> CommittedTensor:
    """A tensor of raw bits."""
    unsigned = np.array(column, dtype=f"u{dtype.size}")
    return CommittedTensor(Node(Kind.INPUT, 0, dtype, (len(column),)), unsigned.view(dtype.numpy))


def signatures(kind: Kind) -> Iterator[tuple[int, tuple[DType, ...], DType]]:
    """Every function of a kind with the dtypes of its values and of its result."""
    if kind is Kind.TREE:
        yield 0, (F, U32, U32, F), F
    for t in NUMERIC if kind is Kind.RANK else ():
        yield from ((fn, (t,), I64) for fn in (0, 1))
    for t in NUMERIC if kind is Kind.FOLD else ():
        yield from ((Fn.FOLD_DOT, (t,) * values, t) for values in (2, 3))
        yield from ((Fn.FOLD_SUM, (t,) * values, t) for values in (1, 2))
        yield from ((fn, (t,), t) for fn in (Fn.FOLD_MEAN, Fn.FOLD_MAX, Fn.FOLD_MIN))
        yield from ((fn, (t,), I64) for fn in (Fn.FOLD_ARGMAX, Fn.FOLD_ARGMIN))
    if kind is Kind.FOLD:
        yield from ((fn, (B,), B) for fn in (Fn.FOLD_ANY, Fn.FOLD_ALL))
    if kind is Kind.MAP:
        yield from _maps()


def _maps() -> Iterator[tuple[int, tuple[DType, ...], DType]]:
    for a in FORMATS:
        yield from ((Fn.PICK, (a,) * values, a) for values in (1, 2, 4))
        yield Fn.WHERE, (B, a, a), a
        yield Fn.EQUAL, (a, a), B
        yield Fn.CAST, (a,), FORMATS[(FORMATS.index(a) + 3) % len(FORMATS)]
    yield from ((fn, (B, B), B) for fn in (Fn.AND, Fn.OR, Fn.XOR))
    yield Fn.NOT, (B,), B
    for t in NUMERIC:
        yield Fn.LESS, (t, t), B
        pairs = (Fn.ADD, Fn.SUB, Fn.MUL, Fn.DIV, Fn.MAX, Fn.MIN, Fn.POW, Fn.PRELU)
        yield from ((fn, (t, t), t) for fn in pairs)
        yield from ((fn, (t,), t) for fn in (Fn.ABS, Fn.NEG, Fn.SIGN))
    yield from ((fn, (F,), F) for fn in FLOAT_FUNCTIONS)


def raw(rng: random.Random, dtype: DType) -> int:
    """Raw bits of an element: NaNs of any payload, -0, any byte for a bool."""
    if dtype is F:
        how = rng.randrange(8)
        if how < 2:
            return rng.choice(SPECIAL_FLOATS)
        if how == 2:
            return rng.choice((SIGN, 0x7F800001, 0xFFC00000, 0xFFFFFFFF, rng.getrandbits(32)))
        return (
            rng.getrandbits(1) << 31
            | rng.randrange(110, 144) << 23
            | rng.getrandbits(rng.choice((3, 23))) << 20 & 0x7FFFFF
        )
    if dtype is B:
        return rng.choice((0, 1, rng.getrandbits(8)))
    end = 1 << 8 * dtype.size
    return rng.choice((rng.randrange(4), end - 1 - rng.randrange(3), end // 2 - rng.randrange(2), rng.randrange(end)))


def column(rng: random.Random, dtype: DType, count: int) -> tuple[int, ...]:
    """Raw bits of a tensor. Most floats are of like size or the negatives of others, so that sums cancel and tie."""
    if dtype is not F or rng.randrange(3) == 0:
        return tuple(raw(rng, dtype) for _ in range(count))
    scale = rng.choice((1, 100, 120, 127, 200))
    bits = [
        rng.getrandbits(1) << 31 | (scale + rng.randrange(40)) << 23 | rng.getrandbits(3) << 20 for _ in range(count)
    ]
    for i in range(1, count, 3):
        bits[i] = bits[i - 1] ^ SIGN ^ rng.choice((0, 0, 1))
    return tuple(bits)


def small_case(rng: random.Random, kind: Kind, fn: int, values: Sequence[DType], out: DType) -> NodeCase:
    """A node of a few elements, read through any views: fills, broadcasts, reversals, gathers, empty dimensions."""
    dims = _dims(rng, 1 if kind in (Kind.TREE, Kind.RANK) else 0)
    fold = _dims(rng, 0, 2) if kind in (Kind.FOLD, Kind.RANK) else (rng.randrange(1, 5),) if kind is Kind.TREE else ()
    indices = [rng.choice(INTEGERS) for _ in range(rng.choice((0, 0, 1, 2)) if len(values) < 7 else 0)]
    slots = range(len(values), len(values) + len(indices))
    operands, columns = [], []
    for slot, dtype in enumerate((*values, *indices)):
        if kind is Kind.TREE and slot in (1, 3):
            view = View((Coordinate(rng.choice((12, 16, 20)) if slot == 1 else rng.randrange(1, 9)),))
        else:
            view = _view(rng, dtype, (*dims, *fold), slots if slot < len(values) else ())
        operands.append(Operand(slot, dtype, view))
        if kind is Kind.TREE and slot == 1:
            columns.append(table(rng, view.count // 4, fold[0]))
        elif slot in slots or (kind is Kind.TREE and slot == 2):
            end = 1 << 8 * dtype.size
            columns.append(tuple(rng.choice((0, 0, 1, 2, 3, end - 1, end - 2, end // 2)) for _ in range(view.count)))
        else:
            columns.append(column(rng, dtype, view.count))
    depth = rng.randrange(7) if kind is Kind.TREE else 0
    node = Node(kind, fn, out, dims, fold, tuple(operands), len(values), depth=depth)
    return NodeCase(node, tuple(columns))


def _dims(rng: random.Random, least: int, most: int = 3) -> tuple[int, ...]:
    return tuple(rng.choice((1, 2, 3, 4, 5)) for _ in range(rng.randrange(least, most + 1)))


def _view(rng: random.Random, dtype: DType, extents: Sequence[int], slots: Sequence[int]) -> View:
    fill = raw(rng, dtype)
    coordinates = tuple(_coordinate(rng, extents, slots) for _ in range(rng.choice((0, 1, 1, 2, 3))))
    return View(coordinates, min(fill, 1) if dtype is B else fill)


def _coordinate(rng: random.Random, extents: Sequence[int], slots: Sequence[int]) -> Coordinate:
    index = rng.choice(slots) if slots and rng.randrange(2) else None
    if extents and rng.randrange(3):
        axis = rng.randrange(len(extents))
        size = extents[axis]
        if rng.randrange(3) == 0:
            return Coordinate(size, size - 1, ((axis, -1),), index)
        return Coordinate(size + rng.choice((0, 0, -1, 2)) or 1, rng.choice((0, 0, 1, -1)), ((axis, 1),), index)
    base = rng.choice((0, 0, 1, 2, -1, -3, 2**31 - 1, -(2**31)))
    axes = sorted(rng.sample(range(len(extents)), rng.randrange(min(3, len(extents)) + 1)))
    terms = tuple((axis, rng.choice((1, -1, 2, -2, 3, 2**31 - 1, -(2**31)))) for axis in axes)
    return Coordinate(rng.choice((0, 1, 2, 3, 5, 9, 9)), base, terms, index)


def table(rng: random.Random, rows: int, features: int) -> tuple[int, ...]:
    """Rows of a tree that mostly make sense: mode, feature, and rows after it that mostly exist, or a weight."""
    cells: list[int] = []
    for row in range(rows):
        mode = rng.choice((0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 15))
        feature = rng.choice((*range(features), *range(features), features, 2**24 - 1))
        first = rng.randrange(9) if mode == 0 else raw(rng, F)
        children = [rng.choice((row + 1, row + 1, row + 2, row, rows, 2**32 - 1)) for _ in range(2)]
        cells += [mode | rng.choice((0, 16, 32)) | feature << 8, first, *children]
    return tuple(cells)


def window_case(rng: random.Random, fn: Fn, dtype: DType, values: int, out: DType) -> NodeCase:
    """A fold over a window of many leaves: any layout, stride, dilation, direction, padding and gather."""
    outer, length = rng.randrange(1, 4), rng.choice((1, 2, 7, 8, 9, 16, 31, 64, 70))
    rows, size = rng.randrange(1, 6), length + rng.randrange(30)
    step = rng.choice((1, 1, 1, 2, 3, -1, -2, 0))
    base = rng.randrange(-5, 6) + (size - 1 if step < 0 else 0)
    across = Coordinate(rows, rng.randrange(-1, 2), ((0, 1), (1, rng.choice((1, 2, -1)))))
    along = Coordinate(size, base, ((2, step),) if step else (), values if rng.randrange(4) == 0 else None)
    coordinates = (across, along) if rng.randrange(2) else (along, across)
    views = [View(coordinates, raw(rng, dtype) if dtype is not B else 1)]
    if fn is Fn.FOLD_DOT:
        views.append(View((Coordinate(outer, 0, ((1, 1),)), Coordinate(length, 0, ((2, 1),)))))
    if values > len(views):
        views.append(View((Coordinate(5, rng.randrange(-1, 3), ((0, 1),)),), raw(rng, dtype) if dtype is not B else 1))
    operands = [Operand(slot, dtype, view) for slot, view in enumerate(views)]
    columns = [column(rng, dtype, view.count) for view in views]
    if along.index is not None:
        axis = rng.choice((0, 1, 2))
        operands.append(Operand(values, DType.INT8, View((Coordinate(80, 0, ((axis, 1),)),))))
        columns.append(tuple(rng.choice((0, 0, 1, 255, 5)) for _ in range(80)))
    node = Node(Kind.FOLD, fn, out, (3,), (outer, length), tuple(operands), len(views))
    return NodeCase(node, tuple(columns))


def reader(values: Sequence[int]) -> Callable[[int], int]:
    """A reader that refuses positions outside of the tensor."""

    def read(position: int) -> int:
        if not 0 <= position < len(values):
            raise IndexError(position)
        return values[position]

    return read
