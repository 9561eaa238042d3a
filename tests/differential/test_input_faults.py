"""`InputFaults.sol`: roots of inputs computed on-chain from the request's bytes, against those of the Python trees."""

from dataclasses import replace

import numpy as np
import pytest
from eth_abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.canonical.commit import Tree, bind_tensor
from oracle.canonical.model import MODEL_ABI_TYPE, Model, OutputSpec
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.tensor import DType, TensorSpec
from tests.differential.evm import Reverted, selector
from tests.differential.fault_contracts import SOURCE, CommittedProgram, CommittedRoots, FaultContract
from tests.differential.step_verifier import PROGRAM, Refused

F = DType.FLOAT
CONST_ROOT = bytes(range(32))


@pytest.fixture(scope="module")
def judge() -> FaultContract:
    """The contract, deployed once."""
    return FaultContract("InputFaults")


class Dispute:
    """A program of some inputs, a constant and an output, and a trace whose source roots are right until changed."""

    def __init__(self, specs: list[TensorSpec], data: bytes) -> None:
        inputs = [Node(Kind.INPUT, 0, s.dtype, s.shape, slot=slot) for slot, s in enumerate(specs)]
        self.constant = len(inputs)
        view = View((Coordinate(1),))
        nodes = [*inputs, Node(Kind.CONST, 0, F, (1,), root=CONST_ROOT)]
        nodes.append(Node(Kind.MAP, Fn.ABS, F, (1,), (), (Operand(self.constant, F, view),), 1))
        self.program = CommittedProgram([*nodes])
        output = OutputSpec(TensorSpec(F, (1,)))
        self.model = Model(self.program.root, len(nodes), 6_000_000, tuple(specs), (output,), bytes(32))
        self.data = data
        self.roots = []
        start = 0
        for spec in specs:
            part = data[start : start + spec.nbytes]
            self.roots.append(bind_tensor(spec.dtype, spec.count, Tree.over_tensor(part).hash))
            start += spec.nbytes
        self.posted = [*self.roots, CONST_ROOT, bytes(32)]

    def _claim(self, index: int) -> tuple[bytes, tuple[object, ...]]:
        trace = CommittedRoots(self.posted)
        return trace.root, (*self.program.opening(index), self.posted[index], trace.path(index))

    def constant_fault(self, judge: FaultContract, index: int) -> bool:
        """The verdict on a CONST."""
        root, claim = self._claim(index)
        return judge.judge("constantFault", [PROGRAM, "bytes32", SOURCE], [self.program.ref, root, claim])

    def input_fault(self, judge: FaultContract, index: int) -> bool:
        """The verdict on an INPUT, of bytes."""
        return judge.judge_raw(INPUT_FAULT, self.arguments(index, "bytes", self.data))

    def root_fault(self, judge: FaultContract, index: int, roots: list[bytes]) -> bool:
        """The verdict on an INPUT, of roots."""
        signature = f"inputRootFault({MODEL_ABI_TYPE},{PROGRAM},bytes32,{SOURCE},bytes32[])"
        return judge.judge_raw(signature, self.arguments(index, "bytes32[]", roots))

    def arguments(self, index: int, kind: str, given_input: object) -> bytes:
        """Encoded arguments of the functions for inputs."""
        root, claim = self._claim(index)
        types = [MODEL_ABI_TYPE, PROGRAM, "bytes32", SOURCE, kind]
        return encode(types, [self.model.to_abi(), self.program.ref, root, claim, given_input])


INPUT_FAULT = f"inputFault({MODEL_ABI_TYPE},{PROGRAM},bytes32,{SOURCE},bytes)"
SPECS = [
    TensorSpec(DType.UINT8, (3,)),
    TensorSpec(F, (9, 17)),
    TensorSpec(DType.BOOL, ()),
    TensorSpec(DType.INT64, (2, 70)),
]


def dispute() -> Dispute:
    """Four inputs of several leaves, none of which begins where a word does."""
    rng = np.random.default_rng(3)
    return Dispute(SPECS, rng.bytes(sum(spec.nbytes for spec in SPECS)))


_DTYPES = st.sampled_from([F, DType.UINT8, DType.INT16, DType.INT64, DType.BOOL])
_SPECS = st.lists(
    st.builds(TensorSpec, _DTYPES, st.lists(st.integers(0, 9), max_size=3).map(tuple)), min_size=1, max_size=4
)


@settings(max_examples=150)
@given(specs=_SPECS, data=st.data())
def test_the_right_roots_of_any_inputs_are_acquitted_and_others_convicted(
    judge: FaultContract, specs: list[TensorSpec], data: st.DataObject
) -> None:
    """Slots are packed in order; padding, empty tensors and odd numbers of leaves have one root each."""
    case = Dispute(specs, data.draw(st.randoms(use_true_random=False)).randbytes(sum(spec.nbytes for spec in specs)))
    slot = data.draw(st.integers(0, len(specs) - 1))
    assert case.input_fault(judge, slot) is False
    assert case.root_fault(judge, slot, case.roots) is False
    case.posted[slot] = bytes(32)
    assert case.input_fault(judge, slot) is True
    assert case.root_fault(judge, slot, case.roots) is True


@pytest.mark.parametrize("leaves", [1, 2, 3, 4, 5, 7, 8, 9, 127, 128, 129, 255, 256])
@pytest.mark.parametrize("last", [1, 256])
def test_every_number_of_leaves_up_to_the_largest_input(judge: FaultContract, leaves: int, last: int) -> None:
    """64 KiB are 256 leaves."""
    size = 256 * (leaves - 1) + last
    case = Dispute([TensorSpec(DType.UINT8, (size,))], np.random.default_rng(leaves).bytes(size))
    assert case.input_fault(judge, 0) is False
    case.data = case.data[:-1] + bytes([case.data[-1] ^ 1])
    assert case.input_fault(judge, 0) is True


def test_attack_36_a_root_of_another_dtype_or_count_is_a_fault(judge: FaultContract) -> None:
    """The same bytes, read otherwise, are another tensor."""
    case = dispute()
    part = case.data[3 : 3 + SPECS[1].nbytes]
    for dtype, count in ((DType.INT32, 153), (F, 152), (F, 154), (DType.UINT8, 612)):
        case.posted[1] = bind_tensor(dtype, count, Tree.over_tensor(part).hash)
        assert case.input_fault(judge, 1) is True


def test_a_constant_has_the_root_in_its_node(judge: FaultContract) -> None:
    """A trace right in all but a weight is convicted by it."""
    case = dispute()
    assert case.constant_fault(judge, case.constant) is False
    case.posted[case.constant] = bytes(32)
    assert case.constant_fault(judge, case.constant) is True


@pytest.mark.parametrize("change", [-1, 1])
def test_an_input_of_the_wrong_length_has_no_right_root(judge: FaultContract, change: int) -> None:
    """Whoever answers such a request is at fault."""
    case = dispute()
    case.data = case.data[:change] if change < 0 else case.data + b"\0"
    assert all(case.input_fault(judge, slot) for slot in range(4))
    roots = case.roots[:-1] if change < 0 else [*case.roots, bytes(32)]
    assert all(case.root_fault(judge, slot, roots) for slot in range(4))


def test_what_is_no_such_node_is_refused(judge: FaultContract) -> None:
    """A verdict binds node and root to program and trace."""
    case = dispute()
    with pytest.raises(Refused, match="InputFaults_WrongKind"):
        case.input_fault(judge, case.constant)
    with pytest.raises(Refused, match="InputFaults_WrongKind"):
        case.constant_fault(judge, 0)
    with pytest.raises(Refused, match="InputFaults_WrongKind"):
        case.constant_fault(judge, case.constant + 1)
    for specs in (SPECS[:1], [SPECS[0], replace(SPECS[1], shape=(9, 16)), *SPECS[2:]]):
        case.model = replace(case.model, inputs=tuple(specs))
        with pytest.raises(Refused, match="InputFaults_ContradictsModel"):
            case.input_fault(judge, 1)


@settings(max_examples=150)
@given(data=st.data())
def test_no_calldata_convicts_a_right_root_without_changing_the_claim(
    judge: FaultContract, data: st.DataObject
) -> None:
    """A claim on changed paths, nodes or roots is refused, never a Panic."""
    case = dispute()
    calldata = bytearray(case.arguments(1, "bytes", case.data))
    start = calldata.find(case.program.encoded[1])  # from the node to the end of the trace path: nothing of the input
    end = calldata.find(case.data) - 32
    position = data.draw(st.integers(start, end - 1))
    calldata[position] ^= data.draw(st.integers(1, 255))
    verdict, revert = False, b""
    try:
        verdict = judge.judge_raw(INPUT_FAULT, bytes(calldata))
    except (Refused, Reverted) as error:
        revert = error.data
    assert verdict is False
    assert revert[:4] != selector("Panic(uint256)")


def test_it_can_be_deployed(judge: FaultContract) -> None:
    """EIP-170."""
    assert 0 < len(judge.code) <= 24_576
