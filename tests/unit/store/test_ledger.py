"""Ranges applied and taken back."""

import pytest

from oracle.chain.scanner import Scanner
from oracle.store.ledger import Cursor, Overtaken
from tests.unit.chain.model_chain import ADDRESSES, ModelChain, make_request, requested


@pytest.fixture
def chain():
    """Three blocks with a request each, after an empty one."""
    made = ModelChain()
    for salt in range(3):
        made.mine(requested(make_request(salt)))
    return made


def apply(store, chain, first, last, cursor=None):
    """Read and apply a range."""
    scanned = Scanner(chain, ADDRESSES).scan(first, last, range(first, last + 1), None)
    return store.ledger.apply(
        scanned.blocks, scanned.events, last=last, keep=10, cursor=cursor or store.ledger.cursor()
    )


def test_a_range_read_before_another_program_moved_the_cursor_is_refused(store, chain):
    """Applied all the same, the blocks the other one took back would be skipped for good."""
    store.ledger.start(-1)
    apply(store, chain, 0, 2)
    seen = store.ledger.cursor()
    store.ledger.rewind(0, seen)
    with pytest.raises(Overtaken):
        apply(store, chain, 3, 3, seen)
    with pytest.raises(Overtaken):
        store.ledger.rewind(0, seen)
    assert store.ledger.cursor() == Cursor(0, chain.blocks[0].hash, None)
    assert store.events.select() == []


def test_a_range_applied_twice_changes_nothing(store, chain):
    """Replay and rescan rest on it."""
    store.ledger.start(-1)
    assert len(apply(store, chain, 0, 3)) == 3
    before = (store.events.select(), store.requests.recent(), store.ledger.cursor())
    assert apply(store, chain, 0, 3) == []
    assert apply(store, chain, 1, 2) == []
    assert (store.events.select(), store.requests.recent(), store.ledger.cursor()) == before


def test_a_rewind_says_what_it_touched(store, chain):
    """Whoever acted on these must look again."""
    store.ledger.start(-1)
    apply(store, chain, 0, 3)
    rewind = store.ledger.rewind(1, store.ledger.cursor())
    assert rewind.to == 1
    assert len(rewind.requests) == 2
    assert rewind.models == {make_request(0).model_id}
