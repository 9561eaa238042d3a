"""Exact sums of float64 terms, rounded once to float32: vectorised over many sums, no sum undecided in the end.

Sums are held as expansions (Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997): lists of float64 arrays,
one component of every sum each, whose exact total is the sum. docs/canonical-sums.md has the proofs.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

_VALUE = 2.0**-50  # |value(e) - sum of e| is below this times |value(e)|
_FEW = 1 << 11  # terms in all, up to which sums are made one by one
_CHUNK = 1 << 14  # terms worked on at a time: they stay in the cache


def two_sum(a: F64, b: F64) -> tuple[F64, F64]:
    """(s, e) with s = fl(a + b) and s + e = a + b exactly (Knuth, TAOCP 2, 4.2.2, theorem B)."""
    s = a + b
    part = s - a
    return s, (a - (s - part)) + (b - part)


def grow(expansion: list[F64], term: F64) -> list[F64]:
    """The nonoverlapping expansion, smallest component first, of expansion + term (Shewchuk, theorem 10)."""
    grown = []
    for component in expansion:
        term, error = two_sum(term, component)
        grown.append(error)
    return [*grown, term]


def value(expansion: list[F64]) -> F64:
    """The sum of a nonoverlapping expansion within `_VALUE` of itself; 0 only if it is 0."""
    total = expansion[0]
    for component in expansion[1:]:
        total = total + component
    return total


def decide(expansion: list[F64], rest: F64 | float, divisor: F64 | float = 1.0) -> tuple[F32, Bools]:
    """Rounds (sum + r) / divisor for every |r| ≤ rest, where all of them round alike or the sum's side is clear.

    `divisor` holds integers from 1 to 2^20. Returns the float32 numbers and which of them are right. With rest = 0 all
    are: a sum is compared exactly with the one midpoint its value is near.
    """
    about = value(expansion)
    half = rest * (1 + _VALUE) + _VALUE * np.abs(about)
    low = np.nextafter((about - half) / divisor, -np.inf)
    high = np.nextafter((about + half) / divisor, np.inf)
    down, up = low.astype(np.float32), high.astype(np.float32)
    result, sure = up + np.float32(0), down == up
    near = np.flatnonzero(np.nextafter(down, np.float32(np.inf)) == up)
    near = near[~sure[near]]
    if near.size:
        at = [np.broadcast_to(x, about.shape)[near] for x in (rest, divisor)]
        chosen, clear = _by_midpoint([part[near] for part in expansion], at[0], at[1], down[near], up[near])
        result[near], sure[near] = chosen, clear
    return result, sure


def _by_midpoint(expansion: list[F64], rest: F64, divisor: F64, down: F32, up: F32) -> tuple[F32, Bools]:
    """Chooses between the neighbours `down` < `up` by the sign of sum - midpoint · divisor, a tie by evenness."""
    middle = (_finite(down) + _finite(up)) / 2
    beyond = value(grow(expansion, -middle * divisor))
    even = np.where(down.view(np.uint32) & 1, up, down)
    tie = (beyond == 0) & (rest == 0)
    chosen = np.where(beyond > 0, up, down)
    clear = np.abs(beyond) * (1 - _VALUE) > rest
    return np.where(tie, even, chosen) + np.float32(0), clear | tie


def _finite(x: F32) -> F64:
    """As float64, infinities as the ±2^128 that rounding takes them for."""
    return np.clip(x.astype(np.float64), -(2.0**128), 2.0**128)


def round_sums(terms: F64, divisor: F64 | None = None) -> F32:
    """Row sums of `terms` (E, T), finite and of magnitude up to 2^300, divided by `divisor` (E), rounded to float32.

    Extracts, from the top, parts of all terms of a row whose sum float64 holds exactly (Rump, Ogita and Oishi,
    "Accurate floating-point summation I", 2008), until the rest cannot matter or is 0.
    """
    if divisor is None and terms.size <= _FEW:
        return _round_few(terms)
    result = np.empty(len(terms), np.float32)
    divisor = np.ones(len(terms)) if divisor is None else divisor
    rows = max(1, _CHUNK // max(terms.shape[1], 1))
    for start in range(0, len(terms), rows):
        chunk = slice(start, start + rows)
        result[chunk] = _round_chunk(terms[chunk], divisor[chunk])
    return result


def _round_few(terms: F64) -> F32:
    """The same, one by one: `math.fsum` rounds exact sums to float64, which is made odd where it is not the sum.

    So rounded, it rounds to float32 as the sum does: Boldo and Melquiond, "Emulation of FMA and correctly rounded sums:
    proved algorithms using rounding to odd", 2008.
    """
    odd = []
    for row in terms.tolist():
        total = math.fsum(row)
        rest = math.fsum([*row, -total])
        if rest and not int(math.ldexp(math.frexp(total)[0], 53)) & 1:
            total = math.nextafter(total, math.copysign(math.inf, rest))
        odd.append(total)
    return np.array(odd).astype(np.float32) + np.float32(0)


def _round_chunk(terms: F64, divisor: F64) -> F32:
    count = terms.shape[1]
    spread = max(count, 1).bit_length()
    result = np.zeros(len(terms), np.float32)
    rows: NDArray[Any] = np.arange(len(terms))
    left, expansion = terms.copy(), [np.zeros(len(terms))]
    while rows.size and count:
        _, exponent = np.frexp(_largest(left))
        sigma = np.ldexp(1.0, exponent + spread)[:, None]
        part = left + sigma
        part -= sigma
        left -= part
        expansion = grow(expansion, part.sum(axis=1))
        rest = count * _largest(left)
        rounded, sure = decide(expansion, rest, divisor)
        result[rows[sure]] = rounded[sure]
        keep = np.flatnonzero(~sure)
        rows, left, divisor, expansion = rows[keep], left[keep], divisor[keep], [part[keep] for part in expansion]
    return result


def _largest(terms: F64) -> F64:
    return np.asarray(np.maximum(terms.max(axis=1), -terms.min(axis=1)))
