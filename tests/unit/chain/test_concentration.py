"""Shares, the effective number and the Nakamoto coefficient, as properties; and what is counted from events."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from oracle.chain.concentration import Spread, measure, spread
from oracle.chain.deploy import LOCAL
from oracle.chain.events import Answered, ChainOpened, Challenged, Expired, Refuted, Requested, Settled, Voided
from oracle.chain.policy import sensible_policy
from oracle.chain.protocol import GWEI, ZERO_ADDRESS, GameId, InputKind, ModelId, Request, RequestId, checksum

amounts = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(1, 10**18), max_size=12)
spreads = amounts.map(spread)
A, B, C = (checksum(f"0x{letter * 40}") for letter in "123")


@given(spreads)
def test_shares_are_all_there_is(each: Spread) -> None:
    """Exact fractions: nothing is lost to rounding."""
    assert sum((share for _, share in each.shares), Fraction(0)) == (1 if each.amounts else 0)
    assert [share for _, share in each.shares] == sorted((share for _, share in each.shares), reverse=True)


@given(spreads)
def test_the_effective_number_lies_between_one_and_the_holders(each: Spread) -> None:
    """One holder is 1, equal ones are their number, anything else lies between."""
    assume(each.amounts)
    assert 1 <= each.effective <= len(each.amounts)
    assert (each.effective == len(each.amounts)) == (len(set(each.amounts.values())) == 1)
    assert (each.effective == 1) == (len(each.amounts) == 1)


@given(spreads)
def test_the_nakamoto_coefficient_is_the_fewest_with_more_than_half(each: Spread) -> None:
    """So many have more than half, and no smaller group has."""
    assume(each.amounts)
    ranked = sorted(each.amounts.values(), reverse=True)
    assert 2 * sum(ranked[: each.nakamoto]) > each.total
    assert 2 * sum(ranked[: each.nakamoto - 1]) <= each.total


@given(spreads, st.integers(1, 10**9))
def test_the_unit_does_not_matter(each: Spread, factor: int) -> None:
    """Wei or ether: concentration is the same."""
    scaled = spread({holder: amount * factor for holder, amount in each.amounts.items()})
    assert (scaled.hhi, scaled.nakamoto, scaled.shares) == (each.hhi, each.nakamoto, each.shares)


@given(spreads, st.data())
def test_splitting_a_holder_never_looks_more_concentrated(each: Spread, data: st.DataObject) -> None:
    """What a person with several addresses gains: the numbers are bounds in this direction only."""
    large = sorted(holder for holder, amount in each.amounts.items() if amount > 1)
    assume(large)
    holder = data.draw(st.sampled_from(large))
    part = data.draw(st.integers(1, each.amounts[holder] - 1))
    split = spread({**each.amounts, holder: each.amounts[holder] - part, "another": part})
    assert split.effective > each.effective
    assert split.nakamoto >= each.nakamoto


@given(spreads, st.data())
def test_taking_from_a_smaller_holder_always_looks_more_concentrated(each: Spread, data: st.DataObject) -> None:
    """The principle of transfers, which a measure of concentration has to obey."""
    assume(len(each.amounts) > 1)
    rich, poor = (each.shares[place][0] for place in (0, -1))
    part = data.draw(st.integers(1, each.amounts[poor]))
    moved = spread({**each.amounts, rich: each.amounts[rich] + part, poor: each.amounts[poor] - part})
    assert moved.effective < each.effective
    assert moved.nakamoto <= each.nakamoto


def test_nothing_is_no_division_by_zero() -> None:
    """A new deployment has no answers."""
    nothing = spread({"a": 0})
    assert (nothing.total, nothing.shares, nothing.hhi, nothing.effective, nothing.nakamoto) == (0, [], 0, 0, 0)
    assert measure([]).named_share == 0
    with pytest.raises(ValueError, match="negative"):
        spread({"a": -1})


def requested(number: int, operator: str = ZERO_ADDRESS, requester: str = A) -> Requested:
    """A request with a bond of its own for operators and for challengers."""
    policy = replace(
        sensible_policy(LOCAL, GWEI, answer_time=60, window=60),
        operator=operator,
        operator_bond=1_000 + number,
        challenger_bond=100 + number,
    )
    request = Request(requester, bytes(32), ModelId(bytes(32)), InputKind.BYTES, bytes(32), policy)
    return Requested(RequestId(bytes([number] * 32)), request, b"")


def test_each_number_comes_from_its_events() -> None:
    """Who asked, answered, challenged, found and lost; bonds are those of the request's own terms."""
    one, two, old = (RequestId(bytes([number] * 32)) for number in (1, 2, 9))
    game = GameId(bytes(32))
    nothing = bytes(32)
    found = measure(
        [
            Answered(old, C, 1, nothing, nothing, b""),
            requested(1, B),
            requested(2, requester=B),
            Answered(one, B, 1, nothing, nothing, b""),
            Answered(two, C, 1, nothing, nothing, b""),
            Settled(one, B),
            Challenged(game, two, A, C, 1),
            ChainOpened(game, B),
            ChainOpened(GameId(bytes([1] * 32)), B),
            Refuted(two, C, B, A, 2),
            Answered(two, B, 2, nothing, nothing, b""),
            Voided(two, B, A, A),
            Expired(two),
        ]
    )
    told = {name: dict(each.amounts) for name, each in found.spreads().items()}
    assert told == {
        "requests": {A: 1, B: 1},
        "answers": {B: 2, C: 2},
        "final_answers": {B: 1},
        "operator_bonds_gwei": {B: 1_001 + 1_002, C: 1_002},
        "challenges": {A: 1},
        "challenger_bonds_gwei": {A: 102, B: 102},
        "refutations": {A: 1, B: 1},
        "refuted_answers": {B: 1, C: 1},
    }
    assert found.named_share == Fraction(1, 2)
