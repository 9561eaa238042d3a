"""FOLD functions on columns of bits: docs/canonical.md section 3. Sums are exact, so their order does not matter."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from oracle.canonical.program.node import Fn
from oracle.canonical.reference.arithmetic import add, divide, is_nan, maximum, minimum, multiply
from oracle.canonical.reference.formats import Number, bounds, decode, decode_all, encode
from oracle.canonical.tensor import DType


def fold_function(
    fn: int, dtype: DType, dtype_in: DType, columns: Sequence[Sequence[int]], addend: int | None = None
) -> int:
    """The bits, of dtype `dtype`, of FOLD function `fn` over `columns` of `dtype_in`, one per operand it runs over.

    The columns (two for DOT, one for others) hold what was read, K elements each; for MEAN only the reads in range.
    `addend` is the c of DOT and SUM.
    """
    fn = Fn(fn)
    values = [decode_all(dtype_in, column) for column in columns]
    extra = [] if addend is None else [decode(dtype_in, addend)]
    if fn is Fn.FOLD_DOT:
        products = [multiply(a, b) for a, b in zip(*values, strict=True)]
        return encode(dtype, total(products + extra))
    if fn is Fn.FOLD_SUM:
        return encode(dtype, total(values[0] + extra))
    return encode(dtype, _FOLDS[fn](dtype_in, values[0]))


def total(values: Sequence[Number]) -> Number:
    """The exact sum; with infinities that infinity, NaN where there are both or a NaN."""
    result: Number = 0
    for value in values:
        result = add(result, value)
    return result


def _mean(dtype: DType, values: Sequence[Number]) -> Number:
    if not values:
        return math.nan if dtype is DType.FLOAT else 0
    count = len(values) if dtype is not DType.FLOAT else Fraction(len(values))
    return divide(total(values), count)


def _extreme(dtype: DType, values: Sequence[Number], choose: Callable[[Number, Number], Number], sign: int) -> Number:
    """What `choose` leaves of all values. No values: the least value where `sign` is -1, the greatest where it is 1."""
    result: Number = sign * math.inf if dtype is DType.FLOAT else bounds(dtype)[sign > 0]
    for value in values:
        result = choose(result, value)
    return result


def _first(values: Sequence[Number], better: Callable[[Number, Number], bool]) -> int:
    """The position of the first value than which none is better; NaN is skipped. 0 if there is none."""
    best: int | None = None
    for position, value in enumerate(values):
        if not is_nan(value) and (best is None or better(value, values[best])):
            best = position
    return 0 if best is None else best


_FOLDS: dict[Fn, Callable[[DType, Sequence[Number]], Number]] = {
    Fn.FOLD_MEAN: _mean,
    Fn.FOLD_MAX: lambda dtype, values: _extreme(dtype, values, maximum, -1),
    Fn.FOLD_MIN: lambda dtype, values: _extreme(dtype, values, minimum, 1),
    Fn.FOLD_ARGMAX: lambda _, values: _first(values, lambda x, y: x > y),
    Fn.FOLD_ARGMIN: lambda _, values: _first(values, lambda x, y: x < y),
    Fn.FOLD_ANY: lambda _, values: int(any(values)),
    Fn.FOLD_ALL: lambda _, values: int(all(values)),
}
