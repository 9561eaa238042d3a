"""A game over an answer of a two-node ONNX model, as logs: the operator's sum is wrong by one bit in one element."""

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
from eth_utils.crypto import keccak
from onnx import TensorProto, helper, numpy_helper

from oracle.canonical.bundle import Bundle
from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.layers import Position
from oracle.canonical.tensor import encode
from oracle.canonical.tracing import trace_of
from oracle.chain.authorship import reference
from oracle.chain.events import (
    Answered,
    Challenged,
    Claimed,
    Demanded,
    Event,
    Proven,
    Refuted,
    Requested,
    Revealed,
    TracePosted,
)
from oracle.chain.history import Happening
from oracle.chain.protocol import Fault, GameId, ModelId, Subject, checksum
from oracle.chain.wire import Log
from oracle.inference.compiling import compile_file
from tests.adversary.liars import Lie, shifted
from tests.adversary.scenes import Scene
from tests.unit.chain.model_chain import CHAIN_ID, MANIFEST, OPERATOR, ORACLE, SOFTWARE, id_of, make_request

OPENER = checksum("0x" + "0e" * 20)
START, STEP = 1_000_000, 12
ELEMENT = 37


def write_model(path: Path) -> Path:
    """float32 [1, 80]: `scaled = x · w` by a node named `scale`, `y = max(scaled, 0)`."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 80]) for name in "xy")
    weights = numpy_helper.from_array(np.linspace(1, 2, 80, dtype=np.float32).reshape(1, 80), "w")
    nodes = [helper.make_node("Mul", ["x", "w"], ["s"], name="scale"), helper.make_node("Relu", ["s"], ["y"])]
    graph = helper.make_graph(nodes, "g", [x], [y], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


@dataclass(frozen=True)
class Story:
    """The model, what its operator gave, and the logs of it all; a block every 12 seconds, a transaction each."""

    bundle: Bundle
    scene: Scene
    lie: Lie
    node: int
    game_id: GameId
    requested: Requested
    happenings: list[Happening]

    @staticmethod
    def time_of(item: Happening) -> int:
        """A block's time."""
        return START + STEP * item.log.block_number


def story(file: Path) -> Story:
    """The game over a wrong answer of the model in `file`, to its end and the challenger's claim."""
    bundle = compile_file(write_model(file))
    packed = encode([np.arange(1, 81, dtype=np.float32).reshape(1, 80)], bundle.model.inputs)
    honest = trace_of(compile_plan(bundle.program), bundle.model.inputs, packed)
    scene = Scene(bundle.model, bundle.program, packed, honest)
    node = scene.computed[0]
    lie = shifted(scene, node, ELEMENT)
    request = replace(make_request(1), model_id=ModelId(bundle.model.id), input_hash=keccak(packed))
    request_id = id_of(request)
    answered = Answered(request_id, OPERATOR, 1, SOFTWARE, MANIFEST, lie.answer)
    game_id = Subject(request, reference(answered), 1).game_id(CHAIN_ID, ORACLE)
    position = Position(node, 0, 0)
    revelation = lie.trace.reveal(position)
    assert revelation is not None
    bond = request.policy.challenger_bond * 10**9
    requested = Requested(request_id, request, packed)
    transactions: list[list[Event]] = [
        [requested],
        [answered],
        [Challenged(game_id, request_id, OPENER, OPERATOR, 1)],
        [TracePosted(game_id, lie.trace.root, lie.trace.roots)],
        [Demanded(game_id, OPENER, position, START + 10 * STEP)],
        [Revealed(game_id, position, revelation.data)],
        [
            Proven(game_id, OPENER, OPENER, Fault.STEP, node, ELEMENT),
            Refuted(request_id, OPERATOR, OPENER, OPENER, 0),
        ],
        [Claimed(game_id, OPENER, bond)],
    ]
    found = [
        Happening(event, _log(number, index))
        for number, events in enumerate(transactions)
        for index, event in enumerate(events)
    ]
    return Story(bundle, scene, lie, node, game_id, requested, found)


def _log(number: int, index: int) -> Log:
    block = sha256(number.to_bytes(4, "big")).digest()
    return Log(ORACLE, (), b"", number, block, sha256(block).digest(), 0, index, removed=False)
