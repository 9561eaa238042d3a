"""The keeper: it does what operators leave undone, patiently, once, and within its limits."""

import pytest

from oracle.errors import FundsError
from oracle.services.follower import DELIVER, EXPIRE, SETTLE
from oracle.services.keeper import Keeper
from oracle.services.upkeep import LEASE_SECONDS
from oracle.settings import KeeperSettings
from tests.unit.chain.mempool import no_funds
from tests.unit.chain.model_chain import about, make_request, requested
from tests.unit.services.world import OTHER, World, answered_by

WINDOW = 30
GRACE = 24


@pytest.fixture
def world(tmp_path):
    """An empty chain."""
    made = World(tmp_path, Keeper.kinds)
    yield made
    made.store.close()


@pytest.fixture
def keep(world):
    """One sweep and one step of a keeper."""

    def _keep(**chosen):
        settings = KeeperSettings(**{"grace_seconds": GRACE, "deliver_backoff_seconds": 60, **chosen})
        keeper = Keeper(world.follower, world.upkeep(), settings, clock=world.clock)
        world.follower.follow()
        next(each for each in keeper.periodic if each.name == "sweep").run()
        return keeper.step()

    return _keep


def final(world, request):
    """The request is asked, answered and settled; its callback failed."""
    world.mine(requested(request))
    world.mine(answered_by(OTHER, request))
    failed = about("DeliveryFailed", request, reason=b"no")
    world.mine(about("Settled", request, operator=OTHER), failed)


def test_an_answer_is_settled_once_its_operator_has_had_its_time(world, keep):
    """Two transactions for one settle are a waste; an answer nobody settles keeps a fee and a bond locked."""
    request = make_request(1)
    world.mine(requested(request))
    world.mine(answered_by(OTHER, request))
    world.wait(WINDOW + GRACE - 12)
    assert not keep()
    world.wait(12)
    assert keep()
    assert world.sent() == ["finalize"]
    world.mine(about("Settled", request, operator=OTHER))
    assert not keep()
    assert world.jobs(request) == [(SETTLE, "done")]


def test_attack_50_a_settle_somebody_else_was_first_with_ends_quietly(world, keep):
    """Its transaction reverts, yet what it was for is done: nothing to repeat, nothing to alarm anybody."""
    request = make_request(1)
    world.mine(requested(request))
    world.mine(answered_by(OTHER, request))
    world.wait(WINDOW + GRACE)
    keep()
    world.mine(about("Settled", request, operator=OTHER), status=0)
    for _ in range(3):
        keep()
    assert world.jobs(request) == [(SETTLE, "done")]
    assert world.sent() == ["finalize"]


def test_what_nobody_answered_is_expired_from_its_deadline(world, keep):
    """The requester's fee is locked until somebody does."""
    request = make_request(1)
    world.mine(requested(request))
    world.wait(48)
    assert not keep()
    world.wait(12)
    assert keep()
    assert world.sent() == ["expire"]
    world.mine(about("Expired", request))
    keep()
    assert world.jobs(request) == [(EXPIRE, "done")]


def test_a_failed_callback_is_tried_again_with_doubling_pauses_and_given_up(world, keep):
    """A consumer that is broken for an hour should get its answer; one broken for ever must not cost for ever."""
    request = make_request(1, callback_gas=50_000)
    final(world, request)
    settled = world.chain.blocks[-1].timestamp
    tries = []
    for _ in range(80):
        keep(deliver_retries=3)
        if world.node.pool:
            tries.append(world.chain.blocks[-1].timestamp - settled)
            world.mine(about("DeliveryFailed", request, reason=b"still no"))
        world.wait(12)
    assert set(world.sent()) == {"deliver"}
    assert len(tries) == 3
    for found, planned in zip(tries, (GRACE + 60, GRACE + 180, GRACE + 420), strict=True):
        assert planned <= found < planned + 36
    assert world.last().gas >= 50_000 * 64 // 63


def test_a_callback_that_is_taken_ends_it(world, keep):
    """Delivered once, never again."""
    request = make_request(1, callback_gas=50_000)
    final(world, request)
    world.wait(120)
    keep()
    world.mine(about("Delivered", request))
    world.wait(600)
    keep()
    assert world.sent() == ["deliver"]
    assert world.jobs(request) == [(DELIVER, "done")]


def test_attack_28_callbacks_above_the_keeper_s_limit_are_left(world, keep):
    """The stipend is the requester's choice, the gas the keeper's money."""
    request, cheap = make_request(1, callback_gas=50_001), make_request(2, callback_gas=50_000)
    world.mine(requested(request), requested(cheap))
    world.mine(answered_by(OTHER, request), answered_by(OTHER, cheap))
    world.wait(WINDOW + GRACE)
    keep(max_callback_gas=50_000)
    assert world.sent() == ["finalize"]
    assert (world.jobs(request), world.jobs(cheap)) == ([], [(SETTLE, "sent")])


def test_attack_49_a_keeper_out_of_ether_goes_on_after_a_top_up(world, keep):
    """What it could not pay for is still owed."""
    request = make_request(1)
    world.mine(requested(request))
    world.wait(60)
    world.node.trouble = no_funds
    with pytest.raises(FundsError):
        keep()
    world.now += LEASE_SECONDS
    keep()
    keep()
    assert list(world.node.pool) == [0]
    assert world.jobs(request) == [(EXPIRE, "sent")]
