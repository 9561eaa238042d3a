"""Nodes whose operands are all known, computed while lowering: by canonical execution, never by other bits."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.program.node import Node
from oracle.canonical.reference.element import element


def evaluate(node: Node, operands: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The tensor of `node`, flat, from its operands' flat data (raw bits)."""
    readers = [_reader(flat) for flat in operands]
    bits = [element(node, index, readers) for index in range(node.count)]
    size = node.dtype.size
    raw = b"".join(value.to_bytes(size, "big") for value in bits)
    return np.frombuffer(raw, node.dtype.numpy.newbyteorder(">")).astype(node.dtype.numpy)


def _reader(flat: NDArray[Any]) -> Callable[[int], int]:
    unsigned = flat.view(np.dtype(f"u{flat.itemsize}"))
    return lambda position: int(unsigned[position])
