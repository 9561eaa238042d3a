"""Openings that are not what an honest prover sends: StepVerifier.sol refuses them, or they change nothing."""

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.prove import open_operands
from oracle.canonical.tensor import DType
from tests.differential.step_verifier import Refused, StepVerifier, committed
from tests.unit.canonical.strategies import NodeCase, node_cases

NO_CHECKS = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
LEAVES = 7
"""Leaves of the operand in the examples: 64 float32 each, the last one not full."""


@pytest.fixture(scope="module")
def verifier() -> StepVerifier:
    """The contracts, deployed once."""
    return StepVerifier()


@settings(max_examples=400, suppress_health_check=NO_CHECKS)
@given(case=node_cases().filter(lambda case: case.node.count > 0), data=st.data())
def test_changed_openings_never_change_the_element(verifier: StepVerifier, case: NodeCase, data: st.DataObject) -> None:
    """Whatever a prover changes: what still leads to the committed roots has the same element."""
    at = data.draw(st.integers(0, case.node.count - 1))
    tensors = committed(case)
    honest, _ = open_operands(case.node, at, tensors)
    bits, _ = verifier.recompute(encode_node(case.node), at, honest)
    changed = bytearray(honest)
    for _ in range(data.draw(st.integers(1, 2))):
        position = data.draw(st.integers(0, len(changed) - 1)) if changed else 0
        match data.draw(st.sampled_from(["set", "flip", "cut", "insert", "truncate"])):
            case "set" if changed:
                changed[position % len(changed)] = data.draw(st.sampled_from([0, 1, 2, 3, 0x7F, 0x80, 0xFF]))
            case "flip" if changed:
                changed[position % len(changed)] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del changed[position : position + data.draw(st.sampled_from([1, 32, 256]))]
            case "insert":
                changed[position:position] = bytes(data.draw(st.sampled_from([1, 32, 256])))
            case "truncate":
                del changed[position:]
    try:
        found, found_roots = verifier.recompute(encode_node(case.node), at, bytes(changed))
    except Refused:
        return
    committed_roots = all(root in (bytes(32), t.root) for root, t in zip(found_roots, tensors, strict=True))
    assert not committed_roots or found == bits


@given(case=node_cases().filter(lambda case: case.node.count > 0), noise=st.binary(max_size=600))
@settings(suppress_health_check=NO_CHECKS)
def test_any_bytes_are_refused_by_name_or_judged(verifier: StepVerifier, case: NodeCase, noise: bytes) -> None:
    """No bytes make the verifier panic; `Refused` is raised for its own errors only."""
    try:
        verifier.recompute(encode_node(case.node), 0, noise)
    except Refused:
        return


def sum_case() -> tuple[NodeCase, bytes]:
    """A sum over all of `LEAVES` leaves, and its honest openings: a single run without siblings but one."""
    count = 64 * LEAVES - 3
    view = View((Coordinate(count, 0, ((0, 1),)),))
    node = Node(Kind.FOLD, Fn.FOLD_SUM, DType.FLOAT, (), (count,), (Operand(0, DType.FLOAT, view),), 1)
    case = NodeCase(node, (tuple(0x3F800000 + i for i in range(count)),))
    return case, open_operands(node, 0, committed(case))[0]


def runs(case: NodeCase, *bounds: tuple[int, int]) -> bytes:
    """Openings of the only operand by runs (first leaf, leaves), each opened as the definition says."""
    (tensor,) = committed(case)
    parts = [tensor.open(range(64 * first, 64 * (first + n), 64))[0] for first, n in bounds]
    return bytes((len(parts),)) + b"".join(parts)


@pytest.mark.parametrize(
    ("bounds", "error"),
    [
        ([(0, 4), (4, 3)], "StepVerifier_RunsNotAscending"),
        ([(0, 4), (3, 4)], "StepVerifier_RunsNotAscending"),
        ([(5, 2), (0, 4)], "StepVerifier_RunsNotAscending"),
        ([(0, 6)], "StepVerifier_ElementNotOpened"),
        ([(1, 6)], "StepVerifier_ElementNotOpened"),
        ([(0, 3), (4, 3)], "StepVerifier_ElementNotOpened"),
        ([], "StepVerifier_ElementNotOpened"),
    ],
)
def test_runs_ascend_apart_and_cover_every_read(
    verifier: StepVerifier, bounds: list[tuple[int, int]], error: str
) -> None:
    """One way to open a set of leaves; and no element is ever made up."""
    case, _ = sum_case()
    with pytest.raises(Refused, match=error):
        verifier.recompute(encode_node(case.node), 0, runs(case, *bounds))


@pytest.mark.parametrize("extra", [b"\0", bytes(32)])
def test_bytes_left_over_are_refused(verifier: StepVerifier, extra: bytes) -> None:
    """Openings have one form."""
    case, honest = sum_case()
    with pytest.raises(Refused, match="StepVerifier_BytesLeftOver"):
        verifier.recompute(encode_node(case.node), 0, honest + extra)


@pytest.mark.parametrize(("first", "n"), [(0, 0), (LEAVES, 1), (0, LEAVES + 1), (2**32 - 1, 2**32 - 1)])
def test_runs_lie_within_the_tensor(verifier: StepVerifier, first: int, n: int) -> None:
    """The number of leaves is the node's, not the prover's."""
    case, _ = sum_case()
    with pytest.raises(Refused, match="StepVerifier_LeafNotInTree"):
        verifier.recompute(encode_node(case.node), 0, b"\1" + struct.pack(">II", first, n) + bytes(4096))


def test_runs_of_one_operand_are_of_one_tree(verifier: StepVerifier) -> None:
    """Or an operand could be pieced together from several tensors."""
    case, _ = sum_case()
    other = NodeCase(case.node, (tuple(bits + 1 for bits in case.operands[0]),))
    mixed = b"\2" + runs(case, (0, 3))[1:] + runs(other, (4, 3))[1:]
    with pytest.raises(Refused, match="StepVerifier_RunsOfDifferentTrees"):
        verifier.recompute(encode_node(case.node), 0, mixed)


@pytest.mark.parametrize("hint", [0, 1, 2, 3, 4, 2**32 - 1])
@pytest.mark.parametrize("place", range(4))
def test_a_rank_needs_the_one_right_hint(verifier: StepVerifier, place: int, hint: int) -> None:
    """Equals have an order too, so that sorting has one result."""
    x = (0x3F800000, 0x40000000, 0x7FC00001, 0x3F800000)  # 1, 2, NaN, 1
    node = Node(
        Kind.RANK, 0, DType.INT64, (4,), (4,), (Operand(0, DType.FLOAT, View((Coordinate(4, 0, ((1, 1),)),))),), 1
    )
    honest, _ = open_operands(node, place, committed(NodeCase(node, (x,))))
    openings = struct.pack(">I", hint) + honest[4:]
    right = (2, 1, 0, 3)[place]
    if hint == right:
        assert verifier.recompute(encode_node(node), place, openings)[0] == right
    else:
        with pytest.raises(Refused, match="StepVerifier_WrongRank"):
            verifier.recompute(encode_node(node), place, openings)


@pytest.mark.parametrize("step", [1, 2, 3, 64, 100, -1, -2, -3, -64, -100])
def test_a_line_is_not_read_one_element_beyond_a_run(verifier: StepVerifier, step: int) -> None:
    """Behind a run's data lie siblings, which a prover may choose."""
    first = 64 if step > 0 else 127
    length = -(-64 // abs(step)) + 1  # of which all but the last are in leaf 1
    view = View((Coordinate(320, first, ((0, step),)),))
    node = Node(Kind.FOLD, Fn.FOLD_SUM, DType.FLOAT, (), (length,), (Operand(0, DType.FLOAT, view),), 1)
    case = NodeCase(node, (tuple(0x3F800000 + i for i in range(320)),))
    with pytest.raises(Refused, match="StepVerifier_ElementNotOpened"):
        verifier.recompute(encode_node(node), 0, runs(case, (1, 1)))
