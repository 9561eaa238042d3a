"""One element of one node, and which elements of the operands it is made of: docs/canonical.md sections 3, 4 and 7."""

import itertools
from collections.abc import Sequence

from oracle.canonical.program.node import Fn, Kind, Node
from oracle.canonical.reference.folds import fold_function
from oracle.canonical.reference.maps import map_function
from oracle.canonical.reference.rank import order
from oracle.canonical.reference.tree import tree
from oracle.canonical.reference.views import Reader, fill, read, read_in_range, unravel
from oracle.errors import ProofError


def element(node: Node, index: int, operands: Sequence[Reader]) -> int:
    """The normalised bits of element `index` of a valid `node`.

    `operands` has a reader for each operand; they are asked for what the element needs, and for no more where
    section 7 says so. Raises `ProofError` if there is no such element or it is not computed.
    """
    if not 0 <= index < node.count:
        raise ProofError(f"a node of {node.count} elements has no element {index}.")
    at = unravel(index, node.dims)
    if node.kind is Kind.MAP:
        return _map(node, operands, at)
    if node.kind is Kind.FOLD:
        return _fold(node, operands, at)
    if node.kind is Kind.TREE:
        return tree(node, operands, at)
    if node.kind is Kind.RANK:
        return _rank(node, operands, at)
    raise ProofError(f"the elements of {node.kind.name} nodes are given, not computed.")


def touched(node: Node, index: int, operands: Sequence[Reader]) -> list[set[int]]:
    """The positions of each operand's elements that `element(node, index, operands)` reads."""
    seen: list[set[int]] = [set() for _ in operands]

    def recording(slot: int) -> Reader:
        def reader(position: int) -> int:
            seen[slot].add(position)
            return operands[slot](position)

        return reader

    element(node, index, [recording(slot) for slot in range(len(operands))])
    return seen


def rank_position(node: Node, index: int, operands: Sequence[Reader]) -> int:
    """The position p that a one-step proof of element `index` of a RANK node names; 0 where the place is beyond K."""
    return element(node, index, operands)


def _map(node: Node, operands: Sequence[Reader], at: Sequence[int]) -> int:
    if node.fn == Fn.PICK:
        for slot in range(node.values):
            bits = read_in_range(node, operands, slot, at)
            if bits is not None:
                return bits
        return fill(node, node.values - 1)
    if node.fn == Fn.WHERE:
        return read(node, operands, 1 if read(node, operands, 0, at) else 2, at)
    bits_in = [read(node, operands, slot, at) for slot in range(node.values)]
    return map_function(node.fn, node.dtype, [o.dtype for o in node.operands[: node.values]], bits_in)


def _fold(node: Node, operands: Sequence[Reader], at: Sequence[int]) -> int:
    folded = 2 if node.fn == Fn.FOLD_DOT else 1
    if node.fn == Fn.FOLD_MEAN:
        reads = [read_in_range(node, operands, 0, point) for point in _points(node, at)]
        columns = [[bits for bits in reads if bits is not None]]
    else:
        columns = [[read(node, operands, slot, point) for point in _points(node, at)] for slot in range(folded)]
    addend = read(node, operands, folded, (*at, *(0 for _ in node.fold))) if node.values > folded else None
    return fold_function(node.fn, node.dtype, node.operands[0].dtype, columns, addend)


def _rank(node: Node, operands: Sequence[Reader], at: Sequence[int]) -> int:
    positions = order(node.fn, node.operands[0].dtype, [read(node, operands, 0, point) for point in _points(node, at)])
    return positions[at[-1]] if at[-1] < len(positions) else 0


def _points(node: Node, at: Sequence[int]) -> list[tuple[int, ...]]:
    """The iteration indices `at` with each of the K fold indices, row-major."""
    if not node.fold_count:  # other fold dimensions may still be long
        return []
    return [(*at, *indices) for indices in itertools.product(*map(range, node.fold))]
