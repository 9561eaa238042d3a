"""Nodes whose operands are all known, computed while lowering: by canonical execution, never by other bits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.program.node import Kind, Node
from oracle.canonical.program.program import LOWERING_VERSION, Program


def evaluate(node: Node, operands: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The tensor of `node`, flat, from its operands' flat data (raw bits)."""
    sources = [Node(Kind.INPUT, 0, o.dtype, (o.view.count,), slot=slot) for slot, o in enumerate(node.operands)]
    alone = replace(node, operands=tuple(replace(o, node=slot) for slot, o in enumerate(node.operands)))
    program = Program(LOWERING_VERSION, (*sources, alone), {}, 1)
    return compile_plan(program).run(operands)[0]
