"""Nodes whose operands are all known, computed while lowering: by canonical execution, never by other bits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from numpy.typing import NDArray

from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.program.node import Kind, Node
from oracle.canonical.program.program import LOWERING_VERSION, Program

_SMALL: Final = 2**22
_GROWTH: Final = 4


def worth_folding(node: Node) -> bool:
    """Whether `node`, its operands known, is computed while lowering; else it stays in the program.

    A few bytes can describe a huge tensor: terms beyond 2^22 are computed only if they are at most four times what the
    operands hold, as with weights that are scaled or laid out anew.
    """
    terms = node.count * max(node.fold_count, 1)
    return terms <= max(_SMALL, _GROWTH * sum(operand.view.count for operand in node.operands))


def evaluate(node: Node, operands: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The tensor of `node`, flat, from its operands' flat data (raw bits)."""
    sources = [Node(Kind.INPUT, 0, o.dtype, (o.view.count,), slot=slot) for slot, o in enumerate(node.operands)]
    alone = replace(node, operands=tuple(replace(o, node=slot) for slot, o in enumerate(node.operands)))
    program = Program(LOWERING_VERSION, (*sources, alone), {}, 1)
    return compile_plan(program).run(operands)[0]
