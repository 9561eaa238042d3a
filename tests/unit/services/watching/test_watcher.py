"""The watcher: wrong answers are convicted whatever happens in between, right ones are left alone."""

import pytest
from structlog.testing import capture_logs

from oracle.canonical import pursuit
from oracle.canonical.claims import NodeOpening
from oracle.canonical.layers import Position
from oracle.canonical.program_fault import NodeClaim
from oracle.chain.events import ChainOpened, Demanded
from oracle.chain.protocol import Verdict
from oracle.errors import ConfigError
from oracle.metrics import Declined, JudgedAs
from oracle.services.watching.library import Malformed
from tests.adversary import liars, scenes
from tests.adversary.table import Refused
from tests.unit.chain.mempool import ME, no_funds
from tests.unit.chain.model_chain import OPERATOR, requested
from tests.unit.services.watching.court import Court, make_watcher
from tests.unit.services.world import OTHER, World, answered_by, ask

SMALL = scenes.chain(8, 300)
LONG = scenes.chain(300, 70)
WRONG = liars.shifted(SMALL, 4, 130, by=1 << 22)


@pytest.fixture
def world(tmp_path):
    """A chain with disputes, and the models announced."""
    made = World(tmp_path, (), disputed=True)
    made.node.wealth = 10**21
    for scene in (SMALL, LONG):
        made.publish(scene.model)
    yield made
    made.store.close()


def run(world, court, make, rounds=60):
    """Steps of a watcher, made anew for each where `make` does, and blocks, until the game is over and claimed."""
    for _ in range(rounds):
        world.follower.follow()
        make().step()
        world.follower.look_after()
        court.play()
        game = court.game
        if game is not None and not game.is_open and not world.store.games.claimable(ME):
            return
    raise AssertionError(f"no verdict after {rounds} rounds: {world.sent()}")


@pytest.mark.parametrize("scene", [SMALL, LONG], ids=["roots posted", "roots demanded"])
def test_every_wrong_answer_is_convicted_by_a_watcher_that_is_restarted_at_every_step(world, scene):
    """Nothing it must know is in its memory: killed anywhere, it goes on from the chain."""
    played = 0
    for salt, lie in enumerate(liars.every_lie(scene, 7)):
        if lie.answer == scene.answer:
            continue
        try:
            court = Court(world, scene, lie, salt=salt)
        except Refused:
            continue
        world.node.seen.clear()
        run(world, court, lambda: make_watcher(world, scene))
        assert court.game.verdict is Verdict.REFUTED, lie.name
        played += 1
    assert played >= 6


def test_a_right_answer_is_left_alone(world):
    """A bond on it would be lost."""
    Court(world, SMALL, liars.truth(SMALL))
    watcher = make_watcher(world, SMALL)
    for _ in range(3):
        watcher.step()
    assert world.sent() == []
    assert world.metrics.answers_judged.labels(JudgedAs.RIGHT)._value.get() == 1


def once(make):
    """One watcher for all steps."""
    watcher = make
    return lambda: watcher


def test_an_operator_that_posts_nothing_is_convicted_by_its_silence(world):
    """A lie that cannot be looked at is worth no more than one that can."""
    court = Court(world, SMALL, WRONG, posts=False)
    run(world, court, once(make_watcher(world, SMALL)))
    assert world.sent() == ["challenge", "forfeitTrace", "claim"]


@pytest.mark.parametrize("layer", [0, 1])
def test_an_operator_that_reveals_nothing_more_is_convicted_by_its_silence(world, layer):
    """Whatever it does not show is forfeited when it is due, and not before: the court would refuse."""
    court = Court(world, LONG, liars.shifted(LONG, 150, 3, by=1 << 22), silent=lambda position: position.layer >= layer)
    run(world, court, once(make_watcher(world, LONG)))
    assert world.sent()[-2:] == ["forfeitDemand", "claim"]
    assert court.game.verdict is Verdict.REFUTED


def test_attack_08_a_game_the_liar_opened_itself_is_joined_with_a_chain_of_our_own(world):
    """Its own challenge must not keep others out: nobody would demand, and the wrong answer would be upheld."""
    court = Court(world, SMALL, WRONG)
    court.opened_by(OTHER)
    run(world, court, once(make_watcher(world, SMALL)))
    assert world.sent() == ["openChain", "proveStep", "claim"]
    assert court.game.verdict is Verdict.REFUTED


def test_attack_50_what_others_have_had_revealed_is_used_and_needs_no_bond(world):
    """Overtaken at every demand, a watcher proves all the same, with what the chain shows by then."""
    court = Court(world, SMALL, WRONG)
    court.opened_by(OTHER)
    court.play()
    position = Position(4, 0, 0)
    node, path = SMALL.honest.program.encoded[4], SMALL.honest.program.path(4)
    court.table.demand(pursuit.DemandMove(position, node, path))
    court.tell(Demanded(court.id, OTHER, position, court.game.posted_at + 200))
    court.play()
    run(world, court, once(make_watcher(world, SMALL)))
    assert world.sent() == ["proveStep"]


def test_attack_50_a_challenge_somebody_else_was_first_with_is_not_sent_again(world):
    """The call would revert; the game is joined once it is known."""
    court = Court(world, SMALL, WRONG)
    world.node.refused["challenge"] = "Dispute_AlreadyChallenged"
    watcher = make_watcher(world, SMALL)
    watcher.step()
    assert world.sent() == []
    court.opened_by(OTHER)
    run(world, court, once(watcher))
    assert "challenge" not in world.sent()
    assert court.game.verdict is Verdict.REFUTED


def test_attack_08_a_demand_that_a_sham_has_open_is_joined_before_the_chain_s_time_is_over(world):
    """To wait for another's demand costs nothing; to wait too long would cost the right to demand at all."""
    court = Court(world, SMALL, WRONG, silent=lambda _position: True, move_time=600, proof_period=240)
    court.opened_by(OTHER)
    court.play()
    position = Position(4, 0, 0)
    node, path = SMALL.honest.program.encoded[4], SMALL.honest.program.path(4)
    court.table.demand(pursuit.DemandMove(position, node, path))
    court.tell(Demanded(court.id, OTHER, position, court.game.posted_at + 5_000))
    watcher = make_watcher(world, SMALL)
    end = court.game.openings_end
    while not world.sent():
        world.follower.follow()
        watcher.step()
        world.mine()
        assert world.chain.blocks[-1].timestamp < end
    joined_at = world.chain.blocks[-2].timestamp
    assert end - 120 <= joined_at < end
    assert world.sent() == ["openChain"]


def test_an_input_that_fits_no_model_makes_any_answer_wrong(world):
    """There is no right answer to it, so nobody may answer."""
    court = Court(world, SMALL, liars.truth(SMALL), packed=SMALL.packed + b"x")
    run(world, court, once(make_watcher(world, SMALL)))
    assert world.sent() == ["challenge", "proveInput", "claim"]


def test_attack_80_an_input_that_no_node_reads_wins_no_game_by_its_length(world):
    """A right answer is left alone whatever came with the request, and a wrong one is convicted all the same."""
    unread = scenes.unread()
    world.publish(unread.model)
    watcher = make_watcher(world, unread)
    Court(world, unread, liars.truth(unread), salt=1, packed=unread.packed + b"x")
    for _ in range(3):
        watcher.step()
    assert world.sent() == []
    court = Court(world, unread, liars.wrong_answer(unread, 3, 100), salt=2, packed=unread.packed + b"x")
    run(world, court, once(watcher))
    assert court.game.verdict is Verdict.REFUTED
    assert world.sent() == ["challenge", "proveAnswer", "claim"]


def test_attack_84_a_demand_in_the_pool_is_hurried_though_another_s_changes_what_ours_would_be(world):
    """Somebody else's demand makes the node needless; ours with the node is under way, and must not be forgotten."""
    court = Court(world, SMALL, WRONG, move_time=600)
    watcher = make_watcher(world, SMALL)
    for _ in range(2):
        watcher.step()
        (pending,) = world.store.transactions.pending(ME)
        if len(world.sent()) == 1:
            court.play()
            world.follower.follow()
    assert world.sent() == ["challenge", "demand"]
    position = Position(4, 0, 0)
    court.tell(ChainOpened(court.id, OTHER), Demanded(court.id, OTHER, position, court.game.posted_at + 5_000))
    while world.chain.blocks[-1].timestamp < court.game.openings_end - 60:
        world.mine()
    world.follower.follow()
    hurried = []
    watcher._moves.underway = lambda _to, data=None: [pending] if data in (None, pending.data) else []
    watcher._moves.hurry = lambda move, left: hurried.append((move.data, left))
    watcher.step()
    assert [data for data, _ in hurried] == [pending.data]
    assert 0 < hurried[0][1] <= 60
    assert world.sent() == ["challenge", "demand"]


def test_attack_40_an_answer_for_a_malformed_program_is_voided_before_any_trace(world):
    """That the program is malformed needs no trace to be shown."""
    court = Court(world, SMALL, liars.truth(SMALL), posts=False)
    claim = NodeClaim(NodeOpening(2, SMALL.honest.program.encoded[2], SMALL.honest.program.path(2)))

    class Bad:
        def watches(self, _model_id):
            return True

        def get(self, _model_id, _now):
            return Malformed(SMALL.model, claim)

        def keep(self, _needed):
            pass

    run(world, court, once(make_watcher(world, library=Bad())))
    assert world.sent() == ["challenge", "proveNode", "claim"]
    assert court.game.verdict is Verdict.VOIDED


def test_nothing_is_bonded_above_the_limit(world):
    """The bond is the requester's choice, the money the challenger's."""
    Court(world, SMALL, WRONG, challenger_bond=501, operator_bond=2_000)
    watcher = make_watcher(world, SMALL, max_bond_gwei=500)
    with capture_logs() as logs:
        for _ in range(3):
            watcher.step()
    assert world.sent() == []
    assert [each["event"] for each in logs].count("bond_declined") == 1
    assert world.metrics.bonds_declined.labels(Declined.BOND_TOO_HIGH)._value.get() == 1


def test_no_more_games_are_begun_than_allowed(world):
    """Each holds a bond and needs gas for its end."""
    courts = [Court(world, SMALL, WRONG, salt=salt) for salt in range(3)]
    watcher = make_watcher(world, SMALL, max_games=2)
    for _ in range(3):
        watcher.step()
    assert world.sent() == ["challenge"] * 2
    assert world.metrics.bonds_declined.labels(Declined.TOO_MANY_GAMES)._value.get() == 1
    del courts


def test_attack_49_no_game_is_begun_that_could_not_be_paid_to_its_end(world):
    """A bond without gas for the demands is a bond lost."""
    court = Court(world, SMALL, WRONG)
    world.node.wealth = court.policy.challenger_bond * 10**9 + 10**15
    watcher = make_watcher(world, SMALL)
    watcher.step()
    assert world.sent() == []
    assert world.metrics.bonds_declined.labels(Declined.TOO_LITTLE_ETHER)._value.get() == 1
    world.node.wealth = 10**21
    watcher.step()
    assert world.sent() == ["challenge"]


def test_attack_49_a_move_that_cannot_be_paid_holds_up_no_other(world):
    """The account may run dry between two moves; what it can pay for again is sent then."""
    court = Court(world, SMALL, WRONG)
    world.node.trouble = no_funds
    watcher = make_watcher(world, SMALL)
    with capture_logs() as logs:
        watcher.step()
    assert "move_not_paid" in [each["event"] for each in logs]
    world.node.trouble = None
    run(world, court, once(watcher))


def test_a_dry_run_says_once_what_it_would_do_and_sends_nothing(world):
    """So that one can see what a challenger finds before it is given a bond."""
    court = Court(world, SMALL, WRONG)
    watcher = make_watcher(world, SMALL, dry_run=True)
    with capture_logs() as logs:
        for _ in range(3):
            watcher.step()
        court.opened_by(OTHER)
        court.play()
        for _ in range(3):
            world.follower.follow()
            watcher.step()
    would = [each["move"] for each in logs if each["event"] == "would_move"]
    assert world.sent() == []
    assert len(would) == 2
    assert would[0].startswith("challenge the answer to request")
    assert would[1] == "demand layer 0.0 of tensor 4"


def test_an_answer_whose_window_has_ended_is_told_and_left(world):
    """Nothing can be done about it, and somebody should know."""
    Court(world, SMALL, WRONG, window=24)
    watcher = make_watcher(world, SMALL, max_bond_gwei=0)
    watcher.step()
    world.wait(24)
    world.follower.follow()
    with capture_logs() as logs:
        watcher.step()
    assert "wrong_answer_stands" in [each["event"] for each in logs]


def test_a_wrong_answer_that_a_reorg_takes_and_gives_back_is_challenged(world):
    """It was judged before; that it came back must not be missed."""
    court = Court(world, SMALL, WRONG)
    watcher = make_watcher(world, SMALL, dry_run=True)
    watcher.step()
    world.chain.drop(1)
    world.mine()
    world.mine()
    world.follower.follow()
    watcher.step()
    world.mine(answered_by(OPERATOR, court.request, WRONG.answer))
    world.follower.follow()
    with capture_logs() as logs:
        watcher.step()
    assert world.metrics.wrong_answers_open._value.get() == 1
    del logs


def test_our_own_answers_are_not_ours_to_challenge(world):
    """An operator that watches would bond against itself."""
    request = ask(1, SMALL.model, SMALL.packed, operator=ME)
    world.mine(requested(request, SMALL.packed))
    world.mine(answered_by(ME, request, WRONG.answer))
    world.follower.follow()
    make_watcher(world, SMALL).step()
    assert world.sent() == []


def test_where_nothing_can_be_disputed_a_watcher_does_not_start(tmp_path):
    """Watching without being able to act would look like safety."""
    world = World(tmp_path, ())
    with pytest.raises(ConfigError, match="no dispute contract"):
        make_watcher(world, SMALL)
    world.store.close()
