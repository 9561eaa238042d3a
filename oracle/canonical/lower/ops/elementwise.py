"""Arithmetic, comparisons, logic and conversions: element by element, with NumPy broadcasting."""
# ruff: noqa: D103, N802 -- functions are named as the ONNX operators, whose specification says what they do.

from functools import reduce

from oracle.canonical.lower.join import stack
from oracle.canonical.lower.op import Op
from oracle.canonical.lower.proto import dtype_name
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Value
from oracle.canonical.program.node import Fn
from oracle.canonical.program.validate import FORMATS
from oracle.canonical.tensor import DType


def Abs(op: Op) -> Value:
    return op.graph.map(Fn.ABS, op[0])


def Add(op: Op) -> Value:
    return op.graph.map(Fn.ADD, op[0], op[1])


def And(op: Op) -> Value:
    return op.graph.map(Fn.AND, op[0], op[1])


def Cast(op: Op) -> Value:
    code = op.attr("to", 0)
    if code not in FORMATS:
        raise Unsupported(f"it casts to {dtype_name(code)}, which canonical programs do not have.")
    return op.graph.cast(op[0], DType(code))


def CastLike(op: Op) -> Value:
    return op.graph.cast(op[0], op[1].dtype)


def Ceil(op: Op) -> Value:
    return op.graph.map(Fn.CEIL, op[0])


def Clip(op: Op) -> Value:
    if op.opset < 11:
        low, high = (op.number(op.attributes[name]) if name in op.attributes else None for name in ("min", "max"))
    else:
        low, high = op.optional(1), op.optional(2)
    x = op[0]
    if low is not None:
        x = op.graph.map(Fn.MAX, x, op.graph.reshape(low, ()))
    return x if high is None else op.graph.map(Fn.MIN, x, op.graph.reshape(high, ()))


def Div(op: Op) -> Value:
    return op.graph.map(Fn.DIV, op[0], op[1])


def Equal(op: Op) -> Value:
    return op.graph.map(Fn.EQUAL, op[0], op[1])


def Floor(op: Op) -> Value:
    return op.graph.map(Fn.FLOOR, op[0])


def Greater(op: Op) -> Value:
    return op.graph.map(Fn.LESS, op[1], op[0])


def GreaterOrEqual(op: Op) -> Value:
    return op.graph.map(Fn.OR, Greater(op), Equal(op))


def Less(op: Op) -> Value:
    return op.graph.map(Fn.LESS, op[0], op[1])


def LessOrEqual(op: Op) -> Value:
    return op.graph.map(Fn.OR, Less(op), Equal(op))


def Max(op: Op) -> Value:
    return reduce(lambda a, b: op.graph.map(Fn.MAX, a, b), op.values)


def Mean(op: Op) -> Value:
    return op.graph.fold(Fn.FOLD_MEAN, stack(op.graph, op.values))


def Min(op: Op) -> Value:
    return reduce(lambda a, b: op.graph.map(Fn.MIN, a, b), op.values)


def Mul(op: Op) -> Value:
    return op.graph.map(Fn.MUL, op[0], op[1])


def Neg(op: Op) -> Value:
    return op.graph.map(Fn.NEG, op[0])


def Not(op: Op) -> Value:
    return op.graph.map(Fn.NOT, op[0])


def Or(op: Op) -> Value:
    return op.graph.map(Fn.OR, op[0], op[1])


def Pow(op: Op) -> Value:
    base, exponent = op[0], op[1]
    if base.dtype is exponent.dtype:
        return op.graph.map(Fn.POW, base, exponent)
    if DType.FLOAT in (base.dtype, exponent.dtype):
        common = DType.FLOAT
    elif exponent.dtype is DType.UINT64:
        common = DType.UINT64
    elif base.dtype is DType.UINT64 and exponent.dtype in (DType.INT8, DType.INT16, DType.INT32, DType.INT64):
        raise Unsupported(f"it raises uint64 to the power of {exponent.dtype.label}.", hint="Cast one to the other.")
    else:
        common = DType.INT64  # holds both exactly; a power modulo 2^64 is also one modulo fewer bits
    power = op.graph.map(Fn.POW, op.graph.cast(base, common), op.graph.cast(exponent, common))
    return op.graph.cast(power, base.dtype)


def Reciprocal(op: Op) -> Value:
    return op.graph.map(Fn.RECIPROCAL, op[0])


def Round(op: Op) -> Value:
    return op.graph.map(Fn.ROUND, op[0])


def Sign(op: Op) -> Value:
    return op.graph.map(Fn.SIGN, op[0])


def Sqrt(op: Op) -> Value:
    return op.graph.map(Fn.SQRT, op[0])


def Sub(op: Op) -> Value:
    return op.graph.map(Fn.SUB, op[0], op[1])


def Sum(op: Op) -> Value:
    if len(op.inputs) == 2:
        return op.graph.map(Fn.ADD, op[0], op[1])
    return op.graph.fold(Fn.FOLD_SUM, stack(op.graph, op.values))


def Where(op: Op) -> Value:
    return op.graph.map(Fn.WHERE, op[0], op[1], op[2])


def Xor(op: Op) -> Value:
    return op.graph.map(Fn.XOR, op[0], op[1])
