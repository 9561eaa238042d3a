"""Which requests an operator takes. Pure: what is known of the request and the clock are passed in."""

from dataclasses import dataclass

from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak

from oracle.canonical.model import Model
from oracle.chain.protocol import InputKind, Request
from oracle.metrics import SkipReason


@dataclass(frozen=True, slots=True)
class Terms:
    """What an operator accepts. Amounts in gwei, times in seconds; `software` is its own 32-byte hash."""

    operator: ChecksumAddress
    software: bytes
    min_fee: int
    max_bond: int
    margin: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is left alone: for a counter, and in words for a log."""

    reason: SkipReason
    words: str


def refusal(
    request: Request,
    packed_input: bytes,
    model: Model | None,
    *,
    deadline: float,
    now: float,
    terms: Terms,
    defence_seconds: float = 0.0,
) -> Refusal | None:
    """Why `terms` rule this request out; None: it is taken.

    `model` is the served model of the request's id, if any; `deadline` is when the open attempt ends and `now` the
    chain's time, in seconds since the epoch. `defence_seconds` is what defending its answer may take, all told.
    """
    policy = request.policy
    if model is None:
        return Refusal(SkipReason.UNKNOWN_MODEL, "its model is not served here")
    if not policy.is_open and policy.operator != terms.operator:
        return Refusal(SkipReason.OTHER_OPERATOR, f"it names another operator, {policy.operator}")
    if any(policy.software) and policy.software != terms.software[:6]:
        asked, ours = policy.software.hex(), terms.software[:6].hex()
        return Refusal(SkipReason.WRONG_SOFTWARE, f"it asks for software 0x{asked}, this is 0x{ours}")
    if policy.fee < terms.min_fee:
        return Refusal(SkipReason.FEE_TOO_LOW, f"its fee of {policy.fee} gwei is below {terms.min_fee}")
    if policy.operator_bond > terms.max_bond:
        return Refusal(SkipReason.BOND_TOO_HIGH, f"its bond of {policy.operator_bond} gwei is above {terms.max_bond}")
    shortest = min(policy.trace_time, policy.move_time)
    if shortest < defence_seconds:
        words = f"a dispute over it would leave {shortest} s for a move, and one may take {defence_seconds:.1f} s here"
        return Refusal(SkipReason.TIMES_TOO_SHORT, words)
    unfit = _input_refusal(request, packed_input, model)
    if unfit is not None:
        return unfit
    if deadline - now <= terms.margin:
        return Refusal(SkipReason.TOO_LATE, f"only {max(deadline - now, 0):.0f} s are left to answer")
    return None


def _input_refusal(request: Request, packed_input: bytes, model: Model) -> Refusal | None:
    if request.input_kind is not InputKind.BYTES:
        return Refusal(SkipReason.INPUT_NOT_FETCHED, "its input is not on chain, and this version fetches none")
    if keccak(packed_input) != request.input_hash:
        return Refusal(SkipReason.INVALID_INPUT, "its input does not match its hash")
    expected = sum(spec.nbytes for spec in model.inputs)
    if len(packed_input) != expected:
        words = f"its input has {len(packed_input)} bytes, the model takes {expected}"
        return Refusal(SkipReason.INVALID_INPUT, words)
    return None
