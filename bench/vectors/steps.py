"""Vectors of `recompute`: steps of every kind, function and dtype, and what is refused, as calls."""

import random
import struct
from collections.abc import Iterator

from bench.vectors.calls import Target, error, recompute, scalar
from bench.vectors.cases import NodeCase, column, commit, raw, reader, signatures, small_case, window_case
from bench.vectors.functions import PUBLISHED
from bench.vectors.operands import SIGN
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.prove import open_operands
from oracle.canonical.reference.element import element
from oracle.canonical.tensor import DType
from oracle.canonical.vectors import read_cases

F, I64, U8 = DType.FLOAT, DType.INT64, DType.UINT8
LEAVES = 7
"""Leaves of the operand in the refused openings: 64 float32 each, the last one not full."""


def steps() -> bytes:
    """The file."""
    rng = random.Random(3)  # noqa: S311 (the same cases every time)
    parts = [
        *_random(rng),
        *_windows(rng),
        *_ranks(rng),
        *_published(),
        *_edges(rng),
        *_infinities(),
        *_trees(),
        *_folds_of_many_axes(rng),
        *_refused(),
        *_families(),
    ]
    return b"".join(parts)


def _step(case: NodeCase, at: int) -> bytes:
    """Element `at`, opened as `prove` opens it."""
    tensors = case.committed()
    openings, opened = open_operands(case.node, at, tensors)
    bits = element(case.node, at, [reader(values) for values in case.operands])
    roots = [tensor.root if is_opened else bytes(32) for tensor, is_opened in zip(tensors, opened, strict=True)]
    return recompute(encode_node(case.node), at, openings, (bits, roots))


def _random(rng: random.Random) -> Iterator[bytes]:
    for kind, times in ((Kind.MAP, 1), (Kind.FOLD, 2), (Kind.TREE, 60), (Kind.RANK, 3)):
        for fn, values, out in signatures(kind):
            for _ in range(times):
                case = small_case(rng, kind, fn, values, out)
                yield _step(case, rng.randrange(case.node.count))


def _windows(rng: random.Random) -> Iterator[bytes]:
    for fn, values, out in signatures(Kind.FOLD):
        for _ in range(8 if values[0] is F else 2):
            case = window_case(rng, Fn(fn), values[0], len(values), out)
            yield _step(case, rng.randrange(3))


def _ranks(rng: random.Random) -> Iterator[bytes]:
    """Ranks with many equals; and trees of several classes."""
    for fn in (0, 1):
        for dtype in (F, DType.INT8, DType.UINT64):
            pool = [raw(rng, dtype) for _ in range(3)] + ([0x7FC00000, 0xFFC00001, 0, SIGN] if dtype is F else [])
            view = View((Coordinate(70, 69, ((1, -1),)),))
            node = Node(Kind.RANK, fn, I64, (80,), (70,), (Operand(0, dtype, view),), 1)
            case = NodeCase(node, (tuple(rng.choice(pool) for _ in range(70)),))
            yield from (_step(case, place) for place in (0, 1, 35, 69, 70, 79))


def _published() -> Iterator[bytes]:
    """The folds of float32.json."""
    for case in read_cases(PUBLISHED):
        if case.node.kind is Kind.FOLD:
            tensors = [commit(o.dtype, values) for o, values in zip(case.node.operands, case.operands, strict=True)]
            openings, _ = open_operands(case.node, 0, tensors)
            yield recompute(encode_node(case.node), 0, openings, (case.expected, [tensor.root for tensor in tensors]))


def _edges(rng: random.Random) -> Iterator[bytes]:
    """Empty folds of every function and dtype, and folds of which nothing is in range."""
    for fn, values, out in signatures(Kind.FOLD):
        for fold, base in (((3, 0), 0), ((2,), 9)):
            views = [View((Coordinate(4, base, ((0, 1),)),), rng.choice((0, 1))) for _ in values]
            operands = tuple(
                Operand(slot, dtype, view) for slot, (dtype, view) in enumerate(zip(values, views, strict=True))
            )
            node = Node(Kind.FOLD, fn, out, (2,), fold, operands, len(values))
            yield _step(NodeCase(node, tuple(column(rng, dtype, 4) for dtype in values)), 1)
    for fn in (0, 1):
        node = Node(Kind.RANK, fn, I64, (3,), (0,), (Operand(0, F, View((Coordinate(2),))),), 1)
        yield _step(NodeCase(node, ((0, 1),)), 2)


def _infinities() -> Iterator[bytes]:
    """Sums with infinities, NaNs and 0 · inf at every place of a word of eight, and beside each other."""
    one, inf, minus, nan = 0x3F800000, 0x7F800000, 0xFF800000, 0xFFC12345
    row = View((Coordinate(11, 0, ((0, 1),)),))
    for specials in ((inf,), (minus,), (inf, minus), (inf, inf), (nan,), (nan, inf), (minus, minus)):
        for place in (0, 3, 7, 9):
            x = [one] * 11
            x[place : place + len(specials)] = specials
            for fn, others in (
                (Fn.FOLD_SUM, ()),
                (Fn.FOLD_MEAN, ()),
                (Fn.FOLD_DOT, (one,)),
                (Fn.FOLD_DOT, (0,)),
                (Fn.FOLD_DOT, (minus,)),
            ):
                columns = [tuple(x), *(tuple(bits if i == place else one for i in range(11)) for bits in others)]
                operands = tuple(Operand(slot, F, row) for slot in range(len(columns)))
                node = Node(Kind.FOLD, fn, F, (), (11,), operands, len(operands))
                yield _step(NodeCase(node, tuple(columns)), 0)


def _trees() -> Iterator[bytes]:
    """Every comparison with operands below, at and above the threshold, and NaN on either side; and limits of walks."""
    view = View((Coordinate(1, 0, ((1, 1),)),))
    for mode in range(1, 8):
        for missing in (0, 16):
            for x in (0x3F800000, 0x40000000, 0x40400000, 0x7FC00001):
                for threshold in (0x40000000, 0xFFC00000):
                    yield _tree(view, (mode | missing, threshold, 1, 2, 0, 0, 0, 0, 0, 1, 0, 0), x, 1)
    for table, depth in (
        ((1, 0x40000000, 1, 2, 0, 0, 0, 0, 0, 1, 0, 0), 0),
        ((1, 0x40000000, 2, 2, 0, 0, 0, 0, 0, 2, 0, 0), 1),
        ((1, 0x40000000, 3, 3, 0, 0, 0, 0, 0, 2, 0, 0), 1),
        ((1 | 1 << 8, 0x40000000, 1, 2, 0, 0, 0, 0, 0, 1, 0, 0), 1),
        ((1, 0x40000000, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0), 4096),
        ((0, 1, 0, 0), 0),
        ((0, 2, 0, 0), 0),
        ((0, 0, 0), 0),
    ):
        yield _tree(view, table, 0x3F800000, depth)


def _tree(view: View, table: tuple[int, ...], x: int, depth: int) -> bytes:
    """The first of two classes; weights 5 and 7."""
    u32 = DType.UINT32
    tables = (View((Coordinate(len(table)),)), View(()), View((Coordinate(2),)))
    operands = (
        Operand(0, F, view),
        *(Operand(i + 1, d, v) for i, (d, v) in enumerate(zip((u32, u32, F), tables, strict=True))),
    )
    node = Node(Kind.TREE, 0, F, (1,), (1,), operands, 4, depth=depth)
    return _step(NodeCase(node, ((x,), table, (0,), (0x40A00000, 0x40E00000))), 0)


def _folds_of_many_axes(rng: random.Random) -> Iterator[bytes]:
    """Lines along the last axis whose size is not 1, after which one axis, two or more begin anew."""
    for fold in ((2, 3, 4), (3, 2, 2, 2), (2, 3, 1), (1, 4, 2, 1), (2, 1, 3), (1, 1)):
        for fn, values, out in ((Fn.FOLD_DOT, 2, F), (Fn.FOLD_ARGMAX, 1, I64), (Fn.FOLD_SUM, 1, DType.INT16)):
            dtype = F if out is I64 else out
            sizes = [*fold, 7]
            views = [View(tuple(Coordinate(size, 0, ((axis, 1),)) for axis, size in enumerate(fold)))]
            flat = tuple((axis, rng.choice((1, -1, 2, 5))) for axis in range(len(fold)))
            views.append(View((Coordinate(40, 12, flat),), 1))
            operands = tuple(Operand(slot, dtype, rng.choice(views)) for slot in range(values))
            node = Node(Kind.FOLD, fn, out, (), fold, operands, values)
            yield _step(NodeCase(node, tuple(column(rng, dtype, o.view.count) for o in operands)), 0)
            if fn is Fn.FOLD_ARGMAX:
                ranks = Node(
                    Kind.RANK,
                    1,
                    I64,
                    (sizes[-1],),
                    fold,
                    (Operand(0, F, View((Coordinate(40, 12, tuple((a + 1, c) for a, c in flat)),), 1)),),
                    1,
                )
                yield _step(NodeCase(ranks, (column(rng, F, 40),)), 1)


def sum_case() -> NodeCase:
    """A sum over all of `LEAVES` leaves."""
    count = 64 * LEAVES - 3
    view = View((Coordinate(count, 0, ((0, 1),)),))
    node = Node(Kind.FOLD, Fn.FOLD_SUM, F, (), (count,), (Operand(0, F, view),), 1)
    return NodeCase(node, (tuple(0x3F800000 + i for i in range(count)),))


def _runs(case: NodeCase, *bounds: tuple[int, int]) -> bytes:
    (tensor,) = case.committed()
    parts = [tensor.open(range(64 * first, 64 * (first + n), 64))[0] for first, n in bounds]
    return bytes((len(parts),)) + b"".join(parts)


def _refused() -> Iterator[bytes]:
    case = sum_case()
    data = encode_node(case.node)
    honest, _ = open_operands(case.node, 0, case.committed())
    root = case.committed()[0].root
    ascending = "StepVerifier_RunsNotAscending(uint256,uint256)"
    missing = "StepVerifier_ElementNotOpened(uint256,bytes32)"
    outside = "StepVerifier_LeafNotInTree(uint256,uint256,uint256)"
    short = error("StepVerifier_OpeningsTooShort()")
    yield recompute(data, 0, honest, (element(case.node, 0, [reader(case.operands[0])]), [root]))
    for bounds, reason in (
        ([(0, 4), (4, 3)], error(ascending, 4, 5)),
        ([(0, 4), (3, 4)], error(ascending, 3, 5)),
        ([(5, 2), (0, 4)], error(ascending, 0, 8)),
        ([(0, 6)], error(missing, 384, root)),
        ([(1, 6)], error(missing, 0, root)),
        ([(0, 3), (4, 3)], error(missing, 192, root)),
        ([(0, 1), (2, 1), (4, 1), (6, 1)], error(missing, 64, root)),
        ([], error(missing, 0, bytes(32))),
    ):
        yield recompute(data, 0, _runs(case, *bounds), reason)
    for first, n in ((0, 0), (3, 0), (LEAVES, 1), (0, LEAVES + 1), (1, LEAVES), (2**32 - 1, 2**32 - 1)):
        opened = b"\1" + struct.pack(">II", first, n) + bytes(2048)
        yield recompute(data, 0, opened, error(outside, first, n, LEAVES))
    for extra in (b"\0", bytes(32), bytes(65)):
        yield recompute(data, 0, honest + extra, error("StepVerifier_BytesLeftOver(uint256)", len(extra)))
    for length in (0, 1, 4, 5, 8, 9, 10, 255, 256, 265, 9 + 256 * LEAVES - 1, 9 + 256 * LEAVES, len(honest) - 1):
        yield recompute(data, 0, honest[:length], short)
    other = NodeCase(case.node, (tuple(bits + 1 for bits in case.operands[0]),))
    mixed = b"\2" + _runs(case, (0, 3))[1:] + _runs(other, (4, 3))[1:]
    yield recompute(data, 0, mixed, error("StepVerifier_RunsOfDifferentTrees(bytes32,bytes32)"))
    yield from _beyond_runs()
    yield from _wrong_ranks()
    yield from _wrong_elements(data)


def _beyond_runs() -> Iterator[bytes]:
    """Lines that end one element beyond a run, behind which lie siblings that a prover may choose."""
    for step in (1, 2, 3, 64, 100, -1, -2, -3, -64, -100):
        first, length = (64 if step > 0 else 127), -(-64 // abs(step)) + 1
        for reads, tail in ((length - 1, 0), (length, 0), (length, 1)):
            view = View((Coordinate(320, first, ((0, step),)),))
            node = Node(Kind.FOLD, Fn.FOLD_SUM, F, (), (reads,), (Operand(0, F, view),), 1)
            case = NodeCase(node, (tuple(0x3F800000 + i for i in range(320)),))
            root = case.committed()[0].root
            returned: tuple[int, list[bytes]] | bytes
            if reads < length or tail:
                returned = element(node, 0, [reader(case.operands[0])]), [root]
            else:
                returned = error("StepVerifier_ElementNotOpened(uint256,bytes32)", first + step * (length - 1), root)
            opened = _runs(case, (1, 1)) if not tail else open_operands(node, 0, case.committed())[0]
            yield recompute(encode_node(node), 0, opened, returned)


def _wrong_ranks() -> Iterator[bytes]:
    x = (0x3F800000, 0x40000000, 0x7FC00001, 0x3F800000)  # 1, 2, NaN, 1
    view = View((Coordinate(4, 0, ((1, 1),)),))
    for fn, order in ((0, (2, 1, 0, 3)), (1, (0, 3, 1, 2))):
        node = Node(Kind.RANK, fn, I64, (5,), (4,), (Operand(0, F, view),), 1)
        tensor = commit(F, x)
        for place, right in enumerate(order):
            honest, _ = open_operands(node, place, [tensor])
            for hint in (0, 1, 2, 3, 4, 2**32 - 1):
                wrong = error("StepVerifier_WrongRank(uint256,uint256)", hint, place)
                returned = (right, [tensor.root]) if hint == right else wrong
                yield recompute(encode_node(node), place, struct.pack(">I", hint) + honest[4:], returned)
        yield recompute(encode_node(node), 4, struct.pack(">I", 2**32 - 1) + b"\0", (0, [bytes(32)]))
        yield recompute(encode_node(node), 4, b"\0\0\0", error("StepVerifier_OpeningsTooShort()"))


def _wrong_elements(data: bytes) -> Iterator[bytes]:
    beyond = "StepVerifier_ElementOutOfRange(uint256,uint256)"
    yield recompute(data, 1, b"", error(beyond, 1, 1))
    yield recompute(data, 2**256 - 1, b"", error(beyond, 2**256 - 1, 1))
    empty = Node(Kind.MAP, Fn.PICK, U8, (0, 3), (), (Operand(0, U8, View(())),), 1)
    yield recompute(encode_node(empty), 0, b"", error(beyond, 0, 0))
    for node in (Node(Kind.INPUT, 0, F, (2,)), Node(Kind.CONST, 0, F, (2,), root=bytes(32))):
        yield recompute(encode_node(node), 0, b"", error("StepVerifier_NothingToCompute()"))


def _families() -> Iterator[bytes]:
    """Functions a contract does not have."""
    unknown = "Functions_UnknownFunction(uint256)"
    for target, fns in (
        (Target.ELEMENTARY, (0, 0x18, 0x1A, 0x2F, 0x3A, 0xFF, 2**256 - 1)),
        (Target.TRIGONOMETRY, (0, 0x19, 0x39, 0x41, 0xFF, 2**256 - 1)),
    ):
        yield from (scalar(target, (fn, 0x7FC00000, 0), error(unknown, fn)) for fn in fns)
    for dtype in (F, DType.INT32):
        for fn in (Fn.PICK, Fn.WHERE, 0x05, 0x0A, 0x1B, 0x25, 0x2F):
            yield scalar(Target.SCALARS, (fn, dtype, dtype, 1, 1), error(unknown, fn))
        yield from (scalar(Target.SCALARS, (fn, dtype, dtype, 1, 1), error(unknown, fn)) for fn in (0x41, 0x80))
    yield scalar(Target.SCALARS, (Fn.FLOOR, DType.INT32, DType.INT32, 1, 1), error(unknown, Fn.FLOOR))
