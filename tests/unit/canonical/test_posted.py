"""What is known of a posted trace: only what leads to its root is learnt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.layers import TRACE, Position
from oracle.canonical.posted import Posted
from oracle.errors import ProofError
from tests.adversary.liars import padded, shifted
from tests.adversary.scenes import chain


def test_roots_that_do_not_lead_to_the_trace_root_are_refused() -> None:
    """The contract takes no others, so whoever gives them is mistaken."""
    honest = chain(4, 70).honest
    program = chain(4, 70).program
    for root, roots in (
        (honest.root, honest.roots[:-1]),
        (honest.root, (*honest.roots[:-1], bytes(32))),
        (bytes(32), honest.roots),
    ):
        with pytest.raises(ProofError, match="do not lead"):
            Posted(program, root, roots)


@given(nodes=st.sampled_from([3, 257, 300]), count=st.sampled_from([0, 70, 64 * 130]), data=st.data())
def test_what_was_revealed_is_known_in_whatever_order_it_is_told(nodes: int, count: int, data: st.DataObject) -> None:
    """A game is read from logs: all that was revealed comes at once."""
    scene = chain(nodes, count)
    tensor = data.draw(st.integers(2, nodes - 1))
    last = Position(TRACE, 1, tensor >> 2)
    way = [Position(TRACE, 0, 0), last] if nodes > 256 else []
    leaves = scene.honest.tensors[tensor].tree.leaves
    way += [Position(tensor, 0, 0), *([Position(tensor, 1, 64)] if leaves > 128 else [])]
    revealed = {p: scene.honest.reveal(p).data for p in data.draw(st.permutations(way))}
    posted = Posted(scene.program, scene.honest.root, () if nodes > 256 else scene.honest.roots)
    assert posted.root_of(tensor) == (None if nodes > 256 else scene.honest.roots[tensor])
    posted.add_all(revealed)
    assert posted.root_of(tensor) == scene.honest.roots[tensor]
    shown = [leaf for leaf in range(leaves) if posted.leaf(tensor, leaf) is not None]
    assert shown == ([*range(leaves)] if leaves <= 128 else [128, 129])
    for leaf in shown:
        assert posted.leaf(tensor, leaf) == scene.honest.tensors[tensor].leaves(leaf, 1)


def test_what_leads_elsewhere_is_refused() -> None:
    """Another tensor's data, other lengths, what nothing above is known of, what does not exist."""
    scene = chain(300, 64 * 130)
    posted = Posted(scene.program, scene.honest.root)
    other = shifted(scene, 5, 1).trace

    def refuses(position: Position, data: bytes) -> None:
        with pytest.raises(ProofError):
            posted.add(position, data)

    top = Position(TRACE, 0, 0)
    right = scene.honest.reveal(top).data
    refuses(Position(TRACE, 1, 1), scene.honest.reveal(Position(TRACE, 1, 1)).data)
    refuses(top, other.attempt(top).data)
    refuses(top, right[:-32])
    refuses(top, right + bytes(32))
    posted.add(top, right)
    refuses(Position(5, 0, 0), scene.honest.reveal(Position(5, 0, 0)).data)
    posted.add(Position(TRACE, 1, 1), scene.honest.reveal(Position(TRACE, 1, 1)).data)
    refuses(Position(5, 0, 0), other.attempt(Position(5, 0, 0)).data)
    refuses(Position(5, 1, 0), scene.honest.reveal(Position(5, 1, 0)).data)
    posted.add(Position(5, 0, 0), scene.honest.reveal(Position(5, 0, 0)).data)
    refuses(Position(5, 1, 65), b"")
    refuses(Position(300, 0, 0), b"")


def test_something_behind_the_last_element_is_refused() -> None:
    """The contract takes no such reveal."""
    scene = chain(4, 70)
    lie = padded(scene, 3)
    assert lie
    posted = Posted(scene.program, lie.trace.root, lie.trace.roots)
    with pytest.raises(ProofError, match="behind the tensor's last element"):
        posted.add(Position(3, 0, 0), lie.trace.attempt(Position(3, 0, 0)).data)
