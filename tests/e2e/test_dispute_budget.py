"""What a dispute may cost on a real chain, held for every model that the benchmark measures."""

from collections.abc import Mapping

import pytest

from bench.dispute import Stage, leaves, play, stages
from oracle.canonical.cost import node_cost
from oracle.canonical.layers import layer_count
from tests.adversary.arena import Arena
from tests.adversary.duel import Outcome

TRANSACTIONS = {"digits": 5, "digits-cnn": 5, "credit": 5, "magika": 7, "mobilenet": 7}
LEAF_GAS = {"digits": 90_000, "digits-cnn": 240_000, "credit": 116_000, "magika": 380_000, "mobilenet": 340_000}
"""What was measured and a twentieth more."""

MOST_TRANSACTIONS = 9

Games = Mapping[str, tuple[Stage, Mapping[int, Outcome], int]]


@pytest.fixture(scope="module")
def games(tmp_path_factory: pytest.TempPathFactory) -> Games:
    """Of each model: the stage, the games by the node that was lied about, and the dearest judgement's gas."""
    played = {}
    with Arena.start() as arena:
        for stage in stages(tmp_path_factory.mktemp("models")):
            outcomes = {node: play(arena, stage.scene, node) for node in stage.places}
            gas = max(arena.judging_gas(outcome.made[-1].tx_hash) for outcome in outcomes.values())
            played[stage.name] = (stage, outcomes, gas)
    return played


def test_a_dispute_takes_three_transactions_and_two_for_each_layer(games: Games) -> None:
    """A challenge, a trace, a proof, and a demand with its reveal for each layer: nothing else grows with a model."""
    most = {}
    for name, (stage, outcomes, _) in games.items():
        for node, outcome in outcomes.items():
            assert outcome.transactions == 3 + 2 * layer_count(leaves(stage.scene.program.nodes[node])), (name, node)
        most[name] = max(outcome.transactions for outcome in outcomes.values())
    assert most == TRANSACTIONS
    assert max(most.values()) <= MOST_TRANSACTIONS


def test_judging_one_element_takes_no_more_gas_than_it_did(games: Games) -> None:
    """A conviction is affordable because of it: it must not creep up."""
    assert {name: gas for name, (_, _, gas) in games.items() if gas > LEAF_GAS[name]} == {}


def test_judging_one_element_stays_within_the_cost_its_node_declares(games: Games) -> None:
    """A model's static cost is what bonds and gas limits are worked out from."""
    for name, (stage, outcomes, gas) in games.items():
        assert gas <= max(node_cost(stage.scene.program.nodes[node]).gas for node in outcomes), name
