"""One-step proofs: everything the verifier needs to recompute one element of a trace. docs/canonical.md section 7."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Kind, Node
from oracle.canonical.program.program import Program
from oracle.canonical.reference.element import rank_position, touched
from oracle.errors import ProofError


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
    """A flat tensor with its root; the tree is hashed once and kept for openings."""

    def __init__(self, node: Node, data: NDArray[Any]) -> None:
        if (data.dtype, data.size) != (node.dtype.numpy, node.count):
            raise ProofError(f"{data.size} elements of {data.dtype} are not the tensor of a node of {node.count}.")
        flat = np.ascontiguousarray(data).reshape(-1)
        self._unsigned = flat.view(np.dtype(f"u{flat.itemsize}"))
        self._leaf_elements = LEAF_BYTES // flat.itemsize
        self._bytes = tensor_bytes(flat)
        self._tree = Tree.over_tensor(self._bytes)
        self.root = bind_tensor(node.dtype, node.count, self._tree.hash)

    def read(self, position: int) -> int:
        """The element's raw bits."""
        return int(self._unsigned[position])

    def open(self, positions: Iterable[int]) -> list[bytes]:
        """The runs, encoded, that cover the elements at `positions`: as long and as few as possible."""
        leaves = sorted({position // self._leaf_elements for position in positions})
        breaks = [i for i in range(1, len(leaves)) if leaves[i] != leaves[i - 1] + 1]
        runs = [leaves[start:end] for start, end in zip([0, *breaks], [*breaks, len(leaves)], strict=True)]
        return [self._run(run[0], len(run)) for run in runs if run]

    def _run(self, first: int, count: int) -> bytes:
        data = self._bytes[first * LEAF_BYTES : (first + count) * LEAF_BYTES].ljust(count * LEAF_BYTES, b"\0")
        return struct.pack(">II", first, count) + data + b"".join(self._tree.siblings(first, count))


def open_operands(node: Node, element: int, operands: Sequence[CommittedTensor]) -> tuple[bytes, tuple[bool, ...]]:
    """The openings that recompute `element` of `node`, and which operands are opened.

    `operands` are the tensors the node's operands refer to, in their order.
    """
    readers = [operand.read for operand in operands]
    opened = [operand.open(seen) for operand, seen in zip(operands, touched(node, element, readers), strict=True)]
    parts = [struct.pack(">I", rank_position(node, element, readers))] if node.kind is Kind.RANK else []
    parts += [bytes((len(runs),)) + b"".join(runs) for runs in opened]
    return b"".join(parts), tuple(bool(runs) for runs in opened)


class CommittedTrace:
    """A trace with its commitments, ready to prove any element of any computed node.

    `tensors[k]` is the flat tensor of node k: of INPUT and CONST nodes the raw bits.
    """

    def __init__(self, program: Program, tensors: Sequence[NDArray[Any]]) -> None:
        if len(tensors) != len(program.nodes):
            raise ProofError(f"a trace of {len(tensors)} tensors is none of a program of {len(program.nodes)} nodes.")
        self._nodes = program.nodes
        self._encoded = [encode_node(node) for node in program.nodes]
        self._program_tree = Tree.over_leaves(self._encoded)
        self._tensors = [CommittedTensor(node, data) for node, data in zip(program.nodes, tensors, strict=True)]
        self.roots = tuple(tensor.root for tensor in self._tensors)
        self._tree = Tree.over_leaves(self.roots)
        self.root = bind_trace(len(self.roots), self._tree.hash)
        self.program_root = bind_program(program.version, len(self._nodes), self._program_tree.hash)

    def prove(self, index: int, element: int) -> StepProof:
        """The one-step proof of element `element` of tensor `index`; raises `ProofError` where nothing is computed."""
        node = self._nodes[index]
        tensors = [self._tensors[operand.node] for operand in node.operands]
        openings, opened = open_operands(node, element, tensors)
        paths = [
            tuple(self._tree.siblings(operand.node, 1)) if is_opened else ()
            for operand, is_opened in zip(node.operands, opened, strict=True)
        ]
        (result,) = self._tensors[index].open([element])
        return StepProof(
            index,
            self._encoded[index],
            tuple(self._program_tree.siblings(index, 1)),
            element,
            openings,
            tuple(paths),
            result,
            tuple(self._tree.siblings(index, 1)),
        )


def program_root(program: Program) -> bytes:
    """The root of a program, 32 bytes."""
    tree = Tree.over_leaves([encode_node(node) for node in program.nodes])
    return bind_program(program.version, len(program.nodes), tree.hash)
