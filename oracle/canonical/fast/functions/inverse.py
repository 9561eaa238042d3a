"""Kernels ATAN, ASIN, ACOS, ERF. docs/canonical-functions.md has their errors."""

import numpy as np

from oracle.canonical.fast.functions.rounding import Float64s, horner, nearest_node
from oracle.canonical.fast.functions.tables import MP, doubles, table

_NODE_BITS = 45  # bits of a float64 below a node's 7 of the mantissa
_ONE = 1023 << 52  # bits of 1.0
_ATAN_END = 2.0**27  # from 2^26 on atan rounds to what pi / 2 rounds to, and twice it to what pi does


@table
def _atan_nodes() -> Float64s:
    """The atan of b - 1 for the b of 7 bits of mantissa from 1 to 2^27 + 1."""
    count = 27 * 128 + 2
    nodes = ((np.arange(count, dtype=np.int64) << _NODE_BITS) + _ONE).view(np.float64) - 1.0
    return doubles(MP.atan(MP.mpf(node)) for node in nodes.tolist())


def _atan(x: Float64s) -> Float64s:
    """The atan of x >= 0: A + atan((x - v) / (1 + x v)), where v + 1 is the node nearest to x + 1 and A = atan v."""
    x = np.minimum(x, _ATAN_END)
    bits = (x + 1.0).view(np.int64)
    bits += 1 << (_NODE_BITS - 1)
    bits &= -1 << _NODE_BITS
    node: Float64s = bits.view(np.float64) - 1.0
    bits -= _ONE
    bits >>= _NODE_BITS
    t = x - node
    node *= x
    node += 1.0
    t /= node
    s = t * t
    result = horner(s, -1 / 3, 1 / 5, -1 / 7)
    result *= s
    result *= t
    result += t
    result += _atan_nodes().take(bits, mode="clip")
    return result


def atan(x: Float64s) -> Float64s:
    """By its odd symmetry."""
    return np.copysign(_atan(np.abs(x)), x)


def asin(x: Float64s) -> Float64s:
    """By atan(a / sqrt((1 - a) (1 + a))), a = |x|, with the sign of x."""
    size = np.abs(x)
    root = (1.0 - size) * (1.0 + size)
    np.sqrt(root, out=root)
    size /= root
    return np.copysign(_atan(size), x)


def acos(x: Float64s) -> Float64s:
    """By 2 atan(sqrt((1 - x) / (1 + x)))."""
    ratio = 1.0 - x
    ratio /= 1.0 + x
    result = _atan(np.sqrt(ratio, out=ratio))
    result *= 2.0
    return result


_ERF_BITS = 9
_ERF_END = 3.99  # from 3.92 on erf rounds to 1


@table
def _erf_nodes() -> tuple[Float64s, Float64s]:
    """The values of erf and its derivative at j / 512 up to 3.99."""
    nodes = [MP.mpf(j) / 2**_ERF_BITS for j in range(int(_ERF_END * 2**_ERF_BITS) + 2)]
    slope = 2 / MP.sqrt(MP.pi)
    return doubles(map(MP.erf, nodes)), doubles(slope * MP.exp(-v * v) for v in nodes)


def erf(x: Float64s) -> Float64s:
    """Taylor's series at the nearest node v, in a = v d and s = d^2: its terms are Hermite polynomials of v."""
    size = np.minimum(np.abs(x), _ERF_END)
    a, number = nearest_node(size, _ERF_BITS)
    d = size - a
    a *= d
    s = d * d
    change = horner(a, 2 / 3, -1 / 3, 2 / 15)
    change -= 0.4 * s
    change *= a
    change -= 1.0
    change *= a
    rest = a * 0.5
    rest += 0.1 * s
    rest -= 1 / 3
    rest *= s
    change += rest
    change *= d
    change += d
    values, slopes = _erf_nodes()
    change *= slopes.take(number, mode="clip")
    change += values.take(number, mode="clip")
    return np.copysign(change, x)
