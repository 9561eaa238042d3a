"""Paying for transactions: every rule of `oracle.chain.fees` as a property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.fees import GWEI, FeeRules, Fees, Pending, Step, decide, opening
from oracle.errors import FundsError

RULES = FeeRules()
AMPLE = 10**24

fees = st.builds(
    lambda priority, room: Fees(priority + room, priority),
    st.integers(1, 100 * GWEI),
    st.integers(0, 600 * GWEI),
)
pending = st.builds(
    Pending,
    fees=fees,
    gas_limit=st.integers(21_000, 2**24),
    value=st.integers(0, 10**18),
    first_sent_at=st.just(0.0),
    last_sent_at=st.floats(0, 5_000),
    bumps=st.integers(0, 10),
    cancelling=st.booleans(),
)
moments = st.floats(0, 10_000)
base_fees = st.integers(1, 600 * GWEI)


def test_attack_85_stuffed_blocks_never_use_up_the_replacements_of_a_move_that_must_be_mined() -> None:
    """Whoever fills blocks until the replacements are over would win every clock by filling a few more."""
    tx = Pending(Fees(2 * GWEI, GWEI), 200_000, 0, 0.0, 0.0, RULES.max_bumps)
    still = decide(tx, now=60, base_fee=2 * GWEI, balance=AMPLE, rules=RULES)
    assert still.step is Step.REBROADCAST
    outgrown = decide(tx, now=60, base_fee=2 * GWEI + 1, balance=AMPLE, rules=RULES)
    assert outgrown.step is Step.REPLACE
    assert outgrown.fees is not None
    assert outgrown.fees.max_fee > 4 * GWEI


@given(base_fees.filter(lambda fee: fee <= RULES.max_fee), st.integers(0, 10 * GWEI))
def test_opening_fees_cover_the_base_fee_and_stay_below_the_cap(base_fee: int, suggested: int) -> None:
    """A first sending that no block could take would wait for nothing."""
    opened = opening(base_fee, suggested, RULES)
    assert base_fee <= opened.max_fee <= RULES.max_fee
    assert opened.priority_fee <= opened.max_fee


def test_opening_above_the_cap_is_refused_with_the_setting_to_change() -> None:
    """An operator sets the cap so that a fee spike cannot drain the account."""
    with pytest.raises(FundsError, match=r"fees\.max_fee_gwei"):
        opening(RULES.max_fee + 1, 0, RULES)


@given(pending, moments, base_fees, st.integers(0, AMPLE))
def test_replacements_raise_both_fees_by_a_tenth_within_cap_and_balance(
    tx: Pending, now: float, base_fee: int, balance: int
) -> None:
    """Nodes refuse less than ten per cent on either field; a fee the account cannot pay is refused too."""
    decision = decide(tx, now=now, base_fee=base_fee, balance=balance, rules=RULES)
    if decision.step not in {Step.REPLACE, Step.CANCEL}:
        assert decision.fees is None
        return
    assert decision.fees is not None
    assert 10 * decision.fees.max_fee >= 11 * tx.fees.max_fee
    assert 10 * decision.fees.priority_fee >= 11 * tx.fees.priority_fee
    assert decision.fees.priority_fee <= decision.fees.max_fee <= RULES.max_fee
    gas, value = (21_000, 0) if decision.step is Step.CANCEL else (tx.gas_limit, tx.value)
    assert decision.fees.max_fee * gas + value <= balance


@given(pending, base_fees)
def test_a_recent_sending_is_left_alone(tx: Pending, base_fee: int) -> None:
    """Replacing at once would bid against ourselves."""
    now = tx.last_sent_at + RULES.bump_after / 2
    assert decide(tx, now=now, base_fee=base_fee, balance=AMPLE, rules=RULES).step is Step.WAIT


@given(pending.filter(lambda tx: not tx.cancelling and tx.fees.max_fee * 2 < RULES.max_fee))
def test_a_transaction_given_up_is_cancelled_however_often_it_was_replaced(tx: Pending) -> None:
    """Its nonce would block every later transaction."""
    now = max(tx.last_sent_at, RULES.give_up_after) + RULES.bump_after
    assert decide(tx, now=now, base_fee=GWEI, balance=AMPLE, rules=RULES).step is Step.CANCEL


def test_an_account_that_cannot_pay_more_holds() -> None:
    """Bumping without funds would loop for ever on a refusal."""
    tx = Pending(Fees(GWEI, GWEI), 100_000, 0, 0.0, 0.0, 0)
    assert decide(tx, now=60, base_fee=GWEI, balance=10**9, rules=RULES).step is Step.HOLD


def test_replacements_end_after_the_most_allowed() -> None:
    """Limits on replacement are limits: from there the same bytes are sent again."""
    tx = Pending(Fees(GWEI, GWEI), 100_000, 0, 0.0, 0.0, RULES.max_bumps)
    assert decide(tx, now=60, base_fee=GWEI, balance=AMPLE, rules=RULES).step is Step.REBROADCAST
