"""The watcher: wrong answers are convicted whatever happens in between, right ones are left alone."""

import pytest
from structlog.testing import capture_logs

from oracle.chain.events import ChainOpened, Demanded
from oracle.chain.protocol import Verdict
from oracle.errors import ConfigError
from oracle.metrics import Declined, JudgedAs, UnjudgedReason
from oracle.services.watcher import Watcher
from tests.adversary import liars, scenes
from tests.adversary.table import Refused
from tests.unit.chain.mempool import ME, no_funds
from tests.unit.services.court import ENGINES, Court, make_watcher
from tests.unit.services.world import OTHER, World

SMALL = scenes.chain(8, 300)
LONG = scenes.chain(300, 70)
WRONG = liars.shifted(SMALL, 4, 130)


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
