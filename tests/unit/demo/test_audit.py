"""The demo's books: a wei too few or too many must be found."""

from dataclasses import replace

import pytest

from oracle.chain.provider import Receipt
from oracle.demo.audit import BURNT, Books, audit, require_earned
from oracle.errors import AssayError

BEFORE = Books(
    1,
    {"oracle": 10, "dispute": 5, BURNT: 0, "a": 100},  # type: ignore[dict-item]
    {"oracle": 0, "a": 10},  # type: ignore[dict-item]
    {"a": 5},  # type: ignore[dict-item]
    "oracle",  # type: ignore[arg-type]
    "dispute",  # type: ignore[arg-type]
)
AFTER = Books(
    3,
    {"oracle": 12, "dispute": 4, BURNT: 1, "a": 92},  # type: ignore[dict-item]
    {"oracle": 0, "a": 12},  # type: ignore[dict-item]
    {"a": 4},  # type: ignore[dict-item]
    "oracle",  # type: ignore[arg-type]
    "dispute",  # type: ignore[arg-type]
)


class Chain:
    """Each block after the first has one transaction that paid 3 wei."""

    def receipts(self, number: int) -> list[Receipt]:
        return [Receipt(bytes(32), number, bytes(32), 1, 3, 1, "a", "b")]  # type: ignore[arg-type]


def test_money_that_is_all_there_passes() -> None:
    """Before = after + gas, and the oracle holds what it owes."""
    found = audit(Chain(), BEFORE, AFTER)  # type: ignore[arg-type]
    assert (found.gas, found.credit, found.burnt) == (6, 4, 1)


@pytest.mark.parametrize("wei", [-1, 1])
def test_one_wei_is_missed(wei: int) -> None:
    """A check that tolerates a wei tolerates a bug."""
    wrong = replace(AFTER, ether={**AFTER.ether, "a": 92 + wei})
    with pytest.raises(AssayError, match="not conserved"):
        audit(Chain(), BEFORE, wrong)  # type: ignore[arg-type]


def test_an_oracle_that_owes_more_than_it_holds_is_found() -> None:
    """Solvency is the contract's first invariant."""
    with pytest.raises(AssayError, match="holds 12 wei and owes 13"):
        audit(Chain(), BEFORE, replace(AFTER, stake={"oracle": 0, "a": 13}))  # type: ignore[arg-type, dict-item]


def test_a_dispute_contract_that_owes_more_than_it_holds_is_found() -> None:
    """Bonds that were claimed must be there."""
    with pytest.raises(AssayError, match="holds 4 wei and owes 5"):
        audit(Chain(), BEFORE, replace(AFTER, credit={"a": 5}))  # type: ignore[arg-type, dict-item]


def test_fees_must_reach_the_operator() -> None:
    """The sum could be right while the wrong account is paid."""
    require_earned(BEFORE, AFTER, {"a": 2})  # type: ignore[dict-item]
    with pytest.raises(AssayError, match="earned 3 wei"):
        require_earned(BEFORE, AFTER, {"a": 3})  # type: ignore[dict-item]
