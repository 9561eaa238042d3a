"""What a dispute may cost on a real chain, held for every model that the benchmark measures."""

from collections.abc import Mapping

import pytest

from bench.dispute import Stage, leaves, play, stages
from oracle.canonical.cost import node_cost
from oracle.canonical.layers import layer_count
from tests.adversary.arena import Arena
from tests.adversary.duel import Outcome

TRANSACTIONS = {"digits": 5, "digits-cnn": 5, "credit": 5, "magika": 7, "mobilenet": 7}
LEAF_GAS = {"digits": 231_000, "digits-cnn": 390_000, "credit": 253_000, "magika": 700_000, "mobilenet": 647_000}
"""Of the transaction with the proof: what was measured and a twentieth more."""

MOST_TRANSACTIONS = 9

Games = Mapping[str, tuple[Stage, Mapping[int, Outcome]]]


@pytest.fixture(scope="module")
def games(tmp_path_factory: pytest.TempPathFactory) -> Games:
    """Of each model: the stage, and the games by the node that was lied about."""
    with Arena.start() as arena:
        return {
            stage.name: (stage, {node: play(arena, stage.scene, node) for node in stage.places})
            for stage in stages(tmp_path_factory.mktemp("models"))
        }


def test_a_dispute_takes_three_transactions_and_two_for_each_layer(games: Games) -> None:
    """A challenge, a trace, a proof, and a demand with its reveal for each layer: nothing else grows with a model."""
    for name, (stage, outcomes) in games.items():
        for node, outcome in outcomes.items():
            assert outcome.transactions == 3 + 2 * layer_count(leaves(stage.scene.program.nodes[node])), (name, node)
    most = {name: max(outcome.transactions for outcome in outcomes.values()) for name, (_, outcomes) in games.items()}
    assert most == TRANSACTIONS
    assert max(most.values()) <= MOST_TRANSACTIONS


def test_proving_one_element_wrong_takes_no_more_gas_than_it_did(games: Games) -> None:
    """A conviction is affordable because of it: it must not creep up."""
    most = {name: max(outcome.made[-1].gas for outcome in outcomes.values()) for name, (_, outcomes) in games.items()}
    assert {name: gas for name, gas in most.items() if gas > LEAF_GAS[name]} == {}


def test_proving_one_element_wrong_stays_within_the_cost_its_node_declares(games: Games) -> None:
    """A model's static cost is what bonds and gas limits are worked out from."""
    for name, (stage, outcomes) in games.items():
        for node, outcome in outcomes.items():
            assert outcome.made[-1].gas <= node_cost(stage.scene.program.nodes[node]).gas, (name, node)
