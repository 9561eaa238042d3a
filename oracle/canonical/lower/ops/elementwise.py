"""Operators that work element by element, with NumPy broadcasting."""
# ruff: noqa: D103, N802 -- functions are named as the ONNX operators, whose specification says what they do.

from functools import reduce

from oracle.canonical.lower.op import Op
from oracle.canonical.lower.value import Value
from oracle.canonical.program.node import Fn


def Relu(op: Op) -> Value:
    return op.graph.map(Fn.MAX, op[0], op.number(0))


def Add(op: Op) -> Value:
    return op.graph.map(Fn.ADD, op[0], op[1])


def Max(op: Op) -> Value:
    return reduce(lambda a, b: op.graph.map(Fn.MAX, a, b), op.values)


def LeakyRelu(op: Op) -> Value:
    return op.graph.map(Fn.PRELU, op[0], op.number(op.attr("alpha", 0.01)))
