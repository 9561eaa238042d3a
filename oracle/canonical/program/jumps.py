"""Nodes at which a result jumps: however little an operand differs, the result may differ by much.

An honest float32 run and the canonical one can fall to different sides of a jump, so no tolerance covers both.
"""

from collections import Counter
from typing import Final

from oracle.canonical.program.node import Fn, Kind, Node
from oracle.canonical.program.program import Program
from oracle.canonical.program.validate import node_name
from oracle.canonical.tensor import DType

_ROUNDING: Final = frozenset({Fn.FLOOR, Fn.CEIL, Fn.ROUND, Fn.SIGN})
_COMPARING: Final = frozenset({Fn.EQUAL, Fn.LESS})
_PLACING: Final = frozenset({Fn.FOLD_ARGMAX, Fn.FOLD_ARGMIN})


def jumps(node: Node) -> bool:
    """Whether the node's result jumps with its float operands: it rounds, compares, casts, places, sorts, or is a tree.

    Integers are exact on both sides and do not count.
    """
    if not node.operands or node.operands[0].dtype is not DType.FLOAT:
        return False
    if node.kind is Kind.MAP:
        return node.fn in _ROUNDING | _COMPARING or (node.fn == Fn.CAST and node.dtype is not DType.FLOAT)
    return node.kind in (Kind.TREE, Kind.RANK) or (node.kind is Kind.FOLD and node.fn in _PLACING)


def jumping_nodes(program: Program) -> dict[str, int]:
    """How many nodes of each name jump."""
    return dict(sorted(Counter(node_name(node) for node in program.nodes if jumps(node)).items()))
