"""A liar with an accomplice, on a real chain: one honest challenger convicts it by its own service's moves."""

from collections.abc import Iterator

import pytest

from oracle.chain.events import Proven
from oracle.chain.protocol import GWEI, Verdict
from tests.adversary.arena import POLICY, Arena
from tests.adversary.conspiracy import Conspiracy, Plot
from tests.adversary.liars import shifted
from tests.adversary.scenes import Scene, chain, deep

BOND = POLICY.operator_bond * GWEI
SCENES = {"many nodes": (chain(300, 70), 200), "large tensors": (deep(16_385), 2), "one layer": (chain(200, 70), 100)}
"""With the node that is lied about: three demands lead to it, three, and one."""


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    """One chain for all cases: each is undone after it."""
    with Arena.start() as running:
        yield running


def convicted(arena: Arena, where: Scene, node: int, plot: Plot) -> tuple[Conspiracy, int]:
    """A conspiracy played to the end and undone: the liar is refuted, and the honest challenger loses nothing.

    Yields also what liar and accomplice lose together, in wei of stakes.
    """
    oracle, dispute, provider = arena.oracle, arena.dispute, arena.provider
    with arena.restored():
        game = Conspiracy(arena, where, shifted(where, node, where.program.nodes[node].count - 1), plot=plot)
        theirs = [arena.operator, game.accomplice]
        before = sum(oracle.stake_of(provider, account).balance for account in theirs)
        outcome = game.play()
        assert (outcome.verdict, game.led, game.copied) == (Verdict.REFUTED, plot.leads, plot.copies)
        assert isinstance(outcome.ending, Proven)
        bonds = outcome.game.chains[game.challenger].bonds
        arena.send(arena.bystander, dispute.claim(game.id, game.challenger))
        assert dispute.credit_of(provider, game.challenger) == bonds * POLICY.challenger_bond * GWEI
        lost = before - sum(oracle.stake_of(provider, account).balance for account in theirs)
    return game, lost


@pytest.mark.parametrize("opens", [False, True])
@pytest.mark.parametrize("name", ["many nodes", "large tensors"])
def test_attack_76_an_accomplice_that_demands_first_and_falls_silent_saves_nobody(
    arena: Arena, name: str, *, opens: bool
) -> None:
    """However many demands it leads, the honest challenger has a chain of its own when it needs one."""
    where, node = SCENES[name]
    for leads in range(4):
        game, lost = convicted(arena, where, node, Plot(opens=opens, leads=leads))
        found = leads == len(game.the_game.demands)
        assert lost == BOND * (100 - 10 * opens - 40 * found) // 100


@pytest.mark.parametrize("name", ["many nodes", "large tensors"])
def test_attack_73_demands_copied_ahead_of_their_author_change_no_verdict(arena: Arena, name: str) -> None:
    """The copy takes the finder's share at most: half of the bond is burnt all the same."""
    where, node = SCENES[name]
    for copies in range(1, 4):
        _, lost = convicted(arena, where, node, Plot(opens=True, copies=copies))
        assert lost == (BOND // 2 if copies == 3 else BOND * 9 // 10)


@pytest.mark.parametrize("floods", [5, 40])
def test_attack_63_a_liar_that_floods_its_own_game_only_pays_for_delay(arena: Arena, floods: int) -> None:
    """Its accomplice's demands are spaced, and so is the honest one's; the clocks wait for it."""
    where, node = SCENES["one layer"]
    game, _ = convicted(arena, where, node, Plot(opens=True, floods=floods))
    assert len(game.the_game.demands) == floods + 1
