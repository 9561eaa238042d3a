"""What StepVerifier.sol takes for a node, against the Python rules: the two must refuse the same bytes."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oracle.canonical.program.encoding import decode_node, encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.validate import validate_node
from oracle.canonical.tensor import DType
from oracle.errors import ProgramError
from tests.differential.step_verifier import Refused, StepVerifier
from tests.unit.canonical.strategies import valid_nodes

NO_ELEMENT = 2**256 - 1


@pytest.fixture(scope="module")
def verifier() -> StepVerifier:
    """The contracts, deployed once."""
    return StepVerifier()


def is_node(verifier: StepVerifier, data: bytes) -> bool:
    """Whether the verifier takes `data` for a node: it then looks for an element that no node has."""
    with pytest.raises(Refused) as refused:
        verifier.recompute(data, NO_ELEMENT, b"")
    accepted = ("StepVerifier_ElementOutOfRange", "StepVerifier_NothingToCompute")
    assert refused.value.name in (*accepted, "StepVerifier_MalformedNode")
    return refused.value.name in accepted


def is_valid(data: bytes) -> bool:
    """The same, by the Python rules."""
    try:
        validate_node(decode_node(data))
    except ProgramError:
        return False
    return True


@given(node=valid_nodes())
def test_valid_nodes_are_taken(verifier: StepVerifier, node: Node) -> None:
    """A valid node refused would be a program fault of an honest model."""
    assert is_node(verifier, encode_node(node))


@settings(max_examples=500)
@given(node=valid_nodes(), data=st.data())
def test_changed_nodes_are_judged_alike(verifier: StepVerifier, node: Node, data: st.DataObject) -> None:
    """What one side takes and the other refuses, a committed program could exploit."""
    encoding = bytearray(encode_node(node))
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(encoding) - 1))
        small = st.integers(0, 0x11)
        extreme = st.sampled_from([0x1F, 0x20, 0x24, 0x30, 0x40, 0x41, 0x7F, 0x80, 0x88, 0x89, 0xFE, 0xFF])
        encoding[at] = data.draw(st.one_of(small, extreme, st.just(encoding[at] ^ 1)))
    assert is_node(verifier, bytes(encoding)) == is_valid(bytes(encoding))


@given(node=valid_nodes(), data=st.data())
def test_cut_and_extended_nodes_are_refused(verifier: StepVerifier, node: Node, data: st.DataObject) -> None:
    """The encoding of a node is unique, and reading stays within it."""
    encoding = encode_node(node)
    assert not is_node(verifier, encoding[: data.draw(st.integers(0, len(encoding) - 1))])
    assert not is_node(verifier, encoding + data.draw(st.binary(min_size=1, max_size=40)))


@given(data=st.binary(max_size=120))
@example(b"")
def test_any_bytes_are_judged_alike(verifier: StepVerifier, data: bytes) -> None:
    """Bytes are whatever an attacker commits to."""
    assert is_node(verifier, data) == is_valid(data)


def _pick(dims: tuple[int, ...], *sizes: int, dtype: DType = DType.UINT8) -> Node:
    view = View(tuple(Coordinate(size) for size in sizes))
    return Node(Kind.MAP, Fn.PICK, dtype, dims, (), (Operand(0, dtype, view),), 1)


def _sum(*fold: int) -> Node:
    return Node(Kind.FOLD, Fn.FOLD_SUM, DType.UINT8, (), fold, (Operand(0, DType.UINT8, View(())),), 1)


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        (_pick((2**31 - 1, 0)), _pick((2**31, 0))),
        (_pick((2**30, 2**6)), _pick((2**30, 2**6 + 1))),
        (_pick((), 2**30, 2**6), _pick((), 2**30, 2**6 + 1)),
        (_pick((2**30, 2**3), dtype=DType.INT64), _pick((2**30, 2**3 + 1), dtype=DType.INT64)),
        (_pick((), 2**31 - 1, 0), _pick((), 2**31, 0)),
        (_pick((2**31 - 1,) * 7 + (0,)), _pick((2**31 - 1,) * 8)),
        (_pick((1,) * 8, *(1,) * 8), _pick((1,) * 9)),
        (_pick((1,) * 8), _pick((1,), *(1,) * 9)),
        (_sum(2**10, 2**10), _sum(2**10, 2**10 + 1)),
        (_sum(2**31 - 1, 0), _sum(2**31, 0)),
        (_sum(*(1,) * 8), _sum(*(1,) * 9)),
        (_sum(*(2**31 - 1,) * 7, 0), _sum(*(2**31 - 1,) * 8)),
    ],
)
def test_limits_are_where_the_definition_puts_them(verifier: StepVerifier, within: Node, beyond: Node) -> None:
    """One more than the limit is a program fault, the limit is none; products of sizes are exact up to all eight."""
    for node, expected in ((within, True), (beyond, False)):
        assert is_valid(encode_node(node)) is expected
        assert is_node(verifier, encode_node(node)) is expected
