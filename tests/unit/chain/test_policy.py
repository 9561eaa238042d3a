"""Terms a deployment admits: the contract's rules, before money moves."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.deploy import LOCAL, PUBLIC
from oracle.chain.policy import amended, check_policy, least_bonds, sensible_policy
from oracle.chain.protocol import GWEI
from oracle.errors import RejectedError

BASE_FEES = st.integers(0, 10_000 * GWEI)
POLICY = sensible_policy(LOCAL, GWEI, answer_time=60, window=10)


@given(BASE_FEES, st.sampled_from([LOCAL, PUBLIC]))
def test_the_least_bonds_are_the_contracts(base_fee: int, parameters) -> None:  # type: ignore[no-untyped-def]
    """`_checkPolicy` multiplies; one gwei less must break its inequality, or the minimum told is wrong."""
    operator, challenger = least_bonds(parameters, base_fee)
    conviction = parameters.challenge_gas * base_fee * 10_000
    defence = parameters.defence_gas * base_fee * 10_000
    assert operator * GWEI * parameters.finder_share >= conviction
    assert challenger * GWEI * parameters.upheld_share >= defence
    assert base_fee == 0 or (operator - 1) * GWEI * parameters.finder_share < conviction
    assert base_fee == 0 or (challenger - 1) * GWEI * parameters.upheld_share < defence


@given(BASE_FEES, st.sampled_from([LOCAL, PUBLIC]))
def test_sensible_terms_are_admitted_at_twice_the_base_fee(base_fee: int, parameters) -> None:  # type: ignore[no-untyped-def]
    """The base fee may rise before a request is mined; defaults must still pass."""
    policy = sensible_policy(parameters, base_fee, answer_time=1, window=1)
    check_policy(policy, parameters, base_fee)
    check_policy(policy, parameters, 2 * base_fee)


@pytest.mark.parametrize("field", ["answer_time", "window", "trace_time", "proof_period", "move_time"])
@pytest.mark.parametrize("seconds", [0, 2**31])
def test_a_duration_out_of_range_is_refused_by_name(field: str, seconds: int) -> None:
    """Whoever reads the refusal must know which duration, and the least one."""
    with pytest.raises(RejectedError, match=f"The {field.replace('_', ' ')} of {seconds} s .* 1 to 2147483647"):
        check_policy(replace(POLICY, **{field: seconds}), LOCAL, GWEI)


def test_a_bond_too_small_is_refused_with_the_least_one() -> None:
    """A bond below the gas of a dispute would leave a challenger out of pocket."""
    with pytest.raises(RejectedError, match=r"operator's bond of 31249999 gwei .* takes 31250000 gwei"):
        check_policy(replace(POLICY, operator_bond=31_249_999), LOCAL, GWEI)
    with pytest.raises(RejectedError, match=r"challenger's bond of 13999999 gwei .* takes 14000000 gwei"):
        check_policy(replace(POLICY, challenger_bond=13_999_999), LOCAL, GWEI)


def test_a_challengers_bond_above_the_operators_is_refused() -> None:
    """The contract refuses it; challenging would cost more than lying."""
    with pytest.raises(RejectedError, match="exceeds the operator's"):
        check_policy(replace(POLICY, challenger_bond=POLICY.operator_bond + 1), LOCAL, GWEI)


def test_a_fee_that_does_not_fit_is_refused() -> None:
    """48 bits of gwei: more would wrap into the operator's address."""
    with pytest.raises(RejectedError, match="too large"):
        check_policy(replace(POLICY, fee=2**48), LOCAL, GWEI)


def test_a_small_operators_bond_lowers_a_challengers_bond_nobody_named() -> None:
    """`--bond` alone must not fail over a default."""
    assert amended(POLICY, operator_bond=7, fee=None).challenger_bond == 7
    assert amended(POLICY, operator_bond=7, challenger_bond=9).challenger_bond == 9
