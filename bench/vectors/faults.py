"""Vectors of program, input and answer faults: verdicts and refusals, as calls."""

import math
import random
import struct
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.vectors.calls import ACQUITTED, CONVICTED, PROGRAM, Target, error, judged
from bench.vectors.cases import commit, raw, signatures, small_case, window_case
from bench.vectors.operands import FORMATS
from oracle.canonical.commit import Tree, bind_program, bind_trace
from oracle.canonical.cost import MAX_PROOF_BYTES, MAX_PROOF_GAS, node_cost
from oracle.canonical.model import MODEL_ABI_TYPE, Model, OutputSpec
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.tensor import DType, TensorSpec
from oracle.canonical.tensor import encode as pack
from oracle.canonical.tolerance import wrong_elements

NODE = "(uint32,bytes,bytes32[])"
SOURCE = "(uint32,bytes,bytes32[],bytes32,bytes32[])"
OUTPUT = "(uint32,uint64,bytes,bytes32[])"
F, B, I8, I64, U32 = DType.FLOAT, DType.BOOL, DType.INT8, DType.INT64, DType.UINT32
MOST = 2**32 - 1
UNKNOWN_DTYPE = 99
INFINITE, NOT_A_NUMBER, NEGATIVE = (int.from_bytes(struct.pack(">d", x), "big") for x in (math.inf, math.nan, -1.0))

Opening = tuple[int, bytes, list[bytes]]


class Encodings:
    """A program of any bytes."""

    def __init__(self, encoded: list[bytes], version: int = 1) -> None:
        self.encoded, self.tree = encoded, Tree.over_leaves(encoded)
        self.root = bind_program(version, len(encoded), self.tree.hash)
        self.ref = (self.root, version, len(encoded))

    def opening(self, index: int) -> Opening:
        """Node `index` with its path."""
        return index, self.encoded[index], self.tree.siblings(index, 1)


def faults() -> bytes:
    """The file."""
    rng = random.Random(5)  # noqa: S311 (the same cases every time)
    parts = [
        *_models(),
        *_headers(),
        *_contradictions(),
        *_costs(rng),
        *_operands(),
        *_inputs(),
        *_tolerances(rng),
        *_answers(),
    ]
    return b"".join(parts)


def _bits(value: float) -> int:
    return int.from_bytes(struct.pack(">d", value), "big")


ROW = View((Coordinate(100, 0, ((0, 1),)),))
NODES = [
    Node(Kind.INPUT, 0, F, (100,)),
    Node(Kind.INPUT, 0, F, (10, 10), slot=1),
    Node(Kind.MAP, Fn.NEG, F, (100,), (), (Operand(0, F, ROW),), 1),
    Node(Kind.CONST, 0, I8, (700,), root=commit(I8, tuple(i % 256 for i in range(700))).root),
    Node(Kind.MAP, Fn.ADD, F, (100,), (), (Operand(0, F, ROW), Operand(2, F, ROW)), 2),
    Node(Kind.MAP, Fn.LESS, B, (100,), (), (Operand(0, F, ROW), Operand(1, F, ROW)), 2),
]
INPUTS = (TensorSpec(F, (100,)), TensorSpec(F, (1, 100)))
OUTPUTS = (OutputSpec(TensorSpec(F, (100, 1))), OutputSpec(TensorSpec(B, (100,))))


def _model(program: Encodings, **changes: object) -> Model:
    model = Model(program.root, len(program.encoded), MAX_PROOF_GAS, INPUTS, OUTPUTS, bytes(32))
    return replace(model, **changes)  # type: ignore[arg-type]


def _good() -> Encodings:
    return Encodings([encode_node(node) for node in NODES])


def _models() -> Iterator[bytes]:
    """Numbers of nodes and of outputs, and tolerances."""
    largest = _bits(1.7976931348623157e308)
    for changes, faulty in (
        ({}, False),
        ({"node_count": 2**21}, False),
        ({"node_count": 2**21 + 1}, True),
        ({"node_count": 2}, False),
        ({"node_count": 1}, True),
        ({"node_count": 0}, True),
        ({"outputs": ()}, True),
        ({"outputs": (), "node_count": 0}, True),
        *(
            ({"outputs": (OUTPUTS[0], OutputSpec(OUTPUTS[1].tensor, *tolerances))}, faulty)
            for tolerances, faulty in (
                ((0, 0), False), ((1, largest), False), ((largest, 1), False), ((INFINITE, 0), True),
                ((0, INFINITE), True),
                ((NOT_A_NUMBER, 0), True), ((0, NEGATIVE), True), ((1 << 63, 0), True),
            )
        ),
    ):  # fmt: skip
        model = _model(_good(), **changes)
        yield judged(Target.PROGRAM_FAULTS, "modelFault", [MODEL_ABI_TYPE], [model.to_abi()], faulty)
    root, nodes, gas, inputs, outputs, digest = _model(_good()).to_abi()
    for changed, faulty in (
        ((root, nodes, gas, [*inputs[:-1], (UNKNOWN_DTYPE, *inputs[-1][1:])], outputs, digest), True),
        ((root, nodes, gas, inputs, [*outputs[:-1], (UNKNOWN_DTYPE, *outputs[-1][1:])], digest), True),
    ):
        yield judged(Target.PROGRAM_FAULTS, "modelFault", [MODEL_ABI_TYPE], [changed], faulty)


def _headers() -> Iterator[bytes]:
    types = [MODEL_ABI_TYPE, "uint16", "uint32", "bytes32"]
    good = _good()
    for program, nodes, faulty in (
        (good, 6, False), (good, 5, True), (good, 7, True),
        (Encodings(good.encoded, 2), 6, True), (Encodings(good.encoded, 0), 6, True),
    ):  # fmt: skip
        values = [_model(program, node_count=nodes).to_abi(), program.ref[1], 6, program.tree.hash]
        yield judged(Target.PROGRAM_FAULTS, "headerFault", types, values, faulty)
    for version, count in ((2, 6), (1, 7)):
        actual = bind_program(version, count, good.tree.hash)
        values = [_model(good).to_abi(), version, count, good.tree.hash]
        yield judged(
            Target.PROGRAM_FAULTS, "headerFault", types, values, error("ProgramFaults_NotTheHeader(bytes32)", actual)
        )


def _node_fault(
    model: Model, program: Encodings, index: int, returned: bool | bytes, opening: Opening | None = None
) -> bytes:
    values = [model.to_abi(), program.ref, opening or program.opening(index)]
    return judged(Target.PROGRAM_FAULTS, "nodeFault", [MODEL_ABI_TYPE, PROGRAM, NODE], values, returned)


def _contradictions() -> Iterator[bytes]:
    """Nodes that contradict the model, or are none."""
    good = _good()
    for index in range(len(NODES)):
        yield _node_fault(_model(good), good, index, ACQUITTED)
        free = NODES[index].kind in (Kind.INPUT, Kind.CONST)
        yield _node_fault(_model(good, worst_leaf_gas=0), good, index, not free)
    for index, changes in (
        (0, {"dims": (101,)}), (0, {"dtype": U32}), (0, {"slot": 2}), (1, {"slot": 7}), (4, {"dims": (101,)}),
        (5, {"dtype": F, "fn": Fn.SUB}), (5, {"dims": (50,)}), (2, {"fn": 0x05}), (3, {"dims": (2**31,)}),
        (4, {"operands": (Operand(0, F, ROW), Operand(4, F, ROW))}),
        (4, {"operands": (Operand(5, F, ROW), Operand(0, F, ROW))}),
    ):  # fmt: skip
        nodes = [encode_node(replace(node, **changes) if i == index else node) for i, node in enumerate(NODES)]
        program = Encodings(nodes)
        yield _node_fault(_model(program), program, index, CONVICTED)
    cut = Encodings([*good.encoded[:2], good.encoded[2][:-1], *good.encoded[3:]])
    yield _node_fault(_model(cut), cut, 2, CONVICTED)
    outputs = (*OUTPUTS, *(OutputSpec(TensorSpec(F, (100,))) for _ in range(5)))
    yield _node_fault(_model(good, outputs=outputs), good, 0, ACQUITTED)  # a fault of the model
    yield _node_fault(_model(good, outputs=(OUTPUTS[1],)), good, 4, ACQUITTED)
    other = _model(good, program_root=bytes(32))
    yield _node_fault(other, good, 0, error("ProgramFaults_AnotherProgram(bytes32,bytes32)", good.root, bytes(32)))
    index, node, path = good.opening(2)
    inside = error("StepVerifier_NotInProgram(bytes32)")
    yield _node_fault(_model(good), good, 2, inside, (3, node, path))
    yield _node_fault(_model(good), good, 2, inside, (index, good.encoded[3], path))
    outside = error("StepVerifier_LeafNotInTree(uint256,uint256,uint256)", 6, 1, 6)
    yield _node_fault(_model(good), good, 2, outside, (6, node, path))
    yield _node_fault(
        _model(good), good, 2, error("StepVerifier_WrongPathLength(uint256,uint256)", 3, 2), (2, node, path[1:])
    )


def _costs(rng: random.Random) -> Iterator[bytes]:
    """Nodes whose gas is exactly what the model declares as the worst, and one more."""
    for some in [*_some_nodes(rng), *_dear_nodes()]:
        node = replace(some, operands=tuple(replace(o, node=slot) for slot, o in enumerate(some.operands)))
        program = Encodings([bytes(1)] * 8 + [encode_node(node)] + [bytes(1)])
        cost = node_cost(node)
        beyond = cost.bytes > MAX_PROOF_BYTES or cost.gas > MAX_PROOF_GAS
        model = _model(program, inputs=(), outputs=OUTPUTS[:1], worst_leaf_gas=min(cost.gas, MOST))
        yield _node_fault(model, program, 8, beyond)
        if not beyond:
            yield _node_fault(replace(model, worst_leaf_gas=cost.gas - 1), program, 8, CONVICTED)


def _some_nodes(rng: random.Random) -> Iterator[Node]:
    for kind in (Kind.MAP, Kind.FOLD, Kind.TREE, Kind.RANK):
        found = list(signatures(kind))
        for fn, values, out in rng.sample(found, min(len(found), 40)) if kind is not Kind.TREE else found * 8:
            yield small_case(rng, kind, fn, values, out).node
            if kind is Kind.FOLD:
                yield window_case(rng, Fn(fn), values[0], len(values), out).node


def _line(slot: int, dtype: DType, count: int, *terms: tuple[int, int], base: int = 0) -> Operand:
    return Operand(slot, dtype, View((Coordinate(count, base, terms),)))


def _dear_nodes() -> Iterator[Node]:
    """Products, pools and gathers of the sizes of real models, up to and beyond what one proof may take."""
    for terms in (64, 1000, 1152, 9000, 13_000, 14_000, 14_200, 14_400, 15_000, 2**20):
        for dtype in (F, I8, I64):
            x, w = _line(0, dtype, 4 * terms, (0, terms), (2, 1)), _line(1, dtype, 5 * terms, (1, terms), (2, 1))
            yield Node(Kind.FOLD, Fn.FOLD_DOT, dtype, (4, 5), (terms,), (x, w), 2)
    for rows in (10, 100, 250, 255, 256, 257, 300, 2000):
        column = _line(0, F, 1000 * rows, (0, 1), (1, 1000))
        yield Node(Kind.FOLD, Fn.FOLD_SUM, F, (1000,), (rows,), (column,), 1)
        yield Node(Kind.RANK, 0, I64, (5, 3), (rows,), (column,), 1)
        index = _line(1, I64, rows, (1, 1))
        gathered = Operand(0, F, View((Coordinate(1000, 0, (), 1), Coordinate(8, 0, ((0, 1),)))))
        yield Node(Kind.FOLD, Fn.FOLD_MAX, F, (8,), (rows,), (gathered, index), 1)
    for depth in (0, 1, 50, 200, 250, 254, 255, 256, 4096):
        x, table = _line(0, F, 500, (0, 100), (2, 1)), _line(1, U32, 4 * 2 ** min(depth, 22))
        operands = (x, table, _line(2, U32, 1), _line(3, F, 9000))
        yield Node(Kind.TREE, 0, F, (5, 2), (100,), operands, 4, depth=depth)
    for size in (0, 1, 3, 9, 40):
        empty = Operand(0, F, View((Coordinate(9, 2, ((0, -3), (1, 5))), Coordinate(4, 0, ((2, 1),)))))
        yield Node(Kind.FOLD, Fn.FOLD_SUM, F, (5,), (size, 3), (empty,), 1)
        window = tuple(Coordinate(64, -1, ((axis, 1), (axis + 3, 1))) for axis in (0, 1))
        x = Operand(0, F, View((*window, Coordinate(16, 0, ((2, 1),)))))
        yield Node(Kind.FOLD, Fn.FOLD_MEAN, F, (64, 64, 16), (size, size), (x,), 1)
    for counts in ((2**31 - 1, 5), (5, 2**31 - 1), (300, 100_000)):
        pick = tuple(_line(slot, I8, count, (0, 1)) for slot, count in enumerate(counts))
        yield Node(Kind.MAP, Fn.PICK, I8, (9,), (), pick, 2)
        yield Node(Kind.MAP, Fn.WHERE, I8, (9,), (), (_line(0, B, 9, (0, 1)), *pick), 3)


def _operands() -> Iterator[bytes]:
    types = [MODEL_ABI_TYPE, PROGRAM, NODE, "uint256", NODE]
    good = _good()
    shorter = View((Coordinate(99, 0, ((0, 1),)),))
    wrong = list(good.encoded)
    wrong[4] = encode_node(replace(NODES[4], operands=(Operand(0, F, shorter), Operand(3, F, ROW))))
    wrong[5] = encode_node(replace(NODES[5], operands=(Operand(2, F, ROW), Operand(3, F, View((Coordinate(700),))))))
    wrong[3] = encode_node(replace(NODES[3], dims=(700, 1)))
    contrary = Encodings(wrong)
    for program, index, slot, source, returned in (
        (good, 4, 0, 0, False),
        (good, 4, 1, 2, False),
        (contrary, 4, 0, 0, True),
        (contrary, 4, 1, 3, True),
        (contrary, 5, 1, 3, True),
        (contrary, 5, 0, 2, False),
        (good, 4, 2, 2, error("ProgramFaults_NoSuchOperand(uint256,uint256)", 2, 2)),
        (good, 4, 2**256 - 1, 2, error("ProgramFaults_NoSuchOperand(uint256,uint256)", 2**256 - 1, 2)),
        (good, 4, 1, 0, error("ProgramFaults_NotTheOperand(uint256)", 2)),
    ):
        values = [_model(program).to_abi(), program.ref, program.opening(index), slot, program.opening(source)]
        yield judged(Target.PROGRAM_FAULTS, "operandFault", types, values, returned)
    malformed = Encodings([bytes(1), *good.encoded[1:]])
    values = [_model(malformed).to_abi(), malformed.ref, malformed.opening(4), 0, malformed.opening(0)]
    reason = error("StepVerifier_MalformedNode(uint8)", 1)
    yield judged(Target.PROGRAM_FAULTS, "operandFault", types, values, reason)
    elsewhere = (2, good.encoded[2], good.opening(3)[2])
    for first, second in ((elsewhere, good.opening(0)), (good.opening(4), elsewhere)):
        values = [_model(good).to_abi(), good.ref, first, 1, second]
        yield judged(Target.PROGRAM_FAULTS, "operandFault", types, values, error("StepVerifier_NotInProgram(bytes32)"))


def _roots(x: NDArray[np.float32], y: NDArray[np.float32]) -> list[bytes]:
    zeros = bytes(32)
    return [
        commit(F, x.view(np.uint32).tolist()).root,
        commit(F, y.view(np.uint32).tolist()).root,
        zeros,
        NODES[3].root,
        zeros,
        zeros,
    ]


def _inputs() -> Iterator[bytes]:
    program = _good()
    x, y = np.arange(100, dtype=np.float32), -np.arange(100, dtype=np.float32)
    right = _roots(x, y)
    model = _model(program)
    data = pack([x, y.reshape(1, 100)], list(INPUTS))
    for roots, honest in ((right, True), ([bytes([7]) * 32] * 6, False), (_roots(y, x), False)):
        trace = Tree.over_leaves(roots)
        trace_root = bind_trace(6, trace.hash)
        for index in (0, 1, 3):
            claim = (*program.opening(index), roots[index], trace.siblings(index, 1))
            values: list[object] = [program.ref, trace_root, claim]
            if index == 3:
                faulty = roots[3] != NODES[3].root
                yield judged(Target.INPUT_FAULTS, "constantFault", [PROGRAM, "bytes32", SOURCE], values, faulty)
                continue
            yield _input_fault(model, values, data, not honest)
            yield _root_fault(model, values, right[:2], not honest)
            yield _root_fault(model, values, right[:1], CONVICTED)
            yield _root_fault(model, values, [*right[:2], bytes(32)], CONVICTED)
            for wrong in (data[:-1], data + b"\0", b""):
                yield _input_fault(model, values, wrong, CONVICTED)
            turned = replace(model, inputs=(INPUTS[0], TensorSpec(F, (99,))))
            contradicts = error("InputFaults_ContradictsModel(uint256)", 1)
            yield _input_fault(turned, values, data, contradicts if index == 1 else True)
            yield _root_fault(turned, values, right[:2], contradicts if index == 1 else not honest)
    trace = Tree.over_leaves(right)
    values = [program.ref, bind_trace(6, trace.hash), (*program.opening(3), right[3], trace.siblings(3, 1))]
    kind = error("InputFaults_WrongKind()")
    yield _input_fault(model, values, data, kind)
    yield _root_fault(model, values, right[:2], kind)
    values[2] = (*program.opening(0), right[0], trace.siblings(0, 1))
    yield judged(Target.INPUT_FAULTS, "constantFault", [PROGRAM, "bytes32", SOURCE], values, kind)
    values[2] = (*program.opening(0), right[1], trace.siblings(0, 1))
    yield _input_fault(model, values, data, error("StepVerifier_NotInTrace(uint256,bytes32)"))
    values[2] = (1, program.encoded[0], program.opening(0)[2], right[0], trace.siblings(0, 1))
    yield _input_fault(model, values, data, error("StepVerifier_NotInProgram(bytes32)"))
    yield from _input_sizes()


def _input_fault(model: Model, values: list[object], data: bytes, returned: bool | bytes) -> bytes:
    types = [MODEL_ABI_TYPE, PROGRAM, "bytes32", SOURCE, "bytes"]
    return judged(Target.INPUT_FAULTS, "inputFault", types, [model.to_abi(), *values, data], returned)


def _root_fault(model: Model, values: list[object], roots: list[bytes], returned: bool | bytes) -> bytes:
    types = [MODEL_ABI_TYPE, PROGRAM, "bytes32", SOURCE, "bytes32[]"]
    return judged(Target.INPUT_FAULTS, "inputRootFault", types, [model.to_abi(), *values, roots], returned)


def _input_sizes() -> Iterator[bytes]:
    """Inputs of few and many leaves, with empty subtrees on every level; of several dtypes, and empty."""
    for dtype, counts in (
        (I8, (0, 1, 255, 256, 257, 512, 513, 1025, 1300, 2049)),
        (F, (64, 65, 192)),
        (I64, (33, 160)),
    ):
        for count in counts:
            column = tuple((7 * i + 1) % 256 for i in range(count))
            program = Encodings([encode_node(Node(Kind.INPUT, 0, dtype, (count,)))])
            root = commit(dtype, column).root
            specs = (TensorSpec(dtype, (count,)), TensorSpec(I8, (3, 0)))
            model = _model(program, inputs=specs)
            data = b"".join(bits.to_bytes(dtype.size, "big") for bits in column)
            tree = Tree.over_leaves([root])
            values: list[object] = [program.ref, bind_trace(1, tree.hash), (*program.opening(0), root, [])]
            yield _input_fault(model, values, data, ACQUITTED)
            if count:
                yield _input_fault(model, values, data[:-1] + bytes([data[-1] ^ 1]), CONVICTED)


def _answer_fault(
    specs: tuple[OutputSpec, ...],
    tensors: list[NDArray[np.generic]],
    answer: bytes,
    output: int,
    element: int,
    **changes: object,
) -> bytes:
    """A call on an element of an output; `changes` are a claimed element, the number of nodes, what is returned."""
    nodes = 5
    committed = [
        commit(s.tensor.dtype, t.view(f"u{t.itemsize}").reshape(-1).tolist())
        for s, t in zip(specs, tensors, strict=True)
    ]
    roots = [bytes([9]) * 32] * (nodes - len(specs)) + [tensor.root for tensor in committed]
    trace = Tree.over_leaves(roots)
    opened = min(output, len(specs) - 1)
    (run,) = committed[opened].open([element])
    claim = (output, changes.get("claimed", element), run, trace.siblings(nodes - len(specs) + opened, 1))
    model = Model(bytes(32), int(str(changes.get("nodes", nodes))), MAX_PROOF_GAS, (), specs, bytes(32))
    types = [MODEL_ABI_TYPE, "bytes32", "bytes", OUTPUT]
    values: list[object] = [model.to_abi(), bind_trace(nodes, trace.hash), answer, claim]
    return judged(Target.ANSWER_FAULTS, "answerFault", types, values, changes["returned"])  # type: ignore[arg-type]


def _single(dtype: DType, answer: int, canonical: int, atol: float, rtol: float) -> bytes:
    spec = OutputSpec(TensorSpec(dtype, (1,)), _bits(atol), _bits(rtol))
    a, c = (np.array([bits], f"u{dtype.size}") for bits in (answer, canonical))
    typed = [(t != 0) if dtype is B else t.view(dtype.numpy) for t in (a, c)]
    wrong = bool(wrong_elements([typed[0]], [typed[1]], [spec]))
    return _answer_fault((spec,), [c], answer.to_bytes(dtype.size, "big"), 0, 0, returned=wrong)


def _tolerances(rng: random.Random) -> Iterator[bytes]:
    """Elements at, within and beyond tolerances, of every dtype and size."""
    values = (0.0, 5e-324, 2.0**-149, 1e-7, 0.5, 1.0, 3.0, 2.0**64, 1e38, 1.7976931348623157e308)
    special = (0, 0x80000000, 1, 0x3F800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC12345)
    for a in special:
        yield from (_single(F, a, c, rng.choice(values), rng.choice(values)) for c in special[::2])
    for dtype in FORMATS:
        for _ in range(6):
            yield _single(dtype, raw(rng, dtype), raw(rng, dtype), rng.choice(values), rng.choice((0.0, *values)))
    for _ in range(40):  # exactly at the edge, one ulp beyond, the next smaller tolerance; both signs, both sides
        sign, c, ulps = (
            rng.choice((0, 1 << 31)),
            rng.randrange(60 << 23, 200 << 23),
            rng.randrange(1, 1000) * rng.choice((1, -1)),
        )
        near = [struct.unpack(">f", struct.pack(">I", bits))[0] for bits in (c, c + ulps)]
        atol = abs(near[0] - near[1])
        yield _single(F, sign | c + ulps, sign | c, atol, 0.0)
        yield _single(F, sign | c + ulps + (1 if ulps > 0 else -1), sign | c, atol, 0.0)
        yield _single(F, sign | c + ulps, sign | c, math.nextafter(atol, 0), rng.choice((0.0, 0.0, 5e-324)))
    for power in range(1, 23):  # relative tolerances that are powers of two
        for off in (-1, 0, 1):
            c = rng.randrange(100, 150) << 23
            a = c + (1 << 23 - power) + off
            yield _single(F, a, c, 0.0, 2.0**-power)
            yield _single(F, a, c, 5e-324, 2.0**-power)
    yield _single(I64, 2**63 - 1, 2**63, 2.0**64, 0.0)
    yield _single(I64, 2**63 - 1, 2**63, 2.0**64 - 2048, 0.0)
    yield _single(DType.UINT64, 2**64 - 1, 2**64 - 2, 0.5, 0.0)
    yield _single(DType.UINT64, 2**64 - 1, 2**64 - 2, 0.0, 2.0**-64)
    yield _single(DType.UINT64, 2**64 - 2, 2**64 - 1, 0.0, 2.0**-64)


def _answers() -> Iterator[bytes]:
    """Elements at their places, lengths, and what leads elsewhere."""
    specs = (
        OutputSpec(TensorSpec(I8, (3,))),
        OutputSpec(TensorSpec(F, (10, 20)), _bits(0.5)),
        OutputSpec(TensorSpec(I64, (70,)), 0, 0),
    )
    tensors: list[NDArray[np.generic]] = [
        np.array([1, -2, 3], np.int8),
        np.arange(200, dtype=np.float32).reshape(10, 20),
        np.arange(70, dtype=np.int64) - 35,
    ]
    changed = [tensor.copy() for tensor in tensors]
    changed[1][9, 19] += 1
    changed[1][0, 0] += 0.25
    changed[2][69] -= 1
    answer = pack(changed, [s.tensor for s in specs])
    for output, element, faulty in (
        (0, 0, False), (0, 2, False), (1, 0, False), (1, 199, True), (1, 198, False),
        (2, 0, False), (2, 68, False), (2, 69, True),
    ):  # fmt: skip
        yield _answer_fault(specs, tensors, answer, output, element, returned=faulty)
    for length in (0, len(answer) - 1, len(answer) + 1):
        yield _answer_fault(specs, tensors, answer[:length].ljust(length, b"\0"), 1, 0, returned=True)
    missing = "AnswerFaults_NoSuchElement(uint256,uint256)"
    yield _answer_fault(specs, tensors, answer, 0, 0, claimed=3, returned=error(missing, 0, 3))
    yield _answer_fault(specs, tensors, answer, 3, 0, returned=error(missing, 3, 0))
    yield _answer_fault(specs, tensors, answer, MOST, 0, returned=error(missing, MOST, 0))
    yield _answer_fault(specs, tensors, answer, 0, 0, nodes=2, returned=error(missing, 0, 0))
    yield _answer_fault(
        specs, tensors, answer, 1, 199, claimed=0, returned=error("StepVerifier_ElementNotOpened(uint256,bytes32)")
    )
    yield _answer_fault(
        specs, tensors, answer, 1, 0, nodes=6, returned=error("StepVerifier_NotInTrace(uint256,bytes32)")
    )
    yield _answer_fault(
        specs, tensors, answer, 1, 0, nodes=4, returned=error("StepVerifier_WrongPathLength(uint256,uint256)", 2, 3)
    )
    for atol, rtol in ((INFINITE, 0), (0, INFINITE), (NEGATIVE, 0), (0, NOT_A_NUMBER)):
        bad = (specs[0], OutputSpec(specs[1].tensor, atol, rtol), specs[2])
        reason = error("AnswerFaults_BadTolerance(uint64,uint64)", atol, rtol)
        yield _answer_fault(bad, tensors, answer, 1, 0, returned=reason)
    for shape in ((2**32 - 1,) * 5, (2**32 - 1, 2**32 - 1, 0), (0,)):
        huge = OutputSpec(TensorSpec(F, shape))
        empty = 0 in shape
        returned = error(missing, 0, 0) if empty else True
        yield _answer_fault((huge,), [np.zeros(1, np.float32)], b"", 0, 0, returned=returned)
    half = OutputSpec(TensorSpec(DType.FLOAT16, (2,)))
    yield _answer_fault((half,), [np.zeros(2, np.uint16)], bytes(3), 0, 0, returned=True)
