"""The timing rules of disputes, checked in every order of moves within small bounds: docs/disputes.md section 6."""

import pytest

from tests.unit.model.explore import Broken, Explored, explore
from tests.unit.model.play import Cast, Play
from tests.unit.model.rules import Rules
from tests.unit.model.weakened import WEAKENED

EVEN = Rules(window=2, trace_time=3, proof_period=2, move_time=2, max_demands=2, per_move=1)
UNEVEN = Rules(window=4, trace_time=1, proof_period=2, move_time=3, max_demands=2, per_move=2)
DEEP = Rules(window=1, trace_time=2, proof_period=3, move_time=3, max_demands=3, per_move=2)
all_terms = pytest.mark.parametrize("rules", [EVEN, UNEVEN, DEEP], ids=["even", "uneven", "deep"])


def _explore(capsys: pytest.CaptureFixture[str], rules: Rules, cast: Cast) -> Explored:
    seen = explore(Play(rules, cast))
    with capsys.disabled():
        print(f" {seen.states:,} states ", end="")
    return seen


@all_terms
def test_an_honest_operator_is_never_refuted(capsys: pytest.CaptureFixture[str], rules: Rules) -> None:
    """Property 2: it acts in the last second of every clock, and others demand whatever they like."""
    seen = _explore(capsys, rules, Cast(depth=1, accounts=2, honest_operator=True))
    assert seen.outcomes == {"final", "upheld"}


@all_terms
@pytest.mark.parametrize("joins", [False, True], ids=["opens", "joins"])
def test_an_honest_challenger_never_loses(capsys: pytest.CaptureFixture[str], rules: Rules, joins: bool) -> None:
    """Property 3: the operator is silent when it likes, and its other account demands and joins to win time."""
    cast = Cast(depth=rules.max_demands, accounts=1, challenger=True, joins=joins)
    seen = _explore(capsys, rules, cast)
    assert seen.outcomes == {"proof", "silence"} | ({"final"} if joins else set())  # nobody challenged: none to join


@pytest.mark.parametrize(("rules", "accounts"), [(EVEN, 3), (UNEVEN, 2), (DEEP, 2)], ids=["even", "uneven", "deep"])
def test_one_verdict_at_a_time_when_nobody_is_honest(
    capsys: pytest.CaptureFixture[str], rules: Rules, accounts: int
) -> None:
    """Properties 1, 4 and 5: accounts stretch the game as far as it goes, and it can always be ended in one way."""
    seen = _explore(capsys, rules, Cast(depth=1, accounts=accounts))
    assert seen.outcomes == {"final", "proof", "silence", "upheld"}


def test_attack_1_games_dragged_out_in_every_way_end_within_the_bound(capsys: pytest.CaptureFixture[str]) -> None:
    """Last seconds, joins, repeats: with a long moveTime, the latest end seen is less than two moves below it."""
    rules = Rules(window=1, trace_time=1, proof_period=1, move_time=12, max_demands=2, per_move=12)
    seen = _explore(capsys, rules, Cast(depth=1, accounts=1))
    bound = rules.bound(fresh=rules.max_demands)
    assert bound - 2 * rules.move_time < seen.latest_end < bound


def test_a_challenger_with_more_to_demand_than_k_is_lost() -> None:
    """Why K is the number of layers of the deepest leaf."""
    with pytest.raises(Broken, match="one too many"):
        explore(Play(DEEP, Cast(depth=DEEP.max_demands + 1, accounts=0, challenger=True)))


@pytest.mark.parametrize("weakened", WEAKENED, ids=lambda weakened: weakened.__name__)
def test_a_weakened_rule_is_noticed(weakened: type[Rules]) -> None:
    """A mistake in one rule, by a second or a term, breaks a property somewhere: the checks can fail."""
    with pytest.raises(Broken):
        _explore_all(weakened)


def _explore_all(kind: type[Rules]) -> None:
    for terms in (EVEN, UNEVEN, DEEP):
        rules = kind(**vars(terms))
        explore(Play(rules, Cast(depth=1, accounts=1)))
        explore(Play(rules, Cast(depth=1, accounts=1, honest_operator=True)))
        explore(Play(rules, Cast(depth=rules.max_demands, accounts=1, challenger=True)))
