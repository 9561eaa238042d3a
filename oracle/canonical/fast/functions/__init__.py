"""The MAP functions on arrays, bit for bit as docs/canonical.md section 3 defines them.

What is one IEEE 754 operation is left to NumPy. Elementary functions have float64 kernels of their own, made of
operations that IEEE 754 defines and of tables, so no C library or vector library is trusted.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.functions import exponential, inverse, logarithm, trigonometric
from oracle.canonical.fast.functions.arithmetic import divide, integer_power, prelu
from oracle.canonical.fast.functions.cast import cast
from oracle.canonical.fast.functions.exact import exactly
from oracle.canonical.fast.functions.normal import NAN, normalize, normalized
from oracle.canonical.fast.functions.power import power
from oracle.canonical.fast.functions.rounding import Kernel, round_elements
from oracle.canonical.program.node import Fn
from oracle.canonical.tensor import DType
from oracle.errors import ProgramError

__all__ = ["NAN", "map_function", "normalize"]

KERNELS: dict[Fn, Kernel] = {
    Fn.EXP: exponential.exp,
    Fn.LOG: logarithm.log,
    Fn.SIGMOID: exponential.sigmoid,
    Fn.SOFTPLUS: logarithm.softplus,
    Fn.TANH: exponential.tanh,
    Fn.SINH: exponential.sinh,
    Fn.COSH: exponential.cosh,
    Fn.ASINH: logarithm.asinh,
    Fn.ACOSH: logarithm.acosh,
    Fn.ATANH: logarithm.atanh,
    Fn.SIN: trigonometric.sin,
    Fn.COS: trigonometric.cos,
    Fn.TAN: trigonometric.tan,
    Fn.ASIN: inverse.asin,
    Fn.ACOS: inverse.acos,
    Fn.ATAN: inverse.atan,
    Fn.ERF: inverse.erf,
}

_PLAIN: dict[Fn, Callable[..., Any]] = {
    Fn.WHERE: np.where,
    Fn.EQUAL: np.equal,
    Fn.LESS: np.less,
    Fn.AND: np.logical_and,
    Fn.OR: np.logical_or,
    Fn.XOR: np.logical_xor,
    Fn.NOT: np.logical_not,
    Fn.ADD: np.add,
    Fn.SUB: np.subtract,
    Fn.MUL: np.multiply,
    Fn.DIV: divide,
    Fn.MAX: np.maximum,
    Fn.MIN: np.minimum,
    Fn.ABS: np.abs,
    Fn.NEG: np.negative,
    Fn.SIGN: np.sign,
    Fn.PRELU: prelu,
    Fn.FLOOR: np.floor,
    Fn.CEIL: np.ceil,
    Fn.ROUND: np.rint,
    Fn.SQRT: np.sqrt,
    Fn.RECIPROCAL: lambda x: divide(np.ones((), np.float32), x),
}


_CLOSED = frozenset({Fn.WHERE, Fn.MAX, Fn.MIN, Fn.ABS})
"""Functions whose every result is an operand, or one without its sign: normalised where the operands are."""


def map_function(fn: Fn, dtype_out: DType, operands: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """`fn` of every element: a new array of the operands' broadcast shape, of `dtype_out`, normalised.

    `operands` are arrays of the canonical dtypes, NumPy's native byte order; float32 ones need not be normalised. PICK
    is not here: it depends on which reads are in range. Raises `ProgramError` if the function does not yield
    `dtype_out` from such operands. The thread must compute as `require_ieee_thread` says.
    """
    with np.errstate(all="ignore"):
        result = of_normalised(fn, dtype_out, operands)
        return normalized(result) if fn in _CLOSED else result


def of_normalised(fn: Fn, dtype_out: DType, operands: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The same for normalised operands, faster; NumPy must be told to ignore floating-point errors."""
    if fn in KERNELS:
        result = round_elements(KERNELS[fn], exactly(fn), *operands)
    elif fn is Fn.CAST:
        result = cast(operands[0], dtype_out.numpy)
    elif fn is Fn.POW:
        result = (power if operands[0].dtype == np.float32 else integer_power)(*operands)
    elif fn in _PLAIN:
        result = _PLAIN[fn](*operands)
    else:
        raise ProgramError(f"{fn.name} is not a function of elements.")
    if result.dtype != dtype_out.numpy:
        given = ", ".join(str(operand.dtype) for operand in operands)
        raise ProgramError(f"{fn.name} of {given} yields {result.dtype}, not {dtype_out.label}.")
    return np.asarray(result) if fn in _CLOSED else normalized(np.asarray(result))
