"""Right or wrong, and final or not: what follows, at every moment of an answer's life."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.calls import RequestStatus
from oracle.chain.events import Expired, Refuted, Settled, Voided
from oracle.chain.games import replay
from oracle.chain.protocol import RequestId, Status
from oracle.services.verdict import Standing, Verdict, change_of, standing_of, verdict_of
from tests.unit.chain.playing import ANSWERED_AT, OPENER, POLICY, SUBJECT, WINDOW_END, plays

ID = RequestId(b"\1" * 32)
WHO = SUBJECT.ref.operator


def status(kind: Status, time: int = ANSWERED_AT) -> RequestStatus:
    """What the oracle keeps of a request."""
    return RequestStatus(kind, 1, time, bytes(25), delivered=False)


def stands(kind: Status, now: int, *, disputes: bool = True) -> Standing:
    """How an answer stands that nothing has ended."""
    return standing_of(status(kind), POLICY, None, None, now, disputes=disputes)


def test_an_answer_can_be_challenged_until_its_window_ends() -> None:
    """Half open, as in the contract: at W it is too late, and a verdict that says otherwise sends people to fail."""
    assert stands(Status.ANSWERED, WINDOW_END - 1) is Standing.CHALLENGEABLE
    assert stands(Status.ANSWERED, WINDOW_END) is Standing.UNCHALLENGED


def test_nothing_can_be_challenged_where_there_are_no_disputes() -> None:
    """A deployment without a dispute contract makes wrong answers final: its verdict must say so at once."""
    standing = stands(Status.ANSWERED, ANSWERED_AT, disputes=False)
    assert verdict_of(right=False, standing=standing) is Verdict.WRONG_FINAL


@pytest.mark.parametrize(
    ("ending", "standing"),
    [
        (Settled(ID, WHO), Standing.FINAL),
        (Refuted(ID, WHO, OPENER, OPENER, 2), Standing.REFUTED),
        (Voided(ID, WHO, OPENER, OPENER), Standing.VOID),
        (Expired(ID), Standing.EXPIRED),
    ],
)
@pytest.mark.parametrize("kind", list(Status))
def test_what_ended_an_attempt_ended_it_for_good(ending: object, standing: Standing, kind: Status) -> None:
    """The request may be open again, or answered by somebody else: that is about another attempt."""
    found = standing_of(status(kind), POLICY, ending, None, ANSWERED_AT, disputes=True)  # type: ignore[arg-type]
    assert found is standing


@pytest.mark.parametrize(
    ("right", "standing", "verdict"),
    [
        (True, Standing.FINAL, Verdict.RIGHT_FINAL),
        (True, Standing.CHALLENGEABLE, Verdict.RIGHT_PROVISIONAL),
        (True, Standing.UNCHALLENGED, Verdict.RIGHT_PROVISIONAL),
        (True, Standing.DISPUTED, Verdict.RIGHT_PROVISIONAL),
        (True, Standing.WON, Verdict.RIGHT_PROVISIONAL),
        (True, Standing.REFUTED, Verdict.RIGHT_STRUCK),
        (True, Standing.VOID, Verdict.RIGHT_STRUCK),
        (False, Standing.CHALLENGEABLE, Verdict.WRONG_OPEN),
        (False, Standing.DISPUTED, Verdict.WRONG_OPEN),
        (False, Standing.REFUTED, Verdict.WRONG_STRUCK),
        (False, Standing.VOID, Verdict.WRONG_STRUCK),
        (False, Standing.FINAL, Verdict.WRONG_FINAL),
        (False, Standing.UNCHALLENGED, Verdict.WRONG_FINAL),
        (False, Standing.WON, Verdict.WRONG_FINAL),
    ],
)
def test_each_story_has_its_own_verdict(right: bool, standing: Standing, verdict: Verdict) -> None:
    """A script acts on the exit code: a wrong answer that can be stopped is not one that cannot."""
    assert verdict_of(right, standing) is verdict


def test_every_combination_has_a_verdict_and_every_verdict_is_reached() -> None:
    """None is impossible, none is forgotten; without a canonical run nothing is called right or wrong."""
    found = {
        (right, standing): verdict_of(right, standing) for right, standing in product((True, False, None), Standing)
    }
    assert set(found.values()) == set(Verdict)
    assert {found[None, standing] for standing in Standing} == {Verdict.UNJUDGED, Verdict.NO_ANSWER}
    assert [key for key, verdict in found.items() if verdict is Verdict.RIGHT_FINAL] == [(True, Standing.FINAL)]
    assert len({int(verdict) for verdict in Verdict}) == len({verdict.words for verdict in Verdict}) == len(Verdict)


def test_a_request_without_an_answer_can_still_be_answered() -> None:
    """Until its time is over, by whoever its terms admit."""
    assert stands(Status.REQUESTED, ANSWERED_AT) is Standing.NONE
    assert verdict_of(None, Standing.NONE) is verdict_of(right=True, standing=Standing.EXPIRED) is Verdict.NO_ANSWER
    change = change_of(Standing.NONE, status(Status.REQUESTED, 500), POLICY, None)
    assert change.until == 500 + POLICY.answer_time


def test_the_window_is_told_with_the_bond_it_takes() -> None:
    """Who finds a wrong answer needs to know by when, and how much."""
    change = change_of(Standing.CHALLENGEABLE, status(Status.ANSWERED), POLICY, None)
    assert change.until == WINDOW_END
    assert f"{POLICY.challenger_bond:,} gwei" in change.words


@given(plays(), st.integers(0, 200))
def test_in_a_dispute_the_next_clock_is_told(play, later: int) -> None:
    """The trace's, the earliest demand's, or the end's: after it, exactly one side can act."""
    game = replay(play.events, SUBJECT, WINDOW_END)
    assert game is not None
    now = play.now + later
    standing = standing_of(status(Status.DISPUTED), POLICY, None, game, now, disputes=True)
    assert (standing is Standing.WON) == game.is_resolvable(now)
    change = change_of(Standing.DISPUTED, status(Status.DISPUTED), POLICY, game)
    if not play.posted_at:
        assert change.until == game.trace_deadline
    else:
        dues = [due for _, due, revealed in play.demands.values() if not revealed]
        assert change.until == (min(dues) if dues else play.end)


def test_a_dispute_that_is_not_shown_is_said_to_be_missing() -> None:
    """An endpoint that keeps the dispute's logs back must not make an answer look undisputed."""
    change = change_of(Standing.DISPUTED, status(Status.DISPUTED), POLICY, None)
    assert "does not show" in change.words
    assert change.until is None


@pytest.mark.parametrize("standing", [Standing.FINAL, Standing.REFUTED, Standing.VOID, Standing.EXPIRED, Standing.WON])
def test_what_nobody_can_change_is_said_to_be_so(standing: Standing) -> None:
    """No clock is shown where none runs."""
    change = change_of(standing, status(Status.FINAL), POLICY, None)
    assert change.words.startswith("nobody")
    assert change.until is None
