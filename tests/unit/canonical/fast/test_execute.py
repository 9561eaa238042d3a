"""Running programs: what the sink sees, when tensors are dropped, and what is refused."""

import weakref
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from oracle.canonical.fast import execute as execute_module
from oracle.canonical.fast import work
from oracle.canonical.fast.execute import compile_plan, execute
from oracle.canonical.fast.work import Counts
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import LOWERING_VERSION, Program
from oracle.canonical.tensor import DType
from oracle.errors import InputError, ProgramError

_ROOT = b"\1" * 32
_CONSTANT = np.array([0x80000000, 0x7F800001, 0x3F800000], np.uint32).view(np.float32)  # -0, a signalling NaN, 1


def _operand(node: int, count: int = 3) -> Operand:
    return Operand(node, DType.FLOAT, View((Coordinate(count, 0, ((0, 1),)),)))


def _map(fn: Fn, *operands: int) -> Node:
    return Node(Kind.MAP, fn, DType.FLOAT, (3,), (), tuple(map(_operand, operands)), len(operands))


def _program(*nodes: Node, outputs: int = 1) -> Program:
    sources = (
        Node(Kind.INPUT, 0, DType.FLOAT, (3,), slot=0),
        Node(Kind.CONST, 0, DType.FLOAT, (3,), root=_ROOT),
    )
    return Program(LOWERING_VERSION, (*sources, *nodes), {_ROOT: _CONSTANT}, outputs)


_X = np.array([1, 2, 3], np.float32)


def test_sources_stand_in_the_trace_as_they_came_and_are_read_normalised() -> None:
    """Roots of INPUT and CONST commit to raw bytes, but a -0 or a NaN payload may not reach an element."""
    raw = np.array([0xFFC00001, 0x80000000, 0x00000001], np.uint32).view(np.float32)
    trace = execute(_program(_map(Fn.PICK, 0), _map(Fn.PICK, 1), outputs=2), [raw])
    assert [t.view(np.uint32).tolist() for t in trace.tensors] == [
        [0xFFC00001, 0x80000000, 0x00000001],
        [0x80000000, 0x7F800001, 0x3F800000],
        [0x7FC00000, 0, 1],
        [0, 0x7FC00000, 0x3F800000],
    ]
    assert [t is u for t, u in zip(trace.output_tensors, trace.tensors[2:], strict=True)] == [True, True]


def test_tensors_are_dropped_after_their_last_use() -> None:
    """A model's memory is its widest layer, not the sum of all."""
    alive: list[weakref.ref[NDArray[Any]]] = []
    most = 0

    def sink(_: int, tensor: NDArray[Any]) -> None:
        nonlocal most
        alive.append(weakref.ref(tensor))
        most = max(most, sum(ref() is not None for ref in alive[2:]))

    chain = [_map(Fn.ADD, 1 + k, 0) for k in range(20)]
    (output,) = compile_plan(_program(*chain)).run([_X], sink)
    assert len(alive) == 22
    assert most <= 2
    assert output[2] == 61


def test_outputs_used_by_later_nodes_are_returned_all_the_same() -> None:
    """The outputs are the last nodes, which may read one another."""
    outputs = compile_plan(_program(_map(Fn.ADD, 0, 0), _map(Fn.ADD, 2, 0), outputs=2)).run([_X])
    assert [o.tolist() for o in outputs] == [[2, 4, 6], [3, 6, 9]]


def test_a_plan_runs_again_with_other_inputs() -> None:
    """What a plan keeps is constant: nothing of one request may reach another."""
    plan = compile_plan(_program(_map(Fn.ADD, 0, 0)))
    assert plan.run([_X])[0].tolist() == [2, 4, 6]
    assert plan.run([_X + 1])[0].tolist() == [4, 6, 8]


def test_inputs_must_fit_the_program() -> None:
    """An input of another dtype or size is the caller's mistake and is said so."""
    plan = compile_plan(_program(_map(Fn.ADD, 0, 0)))
    for inputs in ([], [_X[:2]], [_X.astype(np.float64)]):
        with pytest.raises(InputError, match="input 0"):
            plan.run(inputs)


def test_programs_whose_operands_do_not_fit_are_refused() -> None:
    """Strides over a tensor of another size would read what is not there."""
    late = _program(_map(Fn.ADD, 2, 0))
    other = _program(Node(Kind.MAP, Fn.ABS, DType.FLOAT, (4,), (), (_operand(0, 4),), 1))
    missing = Program(LOWERING_VERSION, late.nodes[:2], {}, 1)
    short = Program(LOWERING_VERSION, late.nodes[:2], {_ROOT: _CONSTANT[:2]}, 1)
    for program, words in ((late, "no earlier"), (other, "4 elements"), (missing, "missing"), (short, "its data")):
        with pytest.raises(ProgramError, match=words):
            compile_plan(program)


@pytest.mark.parametrize("threads", [1, 2])
def test_every_thread_is_asked_whether_it_computes_as_ieee_says(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread that flushes subnormals makes wrong elements."""
    asked: list[None] = []
    for module in (execute_module, work):
        monkeypatch.setattr(module, "require_ieee_thread", lambda: asked.append(None))
    count = 1 << 20
    view = View((Coordinate(count, 0, ((0, 1),)),))
    double = Node(Kind.MAP, Fn.ADD, DType.FLOAT, (count,), (), (Operand(0, DType.FLOAT, view),) * 2, 2)
    program = Program(LOWERING_VERSION, (Node(Kind.INPUT, 0, DType.FLOAT, (count,), slot=0), double), {}, 1)
    (output,) = compile_plan(program).run([np.ones(count, np.float32)], threads=threads)
    assert (output == 2).all()
    assert len(asked) >= threads


def test_counts_say_which_share_needed_the_exact_path() -> None:
    """It sets what terms an operator accepts."""
    sum_ = Node(Kind.FOLD, Fn.FOLD_SUM, DType.FLOAT, (), (3,), (_operand(0),), 1)
    easy, all_, tie = Counts(), Counts(), Counts()
    plan = compile_plan(_program(sum_))
    assert plan.run([_X], counts=easy)[0].tolist() == [6]
    assert plan.run([_X], counts=all_, all_exact=True)[0].tolist() == [6]
    assert plan.run([np.array([1, 2.0**-24, 0], np.float32)], counts=tie)[0].tolist() == [1]
    assert [c.exact_share for c in (easy, all_, tie, Counts())] == [0, 1, 1, 0]
