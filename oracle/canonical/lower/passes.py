"""From the graph to the program: outputs last, dead nodes out, nodes numbered, constants named by their roots."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from oracle.canonical.commit import tensor_root
from oracle.canonical.lower.graph import Graph
from oracle.canonical.lower.nodes import group_axes, make_node
from oracle.canonical.lower.value import Value
from oracle.canonical.program.node import Fn, Kind, Node
from oracle.canonical.program.program import LOWERING_VERSION, Program


def finish(graph: Graph, outputs: Sequence[Value]) -> tuple[Program, tuple[str, ...]]:
    """The program whose outputs are `outputs`, and for each of its nodes the ONNX node that asked for it."""
    nodes, last = with_outputs(graph.nodes, outputs)
    order = [number for number in sorted(live(nodes, last)) if number not in last] + last
    origins = [*graph.origins, *[""] * (len(nodes) - len(graph.origins))]
    constants = {}
    final = []
    for node, number in zip(renumbered(nodes, order), order, strict=True):
        if node.kind is Kind.CONST:
            root = tensor_root(node.dtype, graph.data[number])
            constants[root] = graph.data[number]
            node = replace(node, root=root)  # noqa: PLW2901
        final.append(node)
    program = Program(LOWERING_VERSION, tuple(final), constants, len(outputs))
    return program, tuple(origins[number] for number in order)


def with_outputs(nodes: Sequence[Node], outputs: Sequence[Value]) -> tuple[list[Node], list[int]]:
    """The nodes, with copies added where needed, and the number of each output's own node.

    An output is a node that lies in row-major order, is no source, and that nothing else reads; else a copy of it.
    """
    extended = list(nodes)
    read = [number for value in outputs for number in _read(value)]
    readers = Counter(operand.node for number in live(nodes, read) for operand in nodes[number].operands)
    readers.update(read)
    last = []
    for value in outputs:
        node = nodes[value.node]
        if value.whole and node.kind not in (Kind.INPUT, Kind.CONST) and readers[value.node] == 1:
            last.append(value.node)
        else:
            axes = group_axes([value], range(value.rank), [])
            last.append(len(extended))
            extended.append(make_node(Kind.MAP, Fn.PICK, value.dtype, axes, [value]))
    return extended, last


def _read(value: Value) -> list[int]:
    """The nodes that a value is read from: its own, and those of its index values."""
    return [value.node, *(number for c in value.coords if c.index is not None for number in _read(c.index))]


def live(nodes: Sequence[Node], wanted: Iterable[int]) -> set[int]:
    """Numbers of the nodes that `wanted` depend on, with themselves."""
    found = set(wanted)
    for number in range(len(nodes) - 1, -1, -1):
        if number in found:
            found.update(operand.node for operand in nodes[number].operands)
    return found


def renumbered(nodes: Sequence[Node], order: Sequence[int]) -> list[Node]:
    """The nodes at `order`, their operands named by their places in it."""
    place = {number: at for at, number in enumerate(order)}
    return [replace(nodes[n], operands=tuple(replace(o, node=place[o.node]) for o in nodes[n].operands)) for n in order]
