"""Is all the money still there? Every wei of the demo's accounts, before and after, against gas and the contracts."""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_typing import ChecksumAddress

from oracle.chain.calls import OracleContract
from oracle.chain.dispute import DisputeContract
from oracle.chain.protocol import ZERO_ADDRESS
from oracle.chain.provider import Provider
from oracle.errors import AssayError

BURNT = ZERO_ADDRESS
"""Where burnt ether goes."""


@dataclass(frozen=True, slots=True)
class Books:
    """Wei by address, at a block: ether held, stake in the oracle, and credit of disputes."""

    block: int
    ether: dict[ChecksumAddress, int]
    stake: dict[ChecksumAddress, int]
    credit: dict[ChecksumAddress, int]
    oracle: ChecksumAddress
    dispute: ChecksumAddress

    @classmethod
    def take(
        cls,
        provider: Provider,
        oracle: OracleContract,
        dispute: DisputeContract,
        addresses: Sequence[ChecksumAddress],
    ) -> "Books":
        """Read them now, while nothing is sent; `addresses` are all who take part, contracts included."""
        everybody = dict.fromkeys((*addresses, oracle.address, dispute.address, BURNT))
        return cls(
            provider.block_number(),
            {address: provider.balance(address) for address in everybody},
            {address: oracle.stake_of(provider, address).balance for address in everybody},
            {address: dispute.credit_of(provider, address) for address in everybody},
            oracle.address,
            dispute.address,
        )


@dataclass(frozen=True, slots=True)
class Audit:
    """Sums in wei: `before` = `after` + `gas`; the oracle `held` what it owed, `stakes`; disputes held `credit`.

    `after` has what was burnt.
    """

    before: int
    after: int
    gas: int
    held: int
    stakes: int
    credit: int
    burnt: int


def audit(provider: Provider, before: Books, after: Books) -> Audit:
    """Compare two books with what every transaction between them paid for gas, by its receipt.

    Raises `AssayError` if a wei is missing or too many.
    """
    gas = sum(
        receipt.gas_used * receipt.effective_gas_price
        for number in range(before.block + 1, after.block + 1)
        for receipt in provider.receipts(number)
    )
    found = Audit(
        sum(before.ether.values()),
        sum(after.ether.values()),
        gas,
        after.ether[after.oracle],
        sum(after.stake.values()),
        sum(after.credit.values()),
        after.ether[BURNT] - before.ether[BURNT],
    )
    if found.before != found.after + found.gas:
        lost = found.before - found.after - found.gas
        raise AssayError(f"Money is not conserved: {lost} wei went missing between {before.block} and {after.block}.")
    if found.held != found.stakes:
        raise AssayError(f"The oracle holds {found.held} wei and owes {found.stakes}, with no request open.")
    if after.ether[after.dispute] != found.credit:
        held = after.ether[after.dispute]
        raise AssayError(f"The dispute contract holds {held} wei and owes {found.credit}, with no game open.")
    return found


def require_earned(before: Books, after: Books, earned: dict[ChecksumAddress, int]) -> None:
    """Raise `AssayError` unless each operator's stake grew by the fees it earned, in wei."""
    for operator, fees in earned.items():
        grown = after.stake[operator] - before.stake[operator]
        if grown != fees:
            raise AssayError(f"The operator {operator} earned {fees} wei in fees, its stake grew by {grown}.")
