"""Whole blocks of dot products, exactly: products of slices that float64 matrix multiplication cannot round.

Every row is cut into slices of few bits (Ozaki, Ogita, Oishi and Rump, "Error-free transformations of matrix
multiplication by using fast routines of matrix multiplication", 2012). Their products, summed in any order, are exact,
so the sum of a few matrix products is the sum wanted. docs/canonical-sums.md has the proof.
"""

from typing import Any

import numpy as np

from oracle.canonical.fast.exact import F32, F64, Bools, decide, grow

_SLICES = 3


def exact_block(a: F64, b: F64, bias: F64 | None) -> tuple[F32, Bools]:
    """Σ_k a[…, m, k] · b[…, n, k] + bias, rounded once, and where it is decided.

    `a` and `b` hold finite float32 numbers as float64; `bias` broadcasts to the result's shape (…, m, n). Undecided
    stays only what has a tie or near-tie *and* rows whose elements differ by more than 2^40 or so.
    """
    fold = a.shape[-1]
    bits = (53 - fold.bit_length()) // 2
    (slices_a, rest_a), (slices_b, rest_b) = _cut(a, bits), _cut(b, bits)
    parts = [np.matmul(x, y.swapaxes(-1, -2)) for x in slices_a for y in slices_b]
    if bias is not None:
        parts.append(np.broadcast_to(bias, parts[0].shape))
    rest = _outer(rest_a, _largest(b)) + _outer(_largest(a), rest_b)
    rest *= fold * 1.001
    total, size = _plain(parts)
    half = size * 2.0**-48 + rest
    with np.errstate(over="ignore"):
        down, up = (total - half).astype(np.float32), (total + half).astype(np.float32)
    result, sure = up + np.float32(0), down == up
    unsure = np.nonzero(~sure)
    if unsure[0].size:
        expansion = [parts[-1][unsure]]
        for part in parts[-2::-1]:
            expansion = grow(expansion, part[unsure])
        result[unsure], sure[unsure] = decide(expansion, rest[unsure])
    return result, sure


def _plain(parts: list[F64]) -> tuple[F64, F64]:
    """Float64 sums of the parts, and of their magnitudes."""
    total, size = parts[0].copy(), np.abs(parts[0])
    for part in parts[1:]:
        total += part
        size += np.abs(part)
    return total, size


def _cut(rows: F64, bits: int) -> tuple[list[F64], F64]:
    """Slices of `rows` (the last axis is one row), and what is left over: the largest magnitude of each row.

    The elements of a slice are multiples of one power of two per row, at most 2^bits times it.
    """
    left, slices = rows, list[F64]()
    while len(slices) < _SLICES:
        _, exponent = np.frexp(_largest(left))
        unit = np.ldexp(1.0, exponent - bits)
        sigma: Any = (3 * 2.0**51 * unit)[..., None]
        part = left + sigma
        part -= sigma
        slices.append(part)
        left = left - part
        if not left.any():
            break
    return slices, _largest(left)


def _largest(rows: F64) -> F64:
    return np.asarray(np.abs(rows).max(axis=-1, initial=0.0))


def _outer(rows: F64, columns: F64) -> F64:
    return np.asarray(rows[..., :, None] * columns[..., None, :])
