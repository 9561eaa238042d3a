"""`recompute` of StepVerifier.sol against the reference path: nodes of every kind, small and of many leaves."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.prove import open_operands
from oracle.canonical.reference.element import element
from oracle.canonical.tensor import DType
from tests.differential.step_verifier import StepVerifier, committed
from tests.unit.canonical.strategies import NodeCase, node_cases

F = DType.FLOAT
NO_CHECKS = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)


@pytest.fixture(scope="module")
def verifier() -> StepVerifier:
    """The contracts, deployed once."""
    return StepVerifier()


def assert_agrees(verifier: StepVerifier, case: NodeCase, at: int) -> None:
    """The verifier finds the reference's bits, and the roots of what was opened."""
    tensors = committed(case)
    openings, opened = open_operands(case.node, at, tensors)
    bits, roots = verifier.recompute(encode_node(case.node), at, openings)
    assert bits == element(case.node, at, case.readers)
    assert roots == [t.root if is_opened else bytes(32) for t, is_opened in zip(tensors, opened, strict=True)]


@pytest.mark.parametrize("kind", [Kind.MAP, Kind.FOLD, Kind.TREE, Kind.RANK], ids=lambda kind: kind.name)
@settings(max_examples=300, suppress_health_check=NO_CHECKS)
@given(data=st.data())
def test_every_kind_agrees_with_the_reference(verifier: StepVerifier, kind: Kind, data: st.DataObject) -> None:
    """Two implementations written apart: where they differ, the judge convicts the honest."""
    case = data.draw(node_cases([kind]).filter(lambda case: case.node.count > 0))
    assert_agrees(verifier, case, data.draw(st.integers(0, case.node.count - 1)))


def random_column(rng: np.random.Generator, dtype: DType, count: int) -> tuple[int, ...]:
    """Raw bits: floats of few significant bits, so that sums cancel and ties occur; integers of any bits."""
    if dtype is F:
        values = rng.integers(-64, 65, count) / 8 * 2.0 ** rng.integers(-30, 1, count)
        return tuple(int(bits) for bits in values.astype(np.float32).view(np.uint32))
    return tuple(int(bits) for bits in rng.integers(0, 1 << 8 * dtype.size, count, dtype=np.uint64))


def plain(*dims_and_terms: tuple[int, int, tuple[tuple[int, int], ...]]) -> View:
    """A view of coordinates (size, base, terms)."""
    return View(tuple(Coordinate(*parts) for parts in dims_and_terms))


@st.composite
def windows(draw: st.DrawFn) -> NodeCase:
    """Folds over windows as convolutions and poolings have: any layout, stride, dilation, direction and padding."""
    dtype = draw(st.sampled_from([F, F, DType.INT8, DType.INT64, DType.UINT16]))
    fn = draw(st.sampled_from([Fn.FOLD_DOT, Fn.FOLD_SUM, Fn.FOLD_MEAN, Fn.FOLD_MAX, Fn.FOLD_ARGMIN]))
    outer, length = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 7, 8, 9, 64, 100, 130]))
    rows, size = draw(st.integers(1, 9)), length + draw(st.integers(0, 40))
    step = draw(st.sampled_from([1, 1, 2, 3, -1, -2]))
    base = draw(st.integers(-5, 5)) + (size - 1 if step < 0 else 0)
    across = (rows, draw(st.integers(-1, 1)), ((0, 1), (1, draw(st.sampled_from([1, 2, -1])))))
    along = (size, base, ((2, step),))
    view = plain(across, along) if draw(st.booleans()) else plain(along, across)
    fill = draw(st.sampled_from([0, 1, 0x80]))
    operands = [Operand(0, dtype, View(view.coordinates, fill))]
    if fn is Fn.FOLD_DOT:
        operands.append(Operand(1, dtype, plain((outer, 0, ((1, 1),)), (length, 0, ((2, 1),)))))
    if fn is Fn.FOLD_DOT and draw(st.booleans()):
        operands.append(Operand(2, dtype, plain((5, 0, ((0, 1),)))))
    result = DType.INT64 if fn is Fn.FOLD_ARGMIN else dtype
    node = Node(Kind.FOLD, fn, result, (3,), (outer, length), tuple(operands), len(operands))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return NodeCase(node, tuple(random_column(rng, dtype, operand.view.count) for operand in operands))


@settings(max_examples=150, suppress_health_check=NO_CHECKS)
@given(case=windows(), at=st.integers(0, 2))
def test_windows_over_many_leaves_agree(verifier: StepVerifier, case: NodeCase, at: int) -> None:
    """Lines that leave and enter the operand, runs that begin and end within them, strides in both directions."""
    assert_agrees(verifier, case, at)


@st.composite
def gathers(draw: st.DrawFn) -> NodeCase:
    """Sums and orders of rows picked by an index, in range, negative or far outside, that may change with the fold."""
    dtype = draw(st.sampled_from([F, DType.INT32]))
    index_dtype = draw(st.sampled_from([DType.INT64, DType.INT8, DType.UINT64]))
    rows, width, length = draw(st.integers(1, 40)), draw(st.integers(1, 20)), draw(st.integers(1, 30))
    picked = Coordinate(rows, draw(st.integers(-1, 1)), (), 1)
    axis = draw(st.sampled_from([0, 1]))
    x = View((picked, Coordinate(width, 0, ((1, 1),))), 1)
    kind, fn, result = draw(
        st.sampled_from([(Kind.FOLD, Fn.FOLD_SUM, dtype), (Kind.RANK, 0, DType.INT64), (Kind.RANK, 1, DType.INT64)])
    )
    operands = (Operand(0, dtype, x), Operand(1, index_dtype, plain((35, 0, ((axis, 1),)))))
    node = Node(kind, fn, result, (33,), (length,), operands, 1)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    near = rng.integers(-rows - 2, rows + 2, 35) % (1 << 8 * index_dtype.size)
    return NodeCase(node, (random_column(rng, dtype, rows * width), tuple(int(i) for i in near)))


@settings(max_examples=150, suppress_health_check=NO_CHECKS)
@given(case=gathers(), at=st.integers(0, 32))
def test_gathers_agree(verifier: StepVerifier, case: NodeCase, at: int) -> None:
    """An index that changes within a line breaks it into single reads."""
    assert_agrees(verifier, case, at)


def test_every_contract_can_be_deployed(verifier: StepVerifier) -> None:
    """EIP-170: a chain takes at most 24,576 bytes of code."""
    for contract in verifier.contracts:
        assert 0 < len(contract.evm.get_code(contract.address) or b"") <= 24_576
