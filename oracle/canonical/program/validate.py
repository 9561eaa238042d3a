"""Which nodes are malformed: docs/canonical.md sections 3 to 5, one small function per rule.

A node is judged alone. That its operands are earlier nodes of the dtype and count their views say is a matter of the
program, and so is what its one-step proofs cost.
"""

from oracle.canonical.program.node import (
    MAX_DEPTH,
    MAX_DIM,
    MAX_FOLD,
    MAX_LEAVES,
    MAX_OPERANDS,
    MAX_RANK,
    RANK_ASCENDING,
    RANK_DESCENDING,
    Coordinate,
    Fn,
    Kind,
    Node,
    Operand,
)
from oracle.canonical.tensor import DType
from oracle.errors import ProgramError

LEAF_BYTES = 256
ROOT_BYTES = 32
FORMATS = frozenset(DType) - {DType.FLOAT16, DType.DOUBLE}
INTEGERS = FORMATS - {DType.FLOAT, DType.BOOL}

_FIRST_FOLD = Fn.FOLD_DOT
_I32 = range(-(2**31), 2**31)
_U16 = range(2**16)
_U32 = range(2**32)

# Value operands -> result. A is any dtype and T any but bool, the same wherever the letter stands; `any` is each time
# any dtype; a `?` marks operands that may be missing.
_FLOAT = "float32 -> float32"
_SIGNATURES: dict[Fn, str] = {
    Fn.PICK: "A A? A? A? A? A? A? A? -> A",
    Fn.CAST: "any -> any",
    Fn.WHERE: "bool A A -> A",
    Fn.EQUAL: "A A -> bool",
    Fn.LESS: "T T -> bool",
    **dict.fromkeys((Fn.AND, Fn.OR, Fn.XOR), "bool bool -> bool"),
    Fn.NOT: "bool -> bool",
    **dict.fromkeys((Fn.ADD, Fn.SUB, Fn.MUL, Fn.DIV, Fn.MAX, Fn.MIN, Fn.POW, Fn.PRELU), "T T -> T"),
    **dict.fromkeys((Fn.ABS, Fn.NEG, Fn.SIGN), "T -> T"),
    **dict.fromkeys((Fn.FLOOR, Fn.CEIL, Fn.ROUND, Fn.SQRT, Fn.RECIPROCAL), _FLOAT),
    **dict.fromkeys((Fn.EXP, Fn.LOG, Fn.SIGMOID, Fn.SOFTPLUS, Fn.TANH, Fn.SINH, Fn.COSH), _FLOAT),
    **dict.fromkeys((Fn.ASINH, Fn.ACOSH, Fn.ATANH, Fn.SIN, Fn.COS, Fn.TAN, Fn.ASIN, Fn.ACOS, Fn.ATAN), _FLOAT),
    Fn.ERF: _FLOAT,
    Fn.FOLD_DOT: "T T T? -> T",
    Fn.FOLD_SUM: "T T? -> T",
    **dict.fromkeys((Fn.FOLD_MEAN, Fn.FOLD_MAX, Fn.FOLD_MIN), "T -> T"),
    **dict.fromkeys((Fn.FOLD_ARGMAX, Fn.FOLD_ARGMIN), "T -> int64"),
    **dict.fromkeys((Fn.FOLD_ANY, Fn.FOLD_ALL), "bool -> bool"),
}
_TREE_SIGNATURE = "float32 uint32 uint32 float32 -> float32"
_RANK_SIGNATURE = "T -> int64"
_SOURCE_SIGNATURE = "-> any"
_TREE_TABLES = (1, 3)  # the operands `nodes` and `weights`


def validate_node(node: Node) -> None:
    """Raises `ProgramError`, with a sentence that names the rule, if `node` is malformed."""
    _check_function(node)
    name = node_name(node)
    _check_shape(node, name)
    _check_own_fields(node, name)
    _check_signature(node, name)
    for slot, operand in enumerate(node.operands):
        _check_operand(node, slot, operand, f"operand {slot} of a {name} node")


def node_name(node: Node) -> str:
    """What `node` does, in words: `CONST`, `MAP ADD`, `FOLD DOT`, `RANK`."""
    if node.kind in (Kind.MAP, Kind.FOLD):
        return f"{node.kind.name} {Fn(node.fn).name.removeprefix('FOLD_')}"
    return node.kind.name


def _check_function(node: Node) -> None:
    known: tuple[int, ...] = (0,)
    if node.kind is Kind.MAP:
        known = tuple(fn for fn in Fn if fn < _FIRST_FOLD)
    elif node.kind is Kind.FOLD:
        known = tuple(fn for fn in Fn if fn >= _FIRST_FOLD)
    elif node.kind is Kind.RANK:
        known = (RANK_DESCENDING, RANK_ASCENDING)
    if node.fn not in known:
        raise ProgramError(f"a {node.kind.name} node has function {node.fn:#04x}, which does not exist.")
    if node.dtype not in FORMATS:
        raise ProgramError(f"a {node_name(node)} node yields {node.dtype.label}, which is no format of programs.")


def _check_shape(node: Node, name: str) -> None:
    if len(node.dims) > MAX_RANK or len(node.fold) > MAX_RANK:
        raise ProgramError(
            f"a {name} node has {len(node.dims)} iteration and {len(node.fold)} fold dimensions, of {MAX_RANK} each."
        )
    for dim in (*node.dims, *node.fold):
        _check_dim(dim, f"a {name} node")
    _check_size(node.count, node.dtype, f"the tensor of a {name} node")
    if node.fold_count > MAX_FOLD:
        raise ProgramError(f"a {name} node folds over {node.fold_count} elements, {MAX_FOLD} are allowed.")
    if node.kind in (Kind.INPUT, Kind.CONST, Kind.MAP) and node.fold:
        raise ProgramError(f"a {name} node has {len(node.fold)} fold dimensions, where none is allowed.")
    if node.kind is Kind.TREE and len(node.fold) != 1:
        raise ProgramError(f"a TREE node has {len(node.fold)} fold dimensions, where it needs one: the features.")
    if node.kind in (Kind.TREE, Kind.RANK) and not node.dims:
        raise ProgramError(f"a {name} node has no iteration dimension, where it needs one at least.")


def _check_dim(dim: int, where: str) -> None:
    if not 0 <= dim <= MAX_DIM:
        raise ProgramError(f"{where} has a dimension of {dim}, which is not from 0 to {MAX_DIM}.")


def _check_size(count: int, dtype: DType, what: str) -> None:
    leaves = -(-count * dtype.size // LEAF_BYTES)
    if leaves > MAX_LEAVES:
        raise ProgramError(f"{what} has {count} elements, which take {leaves} leaves where {MAX_LEAVES} are allowed.")


def _check_own_fields(node: Node, name: str) -> None:
    """`slot`, `root` and `depth` stand where they are encoded, fit there, and nowhere else."""
    if node.slot not in (_U16 if node.kind is Kind.INPUT else (0,)):
        raise ProgramError(f"a {name} node has slot {node.slot}, which it cannot have.")
    if len(node.root) != (ROOT_BYTES if node.kind is Kind.CONST else 0):
        raise ProgramError(f"a {name} node has a root of {len(node.root)} bytes, which it cannot have.")
    if node.depth not in (range(MAX_DEPTH + 1) if node.kind is Kind.TREE else (0,)):
        raise ProgramError(f"a {name} node has depth {node.depth}; a TREE has up to {MAX_DEPTH}, other nodes have 0.")


def _signature(node: Node) -> str:
    if node.kind is Kind.TREE:
        return _TREE_SIGNATURE
    if node.kind is Kind.RANK:
        return _RANK_SIGNATURE
    if node.kind in (Kind.INPUT, Kind.CONST):
        return _SOURCE_SIGNATURE
    return _SIGNATURES[Fn(node.fn)]


def _check_signature(node: Node, name: str) -> None:
    signature = _signature(node)
    left, result = signature.split("->")
    symbols = left.split()
    required = sum(not symbol.endswith("?") for symbol in symbols)
    if not required <= node.values <= len(symbols):
        raise ProgramError(f"a {name} node has {node.values} values, where its signature is {signature}.")
    if not node.values <= len(node.operands) <= MAX_OPERANDS:
        raise ProgramError(
            f"a {name} node has {len(node.operands)} operands, where {node.values} to {MAX_OPERANDS} are allowed."
        )
    if not symbols and node.operands:
        raise ProgramError(f"a {name} node has {len(node.operands)} operands, where none is allowed.")
    letters: dict[str, DType] = {}
    for slot, (symbol, operand) in enumerate(zip(symbols, node.operands[: node.values], strict=False)):
        if not _fits(symbol.rstrip("?"), operand.dtype, letters):
            raise ProgramError(
                f"operand {slot} of a {name} node is {operand.dtype.label}, which does not fit {signature}."
            )
    if not _fits(result.strip(), node.dtype, letters):
        raise ProgramError(f"a {name} node yields {node.dtype.label}, which does not fit {signature}.")


def _fits(symbol: str, dtype: DType, letters: dict[str, DType]) -> bool:
    if symbol == "any":
        return dtype in FORMATS
    if symbol in ("A", "T"):
        return dtype in (FORMATS if symbol == "A" else INTEGERS | {DType.FLOAT}) and dtype is letters.setdefault(
            symbol, dtype
        )
    return dtype.label == symbol


def _check_operand(node: Node, slot: int, operand: Operand, name: str) -> None:
    if operand.node not in _U32:
        raise ProgramError(f"{name} is tensor {operand.node}, which no node can define.")
    if slot >= node.values and operand.dtype not in INTEGERS:
        raise ProgramError(f"{name} is an index operand of dtype {operand.dtype.label}, which is no integer.")
    coordinates = operand.view.coordinates
    if len(coordinates) > MAX_RANK:
        raise ProgramError(f"{name} has {len(coordinates)} coordinates, {MAX_RANK} are allowed.")
    for coordinate in coordinates:
        _check_coordinate(node, slot, coordinate, name)
    _check_size(operand.view.count, operand.dtype, name)
    if not 0 <= operand.view.fill < _fill_end(operand.dtype):
        raise ProgramError(f"{name} has fill {operand.view.fill:#x}, which is no {operand.dtype.label}.")
    if node.kind is Kind.TREE and slot in _TREE_TABLES and coordinates != (Coordinate(operand.view.count),):
        raise ProgramError(f"{name} is a table: its view is one coordinate of base 0, without terms and index.")


def _fill_end(dtype: DType) -> int:
    return 2 if dtype is DType.BOOL else 1 << 8 * dtype.size


def _check_coordinate(node: Node, slot: int, coordinate: Coordinate, name: str) -> None:
    _check_dim(coordinate.dim, name)
    if coordinate.base not in _I32:
        raise ProgramError(f"{name} has base {coordinate.base}, which does not fit 32 bits.")
    axes = [axis for axis, _ in coordinate.terms]
    known = range(len(node.dims) + len(node.fold))
    if axes != sorted(set(axes)) or any(axis not in known for axis in axes):
        raise ProgramError(f"{name} has terms on axes {axes}, which do not ascend strictly below {len(known)}.")
    for axis, coefficient in coordinate.terms:
        if coefficient == 0 or coefficient not in _I32:
            raise ProgramError(f"{name} has coefficient {coefficient} on axis {axis}; it is not 0 and fits 32 bits.")
    if coordinate.index is None:
        return
    if slot >= node.values:
        raise ProgramError(f"{name} is an index operand and has an index of its own, {coordinate.index}.")
    if not node.values <= coordinate.index < len(node.operands):
        raise ProgramError(f"{name} has index {coordinate.index}, where index operands are the last of the node.")
