"""The cost model: the same in Python and on-chain, never below what a proof takes, and near it for real nodes."""

import random
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import pytest
from eth_abi import decode, encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.canonical.commit import LEAF_BYTES
from oracle.canonical.cost import MAX_PROOF_BYTES, MAX_PROOF_GAS, WITHOUT_BOUND, Cost, node_cost
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.validate import validate_node
from oracle.canonical.tensor import DType
from oracle.errors import ProgramError
from tests.differential.cost_cases import cost_cases, deep_tree, gemm, line_of, pointwise, reduction, tree
from tests.differential.evm import Contract, deploy
from tests.differential.proof_cost import RESULT, Content, dear_proof, measure
from tests.differential.step_verifier import StepVerifier
from tests.unit.canonical.strategies import NodeCase, node_cases, valid_nodes

F, I64 = DType.FLOAT, DType.INT64
SLOW = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)


@pytest.fixture(scope="module")
def verifier() -> StepVerifier:
    """The contracts, deployed once."""
    return StepVerifier()


@pytest.fixture(scope="module")
def harness() -> Contract:
    """`Cost.sol` on lists of nodes."""
    return deploy("CostHarness")


def on_chain(harness: Contract, nodes: list[Node]) -> list[Cost]:
    """What `Cost.sol` says of each node."""
    data = harness.call("costs(bytes[])", encode(["bytes[]"], [[encode_node(node) for node in nodes]]))
    (words,) = decode(["uint256[]"], data)
    return [Cost(*words[i : i + 2]) for i in range(0, len(words), 2)]


def content_of(seed: int) -> Content:
    """Contents of a kind: ordinary floats, only specials, subnormals, equal ones, anything."""

    def content(slot: int, dtype: DType, position: int) -> int:
        mixed = (position * 2654435761 + slot * 40503 + seed) % 2**32
        if dtype is DType.BOOL:
            return mixed & 1
        if dtype is not F:
            return mixed % 100 if seed % 2 else (1 << 8 * dtype.size) - 1 - mixed % 50
        specials = (0x7F800000, 0x7FC00000, 0xFF800000, 0x80000000)
        ordinary = (mixed & 1) << 31 | (90 + mixed % 70) << 23 | mixed >> 9
        return (ordinary, specials[mixed % 4], mixed % 3 | (mixed & 1) << 31, 0x3F800000, mixed)[seed % 5]

    return content


def _view(rng: random.Random, sizes: tuple[int, ...], indices: list[int], most: int) -> View:
    coordinates = []
    for _ in range(rng.choice((0, 1, 1, 2, 3, most))):
        axes = sorted(rng.sample(range(len(sizes)), min(len(sizes), rng.choice((0, 1, 1, 2, 2 * most)))))
        steps = rng.choice(((1, 1, 1, -1, 2, 3), (1, 7, 64, 100, 1000, -65)))
        terms = tuple((axis, rng.choice(steps)) for axis in axes)
        reach = [m * (sizes[axis] - 1) for axis, m in terms]
        least, span = sum(min(r, 0) for r in reach), sum(map(abs, reach))
        base = -least - rng.choice((0, 0, 0, 1, 4))
        dim = min(max(1, span + 1 + rng.choice((0, 0, 1, -min(3, span)))), 2**20)
        coordinates.append(Coordinate(dim, base, terms, rng.choice([None, *indices])))
    return View(tuple(coordinates))


_KINDS = (
    (Kind.MAP, Fn.PICK, (F,) * 4, F),
    (Kind.MAP, Fn.WHERE, (DType.BOOL, F, F), F),
    (Kind.MAP, Fn.ADD, (F, F), F),
    (Kind.FOLD, Fn.FOLD_DOT, (F, F), F),
    (Kind.FOLD, Fn.FOLD_DOT, (F, F, F), F),
    (Kind.FOLD, Fn.FOLD_SUM, (F, F), F),
    (Kind.FOLD, Fn.FOLD_MEAN, (F,), F),
    (Kind.FOLD, Fn.FOLD_MAX, (F,), F),
    (Kind.FOLD, Fn.FOLD_DOT, (DType.INT32,) * 2, DType.INT32),
    (Kind.FOLD, Fn.FOLD_MEAN, (DType.INT8,), DType.INT8),
    (Kind.FOLD, Fn.FOLD_ARGMAX, (DType.INT16,), I64),
    (Kind.FOLD, Fn.FOLD_ALL, (DType.BOOL,), DType.BOOL),
    (Kind.RANK, 0, (F,), I64),
    (Kind.RANK, 1, (DType.INT32,), I64),
)


def drawn_nodes(seed: int, number: int, most: int) -> Iterator[Node]:
    """Valid nodes with windows, strides, padding and indices that real models have not, and up to `most` axes."""
    rng = random.Random(seed)  # noqa: S311 (the same cases every time)
    while number:
        kind, fn, dtypes, result = rng.choice(_KINDS)
        dims = tuple(rng.choice((1, 2, 3, 50)) for _ in range(rng.choice((1, 2, most))))
        fold = (
            ()
            if kind is Kind.MAP
            else tuple(rng.choice((1, 2, 9, 30, 200)) for _ in range(rng.choice((0, 1, 2, most))))
        )
        extra = rng.choice((0, 0, 1, 2, 8 - len(dtypes)))
        indices = list(range(len(dtypes), len(dtypes) + extra))
        kinds = (*dtypes, *(rng.choice((I64, DType.UINT8, DType.INT32)) for _ in indices))
        operands = tuple(
            Operand(slot, dtype, _view(rng, (*dims, *fold), indices if slot < len(dtypes) else [], most))
            for slot, dtype in enumerate(kinds)
        )
        node = Node(kind, fn, result, dims, fold, operands, len(dtypes))
        try:
            validate_node(node)
        except ProgramError:
            continue
        if node.count and node.fold_count <= 3000 and node_cost(node).bytes <= 2 * MAX_PROOF_BYTES:
            number -= 1
            yield node


@settings(max_examples=400, suppress_health_check=SLOW)
@given(nodes=st.lists(valid_nodes(), min_size=1, max_size=20))
def test_cost_is_the_same_in_python_and_on_chain(harness: Contract, nodes: list[Node]) -> None:
    """A program compiled as cheap enough must not be a program fault."""
    assert on_chain(harness, nodes) == [node_cost(node) for node in nodes]


def test_cost_of_large_nodes_is_the_same_in_python_and_on_chain(harness: Contract) -> None:
    """Nodes as in real models, and what no model would have."""
    nodes = [case.node for case in cost_cases()] + [n for most in (2, 8) for n in drawn_nodes(most, 400, most)]
    assert on_chain(harness, nodes) == [node_cost(node) for node in nodes]


@settings(max_examples=300, suppress_health_check=SLOW)
@given(case=node_cases().filter(lambda case: case.node.count > 0), data=st.data())
def test_no_small_proof_is_dearer_than_the_model(verifier: StepVerifier, case: NodeCase, data: st.DataObject) -> None:
    """Of any kind, function and contents; fold dimensions of 0 among them."""
    element = data.draw(st.integers(0, case.node.count - 1))

    def content(slot: int, dtype: DType, position: int) -> int:
        return 0 if slot == RESULT else case.operands[slot][position]

    took = measure(verifier, dear_proof(case.node, element, content))
    bound = node_cost(case.node)
    assert took.bytes <= bound.bytes
    assert took.gas <= bound.gas


@pytest.mark.parametrize("most", [2, 8])
def test_attack_41_no_proof_is_dearer_than_the_model(verifier: StepVerifier, most: int) -> None:
    """Else a program could pass all bounds and yet have an element that fits into no transaction."""
    rng = random.Random(most)  # noqa: S311
    for node in drawn_nodes(most + 10, 150, most):
        proof = dear_proof(node, rng.randrange(node.count), content_of(rng.randrange(10)), rng.randrange(100))
        took, bound = measure(verifier, proof), node_cost(node)
        assert took.bytes <= bound.bytes, node
        assert took.gas <= bound.gas, node


def apart(reads: int, leaves_between: int) -> Node:
    """A sum of elements that each lie in a leaf of their own, in a tall tree."""
    view = View((Coordinate(reads, 0, ((1, 1),)), Coordinate(64 * leaves_between, 3, ((0, 1),))))
    return Node(Kind.FOLD, Fn.FOLD_SUM, F, (4,), (reads,), (Operand(0, F, view),), 1)


def scattered(kind: Kind, fn: Fn | int, dtype: DType, lines: int) -> Node:
    """Many lines of three reads, each in a leaf of its own."""
    far = Coordinate(3 * LEAF_BYTES // dtype.size, 0, ((2, LEAF_BYTES // dtype.size + 1),))
    operands = tuple(Operand(slot, dtype, View((far,))) for slot in range(2 if fn == Fn.FOLD_DOT else 1))
    return Node(kind, fn, I64 if kind is Kind.RANK else dtype, (4,), (lines, 3), operands, len(operands))


HARD = [
    *(scattered(Kind.FOLD, fn, t, 100) for fn in range(Fn.FOLD_DOT, Fn.FOLD_ARGMAX) for t in (F, I64, DType.INT16)),
    *(scattered(Kind.RANK, 1, dtype, 100) for dtype in (F, DType.UINT8)),
    *(apart(reads, between) for reads, between in ((20, 2**20), (60, 2**12), (100, 2**8), (250, 2))),
    *(reduction(2, 1000, fn, F) for fn in (Fn.FOLD_MAX, Fn.FOLD_MEAN, Fn.FOLD_ARGMIN)),
    *(gemm(2, terms, 2, dtype) for terms in (1, 2, 9, 8000) for dtype in (F, I64, DType.INT8)),
    Node(Kind.FOLD, Fn.FOLD_DOT, F, (), (99, 3), tuple(line_of(s, F, 594, (0, 6), (1, -2), base=4) for s in (0, 1)), 2),
    *(pointwise(3000, fn, F) for fn in Fn if Fn.FLOOR <= fn <= Fn.ERF),
]  # fmt: skip


@pytest.mark.parametrize("depth", [0, 1, 2, 60, 200])
@pytest.mark.parametrize("rows", [8, 3000])
@pytest.mark.parametrize("features", [5, 5000])
def test_no_walk_down_a_tree_is_dearer_than_the_model(
    verifier: StepVerifier, depth: int, rows: int, features: int
) -> None:
    """Branches in one leaf of the table or each in its own, and features likewise."""
    node = tree(rows, features, min(depth, rows - 1))
    proof = dear_proof(node, 100, deep_tree(rows, features, node.depth))
    took, bound = measure(verifier, proof), node_cost(node)
    assert took.bytes <= bound.bytes
    assert took.gas <= bound.gas


@pytest.mark.parametrize("node", HARD, ids=lambda node: f"{node.kind.name}-{node.fn:#x}-{node.fold_count}")
@pytest.mark.parametrize("seed", range(5))
def test_no_hard_proof_is_dearer_than_the_model(verifier: StepVerifier, node: Node, seed: int) -> None:
    """Many runs in tall trees, many short lines, long folds; with infinities, NaNs, subnormals and ties."""
    took, bound = measure(verifier, dear_proof(node, 0, content_of(seed))), node_cost(node)
    assert took.bytes <= bound.bytes
    assert took.gas <= bound.gas


def test_the_model_is_near_for_real_nodes(verifier: StepVerifier) -> None:
    """A bound far above would refuse models that can be proven."""
    errors = {}
    for case in cost_cases():
        took, bound = measure(verifier, dear_proof(case.node, case.element, case.content)), node_cost(case.node)
        assert took.bytes <= bound.bytes, case.name
        assert took.gas <= bound.gas, case.name
        errors[case.name] = bound.gas / took.gas - 1
    assert max(errors.values()) < 0.35, errors
    assert median(errors.values()) < 0.12, errors


def test_a_dot_of_1152_terms_fits_its_budget(verifier: StepVerifier) -> None:
    """A 3x3 convolution of 128 channels in a program of 155 nodes: at most 700,000 gas, the whole transaction."""
    took = measure(verifier, dear_proof(gemm(16, 1152, 128, addend=False), 77, content_of(0), nodes=155))
    assert took.gas <= 700_000


@pytest.mark.parametrize("reads", [255, 256])
def test_attack_72_runs_beyond_what_an_opening_can_count_have_no_bound(harness: Contract, reads: int) -> None:
    """An opening counts its runs in a byte."""
    node = replace(apart(reads, 1), fold=(reads,))
    view = View((Coordinate(reads, 0, ((1, 1),)), Coordinate(128, 3, ((0, 1),))))
    node = replace(node, operands=(Operand(0, F, view),))
    (cost,) = on_chain(harness, [node])
    assert cost == node_cost(node)
    assert (cost.gas == WITHOUT_BOUND) == (reads > 255)


def test_attack_41_what_no_transaction_holds_is_above_the_bounds() -> None:
    """By bytes, and by gas alone."""
    assert node_cost(gemm(1, 14_000, 1)).bytes > MAX_PROOF_BYTES
    assert node_cost(gemm(1, 12_000, 1)).bytes <= MAX_PROOF_BYTES
    dense = Node(Kind.FOLD, Fn.FOLD_SUM, F, (), (2**12, 3), (line_of(0, F, 8, (1, 1), base=-1),), 1)
    assert node_cost(dense).bytes <= MAX_PROOF_BYTES
    assert node_cost(dense).gas > MAX_PROOF_GAS
