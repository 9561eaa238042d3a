"""The rules of docs/disputes.md section 3 and docs/canonical.md sections 6 to 8, played in plain Python.

Written from the documents alone, as simply as can be: what the contract must accept and what it must find.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256
from typing import Protocol

from oracle.canonical import pursuit
from oracle.canonical.claims import SourceClaim
from oracle.canonical.layers import TRACE, Position, Revelation
from oracle.canonical.model import Model
from oracle.canonical.program.encoding import decode_node, encode_node
from oracle.canonical.program.node import Coordinate, Kind, Node, Operand, View
from oracle.canonical.program.program import Program
from oracle.canonical.prove import StepProof
from oracle.canonical.reference.arithmetic import is_nan
from oracle.canonical.reference.element import element
from oracle.canonical.reference.formats import decode
from oracle.canonical.tensor import DType
from oracle.canonical.tolerance import float64_of

_SOURCES = (Kind.INPUT, Kind.CONST)


class Refused(Exception):
    """The rules do not allow the move."""


def _require(fact: object, what: str) -> None:
    if not fact:
        raise Refused(what)


def depth(leaves: int) -> int:
    """ceil(log2 n), by counting."""
    levels = 0
    while 1 << levels < leaves:
        levels += 1
    return levels


def positions(tensor: int, leaves: int) -> list[Position]:
    """Every position of a tree, layer by layer."""
    d = depth(leaves)
    found, layer = [], 0
    while layer == 0 or 7 * layer < d:
        for index in range(1 << 7 * layer):
            if layer == 0 or index << d - 7 * layer < leaves:
                found.append(Position(tensor, layer, index))
        layer += 1
    return found


def _empty(height: int) -> bytes:
    node = bytes(32)
    for _ in range(height):
        node = sha256(b"\1" + node + node).digest()
    return node


def _up(node: bytes, index: int, path: Sequence[bytes]) -> bytes:
    for sibling in path:
        node = sha256(b"\1" + (sibling + node if index % 2 else node + sibling)).digest()
        index //= 2
    return node


def _leaves(node: Node) -> int:
    return (node.count * node.dtype.size + 255) // 256


def accepts(program: Program, trace_root: bytes, revelation: Revelation) -> bool:
    """Whether the contract takes a revelation of a position that may be demanded."""
    position, nodes = revelation.position, program.nodes
    n = len(nodes) if position.tensor == TRACE else _leaves(nodes[position.tensor])
    d = depth(n)
    levels = min(7, d - 7 * position.layer)
    bottom = 7 * position.layer + levels
    is_last = bottom == d
    size = (32 if position.tensor == TRACE else 256) if is_last else 32
    first = position.index * 2**levels
    count = sum((first + i) * 2 ** (d - bottom) < n for i in range(2**levels))
    if len(revelation.data) != count * size or len(revelation.path) != 7 * position.layer:
        return False
    parts = [revelation.data[i * size : (i + 1) * size] for i in range(count)]
    row = [sha256(b"\0" + part).digest() for part in parts] if is_last else parts
    row += [_empty(d - bottom)] * (2**levels - count)
    while len(row) > 1:
        row = [sha256(b"\1" + row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
    tree = _up(row[0], position.index, revelation.path)
    if position.tensor == TRACE:
        return not revelation.trace_path and sha256(b"\4" + struct.pack(">I", n) + tree).digest() == trace_root
    node = nodes[position.tensor]
    if is_last and any(revelation.data[max(0, node.count * node.dtype.size - 256 * first) :]):
        return False
    root = sha256(b"\2" + struct.pack(">BQ", node.dtype, node.count) + tree).digest()
    return _in_trace(len(nodes), position.tensor, root, revelation.trace_path, trace_root)


def _in_trace(nodes: int, index: int, root: bytes, path: Sequence[bytes], trace_root: bytes) -> bool:
    tree = _up(sha256(b"\0" + root).digest(), index, path)
    return len(path) == depth(nodes) and sha256(b"\4" + struct.pack(">I", nodes) + tree).digest() == trace_root


class Opponent(Protocol):
    """Whoever has posted a trace."""

    @property
    def root(self) -> bytes:
        """Trace root."""

    @property
    def roots(self) -> tuple[bytes, ...]:
        """Tensor roots, up to 256."""

    def reveal(self, position: Position) -> Revelation | None:
        """What it reveals; None where it cannot."""


@dataclass(slots=True)
class Table:
    """A game over a trace, as the contract keeps it."""

    case: pursuit.Case
    program: Program
    trace_root: bytes
    revealed: dict[Position, bytes]
    known: set[int]

    @classmethod
    def of(cls, case: pursuit.Case, program: Program, trace: Opponent) -> "Table":
        """A game in which `trace` is posted; raises `Refused` where the contract does not take it."""
        table = cls(case, program, trace.root, {}, set())
        _require(len(trace.roots) == (len(program.nodes) if len(program.nodes) <= 256 else 0), "number of roots")
        if trace.roots:
            row = [sha256(b"\0" + root).digest() for root in trace.roots]
            row += [bytes(32)] * (2 ** depth(len(row)) - len(row))
            while len(row) > 1:
                row = [sha256(b"\1" + row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
            bound = sha256(b"\4" + struct.pack(">I", len(trace.roots)) + row[0]).digest()
            _require(bound == trace.root, "roots do not lead to the root")
        return table

    def demand(self, move: pursuit.DemandMove) -> None:
        """Raises `Refused` for what cannot be demanded."""
        p, nodes = move.position, self.program.nodes
        if p.is_trace:
            _require(len(nodes) > 256 and p in positions(TRACE, len(nodes)), "no such position of the trace")
        else:
            _require(p.tensor < len(nodes) and nodes[p.tensor].kind not in _SOURCES, "no computed tensor")
            _require(p in positions(p.tensor, _leaves(nodes[p.tensor])), "no such position")
            if p.tensor not in self.known:
                self._require_node(p.tensor, move.node, move.node_path)
            if p.layer == 0 and len(nodes) > 256:
                d = depth(len(nodes))
                last = (d + 6) // 7 - 1
                _require(Position(TRACE, last, p.tensor >> d - 7 * last) in self.revealed, "its root is not revealed")
            self.known.add(p.tensor)
        if p.layer:
            _require(Position(p.tensor, p.layer - 1, p.index // 128) in self.revealed, "nothing above it is revealed")

    def allows(self, move: pursuit.DemandMove) -> bool:
        """Whether it can be demanded."""
        trial = replace(self, known=set(self.known))
        try:
            trial.demand(move)
        except Refused:
            return False
        return True

    def reveal(self, revelation: Revelation) -> None:
        """Raises `Refused` for what is not there."""
        _require(accepts(self.program, self.trace_root, revelation), "not what is there")
        self.revealed[revelation.position] = revelation.data

    def convicts(self, move: pursuit.Move) -> bool:
        """The verdict on a proof; raises `Refused` for what leads nowhere."""
        match move:
            case pursuit.StepClaim(proof):
                return self._step(proof)
            case pursuit.ConstantClaim(claim):
                node = self._source(claim, Kind.CONST)
                return claim.root != node.root
            case pursuit.InputClaim(claim, given):
                _require(given == self.case.given, "another input")
                return claim.root != self._input_root(self._source(claim, Kind.INPUT).slot, given)
            case pursuit.InputRootClaim(claim, roots):
                _require(roots == self.case.given, "other roots")
                slot = self._source(claim, Kind.INPUT).slot
                return len(roots) != len(self.case.model.inputs) or claim.root != roots[slot]
            case pursuit.AnswerClaim(claimed):
                return self._answer(claimed.output, claimed.element, claimed.run, claimed.path)
        raise Refused(f"{move} is no proof")

    def _require_node(self, index: int, data: bytes, path: Sequence[bytes]) -> None:
        nodes = self.program.nodes
        tree = _up(sha256(b"\0" + data).digest(), index, path)
        root = sha256(b"\3" + struct.pack(">HI", 1, len(nodes)) + tree).digest()
        _require(len(path) == depth(len(nodes)) and root == self.case.model.program_root, "not in the program")
        _require(data == encode_node(nodes[index]), "another node")

    def _source(self, claim: SourceClaim, kind: Kind) -> Node:
        self._require_node(claim.index, claim.node, claim.node_path)
        node = decode_node(claim.node)
        _require(node.kind is kind, "another kind")
        _require(self._has(claim.index, claim.root, claim.trace_path), "not in the trace")
        return node

    def _has(self, index: int, root: bytes, path: Sequence[bytes]) -> bool:
        return _in_trace(len(self.program.nodes), index, root, path, self.trace_root)

    def _input_root(self, slot: int, given: bytes) -> bytes:
        specs = self.case.model.inputs
        if len(given) != sum(spec.nbytes for spec in specs):
            return b""
        start = sum(spec.nbytes for spec in specs[:slot])
        part, spec = given[start : start + specs[slot].nbytes], specs[slot]
        leaves = [part[i : i + 256].ljust(256, b"\0") for i in range(0, len(part), 256)]
        row = [sha256(b"\0" + leaf).digest() for leaf in leaves] or [bytes(32)]
        row += [bytes(32)] * (2 ** depth(len(row)) - len(row))
        while len(row) > 1:
            row = [sha256(b"\1" + row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
        return sha256(b"\2" + struct.pack(">BQ", spec.dtype, spec.count) + row[0]).digest()

    def _step(self, proof: StepProof) -> bool:
        self._require_node(proof.index, proof.node, proof.node_path)
        node = decode_node(proof.node)
        _require(node.kind not in _SOURCES and proof.element < node.count, "nothing to compute")
        data = proof.openings
        hint = None
        if node.kind is Kind.RANK:
            hint, data = int.from_bytes(data[:4], "big"), data[4:]
        readers = []
        for operand, path in zip(node.operands, proof.operand_paths, strict=True):
            runs, data = data[0], data[1:]
            tensor = _Opened(operand, runs, data)
            data = data[tensor.length :]
            readers.append(tensor.read)
            if runs:
                _require(self._has(operand.node, tensor.root, path), "an operand is not in the trace")
        _require(not data, "bytes left over")
        right = element(node, proof.element, readers)
        _require(hint is None or hint == right, "another rank")
        result = _flat(node.dtype, node.count)
        opened = _Opened(result, 1, proof.result)
        _require(opened.length == len(proof.result), "bytes left over")
        _require(self._has(proof.index, opened.root, proof.result_path), "the result is not in the trace")
        return opened.read(proof.element) != right

    def _answer(self, output: int, number: int, run: bytes, path: Sequence[bytes]) -> bool:
        specs = self.case.model.outputs
        if len(self.case.answer) != sum(spec.tensor.nbytes for spec in specs):
            return True
        spec = specs[output]
        _require(number < spec.tensor.count, "no such element")
        tensor = len(self.program.nodes) - len(specs) + output
        opened = _Opened(_flat(spec.tensor.dtype, spec.tensor.count), 1, run)
        _require(self._has(tensor, opened.root, path), "the output is not in the trace")
        size = spec.tensor.dtype.size
        start = sum(s.tensor.nbytes for s in specs[:output]) + size * number
        given = int.from_bytes(self.case.answer[start : start + size], "big")
        return not is_right(spec.tensor.dtype, given, opened.read(number), spec.atol, spec.rtol)


def is_right(dtype: DType, answer: int, canonical: int, atol: int, rtol: int) -> bool:
    """Section 8, fault 3, on the bits of two elements."""
    a, c = decode(dtype, answer), decode(dtype, canonical)
    if isinstance(a, float) or isinstance(c, float):  # an infinity or NaN
        return a == c or (is_nan(a) and is_nan(c))
    allowed = Fraction(float64_of(atol)) + Fraction(float64_of(rtol)) * abs(Fraction(c))
    return abs(Fraction(a) - Fraction(c)) <= allowed


def _flat(dtype: DType, count: int) -> Operand:
    return Operand(0, dtype, View((Coordinate(count),)))


def answer_is_right(model: Model, answer: bytes, right: bytes) -> bool:
    """Whether a packed answer is right beside the packed canonical one."""
    if len(answer) != len(right):
        return False
    at = 0
    for spec in model.outputs:
        for _ in range(spec.tensor.count):
            given, true = (packed[at : at + spec.tensor.dtype.size] for packed in (answer, right))
            bits = int.from_bytes(given, "big"), int.from_bytes(true, "big")
            if given != true and not is_right(spec.tensor.dtype, *bits, spec.atol, spec.rtol):
                return False
            at += spec.tensor.dtype.size
    return True


class _Opened:
    """The runs of an operand at the start of `data`, `length` bytes of it, and the tensor root they lead to."""

    def __init__(self, operand: Operand, runs: int, data: bytes) -> None:
        size = operand.dtype.size
        leaves = (operand.view.count * size + 255) // 256
        self._size, self._leaves = size, dict[int, bytes]()
        trees, at, least = set(), 0, 0
        for _ in range(runs):
            first, count = struct.unpack_from(">II", data, at)
            at += 8
            _require(count and least <= first and first + count <= leaves, "no run of the tree")
            least = first + count + 1
            row = {}
            for leaf in range(first, first + count):
                self._leaves[leaf] = data[at : at + 256]
                row[leaf] = sha256(b"\0" + data[at : at + 256]).digest()
                at += 256
            for _ in range(depth(leaves)):
                low, high = min(row), max(row)
                for beside in ([low - 1] if low % 2 else []) + ([] if high % 2 else [high + 1]):
                    row[beside] = data[at : at + 32]
                    at += 32
                row = {k // 2: sha256(b"\1" + row[k] + row[k + 1]).digest() for k in sorted(row) if k % 2 == 0}
            trees.add(row[0])
        _require(len(trees) <= 1 and at <= len(data), "runs of different trees")
        self.length = at
        tree = trees.pop() if trees else b""
        self.root = sha256(b"\2" + struct.pack(">BQ", operand.dtype, operand.view.count) + tree).digest()

    def read(self, position: int) -> int:
        """The raw bits of an element; raises `Refused` where no run has it."""
        leaf, offset = divmod(position * self._size, 256)
        _require(leaf in self._leaves, f"element {position} is not opened")
        return int.from_bytes(self._leaves[leaf][offset : offset + self._size], "big")
