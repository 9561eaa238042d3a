"""Vectors of `stepFault`: proofs against honest and lying traces, and proofs that lead elsewhere, as calls."""

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.vectors.calls import ACQUITTED, CONVICTED, error, step_fault
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import Program
from oracle.canonical.prove import CommittedTrace, StepProof
from oracle.canonical.reference.element import element
from oracle.canonical.tensor import DType

F, B, I64, U32 = DType.FLOAT, DType.BOOL, DType.INT64, DType.UINT32
SIZE = 100
X, NEGATED, SUMS, PICKED, WEIGHTS, DOTS, ORDER, TABLE, TREES = range(9)
ROW = View((Coordinate(SIZE, 0, ((0, 1),)),))
VERSION = 3
NOT_IN_PROGRAM = error("StepVerifier_NotInProgram(bytes32)")
NOT_IN_TRACE = "StepVerifier_NotInTrace(uint256,bytes32)"

Tensors = list[NDArray[np.generic]]


def program() -> Program:
    """x, -x, x + -x, a copy of x; sums of x by weights; the order of x; and a tree on x."""
    along = View((Coordinate(SIZE, 0, ((1, 1),)),))
    nodes = (
        Node(Kind.INPUT, 0, F, (SIZE,)),
        Node(Kind.MAP, Fn.NEG, F, (SIZE,), (), (Operand(X, F, ROW),), 1),
        Node(Kind.MAP, Fn.ADD, F, (SIZE,), (), (Operand(X, F, ROW), Operand(NEGATED, F, ROW)), 2),
        Node(Kind.MAP, Fn.PICK, F, (SIZE,), (), (Operand(X, F, ROW), Operand(NEGATED, F, ROW)), 2),
        Node(Kind.CONST, 0, F, (3, SIZE), root=bytes(32)),
        Node(
            Kind.FOLD, Fn.FOLD_DOT, F, (3,), (SIZE,),
            (Operand(X, F, along),
             Operand(WEIGHTS, F, View((Coordinate(3, 0, ((0, 1),)), Coordinate(SIZE, 0, ((1, 1),)))))), 2,
        ),
        Node(Kind.RANK, 0, I64, (5,), (SIZE,), (Operand(X, F, along),), 1),
        Node(Kind.CONST, 0, U32, (13,), root=bytes(32)),
        Node(
            Kind.TREE, 0, F, (2,), (SIZE,),
            (Operand(X, F, along), Operand(TABLE, U32, View((Coordinate(13),))),
             Operand(TABLE, U32, View((Coordinate(13, 12),))),
             Operand(WEIGHTS, F, View((Coordinate(300),)))), 4, depth=3,
        ),
    )  # fmt: skip
    return Program(VERSION, nodes, {}, 1)


def tensors() -> Tensors:
    """The canonical trace."""
    rng = random.Random(4)  # noqa: S311 (the same cases every time)
    x = np.arange(1, SIZE + 1, dtype=np.float32)
    weights = np.array([rng.randrange(-64, 65) / 8 for _ in range(300)], np.float32)
    rows = [4 | 7 << 8, 0x40A00000, 1, 2, 0, 3, 0, 0, 0, 40, 0, 0, 0]  # row 0: x[7] > 5; its leaves; the root
    found: Tensors = [x, -x, np.zeros(SIZE, np.float32), x.copy(), weights, np.zeros(0), np.zeros(0)]
    found += [np.array(rows, np.uint32), np.zeros(0)]
    nodes = program().nodes
    for index in (DOTS, ORDER, TREES):
        node = nodes[index]
        operands = [found[o.node].view(f"u{o.dtype.size}").tolist() for o in node.operands]
        bits = [element(node, i, [column.__getitem__ for column in operands]) for i in range(node.count)]
        found[index] = np.array(bits, f"u{node.dtype.size}").view(node.dtype.numpy)
    return found


def proofs() -> bytes:
    """The file."""
    return b"".join([*_verdicts(), *_refusals(), *_odd_programs()])


def _judged(trace: CommittedTrace, proof: StepProof, returned: bool | bytes, version: int = VERSION) -> bytes:
    return step_fault((trace.program_root, version, len(trace.roots)), trace.root, proof, returned)


def _verdicts() -> Iterator[bytes]:
    honest = CommittedTrace(program(), tensors())
    for index in (NEGATED, SUMS, PICKED, DOTS, ORDER, TREES):
        count = program().nodes[index].count
        for at in sorted({0, count - 1, min(63, count - 1), min(64, count - 1)}):
            yield _judged(honest, honest.prove(index, at), ACQUITTED)
            for bits in (0x80000000, 0x00000001, 0x7FC00000):
                data = tensors()
                changed = data[index] = data[index].copy()
                unsigned = changed.view(f"u{changed.itemsize}")
                if unsigned[at] == bits:
                    continue
                unsigned[at] = bits
                lying = CommittedTrace(program(), data)
                yield _judged(lying, lying.prove(index, at), CONVICTED)
                if count > 1:
                    yield _judged(lying, lying.prove(index, (at + 1) % count), ACQUITTED)
    data = tensors()  # one lie, and what follows from it correctly
    data[NEGATED][5], data[SUMS][5] = 10, 16
    trace = CommittedTrace(program(), data)
    yield _judged(trace, trace.prove(SUMS, 5), ACQUITTED)
    yield _judged(trace, trace.prove(NEGATED, 5), CONVICTED)


def _refusals() -> Iterator[bytes]:
    data = tensors()
    data[SUMS][7] = 1
    trace = CommittedTrace(program(), data)
    data = tensors()
    data[X][7], data[SUMS][7] = 1000, 2
    elsewhere = CommittedTrace(program(), data).prove(SUMS, 7)
    proof = trace.prove(SUMS, 7)
    yield _judged(trace, proof, CONVICTED)
    yield _judged(trace, proof, NOT_IN_PROGRAM, version=VERSION + 1)
    turned = (bytes(32), *proof.node_path[1:])
    length = "StepVerifier_WrongPathLength(uint256,uint256)"
    paths = error("StepVerifier_WrongOperandPaths()")
    short = error("StepVerifier_OpeningsTooShort()")
    nodes = len(trace.roots)
    for changed, reason in (
        (replace(proof, node=trace.prove(PICKED, 7).node), NOT_IN_PROGRAM),
        (replace(proof, index=PICKED), NOT_IN_PROGRAM),
        (replace(proof, index=nodes), error("StepVerifier_LeafNotInTree(uint256,uint256,uint256)", nodes, 1, nodes)),
        (replace(proof, node_path=turned), NOT_IN_PROGRAM),
        (replace(proof, node_path=proof.node_path[1:]), error(length, 4, 3)),
        (replace(proof, node_path=(*proof.node_path, bytes(32))), error(length, 4, 5)),
        (replace(proof, openings=elsewhere.openings), error(NOT_IN_TRACE)),
        (replace(proof, operand_paths=(turned, proof.operand_paths[1])), error(NOT_IN_TRACE)),
        (replace(proof, operand_paths=(proof.operand_paths[0], turned)), error(NOT_IN_TRACE)),
        (replace(proof, operand_paths=((), proof.operand_paths[1])), error(length, 4, 0)),
        (replace(proof, operand_paths=proof.operand_paths[:1]), paths),
        (replace(proof, operand_paths=(*proof.operand_paths, ())), paths),
        (replace(proof, result=elsewhere.result), error(NOT_IN_TRACE)),
        (replace(proof, result=proof.result[:-1]), short),
        (replace(proof, result=proof.result + b"\0"), error("StepVerifier_BytesLeftOver(uint256)", 1)),
        (replace(proof, result=b""), short),
        (replace(proof, result_path=turned), error(NOT_IN_TRACE)),
        (replace(proof, result_path=proof.result_path[1:]), error(length, 4, 3)),
        (replace(proof, element=70), error("StepVerifier_ElementNotOpened(uint256,bytes32)")),
        (replace(proof, element=SIZE), error("StepVerifier_ElementOutOfRange(uint256,uint256)", SIZE, SIZE)),
    ):
        yield _judged(trace, changed, reason)
    picked = trace.prove(PICKED, 7)  # its second operand is not opened
    yield _judged(trace, picked, ACQUITTED)
    yield _judged(trace, replace(picked, operand_paths=(picked.operand_paths[0], turned)), paths)
    yield step_fault((trace.program_root, VERSION, nodes), bytes(32), proof, error(NOT_IN_TRACE))
    yield step_fault(
        (bytes(32), VERSION, nodes), trace.root, proof, error("StepVerifier_NotInProgram(bytes32)", trace.program_root)
    )


def _odd_programs() -> Iterator[bytes]:
    for node in (Node(Kind.INPUT, 0, F, (1,)), Node(Kind.CONST, 0, F, (1,), root=bytes(32))):
        trace = CommittedTrace(Program(VERSION, (node,), {}, 1), [np.zeros(1, np.float32)])
        claim = StepProof(0, encode_node(node), (), 0, b"", (), b"", ())
        yield _judged(trace, claim, error("StepVerifier_NothingToCompute()"))
    for own in (1, 2):
        node = Node(Kind.MAP, Fn.NEG, F, (1,), (), (Operand(own, F, View((Coordinate(1),))),), 1)
        nodes = (Node(Kind.INPUT, 0, F, (1,)), node, Node(Kind.INPUT, 0, F, (1,)))
        trace = CommittedTrace(Program(VERSION, nodes, {}, 1), [np.ones(1, np.float32)] * 3)
        yield _judged(trace, trace.prove(1, 0), error("StepVerifier_OperandNotEarlier(uint256,uint256)", own, 1))
