"""What a dispute costs: whole games on anvil, between the challenger's own service and a liar, from their receipts.

In each model two lies are told and refuted. One is about an element of the largest tensor: nothing takes more moves to
find. The other is about an element of the node that is dearest to judge. It is the middle element, one unit off, and
all that depends on it follows from it. Each figure is that of the game in which it is larger.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from bench.canonical import models
from oracle.canonical.commit import leaf_count
from oracle.canonical.cost import node_cost
from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.program.node import Node
from oracle.canonical.tensor import encode
from oracle.canonical.tracing import raw_inputs, trace_of
from oracle.chain.protocol import Verdict
from oracle.inference.compiling import compile_file
from tests.adversary.arena import Arena
from tests.adversary.duel import Duel, Outcome
from tests.adversary.liars import shifted
from tests.adversary.scenes import Scene

IMAGE = 64
"""Pixels a side of what the MobileNet reads: 48 KiB, as much as fits into a request that carries its input on chain."""

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Stage:
    """A model with an input that is asked of it; `onnx_nodes` is how many nodes its file has."""

    name: str
    onnx_nodes: int
    scene: Scene

    @property
    def places(self) -> list[int]:
        """The nodes that are lied about: the one with the largest tensor, and the one that is dearest to judge."""
        nodes, computed = self.scene.program.nodes, self.scene.computed
        largest = max(computed, key=lambda k: leaves(nodes[k]))
        dearest = max(computed, key=lambda k: node_cost(nodes[k]).gas)
        return list(dict.fromkeys((largest, dearest)))


def leaves(node: Node) -> int:
    """How many leaves a node's tensor has."""
    return leaf_count(node.count * node.dtype.size)


def stages(folder: Path) -> Iterator[Stage]:
    """Every model that is measured; `folder` is for a file."""
    for name, path, inputs in models(folder, image=IMAGE):
        bundle = compile_file(path)
        packed = encode(inputs, bundle.model.inputs)
        trace = trace_of(compile_plan(bundle.program), bundle.model.inputs, packed)
        yield Stage(name, len(onnx.load(path).graph.node), Scene(bundle.model, bundle.program, packed, trace))


def play(arena: Arena, scene: Scene, node: int) -> Outcome:
    """The game about a node's middle element; raises `AssertionError` where it is not refuted by a proof of that."""
    dims = scene.program.nodes[node].dims
    element = int(np.ravel_multi_index([size // 2 for size in dims], dims)) if dims else 0
    outcome = Duel(arena, scene, shifted(scene, node, element)).play()
    if outcome.verdict is not Verdict.REFUTED or outcome.made[-1].move != "proveStep":
        raise AssertionError(f"the lie about node {node} ended {outcome.verdict.name} by {outcome.made[-1].move}")
    return outcome


def measure(folder: Path) -> dict[str, dict[str, Any]]:
    """The figures of `build/bench.json`'s `dispute`, by model; `folder` is for a file.

    `leaf_gas` is that of the transaction with the proof, as a model's `worst_leaf_gas` bounds it; `judging_gas` is the
    verifier's part of it.
    """
    with Arena.start() as arena:
        return {stage.name: _figures(arena, stage) for stage in stages(folder)}


def _figures(arena: Arena, stage: Stage) -> dict[str, Any]:
    scene = stage.scene
    games = [play(arena, scene, node) for node in stage.places]
    playing = max(game.seconds["operator"] + game.seconds["challenger"] for game in games)
    return {
        "onnx_nodes": stage.onnx_nodes,
        "nodes": len(scene.program.nodes),
        "leaves": max(leaves(scene.program.nodes[k]) for k in scene.computed),
        "transactions": max(game.transactions for game in games),
        "compute_seconds": round(_seconds(scene) + playing, 3),
        "leaf_gas": max(game.made[-1].gas for game in games),
        "judging_gas": max(arena.judging_gas(game.made[-1].tx_hash) for game in games),
        "gas_operator": max(game.gas("operator") for game in games),
        "gas_challenger": max(game.gas("challenger") for game in games),
        "gas_by_move": _by_move(games),
    }


def _by_move(games: Sequence[Outcome]) -> dict[str, int]:
    """The dearest of each move, in the order in which they are made."""
    dearest: dict[str, int] = {}
    for game in games:
        for move, gas in game.gas_by_move.items():
            dearest[move] = max(dearest.get(move, 0), *gas)
    return dearest


def _seconds(scene: Scene) -> float:
    """What is computed besides the game: the challenger's run that judges the answer, and the operator's own trace."""
    plan, specs = compile_plan(scene.program), scene.model.inputs
    inputs = raw_inputs(scene.packed, specs)
    return _median(lambda: plan.run(inputs)) + _median(lambda: trace_of(plan, specs, scene.packed))


def _median(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return float(np.median(spent))
