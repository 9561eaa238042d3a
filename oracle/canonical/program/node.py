"""The node of a canonical program: its parts as types. docs/canonical.md sections 3 to 5 define them.

A node yields one tensor. Operands are read through views: affine maps from iteration and fold indices to coordinates.
"""

import math
from dataclasses import dataclass
from enum import IntEnum

from oracle.canonical.tensor import DType

MAX_RANK = 8
MAX_OPERANDS = 8
MAX_DIM = 2**31 - 1
MAX_LEAVES = 2**28
MAX_FOLD = 2**20
MAX_DEPTH = 4096
MAX_NODES = 2**21


class Kind(IntEnum):
    """What a node does."""

    INPUT = 0
    CONST = 1
    MAP = 2
    FOLD = 3
    TREE = 4
    RANK = 5


class Fn(IntEnum):
    """Functions of MAP (below 0x80) and FOLD nodes."""

    PICK = 0x00
    CAST = 0x01
    WHERE = 0x02
    EQUAL = 0x03
    LESS = 0x04
    AND = 0x06
    OR = 0x07
    XOR = 0x08
    NOT = 0x09
    ADD = 0x10
    SUB = 0x11
    MUL = 0x12
    DIV = 0x13
    MAX = 0x14
    MIN = 0x15
    ABS = 0x16
    NEG = 0x17
    SIGN = 0x18
    POW = 0x19
    PRELU = 0x1A
    FLOOR = 0x20
    CEIL = 0x21
    ROUND = 0x22
    SQRT = 0x23
    RECIPROCAL = 0x24
    EXP = 0x30
    LOG = 0x31
    SIGMOID = 0x32
    SOFTPLUS = 0x33
    TANH = 0x34
    SINH = 0x35
    COSH = 0x36
    ASINH = 0x37
    ACOSH = 0x38
    ATANH = 0x39
    SIN = 0x3A
    COS = 0x3B
    TAN = 0x3C
    ASIN = 0x3D
    ACOS = 0x3E
    ATAN = 0x3F
    ERF = 0x40
    FOLD_DOT = 0x80
    FOLD_SUM = 0x81
    FOLD_MEAN = 0x82
    FOLD_MAX = 0x83
    FOLD_MIN = 0x84
    FOLD_ARGMAX = 0x85
    FOLD_ARGMIN = 0x86
    FOLD_ANY = 0x87
    FOLD_ALL = 0x88


RANK_DESCENDING = 0
RANK_ASCENDING = 1


@dataclass(frozen=True, slots=True)
class Coordinate:
    """One coordinate of a view: `base + sum(coefficient * it[axis])`, plus the value of operand `index` if given.

    `dim` is the operand's size along it; `terms` are (axis, coefficient), axes ascending, coefficients not 0.
    """

    dim: int
    base: int = 0
    terms: tuple[tuple[int, int], ...] = ()
    index: int | None = None


@dataclass(frozen=True, slots=True)
class View:
    """How an operand is read. `fill` is what a read out of range yields, as the element's bits."""

    coordinates: tuple[Coordinate, ...]
    fill: int = 0

    @property
    def count(self) -> int:
        """Elements of the operand the view is for."""
        return math.prod(c.dim for c in self.coordinates)


@dataclass(frozen=True, slots=True)
class Operand:
    """Tensor `node`, whose dtype and count (the view's) are restated so that a node can be judged alone."""

    node: int
    dtype: DType
    view: View


@dataclass(frozen=True, slots=True)
class Node:
    """A node. `fn` is 0 for INPUT, CONST and TREE, and a `RANK_` constant for RANK.

    `dims` are the iteration dimensions, whose product is the tensor's count; `fold` the fold dimensions. The first
    `values` operands are the function's, the rest index operands. `slot` belongs to INPUT, `root` (32 bytes) to CONST,
    `depth` to TREE.
    """

    kind: Kind
    fn: int
    dtype: DType
    dims: tuple[int, ...]
    fold: tuple[int, ...] = ()
    operands: tuple[Operand, ...] = ()
    values: int = 0
    slot: int = 0
    root: bytes = b""
    depth: int = 0

    @property
    def count(self) -> int:
        """Elements of the node's tensor."""
        return math.prod(self.dims)

    @property
    def fold_count(self) -> int:
        """K: elements each fold runs over."""
        return math.prod(self.fold)
