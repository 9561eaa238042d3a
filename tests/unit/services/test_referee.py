"""The referee: games whose time has come are ended by anybody, once, and bonds go back to those they belong to."""

import pytest

from oracle.canonical.layers import Position
from oracle.chain.events import (
    ChainOpened,
    Challenged,
    Claimed,
    Demanded,
    DemandForfeited,
    Revealed,
    TracePosted,
    Upheld,
)
from oracle.chain.protocol import Subject
from oracle.services.keeper import Keeper
from oracle.services.referee import Referee
from oracle.settings import KeeperSettings
from tests.unit.chain.model_chain import CHAIN_ID, OPERATOR, ORACLE, about, id_of, make_request, requested
from tests.unit.services.world import OTHER, World, answered_by

SECOND = "0x" + "44" * 20
FIRST_LAYER = Position(3, 0, 0)
GRACE = 24


@pytest.fixture
def world(tmp_path):
    """A chain with disputes."""
    made = World(tmp_path, Keeper.kinds, disputed=True)
    yield made
    made.store.close()


@pytest.fixture
def game(world):
    """A challenged answer: its subject and its game's id."""
    request = make_request(1)
    world.mine(requested(request))
    world.mine(answered_by(OPERATOR, request))
    world.follower.follow()
    subject = Subject(request, world.store.requests.get(id_of(request)).ref, 1)
    game_id = subject.game_id(CHAIN_ID, ORACLE)
    world.mine(about("Disputed", request, operator=OPERATOR, attempt=1))
    world.tell(Challenged(game_id, id_of(request), OTHER, OPERATOR, 1))
    return subject, game_id


@pytest.fixture
def keep(world):
    """One sweep and one step of a keeper at the chain's time."""

    def _keep(*, referee=True):
        found = Referee(world.dispute, world.store, world.moves) if referee else None
        settings = KeeperSettings(grace_seconds=GRACE)
        keeper = Keeper(world.follower, world.upkeep(), settings, clock=world.clock, referee=found)
        next(each for each in keeper.periodic if each.name == "sweep").run()
        keeper.step()

    return _keep


def until(world, moment):
    """Blocks up to a moment of the chain's time."""
    world.wait(moment - world.chain.blocks[-1].timestamp)


def test_a_trace_that_does_not_come_is_forfeited_after_a_grace(world, game, keep):
    """Its challenger is first; if it is gone, the wrong answer must not stay provisional for ever."""
    subject, game_id = game
    deadline = world.store.games.get(game_id).trace_deadline
    until(world, deadline + GRACE - 12)
    keep()
    assert world.sent() == []
    until(world, deadline + GRACE)
    keep()
    keep()
    assert world.sent() == ["forfeitTrace"]
    assert world.last().data == world.dispute.forfeit_trace(subject).data


def test_a_demand_that_is_not_met_is_forfeited_for_who_made_it(world, game, keep):
    """The finder is credited, whoever sends it."""
    subject, game_id = game
    world.tell(TracePosted(game_id, b"\1" * 32, (b"\2" * 32,) * 5))
    due = world.chain.blocks[-1].timestamp + 24
    world.tell(Demanded(game_id, OTHER, FIRST_LAYER, due))
    until(world, due + GRACE)
    keep()
    assert world.last().data == world.dispute.forfeit_demand(subject, FIRST_LAYER).data
    world.tell(DemandForfeited(game_id, OTHER, FIRST_LAYER))
    keep()
    assert world.sent() == ["forfeitDemand"]


def test_an_answer_that_stood_is_upheld(world, game, keep):
    """Its requester waits for it, whoever else has left."""
    subject, game_id = game
    world.tell(TracePosted(game_id, b"\1" * 32, (b"\2" * 32,) * 5))
    until(world, world.store.games.get(game_id).end + GRACE)
    keep()
    assert world.last().data == world.dispute.resolve(subject).data
    world.tell(Upheld(game_id, OPERATOR, 1, 1))
    keep()
    assert world.sent() == ["resolve"]


def test_what_is_open_is_not_resolved(world, game, keep):
    """A demand that was revealed moves the end; one that was not must be forfeited, never upheld."""
    _, game_id = game
    world.tell(TracePosted(game_id, b"\1" * 32, (b"\2" * 32,) * 5))
    world.tell(Demanded(game_id, OTHER, FIRST_LAYER, world.chain.blocks[-1].timestamp + 240))
    world.tell(Revealed(game_id, FIRST_LAYER, b""))
    end = world.store.games.get(game_id).end
    until(world, end + GRACE - 12)
    keep()
    assert world.sent() == []


def test_bonds_are_claimed_for_each_owner_once(world, game, keep):
    """A challenger that is gone for good still gets what is its own."""
    _, game_id = game
    world.tell(TracePosted(game_id, b"\1" * 32, (b"\2" * 32,) * 5))
    world.tell(ChainOpened(game_id, SECOND))
    world.tell(Demanded(game_id, SECOND, FIRST_LAYER, world.chain.blocks[-1].timestamp + 12))
    world.tell(DemandForfeited(game_id, SECOND, FIRST_LAYER))
    keep()
    assert world.sent() == []
    world.wait(GRACE)
    keep()
    keep()
    assert {each.data for each in world.node.seen} == {
        world.dispute.claim(game_id, owner).data for owner in (OTHER, SECOND)
    }
    assert len(world.node.seen) == 2
    world.tell(Claimed(game_id, OTHER, 1), Claimed(game_id, SECOND, 1))
    keep()
    assert len(world.node.seen) == 2


def test_a_keeper_without_disputes_ends_none(world, game, keep):
    """Its gas is its own to spend."""
    until(world, world.store.games.get(game[1]).trace_deadline + GRACE)
    keep(referee=False)
    assert world.sent() == []
