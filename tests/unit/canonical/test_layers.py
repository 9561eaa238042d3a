"""Layers and revelations against the rules of docs/disputes.md section 3, written out in `tests/adversary/table.py`."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.canonical.layers import (
    TRACE,
    Position,
    above,
    layer_count,
    leaf_position,
    shown,
    trace_position,
    way_to,
)
from oracle.canonical.tensor import DType
from oracle.errors import ProofError
from tests.adversary.scenes import chain
from tests.adversary.table import accepts, depth, positions

SIZES = [*range(12), 63, 64, 65, 127, 128, 129, 130, 255, 256, 257, 8191, 8192, 8193, 16383, 16384, 16385, 40_000]


@pytest.mark.parametrize("leaves", SIZES)
def test_the_positions_that_exist_are_those_with_leaves_below_them(leaves: int) -> None:
    """A position too many could never be revealed; one too few could hide a wrong leaf."""
    expected = positions(3, leaves)
    assert layer_count(leaves) == expected[-1].layer + 1
    for layer in range(layer_count(leaves) + 1):
        existing = [p for p in expected if p.layer == layer]
        assert all(shown(position, leaves) for position in existing)
        assert existing == [Position(3, layer, index) for index in range(len(existing))]
        assert shown(Position(3, layer, len(existing)), leaves) is None


@pytest.mark.parametrize("leaves", SIZES)
def test_every_leaf_is_shown_once_and_the_way_to_it_leads_through_what_shows_it(leaves: int) -> None:
    """So any leaf can be reached, one layer at a time."""
    at = {}
    for position in positions(3, leaves):
        where = shown(position, leaves)
        assert where is not None
        assert where.count <= 128
        assert [p.layer for p in way_to(position)] == list(range(position.layer + 1))
        if position.layer:
            higher = above(position)
            assert higher is not None
            row = shown(higher, leaves)
            assert row is not None
            assert row.first <= position.index < row.first + row.count
        if where.are_leaves:
            assert where.depth == depth(leaves)
            at.update(dict.fromkeys(range(where.first, where.first + where.count), position))
    assert sorted(at) == list(range(leaves))
    assert all(leaf_position(3, leaves, leaf) == position for leaf, position in at.items())


def test_any_leaf_of_the_largest_trees_is_reached_within_seven_demands() -> None:
    """Three layers of 2^21 tensors and four of 2^28 leaves: K."""
    assert layer_count(2**21) + layer_count(2**28) == 7
    assert trace_position(2**21, 2**21 - 1) == Position(TRACE, 2, 2**14 - 1)


@settings(max_examples=60)
@given(count=st.integers(0, 40_000), dtype=st.sampled_from([DType.UINT8, DType.INT64]), data=st.data())
def test_what_an_honest_trace_reveals_is_accepted_and_nothing_else_is(
    count: int, dtype: DType, data: st.DataObject
) -> None:
    """An operator that cannot reveal what is demanded loses its bond; one that can reveal something else cheats."""
    scene = chain(5, count, dtype)
    tensor = data.draw(st.integers(2, 4))
    position = data.draw(st.sampled_from(positions(tensor, -(-count * dtype.size // 256))))
    revelation = scene.honest.reveal(position)
    assert accepts(scene.program, scene.honest.root, revelation)
    parts = ["data", "path", "trace_path"]
    part = data.draw(st.sampled_from([p for p in parts if getattr(revelation, p)]))
    value = getattr(revelation, part)
    flat = bytearray(value if part == "data" else b"".join(value))
    flat[data.draw(st.integers(0, len(flat) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    chunks = tuple(bytes(flat[i : i + 32]) for i in range(0, len(flat), 32))
    changed = replace(revelation, **{part: bytes(flat) if part == "data" else chunks})
    assert not accepts(scene.program, scene.honest.root, changed)


@pytest.mark.parametrize("nodes", [2, 3, 127, 128, 129, 255, 256, 257, 300])
def test_every_position_of_every_trace_is_revealed(nodes: int) -> None:
    """With one node or many more than a layer shows."""
    scene = chain(nodes, 1)
    for position in positions(TRACE, nodes):
        assert accepts(scene.program, scene.honest.root, scene.honest.reveal(position))


@pytest.mark.parametrize("leaves", [0, 1, 2, 3, 127, 128, 129, 16_384, 16_385])
def test_every_position_of_tensors_of_any_depth_is_revealed(leaves: int) -> None:
    """Depths 0, 1, 2, 7, 8, 14 and 15, whole and not."""
    scene = chain(3, max(0, 256 * leaves - 1), DType.UINT8)
    every = positions(2, leaves)
    for position in [*every[:3], *every[-3:]]:
        assert accepts(scene.program, scene.honest.root, scene.honest.reveal(position))


@pytest.mark.parametrize(
    "position", [(0, 0, 0), (1, 0, 0), (4, 0, 0), (2, 1, 0), (2, 0, 1), (TRACE, 1, 0), (TRACE, 0, 1)]
)
def test_what_cannot_be_demanded_is_not_revealed(position: tuple[int, int, int]) -> None:
    """Inputs, constants, tensors and layers that there are none of."""
    with pytest.raises(ProofError):
        chain(4, 300).honest.reveal(Position(*position))
