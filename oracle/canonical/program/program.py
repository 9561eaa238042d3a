"""A program as a whole: its nodes in order, the data of its constants, and what makes it valid (section 8, fault 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from oracle.canonical.program.node import MAX_NODES, Kind, Node
from oracle.canonical.program.validate import validate_node
from oracle.canonical.tensor import TensorSpec
from oracle.errors import ProgramError

LOWERING_VERSION = 1


@dataclass(frozen=True, slots=True)
class Program:
    """Node k defines tensor k; the last `outputs` nodes are the model's outputs in order.

    `constants` maps the root of each CONST node (32 bytes) to its flat array, raw bits as the model file has them.
    """

    version: int
    nodes: tuple[Node, ...]
    constants: Mapping[bytes, NDArray[Any]]
    outputs: int

    @property
    def output_nodes(self) -> range:
        """Numbers of the output nodes."""
        return range(len(self.nodes) - self.outputs, len(self.nodes))


def validate_program(program: Program, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
    """Judge `program` against the specs of its model; raises `ProgramError` naming the first node that breaks a rule.

    Every node is judged alone by `validate_node`; here: operands are earlier tensors of the dtype and count restated in
    the node, INPUT and output nodes are what the model declares, and the data of every constant is there.
    """
    nodes = program.nodes
    if program.version != LOWERING_VERSION:
        raise ProgramError(f"the program has version {program.version}; this software knows {LOWERING_VERSION}.")
    if not 0 < len(nodes) <= MAX_NODES:
        raise ProgramError(f"the program has {len(nodes)} nodes; 1 to {MAX_NODES} are allowed.")
    if not 0 < program.outputs == len(outputs) <= len(nodes):
        raise ProgramError(f"the program has {program.outputs} outputs, the model {len(outputs)}.")
    for number, node in enumerate(nodes):
        try:
            validate_node(node)
            _check_operands(nodes, number)
            _check_source(program, node, inputs)
        except ProgramError as error:
            raise ProgramError(f"node {number}: {error}") from error
    for number, spec in zip(program.output_nodes, outputs, strict=True):
        if (nodes[number].dtype, nodes[number].count) != (spec.dtype, spec.count):
            raise ProgramError(f"node {number} is an output, but not {spec} as the model declares.")


def _check_operands(nodes: tuple[Node, ...], number: int) -> None:
    for operand in nodes[number].operands:
        if operand.node >= number:
            raise ProgramError(f"an operand is node {operand.node}, which is not an earlier one.")
        known = nodes[operand.node]
        if (known.dtype, known.count) != (operand.dtype, operand.view.count):
            raise ProgramError(
                f"it reads node {operand.node} as {operand.view.count} elements of {operand.dtype.label}, "
                f"which has {known.count} of {known.dtype.label}."
            )


def _check_source(program: Program, node: Node, inputs: tuple[TensorSpec, ...]) -> None:
    if node.kind is Kind.INPUT:
        if node.slot >= len(inputs):
            raise ProgramError(f"it is input {node.slot}; the model has {len(inputs)}.")
        if (node.dtype, node.count) != (inputs[node.slot].dtype, inputs[node.slot].count):
            raise ProgramError(f"it is not {inputs[node.slot]}, as the model declares input {node.slot}.")
    elif node.kind is Kind.CONST:
        data = program.constants.get(node.root)
        if data is None:
            raise ProgramError(f"the data of constant {node.root.hex()} is missing.")
        if (data.dtype, data.shape) != (node.dtype.numpy, (node.count,)):
            raise ProgramError(f"constant {node.root.hex()} has {data.shape} of {data.dtype}, which is not the node's.")
