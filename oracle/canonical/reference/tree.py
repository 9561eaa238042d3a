"""TREE: docs/canonical.md section 3."""

import operator
from collections.abc import Callable, Sequence

from oracle.canonical.program.node import Node
from oracle.canonical.reference.arithmetic import is_nan
from oracle.canonical.reference.formats import Number, decode, normalise
from oracle.canonical.reference.views import Reader, read
from oracle.canonical.tensor import DType

X, NODES, ROOTS, WEIGHTS = range(4)
_ROW = 4
_LEAF = 0
_MISSING = 16
_COMPARISONS: dict[int, Callable[[Number, Number], bool]] = {
    1: operator.le,
    2: operator.lt,
    3: operator.ge,
    4: operator.gt,
    5: operator.eq,
    6: operator.ne,
}


def tree(node: Node, readers: Sequence[Reader], at: Sequence[int]) -> int:
    """The bits of the element of a TREE node at iteration indices `at`."""
    (features,) = node.fold
    rows = node.operands[NODES].view.count // _ROW
    row = read(node, readers, ROOTS, (*at, 0))
    for branches_left in range(node.depth, -1, -1):
        if row >= rows:
            return 0
        w0, w1, if_true, if_false = (readers[NODES](_ROW * row + k) for k in range(_ROW))
        mode, feature = w0 & 15, w0 >> 8
        if mode == _LEAF:
            return _weight(node, readers, w1 + at[-1])
        if mode not in _COMPARISONS or feature >= features or branches_left == 0:
            return 0
        value = decode(DType.FLOAT, read(node, readers, X, (*at, feature)))
        holds = _COMPARISONS[mode](value, decode(DType.FLOAT, w1)) or bool(is_nan(value) and w0 & _MISSING)
        row = if_true if holds else if_false
    raise AssertionError("the last round of a walk ends it")


def _weight(node: Node, readers: Sequence[Reader], position: int) -> int:
    if position >= node.operands[WEIGHTS].view.count:
        return 0
    return normalise(DType.FLOAT, readers[WEIGHTS](position))
