"""Gas limits: enough whatever a callback uses, and never more than a transaction may have."""

from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.gas import (
    BASE,
    FINALIZE_ITEM,
    PER_BYTE,
    TRANSACTION_CAP,
    answer_limit,
    demand_limit,
    expire_limit,
    finalize_limit,
    move_limit,
    prove_limit,
    reveal_limit,
    trace_limit,
)

sizes = st.integers(0, 120_000)
stipends = st.lists(st.integers(0, 2_000_000), min_size=1, max_size=20)


@given(sizes, stipends)
def test_attack_28_whoever_finalises_pays_for_every_stipend_in_full(calldata, callbacks):
    """EIP-150 keeps a sixty-fourth back at each call: with less, the consumer would be starved by the caller."""
    left = finalize_limit(calldata, callbacks) - BASE - PER_BYTE * calldata
    for stipend in callbacks:
        before = left - FINALIZE_ITEM
        assert before - before // 64 >= stipend
        left = before - (stipend + stipend // 63)
    assert left == 0


@given(sizes, st.integers(1, 64))
def test_limits_grow_with_bytes_and_items(calldata, items):
    """A limit that shrank somewhere would run out there."""
    assert answer_limit(calldata + 1, items) - answer_limit(calldata, items) == PER_BYTE
    assert answer_limit(calldata, items + 1) > answer_limit(calldata, items)
    assert finalize_limit(calldata, [0] * (items + 1)) > finalize_limit(calldata, [0] * items)
    assert expire_limit(calldata) >= BASE + PER_BYTE * calldata


@given(st.binary(max_size=2_000))
def test_a_limit_is_above_what_the_protocol_takes_before_the_first_instruction(data):
    """Below the intrinsic gas of EIP-2028 and EIP-7623 a transaction is not even taken."""
    zeros = data.count(0)
    tokens = zeros + 4 * (len(data) - zeros)
    intrinsic = 21_000 + max(4 * tokens, 10 * tokens)
    assert min(answer_limit(len(data), 1), finalize_limit(len(data), [0]), expire_limit(len(data))) >= intrinsic
    moves = (move_limit, demand_limit, lambda size: trace_limit(size, 0), lambda size: reveal_limit(size, 0))
    assert min(limit(len(data)) for limit in (*moves, lambda size: prove_limit(size, 0))) >= intrinsic


@given(sizes, st.integers(0, 6_000_000))
def test_any_proof_fits_into_a_transaction(calldata, judging):
    """What the verifier may take and a transaction may carry must be provable: else a lie could be too dear to show."""
    assert 21_000 + 16 * calldata + judging < prove_limit(calldata, judging) <= TRANSACTION_CAP
