"""The program in the making: what it folds, shares, lays out and cuts, checked by running it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.lower.graph import Graph
from oracle.canonical.lower.join import concat
from oracle.canonical.lower.layout import leaves_opened
from oracle.canonical.lower.passes import finish
from oracle.canonical.lower.value import Axis, Value
from oracle.canonical.program.node import RANK_DESCENDING, Fn, Kind, Node
from oracle.canonical.program.program import Program, validate_program
from oracle.canonical.tensor import DType, TensorSpec

Array = NDArray[Any]


def given_to(graph: Graph, arrays: Sequence[Array]) -> list[Value]:
    """The model's inputs, of the arrays' dtypes and shapes."""
    return [graph.input(slot, TensorSpec(DType.of(a.dtype), a.shape)) for slot, a in enumerate(arrays)]


def program_of(graph: Graph, arrays: Sequence[Array], *results: Value) -> Program:
    """The program with these results, found valid."""
    program, _ = finish(graph, results)
    inputs = tuple(TensorSpec(DType.of(a.dtype), a.shape) for a in arrays)
    validate_program(program, inputs, tuple(TensorSpec(r.dtype, r.shape) for r in results))
    return program


def run(graph: Graph, arrays: Sequence[Array], result: Value) -> Array:
    """What the program of `result` yields on `arrays`."""
    return compile_plan(program_of(graph, arrays, result)).run(arrays)[0].reshape(result.shape)


def integers(*shape: int, seed: int = 0) -> Array:
    """Some integers: their sums are exact in any order."""
    return np.random.default_rng(seed).integers(-99, 99, shape).astype(np.int64)


def kinds(program: Program) -> list[Kind]:
    """The kinds of a program's nodes in order."""
    return [node.kind for node in program.nodes]


def test_equal_nodes_are_one() -> None:
    """Exporters repeat shape computations and constants by the hundred."""
    graph = Graph()
    x = integers(4)
    (value,) = given_to(graph, [x])
    twice = [graph.map(Fn.ADD, value, graph.constant(np.int64(3))) for _ in range(2)]
    assert twice[0] == twice[1]
    assert len(graph.nodes) == 3


def test_what_needs_no_input_is_a_constant() -> None:
    """A proof of an element must not need the steps that made a constant."""
    graph = Graph()
    root = graph.map(Fn.SQRT, graph.constant(np.float32([2, 3])))
    known = graph.known(root)
    assert known is not None
    assert known.tolist() == np.sqrt(np.float32([2, 3])).tolist()
    assert kinds(program_of(graph, [], graph.map(Fn.EXP, root))) == [Kind.CONST, Kind.MAP]


def test_constants_are_one_where_they_read_alike() -> None:
    """How a file writes a NaN or a zero must not change the program's root."""
    graph = Graph()
    raw = np.array([0x7F800001, 0xFFC12345, 0x80000000, 0x3F800000], np.uint32).view(np.float32)
    same = graph.constant(np.float32([np.nan, np.nan, 0, 1]))
    assert graph.constant(raw) == same
    assert graph.data[same.node].view(np.uint32).tolist() == [0x7FC00000, 0x7FC00000, 0, 0x3F800000]
    assert graph.constant(np.uint8([0, 1, 2]).view(np.bool_)) == graph.constant(np.array([False, True, True]))


def test_constants_too_big_to_fold_stay_nodes() -> None:
    """A small file that describes a huge tensor must not fill memory while it is lowered."""
    graph = Graph()
    huge = graph.constant(np.float32(1)).expand((2**14, 2**14))
    assert graph.nodes[graph.map(Fn.NEG, huge.slice(0, 0, 2**14 - 1)).node].kind is Kind.MAP
    assert graph.known(huge) is None


def test_outputs_are_the_last_nodes_in_order() -> None:
    """The answer is read from there: also where an output is an input, comes twice, or feeds another."""
    graph = Graph()
    x = integers(2, 3)
    (value,) = given_to(graph, [x])
    doubled = graph.map(Fn.ADD, value, value)
    negated = graph.map(Fn.NEG, doubled)
    results = (value, negated, doubled, negated, doubled.transpose([1, 0]))
    program = program_of(graph, [x], *results)
    wanted = (x, -2 * x, 2 * x, -2 * x, 2 * x.T)
    for result, right in zip(compile_plan(program).run([x]), wanted, strict=True):
        assert result.tolist() == right.reshape(-1).tolist()


def test_an_output_that_another_output_is_gathered_by_comes_first() -> None:
    """A classifier's label is read at the position that its scores won: the scores are an output, too."""
    graph = Graph()
    x = integers(2, 5)
    (value,) = given_to(graph, [x])
    scores = graph.map(Fn.NEG, value)
    labels = graph.gather(graph.constant(np.arange(5) * 10), 0, graph.fold(Fn.FOLD_ARGMAX, scores))
    program = program_of(graph, [x], labels, scores)
    got = compile_plan(program).run([x])
    assert [one.tolist() for one in got] == [(x.argmin(1) * 10).tolist(), (-x).reshape(-1).tolist()]


def test_dead_nodes_and_constants_are_left_out() -> None:
    """They would be committed, stored and computed for nothing."""
    graph = Graph()
    x = integers(2)
    (value,) = given_to(graph, [x])
    graph.map(Fn.MUL, value, graph.constant(np.int64(7)))
    program = program_of(graph, [x], graph.map(Fn.NEG, value))
    assert kinds(program) == [Kind.INPUT, Kind.MAP]
    assert not program.constants


def test_element_wise_nodes_keep_the_layout_of_their_data() -> None:
    """A network laid out channels-last must not be turned back at every activation."""
    graph = Graph()
    x = integers(1, 8, 8, 5)
    (value,) = given_to(graph, [x])
    image = value.transpose([0, 3, 1, 2])
    result = graph.map(Fn.MUL, graph.map(Fn.NEG, image), graph.constant(np.arange(5).reshape(1, 5, 1, 1)))
    assert result.strides == image.strides
    assert np.array_equal(run(graph, [x], result), -x.transpose(0, 3, 1, 2) * np.arange(5).reshape(1, 5, 1, 1))


@given(st.integers(0, 2), st.lists(st.integers(-3, 2), min_size=1, max_size=4), st.booleans(), st.booleans())
def test_gathers_read_what_numpy_takes(axis: int, at: list[int], known: bool, turned: bool) -> None:
    """Negative positions count from the end once; the index's axes take the place of the gathered one."""
    graph = Graph()
    x, index = integers(3, 3, 3), np.array([at, at])
    arrays = [x] if known else [x, index]
    values = given_to(graph, arrays)
    source = values[0].transpose([2, 0, 1]) if turned else values[0]
    positions = graph.constant(index) if known else values[1]
    right = np.take(x.transpose(2, 0, 1) if turned else x, index, axis)
    assert np.array_equal(run(graph, arrays, graph.gather(source, axis, positions)), right)


def test_gathers_of_padded_axes_count_from_the_padded_end() -> None:
    """A view that pretends to be longer than its data must not lend its data's length to negative positions."""
    graph = Graph()
    x, index = integers(3), np.array([-1, 0, -2, 4, -5])
    values = given_to(graph, [x, index])
    padded = graph.bounded(values[0], [0]).read((5,), [Axis.of(0)])
    assert run(graph, [x, index], graph.gather(padded, 0, values[1])).tolist() == [0, x[0], 0, 0, x[0]]


@given(st.integers(1, 20), st.integers(0, 1))
def test_any_number_of_values_are_joined(number: int, axis: int) -> None:
    """A node has eight operands at most; empty parts count for nothing."""
    graph = Graph()
    arrays = [integers(2, 2, seed=n) if n % 3 else integers(*((0, 2) if axis == 0 else (2, 0))) for n in range(number)]
    values = given_to(graph, arrays)
    assert np.array_equal(run(graph, arrays, concat(graph, values, axis)), np.concatenate(arrays, axis))


def test_padded_values_are_joined_with_their_padding() -> None:
    """To PICK a read out of range is an absent element: padding that is a value must be made one first."""
    graph = Graph()
    x = integers(2)
    (value,) = given_to(graph, [x])
    padded = graph.bounded(value, [0], 5).read((4,), [Axis.of(0, base=-1)])
    assert run(graph, [x], concat(graph, [padded, value], 0)).tolist() == [5, *x, 5, *x]


def test_constants_lie_as_folds_read_them() -> None:
    """A weight in the wrong order would open a leaf for every term."""
    graph = Graph()
    x, weight = integers(2, 500), integers(500, 40)
    (value,) = given_to(graph, [x])
    result = graph.fold(Fn.FOLD_DOT, value.insert(1), graph.constant(weight).transpose([1, 0]).insert(0))
    program = program_of(graph, [x], result)
    assert kinds(program) == [Kind.INPUT, Kind.CONST, Kind.FOLD]
    assert np.array_equal(next(iter(program.constants.values())), weight.T.reshape(-1))
    assert np.array_equal(run(graph, [x], result), x @ weight)


@pytest.mark.parametrize(("length", "copies"), [(64, 0), (65, 1)])
def test_data_are_copied_where_a_fold_would_open_too_many_leaves(length: int, copies: int) -> None:
    """The rule of 64 leaves: one node more, or a proof of hundreds of kilobytes."""
    graph = Graph()
    x, y = integers(2, length), integers(length, 70)
    a, b = given_to(graph, [x, y])
    result = graph.fold(Fn.FOLD_DOT, a.insert(1), b.transpose([1, 0]).insert(0))
    program = program_of(graph, [x, y], result)
    assert [node.fn for node in program.nodes].count(Fn.PICK) == copies + 2  # INPUT nodes have function 0 too
    assert np.array_equal(run(graph, [x, y], result), x @ y)


def test_windows_are_laid_out_by_copying_the_data_not_the_windows() -> None:
    """Convolutions read each element many times; a copy of all windows would be many times the image."""
    graph = Graph()
    x = integers(1, 40, 12, 12)
    (value,) = given_to(graph, [x])
    apart = graph.bounded(value, range(4))
    axes = [Axis.of(0), Axis.of(3), Axis(-1, ((1, 1), (4, 1))), Axis(-1, ((2, 1), (5, 1)))]
    result = graph.fold(Fn.FOLD_SUM, apart.read((1, 12, 12, 40, 3, 3), axes), axes=3)
    program = program_of(graph, [x], result)
    copies = [node for node in program.nodes if node.kind is Kind.MAP]
    assert [copy.count for copy in copies] == [x.size]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    assert np.array_equal(run(graph, [x], result), windows.sum((1, 4, 5)))


def reads(node: Node, slot: int) -> int:
    """Elements one fold of `node` reads of operand `slot`."""
    axes = {axis for c in node.operands[slot].view.coordinates for axis, _ in c.terms if axis >= len(node.dims)}
    return math.prod(node.fold[axis - len(node.dims)] for axis in axes) if axes else 1


@pytest.mark.parametrize("length", [12_000, 12_001, 25_088, 50_257, 300_007])
def test_long_products_are_cut(length: int) -> None:
    """No one-step proof may need more than 120,000 bytes."""
    graph = Graph()
    x, y = integers(2, length).astype(np.int32), integers(2, length, seed=1).astype(np.int32)
    addend = np.int32([7, 8])
    arrays = [x, y, addend]
    a, b, c = given_to(graph, arrays)
    result = graph.fold(Fn.FOLD_DOT, a, b, c.insert(1))
    assert np.array_equal(run(graph, arrays, result), (x * y).sum(1, dtype=np.int32) + addend)
    for node in program_of(graph, arrays, result).nodes:
        assert sum(4 * reads(node, slot) for slot in range(len(node.operands))) <= 96_000 + 4


@pytest.mark.parametrize("fn", [Fn.FOLD_MAX, Fn.FOLD_MIN, Fn.FOLD_ARGMAX, Fn.FOLD_ARGMIN])
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint64])
def test_long_comparisons_are_cut_without_a_difference(fn: Fn, dtype: Any) -> None:
    """Parts are filled up with what never wins, also where everything is NaN, infinite, or the smallest integer."""
    length = 50_257
    rows = np.random.default_rng(3).integers(0, 100, (6, length)).astype(dtype)
    limits = np.finfo(dtype) if dtype is np.float32 else np.iinfo(dtype)
    rows[0], rows[1] = limits.min, limits.max
    rows[2, 40_000], rows[3, 50_256] = limits.max, limits.min
    if dtype is np.float32:
        rows[0], rows[1], rows[4], rows[5, :30_000] = -np.inf, np.inf, np.nan, np.nan
    graph = Graph()
    (value,) = given_to(graph, [rows])
    got = run(graph, [rows], graph.fold(fn, value))
    if fn in (Fn.FOLD_MAX, Fn.FOLD_MIN):
        assert np.array_equal(got, (np.max if fn is Fn.FOLD_MAX else np.min)(rows, 1), equal_nan=dtype is np.float32)
    else:
        skipped = -np.inf if fn is Fn.FOLD_ARGMAX else np.inf
        shown = np.where(np.isnan(rows), skipped, rows) if dtype is np.float32 else rows
        right = (np.argmax if fn is Fn.FOLD_ARGMAX else np.argmin)(shown, 1)
        assert got.tolist() == right.tolist()


@given(st.permutations(range(4)), st.integers(0, 3), st.sampled_from([1, 3, 40]))
def test_folds_of_any_view_sum_the_right_elements(order: list[int], axes: int, size: int) -> None:
    """Layout, merging of axes and their order must never change a result."""
    graph = Graph()
    x = integers(2, size, 3, 41)
    (value,) = given_to(graph, [x])
    result = graph.fold(Fn.FOLD_SUM, value.transpose(order), axes=axes)
    right = x.transpose(order).sum(tuple(range(4 - axes, 4)))
    assert np.array_equal(run(graph, [x], result), right)


def test_leaves_are_counted_as_the_specification_says() -> None:
    """docs/canonical.md section 9, by hand: 32 elements of 8 bytes lie in a leaf."""
    graph = Graph()
    (value,) = given_to(graph, [integers(10, 64, 50)])
    assert leaves_opened(value, [2]) == (3, 1)  # 50 elements, anywhere
    assert leaves_opened(value, [1]) == (64, 64)  # each in another leaf
    assert leaves_opened(value, [1, 2]) == (101, 1)
    assert leaves_opened(value.slice(2, 0, 0), [2]) == (1, 1)


def test_sorted_places_read_along_the_last_axis() -> None:
    """RANK yields positions, of which Gather makes the sorted values."""
    graph = Graph()
    x = integers(2, 9)
    (value,) = given_to(graph, [x])
    assert np.array_equal(run(graph, [x], graph.rank(RANK_DESCENDING, value, 4)), np.argsort(-x, kind="stable")[:, :4])


def test_outputs_that_read_by_index_count_as_readers_of_it() -> None:
    """A classifier's label and scores: the scores feed the label, so they cannot lie behind it as they are."""
    graph = Graph()
    x = integers(2, 3)
    (value,) = given_to(graph, [x])
    scores = graph.map(Fn.NEG, value)
    labels = graph.gather(graph.constant(np.array([7, 8, 9])), 0, graph.fold(Fn.FOLD_ARGMAX, scores))
    program = program_of(graph, [x], labels, scores)
    first, second = compile_plan(program).run([x])
    assert first.tolist() == (7 + np.argmin(x, 1)).tolist()
    assert second.tolist() == (-x).reshape(-1).tolist()
