"""The outbox: no nonce used twice, none skipped, every version's hash kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from oracle.errors import StoreError
from tests.unit.fresh_store import fresh_store

ME = "0xme"


def prepare(store, chain_nonce=0, sender=ME, tag=b""):
    """A signed transaction whose hash is its nonce."""
    return store.transactions.prepare(
        sender=sender,
        chain_nonce=chain_nonce,
        call_to="0xto",
        data=b"data",
        value=10**21,
        gas_limit=21_000,
        max_fee=7,
        priority_fee=1,
        purpose="answer",
        now=1.0,
        sign=lambda nonce: (b"raw" + tag, sender.encode() + tag + nonce.to_bytes(8, "big")),
    )


def mine(store, tx, block=5, *, succeeded=True):
    """It is mined."""
    store.transactions.mark_mined(
        tx.id, succeeded=succeeded, block_number=block, block_hash=b"b", gas_used=21_000, effective_gas_price=7
    )


def test_attack_49_nonces_follow_each_other_whatever_the_endpoint_says(store):
    """An endpoint that lags says a nonce is free that we have taken; a gap blocks all that follows."""
    assert [prepare(store, chain).nonce for chain in (5, 5, 0, 9, 9)] == [5, 6, 7, 9, 10]
    assert prepare(store, 0, "0xother").nonce == 0
    assert store.transactions.last_nonce(ME) == 10
    assert store.transactions.last_nonce("0xnobody") is None


def test_attack_49_an_abandoned_nonce_is_free_again(store):
    """It never left; skipping it would block all that follows."""
    prepare(store)
    lost = prepare(store)
    store.transactions.mark_failed(lost.id, "abandoned", "the account could not pay")
    assert prepare(store, 0, tag=b"again").nonce == 1


def test_attack_49_a_failed_transaction_s_nonce_is_taken_by_the_chain_not_by_us(store):
    """Another transaction has it: the endpoint's count says what comes next."""
    tx = prepare(store)
    store.transactions.mark_failed(tx.id, "failed", "another transaction took its nonce")
    assert prepare(store, 1).nonce == 1
    assert [t.nonce for t in store.transactions.pending(ME)] == [1]


def test_a_transaction_is_what_was_signed_and_amounts_may_be_large(store):
    """Sent again after a restart, it must be the same bytes."""
    tx = prepare(store)
    assert store.transactions.pending(ME) == [tx]
    assert (tx.state, tx.value, tx.hashes, tx.first_sent_at) == ("prepared", 10**21, (tx.hash,), 0.0)


def test_sending_is_noted_first_and_last(store):
    """When to replace and when to give up are counted from these."""
    tx = prepare(store)
    store.transactions.mark_sent(tx.id, 5.0)
    store.transactions.mark_sent(tx.id, 9.0)
    (sent,) = store.transactions.pending(ME)
    assert (sent.state, sent.first_sent_at, sent.last_sent_at) == ("sent", 5.0, 9.0)


def test_every_replacement_s_hash_is_kept(store):
    """Any of the versions may be the one that is mined."""
    tx = prepare(store)
    for bump in (1, 2):
        changed = store.transactions.add_replacement(
            tx.id, raw=b"new", tx_hash=bytes([bump]), max_fee=9, priority_fee=2, cancelling=bump == 2, now=3.0
        )
    assert changed.hashes == (tx.hash, b"\1", b"\2")
    assert (changed.hash, changed.raw, changed.bumps, changed.cancelling) == (b"\2", b"new", 2, True)


def test_what_is_mined_is_not_pending_and_a_late_mark_does_not_change_that(store):
    """Threads race; the chain has the last word."""
    done, failed = prepare(store), prepare(store)
    mine(store, done)
    mine(store, failed, succeeded=False)
    store.transactions.mark_sent(done.id, 9.0)
    assert store.transactions.pending(ME) == []
    assert [store.transactions.get(tx.id).state for tx in (done, failed)] == ["mined", "reverted"]


def test_attack_5_what_a_reorg_removed_is_sent_again(store):
    """A transaction in a block that is no more is not mined."""
    early, late = prepare(store), prepare(store)
    mine(store, early, 5)
    mine(store, late, 8, succeeded=False)
    assert store.transactions.unmine(ME, 7) == 1
    (again,) = store.transactions.pending(ME)
    assert (again.id, again.state, again.block_number) == (late.id, "prepared", None)


def test_the_database_itself_refuses_a_nonce_twice(store):
    """The last line of defence, should two programs ever get past the first."""
    tx = prepare(store)
    with pytest.raises(IntegrityError), store.write() as session:
        session.exec_driver_sql(
            "INSERT INTO transactions SELECT 99, sender, nonce, [to], data, value, gas_limit, max_fee, priority_fee,"
            " raw, x'ff', purpose, state, reason, cancelling, bumps, created_at, first_sent_at, last_sent_at,"
            " block_number, block_hash, gas_used, effective_gas_price FROM transactions"
        )
    assert store.transactions.get(tx.id) == tx


def test_an_unknown_transaction_is_an_error(store):
    """Never a silent None."""
    with pytest.raises(StoreError, match="no transaction 7"):
        store.transactions.get(7)


@given(st.lists(st.sampled_from(["prepare", "abandon", "mine", "unmine"]), max_size=30))
def test_attack_49_live_nonces_never_collide_and_leave_no_gap(tmp_path_factory, steps):
    """Whatever happens in whatever order, pending nonces run on from the chain's."""
    store = fresh_store(tmp_path_factory.mktemp("outbox"))
    chain = 0
    for number, step in enumerate(steps):
        pending = store.transactions.pending(ME)
        match step:
            case "prepare":
                prepare(store, chain, tag=bytes([number]))
            case "abandon" if pending:
                store.transactions.mark_failed(pending[-1].id, "abandoned", "no funds")
            case "mine" if pending:
                mine(store, pending[0], block=chain)
                chain += 1
            case "unmine" if chain:
                chain -= 1
                store.transactions.unmine(ME, chain - 1)
        nonces = [tx.nonce for tx in store.transactions.pending(ME)]
        assert nonces == list(range(chain, chain + len(nonces)))
    store.close()
