"""Moves: sent once however often they are asked for, and only if the chain would take them."""

import pytest

from oracle.services.keeper import Keeper
from oracle.services.moves import Moves
from tests.unit.chain.mempool import Crash, killed_before
from tests.unit.chain.model_chain import make_request
from tests.unit.services.world import World

GAS = 300_000


@pytest.fixture
def world(tmp_path):
    """An empty chain."""
    made = World(tmp_path, Keeper.kinds)
    made.follower.follow()
    yield made
    made.store.close()


@pytest.fixture
def move(world):
    """Asks for a move, a different one for each number, as from a fresh start."""

    def _move(number=1, *, dry_run=False, seconds_left=None):
        moves = Moves(world.sender, world.store, dry_run=dry_run)
        call = world.oracle.expire(make_request(number))
        return moves.send(call, purpose="expire", gas_limit=GAS, what="expire", seconds_left=seconds_left)

    return _move


def test_a_move_is_sent_once_while_its_effect_is_not_known(world, move):
    """Until its block is indexed the chain's events still ask for it; a second one would be gas for nothing."""
    assert move()
    assert not move()
    world.mine()
    world.sender.poll()
    assert not move()
    assert len(world.node.seen) == 1


def test_a_move_that_changed_nothing_is_sent_again(world, move):
    """Once its block is indexed, what is still asked for is still to be done."""
    assert move()
    world.mine(status=0)
    world.sender.poll()
    world.follower.follow()
    assert move()


def test_other_moves_do_not_wait_for_it(world, move):
    """A game has several clocks."""
    assert move(1)
    assert move(2)
    assert len(world.node.pool) == 2


def test_what_would_revert_is_not_sent(world, move):
    """The chain has moved on: somebody else was first, or it is too late."""
    world.node.refused["expire"] = "InferenceOracle_TooEarly"
    assert not move()
    assert world.node.seen == []


def test_a_dry_run_sends_nothing(world, move):
    """Its only effect is a line in the log."""
    assert not move(dry_run=True)
    assert world.node.seen == []


def test_attack_48_a_move_stored_before_a_crash_is_broadcast_not_made_again(world, move):
    """Killed between signing and sending, the next process must not sign a second one."""
    world.node.trouble = killed_before
    with pytest.raises(Crash):
        move()
    assert not move()
    world.sender.poll()
    assert [each.nonce for each in world.node.seen] == [0, 0]
    assert world.node.seen[0].raw == world.node.seen[1].raw


def test_a_move_that_a_reorg_removed_is_under_way_again(world, move):
    """The same bytes are broadcast; a second transaction would race the first."""
    assert move()
    world.mine()
    world.sender.poll()
    world.follower.follow()
    world.sender.reopen(0)
    assert not move()


@pytest.mark.parametrize(("seconds_left", "bumped"), [(None, False), (400, False), (20, True), (-5, True)])
def test_the_nearer_its_deadline_the_sooner_a_move_pays_more(world, move, seconds_left, bumped):
    """Thirty seconds of patience are an eternity for a demand that falls due in twenty."""
    move(seconds_left=seconds_left)
    world.now += 6
    move(seconds_left=seconds_left)
    assert (len(world.node.seen) == 2) is bumped
    assert len(world.node.pool) == 1
    if bumped:
        first, second = world.node.seen
        assert second.priority_fee >= first.priority_fee * 1.1


def test_what_stands_before_a_hurried_move_is_hurried_too(world, move):
    """Transactions are mined in the order of their nonces: a cheap answer must not hold up a reveal."""
    move(1)
    move(2)
    move(3)
    world.now += 6
    move(2, seconds_left=20)
    assert [each.nonce for each in world.node.seen] == [0, 1, 2, 0, 1]


def test_calldata_under_way_can_be_seen(world, move):
    """Who puts several things into one call must know what is in the calls before it."""
    move(1)
    (found,) = Moves(world.sender, world.store).underway(world.oracle.address)
    assert found.data == world.node.seen[0].data
