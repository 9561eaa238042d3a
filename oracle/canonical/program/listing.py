"""A program as text that a person can read: one line per node."""

from collections.abc import Iterator

from oracle.canonical.program.node import Coordinate, Kind, Node, Operand
from oracle.canonical.program.program import Program
from oracle.canonical.program.validate import node_name

_AXES = "ijklmnpq"
_FOLD_AXES = "rstuvwxy"


def listing(program: Program) -> Iterator[str]:
    """The lines, node by node; outputs are marked.

    `%7 = MAP ADD float32[i2,j3] (%5[0+3i+1j : 6], …)`: node 7 runs over i < 2 and j < 3 (fold axes r, s … after a bar)
    and reads node 5, of 6 elements, at 3i + j. `@2` in a coordinate adds operand 2, `?bits` is the fill.
    """
    first = program.output_nodes.start
    for number, node in enumerate(program.nodes):
        mark = f"   output {number - first}" if number >= first else ""
        yield f"%{number} = {_node(node)}{mark}"


def _node(node: Node) -> str:
    dims = ",".join(f"{axis}{size}" for axis, size in zip(_AXES, node.dims, strict=False))
    fold = ",".join(f"{axis}{size}" for axis, size in zip(_FOLD_AXES, node.fold, strict=False))
    head = f"{node_name(node)} {node.dtype.label}[{dims}{'|' + fold if node.fold else ''}]"
    if node.kind is Kind.INPUT:
        return f"{head} slot {node.slot}"
    if node.kind is Kind.CONST:
        return f"{head} {node.root.hex()}"
    names = _AXES[: len(node.dims)] + _FOLD_AXES[: len(node.fold)]
    operands = [_operand(operand, names) for operand in node.operands]
    values, indexes = ", ".join(operands[: node.values]), ", ".join(operands[node.values :])
    rank = f" fn {node.fn}" if node.kind is Kind.RANK else ""
    depth = f" depth {node.depth}" if node.kind is Kind.TREE else ""
    return f"{head}{rank}{depth} ({values}{'; ' + indexes if indexes else ''})"


def _operand(operand: Operand, names: str) -> str:
    coordinates = ", ".join(_coordinate(c, names) for c in operand.view.coordinates)
    fill = f" ?{operand.view.fill:#x}" if operand.view.fill else ""
    return f"%{operand.node}[{coordinates}]{fill}"


def _coordinate(coordinate: Coordinate, names: str) -> str:
    terms = [f"{coefficient:+d}{names[axis]}" for axis, coefficient in coordinate.terms]
    index = "" if coordinate.index is None else f"+@{coordinate.index}"
    return f"{coordinate.base}{''.join(terms)}{index} : {coordinate.dim}"
