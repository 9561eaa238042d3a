"""RANK: docs/canonical.md section 3."""

from collections.abc import Sequence

from oracle.canonical.program.node import RANK_DESCENDING
from oracle.canonical.reference.arithmetic import is_nan
from oracle.canonical.reference.formats import Number, decode_all
from oracle.canonical.tensor import DType


def order(fn: int, dtype: DType, column: Sequence[int]) -> list[int]:
    """The positions of the elements of `column` as RANK orders them: by value, NaN the largest, equals by position."""
    values = decode_all(dtype, column)
    sign = -1 if fn == RANK_DESCENDING else 1

    def key(position: int) -> tuple[int, Number, int]:
        value = values[position]
        return (sign, 0, position) if is_nan(value) else (0, sign * value, position)

    return sorted(range(len(values)), key=key)
