"""Whether a watcher bonds on a wrong answer. Pure: what it has and what things cost are passed in."""

from dataclasses import dataclass

from oracle.metrics import Declined


@dataclass(frozen=True, slots=True)
class Limits:
    """The most a watcher stakes: wei of one bond, and games with a bond of its own at a time."""

    max_bond: int
    max_games: int


@dataclass(frozen=True, slots=True)
class Purse:
    """What there is to stake. Amounts in wei.

    `free` is ether that no transaction under way will take, `games` the open games with a bond of ours, `conviction`
    what the gas of a whole conviction costs.
    """

    free: int
    games: int
    conviction: int


def declined(bond: int, purse: Purse, limits: Limits, *, is_new: bool) -> tuple[Declined, str] | None:
    """Why a bond of `bond` wei is not placed, for a counter and in words; None: it is.

    `is_new`: it would be the first of ours in its game. Gas is kept back for every game under way and for this one, so
    that none is begun that could not be ended.
    """
    if bond > limits.max_bond:
        return (
            Declined.BOND_TOO_HIGH,
            f"its bond of {_ether(bond)} ether is above the limit of {_ether(limits.max_bond)}",
        )
    if is_new and purse.games >= limits.max_games:
        return Declined.TOO_MANY_GAMES, f"{purse.games} games are under way, the most allowed"
    needed = bond + (purse.games + is_new) * purse.conviction
    if purse.free < needed:
        words = f"the bond and gas for every game under way take {_ether(needed)} ether, {_ether(purse.free)} are free"
        return Declined.TOO_LITTLE_ETHER, words
    return None


def _ether(wei: int) -> str:
    return f"{wei / 1e18:.6f}"
