"""Every state a game can reach, one by one."""

from dataclasses import dataclass

from tests.unit.model.play import Play, State, Violation
from tests.unit.model.rules import NOT_YET


@dataclass(frozen=True)
class Explored:
    """What was seen: how many states, by which outcomes games ended, and the latest H of any."""

    states: int
    outcomes: frozenset[str]
    latest_end: int


class Broken(AssertionError):
    """A property that does not hold, with the shortest story that leads there."""


def explore(play: Play) -> Explored:
    """Visit every state breadth first. Raises `Broken` at the first that violates a property."""
    came_from: dict[State, tuple[str, State] | None] = {play.start: None}
    layer, outcomes, latest = [play.start], set[str](), 0
    while layer:
        following = []
        for state in layer:
            try:
                ends = play.outcomes(state)
                outcomes.update(ends)
                if _is_over(play, state, ends):
                    continue
                moves = list(play.moves(state))
                _check_moves(play, state, moves)
            except Violation as violation:
                raise Broken(f"{violation}:\n{_story(came_from, state)}") from violation
            for move, after in moves:
                if after not in came_from:
                    came_from[after] = (move, state)
                    following.append(after)
            if state.game.posted != NOT_YET:
                latest = max(latest, play.rules.end(state.game))
        layer = following
    return Explored(len(came_from), frozenset(outcomes), latest)


def _is_over(play: Play, state: State, ends: list[str]) -> bool:
    """Whether nothing that happens from here on matters: the game has ended, or somebody honest ends it.

    An honest challenger forfeits and proves; what it may do stays possible until the end, which `outcomes` checks.
    """
    if state.game.posted == NOT_YET:
        return bool(ends)
    if play.cast.challenger and ends:
        return True
    return state.now >= play.rules.end(state.game) and not any(move != "tick" for move, _ in play.moves(state))


def _check_moves(play: Play, state: State, moves: list[tuple[str, State]]) -> None:
    if not moves:
        raise Violation("somebody honest must act now and cannot")
    at_end = state.game.posted != NOT_YET and state.now >= play.rules.end(state.game)
    if at_end and any(move != "tick" for move, _ in moves):
        raise Violation("the game goes on after its end")


def _story(came_from: dict[State, tuple[str, State] | None], state: State) -> str:
    lines = [f"{state.now:>4}  {state}"]
    while (step := came_from[state]) is not None:
        move, state = step
        lines.append(f"{state.now:>4}  {move}")
    return "\n".join(reversed(lines))
