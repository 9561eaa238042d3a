"""Programs of one node over given operands, and their results as raw bits: what tests of the engine have in common."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.fast.work import Counts
from oracle.canonical.program.node import Kind, Node, Operand
from oracle.canonical.program.program import LOWERING_VERSION, Program
from oracle.canonical.tensor import DType

Array = NDArray[Any]


def array_of(bits: Sequence[int], dtype: DType) -> Array:
    """A flat array of elements given as raw bits."""
    return np.array(bits, f"u{dtype.size}").view(dtype.numpy)


def bits_of(tensor: Array) -> list[int]:
    """The raw bits of a tensor's elements."""
    return tensor.reshape(-1).view(f"u{tensor.itemsize}").tolist()


def program_of(node: Node, operands: Sequence[Array], constant: Sequence[bool] = ()) -> Program:
    """The program of `node` whose operand j is input j, or a constant where `constant[j]`."""
    sources, constants = [], {}
    for slot, (operand, data) in enumerate(zip(node.operands, operands, strict=True)):
        assert operand.node == slot
        if slot < len(constant) and constant[slot]:
            root = bytes([slot]) * 32
            constants[root] = data
            sources.append(Node(Kind.CONST, 0, operand.dtype, (operand.view.count,), root=root))
        else:
            sources.append(Node(Kind.INPUT, 0, operand.dtype, (operand.view.count,), slot=slot))
    return Program(LOWERING_VERSION, (*sources, node), constants, 1)


def run_node(
    node: Node,
    operands: Sequence[Array],
    constant: Sequence[bool] = (),
    *,
    threads: int = 1,
    all_exact: bool = False,
    counts: Counts | None = None,
) -> Array:
    """The tensor of `node`, whose operand j is tensor j."""
    plan = compile_plan(program_of(node, operands, constant))
    (output,) = plan.run(operands, threads=threads, all_exact=all_exact, counts=counts)
    return output


def operand(slot: int, dtype: DType, view: Any) -> Operand:
    """Operand `slot`, which is tensor `slot`."""
    return Operand(slot, dtype, view)
