"""`AnswerFaults.sol` against `wrong_elements` and exact rational arithmetic."""

import math
import struct
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from eth_abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.canonical.commit import Tree, bind_tensor, tensor_bytes
from oracle.canonical.model import MODEL_ABI_TYPE, Model, OutputSpec
from oracle.canonical.tensor import DType, TensorSpec
from oracle.canonical.tensor import encode as pack
from oracle.canonical.tolerance import wrong_elements
from tests.differential.evm import Reverted, selector
from tests.differential.fault_contracts import OUTPUT, CommittedRoots, FaultContract
from tests.differential.step_verifier import Refused
from tests.unit.canonical.strategies import element_bits, float_bits

F = DType.FLOAT
ANSWER_FAULT = f"answerFault({MODEL_ABI_TYPE},bytes32,bytes,{OUTPUT})"
NODES = 9


@pytest.fixture(scope="module")
def judge() -> FaultContract:
    """The contract, deployed once."""
    return FaultContract("AnswerFaults")


@dataclass
class Dispute:
    """An answer, and a trace that ends with the canonical outputs."""

    outputs: list[OutputSpec]
    canonical: list[np.ndarray]
    answer: bytes

    @property
    def model(self) -> Model:
        """The model."""
        return Model(bytes(32), NODES, 6_000_000, (), tuple(self.outputs), bytes(32))

    def arguments(self, output: int, element: int, claimed: int | None = None) -> bytes:
        """Encoded arguments: of an opening of `element` that claims to be `claimed`."""
        trees = [Tree.over_tensor(tensor_bytes(t)) for t in self.canonical]
        roots = [
            bind_tensor(spec.tensor.dtype, spec.tensor.count, tree.hash)
            for spec, tree in zip(self.outputs, trees, strict=True)
        ]
        trace = CommittedRoots([bytes([i]) * 32 for i in range(NODES - len(roots))] + roots)
        size = self.outputs[output].tensor.dtype.size
        leaf = element * size // 256
        data = tensor_bytes(self.canonical[output])[256 * leaf :][:256].ljust(256, b"\0")
        run = struct.pack(">II", leaf, 1) + data + b"".join(trees[output].siblings(leaf, 1))
        path = trace.path(NODES - len(roots) + output)
        claim = (output, element if claimed is None else claimed, run, path)
        types = [MODEL_ABI_TYPE, "bytes32", "bytes", OUTPUT]
        return encode(types, [self.model.to_abi(), trace.root, self.answer, claim])


def is_fault(judge: FaultContract, case: Dispute, output: int, element: int) -> bool:
    """The verdict."""
    return judge.judge_raw(ANSWER_FAULT, case.arguments(output, element))


def single(dtype: DType, answer: int, canonical: int, atol: float, rtol: float) -> tuple[Dispute, bool]:
    """A dispute over one element, given by bits, and whether Python finds it wrong."""
    spec = OutputSpec(TensorSpec(dtype, (1,)), _bits(atol), _bits(rtol))
    unsigned = np.dtype(f"u{dtype.size}")
    a, c = (np.array([bits], unsigned).view(dtype.numpy) for bits in (answer, canonical))
    if dtype is DType.BOOL:
        a, c = (np.array([bits], unsigned) != 0 for bits in (answer, canonical))
    trace = np.array([canonical], unsigned).view(dtype.numpy)
    case = Dispute([spec], [trace], answer.to_bytes(dtype.size, "big"))
    return case, bool(wrong_elements([a], [c], [spec]))


def _bits(value: float) -> int:
    return int.from_bytes(struct.pack(">d", value), "big")


def _float(bits: int) -> float:
    value: float = struct.unpack(">f", struct.pack(">I", bits))[0]
    return value


TOLERANCES = st.one_of(
    st.sampled_from([0.0, 5e-324, 1e-300, 1e-45, 1e-7, 1e-5, 0.5, 1.0, 1e38, 1.7976931348623157e308]),
    st.floats(min_value=0, allow_nan=False, allow_infinity=False),
)


@settings(max_examples=600)
@given(answer=float_bits(), canonical=float_bits(), atol=TOLERANCES, rtol=TOLERANCES)
def test_attack_62_floats_are_judged_as_in_python(
    judge: FaultContract, answer: int, canonical: int, atol: float, rtol: float
) -> None:
    """NaN of any payload, infinities, both zeros, subnormals; on either side."""
    case, wrong = single(F, answer, canonical, atol, rtol)
    assert is_fault(judge, case, 0, 0) is wrong


@pytest.mark.parametrize("answer", [0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC12345, 0, 0x80000000, 0x7F7FFFFF])
@pytest.mark.parametrize("canonical", [0x7F800000, 0xFF800000, 0x7FC00000, 0, 0x7F7FFFFF])
@pytest.mark.parametrize("tolerance", [0.0, 1.7976931348623157e308])
def test_attack_62_specials_are_right_only_beside_themselves(
    judge: FaultContract, answer: int, canonical: int, tolerance: float
) -> None:
    """However large the tolerance."""
    a, c = _float(answer), _float(canonical)
    if math.isfinite(a) and math.isfinite(c):
        right = a == c or tolerance > 0
    else:
        right = a == c or (math.isnan(a) and math.isnan(c))
    case, wrong = single(F, answer, canonical, tolerance, tolerance)
    assert is_fault(judge, case, 0, 0) is wrong is not right


@settings(max_examples=300)
@given(canonical=st.floats(width=32, min_value=2.0**-100, max_value=2.0**100), ulps=st.integers(1, 1000))
def test_attack_44_the_edge_of_a_tolerance_is_right_and_one_ulp_beyond_is_wrong(
    judge: FaultContract, canonical: float, ulps: int
) -> None:
    """In the answer and in the tolerance: exactly there the verdict turns."""
    (c,) = struct.unpack(">I", struct.pack(">f", canonical))
    atol = float(Fraction(_float(c + ulps)) - Fraction(_float(c)))
    for answer, tolerance, wrong in ((c + ulps, atol, False), (c + ulps + 1, atol, True)):
        assert is_fault(judge, single(F, answer, c, tolerance, 0.0)[0], 0, 0) is wrong
    assert is_fault(judge, single(F, c + ulps, c, math.nextafter(atol, 0), 0.0)[0], 0, 0) is True


@settings(max_examples=300)
@given(canonical=float_bits(), rtol=st.sampled_from([2.0**-k for k in range(1, 23)]), data=st.data())
def test_attack_44_the_edge_of_a_relative_tolerance(
    judge: FaultContract, canonical: int, rtol: float, data: st.DataObject
) -> None:
    """Answers at and about c + rtol |c|, and the smallest float64 more or less of atol that decides."""
    c = _float(canonical)
    if not math.isfinite(c) or not math.isfinite(edge := c + rtol * abs(c)) or abs(edge) > 3.4e38:
        return
    (answer,) = struct.unpack(">I", struct.pack(">f", edge))
    answer = (answer + data.draw(st.integers(-1, 1))) % 2**32
    case, wrong = single(F, answer, canonical, data.draw(st.sampled_from([0.0, 5e-324])), rtol)
    assert is_fault(judge, case, 0, 0) is wrong


@settings(max_examples=300)
@given(dtype=st.sampled_from([d for d in DType if d not in (F, DType.FLOAT16, DType.DOUBLE)]), data=st.data())
def test_integers_and_bools_are_judged_by_their_values(judge: FaultContract, dtype: DType, data: st.DataObject) -> None:
    """Up to differences of 2^64; a bool is any byte."""
    answer, canonical = data.draw(element_bits(dtype)), data.draw(element_bits(dtype))
    tolerances = st.one_of(TOLERANCES, st.sampled_from([1.0, 2.0**63, 2.0**64, 2.0**64 - 2048]))
    case, wrong = single(dtype, answer, canonical, data.draw(tolerances), data.draw(tolerances))
    assert is_fault(judge, case, 0, 0) is wrong


SPECS = [
    OutputSpec(TensorSpec(DType.INT8, (3,))),
    OutputSpec(TensorSpec(F, (10, 20)), _bits(0.5)),
    OutputSpec(TensorSpec(DType.INT64, (70,))),
]


def several() -> Dispute:
    """Three outputs, of which one element of the second is off by one and one by less than the tolerance."""
    rng = np.random.default_rng(1)
    canonical = [
        np.array([1, -2, 3], np.int8),
        rng.standard_normal((10, 20)).astype(np.float32),
        rng.integers(-(2**62), 2**62, 70),
    ]
    answer = [t.copy() for t in canonical]
    answer[1][9, 19] += 1
    answer[1][0, 0] += 0.25
    return Dispute(SPECS, canonical, pack(answer, [s.tensor for s in SPECS]))


def test_each_element_is_found_at_its_place(judge: FaultContract) -> None:
    """Outputs are packed in order."""
    case = several()
    places = [(output, element) for output, spec in enumerate(SPECS) for element in range(spec.tensor.count)]
    assert [place for place in places if is_fault(judge, case, *place)] == [(1, 199)]


@pytest.mark.parametrize("length", [0, 1, 1362, 1364, 70_000])
def test_a_wrong_length_is_a_fault_whatever_is_claimed(judge: FaultContract, length: int) -> None:
    """There is no element to compare then."""
    case = several()
    assert len(case.answer) == 1363
    case.answer = case.answer[:length].ljust(length, b"\0")
    assert is_fault(judge, case, 0, 0) is True


def test_what_does_not_lead_to_the_trace_is_refused(judge: FaultContract) -> None:
    """A verdict binds the element to the trace, at its own place."""
    case, wrong = several(), several()
    wrong.canonical = [t + 1 for t in wrong.canonical]
    right, other = case.arguments(1, 199), wrong.arguments(1, 199)
    root = slice(32, 64)
    with pytest.raises(Refused, match="StepVerifier_NotInTrace"):
        judge.judge_raw(ANSWER_FAULT, right[: root.start] + other[root] + right[root.stop :])
    with pytest.raises(Refused, match="AnswerFaults_NoSuchElement"):
        judge.judge_raw(ANSWER_FAULT, case.arguments(0, 0, claimed=3))
    with pytest.raises(Refused, match="StepVerifier_ElementNotOpened"):
        judge.judge_raw(ANSWER_FAULT, case.arguments(1, 199, claimed=0))
    for bits in (_bits(math.inf), _bits(math.nan), _bits(-1.0)):
        case.outputs = [SPECS[0], OutputSpec(SPECS[1].tensor, 0, bits), SPECS[2]]
        with pytest.raises(Refused, match="AnswerFaults_BadTolerance"):
            is_fault(judge, case, 1, 0)


@settings(max_examples=150)
@given(data=st.data())
def test_no_calldata_makes_it_panic(judge: FaultContract, data: st.DataObject) -> None:
    """Calldata that is no ABI encoding reverts without data: the compiler's own check."""
    calldata = bytearray(several().arguments(1, 100))
    position = data.draw(st.integers(0, len(calldata) - 1))
    calldata[position] ^= data.draw(st.integers(1, 255))
    revert = b""
    try:
        judge.judge_raw(ANSWER_FAULT, bytes(calldata))
    except (Refused, Reverted) as error:
        revert = error.data
    assert revert[:4] != selector("Panic(uint256)")


def test_it_can_be_deployed(judge: FaultContract) -> None:
    """EIP-170."""
    assert 0 < len(judge.code) <= 24_576
