"""Bonds and patience: pure rules, for all amounts and times."""

from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.layers import Position
from oracle.chain.games import Turn, fold
from oracle.metrics import Declined
from oracle.services.watching.patience import turn_for
from oracle.services.watching.queue import Queue, Waiting
from oracle.services.watching.stakes import Limits, Purse, declined
from tests.unit.chain.playing import SECOND, SUBJECT, WINDOW_END, K, plays

amounts = st.integers(0, 10**21)
few = st.integers(0, 20)


@given(amounts, amounts, amounts, few, few, amounts, st.booleans())
def test_a_bond_is_placed_only_within_every_limit(bond, most, free, games, max_games, conviction, is_new):
    """Each limit is somebody's money."""
    why = declined(bond, Purse(free, games, conviction), Limits(most, max_games), is_new=is_new)
    fits = bond <= most and (not is_new or games < max_games) and free >= bond + (games + is_new) * conviction
    assert (why is None) is fits
    if why is not None and bond > most:
        assert why[0] is Declined.BOND_TOO_HIGH


@given(plays(), st.integers(0, 40), st.integers(0, 6))
def test_waiting_for_another_s_demand_never_loses_a_turn(play, seconds, tensor):
    """Whoever waits still has its turn a second later, or has nothing to wait for any more."""
    game = None
    for event in play.events:
        game = fold(game, event, SUBJECT, WINDOW_END)
    now = play.now + seconds
    position = Position(tensor, 0, 0)
    allowed = game.may_demand(SECOND, now, K)
    chosen = turn_for(game, position, SECOND, now, K)
    assert chosen in (allowed, Turn.WAIT)
    if chosen is not allowed:
        assert position in game.demands
        assert game.may_demand(SECOND, now + 1, K) is allowed
    if position not in game.demands:
        assert chosen is allowed


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 30)), max_size=30))
def test_answers_that_are_not_confirmed_come_first_then_what_is_due_first_each_once(drawn):
    """A backlog must not hide a wrong answer behind right ones."""
    queue, added = Queue(), {}
    for confirmed, deadline, name in drawn:
        waiting = Waiting(confirmed, deadline, bytes([name]), b"", b"")
        added.setdefault(waiting.game, waiting)
        queue.add(waiting)
    assert len(queue) == len(added)
    taken = [queue.pop() for _ in added]
    assert queue.pop() is None
    assert taken == sorted(added.values())
