"""The fast path as a way to compute test vectors."""

from collections.abc import Sequence

import numpy as np

from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.program.node import Kind, Node
from oracle.canonical.program.program import LOWERING_VERSION, Program
from oracle.canonical.vectors import Case


class FastPath:
    """Each case as a program of its own: its operands are the inputs, its node the output."""

    name = "fast"

    def compute(self, cases: Sequence[Case]) -> list[int]:
        """The bits of the one element of each case's node."""
        return [_compute(case) for case in cases]


def _compute(case: Case) -> int:
    inputs = [Node(Kind.INPUT, 0, o.dtype, (o.view.count,), slot=slot) for slot, o in enumerate(case.node.operands)]
    given = [
        np.array(column, f"u{operand.dtype.size}").view(operand.dtype.numpy)
        for operand, column in zip(case.node.operands, case.operands, strict=True)
    ]
    (output,) = compile_plan(Program(LOWERING_VERSION, (*inputs, case.node), {}, 1)).run(given)
    return int(output.view(f"u{output.itemsize}")[0])
