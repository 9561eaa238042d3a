"""Openings that no honest prover sends, made out of honest ones."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from oracle.canonical.commit import LEAF_BYTES, leaf_count
from oracle.canonical.program.node import Kind, Node, Operand
from oracle.canonical.prove import CommittedTensor
from oracle.canonical.reference.element import element, touched
from tests.differential.spread import Rng
from tests.unit.canonical.strategies import NodeCase


@dataclass(frozen=True, slots=True)
class Opened:
    """Openings in their parts: the hint of a RANK node, and for every operand its encoded runs."""

    hint: int | None
    operands: tuple[tuple[bytes, ...], ...]

    def encode(self) -> bytes:
        """The bytes the verifier is given."""
        head = b"" if self.hint is None else struct.pack(">I", self.hint)
        return head + b"".join(bytes((len(runs),)) + b"".join(runs) for runs in self.operands)

    def having(self, slot: int, runs: Sequence[bytes]) -> "Opened":
        """The same with other runs of one operand."""
        return Opened(self.hint, (*self.operands[:slot], tuple(runs), *self.operands[slot + 1 :]))


@dataclass(frozen=True, slots=True)
class Honest:
    """An element with all that proves it: its bits, the operands' positions that it reads, and their openings."""

    case: NodeCase
    tensors: Sequence[CommittedTensor]
    at: int
    bits: int
    seen: tuple[frozenset[int], ...]
    opened: Opened

    @property
    def roots(self) -> list[bytes]:
        """What the verifier must find: the roots of the tensors that are opened, else zero."""
        pairs = zip(self.tensors, self.opened.operands, strict=True)
        return [tensor.root if runs else bytes(32) for tensor, runs in pairs]


def honest(case: NodeCase, tensors: Sequence[CommittedTensor], at: int) -> Honest:
    """Element `at` of a case, by the reference path."""
    bits = element(case.node, at, case.readers)
    seen = touched(case.node, at, case.readers)
    runs = tuple(tuple(tensor.open(positions)) for tensor, positions in zip(tensors, seen, strict=True))
    hint = bits if case.node.kind is Kind.RANK else None
    return Honest(case, tensors, at, bits, tuple(map(frozenset, seen)), Opened(hint, runs))


Attack = Callable[[Rng, Honest], bytes | None]
"""Other openings; None where there is no such attack on these."""


def _slot(rng: Rng, true: Honest, least: int = 1) -> int | None:
    """An operand of `least` runs or more."""
    slots = [slot for slot, runs in enumerate(true.opened.operands) if len(runs) >= least]
    return slots[int(rng.integers(len(slots)))] if slots else None


def _run(rng: Rng, true: Honest) -> tuple[int, int, bytes] | None:
    """An operand, one of its runs by number, and that run."""
    slot = _slot(rng, true)
    if slot is None:
        return None
    runs = true.opened.operands[slot]
    number = int(rng.integers(len(runs)))
    return slot, number, runs[number]


def _replaced(true: Honest, slot: int, number: int, *runs: bytes) -> bytes:
    old = true.opened.operands[slot]
    return true.opened.having(slot, (*old[:number], *runs, *old[number + 1 :])).encode()


def truncated(rng: Rng, true: Honest) -> bytes:
    """The end is missing."""
    data = true.opened.encode()
    return data[: len(data) - int(rng.integers(1, min(len(data), 300) + 1))]


def extended(rng: Rng, true: Honest) -> bytes:
    """Bytes follow."""
    return true.opened.encode() + rng.bytes(int(rng.choice([1, 4, 32, 264])))


def reordered(rng: Rng, true: Honest) -> bytes | None:
    """Runs of an operand descend."""
    slot = _slot(rng, true, 2)
    return None if slot is None else true.opened.having(slot, true.opened.operands[slot][::-1]).encode()


def doubled(rng: Rng, true: Honest) -> bytes | None:
    """A run comes twice: runs overlap."""
    found = _run(rng, true)
    return None if found is None else _replaced(true, found[0], found[1], found[2], found[2])


def divided(rng: Rng, true: Honest) -> bytes | None:
    """A run as two that touch."""
    found = _run(rng, true)
    if found is None:
        return None
    slot, number, run = found
    first, count = struct.unpack_from(">II", run)
    if count < 2:
        return None
    cut = first + int(rng.integers(1, count))
    return _replaced(true, slot, number, _open(true, slot, first, cut), _open(true, slot, cut, first + count))


def emptied(rng: Rng, true: Honest) -> bytes | None:
    """A run of no leaves."""
    found = _run(rng, true)
    return None if found is None else _replaced(true, found[0], found[1], found[2][:4] + bytes(4))


def withheld(rng: Rng, true: Honest) -> bytes | None:
    """A run that is needed is not there; the places of a RANK node beyond its last element need none."""
    found, node = _run(rng, true), true.case.node
    if found is None or (node.kind is Kind.RANK and true.at % node.dims[-1] >= node.fold_count):
        return None
    return _replaced(true, found[0], found[1])


def misplaced(rng: Rng, true: Honest) -> bytes | None:
    """A run that says of itself it lies elsewhere, or is longer or shorter."""
    found = _run(rng, true)
    if found is None:
        return None
    first, count = struct.unpack_from(">II", found[2])
    first, count = rng.permutation([(first + 1, count), (first - 1, count), (first, count + 1), (first ^ 4, count)])[0]
    return _replaced(true, found[0], found[1], struct.pack(">II", first % 2**32, count) + found[2][8:])


def led_astray(rng: Rng, true: Honest) -> bytes | None:
    """One bit of a sibling is another."""
    found = _run(rng, true)
    if found is None:
        return None
    start = 8 + LEAF_BYTES * struct.unpack_from(">I", found[2], 4)[0]
    if start == len(found[2]):
        return None
    return _replaced(true, found[0], found[1], _flip(rng, found[2], start))


def flipped(rng: Rng, true: Honest) -> bytes:
    """One bit, anywhere, is another."""
    return _flip(rng, true.opened.encode(), 0)


def swapped(rng: Rng, true: Honest) -> bytes | None:
    """Two operands' openings in each other's place."""
    operands = list(true.opened.operands)
    if len(operands) < 2:
        return None
    a, b = rng.choice(len(operands), 2, replace=False)
    operands[a], operands[b] = operands[b], operands[a]
    return Opened(true.opened.hint, tuple(operands)).encode()


def foreign(rng: Rng, true: Honest) -> bytes | None:
    """An operand as it would be opened were one element that is read another."""
    slot = _slot(rng, true)
    if slot is None:
        return None
    changed = list(true.case.operands[slot])
    changed[int(rng.choice(sorted(true.seen[slot])))] ^= 1 << int(rng.integers(8))
    return _reopened(true, slot, true.case.node.operands[slot], changed)


def resized(rng: Rng, true: Honest) -> bytes | None:
    """An operand as it would be opened were it longer or of another dtype."""
    slot = _slot(rng, true)
    if slot is None:
        return None
    operand = true.case.node.operands[slot]
    longer = list(true.case.operands[slot]) * int(rng.integers(2, 6)) + [0]
    return _reopened(true, slot, operand, longer)


def other_hint(rng: Rng, true: Honest) -> bytes | None:
    """A RANK node's hint is another."""
    if true.opened.hint is None:
        return None
    step = int(rng.choice([1, -1, 2**31]))
    return Opened((true.opened.hint + step) % 2**32, true.opened.operands).encode()


def noise(rng: Rng, true: Honest) -> bytes:
    """Bytes without any meaning."""
    return rng.bytes(int(rng.integers(0, 600)))


def widened(rng: Rng, true: Honest) -> bytes | None:
    """No attack: more is opened than is needed, as one run."""
    slot = _slot(rng, true)
    if slot is None:
        return None
    operand = true.case.node.operands[slot]
    leaves = leaf_count(operand.view.count * operand.dtype.size)
    return true.opened.having(slot, (_open(true, slot, 0, leaves),)).encode()


REFUSED: tuple[Attack, ...] = (truncated, extended, reordered, doubled, divided, emptied, withheld)
"""Each breaks a rule of docs/canonical.md section 7."""

ELSEWHERE: tuple[Attack, ...] = (led_astray, foreign)
"""Each leads to another root at least: if not refused, the element is that of other tensors."""

EITHER: tuple[Attack, ...] = (misplaced, flipped, swapped, resized, other_hint, noise)
"""Refused, of other tensors, or the same element after all: a bit may lie in what is read as 0 or not read at all."""


def _open(true: Honest, slot: int, first: int, end: int) -> bytes:
    """Leaves from `first` to before `end` of an operand, as one run."""
    elements = LEAF_BYTES // true.case.node.operands[slot].dtype.size
    (run,) = true.tensors[slot].open(range(first * elements, end * elements, elements))
    return run


def _reopened(true: Honest, slot: int, operand: Operand, data: Sequence[int]) -> bytes:
    """The openings with an operand's tensor replaced by one of `data`, at the same positions."""
    source = Node(Kind.INPUT, 0, operand.dtype, (len(data),))
    unsigned = np.array(data, dtype=f"u{operand.dtype.size}")
    tensor = CommittedTensor(source, unsigned.view(operand.dtype.numpy))
    return true.opened.having(slot, tensor.open(true.seen[slot])).encode()


def _flip(rng: Rng, data: bytes, start: int) -> bytes:
    changed = bytearray(data)
    at = int(rng.integers(start, len(changed))) if len(changed) > start else None
    if at is not None:
        changed[at] ^= 1 << int(rng.integers(8))
    return bytes(changed)
