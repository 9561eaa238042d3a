"""One tile of dot products: the float64 result, what it proves, and the exact sums of the rest."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.exact import F32, F64
from oracle.canonical.fast.slices import exact_block
from oracle.canonical.fast.special import special_block
from oracle.canonical.fast.work import Work

Index = NDArray[np.intp]

ROUNDING = 2.0**-53
FLOOR = 2.0**-150  # half the least subnormal: with it, a proven zero is never -0
_DENSE = 64  # with one undecided element in so many, the whole tile is summed exactly


@dataclass(frozen=True, slots=True)
class Rows:
    """A tile of one operand: float32 numbers as float64 (batch, rows, K), and the rows' Euclidean norms."""

    data: F64
    norms: F64

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Which rows hold neither NaN nor infinities (squares of float32 numbers do not overflow)."""
        return np.isfinite(self.norms)

    def without(self, bad: NDArray[np.bool_]) -> "Rows":
        """The same with zeros for the rows that are `bad`."""
        return Rows(np.where(bad[..., None], 0.0, self.data), np.where(bad, 0.0, self.norms))


def round_tile(a: Rows, b: Rows, bias: F64 | None, work: Work) -> tuple[F32, Index]:
    """Σ_k a[…, m, k] · b[…, n, k] + bias rounded to float32 (batch, m, n), and the flat places of those still open.

    `bias` broadcasts to the result.
    """
    finite_a, finite_b = a.finite, b.finite
    if finite_a.all() and finite_b.all() and (bias is None or np.isfinite(bias).all()):
        return _finite_tile(a, b, bias, work)
    special = special_block(a.data, b.data, bias)
    bound = None if bias is None else np.where(np.isfinite(bias), bias, 0.0)
    result, index = _finite_tile(a.without(~finite_a), b.without(~finite_b), bound, work)
    return np.where(special == 0, result, special), index[special.reshape(-1)[index] == 0]


def _finite_tile(a: Rows, b: Rows, bias: F64 | None, work: Work) -> tuple[F32, Index]:
    if work.all_exact:
        result, sure = exact_block(a.data, b.data, bias)
        work.counts.add(result.size, result.size)
        return result, np.flatnonzero(~sure)
    total = np.matmul(a.data, b.data.swapaxes(-1, -2))
    if bias is not None:
        total += bias
    unit = (a.data.shape[-1] + 2) * ROUNDING
    bias_size = 0.0 if bias is None else float(np.abs(bias).max(initial=0.0))
    bound = unit * (float(a.norms.max(initial=0.0)) * float(b.norms.max(initial=0.0)) + bias_size)
    result, index = proven(total, max(bound, FLOOR))
    if index.size:
        index = _refine(result, index, total, (a, b, bias), unit)
    work.counts.add(total.size, index.size)
    if index.size * _DENSE > total.size:
        result, sure = exact_block(a.data, b.data, bias)
        index = np.flatnonzero(~sure)
    return result, index


def proven(total: F64, bound: Any) -> tuple[F32, Index]:
    """float32 numbers that everything within `bound` (at least `FLOOR`) of `total` rounds to; places without one."""
    low, high = np.empty(total.shape, np.float32), np.empty(total.shape, np.float32)
    np.subtract(total, bound, out=low, dtype=np.float64, casting="same_kind")
    np.add(total, bound, out=high, dtype=np.float64, casting="same_kind")
    return high, np.flatnonzero(low != high)


def _refine(result: F32, index: Index, total: F64, of: tuple[Rows, Rows, F64 | None], unit: float) -> Index:
    """Judges the elements at `index` again, by the norms of their own rows; what stays open."""
    a, b, bias = of
    batch, row, column = np.unravel_index(index, total.shape)
    size = a.norms[batch, row] * b.norms[batch, column]
    if bias is not None:
        size += np.abs(np.broadcast_to(bias, total.shape)[batch, row, column])
    rounded, still = proven(total.reshape(-1)[index], np.maximum(unit * size, FLOOR))
    result.reshape(-1)[index] = rounded
    return index[still]


def terms_of(a: Rows, b: Rows, bias: F64 | None, index: Index) -> F64:
    """The exact terms, bias last, of the elements at the flat places `index`: (elements, K + 1)."""
    shape = (a.data.shape[0], a.data.shape[1], b.data.shape[1])
    batch, row, column = np.unravel_index(index, shape)
    fold = a.data.shape[2]
    terms = np.zeros((index.size, fold + 1))
    np.multiply(a.data[batch, row], b.data[batch, column], out=terms[:, :fold])
    if bias is not None:
        terms[:, fold] = np.broadcast_to(bias, shape)[batch, row, column]
    return terms
