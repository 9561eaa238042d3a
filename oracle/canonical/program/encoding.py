"""Nodes as bytes, one program leaf each: docs/canonical.md section 5. Decoding refuses what is not canonical."""

import struct
from collections.abc import Iterator

from oracle.canonical.program.node import Coordinate, Kind, Node, Operand, View
from oracle.canonical.tensor import DType
from oracle.errors import ProgramError

_NO_INDEX = 0xFF


def encode_node(node: Node) -> bytes:
    """The bytes of `node`. It is not judged: `validate_node` does that."""
    parts = [
        bytes((node.kind, node.fn, node.dtype, len(node.dims), len(node.fold), len(node.operands), node.values)),
        struct.pack(f">{len(node.dims) + len(node.fold)}I", *node.dims, *node.fold),
    ]
    if node.kind is Kind.INPUT:
        parts.append(struct.pack(">H", node.slot))
    elif node.kind is Kind.CONST:
        parts.append(node.root)
    elif node.kind is Kind.TREE:
        parts.append(struct.pack(">H", node.depth))
    for operand in node.operands:
        coordinates = operand.view.coordinates
        parts.append(struct.pack(">IBBQ", operand.node, operand.dtype, len(coordinates), operand.view.fill))
        for c in coordinates:
            index = _NO_INDEX if c.index is None else c.index
            parts.append(struct.pack(">IBiB", c.dim, index, c.base, len(c.terms)))
            parts.extend(struct.pack(">Bi", axis, coefficient) for axis, coefficient in c.terms)
    return b"".join(parts)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, form: str) -> tuple[int, ...]:
        size = struct.calcsize(form)
        if self._at + size > len(self._data):
            raise ProgramError(f"a node ends after {len(self._data)} bytes, in the middle of a field.")
        values = struct.unpack_from(form, self._data, self._at)
        self._at += size
        return values

    def rest(self) -> int:
        return len(self._data) - self._at


def decode_node(data: bytes) -> Node:
    """The node `data` encodes; raises `ProgramError` where bytes are missing, left over, or name no kind or dtype.

    Whether the node makes sense is for `validate_node`.
    """
    reader = _Reader(data)
    kind_code, fn, dtype_code, rank, fold, operands, values = reader.take(">7B")
    try:
        kind, dtype = Kind(kind_code), DType(dtype_code)
    except ValueError as error:
        raise ProgramError(f"a node has kind {kind_code} and dtype {dtype_code}: {error}.") from error
    dims = reader.take(f">{rank + fold}I")
    slot = reader.take(">H")[0] if kind is Kind.INPUT else 0
    root = bytes(reader.take(">32B")) if kind is Kind.CONST else b""
    depth = reader.take(">H")[0] if kind is Kind.TREE else 0
    decoded = tuple(_operands(reader, operands))
    if reader.rest():
        raise ProgramError(f"a node has {reader.rest()} bytes after its end.")
    return Node(kind, fn, dtype, dims[:rank], dims[rank:], decoded, values, slot, root, depth)


def _operands(reader: _Reader, number: int) -> Iterator[Operand]:
    for _ in range(number):
        node, dtype_code, rank, fill = reader.take(">IBBQ")
        try:
            dtype = DType(dtype_code)
        except ValueError as error:
            raise ProgramError(f"an operand has dtype {dtype_code}: {error}.") from error
        coordinates = []
        for _ in range(rank):
            dim, index, base, terms = reader.take(">IBiB")
            pairs = tuple((axis, coefficient) for axis, coefficient in (reader.take(">Bi") for _ in range(terms)))
            coordinates.append(Coordinate(dim, base, pairs, None if index == _NO_INDEX else index))
        yield Operand(node, dtype, View(tuple(coordinates), fill))
