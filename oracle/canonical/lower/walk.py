"""The walk over a model's nodes: each is lowered by its operator's function, and what cannot be is told all at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import onnx
from numpy.typing import NDArray

from oracle.canonical.fast.flush import require_ieee_thread
from oracle.canonical.lower.graph import Graph
from oracle.canonical.lower.model import OPSETS, Source, parse, source
from oracle.canonical.lower.op import Op
from oracle.canonical.lower.ops import LOWERINGS
from oracle.canonical.lower.passes import finish
from oracle.canonical.lower.proto import array, attributes, title
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Value
from oracle.canonical.program.program import Program, validate_program
from oracle.canonical.tensor import TensorSpec
from oracle.errors import ProgramError

_SUBGRAPHS: Final = {"If", "Loop", "Scan", "SequenceMap"}
_TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class Lowered:
    """A program and what belongs to it: named inputs and outputs in slot order, and notes for the person who asked.

    `origins` names, for each node of the program, the ONNX node that asked for it ("" for inputs, constants, copies).
    """

    program: Program
    inputs: tuple[tuple[str, TensorSpec], ...]
    outputs: tuple[tuple[str, TensorSpec], ...]
    notes: tuple[str, ...]
    origins: tuple[str, ...]


def lower(
    model: onnx.ModelProto | bytes,
    *,
    dims: Mapping[str, int] | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    default_dim: int | None = None,
    input_values: Mapping[str, NDArray[Any]] | None = None,
    outputs: Sequence[str] = (),
) -> Lowered:
    """The program of `model`, a self-contained ONNX file or its bytes.

    `dims` binds dynamic dimensions by symbol (or `INPUT.AXIS`), `input_shapes` those of whole inputs, `default_dim` all
    that are left; inputs in `input_values` become constants and are no inputs of the program. `outputs` are names of
    tensors, the model's own outputs if empty. Raises `ModelError` for a file that is not a sound model, `ProgramError`
    that lists every node that cannot be lowered, with reasons and ways out, or says that this thread flushes
    subnormals, with which constants would be others.
    """
    require_ieee_thread()
    proto = parse(model) if isinstance(model, bytes) else model
    values = input_values or {}
    chosen = source(
        proto,
        dims=dims or {},
        input_shapes=input_shapes or {},
        default_dim=default_dim,
        constants=values.keys(),
        outputs=outputs,
    )
    functions = {(function.domain, function.name) for function in proto.functions}
    walk = _Walk(chosen, functions, values)
    results = walk.run()
    program, origins = finish(walk.graph, results)
    made = tuple((name, TensorSpec(v.dtype, v.shape)) for name, v in zip(chosen.outputs, results, strict=True))
    validate_program(program, tuple(spec for _, spec in chosen.inputs), tuple(spec for _, spec in made))
    return Lowered(program, chosen.inputs, made, tuple(walk.graph.notes), origins)


class _Walk:
    def __init__(self, chosen: Source, functions: set[tuple[str, str]], constants: Mapping[str, NDArray[Any]]) -> None:
        self.graph = Graph()
        self._source, self._functions = chosen, functions
        self._values = {name: self.graph.constant(array) for name, array in constants.items()}
        self._wanted = {*chosen.outputs, *(name for node in chosen.nodes for name in node.input)}
        self._problems: list[str] = []

    def run(self) -> list[Value]:
        """The values of the chosen outputs."""
        for slot, (name, spec) in enumerate(self._source.inputs):
            self._values[name] = self.graph.input(slot, spec)
        for node in self._source.nodes:
            self.graph.origin = title(node)
            try:
                self._lower(node)
            except ProgramError as problem:
                self._problems.append(f"{title(node)}: {problem}")
        if self._problems:
            told = self._problems[:_TOLD]
            more = len(self._problems) - len(told)
            listed = "\n  ".join(told) + (f"\n  and {more} more" if more else "")
            raise ProgramError(f"{len(self._problems)} nodes cannot be lowered:\n  {listed}")
        return [self._value(name) for name in self._source.outputs]

    def _lower(self, node: onnx.NodeProto) -> None:
        domain = "" if node.domain == "ai.onnx" else node.domain
        lowering = LOWERINGS.get((domain, node.op_type))
        if lowering is None or (domain, node.op_type) in self._functions:
            raise self._unknown(domain, node.op_type)
        if domain not in self._source.opsets:
            raise Unsupported(f"the model does not say which opset of {domain or 'ai.onnx'} it uses.")
        if any(name and not self._available(name) for name in node.input):
            return  # it needs what another node, already told, does not yield
        inputs = tuple(self._value(name) if name else None for name in node.input)
        opset = self._source.opsets[domain]
        outputs = tuple(name if name in self._wanted else "" for name in node.output)
        op = Op(node.op_type, opset, self.graph, inputs, outputs, attributes(node))
        results = lowering(op)
        listed = (results,) if isinstance(results, Value) else tuple(results)
        for slot, name in enumerate(outputs):
            if name and slot >= len(listed):
                raise Unsupported(f"its output {slot} is not supported.")
            if name:
                self._values[name] = listed[slot]

    def _unknown(self, domain: str, op_type: str) -> Unsupported:
        if (domain, op_type) in self._functions:
            return Unsupported(
                "functions inside the model are not supported.",
                hint="Inline them: onnx.inliner.inline_local_functions.",
            )
        if domain == "" and op_type in _SUBGRAPHS:
            return Unsupported(
                "control flow is not supported in this version.",
                hint="Export the model without it (traced, not scripted).",
            )
        if domain not in OPSETS:
            return Unsupported(f"operators of the domain {domain!r} are not supported.", hint="Export standard ONNX.")
        return Unsupported("the operator is not supported in this version.")

    def _available(self, name: str) -> bool:
        return name in self._values or name in self._source.initializers

    def _value(self, name: str) -> Value:
        if name not in self._values:
            self._values[name] = self.graph.constant(array(self._source.initializers[name]))
        return self._values[name]
