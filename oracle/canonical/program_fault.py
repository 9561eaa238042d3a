"""The fault of a program that contradicts itself or its model: docs/canonical.md section 8, fault 4."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from oracle.canonical.claims import NodeOpening
from oracle.canonical.commit import Tree, bind_program
from oracle.canonical.cost import MAX_PROOF_BYTES, MAX_PROOF_GAS, node_cost
from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.program.encoding import decode_node
from oracle.canonical.program.node import MAX_NODES, Kind, Node
from oracle.canonical.program.program import LOWERING_VERSION
from oracle.canonical.program.validate import validate_node
from oracle.canonical.tolerance import float64_of
from oracle.errors import ProgramError, ProofError


@dataclass(frozen=True, slots=True)
class ModelClaim:
    """The model contradicts itself."""


@dataclass(frozen=True, slots=True)
class HeaderClaim:
    """The program under the model's root has another version or number of nodes; `tree` is the hash of its tree."""

    version: int
    count: int
    tree: bytes


@dataclass(frozen=True, slots=True)
class NodeClaim:
    """A node is malformed, too dear to prove, or contradicts the model."""

    opening: NodeOpening


@dataclass(frozen=True, slots=True)
class OperandClaim:
    """Operand `operand` of a node has another dtype or count than the node says; `source` is the operand's node."""

    opening: NodeOpening
    operand: int
    source: NodeOpening


ProgramClaim = ModelClaim | HeaderClaim | NodeClaim | OperandClaim


def program_fault(model: Model, encoded: Sequence[bytes], version: int = LOWERING_VERSION) -> ProgramClaim | None:
    """The first fault of the program whose nodes are `encoded`, whatever bytes those are; None where it has none.

    Raises `ProofError` where they are not the program that the model's root commits to.
    """
    if model_is_faulty(model):
        return ModelClaim()
    tree = Tree.over_leaves(encoded)
    if bind_program(version, len(encoded), tree.hash) != model.program_root:
        raise ProofError(f"{len(encoded)} nodes of version {version} are not the program of model 0x{model.id.hex()}.")
    if (version, len(encoded)) != (LOWERING_VERSION, model.node_count):
        return HeaderClaim(version, len(encoded), tree.hash)

    def opening(index: int) -> NodeOpening:
        return NodeOpening(index, encoded[index], tuple(tree.path(0, index)))

    nodes: list[Node] = []
    for index, data in enumerate(encoded):
        node = _standing(model, index, data)
        if node is None:
            return NodeClaim(opening(index))
        for slot, operand in enumerate(node.operands):
            source = nodes[operand.node]
            if (source.dtype, source.count) != (operand.dtype, operand.view.count):
                return OperandClaim(opening(index), slot, opening(operand.node))
        nodes.append(node)
    return None


def model_is_faulty(model: Model) -> bool:
    """Whether the model's own numbers and tolerances are such that no program could be its."""
    counts = 0 < len(model.outputs) <= model.node_count <= MAX_NODES
    return not counts or any(not _is_tolerance(bits) for spec in model.outputs for bits in (spec.atol, spec.rtol))


def _is_tolerance(bits: int) -> bool:
    """Neither the sign bit of zero nor of anything else."""
    return bits >> 63 == 0 and math.isfinite(float64_of(bits))


def _standing(model: Model, index: int, data: bytes) -> Node | None:
    """The node that stands at `index`; None where it must not, its operands' dtypes and counts aside."""
    try:
        node = decode_node(data)
        validate_node(node)
    except ProgramError:
        return None
    if any(operand.node >= index for operand in node.operands):
        return None
    cost = node_cost(node)
    if cost.bytes > MAX_PROOF_BYTES or cost.gas > min(MAX_PROOF_GAS, model.worst_leaf_gas):
        return None
    output = index - (model.node_count - len(model.outputs))
    return node if _fits_input(model, node) and (output < 0 or _is(model.outputs[output], node)) else None


def _fits_input(model: Model, node: Node) -> bool:
    if node.kind is not Kind.INPUT:
        return True
    if node.slot >= len(model.inputs):
        return False
    spec = model.inputs[node.slot]
    return (node.dtype, node.count) == (spec.dtype, spec.count)


def _is(spec: OutputSpec, node: Node) -> bool:
    return (node.dtype, node.count) == (spec.tensor.dtype, spec.tensor.count)
