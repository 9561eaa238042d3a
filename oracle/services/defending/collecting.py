"""Taking out what won disputes have credited to an account."""

from oracle.chain.dispute import DisputeContract
from oracle.chain.gas import move_limit
from oracle.chain.provider import Provider
from oracle.metrics import Purpose
from oracle.services.defending.underway import Underway
from oracle.services.moves import Moves


def collect(dispute: DisputeContract, provider: Provider, moves: Moves, *, above: int) -> bool:
    """Withdraw all credit of the account that moves to itself if it is `above` wei or more; whether that was sent."""
    credit = dispute.credit_of(provider, moves.address)
    if credit < above or Underway(dispute, moves.underway(dispute.address)).has("withdraw"):
        return False
    call = dispute.withdraw(credit, moves.address)
    what = f"withdraw {credit / 1e18:.6f} ether of credit"
    return moves.send(call, purpose=Purpose.OTHER, gas_limit=move_limit(len(call.data)), what=what)
