"""Claims that a program is at fault, by the contract that judges them, and whole games that they void."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.canonical.commit import Tree, bind_program
from oracle.canonical.model import Model
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Node
from oracle.canonical.program_fault import (
    HeaderClaim,
    ModelClaim,
    NodeClaim,
    OperandClaim,
    ProgramClaim,
    program_fault,
)
from oracle.canonical.tensor import DType, TensorSpec
from oracle.chain.calls import Call
from oracle.chain.dispute import DisputeContract
from oracle.chain.protocol import GWEI, Subject, Verdict
from tests.adversary.scenes import chain
from tests.differential.court import OPENER, Court
from tests.differential.fault_contracts import CommittedProgram, ProgramFaults
from tests.differential.test_dispute_games import POLICY
from tests.differential.test_program_faults import faults
from tests.unit.canonical.strategies import valid_nodes

SCENE = chain(6, 40)
NODES = SCENE.program.nodes
ENCODED = [encode_node(node) for node in NODES]


@pytest.fixture(scope="module")
def judge() -> ProgramFaults:
    """The contract, deployed once."""
    return ProgramFaults()


@pytest.fixture(scope="module")
def court() -> Court:
    """The protocol, deployed once."""
    return Court()


def committed(encoded: list[bytes], version: int = 1, **changes: object) -> Model:
    """The model of the scene with the root of other nodes."""
    root = bind_program(version, len(encoded), Tree.over_leaves(encoded).hash)
    return replace(SCENE.model, **{"program_root": root, "node_count": len(encoded), **changes})


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(node=valid_nodes(), index=st.integers(0, 5), data=st.data())
def test_a_claim_is_found_just_where_the_contract_finds_a_fault(
    judge: ProgramFaults, node: Node, index: int, data: st.DataObject
) -> None:
    """Any node in any place, with a byte or two changed."""
    encoding = bytearray(encode_node(node) if data.draw(st.booleans()) else ENCODED[index])
    for _ in range(data.draw(st.integers(0, 2))):
        encoding[data.draw(st.integers(0, len(encoding) - 1))] = data.draw(st.integers(0, 255))
    encoded = [*ENCODED[:index], bytes(encoding), *ENCODED[index + 1 :]]
    model = committed(encoded)
    program = CommittedProgram([*encoded])
    found = program_fault(model, encoded)
    shown = faults(judge, model, program)
    match found:
        case None:
            assert shown == set()
        case NodeClaim(opening):
            assert f"node {opening.index}" in shown
        case OperandClaim(opening, operand, source):
            assert judge.operand(model, program, opening.index, operand, source.index)
        case _:
            pytest.fail(f"{found}: the model itself is right")


def _call(dispute: DisputeContract, subject: Subject, model: Model, found: ProgramClaim | None) -> Call:
    match found:
        case ModelClaim():
            return dispute.prove_model(subject, model)
        case HeaderClaim(version, count, tree):
            return dispute.prove_header(subject, model, version, count, tree)
        case NodeClaim(opening):
            return dispute.prove_node(subject, model, opening)
        case OperandClaim(opening, operand, source):
            return dispute.prove_operand(subject, model, opening, operand, source)
    raise AssertionError("there is no fault")


def _bad_tolerance() -> tuple[Model, list[bytes], int]:
    outputs = (SCENE.model.outputs[0], replace(SCENE.model.outputs[1], atol=1 << 63))
    return replace(SCENE.model, outputs=outputs), ENCODED, 1


def _bad_operand() -> tuple[Model, list[bytes], int]:
    encoded = [encode_node(replace(NODES[0], dtype=DType.INT32)), *ENCODED[1:]]
    return committed(encoded, inputs=(TensorSpec(DType.INT32, (40,)),)), encoded, 1


def _bad_node() -> tuple[Model, list[bytes], int]:
    encoded = [*ENCODED[:4], b"\xff" * 50, ENCODED[5]]
    return committed(encoded), encoded, 1


CASES = {
    "a tolerance": _bad_tolerance(),
    "a version": (committed(ENCODED, 2), ENCODED, 2),
    "a count": (committed(ENCODED, node_count=7), ENCODED, 1),
    "a node": _bad_node(),
    "an operand": _bad_operand(),
}


@pytest.mark.parametrize("name", CASES)
def test_attack_59_a_malformed_program_voids_the_request_at_its_operators_cost(court: Court, name: str) -> None:
    """Before any trace: there could be none."""
    model, encoded, version = CASES[name]
    subject = court.answered(replace(SCENE, model=model), SCENE.answer, POLICY)
    bond = POLICY.challenger_bond * GWEI
    court.send(OPENER, court.dispute.challenge(subject.request, subject.ref, model, bond))
    stake = court.oracle.stake_of(court, subject.ref.operator).balance
    court.send(OPENER, _call(court.dispute, subject, model, program_fault(model, encoded, version)))
    assert court.dispute.game_of(court, court.id_of(subject)).verdict is Verdict.VOIDED
    assert court.oracle.stake_of(court, subject.ref.operator).balance == stake - POLICY.operator_bond * GWEI
