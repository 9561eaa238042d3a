"""`ProgramFaults.sol` against `validate_program` and the cost model: what has a fault there has one here."""

import math
import struct
from contextlib import suppress
from dataclasses import replace

import pytest
from eth_abi import encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.canonical.cost import MAX_PROOF_BYTES, MAX_PROOF_GAS, node_cost
from oracle.canonical.model import MODEL_ABI_TYPE, Model, OutputSpec
from oracle.canonical.program.encoding import decode_node, encode_node
from oracle.canonical.program.node import MAX_NODES, Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import Program, validate_program
from oracle.canonical.program.validate import validate_node
from oracle.canonical.tensor import DType, TensorSpec
from oracle.errors import ProgramError
from tests.differential.cost_cases import gemm, line_of
from tests.differential.evm import Reverted, selector
from tests.differential.fault_contracts import NODE, CommittedProgram, ProgramFaults
from tests.differential.step_verifier import PROGRAM, Refused
from tests.unit.canonical.strategies import valid_nodes

F = DType.FLOAT
SIZE = 100
ROW = View((Coordinate(SIZE, 0, ((0, 1),)),))


@pytest.fixture(scope="module")
def judge() -> ProgramFaults:
    """The contract, deployed once."""
    return ProgramFaults()


def good_nodes() -> list[Node]:
    """Two inputs, -x, x + -x, and two outputs: the sum, and whether x < y."""
    x, y, negated = (Operand(node, F, ROW) for node in range(3))
    return [
        Node(Kind.INPUT, 0, F, (SIZE,)),
        Node(Kind.INPUT, 0, F, (10, 10), slot=1),
        Node(Kind.MAP, Fn.NEG, F, (SIZE,), (), (x,), 1),
        Node(Kind.MAP, Fn.ADD, F, (SIZE,), (), (x, negated), 2),
        Node(Kind.MAP, Fn.LESS, DType.BOOL, (SIZE,), (), (x, y), 2),
    ]


INPUTS = (TensorSpec(F, (SIZE,)), TensorSpec(F, (1, SIZE)))
OUTPUTS = (OutputSpec(TensorSpec(F, (SIZE, 1))), OutputSpec(TensorSpec(DType.BOOL, (SIZE,))))


def model_of(program: CommittedProgram, **changes: object) -> Model:
    """The model that the good nodes belong to, with `changes`."""
    return replace(Model(program.root, len(program.encoded), MAX_PROOF_GAS, INPUTS, OUTPUTS, bytes(32)), **changes)


def is_valid(nodes: list[Node | bytes], model: Model, version: int = 1) -> bool:
    """The same by the Python rules; constants aside, whose data are not part of the program."""
    try:
        decoded = tuple(node if isinstance(node, Node) else decode_node(node) for node in nodes)
        validate_program(Program(version, decoded, {}, len(model.outputs)), model.inputs, model.output_tensors)
    except ProgramError:
        return False
    costs = [node_cost(node) for node in decoded]
    return all(c.bytes <= MAX_PROOF_BYTES and c.gas <= min(MAX_PROOF_GAS, model.worst_leaf_gas) for c in costs)


def faults(judge: ProgramFaults, model: Model, program: CommittedProgram) -> set[str]:
    """Every fault that can be proven."""
    found = set()
    if judge.model(model):
        found.add("model")
    if judge.header(model, program.ref[1], program.ref[2], program.tree_hash):
        found.add("header")
    for index in range(len(program.encoded)):
        if judge.node(model, program, index):
            found.add(f"node {index}")
            continue
        for slot, operand in enumerate(decode_node(program.encoded[index]).operands):
            with suppress(Refused):  # the operand itself is malformed
                if judge.operand(model, program, index, slot, operand.node):
                    found.add(f"operand {slot} of {index}")
    return found


def test_a_valid_program_has_no_fault(judge: ProgramFaults) -> None:
    """Its operator would pay for it."""
    program = CommittedProgram([*good_nodes()])
    model = model_of(program)
    assert is_valid([*good_nodes()], model)
    assert faults(judge, model, program) == set()


def _changed(index: int, **changes: object) -> list[Node]:
    nodes = good_nodes()
    nodes[index] = replace(nodes[index], **changes)
    return nodes


def _reading(index: int, slot: int, **changes: object) -> list[Node]:
    nodes = good_nodes()
    operands = list(nodes[index].operands)
    operands[slot] = replace(operands[slot], **changes)
    nodes[index] = replace(nodes[index], operands=tuple(operands))
    return nodes


SHORT = View((Coordinate(SIZE - 1, 0, ((0, 1),)),))
AS_INT = Node(Kind.MAP, Fn.CAST, F, (SIZE,), (), (Operand(1, DType.INT32, ROW),), 1)
BROKEN_NODES: dict[str, tuple[list[Node], str]] = {
    "a function that does not exist": (_changed(2, fn=0x05), "node 2"),
    "a node that reads itself": (_reading(2, 0, node=2), "node 2"),
    "a node that reads a later one": (_reading(2, 0, node=3), "node 2"),
    "a node that reads one that is not there": (_reading(2, 0, node=2**32 - 1), "node 2"),
    "an operand of another dtype": ([*good_nodes()[:2], AS_INT, *good_nodes()[3:]], "operand 0 of 2"),
    "an operand of another count": (_reading(2, 0, view=SHORT), "operand 0 of 2"),
    "an input that the model does not have": (_changed(1, slot=2), "node 1"),
    "an input of another dtype": (_changed(1, dtype=DType.INT32), "node 1"),
    "an input of another count": (_changed(0, dims=(SIZE, 2)), "node 0"),
    "an output of another dtype": (_changed(4, dtype=F, fn=Fn.ADD), "node 4"),
    "an output of another count": (_changed(3, dims=(SIZE + 1,)), "node 3"),
}


@pytest.mark.parametrize("name", BROKEN_NODES)
def test_attack_40_each_rule_broken_is_a_fault_of_its_node(judge: ProgramFaults, name: str) -> None:
    """Forward references, cycles and contradictions void the request, wherever they stand."""
    nodes, fault = BROKEN_NODES[name]
    program = CommittedProgram([*nodes])
    model = model_of(program)
    assert not is_valid([*nodes], model)
    assert fault in faults(judge, model, program)


def _bits(value: float) -> int:
    return int.from_bytes(struct.pack(">d", value), "big")


@pytest.mark.parametrize(
    ("tolerance", "faulty"),
    [
        *((bits, False) for bits in (0, 1, _bits(1e-5), _bits(1.7976931348623157e308))),
        *((bits, True) for bits in (_bits(math.inf), _bits(math.nan), _bits(-1.0), _bits(-math.inf), _bits(-0.0))),
        (2**64 - 1, True),
    ],
)
@pytest.mark.parametrize("field", ["atol", "rtol"])
def test_tolerances_are_finite_and_have_no_sign(
    judge: ProgramFaults, field: str, tolerance: int, *, faulty: bool
) -> None:
    """By any other, no comparison would be defined."""
    model = model_of(CommittedProgram([*good_nodes()]))
    model = replace(model, outputs=(OUTPUTS[0], replace(OUTPUTS[1], **{field: tolerance})))
    assert judge.model(model) is faulty


@pytest.mark.parametrize("dtype", [0, 1, 8, 9, 11, 13, 14, 255])
@pytest.mark.parametrize("field", ["inputs", "outputs"])
def test_dtypes_that_no_model_may_have_are_faults(judge: ProgramFaults, field: str, dtype: int) -> None:
    """An input of such a one has no size: none of the others could be judged."""
    values = list(model_of(CommittedProgram([*good_nodes()])).to_abi())
    at = {"inputs": 3, "outputs": 4}[field]
    values[at] = [*values[at][:-1], (dtype, *values[at][-1][1:])]
    known = dtype in [member.value for member in DType]
    assert judge.judge("modelFault", [MODEL_ABI_TYPE], [tuple(values)]) is not known


@pytest.mark.parametrize(
    ("nodes", "outputs", "faulty"),
    [
        *((nodes, 2, False) for nodes in (2, MAX_NODES)),
        *((nodes, 2, True) for nodes in (0, 1, MAX_NODES + 1, 2**32 - 1)),
        *((nodes, 0, True) for nodes in (0, 5)),
    ],
)
def test_attack_72_numbers_of_nodes_and_outputs_meet_their_limits(
    judge: ProgramFaults, nodes: int, outputs: int, *, faulty: bool
) -> None:
    """Up to 2^21 nodes, and as many outputs as nodes."""
    model = replace(model_of(CommittedProgram([*good_nodes()])), node_count=nodes, outputs=OUTPUTS[:outputs])
    assert judge.model(model) is faulty


def test_attack_36_another_number_of_nodes_or_version_is_a_fault(judge: ProgramFaults) -> None:
    """The root binds both."""
    for version, count, faulty in ((1, 5, False), (1, 4, True), (1, 6, True), (2, 5, True), (0, 5, True)):
        program = CommittedProgram([*good_nodes()], version)
        model = replace(model_of(program), node_count=count)
        assert judge.header(model, version, 5, program.tree_hash) is faulty
        with pytest.raises(Refused, match="ProgramFaults_NotTheHeader"):
            judge.header(model, version, 4, program.tree_hash)


@pytest.mark.parametrize("index", [2, 3])
def test_attack_72_the_declared_worst_leaf_is_met_exactly(judge: ProgramFaults, index: int) -> None:
    """A node of just that cost is fine, and by one gas less it is a fault."""
    program = CommittedProgram([*good_nodes()])
    gas = node_cost(good_nodes()[index]).gas
    assert judge.node(model_of(program, worst_leaf_gas=gas), program, index) is False
    assert judge.node(model_of(program, worst_leaf_gas=gas - 1), program, index) is True


def edge_of_bounds() -> tuple[Node, Node]:
    """The longest DOT within the bounds of a proof, and the one a term longer than it."""
    low, high = 1, 20_000
    while high - low > 1:
        middle = (low + high) // 2
        cost = node_cost(gemm(1, middle, 1))
        within = cost.bytes <= MAX_PROOF_BYTES and cost.gas <= MAX_PROOF_GAS
        low, high = (middle, high) if within else (low, middle)
    return gemm(1, low, 1), gemm(1, high, 1)


def test_attack_41_a_proof_beyond_the_bounds_of_one_transaction_is_a_fault(judge: ProgramFaults) -> None:
    """Whatever the model declares; both sides have the limit in one place."""
    for node, faulty in zip(edge_of_bounds(), (False, True), strict=True):
        sources = [Node(Kind.INPUT, 0, F, (o.view.count,)) for o in node.operands]
        program = CommittedProgram([*sources, node])
        spec = OutputSpec(TensorSpec(F, (1,)))
        model = model_of(program, worst_leaf_gas=2**32 - 1, outputs=(spec,))
        assert judge.node(model, program, 3) is faulty


def test_attack_40_absurd_folds_and_ranks_are_faults(judge: ProgramFaults) -> None:
    """Bytes that no compiler writes are what an attacker commits to."""
    long = Node(Kind.FOLD, Fn.FOLD_SUM, F, (), (2**20 + 1,), (line_of(0, F, 1),), 1)
    for data in (
        b"",
        encode_node(long),
        b"\xff" * 100,
        encode_node(good_nodes()[3])[:-1],
        b"\x02\x00\x01\xff\xff\xff\xff",
    ):
        program = CommittedProgram([*good_nodes()[:2], data, *good_nodes()[3:]])
        assert judge.node(model_of(program), program, 2) is True
        with pytest.raises(Refused, match="StepVerifier_MalformedNode"):
            judge.operand(model_of(program), program, 2, 0, 0)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(node=valid_nodes(), data=st.data())
def test_any_node_is_judged_as_in_python(judge: ProgramFaults, node: Node, data: st.DataObject) -> None:
    """Valid ones, and ones with a byte or two changed."""
    encoding = bytearray(encode_node(node))
    for _ in range(data.draw(st.integers(0, 2))):
        encoding[data.draw(st.integers(0, len(encoding) - 1))] = data.draw(st.integers(0, 255))
    program = CommittedProgram([*good_nodes()[:2], *[bytes(encoding)] * 8, *good_nodes()[3:]])
    model = model_of(program)
    index = data.draw(st.integers(2, 9))
    assert judge.node(model, program, index) is not _stands(bytes(encoding), index)


def _stands(encoding: bytes, index: int) -> bool:
    """Whether a node that is no output may stand at `index`, operands' dtypes and counts aside."""
    try:
        node = decode_node(encoding)
        validate_node(node)
    except ProgramError:
        return False
    if node.kind is Kind.INPUT and (node.slot > 1 or (node.dtype, node.count) != (F, SIZE)):
        return False
    cost = node_cost(node)
    return cost.bytes <= MAX_PROOF_BYTES and cost.gas <= MAX_PROOF_GAS and all(o.node < index for o in node.operands)


def test_what_is_not_in_the_program_is_refused(judge: ProgramFaults) -> None:
    """A verdict on bytes that nobody committed to would void any request."""
    program, other = CommittedProgram([*good_nodes()]), CommittedProgram([*_changed(2, fn=Fn.ABS)])
    model = model_of(program)
    with pytest.raises(Refused, match="ProgramFaults_AnotherProgram"):
        judge.node(model, other, 2)
    types, bad = [MODEL_ABI_TYPE, PROGRAM, NODE], other.opening(2)
    with pytest.raises(Refused, match="StepVerifier_NotInProgram"):
        judge.judge("nodeFault", types, [model.to_abi(), program.ref, bad])
    with pytest.raises(Refused, match="StepVerifier_LeafNotInTree"):
        judge.judge("nodeFault", types, [model.to_abi(), program.ref, (5, *program.opening(2)[1:])])
    with pytest.raises(Refused, match="ProgramFaults_NotTheOperand"):
        judge.operand(model, program, 3, 0, 1)
    with pytest.raises(Refused, match="ProgramFaults_NoSuchOperand"):
        judge.operand(model, program, 3, 2, 0)


@settings(max_examples=200)
@given(data=st.data())
def test_no_calldata_makes_it_panic(judge: ProgramFaults, data: st.DataObject) -> None:
    """Calldata that is no ABI encoding reverts without data: the compiler's own check."""
    program = CommittedProgram([*good_nodes()])
    values = [model_of(program).to_abi(), program.ref, program.opening(3)]
    calldata = bytearray(encode([MODEL_ABI_TYPE, PROGRAM, NODE], values))
    position = data.draw(st.integers(0, len(calldata) - 1))
    calldata[position] ^= data.draw(st.integers(1, 255))
    revert = b""
    try:
        judge.judge_raw(f"nodeFault({MODEL_ABI_TYPE},{PROGRAM},{NODE})", bytes(calldata))
    except (Refused, Reverted) as error:
        revert = error.data
    assert revert[:4] != selector("Panic(uint256)")


def test_it_can_be_deployed(judge: ProgramFaults) -> None:
    """EIP-170."""
    assert 0 < len(judge.code) <= 24_576
