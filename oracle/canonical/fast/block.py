"""One tile of dot products: the float64 result, what it proves, and the exact sums of the rest."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.exact import F32, F64, round_sums
from oracle.canonical.fast.slices import exact_block
from oracle.canonical.fast.special import special_block
from oracle.canonical.fast.work import Work

Index = NDArray[np.intp]

ROUNDING = 2.0**-53
FLOOR = 2.0**-150  # half the least subnormal: with it, a proven zero is never -0
_WORTH = 16  # with one undecided element for so many rows, all rows' norms are worth computing
_TOGETHER = 1 << 16  # terms of a tile's open elements, up to which they are kept until all tiles are done
_DENSE = 64  # with one undecided element in so many, the whole tile is summed exactly


@dataclass(frozen=True, slots=True)
class Rows:
    """A tile of one operand: float32 numbers as float64 (batch, rows, K), and how large they are.

    Σ_k |a_k · b_k| ≤ a.size · b.size + a.addend + b.addend for two rows. Of one operand, `size` is the greatest
    magnitude, of the other the greatest sum of magnitudes of a row; `addend` is the greatest magnitude in the last
    place where that is an addend, whose factor is 1. Not finite where a row may not be. `norms` are the rows' Euclidean
    norms (batch, rows), where they are known.
    """

    data: F64
    size: float
    addend: float = 0.0
    norms: F64 | None = None


def norms_of(data: F64) -> F64:
    """Euclidean norms of rows (squares of float32 numbers do not overflow)."""
    return np.asarray(np.sqrt(np.einsum("brk,brk->br", data, data)))


def round_tile(a: Rows, b: Rows, bias: F64 | None, work: Work) -> tuple[F32, Index]:
    """Σ_k a[…, m, k] · b[…, n, k] + bias rounded to float32 (batch, m, n), and the flat places of those still open.

    `bias` broadcasts to the result.
    """
    size = a.size * b.size + a.addend + b.addend
    if math.isfinite(size) and (bias is None or np.isfinite(bias).all()):
        return _finite_tile(a, b, bias, size, work)
    special = special_block(a.data, b.data, bias)
    finite_a, finite_b = _finite_rows(a), _finite_rows(b)
    finite_bias = None if bias is None else np.where(np.isfinite(bias), bias, 0.0)
    size = finite_a.size * finite_b.size
    result, index = _finite_tile(finite_a, finite_b, finite_bias, size, work)
    return np.where(special == 0, result, special), index[special.reshape(-1)[index] == 0]


def _finite_rows(rows: Rows) -> Rows:
    """With zeros for the rows that hold NaN or infinities; its size is the greatest norm."""
    data = np.where(np.isfinite(rows.data).all(axis=-1, keepdims=True), rows.data, 0.0)
    norms = norms_of(data)
    return Rows(data, float(norms.max(initial=0.0)), norms=norms)


def _finite_tile(a: Rows, b: Rows, bias: F64 | None, size: float, work: Work) -> tuple[F32, Index]:
    """`size`, and the greatest magnitude of `bias`, bound what the magnitudes of an element's terms add up to."""
    if work.all_exact:
        result, sure = exact_block(a.data, b.data, bias)
        work.counts.add(result.size, result.size)
        return result, np.flatnonzero(~sure)
    total = np.matmul(a.data, b.data.swapaxes(-1, -2))
    if bias is not None:
        total += bias
        size += float(np.abs(bias).max(initial=0.0))
    unit = (a.data.shape[-1] + 2) * ROUNDING
    result, undecided = proven(total, max(unit * size, FLOOR))
    index = np.flatnonzero(undecided)
    rows = sum(x.data[..., 0].size for x in (a, b) if x.norms is None)
    if index.size * _WORTH > rows:
        index = _refine(result, index, total, (a, b, bias), unit)
    work.counts.add(total.size, index.size)
    if index.size * _DENSE > total.size:
        result, sure = exact_block(a.data, b.data, bias)
        index = np.flatnonzero(~sure)
    return result, index


def _refine(result: F32, index: Index, total: F64, of: tuple[Rows, Rows, F64 | None], unit: float) -> Index:
    """Judges the elements at `index` again, by the norms of their own rows; what stays open."""
    a, b, bias = of
    batch, row, column = np.unravel_index(index, total.shape)
    norms_a, norms_b = (norms_of(x.data) if x.norms is None else x.norms for x in (a, b))
    size = norms_a[batch, row] * norms_b[batch, column]
    if bias is not None:
        size += np.abs(np.broadcast_to(bias, total.shape)[batch, row, column])
    rounded, still = proven(total.reshape(-1)[index], np.maximum(unit * size, FLOOR))
    result.reshape(-1)[index] = rounded
    return index[still]


def proven(total: F64, bound: Any) -> tuple[F32, NDArray[np.bool_]]:
    """float32 numbers that all within `bound` (at least `FLOOR`) of `total` rounds to, and where there is none."""
    low, high = np.empty(total.shape, np.float32), np.empty(total.shape, np.float32)
    np.subtract(total, bound, out=low, dtype=np.float64, casting="same_kind")
    np.add(total, bound, out=high, dtype=np.float64, casting="same_kind")
    return high, low != high


class Opened:
    """Elements of a node that tiles left open, to be summed exactly: few of a tile with those of others, many at once.

    Several threads may add.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[F32, Index, F64]] = []

    def add(self, place: F32, index: Index, terms: F64, work: Work) -> None:
        """The elements at the flat places `index` of `place`, part of the result, are the row sums of `terms`.

        Those that float64 sums prove by the magnitudes of their own terms are written at once.
        """
        if not work.all_exact:
            bound = np.maximum((terms.shape[1] + 2) * ROUNDING * np.abs(terms).sum(axis=1), FLOOR)
            rounded, left = proven(terms.sum(axis=1), bound)
            place.flat[index] = rounded
            index, terms = index[left], terms[left]
        if terms.size > _TOGETHER:
            place.flat[index] = round_sums(terms)
        elif index.size:
            self._parts.append((place, index, terms))

    def close(self) -> None:
        """Sums and rounds them, and writes them to their places."""
        if not self._parts:
            return
        rounded = round_sums(np.concatenate([terms for _, _, terms in self._parts]))
        start = 0
        for place, index, _ in self._parts:
            place.flat[index] = rounded[start : start + index.size]
            start += index.size


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
