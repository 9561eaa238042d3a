"""Games in the store: as the chain's events tell them, through reorgs, and the questions services ask of them."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.canonical.layers import Position
from oracle.chain.events import (
    ChainOpened,
    Challenged,
    Claimed,
    Demanded,
    Proven,
    Revealed,
    TraceForfeited,
    TracePosted,
    Upheld,
)
from oracle.chain.games import replay
from oracle.chain.indexer import Indexer
from oracle.chain.protocol import Fault, GameId, Subject, Verdict
from oracle.store.games import StoredGame, Unclaimed
from tests.unit.chain.model_chain import (
    ADDRESSES,
    DISPUTE,
    OPERATOR,
    ModelChain,
    answered,
    id_of,
    make_request,
    requested,
)
from tests.unit.chain.playing import OPENER, SECOND, SUBJECT, Timed, log_of, plays
from tests.unit.fresh_store import fresh_store

FIRST = Position(0, 0, 0)


class World:
    """A chain with answered requests, indexed into a store; each event of a dispute comes in a block of its own."""

    def __init__(self, store, *requests):
        self.chain, self.store = ModelChain(), store
        self.indexer = Indexer(self.chain, store, ADDRESSES, start_block=0, confirmations=0)
        self.chain.mine(*map(requested, requests))
        self.answered_at = self.chain.mine(*map(answered, requests)).timestamp
        self.indexer.sync()
        self.happened = []

    def tell(self, *events):
        """Mine and index events; they are remembered with their blocks' times."""
        for event in events:
            block = self.chain.mine(log_of(event), address=DISPUTE)
            self.happened.append(Timed(event, block.timestamp))
        self.indexer.sync()

    def forget(self, depth):
        """Let a reorg replace the last blocks by as many empty ones, and one more."""
        self.chain.drop(depth)
        del self.happened[len(self.happened) - depth :]
        for _ in range(depth + 1):
            self.chain.mine()
        self.indexer.sync()

    def subject(self, request, attempt=1):
        """The answer a game is over."""
        return Subject(request, self.store.requests.get(id_of(request)).ref, attempt)

    def expected(self, request):
        """The game that what happened makes."""
        return replay(self.happened, self.subject(request), self.answered_at + request.policy.window)


def game_id(number):
    """A game's id."""
    return GameId(bytes([number]) * 32)


def challenged(number, request, opener=OPENER, attempt=1):
    """A game is opened."""
    return Challenged(game_id(number), id_of(request), opener, OPERATOR, attempt)


@pytest.fixture
def world(store):
    """Three answered requests."""
    return World(store, *map(make_request, range(3)))


@given(plays(max_moves=15), st.data())
@settings(max_examples=40, deadline=None)
def test_attack_04_a_game_is_what_is_left_of_its_events_after_a_reorg(play, data):
    """Acting on a move that was taken back would answer a demand nobody made, or miss one."""
    with tempfile.TemporaryDirectory() as folder:
        store = fresh_store(Path(folder))
        try:
            _play_with_reorg(store, [timed.event for timed in play.events], data)
        finally:
            store.close()


def _play_with_reorg(store, events, data):
    request = SUBJECT.request
    world = World(store, request)
    cut = data.draw(st.integers(0, len(events)))
    world.tell(*events[:cut])
    gone = data.draw(st.integers(0, cut))
    world.forget(gone)
    for rest in ([], events[cut - gone :]):
        world.tell(*rest)
        game = world.expected(request)
        assert store.games.open() == ([game] if game is not None and game.is_open else [])
        listed = store.games.recent()
        assert [store.games.get(each.id) for each in listed] == ([] if game is None else [game])
        assert [(each.verdict, each.ended_at) for each in listed] == (
            [] if game is None else [(game.verdict, game.ended_at)]
        )
        claimable = game is not None and game.verdict in (Verdict.REFUTED, Verdict.VOIDED)
        owners = {each.owner for each in store.games.unclaimed()}
        assert owners == (set(game.chains) if claimable else set())


def test_a_game_is_over_the_answer_it_was_opened_over(world):
    """Its subject is passed back in every move, and must hash to what the oracle stores."""
    request = make_request(1)
    world.tell(challenged(1, request), TracePosted(game_id(1), b"\5" * 32, (b"\6" * 32,)))
    game = world.store.games.get(game_id(1))
    assert (game.subject, game.window_end) == (world.subject(request), world.answered_at + 30)
    assert game == world.expected(request)
    assert world.store.games.get(game_id(2)) is None


def test_open_games_come_oldest_first_and_ended_ones_are_listed(world):
    """Services play the first; people look at the second."""
    requests = [make_request(i) for i in range(3)]
    world.tell(*(challenged(i, requests[i]) for i in range(3)))
    assert [game.id for game in world.store.games.open()] == [game_id(0), game_id(1), game_id(2)]
    world.tell(TraceForfeited(game_id(1)))
    assert [game.id for game in world.store.games.open()] == [game_id(0), game_id(2)]
    newest, ended, _ = world.store.games.recent()
    assert (newest.id, newest.verdict) == (game_id(2), Verdict.OPEN)
    assert ended == StoredGame(
        game_id(1), id_of(requests[1]), 1, OPENER, OPERATOR, world.happened[1].timestamp, 4, Verdict.REFUTED,
        world.happened[3].timestamp,
    )  # fmt: skip
    assert [each.id for each in world.store.games.recent(1)] == [game_id(2)]


def test_bonds_can_be_claimed_of_games_that_ended_against_the_operator(world):
    """Until they are; an upheld game gives nothing back."""
    requests = [make_request(i) for i in range(3)]
    world.tell(*(challenged(i, requests[i]) for i in range(3)), ChainOpened(game_id(0), SECOND))
    world.tell(ChainOpened(game_id(0), SECOND), Demanded(game_id(0), SECOND, FIRST, 10))
    assert world.store.games.unclaimed() == []
    world.tell(
        Proven(game_id(0), SECOND, SECOND, Fault.STEP, 1, 1),
        Proven(game_id(1), SECOND, OPENER, Fault.NODE, 1, 0),
        Upheld(game_id(2), OPERATOR, 3, 1),
    )
    assert world.store.games.claimable(OPENER) == [game_id(0), game_id(1)]
    assert world.store.games.claimable(SECOND) == [game_id(0)]
    assert world.store.games.claimable(OPERATOR) == []
    ended_at = world.happened[-3].timestamp
    assert world.store.games.unclaimed(SECOND) == [Unclaimed(game_id(0), SECOND, ended_at)]
    world.tell(Claimed(game_id(0), SECOND, 1_000))
    assert world.store.games.claimable(SECOND) == []
    assert world.store.games.claimable(OPENER) == [game_id(0), game_id(1)]
    world.forget(1)
    assert world.store.games.claimable(SECOND) == [game_id(0)]


def test_a_game_over_a_request_never_seen_is_left_out(store):
    """It was made before the first indexed block: nobody here can play it."""
    world = World(store)
    world.tell(challenged(1, make_request(1)))
    assert store.games.open() == []
    assert store.games.get(game_id(1)) is None


def test_events_are_found_by_their_game(world):
    """What was done in a dispute is told from them, one by one."""
    world.tell(challenged(1, make_request(1)), challenged(2, make_request(2)), Demanded(game_id(1), SECOND, FIRST, 10))
    world.tell(Revealed(game_id(1), FIRST, b"here"))
    found = world.store.events.select(game_id=game_id(1))
    assert [each.name for each in found] == ["Challenged", "Demanded", "Revealed"]
    assert [each.account for each in found] == [OPENER, SECOND, None]


def test_provisional_answers_are_those_whose_window_runs(world):
    """What can still be challenged, most urgent first."""
    requests, now = [make_request(i) for i in range(3)], world.answered_at
    provisional = world.store.requests.provisional
    assert {each.id for each in provisional(now)} == {id_of(each) for each in requests}
    assert {each.id for each in provisional(now + 29)} == {id_of(each) for each in requests}
    assert provisional(now + 30) == []
    assert len(provisional(now, [requests[0].model_id])) == 3
    assert provisional(now, [b"\1" * 32]) == []
