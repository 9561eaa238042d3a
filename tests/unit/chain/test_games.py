"""Games folded from their events: the clocks of docs/disputes.md, whose turn it is, and what a reorg leaves."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.layers import Position
from oracle.chain.events import ChainOpened, Claimed, Demanded, DemandForfeited, Proven, Revealed, TracePosted, Upheld
from oracle.chain.games import ChainState, DemandState, Turn, fold, replay, verdict_of
from oracle.chain.protocol import Fault, Verdict
from tests.unit.chain.model_chain import OPERATOR
from tests.unit.chain.playing import (
    GAME,
    MOVE_TIME,
    OPENER,
    PROOF_PERIOD,
    SECOND,
    SUBJECT,
    THIRD,
    TRACE_TIME,
    WINDOW_END,
    K,
    Play,
    Timed,
    plays,
)

FIRST = Position(0, 0, 0)
NEXT = Position(1, 0, 0)


def folded(play):
    """The game of a play's events."""
    return replay(play.events, SUBJECT, WINDOW_END)


def opened(at=1_010):
    """A game just opened."""
    return folded(Play(at))


def after(game, *happened):
    """The game after events, given with their times."""
    for event, now in happened:
        game = fold(game, Timed(event, now), SUBJECT, WINDOW_END)
    return game


def posted(at=1_012):
    """A game with a trace."""
    return after(opened(), (TracePosted(GAME, b"\1" * 32, (b"\2" * 32,)), at))


@given(plays())
def test_the_fold_holds_what_the_contract_holds(play):
    """Whoever plays from logs alone must see the game that the contract plays."""
    game = folded(play)
    assert game.verdict == Verdict[play.over or "OPEN"]
    assert game.is_open == (not play.over)
    assert (game.posted_at or 0, game.latest, game.last_due) == (play.posted_at, play.latest, play.last_due)
    assert {p: [d.owner, d.due, d.revealed_at or 0] for p, d in game.demands.items()} == play.demands
    assert {o: [c.bonds, c.demands, c.last, c.demanded_at] for o, c in game.chains.items()} == play.chains
    assert set(game.open_demands) == {p for p, (_, _, revealed_at) in play.demands.items() if not revealed_at}
    assert set(game.revealed) | set(game.open_demands) == set(game.demands)
    if play.posted_at:
        assert (game.openings_end, game.end) == (play.openings_end, play.end)
    else:
        assert (game.openings_end, game.end) == (None, None)


@given(plays(), st.integers(0, 60))
def test_at_each_second_one_side_at_most_may_act_on_a_clock(play, later):
    """Two verdicts possible at once would let the order of transactions decide."""
    game, now = folded(play), play.now + later
    forfeited = game.forfeited(now) is not None or game.is_trace_forfeited(now)
    assert not (game.is_resolvable(now) and (forfeited or game.is_provable(now) or game.is_program_provable(now)))
    assert not (game.is_trace_forfeited(now) and game.is_program_provable(now))
    if game.is_resolvable(now):
        assert {game.may_demand(owner, now, K) for owner in (OPENER, SECOND, THIRD)} == {Turn.NO}
    if not game.is_open:
        assert not forfeited
        assert not any((game.is_resolvable(now), game.is_provable(now), game.is_program_provable(now)))


@given(plays(), st.integers(0, 30), st.sampled_from([OPENER, SECOND, THIRD]))
def test_whose_turn_it_is_follows_the_contract(play, later, owner):
    """A demand sent out of turn costs gas; one not sent in time costs the game."""
    play.now += later
    game, now = folded(play), play.now
    turn = game.may_demand(owner, now, K)
    if play.over:
        assert turn is Turn.NO
        return
    _, demands, last, _ = play.chains.get(owner, [0, 0, None, 0])
    waits = last is not None and not play.demands[last][2]
    assert (turn is Turn.WAIT) == waits
    assert (turn in (Turn.FIRST, Turn.NEXT)) == play.may_go_on(owner)
    if turn is Turn.FIRST:
        assert demands == 0
    if turn is Turn.BOND:
        assert now < play.openings_end
    if turn is Turn.NO and play.posted_at:
        assert now >= play.openings_end
    deadline = game.next_deadline(owner, now, K)
    assert (deadline is None) == (turn is Turn.NO)
    if turn in (Turn.FIRST, Turn.NEXT, Turn.BOND):
        assert game.may_demand(owner, deadline - 1, K) is turn
        assert game.may_demand(owner, deadline, K) in (Turn.NO, Turn.BOND)
    if turn is Turn.WAIT:
        assert deadline == play.demands[last][1]


@given(plays(), st.data())
def test_a_reorg_leaves_the_game_of_the_events_that_are_left(play, data):
    """The fold of a prefix is the game as it stood, and folding on from it is the same as folding everything."""
    cut = data.draw(st.integers(1, len(play.events)))
    game = replay(play.events[:cut], SUBJECT, WINDOW_END)
    for timed in play.events[cut:]:
        game = fold(game, timed, SUBJECT, WINDOW_END)
    assert game == folded(play)


@given(plays())
def test_bonds_are_claimed_once(play):
    """A chain's bonds are its owner's until claimed, and none after."""
    for owner in play.chains:
        play.claim(owner)
    assert all(chain.bonds == 0 for chain in folded(play).chains.values())


@pytest.mark.parametrize(("at", "openings_end"), [(1_012, WINDOW_END), (WINDOW_END + 4, WINDOW_END + 4)])
def test_chains_can_be_opened_for_the_proof_period_after_window_and_trace(at, openings_end):
    """E = max(W, p) + P: who disagrees with a late trace has as long as with an early one."""
    game = posted(at)
    assert game.openings_end == openings_end + PROOF_PERIOD
    assert game.end == openings_end + PROOF_PERIOD + MOVE_TIME
    assert not game.is_resolvable(game.end - 1)
    assert game.is_provable(game.end - 1)
    assert game.is_resolvable(game.end)
    assert not game.is_provable(game.end)


def test_the_end_moves_with_the_latest_due_and_reveal():
    """H = max(E, L) + m: whoever gets an answer late can still use it."""
    late = WINDOW_END + PROOF_PERIOD - 1
    game = after(posted(), (Demanded(GAME, OPENER, FIRST, late + MOVE_TIME), late))
    assert (game.latest, game.last_due, game.end) == (late + MOVE_TIME, late + MOVE_TIME, late + 2 * MOVE_TIME)
    game = after(game, (Revealed(GAME, FIRST, b"data"), late + 4))
    assert (game.latest, game.end) == (late + 4 + MOVE_TIME, late + 4 + 2 * MOVE_TIME)
    assert game.last_due == late + MOVE_TIME


def test_a_missing_trace_is_forfeited_from_its_deadline_on():
    """T counts from the challenge, and the second c + T is the challengers' already."""
    game = opened(1_010)
    assert game.trace_deadline == 1_010 + TRACE_TIME
    assert not game.is_trace_forfeited(1_010 + TRACE_TIME - 1)
    assert game.is_program_provable(1_010 + TRACE_TIME - 1)
    assert game.is_trace_forfeited(1_010 + TRACE_TIME)
    assert not game.is_program_provable(1_010 + TRACE_TIME)
    assert not posted().is_trace_forfeited(5_000)


def test_the_opener_s_first_chain_is_covered_by_the_challenge():
    """Everybody else pays a bond; so does the opener for a second one."""
    game = posted()
    assert game.bond == SUBJECT.request.policy.challenger_bond * 10**9
    assert opened().may_demand(OPENER, 1_011, K) is Turn.NO
    assert game.may_demand(OPENER, 1_013, K) is Turn.FIRST
    assert game.may_demand(SECOND, 1_013, K) is Turn.BOND
    game = after(game, (Demanded(GAME, OPENER, FIRST, 1_018), 1_013), (Revealed(GAME, FIRST, b""), 1_014))
    assert game.may_demand(OPENER, 1_014 + MOVE_TIME - 1, K) is Turn.NEXT
    assert game.may_demand(OPENER, 1_014 + MOVE_TIME, K) is Turn.BOND
    assert game.may_demand(OPENER, game.openings_end, K) is Turn.NO


def test_a_chain_ends_with_its_last_demand_and_a_bond_starts_the_count_anew():
    """K demands reach any leaf; more would let one bond stretch the game for ever."""
    game = posted()
    for i in range(K):
        position = Position(i, 0, 0)
        game = after(game, (Demanded(GAME, OPENER, position, 1_020), 1_014), (Revealed(GAME, position, b""), 1_015))
    assert game.may_demand(OPENER, 1_016, K) is Turn.BOND
    assert game.may_demand(OPENER, 1_016, K + 1) is Turn.NEXT
    game = after(game, (ChainOpened(GAME, OPENER), 1_016))
    assert game.chains[OPENER] == ChainState(bonds=2)


def test_a_demand_that_joins_another_shares_its_reveal():
    """The first who made it stays its finder; both go on when it is revealed."""
    game = after(
        posted(),
        (Demanded(GAME, OPENER, FIRST, 1_018), 1_013),
        (ChainOpened(GAME, SECOND), 1_014),
        (Demanded(GAME, SECOND, FIRST, 1_018), 1_014),
    )
    assert game.demands == {FIRST: DemandState(OPENER, 1_018, joined=(SECOND,))}
    assert {game.may_demand(owner, 1_015, K) for owner in (OPENER, SECOND)} == {Turn.WAIT}
    game = after(game, (Revealed(GAME, FIRST, b"here"), 1_015))
    assert {game.may_demand(owner, 1_016, K) for owner in (OPENER, SECOND)} == {Turn.NEXT}
    assert game.revealed == {FIRST: b"here"}


def test_a_position_somebody_else_had_revealed_restarts_the_clock_of_who_demands_it():
    """Else a liar's second account could take an honest chain's next demand away while its clock runs out."""
    game = after(
        posted(),
        (Demanded(GAME, OPENER, FIRST, 1_018), 1_013),
        (Revealed(GAME, FIRST, b"one"), 1_014),
        (ChainOpened(GAME, SECOND), 1_014),
        (Demanded(GAME, SECOND, NEXT, 1_021), 1_014),
        (Revealed(GAME, NEXT, b"two"), 1_014),
        (Demanded(GAME, OPENER, NEXT, 1_021), 1_018),
    )
    assert game.demands[NEXT] == DemandState(SECOND, 1_021, 1_014, b"two", (OPENER,))
    assert game.may_demand(OPENER, 1_018 + MOVE_TIME - 1, K) is Turn.NEXT
    assert game.next_deadline(OPENER, 1_018, K) == 1_018 + MOVE_TIME
    assert game.latest == 1_018 + MOVE_TIME
    assert game.open_demands == {}


def test_the_demand_that_falls_due_first_comes_first():
    """An operator reveals in this order, and a forfeit names the longest overdue."""
    game = after(posted(), (Demanded(GAME, OPENER, NEXT, 1_018), 1_013), (Demanded(GAME, OPENER, FIRST, 1_021), 1_013))
    assert list(game.open_demands) == [NEXT, FIRST]
    assert game.forfeited(1_017) is None
    assert game.forfeited(1_018) == NEXT
    assert not game.is_resolvable(5_000)


@pytest.mark.parametrize(
    ("event", "verdict"),
    [
        (Upheld(GAME, OPERATOR, 1, 1), Verdict.UPHELD),
        (DemandForfeited(GAME, OPENER, FIRST), Verdict.REFUTED),
        (Proven(GAME, OPENER, OPENER, Fault.STEP, 1, 1), Verdict.REFUTED),
        (Proven(GAME, OPENER, OPENER, Fault.ANSWER, 1, 1), Verdict.REFUTED),
        (Proven(GAME, OPENER, OPENER, Fault.MODEL, 0, 0), Verdict.VOIDED),
        (Proven(GAME, OPENER, OPENER, Fault.OPERAND, 1, 0), Verdict.VOIDED),
    ],
)
def test_an_ending_says_how_the_game_ended(event, verdict):
    """A fault of the program voids the request; every other fault, and silence, refutes the answer."""
    game = after(posted(), (event, 1_030))
    assert (game.verdict, game.ended_at, game.ending) == (verdict, 1_030, event)
    assert verdict_of(event) is verdict
    assert game.may_demand(SECOND, 1_031, K) is Turn.NO


def test_what_an_endpoint_kept_back_does_not_stop_the_rest():
    """Logs can be withheld for a while; the operator's defence must not stop for it."""
    game = after(posted(), (Revealed(GAME, FIRST, b"x"), 1_014), (Demanded(GAME, SECOND, NEXT, 1_020), 1_015))
    assert game.revealed == {FIRST: b"x"}
    assert list(game.open_demands) == [NEXT]
    assert after(None, (Revealed(GAME, FIRST, b"x"), 1_014)) is None
    assert after(game, (None, 1_016)) == game
    assert after(game, (Claimed(GAME, THIRD, 1), 1_016)).chains[THIRD] == ChainState(bonds=0)


def test_a_later_attempt_is_another_game():
    """Nothing of an old game may touch the next operator's answer."""
    ids = {replace(SUBJECT, attempt=attempt).game_id(1, OPERATOR) for attempt in range(1, 9)}
    assert len(ids) == 8
    assert all(len(game_id) == 32 for game_id in ids)
