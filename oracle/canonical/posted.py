"""What is known of the trace that an operator has posted: its root, and what was revealed below it."""

from collections.abc import Mapping, Sequence

from oracle.canonical.commit import (
    LEAF_BYTES,
    Tree,
    bind_tensor,
    bind_trace,
    depth_of,
    empty_subtree,
    leaf_count,
    leaf_hash,
    rows_above,
)
from oracle.canonical.layers import LAYER_LEVELS, TRACE, Position, Shown, shown
from oracle.canonical.program.node import Node
from oracle.canonical.program.program import Program
from oracle.errors import ProofError

ROOT_BYTES = 32


class KnownTree:
    """The hashes known of a tree over `leaves` leaves."""

    def __init__(self, leaves: int) -> None:
        self.leaves = leaves
        self.depth = depth_of(leaves)
        self._known: dict[tuple[int, int], bytes] = {}

    def row(self, where: Shown) -> list[bytes] | None:
        """The hashes a position shows; None where it was not revealed."""
        level = self.depth - where.depth
        found = [self._known.get((level, where.first + i)) for i in range(where.count)]
        return None if None in found else [node for node in found if node]

    def node(self, level: int, position: int) -> bytes | None:
        """The hash of node `position` of `level`, 0 being the leaves'; None where nothing says it."""
        return self._known.get((level, position))

    def path(self, leaf: int, elsewhere: Tree | None = None) -> tuple[bytes, ...]:
        """The siblings of a leaf, lowest first: where nothing says them, those of `elsewhere`, a tree equal there.

        Raises `ProofError` where nothing says one and no other tree is given.
        """
        return tuple(self._sibling(level, leaf >> level ^ 1, elsewhere) for level in range(self.depth))

    def _sibling(self, level: int, position: int, elsewhere: Tree | None) -> bytes:
        if position << level >= self.leaves:
            return empty_subtree(level)
        known = self._known.get((level, position))
        if known is not None:
            return known
        if elsewhere is None:
            raise ProofError(f"node {position} of level {level} of a tree of {self.leaves} leaves was not revealed.")
        return elsewhere.at(level, position)

    def keep(self, where: Shown, rows: Sequence[Sequence[bytes]]) -> None:
        """Learn the nodes that a position shows, and the rows above them."""
        for height, row in enumerate(rows):
            level = self.depth - where.depth + height
            self._known.update({(level, (where.first >> height) + i): node for i, node in enumerate(row)})


class Posted:
    """A posted trace of a program. `roots` are its tensor roots where they came with it.

    Raises `ProofError` where `roots` are not those of a trace of that root.
    """

    def __init__(self, program: Program, root: bytes, roots: Sequence[bytes] = ()) -> None:
        self.program = program
        self.root = root
        self.trace = KnownTree(len(program.nodes))
        self._roots: dict[int, bytes] = {}
        self._tensors: dict[int, KnownTree] = {}
        self._leaves: dict[tuple[int, int], bytes] = {}
        if roots:
            tree = Tree.over_leaves(roots)
            if len(roots) != len(program.nodes) or bind_trace(len(roots), tree.hash) != root:
                raise ProofError(f"{len(roots)} tensor roots do not lead to the trace root {root.hex()}.")
            self._roots.update(enumerate(roots))
            rows = [[tree.at(level, i) for i in range(-(-len(roots) >> level))] for level in range(tree.depth + 1)]
            self.trace.keep(Shown(tree.depth, 0, len(roots), are_leaves=True), rows)

    def add_all(self, revealed: Mapping[Position, bytes]) -> None:
        """Learn everything that was revealed, from the top down; raises `ProofError` as `add` does."""
        for position in sorted(revealed, key=lambda p: (not p.is_trace, p.layer, p)):
            self.add(position, revealed[position])

    def add(self, position: Position, data: bytes) -> None:
        """Learn what was revealed at `position`.

        Raises `ProofError` where there is no such position, nothing above it is known, or `data` do not lead to that.
        """
        tree = self.trace if position.is_trace else self._tensor(position.tensor)
        where = shown(position, tree.leaves)
        if where is None:
            raise ProofError(f"{position} does not exist in a tree of {tree.leaves} leaves.")
        size = LEAF_BYTES if where.are_leaves and not position.is_trace else ROOT_BYTES
        if len(data) != where.count * size:
            raise ProofError(f"{len(data)} bytes were revealed at {position}, which shows {where.count * size}.")
        parts = [data[i : i + size] for i in range(0, len(data), size)]
        row = [leaf_hash(part) for part in parts] if where.are_leaves else parts
        rows = rows_above(row, tree.depth - where.depth, where.depth - LAYER_LEVELS * position.layer)
        self._check_top(position, tree, rows[-1][0])
        tree.keep(where, rows)
        if where.are_leaves and position.is_trace:
            self._roots.update(enumerate(parts, where.first))
        elif where.are_leaves:
            self._check_padding(position, where, data)
            self._leaves.update({(position.tensor, where.first + i): part for i, part in enumerate(parts)})

    def root_of(self, tensor: int) -> bytes | None:
        """The root of a tensor; None where it was not revealed."""
        return self._roots.get(tensor)

    def tree_of(self, tensor: int) -> KnownTree:
        """What is known of a tensor's tree."""
        return self._tensor(tensor)

    def leaf(self, tensor: int, leaf: int) -> bytes | None:
        """The 256 bytes of a leaf; None where they were not revealed."""
        return self._leaves.get((tensor, leaf))

    def _tensor(self, tensor: int) -> KnownTree:
        node = self._node(tensor)
        return self._tensors.setdefault(tensor, KnownTree(leaf_count(node.count * node.dtype.size)))

    def _node(self, tensor: int) -> Node:
        if tensor >= len(self.program.nodes):
            raise ProofError(f"there is no tensor {tensor} in a program of {len(self.program.nodes)} nodes.")
        return self.program.nodes[tensor]

    def _check_top(self, position: Position, tree: KnownTree, top: bytes) -> None:
        if position.layer:
            fits = tree.node(tree.depth - LAYER_LEVELS * position.layer, position.index) == top
        elif position.tensor == TRACE:
            fits = bind_trace(tree.leaves, top) == self.root
        else:
            node = self._node(position.tensor)
            fits = bind_tensor(node.dtype, node.count, top) == self.root_of(position.tensor)
        if not fits:
            raise ProofError(f"what was revealed at {position} does not lead to what is known above it.")

    def _check_padding(self, position: Position, where: Shown, data: bytes) -> None:
        node = self._node(position.tensor)
        end = node.count * node.dtype.size - where.first * LEAF_BYTES
        if any(data[end:]):
            raise ProofError(f"what was revealed at {position} has something behind the tensor's last element.")
