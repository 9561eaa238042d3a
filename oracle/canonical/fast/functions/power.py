"""POW of float32. docs/canonical-functions.md has the errors of the kernel."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.functions.exact import exactly
from oracle.canonical.fast.functions.exponential import exp
from oracle.canonical.fast.functions.logarithm import FIRST_NODE, NODE_BITS, NODES, SHIFTER
from oracle.canonical.fast.functions.normal import NAN, normalize, normalized
from oracle.canonical.fast.functions.rounding import Float32s, Float64s, horner, round_elements
from oracle.canonical.fast.functions.tables import MP, doubles, table
from oracle.canonical.program.node import Fn

# ln 2: the nearest multiple of 2^-42, so that k times it plus a table entry is exact, and the rest.
_GRID = 2.0**42
_LN2 = float.fromhex("0x1.62e42fefa3800p-1")
_LN2_REST = float.fromhex("0x1.ef35793c76730p-45")
_RECIPROCAL = 65536.0  # reciprocals of nodes are multiples of its inverse: 24 bits of x times 17 are exact


def power(x: NDArray[Any], y: NDArray[Any]) -> Float32s:
    """The power x^y, correctly rounded and normalised, of the operands' broadcast shape. Both are float32."""
    x, y = normalize(x), normalize(y)
    if y.size and x.size and (y == y.flat[0]).all():
        simple = _SIMPLE.get(float(y.flat[0]))
        if simple is not None:
            shape = np.broadcast_shapes(x.shape, y.shape)
            return normalized(np.array(np.broadcast_to(simple(x), shape)))
    size = np.abs(x)
    special = ~((x != 0) & np.isfinite(x) & np.isfinite(y))
    if not special.any():
        return _signed(round_elements(_power, _decide, size, y), x, y)
    one = np.float32(1)
    result = _signed(round_elements(_power, _decide, np.where(special, one, size), np.where(special, one, y)), x, y)
    return np.where(special, _special(*np.broadcast_arrays(x, y)), result)


def _cube(x: Float64s) -> Float64s:
    return x * x * x  # the square is exact, so one rounding


def _decide_cube(x: Float32s) -> Float32s:
    return np.copysign(_decide(np.abs(x), np.full_like(x, 3)), x)


def _square(x: Float32s) -> Float32s:
    wide = x.astype(np.float64)
    return (wide * wide).astype(np.float32)  # the product is exact, so one rounding


# Exponents for which IEEE 754 has an operation, or which are short products. pow(-inf, 0.5) is +inf.
_SIMPLE: dict[float, Callable[[Float32s], Float32s]] = {
    -1.0: lambda x: np.float32(1) / x,
    0.5: lambda x: np.where(x == -np.inf, np.float32(np.inf), np.sqrt(x)),
    1.0: lambda x: x,
    2.0: _square,
    3.0: lambda x: round_elements(_cube, _decide_cube, x),
}


def _odd(y: Float32s) -> NDArray[np.bool_]:
    """Whether y is an odd integer."""
    half = y * np.float32(0.5)
    return np.asarray((np.rint(y) == y) & (np.rint(half) != half))


def _signed(size: Float32s, x: Float32s, y: Float32s) -> Float32s:
    """The power x^y from |x|^y: negated where x < 0 and y is odd, NaN where x < 0 and y is no integer."""
    negative = x < 0
    if not negative.any():
        return size
    signed = normalized(np.where(negative & _odd(y), -size, size))
    return np.where(negative & (np.rint(y) != y), NAN, signed)


def _special(x: Float32s, y: Float32s) -> Float32s:
    """The x^y where x is 0, infinite or NaN, or y infinite or NaN: IEEE 754-2019 section 9.2.1 with zero as +0."""
    size = np.abs(x)
    grows = (size > 1) == (y > 0)  # toward infinity, rather than 0, as |x| or 1/|x| is raised
    result = np.where(size == 1, np.float32(1), np.where(grows, np.float32(np.inf), np.float32(0)))
    result = np.where((x == -np.inf) & _odd(y) & (y > 0), -result, result)
    result = np.where(np.isnan(x) | np.isnan(y), normalize(x + y), result)
    return np.where((y == 0) | (x == 1), np.float32(1), result)


@table
def _logs() -> tuple[Float64s, Float64s, Float64s]:
    """For the nodes in [0.703125, 1.40625): the reciprocal r, shortened, and -ln r on the grid 2^-42 and the rest."""
    nodes = ((np.arange(NODES, dtype=np.int64) << NODE_BITS) + FIRST_NODE).view(np.float64)
    reciprocals = np.rint(_RECIPROCAL / nodes) / _RECIPROCAL
    logs = [-MP.log(MP.mpf(r)) for r in reciprocals.tolist()]
    heads = np.rint(doubles(logs) * _GRID) / _GRID
    return reciprocals, heads, doubles(v - head for v, head in zip(logs, heads.tolist(), strict=True))


def _log(x: Float64s) -> tuple[Float64s, Float64s]:
    """The ln of a float32 x > 0 as (high, low), |low| <= 2^-53 |high|, within a relative 2^-61."""
    bits = x.view(np.int64)
    places = bits + (1 << (NODE_BITS - 1)) - FIRST_NODE
    number = (places >> NODE_BITS) & (NODES - 1)
    places >>= 52
    z = (bits - (places << 52)).view(np.float64)
    places += SHIFTER
    k = places.view(np.float64)
    k -= 1.5 * 2.0**52
    reciprocals, heads, tails = _logs()
    z *= reciprocals.take(number, mode="wrap")
    q = np.subtract(z, 1.0, out=z)  # exact
    head = k * _LN2
    head += heads.take(number, mode="wrap")  # exact, and 0 or larger than q
    total = head + q
    head -= total
    head += q  # what the last sum lost
    low = horner(q, -1 / 2, 1 / 3, -1 / 4, 1 / 5, -1 / 6)
    low *= q
    low *= q
    k *= _LN2_REST
    k += tails.take(number, mode="wrap")
    low += k
    low += head
    high = total + low
    total -= high
    total += low
    return high, total


def _power(x: Float64s, y: Float64s) -> Float64s:
    """By e^(y ln x) for x > 0, both finite float32 values. y times the first 24 bits of ln x is exact."""
    high, low = _log(x)
    first = (high.view(np.int64) & (-1 << 29)).view(np.float64)
    high -= first
    high += low
    high *= y
    first *= y
    return exp(first, np.minimum(np.maximum(high, -(2.0**-15)), 2.0**-15))


def _decide(x: Float32s, y: Float32s) -> Float32s:
    """The power x^y for x > 0 that the kernel left undecided: short dyadic ones at once, the rest one by one."""
    value, known = _dyadic(x.astype(np.float64), y.astype(np.float64))
    result = value.astype(np.float32)
    rest = np.flatnonzero(~known)
    if rest.size:
        result[rest] = exactly(Fn.POW)(x[rest], y[rest])
    return result


def _dyadic(x: Float64s, y: Float64s) -> tuple[Float64s, NDArray[np.bool_]]:
    """The power x^y, and where it is exact: everywhere it is p * 2^q with odd p < 2^25, so at every tie.

    With x = m * 2^e, m odd, x^y is dyadic only if y can be made an integer by halving e and taking roots of m, and that
    integer is positive or m = 1. Then p = m^y, and since 3^16 > 2^25, m = 1 or y < 16.
    """
    fraction, exponent = np.frexp(x)
    m = (fraction * 2.0**24).astype(np.int64)
    lowest = m & -m
    m //= lowest
    e = exponent.astype(np.int64) - 24 + np.frexp(lowest.astype(np.float64))[1] - 1
    for _ in range(8):  # |e| < 2^8
        root = np.rint(np.sqrt(m.astype(np.float64))).astype(np.int64)
        halve = (np.rint(y) != y) & (root * root == m) & (e & 1 == 0)
        m, e, y = np.where(halve, root, m), np.where(halve, e >> 1, e), np.where(halve, y * 2, y)
    p = np.ones_like(x)
    for count in range(1, 17):
        p = np.where(count <= y, np.minimum(p * m, 2.0**26), p)
    known = (np.rint(y) == y) & (p < 2.0**25) & ((y > 0) | (m == 1))
    return np.ldexp(p, np.clip(e * y, -1000, 1000).astype(np.int32)), known
