"""When a challenger makes the demand it needs. Pure: the chain's time is passed in."""

from eth_typing import ChecksumAddress

from oracle.canonical.layers import Position
from oracle.chain.games import Game, Turn


def turn_for(game: Game, position: Position, owner: ChecksumAddress, now: int, max_demands: int) -> Turn:
    """How `owner` demands `position` at `now`; WAIT where it need not or must not yet, NO where it never can.

    What somebody else has demanded is revealed to all, so joining it is left until half the time is over that the chain
    has for its next demand, or that is left to open one after the proof period's half. No chain is ever lost by it.
    """
    turn = game.may_demand(owner, now, max_demands)
    if turn in (Turn.NO, Turn.WAIT) or position not in game.demands:
        return turn
    deadline = game.next_deadline(owner, now, max_demands)
    policy = game.subject.request.policy
    time = policy.move_time if turn is Turn.NEXT else policy.proof_period
    return Turn.WAIT if deadline is not None and 2 * (deadline - now) > time else turn
