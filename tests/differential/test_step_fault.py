"""`stepFault` of StepVerifier.sol: what it convicts, what it acquits, and what it does not listen to."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from eth_abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import Program
from oracle.canonical.prove import CommittedTrace, StepProof
from oracle.canonical.tensor import DType
from tests.differential.evm import Reverted, selector
from tests.differential.step_verifier import PROGRAM, PROOF, Refused, StepVerifier

F = DType.FLOAT
SIZE = 100
INPUT, NEGATED, SUMS, PICKED = range(4)
ROW = View((Coordinate(SIZE, 0, ((0, 1),)),))


@pytest.fixture(scope="module")
def verifier() -> StepVerifier:
    """The contracts, deployed once."""
    return StepVerifier()


def program(version: int = 1) -> Program:
    """-x, then x + -x, then a copy of x beside which -x is never read."""
    nodes = (
        Node(Kind.INPUT, 0, F, (SIZE,)),
        Node(Kind.MAP, Fn.NEG, F, (SIZE,), (), (Operand(INPUT, F, ROW),), 1),
        Node(Kind.MAP, Fn.ADD, F, (SIZE,), (), (Operand(INPUT, F, ROW), Operand(NEGATED, F, ROW)), 2),
        Node(Kind.MAP, Fn.PICK, F, (SIZE,), (), (Operand(INPUT, F, ROW), Operand(NEGATED, F, ROW)), 2),
    )
    return Program(version, nodes, {}, 1)


def tensors() -> list[np.ndarray]:
    """The canonical trace."""
    x = np.arange(1, SIZE + 1, dtype=np.float32)
    return [x, -x, np.zeros(SIZE, np.float32), x.copy()]


def judge(verifier: StepVerifier, trace: CommittedTrace, proof: StepProof, version: int = 1) -> bool:
    """The verdict on `proof` against `trace` and its own program."""
    return verifier.step_fault((trace.program_root, version, len(trace.roots)), trace.root, proof)


@pytest.mark.parametrize("index", [NEGATED, SUMS, PICKED])
@pytest.mark.parametrize("element", [0, 63, 64, 99])
def test_a_canonical_trace_is_acquitted(verifier: StepVerifier, index: int, element: int) -> None:
    """An honest operator cannot lose."""
    trace = CommittedTrace(program(), tensors())
    assert judge(verifier, trace, trace.prove(index, element)) is False


@pytest.mark.parametrize("bits", [0x80000000, 0x00000001, 0x7FC00000, 0x3F800000])
def test_another_element_is_convicted_at_its_place_alone(verifier: StepVerifier, bits: int) -> None:
    """Also -0 for 0: results are written normalised, so their raw bits are compared."""
    data = tensors()
    data[SUMS].view(np.uint32)[70] = bits
    trace = CommittedTrace(program(), data)
    assert judge(verifier, trace, trace.prove(SUMS, 70)) is True
    assert judge(verifier, trace, trace.prove(SUMS, 71)) is False


def test_another_nan_is_convicted(verifier: StepVerifier) -> None:
    """There is one NaN in results, whatever payload the input's has."""
    data = tensors()
    data[INPUT].view(np.uint32)[3] = 0xFFC12345
    for node in (NEGATED, SUMS, PICKED):
        data[node].view(np.uint32)[3] = 0x7FC00000
    honest = CommittedTrace(program(), data)
    data[PICKED] = data[PICKED].copy()
    data[PICKED].view(np.uint32)[3] = 0xFFC12345
    lying = CommittedTrace(program(), data)
    assert judge(verifier, honest, honest.prove(PICKED, 3)) is False
    assert judge(verifier, lying, lying.prove(PICKED, 3)) is True


def test_a_step_is_judged_by_the_traces_own_operands(verifier: StepVerifier) -> None:
    """One lie is one fault: what follows from it correctly is none."""
    data = tensors()
    data[NEGATED][5], data[SUMS][5] = 10, 16
    trace = CommittedTrace(program(), data)
    assert judge(verifier, trace, trace.prove(SUMS, 5)) is False
    assert judge(verifier, trace, trace.prove(NEGATED, 5)) is True


def refusals(proof: StepProof, other: StepProof) -> dict[str, StepProof]:
    """Proofs that each have one part of `proof` replaced by one that leads elsewhere."""
    turned = (bytes(32), *proof.node_path[1:])
    return {
        "another node's encoding": replace(proof, node=other.node),
        "another place in the program": replace(proof, index=3),
        "a place outside of the program": replace(proof, index=4),
        "another path to the program": replace(proof, node_path=turned),
        "a path too short": replace(proof, node_path=proof.node_path[1:]),
        "a path too long": replace(proof, node_path=(*proof.node_path, bytes(32))),
        "operands of another trace": replace(proof, openings=other.openings),
        "another path of an operand": replace(proof, operand_paths=(turned, proof.operand_paths[1])),
        "no path of an operand": replace(proof, operand_paths=((), proof.operand_paths[1])),
        "too few operand paths": replace(proof, operand_paths=proof.operand_paths[:1]),
        "too many operand paths": replace(proof, operand_paths=(*proof.operand_paths, ())),
        "the result of another trace": replace(proof, result=other.result),
        "a result that ends early": replace(proof, result=proof.result[:-1]),
        "a result that goes on": replace(proof, result=proof.result + b"\0"),
        "no result": replace(proof, result=b""),
        "another path of the result": replace(proof, result_path=turned),
        "another element": replace(proof, element=70),
        "no element": replace(proof, element=SIZE),
    }


NAMES = sorted(refusals(StepProof(0, b"", (b"",), 0, b"", ((), ()), b"", (b"",)), StepProof(*[0] * 8)))


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_lead_to_the_roots_is_refused(verifier: StepVerifier, name: str) -> None:
    """A verdict binds node, operands and result to what was committed; a refusal is no verdict."""
    data = tensors()
    data[SUMS][7] = 1
    trace = CommittedTrace(program(), data)
    data = tensors()
    data[INPUT][7], data[SUMS][7] = 1000, 2
    elsewhere = CommittedTrace(program(), data)
    proof = trace.prove(SUMS, 7)
    assert judge(verifier, trace, proof) is True
    other = replace(elsewhere.prove(SUMS, 7), node=trace.prove(PICKED, 7).node)
    with pytest.raises(Refused):
        judge(verifier, trace, refusals(proof, other)[name])


def test_the_version_is_part_of_the_program(verifier: StepVerifier) -> None:
    """Roots bind version and number of nodes."""
    trace = CommittedTrace(program(), tensors())
    with pytest.raises(Refused, match="StepVerifier_NotInProgram"):
        judge(verifier, trace, trace.prove(SUMS, 7), version=2)


@pytest.mark.parametrize("node", [Node(Kind.INPUT, 0, F, (1,)), Node(Kind.CONST, 0, F, (1,), root=bytes(32))])
def test_inputs_and_constants_have_no_step_faults(verifier: StepVerifier, node: Node) -> None:
    """Their data are given, and judged by the request and the program."""
    trace = CommittedTrace(Program(1, (node,), {}, 1), [np.zeros(1, np.float32)])
    claim = StepProof(0, encode_node(node), (), 0, b"", (), b"", ())
    with pytest.raises(Refused, match="StepVerifier_NothingToCompute"):
        judge(verifier, trace, claim)


def test_operands_must_be_earlier_tensors(verifier: StepVerifier) -> None:
    """A node that refers to itself is a program fault; a step proof on it could convict any trace."""
    node = Node(Kind.MAP, Fn.NEG, F, (1,), (), (Operand(1, F, View((Coordinate(1),))),), 1)
    nodes = (Node(Kind.INPUT, 0, F, (1,)), node)
    trace = CommittedTrace(Program(1, nodes, {}, 1), [np.ones(1, np.float32), np.ones(1, np.float32)])
    with pytest.raises(Refused, match="StepVerifier_OperandNotEarlier"):
        judge(verifier, trace, trace.prove(1, 0))


@settings(max_examples=200)
@given(data=st.data())
def test_attack_42_want_of_gas_is_no_verdict(verifier: StepVerifier, data: st.DataObject) -> None:
    """Wherever gas runs out, in a hash or a function's own contract, the call reverts."""
    values = tensors()
    values[SUMS][7] = 1
    trace = CommittedTrace(program(), values)
    root = (trace.program_root, 1, len(trace.roots))
    calldata = encode([PROGRAM, "bytes32", PROOF], [root, trace.root, trace.prove(SUMS, 7).to_abi()])
    contract = verifier.contract
    verdict = contract.call(f"stepFault({PROGRAM},bytes32,{PROOF})", calldata)
    least = 21_000 + 16 * (4 + len(calldata)) - 12 * calldata.count(0)  # below that a transaction does not begin
    gas = data.draw(st.integers(least, contract.gas_used))
    assert verdict == (1).to_bytes(32, "big")
    with suppress(Reverted):
        verdict = contract.call(f"stepFault({PROGRAM},bytes32,{PROOF})", calldata, gas=gas)
    assert verdict == (1).to_bytes(32, "big")


@settings(max_examples=400)
@given(data=st.data())
def test_no_calldata_convicts_a_canonical_trace(verifier: StepVerifier, data: st.DataObject) -> None:
    """Nor makes the verifier panic. Calldata that is no ABI encoding reverts without data: the compiler's own check."""
    trace = CommittedTrace(program(), tensors())
    root = (trace.program_root, 1, len(trace.roots))
    calldata = bytearray(encode([PROGRAM, "bytes32", PROOF], [root, trace.root, trace.prove(SUMS, 7).to_abi()]))
    for _ in range(data.draw(st.integers(1, 2))):
        position = data.draw(st.integers(0, len(calldata) - 1))
        calldata[position] = data.draw(st.one_of(st.sampled_from([0, 1, 0x20, 0x7F, 0x80, 0xFF]), st.integers(0, 255)))
    verdict, revert = bytes(32), b""
    try:
        verdict = verifier.contract.call(f"stepFault({PROGRAM},bytes32,{PROOF})", bytes(calldata))
    except Reverted as error:
        revert = error.data
    assert verdict == bytes(32)
    assert revert[:4] != selector("Panic(uint256)")
