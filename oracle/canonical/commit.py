"""Commitments: SHA-256 Merkle trees over tensors, programs and traces, and openings of leaf runs.

docs/canonical.md section 6. Every hash is tagged by what it covers, and roots bind dtype and counts, so that no tree
can be taken for another, cut short or extended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.tensor import DType
from oracle.errors import ProofError

LEAF_BYTES = 256
_LEAF, _INNER, _TENSOR, _PROGRAM, _TRACE = b"\x00", b"\x01", b"\x02", b"\x03", b"\x04"
_HASH = 32


def _inner(left: bytes, right: bytes) -> bytes:
    return sha256(_INNER + left + right).digest()


def _empty_subtrees(levels: int) -> tuple[bytes, ...]:
    hashes = [bytes(_HASH)]
    for _ in range(levels):
        hashes.append(_inner(hashes[-1], hashes[-1]))
    return tuple(hashes)


_EMPTY = _empty_subtrees(64)


def leaf_count(nbytes: int) -> int:
    """Leaves of a tensor of `nbytes` bytes."""
    return -(-nbytes // LEAF_BYTES)


def depth_of(leaves: int) -> int:
    """Levels above the leaves: ceil(log2(leaves)), 0 for none or one."""
    return max(leaves - 1, 0).bit_length()


def tensor_bytes(tensor: NDArray[Any]) -> bytes:
    """Elements in row-major order, big-endian, packed: the raw bits, payloads of NaN and all."""
    flat = np.ascontiguousarray(tensor).reshape(-1)
    unsigned = flat.view(np.dtype(f"u{flat.itemsize}"))
    return unsigned.astype(unsigned.dtype.newbyteorder(">"), copy=False).tobytes()


@dataclass(frozen=True, slots=True)
class Tree:
    """A Merkle tree, kept for openings. `levels[0]` holds the leaf hashes, 32 bytes each, the last level one hash."""

    leaves: int
    levels: tuple[bytes, ...]

    @classmethod
    def over(cls, hashes: Sequence[bytes]) -> "Tree":
        """The tree over leaf hashes."""
        levels = [b"".join(hashes) if hashes else _EMPTY[0]]
        while len(levels[-1]) > _HASH:
            row = levels[-1]
            if len(row) % (2 * _HASH):
                row += _EMPTY[len(levels) - 1]
            levels.append(b"".join([sha256(_INNER + row[i : i + 64]).digest() for i in range(0, len(row), 64)]))
        return cls(len(hashes), tuple(levels))

    @classmethod
    def over_tensor(cls, data: bytes) -> "Tree":
        """The tree over a tensor's bytes, cut into leaves of 256, the last one zero-padded."""
        padded = data + bytes(-len(data) % LEAF_BYTES)
        starts = range(0, len(padded), LEAF_BYTES)
        return cls.over([sha256(_LEAF + padded[i : i + LEAF_BYTES]).digest() for i in starts])

    @classmethod
    def over_leaves(cls, leaves: Sequence[bytes]) -> "Tree":
        """The tree over leaves of any length: encodings of nodes, or tensor roots."""
        return cls.over([sha256(_LEAF + leaf).digest() for leaf in leaves])

    @property
    def hash(self) -> bytes:
        """The tree's hash, which roots bind with dtype and count."""
        return self.levels[-1]

    @property
    def depth(self) -> int:
        """Levels above the leaves."""
        return len(self.levels) - 1

    def siblings(self, first: int, count: int) -> list[bytes]:
        """The hashes that lead from leaves `first` … `first + count - 1` to the tree's hash, lowest level first.

        Raises `ProofError` where the run is empty or reaches beyond the leaves.
        """
        if count < 1 or first < 0 or first + count > self.leaves:
            raise ProofError(f"leaves {first} to {first + count - 1} are no run within {self.leaves}.")
        found = []
        low, high = first, first + count - 1
        for level in range(self.depth):
            if low & 1:
                found.append(self.at(level, low - 1))
            if not high & 1:
                found.append(self.at(level, high + 1))
            low, high = low >> 1, high >> 1
        return found

    def path(self, level: int, position: int) -> list[bytes]:
        """The siblings of node `position` of `level` up to the tree's hash, lowest first."""
        return [self.at(at, position >> at - level ^ 1) for at in range(level, self.depth)]

    def row(self, level: int, first: int, count: int) -> bytes:
        """The hashes of `count` nodes of `level`, all of which have leaves below them."""
        return self.levels[level][_HASH * first : _HASH * (first + count)]

    def at(self, level: int, position: int) -> bytes:
        """The hash of node `position` of `level`, 0 being the leaves'; that of the empty subtree beyond the leaves."""
        at = self.levels[level][_HASH * position : _HASH * (position + 1)]
        return at or _EMPTY[level]


def rows_above(row: Sequence[bytes], level: int, levels: int) -> list[list[bytes]]:
    """`row` and the rows of hashes above it, up to the one hash of the subtree that begins with it and has `levels`.

    `row` are nodes of `level`; what it lacks on the right is empty.
    """
    rows = [list(row) or [_EMPTY[level]]]
    for at in range(level, level + levels):
        below = rows[-1] if len(rows[-1]) % 2 == 0 else [*rows[-1], _EMPTY[at]]
        rows.append([_inner(*below[i : i + 2]) for i in range(0, len(below), 2)])
    return rows


def empty_subtree(height: int) -> bytes:
    """The hash of a subtree of `height` levels without leaves."""
    return _EMPTY[height]


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(_LEAF + leaf).digest()


def bind_tensor(dtype: DType, count: int, tree: bytes) -> bytes:
    """A tensor root from the hash of its tree, 32 bytes."""
    return sha256(_TENSOR + bytes((dtype,)) + count.to_bytes(8, "big") + tree).digest()


def bind_program(version: int, nodes: int, tree: bytes) -> bytes:
    """A program root from the hash of the tree over its nodes' encodings, 32 bytes."""
    return sha256(_PROGRAM + version.to_bytes(2, "big") + nodes.to_bytes(4, "big") + tree).digest()


def bind_trace(nodes: int, tree: bytes) -> bytes:
    """A trace root from the hash of the tree over its tensor roots, 32 bytes."""
    return sha256(_TRACE + nodes.to_bytes(4, "big") + tree).digest()


def tensor_root(dtype: DType, tensor: NDArray[Any]) -> bytes:
    """The root of a tensor's raw bits, 32 bytes; `dtype` must be the array's own."""
    if tensor.dtype != dtype.numpy:
        raise ProofError(f"a {tensor.dtype} array is committed as {dtype.label}.")
    return bind_tensor(dtype, tensor.size, Tree.over_tensor(tensor_bytes(tensor)).hash)
