"""An ONNX model as the walk needs it: its structure checked, its nodes in order, its dimensions bound."""

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # has no types

from oracle.canonical.lower.dims import bind
from oracle.canonical.lower.proto import title
from oracle.canonical.tensor import TensorSpec
from oracle.errors import ModelError

OPSETS: Final = {"": range(7, 27), "ai.onnx.ml": range(1, 6)}


@dataclass(frozen=True, slots=True)
class Source:
    """The part of a model that its chosen outputs need.

    `nodes` in an order in which each comes after those it reads; `inputs` in slot order, all of the model's.
    """

    nodes: tuple[onnx.NodeProto, ...]
    inputs: tuple[tuple[str, TensorSpec], ...]
    initializers: Mapping[str, onnx.TensorProto]
    outputs: tuple[str, ...]
    opsets: Mapping[str, int]


def parse(data: bytes) -> onnx.ModelProto:
    """The model in the bytes of a self-contained ONNX file; raises `ModelError` where there is none."""
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise _not_onnx() from error
    if not model.HasField("graph"):
        raise _not_onnx()
    return model


def _not_onnx() -> ModelError:
    return ModelError("The bytes are not an ONNX model, or it is truncated.", hint="Download or export it again.")


def source(
    model: onnx.ModelProto,
    *,
    dims: Mapping[str, int],
    input_shapes: Mapping[str, Sequence[int]],
    default_dim: int | None,
    constants: Collection[str],
    outputs: Sequence[str],
) -> Source:
    """Check the model's structure and bind its dimensions; raises `ModelError` naming what is wrong and the way out.

    Inputs named in `constants` are left out of the inputs.
    """
    graph = model.graph
    opsets = _opsets(model)
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    if graph.sparse_initializer:
        raise ModelError("The model has sparse initializers.", hint="Store its weights as dense tensors.")
    inputs = [value for value in graph.input if value.name not in initializers]
    declared = [value.name for value in graph.output]
    wanted = tuple(outputs) or tuple(declared)
    if not wanted:
        raise ModelError("The model has no output.", hint="Name one with --output.")
    producers = _producers(graph, {*initializers, *(value.name for value in inputs)})
    for name in wanted:
        if name not in producers:
            raise ModelError(
                f"The model has no tensor {name!r}.", hint=f"Its outputs are {', '.join(map(str, declared))}."
            )
    if unknown := sorted(set(constants) - {value.name for value in inputs}):
        raise ModelError(f"The model has no input {unknown[0]!r}, for which a value is given.")
    inputs = [value for value in inputs if value.name not in constants]
    specs = bind(inputs, dims, input_shapes, default_dim)
    return Source(_sorted(graph, _needed(graph, producers, wanted)), specs, initializers, wanted, opsets)


def _opsets(model: onnx.ModelProto) -> dict[str, int]:
    opsets = {"" if entry.domain == "ai.onnx" else entry.domain: entry.version for entry in model.opset_import}
    if not opsets:
        raise ModelError("The model says no opset version.", hint="Export it again.")
    for domain, known in OPSETS.items():
        if domain in opsets and opsets[domain] not in known:
            raise ModelError(
                f"The model uses opset {opsets[domain]} of {domain or 'ai.onnx'}; "
                f"{known.start} to {known.stop - 1} are supported.",
                hint="Export it with another opset.",
            )
    return opsets


def _producers(graph: onnx.GraphProto, sources: set[str]) -> dict[str, int]:
    """The number of the node that yields each tensor, -1 for inputs and initializers."""
    names = [value.name for value in graph.input] + [t.name for t in graph.initializer if t.name not in sources]
    producers = dict.fromkeys((*names, *sources), -1)
    if len(set(names)) != len(names) or len({t.name for t in graph.initializer}) != len(graph.initializer):
        raise ModelError("Two inputs or initializers of the model have one name.", hint="Export it again.")
    for number, node in enumerate(graph.node):
        for name in node.output:
            if name in producers:
                raise ModelError(f"The tensor {name!r} is defined twice, the second time by {title(node)}.")
            if name:
                producers[name] = number
    return producers


def _needed(graph: onnx.GraphProto, producers: Mapping[str, int], wanted: Sequence[str]) -> dict[int, set[int]]:
    """The nodes that `wanted` depend on, each with the nodes it reads."""
    reads: dict[int, set[int]] = {}
    pending = [producers[name] for name in wanted]
    while pending:
        number = pending.pop()
        if number < 0 or number in reads:
            continue
        node = graph.node[number]
        for name in node.input:
            if name and name not in producers:
                raise ModelError(f"{title(node)} reads the tensor {name!r}, which nothing defines.")
        reads[number] = {producers[name] for name in node.input if name} - {-1}
        pending += reads[number]
    return reads


def _sorted(graph: onnx.GraphProto, reads: Mapping[int, set[int]]) -> tuple[onnx.NodeProto, ...]:
    """The nodes, each after those it reads, otherwise in the file's order."""
    readers: dict[int, list[int]] = {number: [] for number in reads}
    for number, before in reads.items():
        for other in before:
            readers[other].append(number)
    left = {number: len(before) for number, before in reads.items()}
    ready = [number for number, count in left.items() if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        number = heapq.heappop(ready)
        order.append(number)
        for reader in readers[number]:
            left[reader] -= 1
            if not left[reader]:
                heapq.heappush(ready, reader)
    if len(order) < len(reads):
        stuck = min(reads.keys() - set(order))
        raise ModelError(f"The model's nodes form a cycle through {title(graph.node[stuck])}.")
    return tuple(graph.node[number] for number in order)
