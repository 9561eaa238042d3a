"""Faults of programs: what no valid program has, and each claim names the place."""

import math
import struct
from dataclasses import replace

import pytest

from oracle.canonical.commit import Tree, bind_program
from oracle.canonical.model import Model
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import MAX_NODES, Kind
from oracle.canonical.program_fault import HeaderClaim, ModelClaim, NodeClaim, OperandClaim, program_fault
from oracle.canonical.tensor import DType, TensorSpec
from oracle.errors import ProofError
from tests.adversary.scenes import chain

SCENE = chain(6, 40)
NODES = SCENE.program.nodes
ENCODED = [encode_node(node) for node in NODES]


def committed(encoded: list[bytes], version: int = 1, **changes: object) -> Model:
    """The model with the root of other nodes."""
    root = bind_program(version, len(encoded), Tree.over_leaves(encoded).hash)
    return replace(SCENE.model, **{"program_root": root, "node_count": len(encoded), **changes})


def test_a_valid_program_has_no_fault() -> None:
    """Its operator would pay for it."""
    assert program_fault(SCENE.model, ENCODED) is None


def test_what_is_not_the_models_program_is_refused() -> None:
    """A claim about it could not be proven."""
    with pytest.raises(ProofError, match="not the program"):
        program_fault(SCENE.model, ENCODED[:-1])


@pytest.mark.parametrize("bits", [1 << 63, *(int.from_bytes(struct.pack(">d", x)) for x in (math.inf, math.nan, -1.0))])
def test_a_tolerance_that_none_can_be_is_the_models_fault(bits: int) -> None:
    """The sign bit of zero counts."""
    outputs = (SCENE.model.outputs[0], replace(SCENE.model.outputs[1], rtol=bits))
    assert program_fault(replace(SCENE.model, outputs=outputs), ENCODED) == ModelClaim()


@pytest.mark.parametrize("nodes", [0, 1, MAX_NODES + 1])
def test_a_number_of_nodes_that_none_can_have_is_the_models_fault(nodes: int) -> None:
    """Too few for its outputs, or too many."""
    assert program_fault(replace(SCENE.model, node_count=nodes), ENCODED) == ModelClaim()


def test_another_version_or_count_is_a_fault_of_the_header() -> None:
    """The root binds both."""
    tree = Tree.over_leaves(ENCODED).hash
    assert program_fault(committed(ENCODED, 2), ENCODED, 2) == HeaderClaim(2, 6, tree)
    assert program_fault(committed(ENCODED, node_count=7), ENCODED) == HeaderClaim(1, 6, tree)


def _with(index: int, **changes: object) -> list[bytes]:
    encoded = list(ENCODED)
    encoded[index] = encode_node(replace(NODES[index], **changes))
    return encoded


def _reading(index: int, **changes: object) -> list[bytes]:
    first, second = NODES[index].operands
    return _with(index, operands=(first, replace(second, **changes)))


@pytest.mark.parametrize(
    ("encoded", "index"),
    [
        (_with(2, fn=0x05), 2),
        (_with(0, slot=1), 0),
        (_with(0, dtype=DType.INT32), 0),
        (_with(5, dims=(39,)), 5),
        (_reading(3, node=3), 3),
        (_reading(3, node=2**32 - 1), 3),
        ([*ENCODED[:4], b"\xff" * 50, ENCODED[5]], 4),
        ([*ENCODED[:4], b"", ENCODED[5]], 4),
    ],
)
def test_a_node_that_must_not_stand_where_it_does_is_named(encoded: list[bytes], index: int) -> None:
    """Malformed, reading what is not earlier, or not what the model says."""
    found = program_fault(committed(encoded), encoded)
    assert isinstance(found, NodeClaim)
    assert (found.opening.index, found.opening.node) == (index, encoded[index])


def test_a_node_dearer_than_the_model_declares_is_named() -> None:
    """By one gas."""
    model = replace(SCENE.model, worst_leaf_gas=SCENE.model.worst_leaf_gas - 1)
    found = program_fault(model, ENCODED)
    assert isinstance(found, NodeClaim)
    assert NODES[found.opening.index].kind is Kind.MAP


def test_an_operand_of_another_dtype_is_named_with_its_node() -> None:
    """Two nodes that are well-formed alone."""
    encoded = [encode_node(replace(NODES[0], dtype=DType.INT32)), *ENCODED[1:]]
    model = committed(encoded, inputs=(TensorSpec(DType.INT32, (40,)),))
    found = program_fault(model, encoded)
    assert isinstance(found, OperandClaim)
    assert (found.opening.index, found.operand, found.source.index) == (2, 1, 0)
