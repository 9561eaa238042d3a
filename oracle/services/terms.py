"""Which requests an operator takes. Pure: what is known of the request and the clock are passed in."""

from dataclasses import dataclass

from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak

from oracle.canonical.model import Model
from oracle.chain.protocol import InputKind, Request


@dataclass(frozen=True, slots=True)
class Terms:
    """What an operator accepts. Amounts in gwei, times in seconds; `software` is its own 32-byte hash."""

    operator: ChecksumAddress
    software: bytes
    min_fee: int
    max_bond: int
    margin: float


def refusal(
    request: Request, packed_input: bytes, model: Model | None, *, deadline: float, now: float, terms: Terms
) -> str | None:
    """Why `terms` rule this request out, in words for a log; None: it is taken.

    `model` is the served model of the request's id, if any; `deadline` is when the open attempt ends and `now` the
    chain's time, in seconds since the epoch.
    """
    policy = request.policy
    if model is None:
        return "its model is not served here"
    if not policy.is_open and policy.operator != terms.operator:
        return f"it names another operator, {policy.operator}"
    if any(policy.software) and policy.software != terms.software[:6]:
        return f"it asks for software 0x{policy.software.hex()}, this is 0x{terms.software[:6].hex()}"
    if policy.fee < terms.min_fee:
        return f"its fee of {policy.fee} gwei is below {terms.min_fee}"
    if policy.operator_bond > terms.max_bond:
        return f"its bond of {policy.operator_bond} gwei is above {terms.max_bond}"
    if request.input_kind is not InputKind.BYTES:
        return "its input is not on chain, and this version fetches none"
    if keccak(packed_input) != request.input_hash:
        return "its input does not match its hash"
    expected = sum(spec.nbytes for spec in model.inputs)
    if len(packed_input) != expected:
        return f"its input has {len(packed_input)} bytes, the model takes {expected}"
    if deadline - now <= terms.margin:
        return f"only {max(deadline - now, 0):.0f} s are left to answer"
    return None
