"""Views of values against NumPy: every way of reading, in any order, must read the same elements."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.lower.value import Axis, Coord, Value, contiguous, separate
from oracle.canonical.tensor import DType

OUTSIDE = -1


def elements(value: Value) -> np.ndarray:
    """What `value` reads of data 0, 1, 2, …; `OUTSIDE` where a read leaves the data."""
    found = np.zeros(value.shape, np.int64)
    for at in np.ndindex(*value.shape):
        position = 0
        for coord in value.coords:
            place = coord.base + sum(step * index for step, index in zip(coord.steps, at, strict=True))
            position = OUTSIDE if position == OUTSIDE or not 0 <= place < coord.dim else position * coord.dim + place
        found[at] = position
    return found


def whole(shape: tuple[int, ...]) -> Value:
    """A node's tensor as it lies."""
    return Value(0, DType.FLOAT, shape, (Coord(math.prod(shape), 0, contiguous(shape)),))


SHAPES = st.lists(st.integers(1, 4), max_size=4).map(tuple)


def changed(draw: st.DrawFn, value: Value, array: np.ndarray) -> tuple[Value | None, np.ndarray]:
    """One change of view on both sides; None where the value cannot be read like that."""
    change = draw(st.sampled_from(["transpose", "insert", "expand", "reshape", *["slice", "drop"] * bool(value.count)]))
    axis = draw(st.integers(0, value.rank - 1)) if value.rank else None
    if change == "insert" or axis is None:
        axis = draw(st.integers(0, value.rank))
        return value.insert(axis), np.expand_dims(array, axis)
    if change == "transpose":
        order = draw(st.permutations(range(value.rank)))
        return value.transpose(order), array.transpose(order)
    if change == "expand":
        wide = tuple(2 if n == 1 else n for n in value.shape)
        return value.expand(wide), np.broadcast_to(array, wide)
    if change == "reshape":
        target = draw(st.sampled_from([(value.count,), tuple(reversed(value.shape))]))
        return value.reshape(target), array.reshape(target)
    if change == "drop":
        return value.drop(axis), np.take(array, 0, axis)
    some = draw(st.slices(value.shape[axis]))
    positions = range(value.shape[axis])[some]
    sliced = value.slice(axis, positions.start, len(positions), positions.step)
    return sliced, array[(slice(None),) * axis + (some,)]


@st.composite
def read(draw: st.DrawFn) -> tuple[Value, np.ndarray]:
    """A value after some changes of view, and the array NumPy makes of the same changes."""
    shape = draw(SHAPES)
    value, array = whole(shape), np.arange(math.prod(shape)).reshape(shape)
    for _ in range(draw(st.integers(0, 5))):
        after, right = changed(draw, value, array)
        if after is not None:
            value, array = after, right
    return value, array


@given(read())
def test_views_read_what_numpy_reads(case: tuple[Value, np.ndarray]) -> None:
    """A wrong stride or offset would prove the wrong element."""
    value, array = case
    assert value.shape == array.shape
    assert np.array_equal(elements(value), array)


@given(read(), st.data())
def test_separate_axes_read_the_same_and_know_their_ends(case: tuple[Value, np.ndarray], data: st.DataObject) -> None:
    """Padding relies on reads beyond an axis leaving the data, on either side, and on nothing else changing."""
    value, array = case
    axes = data.draw(st.lists(st.integers(0, value.rank - 1), unique=True, max_size=3)) if value.rank else []
    apart = separate(value, axes)
    if apart is None or not value.count:
        return
    assert math.prod(c.dim for c in apart.coords) == value.source_count
    assert np.array_equal(elements(apart), array)
    for axis in axes:
        wider = [n + 4 * (a == axis) for a, n in enumerate(value.shape)]
        padded = apart.read(wider, [Axis.of(a, base=-2 * (a == axis)) for a in range(value.rank)])
        widths = [(2 * (a == axis),) * 2 for a in range(value.rank)]
        assert np.array_equal(elements(padded), np.pad(array, widths, constant_values=OUTSIDE))


@given(SHAPES.filter(len), st.data())
def test_whole_tensors_can_be_taken_apart(shape: tuple[int, ...], data: st.DataObject) -> None:
    """A copy in row-major order is the way out wherever a view cannot be padded or gathered from."""
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True))
    assert separate(whole(shape), axes) is not None


@given(SHAPES, st.data())
def test_whole_tensors_reshape_without_a_copy(shape: tuple[int, ...], data: st.DataObject) -> None:
    """Reshapes of what a node yields must be free."""
    target = data.draw(st.permutations((*shape, 1)))
    changed = whole(shape).reshape(target)
    assert changed is not None
    assert np.array_equal(elements(changed), np.arange(math.prod(shape)).reshape(target))


@pytest.mark.parametrize(("order", "free"), [((1, 0, 2), False), ((0, 2, 1), False), ((0, 1, 2), True)])
def test_reshapes_that_no_stride_describes_are_refused(order: tuple[int, ...], free: bool) -> None:
    """A reshape that guesses would scramble the elements."""
    assert (whole((2, 3, 4)).transpose(order).reshape((24,)) is not None) == free
