"""Commitments and their openings: docs/canonical.md section 6."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from oracle.canonical.commit import Tree, bind_program, bind_tensor, bind_trace, tensor_bytes, tensor_root
from oracle.canonical.tensor import DType
from oracle.errors import ProofError


def _specified(leaves: list[bytes], depth: int) -> bytes:
    """Section 6 as a recursion over halves, apart from the code under test."""
    if depth == 0:
        return sha256(b"\0" + leaves[0]).digest() if leaves else bytes(32)
    half = 2 ** (depth - 1)
    left, right = _specified(leaves[:half], depth - 1), _specified(leaves[half:], depth - 1)
    return sha256(b"\1" + left + right).digest()


def run_hash(depth: int, first: int, leaves: Sequence[bytes], siblings: Sequence[bytes]) -> bytes:
    """What a verifier finds: the hash of the tree of `depth` that opens the run `leaves`, from position `first`.

    Raises `ProofError` where the number of siblings is not what the positions say.
    """
    rest = iter(siblings)
    row = [sha256(b"\0" + leaf).digest() for leaf in leaves]
    low, high = first, first + len(leaves) - 1
    try:
        for _ in range(depth):
            if low & 1:
                row.insert(0, next(rest))
            if not high & 1:
                row.append(next(rest))
            row = [sha256(b"\1" + row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
            low, high = low >> 1, high >> 1
    except StopIteration as error:
        raise ProofError("an opening has too few siblings.") from error
    if next(rest, None) is not None or low or high or len(row) != 1:
        raise ProofError("an opening has siblings left over, or a position outside its tree.")
    return row[0]


@given(st.binary(max_size=5000))
def test_the_tree_is_the_one_the_definition_describes(data: bytes) -> None:
    """Whoever computes a root from the definition must get ours."""
    leaves = [data[i : i + 256].ljust(256, b"\0") for i in range(0, len(data), 256)]
    tree = Tree.over_tensor(data)
    assert tree.leaves == len(leaves)
    assert tree.hash == _specified(leaves, tree.depth)
    assert len(leaves) <= 2**tree.depth < 2 * max(len(leaves), 1)


@st.composite
def _runs(draw: st.DrawFn) -> tuple[Tree, list[bytes], int, int]:
    leaves = draw(st.lists(st.binary(max_size=4), min_size=1, max_size=70))
    first = draw(st.integers(0, len(leaves) - 1))
    return Tree.over_leaves(leaves), leaves, first, draw(st.integers(1, len(leaves) - first))


@given(_runs())
def test_every_run_opens(run: tuple[Tree, list[bytes], int, int]) -> None:
    """What the prover opens, the verifier must be able to check."""
    tree, leaves, first, count = run
    assert run_hash(tree.depth, first, leaves[first : first + count], tree.siblings(first, count)) == tree.hash


@given(_runs(), st.data())
def test_attack_35_a_run_opens_at_no_other_place(run: tuple[Tree, list[bytes], int, int], data: st.DataObject) -> None:
    """A proof for one position must not be taken for another."""
    tree, leaves, first, count = run
    other = data.draw(st.integers(0, 2**tree.depth - 1))
    assume(leaves[first : first + count] != leaves[other : other + count] or other + count > len(leaves))
    try:
        found = run_hash(tree.depth, other, leaves[first : first + count], tree.siblings(first, count))
    except ProofError:
        return
    assert found != tree.hash


@given(_runs(), st.data())
def test_one_flipped_bit_opens_nothing(run: tuple[Tree, list[bytes], int, int], data: st.DataObject) -> None:
    """Neither data nor siblings may be changed in a single bit."""
    tree, leaves, first, count = run
    parts = [*leaves[first : first + count], *tree.siblings(first, count)]
    where = data.draw(st.integers(0, len(parts) - 1))
    assume(parts[where])
    bit = data.draw(st.integers(0, 8 * len(parts[where]) - 1))
    changed = bytearray(parts[where])
    changed[bit // 8] ^= 1 << bit % 8
    parts[where] = bytes(changed)
    assert run_hash(tree.depth, first, parts[:count], parts[count:]) != tree.hash


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=9))
def test_attack_33_an_inner_node_is_no_leaf(roots: list[bytes]) -> None:
    """The two children of an inner node, given as a leaf's data, must hash to something else."""
    tree = Tree.over_leaves(roots)
    for level in tree.levels[:-1]:
        for at in range(0, len(level) - 32, 64):
            inner = sha256(b"\1" + level[at : at + 64]).digest()
            assert Tree.over_leaves([level[at : at + 64]]).hash != inner


@given(st.lists(st.binary(min_size=256, max_size=256), min_size=1, max_size=9))
def test_attack_34_a_repeated_or_padding_leaf_changes_the_root(leaves: list[bytes]) -> None:
    """An odd count must not be completed by the last leaf, nor by zeros, without a trace of it in the root."""
    data = b"".join(leaves)
    honest, *longer = [Tree.over_tensor(d) for d in (data, data + leaves[-1], data + bytes(256))]
    root = bind_tensor(DType.UINT8, len(data), honest.hash)
    assert all(bind_tensor(DType.UINT8, tree.leaves * 256, tree.hash) != root for tree in longer)


@given(st.binary(max_size=600), st.binary(min_size=1, max_size=3))
def test_attack_36_a_tensor_cut_short_or_extended_has_another_root(data: bytes, more: bytes) -> None:
    """Zeros at the end are inside the same padded leaf: only the count tells them apart."""
    roots = {
        tensor_root(DType.UINT8, np.frombuffer(d, np.uint8)) for d in (data, data + more, data + bytes(len(more) + 1))
    }
    assert len(roots) == 3


def test_attack_36_another_dtype_is_another_root() -> None:
    """The same bytes read as another type are another tensor."""
    bits = np.arange(64, dtype=np.uint32)
    assert tensor_root(DType.UINT32, bits) != tensor_root(DType.FLOAT, bits.view(np.float32))


def test_trees_of_different_kinds_never_share_a_root() -> None:
    """A trace must not pass for a program, nor a tensor for either."""
    tree = Tree.over_leaves([bytes(32)]).hash
    assert len({bind_program(1, 1, tree), bind_trace(1, tree), bind_tensor(DType.FLOAT, 1, tree)}) == 3


def test_bytes_keep_nan_payloads_and_the_sign_of_zero() -> None:
    """Inputs and constants are committed as raw bits."""
    bits = np.array([0x80000000, 0x7F800001, 0xFFC12345], np.uint32)
    assert tensor_bytes(bits.view(np.float32)) == bits.astype(">u4").tobytes()


@pytest.mark.parametrize(("first", "count"), [(0, 0), (-1, 1), (2, 2), (3, 1)])
def test_a_run_outside_the_leaves_is_refused(first: int, count: int) -> None:
    """Missing leaves are no data and cannot be opened as such."""
    with pytest.raises(ProofError, match="no run"):
        Tree.over_leaves([b"a", b"b", b"c"]).siblings(first, count)


@pytest.mark.parametrize("siblings", [[], [bytes(32)] * 3])
def test_a_wrong_number_of_siblings_is_refused(siblings: list[bytes]) -> None:
    """The number follows from the position; nothing may be missing or left over."""
    with pytest.raises(ProofError, match="siblings"):
        run_hash(2, 1, [b"b"], siblings)


def test_an_array_of_another_dtype_is_not_committed() -> None:
    """The dtype in a root is the data's own."""
    with pytest.raises(ProofError, match="committed as int32"):
        tensor_root(DType.INT32, np.zeros(1, np.float32))
