"""What breaks floating point elsewhere, three ways: the reference, the fast path and the contracts."""

import itertools
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from oracle.canonical.commit import tensor_root
from oracle.canonical.fast.execute import execute
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import Program
from oracle.canonical.prove import open_operands
from oracle.canonical.reference.element import element
from oracle.canonical.tensor import DType
from tests.differential.batch import Batch, recompute_call
from tests.differential.bulk import Tally
from tests.differential.evm import ROOT
from tests.differential.models import Array, Judge, Place, Run, acquitted, program_of
from tests.differential.spread import float_bits
from tests.differential.step_verifier import committed
from tests.unit.canonical.fast.programs import array_of, bits_of, run_node
from tests.unit.canonical.strategies import NodeCase

F = DType.FLOAT
IN_EVM = 150
"""Elements of a network that are proven in the EVM, chosen at random."""


@pytest.fixture(scope="module")
def batch() -> Batch:
    """The contracts, deployed once."""
    return Batch()


def three_ways(batch: Batch, node: Node, columns: Sequence[Sequence[int]], every: int = 1) -> list[int]:
    """The tensor by the reference, with which the fast path and, at every n-th element, the EVM agree."""
    case = NodeCase(node, tuple(map(tuple, columns)))
    wanted = [element(node, at, case.readers) for at in range(node.count)]
    arrays = [array_of(column, operand.dtype) for column, operand in zip(columns, node.operands, strict=True)]
    assert bits_of(run_node(node, arrays)) == wanted
    assert bits_of(run_node(node, arrays, all_exact=True)) == wanted
    tensors, places = committed(case), range(0, node.count, every)
    calls = [recompute_call(encode_node(node), at, open_operands(node, at, tensors)[0]) for at in places]
    assert [(outcome.error, outcome.bits) for outcome in batch.run(calls)] == [("", wanted[at]) for at in places]
    return wanted


def fold(fn: Fn, length: int, operands: int) -> Node:
    """One element, over operands of `length` each."""
    view = View((Coordinate(length, 0, ((0, 1),)),))
    return Node(Kind.FOLD, fn, F, (), (length,), tuple(Operand(slot, F, view) for slot in range(operands)), operands)


def bits(values: Sequence[float]) -> list[int]:
    """As float32."""
    return [int(x) for x in np.array(values, np.float32).view(np.uint32)]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("scale", [1.0, 2.0**127, 2.0**-46, 2.0**60])
def test_attack_44_a_tie_is_broken_by_the_smallest_of_three(batch: Batch, sign: int, scale: float) -> None:
    """1 + 2^-24 is a tie, and 2^-80 decides it: no float64 holds the sum, in whatever order it is made."""
    triple = [sign * scale * x for x in (1.0, 2.0**-24, 2.0**-80)]
    least = 2.0**-149
    triple[2] = triple[2] if abs(triple[2]) >= least else sign * least  # the speck must be a number
    up, even = bits([sign * scale * (1 + 2.0**-23)]), bits([sign * scale])
    for order in itertools.permutations(bits(triple)):
        assert three_ways(batch, fold(Fn.FOLD_SUM, 3, 1), [order]) == up
        assert three_ways(batch, fold(Fn.FOLD_DOT, 3, 2), [order, bits([1, 1, 1])]) == up
        other = bits([-x if abs(x) == abs(triple[2]) else x for x in np.array(order, np.uint32).view(np.float32)])
        assert three_ways(batch, fold(Fn.FOLD_SUM, 3, 1), [other]) == even
    assert three_ways(batch, fold(Fn.FOLD_SUM, 2, 1), [bits(triple[:2])]) == even


@pytest.mark.parametrize(("speck", "length"), [(0.0, 3), (2.0**-80, 4), (-(2.0**-80), 4), (0.0, 130), (2.0**-80, 131)])
def test_attack_44_every_element_of_a_product_is_a_tie(batch: Batch, speck: float, length: int) -> None:
    """No element is decided by float64; networks quantised to few bits are full of such sums."""
    rng = np.random.default_rng(length)
    rows, wide = 48, 32
    a, b = np.zeros((rows, length)), np.zeros((wide, length))
    mantissa = rng.integers(2**23, 2**24, rows)
    a[:, 0], a[:, 1] = mantissa, 2.0**23
    b[:, 0], b[:, 1] = 1, 2.0**-24
    if speck:
        a[:, -1], b[:, -1] = speck, 1
    pairs = (length - 2 - bool(speck)) // 2 * 2  # that cancel
    big = rng.integers(2**23, 2**24, (rows, pairs // 2)) * 2.0 ** rng.integers(0, 30, (rows, pairs // 2))
    a[:, 2 : 2 + pairs : 2], a[:, 3 : 3 + pairs : 2] = big, -big
    b[:, 2 : 2 + pairs] = 1
    scale = 2.0 ** rng.integers(-20, 20, wide)
    b *= scale[:, None]
    views = [
        View((Coordinate(size, 0, ((axis, 1),)), Coordinate(length, 0, ((2, 1),))))
        for axis, size in ((0, rows), (1, wide))
    ]
    node = Node(
        Kind.FOLD, Fn.FOLD_DOT, F, (rows, wide), (length,), tuple(Operand(s, F, v) for s, v in enumerate(views)), 2
    )
    got = three_ways(batch, node, [bits(a.reshape(-1)), bits(b.reshape(-1))], every=11)
    up = mantissa + 1 if speck > 0 else mantissa if speck < 0 else mantissa + mantissa % 2
    assert got == bits(np.outer(up, scale).reshape(-1))


def hostile_inputs() -> dict[str, Array]:
    """64 pixels each."""
    special = [0x7F800000, 0xFF800000, 0x7FC00001, 0x80000000, 1, 0x807FFFFF, 0x7F7FFFFF, 0xFF7FFFFF]
    return {
        "1e37": np.full(64, 1e37, np.float32),
        "the largest, of both signs": np.tile(np.array([3.4e38, -3.4e38], np.float32), 32),
        "NaN": np.full(64, np.nan, np.float32),
        "infinity": np.full(64, np.inf, np.float32),
        "-0": np.full(64, -0.0, np.float32),
        "subnormals": np.full(64, 1e-42, np.float32),
        "one NaN": np.where(np.arange(64) == 20, np.nan, 5).astype(np.float32),
        "some of each": np.tile(np.array(special, np.uint32).view(np.float32), 8),
        "any bits": float_bits(np.random.default_rng(1), 64).view(np.float32),
    }


def hostile_weights(program: Program, what: str) -> Program:
    """The same nodes with other constants."""
    rng = np.random.default_rng(2)
    nodes, constants = list(program.nodes), {}
    for k, node in enumerate(nodes):
        if node.kind is not Kind.CONST:
            continue
        data = program.constants[node.root].copy()
        if what == "any bits" and data.dtype == np.float32:
            data = float_bits(rng, data.size).view(np.float32)
        elif what == "huge" and data.dtype == np.float32:
            data = np.where(data < 0, np.float32(-1e37), np.float32(1e37))
        elif what == "subnormal" and data.dtype == np.float32:
            data = data * np.float32(1e-38)
        nodes[k] = replace(node, root=tensor_root(node.dtype, data))
        constants[nodes[k].root] = data
    return replace(program, nodes=tuple(nodes), constants=constants)


def assert_right_everywhere(run: Run) -> None:
    """Every element of the trace is the reference's, and the EVM acquits what is chosen of them."""
    readers = [tensor.view(f"u{tensor.itemsize}").tolist() for tensor in run.tensors]
    tally, rng = Tally(), np.random.default_rng(3)
    judge, trace = Judge(run.program, tally), run.committed()
    chosen: set[Place] = {run.places[i] for i in rng.choice(len(run.places), IN_EVM, replace=False)}
    for k, at in run.places:
        node = run.program.nodes[k]
        wanted = element(node, at, [readers[operand.node].__getitem__ for operand in node.operands])
        assert readers[k][at] == wanted, (k, at)
        if (k, at) in chosen:
            judge.claim(f"{k}, {at}", trace, trace.prove(k, at), acquitted)
    judge.finish()
    assert tally.told == []
    assert tally.total == IN_EVM


@pytest.mark.parametrize("what", list(hostile_inputs()))
def test_attack_43_hostile_inputs_through_a_whole_network(what: str) -> None:
    """What an input does to a network is defined, whatever it is; it can be neither unanswerable nor undecidable."""
    program = program_of("digits-cnn")
    run = Run(program, execute(program, [hostile_inputs()[what]]).tensors)
    assert_right_everywhere(run)


@pytest.mark.parametrize("what", ["any bits", "huge", "subnormal"])
def test_attack_43_hostile_weights_of_a_whole_network(what: str) -> None:
    """A model may hold any bits."""
    program = hostile_weights(program_of("digits-cnn"), what)
    pixels = np.random.default_rng(4).integers(0, 17, 64).astype(np.float32)
    assert_right_everywhere(Run(program, execute(program, [pixels]).tensors))


FLUSHED = """
import sys, threading
import numpy as np, onnxruntime
from oracle.canonical.fast.execute import execute
from oracle.canonical.lower import lower
from oracle.errors import ModelError

model = open(sys.argv[1], "rb").read()
program = lower(model, default_dim=1).program

def session():
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

if sys.argv[2] == "own thread":
    thread = threading.Thread(target=session)
    thread.start()
    thread.join()
else:
    session()
try:
    trace = execute(program, [np.full(64, 1e-40, np.float32)])
    print("trace", sum(int(tensor.view("u4").astype("u8").sum()) for tensor in trace.tensors))
except ModelError as error:
    print("refused:", error, error.hint)
"""


def after_a_session(where: str) -> str:
    """What a process prints that runs a program after an onnxruntime session switched subnormals off."""
    command = [sys.executable, "-c", FLUSHED, str(ROOT / "models/digits.onnx"), where]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=120).stdout.strip()


def test_attack_43_a_thread_on_which_a_session_switched_subnormals_off_is_refused() -> None:
    """Its bits would be others, and the operator would be convicted for its own settings."""
    said = after_a_session("same thread")
    assert said.startswith("refused: This thread flushes subnormal"), said
    assert "session.set_denormal_as_zero" in said


def test_attack_43_a_session_on_a_thread_of_its_own_changes_nothing() -> None:
    """The way out that the error names."""
    program = program_of("digits")
    tensors = execute(program, [np.full(64, 1e-40, np.float32)]).tensors
    assert after_a_session("own thread") == f"trace {sum(int(t.view('u4').astype('u8').sum()) for t in tensors)}"
