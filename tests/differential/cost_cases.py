"""Nodes as real models have them, for measuring what their one-step proofs cost."""

from collections.abc import Iterator
from dataclasses import dataclass

from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.tensor import DType
from tests.differential.proof_cost import Content

F, I32, I64, U32, B = DType.FLOAT, DType.INT32, DType.INT64, DType.UINT32, DType.BOOL


@dataclass(frozen=True, slots=True)
class CostCase:
    """A node, the element of it to prove, and the contents of its operands."""

    name: str
    node: Node
    element: int
    content: Content


def ordinary(slot: int, dtype: DType, position: int) -> int:
    """Floats about 1, positions of a few thousand, integers: with few zero bytes, which are cheaper in calldata."""
    mixed = (position * 2654435761 + slot * 40503 + 12345) % 2**32
    if dtype is F:
        return (mixed & 1) << 31 | (120 + mixed % 13) << 23 | mixed >> 9 | 0x010101
    if dtype is I64:
        return mixed % 2999 + 1
    return (mixed | 0x01010101) % (1 << 8 * dtype.size) if dtype is not B else 1


def line_of(slot: int, dtype: DType, count: int, *terms: tuple[int, int], base: int = 0) -> Operand:
    """An operand of one coordinate."""
    return Operand(slot, dtype, View((Coordinate(count, base, terms),)))


def conv(size: int, channels: int, out: int, kernel: int = 3, stride: int = 1) -> Node:
    """A convolution of `size` x `size` with bias, padded to keep the size, channels last."""
    pad = kernel // 2
    to = (size + 2 * pad - kernel) // stride + 1
    window = tuple(Coordinate(size, -pad, ((axis, stride), (axis + 3, 1))) for axis in (0, 1))
    x = Operand(0, F, View((*window, Coordinate(channels, 0, ((5, 1),)))))
    terms = ((2, kernel * kernel * channels), (3, kernel * channels), (4, channels), (5, 1))
    w = line_of(1, F, out * kernel * kernel * channels, *terms)
    bias = line_of(2, F, out, (2, 1))
    return Node(Kind.FOLD, Fn.FOLD_DOT, F, (to, to, out), (kernel, kernel, channels), (x, w, bias), 3)


def depthwise(size: int, channels: int) -> Node:
    """A depthwise 3 x 3 convolution, channels last."""
    window = tuple(Coordinate(size, -1, ((axis, 1), (axis + 3, 1))) for axis in (0, 1))
    x = Operand(0, F, View((*window, Coordinate(channels, 0, ((2, 1),)))))
    w = line_of(1, F, 9 * channels, (2, 9), (3, 3), (4, 1))
    return Node(Kind.FOLD, Fn.FOLD_DOT, F, (size, size, channels), (3, 3), (x, w), 2)


def gemm(rows: int, terms: int, columns: int, dtype: DType = F, *, addend: bool = True) -> Node:
    """A matrix product of which both operands lie in the order of the fold."""
    x = line_of(0, dtype, rows * terms, (0, terms), (2, 1))
    w = line_of(1, dtype, columns * terms, (1, terms), (2, 1))
    operands = (x, w, line_of(2, dtype, columns, (1, 1))) if addend else (x, w)
    return Node(Kind.FOLD, Fn.FOLD_DOT, dtype, (rows, columns), (terms,), operands, len(operands))


def attention(rows: int, terms: int) -> Node:
    """A product of two activations, the second read across its rows."""
    x = line_of(0, F, rows * terms, (0, terms), (2, 1))
    w = line_of(1, F, rows * terms, (1, 1), (2, rows))
    return Node(Kind.FOLD, Fn.FOLD_DOT, F, (rows, rows), (terms,), (x, w), 2)


def pool(size: int, channels: int, kernel: int, fn: Fn, pad: int = 0) -> Node:
    """Pooling by two, channels last."""
    to = (size + 2 * pad - kernel) // 2 + 1
    window = tuple(Coordinate(size, -pad, ((axis, 2), (axis + 3, 1))) for axis in (0, 1))
    x = Operand(0, F, View((*window, Coordinate(channels, 0, ((2, 1),)))))
    return Node(Kind.FOLD, fn, F, (to, to, channels), (kernel, kernel), (x,), 1)


def reduction(rows: int, terms: int, fn: Fn, dtype: DType = F) -> Node:
    """A fold along the last axis."""
    result = I64 if fn in (Fn.FOLD_ARGMAX, Fn.FOLD_ARGMIN) else dtype
    return Node(Kind.FOLD, fn, result, (rows,), (terms,), (line_of(0, dtype, rows * terms, (0, terms), (1, 1)),), 1)


def pointwise(count: int, fn: Fn, *dtypes: DType, result: DType = F) -> Node:
    """An element-wise function."""
    operands = tuple(line_of(slot, dtype, count, (0, 1)) for slot, dtype in enumerate(dtypes))
    return Node(Kind.MAP, fn, result, (count,), (), operands, len(operands))


def concat(count: int, parts: int) -> Node:
    """Tensors one after the other."""
    operands = tuple(line_of(slot, F, count, (0, 1), base=-slot * count) for slot in range(parts))
    return Node(Kind.MAP, Fn.PICK, F, (parts * count,), (), operands, parts)


def gather(rows: int, width: int, picked: int) -> Node:
    """Rows by their numbers: an embedding."""
    table = Operand(0, F, View((Coordinate(rows, 0, (), 1), Coordinate(width, 0, ((1, 1),)))))
    return Node(Kind.MAP, Fn.PICK, F, (picked, width), (), (table, line_of(1, I64, picked, (0, 1))), 1)


def gathered_sum(rows: int, width: int, picked: int) -> Node:
    """The sum of rows by their numbers: a bag of embeddings."""
    table = Operand(0, F, View((Coordinate(rows, 0, (), 1), Coordinate(width, 0, ((0, 1),)))))
    operands = (table, line_of(1, I64, picked, (1, 1)))
    return Node(Kind.FOLD, Fn.FOLD_SUM, F, (width,), (picked,), operands, 1)


def rank(terms: int, places: int) -> Node:
    """The first places of a row in order."""
    return Node(Kind.RANK, 0, I64, (4, places), (terms,), (line_of(0, F, 4 * terms, (0, terms), (2, 1)),), 1)


def tree(rows: int, features: int, depth: int) -> Node:
    """A tree over a batch of 100, with two classes."""
    x = line_of(0, F, 100 * features, (0, features), (3, 1))
    operands = (x, line_of(1, U32, 4 * rows), line_of(2, U32, 1), line_of(3, F, 2 * rows))
    return Node(Kind.TREE, 0, F, (100, 1, 2), (features,), operands, 4, depth=depth)


def deep_tree(rows: int, features: int, depth: int) -> Content:
    """A walk down the whole depth, with rows and features as far apart as they can be."""
    step = rows // (depth + 1)

    def content(slot: int, dtype: DType, position: int) -> int:
        row, word = divmod(position, 4)
        if slot != 1:
            return 0x3F812345 if dtype is F else 0
        leaf = row >= depth * step
        row_words = (0 if leaf else 2 | row * 7 % features << 8, 0 if leaf else 0x7F7FFFFF, row + step, row + step)
        return row_words[word]

    return content


def _nodes() -> Iterator[tuple[str, Node]]:
    yield "dot of 1,152", gemm(16, 1152, 128, addend=False)
    for size, channels, out, kernel in [(56, 64, 64, 3), (14, 128, 128, 3), (28, 1, 16, 3), (14, 256, 256, 3)]:
        yield f"conv {kernel}x{kernel} of {channels} channels", conv(size, channels, out, kernel)
    yield "conv 1x1 of 512 channels", conv(7, 512, 512, 1)
    yield "first conv", conv(224, 3, 32, 3, 2)
    yield "depthwise conv", depthwise(56, 96)
    for terms in (20, 784, 4096, 10_000):
        yield f"gemm of {terms}", gemm(8, terms, 10)
    yield "gemm of 512 int32", gemm(16, 512, 64, I32)
    yield "attention", attention(64, 64)
    yield "max pool", pool(112, 64, 3, Fn.FOLD_MAX, 1)
    yield "max pool 2x2", pool(28, 16, 2, Fn.FOLD_MAX)
    yield "average pool", pool(112, 32, 3, Fn.FOLD_MEAN, 1)
    for fn in (Fn.FOLD_SUM, Fn.FOLD_MEAN, Fn.FOLD_MAX, Fn.FOLD_ARGMAX):
        yield f"{fn.name} of 10", reduction(64, 10, fn)
        yield f"{fn.name} of 1,000", reduction(64, 1000, fn)
    yield "sum of 1,000 int32", reduction(64, 1000, Fn.FOLD_SUM, I32)
    yield "any of 1,000", reduction(64, 1000, Fn.FOLD_ANY, B)
    for fn in (Fn.ADD, Fn.DIV, Fn.POW):
        yield fn.name, pointwise(50_000, fn, F, F)
    for fn in (Fn.ABS, Fn.SQRT, Fn.EXP, Fn.SIGMOID, Fn.ERF):
        yield fn.name, pointwise(50_000, fn, F)
    yield "cast", pointwise(50_000, Fn.CAST, F, result=I64)
    yield "less", pointwise(50_000, Fn.LESS, F, F, result=B)
    yield "where", pointwise(50_000, Fn.WHERE, B, F, F)
    yield "concat", concat(5_000, 4)
    yield "embedding", gather(30_000, 384, 128)
    yield "bag of embeddings", gathered_sum(3_000, 64, 32)
    yield "rank of 100", rank(100, 5)
    yield "rank of 1,000", rank(1000, 5)


def _middle(node: Node) -> int:
    position = 0
    for dim in node.dims:
        position = position * dim + dim // 2
    return position


def cost_cases() -> Iterator[CostCase]:
    """One element, from the middle of all axes, of every kind of node that real models have."""
    for name, node in _nodes():
        yield CostCase(name, node, _middle(node), ordinary)
    for rows, features, depth in [(127, 20, 6), (2_000, 30, 8), (60_000, 100, 40)]:
        content = deep_tree(rows, features, depth)
        yield CostCase(f"tree of depth {depth}", tree(rows, features, depth), 100, content)
