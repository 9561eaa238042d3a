"""Kernels LOG, SOFTPLUS, ASINH, ACOSH, ATANH. docs/canonical-functions.md has their errors."""

import numpy as np

from oracle.canonical.fast.functions.exponential import exp
from oracle.canonical.fast.functions.rounding import Float64s, horner
from oracle.canonical.fast.functions.tables import MP, doubles, table

LN2 = 0.6931471805599453
NODE_BITS = 41  # bits of a float64 below a node's 11 of the mantissa
FIRST_NODE = 0x3FE68 << 44  # bits of 0.703125: nodes are 2^k times those in [0.703125, 1.40625)
NODES = 2048
SHIFTER = 0x43380 << 44  # bits of 1.5 * 2^52


@table
def _logs() -> Float64s:
    """The ln of the nodes in [0.703125, 1.40625)."""
    nodes = (np.arange(NODES, dtype=np.int64) << NODE_BITS) + FIRST_NODE
    return doubles(MP.log(MP.mpf(node)) for node in nodes.view(np.float64).tolist())


def log(x: Float64s) -> Float64s:
    """The ln of x; -inf of 0, NaN of a negative."""
    node, base = _nearest(x)
    result = _from_node(x - node, node, base)
    if not ((x > 0) & (x < np.inf)).all():
        np.copyto(result, -np.inf, where=x == 0)
        np.copyto(result, np.nan, where=x < 0)
        np.copyto(result, np.inf, where=x == np.inf)
    return result


def log1p(x: Float64s) -> Float64s:
    """The ln of 1 + x for x >= 0, with a small relative error near 0 too; NaN of a negative."""
    node, base = _nearest(x + 1.0)
    result = _from_node(x - (node - 1.0), node, base)
    np.copyto(result, np.nan, where=x < 0)
    np.copyto(result, np.inf, where=x == np.inf)
    return result


def _nearest(x: Float64s) -> tuple[Float64s, Float64s]:
    """The node nearest to x and its ln: k ln 2 + ln z for the node 2^k z, z in [0.703125, 1.40625)."""
    bits = x.view(np.int64) + (1 << (NODE_BITS - 1))
    bits &= -1 << NODE_BITS
    places = bits - FIRST_NODE
    base = _logs().take((places >> NODE_BITS) & (NODES - 1), mode="wrap")
    places >>= 52
    places += SHIFTER
    k = places.view(np.float64)
    k -= 1.5 * 2.0**52
    k *= LN2
    base += k
    return bits.view(np.float64), base


def _from_node(difference: Float64s, node: Float64s, base: Float64s) -> Float64s:
    """The sum base + ln(1 + q), q = difference / node, |q| <= 2^-12."""
    q = np.divide(difference, node, out=difference)
    result = horner(q, -1 / 2, 1 / 3, -1 / 4, 1 / 5)
    result *= q
    result *= q
    result += q
    result += base
    return result


def softplus(x: Float64s) -> Float64s:
    """By ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)."""
    result = log1p(exp(-np.abs(x)))
    result += np.maximum(x, 0.0)
    return result


def asinh(x: Float64s) -> Float64s:
    """By ln(1 + a + a^2 / (1 + sqrt(1 + a^2))), a = |x|, with the sign of x."""
    size = np.abs(x)
    square = size * size
    root = np.sqrt(square + 1.0)
    root += 1.0
    square /= root
    square += size
    np.copyto(square, np.inf, where=size == np.inf)
    return np.copysign(log1p(square), x)


def acosh(x: Float64s) -> Float64s:
    """By ln(1 + t + sqrt(t (t + 2))), t = x - 1; NaN for x < 1."""
    t = x - 1.0
    root = t + 2.0
    root *= t
    np.sqrt(root, out=root)
    root += t
    np.copyto(root, np.nan, where=x < 1)
    return log1p(root)


def atanh(x: Float64s) -> Float64s:
    """By ln(1 + 2a / (1 - a)) / 2, a = |x|, with the sign of x. The argument of log1p is negative for a > 1."""
    size = np.abs(x)
    rest = 1.0 - size
    size *= 2.0
    size /= rest
    result = log1p(size)
    result *= 0.5
    return np.copysign(result, x)
