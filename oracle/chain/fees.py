"""What to pay for a transaction, and when to pay more, wait or give up. Pure: the clock is passed in."""

from dataclasses import dataclass
from enum import Enum

from oracle.errors import FundsError

GWEI = 10**9

# Nodes refuse a replacement unless both fees rise by a tenth (go-ethereum's `PriceBump`, anvil's and reth's too).
MINIMUM_BUMP_PERCENT = 10


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 fees in wei a gas."""

    max_fee: int
    priority_fee: int


@dataclass(frozen=True, slots=True)
class FeeRules:
    """How far to go. Fees in wei a gas, times in seconds."""

    max_fee: int = 500 * GWEI
    min_priority: int = GWEI // 10
    bump_percent: int = 12
    bump_after: float = 30.0
    max_bumps: int = 8
    give_up_after: float = 3600.0


@dataclass(frozen=True, slots=True)
class Pending:
    """A sent transaction as the rules see it. Times in seconds since the epoch, gas in units, value in wei."""

    fees: Fees
    gas_limit: int
    value: int
    first_sent_at: float
    last_sent_at: float
    bumps: int
    cancelling: bool = False


class Step(Enum):
    """What to do about a pending transaction."""

    WAIT = "wait"
    REBROADCAST = "rebroadcast"
    REPLACE = "replace"
    CANCEL = "cancel"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Decision:
    """A step, the fees of a replacement or cancellation, and why."""

    step: Step
    reason: str
    fees: Fees | None = None


def opening(base_fee: int, suggested_priority: int, rules: FeeRules) -> Fees:
    """Fees of a first sending: room for the base fee to double, the cap permitting.

    Raises `FundsError` if the base fee alone is above the cap.
    """
    if base_fee > rules.max_fee:
        raise FundsError(
            f"The base fee is {base_fee / GWEI:.3g} gwei, above the cap of {rules.max_fee / GWEI:.3g}.",
            hint="Wait, or raise `fees.max_fee_gwei`.",
        )
    priority = max(suggested_priority, rules.min_priority)
    max_fee = min(2 * base_fee + priority, rules.max_fee)
    return Fees(max_fee, min(priority, max_fee))


def decide(tx: Pending, *, now: float, base_fee: int, balance: int, rules: FeeRules) -> Decision:
    """What to do about a transaction that is not mined at `now`.

    It is replaced with both fees `bump_percent` higher (at least a tenth, or nodes refuse) once `bump_after` has
    passed, up to `max_bumps` times, and whenever the base fee has outgrown it; below the cap, and only if the account
    can pay. After `give_up_after` it is cancelled, so that its nonce does not block the ones behind it. What can go no
    further is sent again as it is.
    """
    if now - tx.last_sent_at < rules.bump_after:
        return Decision(Step.WAIT, "recently sent")
    giving_up = not tx.cancelling and now - tx.first_sent_at >= rules.give_up_after
    if tx.bumps >= rules.max_bumps and not giving_up and base_fee <= tx.fees.max_fee:
        return Decision(Step.REBROADCAST, f"replaced {tx.bumps} times already")
    percent = max(rules.bump_percent, MINIMUM_BUMP_PERCENT)
    fees = Fees(
        max(_raised(tx.fees.max_fee, percent), 2 * base_fee + tx.fees.priority_fee),
        _raised(tx.fees.priority_fee, percent),
    )
    if fees.max_fee > rules.max_fee:
        fees = Fees(rules.max_fee, min(fees.priority_fee, rules.max_fee))
        if fees.max_fee < _raised(tx.fees.max_fee, MINIMUM_BUMP_PERCENT):
            return Decision(Step.REBROADCAST, "the fee cap is reached")
    gas, value = (21_000, 0) if giving_up else (tx.gas_limit, tx.value)
    if fees.max_fee * gas + value > balance:
        return Decision(Step.HOLD, "the account cannot pay a higher fee")
    if giving_up:
        return Decision(Step.CANCEL, f"not mined in {rules.give_up_after:.0f} s", fees)
    return Decision(Step.REPLACE, f"not mined in {now - tx.last_sent_at:.0f} s", fees)


def _raised(fee: int, percent: int) -> int:
    return max(-(-fee * (100 + percent) // 100), fee + 1)
