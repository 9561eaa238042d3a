"""Traces with their commitments: they prove single elements, and reveal what a dispute demands.

docs/canonical.md section 7 and docs/disputes.md section 3.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.commit import (
    LEAF_BYTES,
    Tree,
    bind_program,
    bind_tensor,
    bind_trace,
    tensor_bytes,
)
from oracle.canonical.layers import LAYER_LEVELS, Position, Revelation, shown
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Kind, Node
from oracle.canonical.program.program import Program
from oracle.canonical.reference.element import rank_position, touched
from oracle.errors import ProofError

Leaves = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class StepProof:
    """That element `element` of tensor `index` is, or is not, what its node says: the struct of IStepVerifier.sol.

    Paths are siblings of 32 bytes, lowest first; an operand that is not opened has an empty one.
    """

    index: int
    node: bytes
    node_path: tuple[bytes, ...]
    element: int
    openings: bytes
    operand_paths: tuple[tuple[bytes, ...], ...]
    result: bytes
    result_path: tuple[bytes, ...]

    def to_abi(self) -> tuple[Any, ...]:
        """The nested tuple that ABI encoders take."""
        paths = [list(path) for path in self.operand_paths]
        return (
            self.index,
            self.node,
            list(self.node_path),
            self.element,
            self.openings,
            paths,
            self.result,
            list(self.result_path),
        )


class CommittedTensor:
    """A flat tensor with its root; the tree is hashed once and kept for openings.

    A root that is known already may be given: then nothing is hashed before something is opened.
    """

    def __init__(self, node: Node, data: NDArray[Any], root: bytes | None = None) -> None:
        if (data.dtype, data.size) != (node.dtype.numpy, node.count):
            raise ProofError(f"{data.size} elements of {data.dtype} are not the tensor of a node of {node.count}.")
        flat = np.ascontiguousarray(data).reshape(-1)
        self._unsigned = flat.view(np.dtype(f"u{flat.itemsize}"))
        self._leaf_elements = LEAF_BYTES // flat.itemsize
        self.root = root or bind_tensor(node.dtype, node.count, self.tree.hash)

    @cached_property
    def tree(self) -> Tree:
        """The tree over its leaves."""
        return Tree.over_tensor(tensor_bytes(self._unsigned))

    @property
    def flat(self) -> NDArray[Any]:
        """Its elements' raw bits, as unsigned integers."""
        return self._unsigned

    def read(self, position: int) -> int:
        """The element's raw bits."""
        return int(self._unsigned[position])

    def leaves(self, first: int, count: int) -> bytes:
        """The data of `count` leaves, of 256 bytes each."""
        start = first * self._leaf_elements
        data = tensor_bytes(self._unsigned[start : start + count * self._leaf_elements])
        return data.ljust(count * LEAF_BYTES, b"\0")

    def open(self, positions: Iterable[int]) -> list[bytes]:
        """The runs, encoded, that cover the elements at `positions`: as long and as few as possible."""
        leaves = sorted({position // self._leaf_elements for position in positions})
        breaks = [i for i in range(1, len(leaves)) if leaves[i] != leaves[i - 1] + 1]
        runs = [leaves[start:end] for start, end in zip([0, *breaks], [*breaks, len(leaves)], strict=True)]
        return [self._run(run[0], len(run)) for run in runs if run]

    def _run(self, first: int, count: int) -> bytes:
        return encode_run(first, self.leaves(first, count), self.tree.siblings(first, count))


def encode_run(first: int, data: bytes, siblings: Sequence[bytes]) -> bytes:
    """A leaf run as proofs have it: leaf `first` and those after it, whole, and the siblings."""
    return struct.pack(">II", first, len(data) // LEAF_BYTES) + data + b"".join(siblings)


def open_operands(node: Node, element: int, operands: Sequence[CommittedTensor]) -> tuple[bytes, tuple[bool, ...]]:
    """The openings that recompute `element` of `node`, and which operands are opened.

    `operands` are the tensors the node's operands refer to, in their order.
    """
    readers = [operand.read for operand in operands]
    opened = [operand.open(seen) for operand, seen in zip(operands, touched(node, element, readers), strict=True)]
    parts = [struct.pack(">I", rank_position(node, element, readers))] if node.kind is Kind.RANK else []
    parts += [bytes((len(runs),)) + b"".join(runs) for runs in opened]
    return b"".join(parts), tuple(bool(runs) for runs in opened)


class CommittedProgram:
    """A program's nodes, encoded, with its root."""

    def __init__(self, program: Program) -> None:
        self.nodes = program.nodes
        self.encoded = tuple(encode_node(node) for node in program.nodes)
        self._tree = Tree.over_leaves(self.encoded)
        self.root = bind_program(program.version, len(self.nodes), self._tree.hash)

    def path(self, index: int) -> tuple[bytes, ...]:
        """The siblings of node `index`, lowest first."""
        return tuple(self._tree.path(0, index))


class CommittedTrace:
    """A trace with its commitments, ready to prove any element of any computed node and to reveal any position.

    `tensors[k]` is the flat tensor of node k: of INPUT and CONST nodes the raw bits.
    """

    def __init__(self, program: Program, tensors: Sequence[NDArray[Any]]) -> None:
        if len(tensors) != len(program.nodes):
            raise ProofError(f"a trace of {len(tensors)} tensors is none of a program of {len(program.nodes)} nodes.")
        self.program = CommittedProgram(program)
        self.tensors = tuple(
            CommittedTensor(node, data, node.root if program.constants.get(node.root) is data else None)
            for node, data in zip(program.nodes, tensors, strict=True)
        )
        self.roots = tuple(tensor.root for tensor in self.tensors)
        self.tree = Tree.over_leaves(self.roots)
        self.root = bind_trace(len(self.roots), self.tree.hash)
        self.program_root = self.program.root

    def prove(self, index: int, element: int) -> StepProof:
        """The one-step proof of element `element` of tensor `index`; raises `ProofError` where nothing is computed."""
        node = self.program.nodes[index]
        openings, opened = open_operands(node, element, [self.tensors[operand.node] for operand in node.operands])
        paths = [
            tuple(self.tree.path(0, operand.node)) if is_opened else ()
            for operand, is_opened in zip(node.operands, opened, strict=True)
        ]
        (result,) = self.tensors[index].open([element])
        return StepProof(
            index,
            self.program.encoded[index],
            self.program.path(index),
            element,
            openings,
            tuple(paths),
            result,
            tuple(self.tree.path(0, index)),
        )

    def reveal(self, position: Position) -> Revelation:
        """What is at `position`; raises `ProofError` for one that cannot be demanded."""
        if position.is_trace:
            return _reveal(position, self.tree, lambda first, count: b"".join(self.roots[first : first + count]), ())
        if position.tensor >= len(self.roots) or self.program.nodes[position.tensor].kind in (Kind.INPUT, Kind.CONST):
            raise ProofError(f"{position} cannot be demanded: the program computes no such tensor.")
        tensor = self.tensors[position.tensor]
        return _reveal(position, tensor.tree, tensor.leaves, tuple(self.tree.path(0, position.tensor)))


def _reveal(position: Position, tree: Tree, leaves: Leaves, trace_path: tuple[bytes, ...]) -> Revelation:
    where = shown(position, tree.leaves)
    if where is None:
        raise ProofError(f"{position} does not exist in a tree of {tree.leaves} leaves.")
    row = leaves if where.are_leaves else partial(tree.row, tree.depth - where.depth)
    top = tree.depth - LAYER_LEVELS * position.layer
    return Revelation(position, row(where.first, where.count), tuple(tree.path(top, position.index)), trace_path)


def program_root(program: Program) -> bytes:
    """The root of a program, 32 bytes."""
    return CommittedProgram(program).root
