"""One-step proofs as dear as a program can make them, and what they cost in an in-process EVM.

A proof is measured as the whole transaction of a dispute would be: in a program of as many nodes as there may be, with
openings in trees as tall as the tensors' counts say, and with the bytes that a dispute passes besides.
"""

import random
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import sha256

from eth_abi import encode

from oracle.canonical.commit import LEAF_BYTES, bind_program, bind_tensor, bind_trace, depth_of, leaf_count
from oracle.canonical.cost import CALL_BYTES, Cost
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import MAX_NODES, Node
from oracle.canonical.prove import StepProof, open_operands
from oracle.canonical.tensor import DType
from tests.differential.evm import CALLER, selector
from tests.differential.step_verifier import PROGRAM, PROOF, StepVerifier

VERSION = 1
_HEAD_BYTES = 4 + 6 * 32  # selector, program, trace root and the offset of the proof
_COLD_ACCOUNT = 2_500

RESULT = -1
Content = Callable[[int, DType, int], int]
"""Raw bits of an element: of which operand (or `RESULT`), its dtype, its position."""


class SparseTree:
    """A tree of which only some leaves are known; the hash of every subtree without one of them is random."""

    def __init__(self, depth: int, leaves: dict[int, bytes], seed: int) -> None:
        self.depth, self._seed = depth, seed
        self._rows = [{position: sha256(b"\x00" + leaf).digest() for position, leaf in leaves.items()}]
        for level in range(depth):
            above = {position >> 1 for position in self._rows[level]}
            pairs = {p: self._at(level, 2 * p) + self._at(level, 2 * p + 1) for p in above}
            self._rows.append({p: sha256(b"\x01" + pair).digest() for p, pair in pairs.items()})
        self.hash = self._rows[depth].get(0, bytes(32))

    def _at(self, level: int, position: int) -> bytes:
        known = self._rows[level].get(position)
        return known or sha256(struct.pack(">qQQ", self._seed, level, position)).digest()

    def siblings(self, first: int, count: int) -> list[bytes]:
        """As those of `commit.Tree`."""
        found, low, high = [], first, first + count - 1
        for level in range(self.depth):
            if low & 1:
                found.append(self._at(level, low - 1))
            if not high & 1:
                found.append(self._at(level, high + 1))
            low, high = low >> 1, high >> 1
        return found


class SparseTensor:
    """A tensor of any size with made-up elements, of which only opened leaves are ever computed."""

    def __init__(self, slot: int, dtype: DType, count: int, content: Content, seed: int) -> None:
        self._slot, self._dtype, self._count, self._content, self._seed = slot, dtype, count, content, seed
        self._elements: dict[int, int] = {}
        self.root = bytes(32)

    def read(self, position: int) -> int:
        """The element's raw bits."""
        if position not in self._elements:
            self._elements[position] = self._content(self._slot, self._dtype, position)
        return self._elements[position]

    def open(self, positions: Iterable[int]) -> list[bytes]:
        """As `CommittedTensor.open`; to be called once, as what is opened decides the root."""
        per_leaf = LEAF_BYTES // self._dtype.size
        numbers = sorted({position // per_leaf for position in positions})
        leaves = {number: self._leaf(number * per_leaf, per_leaf) for number in numbers}
        tree = SparseTree(depth_of(leaf_count(self._count * self._dtype.size)), leaves, self._seed)
        self.root = bind_tensor(self._dtype, self._count, tree.hash)
        breaks = [i for i in range(1, len(numbers)) if numbers[i] != numbers[i - 1] + 1]
        runs = [numbers[a:b] for a, b in zip([0, *breaks], [*breaks, len(numbers)], strict=True) if numbers[a:b]]
        return [
            struct.pack(">II", run[0], len(run))
            + b"".join(leaves[number] for number in run)
            + b"".join(tree.siblings(run[0], len(run)))
            for run in runs
        ]

    def _leaf(self, first: int, elements: int) -> bytes:
        size = self._dtype.size
        present = range(first, min(first + elements, self._count))
        return b"".join(self.read(p).to_bytes(size, "big") for p in present).ljust(LEAF_BYTES, b"\0")


@dataclass(frozen=True, slots=True)
class DearProof:
    """A one-step proof with the roots it leads to."""

    program: tuple[bytes, int, int]
    trace_root: bytes
    proof: StepProof

    @property
    def call(self) -> bytes:
        """The call of `stepFault`."""
        arguments = encode([PROGRAM, "bytes32", PROOF], [self.program, self.trace_root, self.proof.to_abi()])
        return selector(f"stepFault({PROGRAM},bytes32,{PROOF})") + arguments

    @property
    def calldata(self) -> bytes:
        """The same, followed by as many bytes as a dispute's call passes besides the proof."""
        return self.call + b"\xa5" * (CALL_BYTES - _HEAD_BYTES)


def dear_proof(node: Node, element: int, content: Content, seed: int = 0, nodes: int = MAX_NODES) -> DearProof:
    """The proof of `element` of `node` in a program of `nodes` nodes, with its operands far apart."""
    rng = random.Random(seed)  # noqa: S311 (the same cases every time)
    index = nodes - 1 - rng.randrange(nodes // 4)
    places = rng.sample(range(nodes // 2), len(node.operands))
    placed = [replace(operand, node=place) for operand, place in zip(node.operands, places, strict=True)]
    node = replace(node, operands=tuple(placed))
    columns = [SparseTensor(i, o.dtype, o.view.count, content, seed + i) for i, o in enumerate(placed)]
    openings, opened = open_operands(node, element, columns)  # type: ignore[arg-type]  # what of a tensor it uses
    result = SparseTensor(RESULT, node.dtype, node.count, content, seed + RESULT)
    (run,) = result.open([element])
    roots = {index: result.root}
    roots |= {o.node: c.root for o, c, is_opened in zip(placed, columns, opened, strict=True) if is_opened}
    trace = SparseTree(depth_of(nodes), roots, seed)
    encoded = encode_node(node)
    program = SparseTree(depth_of(nodes), {index: encoded}, seed)
    paths = tuple(
        tuple(trace.siblings(o.node, 1)) if is_opened else () for o, is_opened in zip(placed, opened, strict=True)
    )
    proof = StepProof(
        index,
        encoded,
        tuple(program.siblings(index, 1)),
        element,
        openings,
        paths,
        run,
        tuple(trace.siblings(index, 1)),
    )
    root = bind_program(VERSION, nodes, program.hash)
    return DearProof((root, VERSION, nodes), bind_trace(nodes, trace.hash), proof)


def measure(verifier: StepVerifier, proof: DearProof) -> Cost:
    """Calldata and gas of the whole transaction that has `proof` judged; raises where it is refused.

    The EVM here neither charges for accounts touched first (EIP-2929), of which a proof has three, nor knows the
    floor of EIP-7623: both are added.
    """
    data = proof.calldata
    verifier.contract.evm.message_call(CALLER, verifier.contract.address, calldata=data)
    gas = verifier.contract.evm.result.gas_used + 3 * _COLD_ACCOUNT
    floor = 21_000 + 40 * len(data) - 30 * data.count(0)
    return Cost(len(data), max(gas, floor))
