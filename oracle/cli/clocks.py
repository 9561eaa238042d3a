"""Where a game stands, whose clock runs and until when, in words. Times are the chain's."""

from oracle.canonical.layers import Position
from oracle.chain.games import Game
from oracle.chain.protocol import GWEI, Verdict
from oracle.cli.units import show_duration, show_ether

_ENDED = {
    Verdict.UPHELD: "upheld: the answer is final",
    Verdict.REFUTED: "refuted: the answer was wrong, or its operator silent",
    Verdict.VOIDED: "voided: the program is malformed",
}


def standing(game: Game, now: int) -> str:
    """What can happen next in a game, and until when."""
    if not game.is_open:
        return _ENDED[game.verdict]
    if game.posted_at is None:
        left = game.trace_deadline - now
        if left <= 0:
            return "the operator posted no trace: anyone may forfeit it"
        return f"the operator has {show_duration(left)} to post its trace"
    waiting = game.open_demands
    if waiting:
        position, demand = next(iter(waiting.items()))
        more = f", {len(waiting) - 1} more wait" if len(waiting) > 1 else ""
        left = demand.due - now
        if left <= 0:
            return f"{place(position)} was not revealed: anyone may forfeit it{more}"
        return f"the operator has {show_duration(left)} to reveal {place(position)}{more}"
    if game.is_resolvable(now):
        return "nothing was proven: anyone may resolve it, and the answer is upheld"
    end, openings_end = game.end or now, game.openings_end or now
    opening = f"chains can be opened for {show_duration(openings_end - now)}, " if now < openings_end else ""
    return f"{opening}faults proven for {show_duration(end - now)}; then it is upheld"


def clock(game: Game, now: int) -> int | None:
    """Seconds until the next deadline of an open game, negative when it has passed; None for one that has ended."""
    if not game.is_open:
        return None
    if game.posted_at is None:
        return game.trace_deadline - now
    dues = [demand.due for demand in game.open_demands.values()]
    return min(dues, default=game.end or now) - now


def bonds(game: Game) -> str:
    """What is at stake: the operator's bond and the challengers'."""
    held = sum(chain.bonds for chain in game.chains.values())
    operator = show_ether(game.subject.request.policy.operator_bond * GWEI)
    return f"{operator} ether against {held} of {show_ether(game.bond)}"


def place(position: Position) -> str:
    """A position in words."""
    what = "trace" if position.is_trace else f"tensor {position.tensor}"
    return f"{what}, layer {position.layer}, part {position.index}"
