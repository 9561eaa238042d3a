"""Values side by side: PICK nodes, each the first of up to eight values that has the position."""

from collections.abc import Sequence

from oracle.canonical.lower.graph import Graph, broadcast
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Axis, Value
from oracle.canonical.program.node import MAX_OPERANDS


def concat(graph: Graph, values: Sequence[Value], axis: int) -> Value:
    """`values` one after another along `axis`; their other sizes must agree."""
    first = values[0]
    for value in values:
        others = [(*one.shape[:axis], *one.shape[axis + 1 :]) for one in (value, first)]
        if value.rank != first.rank or others[0] != others[1]:
            raise Unsupported(f"shapes {list(first.shape)} and {list(value.shape)} do not fit along axis {axis}.")
    parts = [value for value in values if value.shape[axis]] or [first]
    while len(parts) > 1:
        parts = [_joined(graph, parts[i : i + MAX_OPERANDS], axis) for i in range(0, len(parts), MAX_OPERANDS)]
    return parts[0]


def stack(graph: Graph, values: Sequence[Value]) -> Value:
    """Broadcast `values` along a new last axis."""
    shape = broadcast([value.shape for value in values])
    return concat(graph, [value.expand(shape).insert(len(shape)) for value in values], len(shape))


def _joined(graph: Graph, parts: Sequence[Value], axis: int) -> Value:
    if len(parts) == 1:
        return parts[0]
    shape = (*parts[0].shape[:axis], sum(part.shape[axis] for part in parts), *parts[0].shape[axis + 1 :])
    placed, offset = [], 0
    for part in parts:
        apart = graph.bounded(graph.solid(part), [axis])
        axes = [Axis.of(a, base=-offset if a == axis else 0) for a in range(part.rank)]
        placed.append(apart.read(shape, axes))
        offset += part.shape[axis]
    return graph.pick(*placed)
