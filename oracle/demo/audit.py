"""Is all the money still there? Every wei of the demo's accounts, before and after, against gas and the contracts."""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_typing import ChecksumAddress

from oracle.chain.calls import OracleContract
from oracle.chain.provider import Provider
from oracle.errors import AssayError


@dataclass(frozen=True, slots=True)
class Books:
    """Wei by address, at a block: ether held, and stake in the oracle."""

    block: int
    ether: dict[ChecksumAddress, int]
    stake: dict[ChecksumAddress, int]
    oracle: ChecksumAddress

    @classmethod
    def take(cls, provider: Provider, oracle: OracleContract, addresses: Sequence[ChecksumAddress]) -> "Books":
        """Read them now, while nothing is sent; `addresses` are all who take part, contracts included."""
        everybody = dict.fromkeys((*addresses, oracle.address))
        return cls(
            provider.block_number(),
            {address: provider.balance(address) for address in everybody},
            {address: oracle.stake_of(provider, address).balance for address in everybody},
            oracle.address,
        )


@dataclass(frozen=True, slots=True)
class Audit:
    """Sums in wei: `before` = `after` + `gas`, and the oracle `held` what it owed, `stakes`."""

    before: int
    after: int
    gas: int
    held: int
    stakes: int


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
        sum(before.ether.values()), sum(after.ether.values()), gas, after.ether[after.oracle], sum(after.stake.values())
    )
    if found.before != found.after + found.gas:
        lost = found.before - found.after - found.gas
        raise AssayError(f"Money is not conserved: {lost} wei went missing between {before.block} and {after.block}.")
    if found.held != found.stakes:
        raise AssayError(f"The oracle holds {found.held} wei and owes {found.stakes}, with no request open.")
    return found


def require_earned(before: Books, after: Books, earned: dict[ChecksumAddress, int]) -> None:
    """Raise `AssayError` unless each operator's stake grew by the fees it earned, in wei."""
    for operator, fees in earned.items():
        grown = after.stake[operator] - before.stake[operator]
        if grown != fees:
            raise AssayError(f"The operator {operator} earned {fees} wei in fees, its stake grew by {grown}.")
