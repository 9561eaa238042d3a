"""Programs as a whole: each rule of section 8's fourth fault that spans nodes is tested by breaking it."""

from dataclasses import replace

import numpy as np
import pytest

from oracle.canonical.commit import tensor_root
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import LOWERING_VERSION, Program, validate_program
from oracle.canonical.tensor import DType, TensorSpec
from oracle.errors import ProgramError

DATA = np.float32([1, 2, 3])
ROOT = tensor_root(DType.FLOAT, DATA)


def read(node: int, dtype: DType = DType.FLOAT, count: int = 3) -> Operand:
    """A whole tensor, element by element."""
    return Operand(node, dtype, View((Coordinate(count, 0, ((0, 1),)),)))


INPUT = Node(Kind.INPUT, 0, DType.FLOAT, (3,))
CONST = Node(Kind.CONST, 0, DType.FLOAT, (3,), root=ROOT)
SUM = Node(Kind.MAP, Fn.ADD, DType.FLOAT, (3,), operands=(read(0), read(1)), values=2)
SPEC = TensorSpec(DType.FLOAT, (3,))
GOOD = Program(LOWERING_VERSION, (INPUT, CONST, SUM), {ROOT: DATA}, 1)


def test_a_sound_program_is_accepted() -> None:
    """The rules below must refuse nothing else."""
    validate_program(GOOD, (SPEC,), (SPEC,))
    assert list(GOOD.output_nodes) == [2]


def reading(operand: Operand) -> tuple[Node, ...]:
    """The nodes, the sum reading `operand` first."""
    return (INPUT, CONST, replace(SUM, operands=(operand, read(1))))


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        (replace(GOOD, version=2), "has version 2"),
        (replace(GOOD, nodes=()), "has 0 nodes"),
        (replace(GOOD, outputs=2), "has 2 outputs"),
        (replace(GOOD, nodes=reading(read(2))), "node 2: an operand is node 2, which is not an earlier one"),
        (replace(GOOD, nodes=reading(read(9))), "node 2: an operand is node 9"),
        (replace(GOOD, nodes=reading(read(0, count=4))), "node 2: it reads node 0 as 4 elements"),
        (replace(GOOD, nodes=reading(read(0, DType.INT32))), "node 2: operand 1"),
        (replace(GOOD, nodes=(replace(INPUT, slot=1), CONST, SUM)), "node 0: it is input 1; the model has 1"),
        (replace(GOOD, nodes=(replace(INPUT, dims=(3, 1, 2)), CONST, SUM)), "node 0: it is not float32[3]"),
        (replace(GOOD, nodes=(INPUT, replace(CONST, root=bytes(32)), SUM)), "node 1: the data of constant 00"),
        (replace(GOOD, constants={ROOT: DATA[:2]}), "node 1: constant"),
        (replace(GOOD, constants={ROOT: DATA.view(np.int32)}), "node 1: constant"),
        (replace(GOOD, nodes=(INPUT, CONST, replace(SUM, dims=(2,)))), "node 2 is an output, but not float32[3]"),
        (replace(GOOD, nodes=(INPUT, CONST, replace(SUM, values=1))), "node 2: a MAP ADD node has 1 values"),
    ],
)
def test_each_rule_is_checked(program: Program, sentence: str) -> None:
    """A program that breaks one costs its operator the bond: it must be seen before anything is signed."""
    with pytest.raises(ProgramError) as caught:
        validate_program(program, (SPEC,), (SPEC,))
    assert sentence in str(caught.value)


def test_reading_with_another_dtype_is_refused() -> None:
    """The dtype an operand restates decides how its bytes are cut into elements."""
    nodes = (INPUT, CONST, replace(SUM, fn=Fn.ABS, dtype=DType.INT32, operands=(read(0, DType.INT32),), values=1))
    with pytest.raises(ProgramError, match="3 elements of int32, which has 3 of float32"):
        validate_program(replace(GOOD, nodes=nodes), (SPEC,), (TensorSpec(DType.INT32, (3,)),))
