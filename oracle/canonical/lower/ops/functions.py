"""Elementary functions and activations. Those that are no function of section 3 are short chains of such functions."""
# ruff: noqa: D103, N802 -- functions are named as the ONNX operators, whose specification says what they do.

import math

from oracle.canonical.lower.op import Op
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Value
from oracle.canonical.program.node import Fn


def Acos(op: Op) -> Value:
    return op.graph.map(Fn.ACOS, op[0])


def Acosh(op: Op) -> Value:
    return op.graph.map(Fn.ACOSH, op[0])


def Asin(op: Op) -> Value:
    return op.graph.map(Fn.ASIN, op[0])


def Asinh(op: Op) -> Value:
    return op.graph.map(Fn.ASINH, op[0])


def Atan(op: Op) -> Value:
    return op.graph.map(Fn.ATAN, op[0])


def Atanh(op: Op) -> Value:
    return op.graph.map(Fn.ATANH, op[0])


def Cos(op: Op) -> Value:
    return op.graph.map(Fn.COS, op[0])


def Cosh(op: Op) -> Value:
    return op.graph.map(Fn.COSH, op[0])


def Elu(op: Op) -> Value:
    x, map_ = op[0], op.graph.map
    below = map_(Fn.MUL, map_(Fn.SUB, map_(Fn.EXP, x), op.number(1)), op.number(op.attr("alpha", 1.0)))
    return map_(Fn.WHERE, map_(Fn.LESS, op.number(0), x), x, below)


def Erf(op: Op) -> Value:
    return op.graph.map(Fn.ERF, op[0])


def Exp(op: Op) -> Value:
    return op.graph.map(Fn.EXP, op[0])


def Gelu(op: Op) -> Value:
    x, map_ = op[0], op.graph.map
    approximate = op.attr("approximate", "none")
    if approximate == "none":
        inner = map_(Fn.ERF, map_(Fn.MUL, x, op.number(math.sqrt(0.5))))
    elif approximate == "tanh":
        cubic = map_(Fn.MUL, map_(Fn.MUL, map_(Fn.MUL, x, x), x), op.number(0.044715))
        inner = map_(Fn.TANH, map_(Fn.MUL, map_(Fn.ADD, x, cubic), op.number(math.sqrt(2 / math.pi))))
    else:
        raise Unsupported(f"its approximation {approximate!r} does not exist.")
    return map_(Fn.MUL, map_(Fn.MUL, x, op.number(0.5)), map_(Fn.ADD, inner, op.number(1)))


def HardSigmoid(op: Op) -> Value:
    return _hard_sigmoid(op, op.attr("alpha", 0.2), op.attr("beta", 0.5))


def HardSwish(op: Op) -> Value:
    return op.graph.map(Fn.MUL, op[0], _hard_sigmoid(op, 1 / 6, 0.5))


def _hard_sigmoid(op: Op, alpha: float, beta: float) -> Value:
    map_ = op.graph.map
    line = map_(Fn.ADD, map_(Fn.MUL, op[0], op.number(alpha)), op.number(beta))
    return map_(Fn.MIN, map_(Fn.MAX, line, op.number(0)), op.number(1))


def LeakyRelu(op: Op) -> Value:
    return op.graph.map(Fn.PRELU, op[0], op.number(op.attr("alpha", 0.01)))


def Log(op: Op) -> Value:
    return op.graph.map(Fn.LOG, op[0])


def PRelu(op: Op) -> Value:
    return op.graph.map(Fn.PRELU, op[0], op[1])


def Relu(op: Op) -> Value:
    return op.graph.map(Fn.MAX, op[0], op.number(0))


def Sigmoid(op: Op) -> Value:
    return op.graph.map(Fn.SIGMOID, op[0])


def Sin(op: Op) -> Value:
    return op.graph.map(Fn.SIN, op[0])


def Sinh(op: Op) -> Value:
    return op.graph.map(Fn.SINH, op[0])


def Softplus(op: Op) -> Value:
    return op.graph.map(Fn.SOFTPLUS, op[0])


def Tan(op: Op) -> Value:
    return op.graph.map(Fn.TAN, op[0])


def Tanh(op: Op) -> Value:
    return op.graph.map(Fn.TANH, op[0])
