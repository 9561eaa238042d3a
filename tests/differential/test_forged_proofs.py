"""Proofs forged out of the commitments' own structure, against the contracts."""

import struct
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from oracle.canonical.commit import LEAF_BYTES, Tree, tensor_bytes
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import Program
from oracle.canonical.prove import CommittedTensor, CommittedTrace, StepProof
from oracle.canonical.tensor import DType
from tests.differential.models import real_run
from tests.differential.step_verifier import Refused, StepVerifier

F = DType.FLOAT
SIZE = 150
"""Elements of the tensors in the examples: three leaves, the last one of 22 elements and 168 bytes of padding."""


@pytest.fixture(scope="module")
def verifier() -> StepVerifier:
    """The contracts, deployed once."""
    return StepVerifier()


def negation(count: int = SIZE, dtype: DType = F, node: int = 0) -> Node:
    """-x of a tensor of `count` elements."""
    return Node(
        Kind.MAP, Fn.NEG, dtype, (count,), (), (Operand(node, dtype, View((Coordinate(count, 0, ((0, 1),)),))),), 1
    )


def trace_of(x: np.ndarray, y: np.ndarray) -> CommittedTrace:
    """A trace that says y = -x."""
    return CommittedTrace(Program(1, (Node(Kind.INPUT, 0, F, (SIZE,)), negation()), {}, 1), [x, y])


def honest() -> CommittedTrace:
    """The canonical trace."""
    x = np.arange(1, SIZE + 1, dtype=np.float32)
    return trace_of(x, -x)


def program_of(trace: CommittedTrace) -> tuple[bytes, int, int]:
    """As the contracts take it."""
    return trace.program_root, 1, len(trace.roots)


def run(first: int, data: bytes, siblings: list[bytes]) -> bytes:
    """A run, encoded."""
    return struct.pack(">II", first, len(data) // LEAF_BYTES) + data + b"".join(siblings)


def operand_tree() -> tuple[bytes, Tree]:
    """Bytes and tree of the operand."""
    data = tensor_bytes(np.arange(1, SIZE + 1, dtype=np.float32))
    return data.ljust(-(-len(data) // LEAF_BYTES) * LEAF_BYTES, b"\0"), Tree.over_tensor(data)


def assert_leads_elsewhere(verifier: StepVerifier, node: Node, element: int, openings: bytes) -> None:
    """Refused, or of another tensor than the operand."""
    try:
        _, roots = verifier.recompute(encode_node(node), element, openings)
    except Refused:
        return
    assert roots != [honest().roots[0]]


def test_attack_33_an_inner_node_of_the_operand_is_no_leaf(verifier: StepVerifier) -> None:
    """The children's hashes as a leaf's data, one level up: of a tensor of half the leaves, and of this one."""
    _, tree = operand_tree()
    row = tree.levels[0] + bytes(32)
    left, right = row[:64].ljust(LEAF_BYTES, b"\0"), tree.levels[1][32:64]
    for count, siblings in ((128, [right]), (SIZE, [right]), (SIZE, [bytes(32), right])):
        assert_leads_elsewhere(verifier, negation(count), 0, b"\1" + run(0, left, siblings))


@pytest.mark.parametrize("count", [8, 9, 16])
def test_attack_33_an_inner_node_of_the_program_is_no_node(verifier: StepVerifier, count: int) -> None:
    """Two leaf hashes, or a hash and its sibling, as the bytes of a node of a smaller program."""
    trace = real_run("digits").committed()
    proof = trace.prove(4, 0)
    own = Tree.over_leaves([proof.node]).hash
    for inner in (own + proof.node_path[0], proof.node_path[0] + own):
        forged = replace(proof, node=inner, index=proof.index >> 1, node_path=proof.node_path[1:])
        with pytest.raises(Refused, match=r"StepVerifier_(NotInProgram|WrongPathLength)"):
            verifier.step_fault((trace.program_root, 1, count), trace.root, forged)


@pytest.mark.parametrize("element", [SIZE, SIZE + 1, 191, 192, 2**63])
def test_attack_34_padding_of_the_last_leaf_is_no_element(verifier: StepVerifier, element: int) -> None:
    """The tensor ends where its count says, not where its leaf does."""
    trace = honest()
    with pytest.raises(Refused, match="StepVerifier_ElementOutOfRange"):
        verifier.step_fault(program_of(trace), trace.root, replace(trace.prove(1, SIZE - 1), element=element))


def test_attack_34_padding_is_not_read_as_an_operand_of_more_elements(verifier: StepVerifier) -> None:
    """The same leaves as a tensor of 192 elements have another root; so they do with one element more."""
    data, tree = operand_tree()
    for count in (SIZE + 1, 192):
        openings = b"\1" + run(2, data[2 * LEAF_BYTES :], tree.siblings(2, 1))
        bits, roots = verifier.recompute(encode_node(negation(count)), SIZE, openings)
        assert bits == 0  # what the padding reads as
        assert roots != [honest().roots[0]]


@pytest.mark.parametrize(
    "last", [bytes(LEAF_BYTES), b"", operand_tree()[0][2 * LEAF_BYTES :]], ids=["zeros", "nothing", "again"]
)
def test_attack_34_a_repeated_or_empty_leaf_is_no_leaf(verifier: StepVerifier, last: bytes) -> None:
    """There is no fourth leaf in a tensor of three, neither zeros nor the third again."""
    data, tree = operand_tree()
    above = [tree.levels[0][64:96], tree.levels[1][:32]]
    for openings in (run(3, last, above), run(2, data[2 * LEAF_BYTES :] + last, [tree.levels[1][:32]])):
        assert_leads_elsewhere(verifier, negation(256), 192, b"\1" + openings)
        with pytest.raises(Refused):
            verifier.recompute(encode_node(negation()), 0, b"\1" + openings)


def mixed(a: StepProof, b: StepProof) -> list[StepProof]:
    """Proof `a` with each of its parts, and some together, as in `b`."""
    names = ("index", "node", "node_path", "element", "openings", "operand_paths", "result", "result_path")
    groups = [
        *((name,) for name in names),
        names[:3],
        names[:4],
        ("openings", "operand_paths"),
        ("result", "result_path"),
    ]
    changed = [replace(a, **{name: getattr(b, name) for name in group}) for group in groups]
    return [proof for proof in changed if proof not in (a, b)]


def test_attack_35_parts_of_proofs_of_other_places_convict_nobody(verifier: StepVerifier) -> None:
    """Every pair of nodes of a model, and two elements of one: a proof is of one place, node, tensor and trace."""
    model = real_run("digits")
    nodes = sorted({k for k, _ in model.places})
    for k in nodes:
        lying = model.lying_at((k, 0))
        guilty = lying.prove(k, 0)
        assert verifier.step_fault(program_of(lying), lying.root, guilty) is True
        others = [lying.prove(other, 0) for other in nodes if other != k]
        others += [lying.prove(k, model.program.nodes[k].count - 1), model.committed().prove(k, 0)]
        for other in others:
            for proof in mixed(guilty, other) + mixed(other, guilty):
                with suppress(Refused):
                    convicts = verifier.step_fault(program_of(lying), lying.root, proof)
                    assert not convicts or (proof.index, proof.element) == (k, 0)


def test_attack_35_a_proof_against_another_trace_or_program_is_refused(verifier: StepVerifier) -> None:
    """What convicts one operator says nothing about another."""
    model = real_run("digits")
    lying, trace = model.lying_at((4, 3)), model.committed()
    proof = lying.prove(4, 3)
    other = real_run("digits-cnn").committed()
    assert verifier.step_fault(program_of(lying), lying.root, proof) is True
    with pytest.raises(Refused, match="StepVerifier_NotInTrace"):
        verifier.step_fault(program_of(lying), trace.root, proof)
    with pytest.raises(Refused, match=r"StepVerifier_(NotInProgram|WrongPathLength)"):
        verifier.step_fault(program_of(other), lying.root, proof)


@pytest.mark.parametrize(
    ("count", "dtype"), [(SIZE - 1, F), (SIZE + 1, F), (128, F), (192, F), (SIZE, DType.INT32), (4 * SIZE, DType.INT8)]
)
def test_attack_36_a_tensor_of_another_length_or_dtype_is_another_tensor(
    verifier: StepVerifier, count: int, dtype: DType
) -> None:
    """The same bytes, cut short, extended or read as something else: as operand and as result."""
    trace, node = honest(), negation(count, dtype)
    data, tree = operand_tree()
    assert_leads_elsewhere(verifier, node, 0, b"\1" + run(0, data[:LEAF_BYTES], tree.siblings(0, 1)))
    proof = trace.prove(1, 0)
    with pytest.raises(Refused, match="StepVerifier_NotInProgram"):
        verifier.step_fault(program_of(trace), trace.root, replace(proof, node=encode_node(node)))
    own = CommittedTensor(Node(Kind.INPUT, 0, dtype, (count,)), np.zeros(count, dtype.numpy))
    (result,) = own.open([0])
    with pytest.raises(Refused):
        verifier.step_fault(program_of(trace), trace.root, replace(proof, result=result))
