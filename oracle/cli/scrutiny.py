"""What a move of a dispute is about, in the words of the model: the ONNX node, the element, both values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.bundle import Bundle, read_bundle
from oracle.canonical.commit import LEAF_BYTES, leaf_count
from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.layers import Position, leaf_position, shown
from oracle.canonical.lower import lower
from oracle.canonical.model import Model
from oracle.canonical.program.node import Kind, Node
from oracle.canonical.program.validate import node_name
from oracle.canonical.prove import CommittedTrace
from oracle.canonical.tensor import DType, decode
from oracle.canonical.tracing import trace_of
from oracle.chain.events import Proven, Requested
from oracle.chain.protocol import Fault, InputKind
from oracle.cli.records import Record
from oracle.errors import ModelError
from oracle.inference.recompiling import recompile

_BUNDLE = ".assay"


@dataclass(frozen=True, slots=True)
class Value:
    """An element's value: as a decimal number, and its bits in hex."""

    decimal: str
    bits: str

    def __str__(self) -> str:
        return f"{self.decimal} ({self.bits})"


@dataclass(frozen=True, slots=True)
class Values:
    """Where two values differ: `given` by the operator (None: not on the chain), `right` canonically."""

    where: str
    given: Value | None
    right: Value


@dataclass(frozen=True, slots=True)
class Scrutiny:
    """A disputed request's model: its bundle, the ONNX node behind each node, the canonical trace (None: no input)."""

    bundle: Bundle
    origins: tuple[str, ...]
    trace: CommittedTrace | None

    def node(self, index: int) -> str:
        """A node of the program in words: what it computes, and the ONNX node it comes from."""
        node = self.bundle.program.nodes[index]
        origin = f" of {self.origins[index]}" if self.origins[index] else ""
        shape = ",".join(map(str, node.dims))
        return f"node {index}, {node_name(node)}{origin}, {node.dtype.label}[{shape}]"

    def elements(self, position: Position) -> str:
        """Which elements lie below a position of a tensor."""
        node = self.bundle.program.nodes[position.tensor]
        leaves = leaf_count(node.count * node.dtype.size)
        where = shown(position, leaves)
        if where is None or where.count == 0:
            return "no elements"
        per_leaf = LEAF_BYTES // node.dtype.size
        height = max(leaves - 1, 0).bit_length() - where.depth
        first, last = where.first << height, min((where.first + where.count) << height, leaves)
        return f"elements {first * per_leaf:,} to {min(last * per_leaf, node.count) - 1:,}"

    def has_length(self, output: bytes) -> bool:
        """Whether a packed answer has the model's length."""
        return len(output) == sum(spec.nbytes for spec in self.bundle.model.output_tensors)

    def values(self, record: Record, event: Proven) -> Values | None:
        """The disputed element's two values; None where the fault has no element or the right value is not known."""
        if self.trace is None:
            return None
        if event.fault is Fault.STEP:
            node = self.bundle.program.nodes[event.tensor]
            right = self.trace.tensors[event.tensor].flat.view(node.dtype.numpy)[event.element]
            return Values(_indices(node, event.element), _revealed(record, node, event), _value(right, node.dtype))
        if event.fault is Fault.ANSWER:
            return self._answer(record, event)
        return None

    def _answer(self, record: Record, event: Proven) -> Values | None:
        model, output = self.bundle.model, record.answered.output
        if self.trace is None or not self.has_length(output):
            return None
        slot = event.tensor - (len(self.bundle.program.nodes) - len(model.outputs))
        node = self.bundle.program.nodes[event.tensor]
        given = decode(output, model.output_tensors)[slot].reshape(-1)[event.element]
        right = self.trace.tensors[event.tensor].flat.view(node.dtype.numpy)[event.element]
        where = f"output {self.bundle.output_names[slot]!r}, {_indices(node, event.element)}"
        return Values(where, _value(given, node.dtype), _value(right, node.dtype))


def scrutinize(file: Path, requested: Requested, published: Model | None) -> Scrutiny:
    """Read a bundle (`.assay`), or compile an ONNX file, of the request's model, and run it on the request's input.

    `published` is the model as the registry announced it; an ONNX file needs it, since it has neither tolerances nor
    always all shapes. Raises `ModelError` where there is no such file, or it is another model's.
    """
    if not file.is_file():
        raise ModelError(f"There is no model file at {file}.", hint="Check the path.")
    bundle = read_bundle(file) if file.suffix == _BUNDLE else _compiled(file, published)
    if bundle.model.id != requested.request.model_id:
        raise ModelError(
            f"{file} is model 0x{bundle.model.id.hex()}, the request is for 0x{requested.request.model_id.hex()}.",
            hint="Get the file that was published.",
        )
    how = bundle.lowering
    lowered = lower(
        bundle.onnx,
        dims=how.dims,
        input_shapes=how.input_shapes,
        default_dim=how.default_dim,
        outputs=how.outputs,
    )
    trace = None
    if requested.request.input_kind is InputKind.BYTES:
        trace = trace_of(compile_plan(bundle.program), bundle.model.inputs, requested.input)
    return Scrutiny(bundle, lowered.origins, trace)


def _compiled(file: Path, published: Model | None) -> Bundle:
    if published is None:
        raise ModelError("The model was not published here.", hint="Give its bundle (.assay) instead of the ONNX file.")
    return recompile(file, published)


def _revealed(record: Record, node: Node, event: Proven) -> Value | None:
    """The element in the operator's trace, where the leaf that holds it was revealed."""
    leaf, start = divmod(event.element * node.dtype.size, LEAF_BYTES)
    leaves = leaf_count(node.count * node.dtype.size)
    position = leaf_position(event.tensor, leaves, leaf)
    data, where = record.game.revealed.get(position), shown(position, leaves)
    if data is None or where is None:
        return None
    start += (leaf - where.first) * LEAF_BYTES
    unsigned = f"u{node.dtype.size}"
    bits = np.frombuffer(data, f">{unsigned}", 1, start).astype(unsigned)
    return _value(bits.view(node.dtype.numpy)[0], node.dtype)


def _value(element: Any, dtype: DType) -> Value:
    scalar: NDArray[Any] = np.asarray(element, dtype.numpy).reshape(1)
    bits = int(scalar.view(f"u{dtype.size}")[0])
    return Value(str(scalar[0]), f"0x{bits:0{2 * dtype.size}x}")


def _indices(node: Node, element: int) -> str:
    if node.kind is Kind.INPUT or not node.dims:
        return f"element {element:,}"
    indices = ", ".join(str(int(i)) for i in np.unravel_index(element, node.dims))
    return f"element {element:,} [{indices}]"
