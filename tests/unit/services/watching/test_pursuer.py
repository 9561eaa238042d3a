"""The pursuer: its moves follow from what the chain shows now, not from what it showed before."""

from dataclasses import replace

from oracle.canonical.layers import TRACE, Position
from oracle.canonical.pursuit import DemandMove
from oracle.chain.games import DemandState, Game
from oracle.chain.protocol import Subject
from oracle.services.watching.library import Watched
from oracle.services.watching.pursuer import Pursuer
from tests.adversary import liars, scenes
from tests.unit.chain.model_chain import CHAIN_ID, ORACLE
from tests.unit.services.watching.court import Court, canonical
from tests.unit.services.world import OTHER, World

LONG = scenes.chain(300, 70)
WRONG = liars.shifted(LONG, 150, 3, by=1 << 22)


def test_attack_4_a_reorg_that_swaps_one_demand_for_another_changes_the_move(tmp_path):
    """A move worked out for what was revealed before would be refused until the clock has run out."""
    world = World(tmp_path, (), disputed=True)
    world.publish(LONG.model)
    court = Court(world, LONG, WRONG)
    stored = world.store.requests.get(court.request.id(CHAIN_ID, ORACLE))
    shown = {
        position: DemandState(OTHER, 200, 150, WRONG.trace.reveal(position).data)
        for position in (Position(TRACE, 0, 0), Position(TRACE, 1, 37), Position(TRACE, 1, 0))
    }
    top, way, elsewhere = shown
    subject = Subject(court.request, stored.ref, 1)
    before = Game(
        court.id, subject, OTHER, 100, 700, 110, WRONG.trace.root, demands={at: shown[at] for at in (top, way)}
    )
    after = replace(before, demands={at: shown[at] for at in (top, elsewhere)})
    watched = Watched(LONG.model, canonical(LONG))
    pursuer = Pursuer(world.dispute, world.moves, max_demands=7, threads=1)
    moves = [pursuer._move(game, stored, watched) for game in (before, after, before)]
    assert all(isinstance(move, DemandMove) for move in moves)
    assert [move.position for move in moves] == [Position(150, 0, 0), way, Position(150, 0, 0)]
    world.store.close()
