"""Small programs with their canonical traces, as ABI-encoded structs: what the games that forge plays are about.

`tests/foundry/Programs.sol` has the structs: `SMALL` posts its tensor roots and has a tensor of two layers and one
without elements, `LONG` has more nodes than tensor roots are posted for, `BROKEN` has program faults.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from eth_abi.abi import encode
from numpy.typing import NDArray

from oracle.canonical.commit import Tree, bind_program, bind_trace, tensor_bytes
from oracle.canonical.cost import MAX_PROOF_GAS
from oracle.canonical.model import MODEL_ABI_TYPE, Model, OutputSpec
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import LOWERING_VERSION, Program, validate_program
from oracle.canonical.prove import CommittedTensor
from oracle.canonical.reference.element import element
from oracle.canonical.tensor import DType, TensorSpec
from oracle.canonical.tolerance import bits_of, wrong_elements
from oracle.errors import ProofError

CASE = "(bytes,bytes[],bytes32[],bytes32,bytes)"
PROGRAM = f"({MODEL_ABI_TYPE},bytes[],uint8[],uint8[],uint64[],uint32[][],{CASE}[])"

F = DType.FLOAT
X, WEIGHTS, DOTS, WIDE, NOTHING, SUMS = range(6)
ROWS, COLUMNS, DEPTH = 3, 4, 40
CELLS = ROWS * COLUMNS
WIDTH = 693
"""12 rows of so many floats are 130 leaves, the last one padded: one more level than a layer has."""

LENGTH = 260
TOLERANCE = 2.0**-10
RIGHT_BIT, WRONG_BIT = 1, 1 << 22
"""Turned in an element of an output, the first leaves it right, the second does not."""

Tensors = list[NDArray[np.generic]]


def games() -> bytes:
    """The file: `Program[]`."""
    weights = np.array([(i * 7 % 23 - 11) / 4 for i in range(DEPTH * COLUMNS)], np.float32)
    inputs = [np.array([(i * k % 31 - 15) / 8 for i in range(ROWS * DEPTH)], np.float32) for k in (3, 11)]
    short = [np.array(values, np.float32) for values in ((1, 2, 3), (-40, 0.5, 7))]
    programs = [
        _sound(_small(_root(weights)), [weights], inputs, (ROWS, DEPTH), (COLUMNS, ROWS)),
        _sound(_long(_root(np.ones(3, np.float32))), [np.ones(3, np.float32)], short, (3,), (3,)),
        _broken(),
    ]
    return encode([f"{PROGRAM}[]"], [programs])


def _root(tensor: NDArray[np.float32]) -> bytes:
    return _committed(tensor).root


def _committed(tensor: NDArray[np.generic]) -> CommittedTensor:
    return CommittedTensor(Node(Kind.INPUT, 0, F, (tensor.size,)), tensor)


def _of(node: int, *coordinates: Coordinate, fill: int = 0) -> Operand:
    return Operand(node, F, View(coordinates, fill))


def _along(size: int, axis: int = 0, base: int = 0, step: int = 1) -> Coordinate:
    return Coordinate(size, base, ((axis, step),))


def _map(fn: Fn, dims: tuple[int, ...], *operands: Operand) -> Node:
    return Node(Kind.MAP, fn, F, dims, (), operands, len(operands))


def _small(constant: bytes) -> tuple[Node, ...]:
    one_and_a_half = 0x3FC00000
    return (
        Node(Kind.INPUT, 0, F, (ROWS, DEPTH)),
        Node(Kind.CONST, 0, F, (DEPTH, COLUMNS), root=constant),
        Node(
            Kind.FOLD, Fn.FOLD_DOT, F, (ROWS, COLUMNS), (DEPTH,),
            (_of(X, _along(ROWS, 0), _along(DEPTH, 2)), _of(WEIGHTS, _along(DEPTH, 2), _along(COLUMNS, 1))), 2,
        ),
        _map(Fn.MUL, (CELLS, WIDTH), _of(DOTS, _along(CELLS)),
             _of(X, _along(ROWS * DEPTH, 1), fill=one_and_a_half)),
        _map(Fn.NEG, (0, COLUMNS), _of(DOTS, _along(CELLS, 1))),
        _map(Fn.ADD, (CELLS,), _of(WIDE, _along(CELLS), Coordinate(WIDTH, WIDTH - 1)), _of(DOTS, _along(CELLS))),
        _map(Fn.SUB, (CELLS,), _of(SUMS, _along(CELLS)), _of(DOTS, _along(CELLS, 0, CELLS - 1, -1))),
    )  # fmt: skip


def _long(constant: bytes) -> tuple[Node, ...]:
    sources = (Node(Kind.INPUT, 0, F, (3,)), Node(Kind.CONST, 0, F, (3,), root=constant))
    steps = (_map(Fn.SUB, (3,), _of(k - 1, _along(3)), _of(k - 2, _along(3))) for k in range(2, LENGTH))
    return (*sources, *steps)


def _sound(
    nodes: tuple[Node, ...],
    constants: Sequence[NDArray[np.float32]],
    inputs: Sequence[NDArray[np.float32]],
    taken: tuple[int, ...],
    given: tuple[int, ...],
) -> tuple[Any, ...]:
    """A program that validates, with one case an input."""
    held = {_root(constant): constant for constant in constants}
    program = Program(LOWERING_VERSION, nodes, held, 1)
    output = OutputSpec(TensorSpec(F, given), bits_of(TOLERANCE))
    validate_program(program, (TensorSpec(F, taken),), (output.tensor,))
    cases = [_case(program, output, x) for x in inputs]
    return _program([encode_node(node) for node in nodes], nodes, (TensorSpec(F, taken),), output, cases)


def _case(program: Program, output: OutputSpec, x: NDArray[np.float32]) -> tuple[Any, ...]:
    tensors = _trace(program, x)
    roots = [_committed(tensor).root for tensor in tensors]
    _require_bits(tensors[-1], output)
    packed = [tensor_bytes(tensor) for tensor in tensors]
    return packed[0], packed, roots, bind_trace(len(roots), Tree.over_leaves(roots).hash), packed[-1]


def _trace(program: Program, x: NDArray[np.float32]) -> Tensors:
    tensors: Tensors = []
    for node in program.nodes:
        if node.kind is Kind.INPUT:
            tensors.append(x)
        elif node.kind is Kind.CONST:
            tensors.append(program.constants[node.root])
        else:
            readers = [tensors[operand.node].view(np.uint32).tolist().__getitem__ for operand in node.operands]
            bits = [element(node, i, readers) for i in range(node.count)]
            tensors.append(np.array(bits, np.uint32).view(np.float32))
    return tensors


def _require_bits(canonical: NDArray[np.generic], output: OutputSpec) -> None:
    """Refuse a case where `RIGHT_BIT` or `WRONG_BIT` does not do what its name says of some element."""
    for place in range(canonical.size):
        for bit, wrong in ((RIGHT_BIT, 0), (WRONG_BIT, 1)):
            changed = canonical.copy()
            changed.view(np.uint32)[place] ^= bit
            if len(wrong_elements([changed], [canonical], [output])) != wrong:
                raise ProofError(f"bit {bit} of element {place} of the output does not decide as it should.")


def _broken() -> tuple[Any, ...]:
    """Node 1 is none; node 2 says that its operand has 5 elements, which has 3."""
    nodes = (
        Node(Kind.INPUT, 0, F, (3,)),
        _map(Fn.NEG, (3,), _of(0, _along(3))),
        _map(Fn.NEG, (3,), _of(0, _along(5))),
        _map(Fn.NEG, (3,), _of(0, _along(3))),
    )
    encoded = [encode_node(node) for node in nodes]
    encoded[1] = b"\xff"
    x = np.array([1, 2, 3], np.float32)
    return _program(encoded, nodes, (TensorSpec(F, (3,)),), OutputSpec(TensorSpec(F, (3,))), [_no_case(x)])


def _no_case(x: NDArray[np.float32]) -> tuple[Any, ...]:
    """An input of a program that has no canonical trace."""
    return tensor_bytes(x), [], [], bytes(32), tensor_bytes(x)


def _program(
    encoded: list[bytes],
    nodes: Sequence[Node],
    inputs: tuple[TensorSpec, ...],
    output: OutputSpec,
    cases: list[tuple[Any, ...]],
) -> tuple[Any, ...]:
    root = bind_program(LOWERING_VERSION, len(encoded), Tree.over_leaves(encoded).hash)
    model = Model(root, len(encoded), MAX_PROOF_GAS, inputs, (output,), bytes(32))
    return (
        model.to_abi(),
        encoded,
        [int(node.kind) for node in nodes],
        [int(node.dtype) for node in nodes],
        [node.count for node in nodes],
        [[operand.node for operand in node.operands] for node in nodes],
        cases,
    )
