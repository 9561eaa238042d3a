"""Runs a canonical program: every tensor of its trace, bit for bit as docs/canonical.md defines it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.blas import keep_blas_to_one_thread
from oracle.canonical.fast.depthwise import DepthwisePlan
from oracle.canonical.fast.dot import DotPlan
from oracle.canonical.fast.flush import require_ieee_thread
from oracle.canonical.fast.folds import FoldPlan
from oracle.canonical.fast.functions import normalize
from oracle.canonical.fast.maps import MapPlan, PickPlan
from oracle.canonical.fast.rank import RankPlan
from oracle.canonical.fast.sums import SumPlan
from oracle.canonical.fast.tree import TreePlan
from oracle.canonical.fast.work import Counts, Work
from oracle.canonical.program.node import Fn, Kind, Node
from oracle.canonical.program.program import Program
from oracle.canonical.tensor import DType
from oracle.errors import InputError, ProgramError

Array = NDArray[Any]
Sink = Callable[[int, Array], None]
Step = Callable[[Sequence[Array], Work], Array]

_ELEMENTWISE_FOLD = 32  # a DOT whose rows serve one element each, up to this long, is summed term by term


@dataclass(frozen=True, slots=True)
class Trace:
    """All tensors of a run, flat: raw bits for INPUT and CONST nodes, normalised for the others."""

    tensors: tuple[Array, ...]
    outputs: int

    @property
    def output_tensors(self) -> tuple[Array, ...]:
        """The model's outputs, flat."""
        return self.tensors[len(self.tensors) - self.outputs :]


@dataclass(frozen=True, slots=True)
class Plan:
    """A program ready to run; threads may run it at the same time.

    `steps[k]` computes tensor k (None for INPUT and CONST), `last[k]` are the tensors nobody needs after node k.
    """

    program: Program
    steps: tuple[Step | None, ...]
    constants: Mapping[int, Array]
    last: tuple[tuple[int, ...], ...]

    def run(
        self,
        inputs: Sequence[Array],
        sink: Sink | None = None,
        threads: int = 1,
        *,
        all_exact: bool = False,
        counts: Counts | None = None,
    ) -> list[Array]:
        """The outputs, flat, of the program on `inputs` (one per slot, of the INPUT nodes' dtypes and counts).

        `sink(k, tensor)` is given every tensor as it is made: INPUT and CONST with their raw bits, those in order too.
        Each is dropped after its last use. `all_exact` sends every sum through the exact path; `counts` counts how many
        went. Raises `InputError` where an input does not fit, `ProgramError` where a thread flushes subnormals.
        """
        require_ieee_thread()
        with Work(threads, all_exact=all_exact, counts=counts) as work:
            return self._run(inputs, sink, work)

    def _run(self, inputs: Sequence[Array], sink: Sink | None, work: Work) -> list[Array]:
        tensors: dict[int, Array] = {}
        outputs: dict[int, Array] = {}
        with np.errstate(all="ignore"):
            for k, (node, step) in enumerate(zip(self.program.nodes, self.steps, strict=True)):
                if step is not None:
                    raw = tensors[k] = step([tensors[operand.node] for operand in node.operands], work)
                elif node.kind is Kind.CONST:
                    raw, tensors[k] = self.program.constants[node.root], self.constants[k]
                else:
                    raw = _input(inputs, node)
                    tensors[k] = _as_read(raw)
                if sink is not None:
                    sink(k, raw)
                if k in self.program.output_nodes:
                    outputs[k] = raw
                for dead in self.last[k]:
                    del tensors[dead]
        return [outputs[k] for k in self.program.output_nodes]


def compile_plan(program: Program) -> Plan:
    """Prepares all that does not depend on inputs: views as strides, tiles, constants as float64.

    The program's nodes must be well-formed (`validate_node`). Raises `ProgramError` where a constant is missing or an
    operand is not an earlier tensor of the dtype and count its view says.
    """
    keep_blas_to_one_thread()
    constants: dict[int, Array] = {}
    steps: list[Step | None] = []
    for k, node in enumerate(program.nodes):
        _check_operands(program, k, node)
        if node.kind is Kind.CONST:
            constants[k] = _as_read(_constant(program, k, node))
        held = {slot: constants[op.node] for slot, op in enumerate(node.operands) if op.node in constants}
        with np.errstate(all="ignore"):
            steps.append(_step(node, held))
    return Plan(program, tuple(steps), constants, _last_uses(program))


def execute(program: Program, inputs: Sequence[Array]) -> Trace:
    """The whole trace of `program` on `inputs`."""
    tensors: list[Array] = []
    compile_plan(program).run(inputs, lambda _, tensor: tensors.append(tensor))
    return Trace(tuple(tensors), program.outputs)


def _step(node: Node, constants: Mapping[int, Array]) -> Step | None:
    if node.kind in (Kind.INPUT, Kind.CONST):
        return None
    if not node.count:
        return lambda *_: np.empty(0, node.dtype.numpy)
    if not node.fold_count:  # NumPy bounds the product of the other dimensions, which may be long
        node = replace(node, fold=(0,) * len(node.fold))
    if node.kind is Kind.TREE:
        return TreePlan(node)
    if node.kind is Kind.RANK:
        return RankPlan(node)
    if node.kind is Kind.MAP:
        return PickPlan(node) if node.fn == Fn.PICK else MapPlan(node)
    if node.fn == Fn.FOLD_DOT:
        dot = DotPlan(node, constants)
        if not dot.elementwise or node.fold_count > _ELEMENTWISE_FOLD:
            return dot
        return DepthwisePlan(node, constants) if node.dtype is DType.FLOAT and node.fold_count else SumPlan(node)
    return SumPlan(node) if node.fn in (Fn.FOLD_SUM, Fn.FOLD_MEAN) else FoldPlan(node)


def _last_uses(program: Program) -> tuple[tuple[int, ...], ...]:
    last = {k: k for k in range(len(program.nodes))}
    for k, node in enumerate(program.nodes):
        last.update({operand.node: k for operand in node.operands})
    dead: list[list[int]] = [[] for _ in program.nodes]
    for tensor, k in last.items():
        dead[k].append(tensor)
    return tuple(map(tuple, dead))


def _check_operands(program: Program, k: int, node: Node) -> None:
    for operand in node.operands:
        if operand.node >= k:
            raise ProgramError(f"node {k} reads tensor {operand.node}, which is no earlier one.")
        read = program.nodes[operand.node]
        if (read.dtype, read.count) != (operand.dtype, operand.view.count):
            raise ProgramError(
                f"node {k} reads tensor {operand.node} as {operand.view.count} elements of {operand.dtype.label}; "
                f"it has {read.count} of {read.dtype.label}."
            )


def _as_read(raw: Array) -> Array:
    """Normalised: docs/canonical.md section 1. A bool may come as any byte."""
    with np.errstate(all="ignore"):
        return raw.view(np.uint8) != 0 if raw.dtype == np.bool_ else normalize(raw)


def _constant(program: Program, k: int, node: Node) -> Array:
    data = program.constants.get(node.root)
    if data is None:
        raise ProgramError(f"the data of constant node {k}, of root {node.root.hex()}, is missing.")
    if data.shape != (node.count,) or data.dtype != node.dtype.numpy:
        raise ProgramError(
            f"constant node {k} is {node.dtype.label}[{node.count}], its data {data.dtype}{list(data.shape)}."
        )
    return data


def _input(inputs: Sequence[Array], node: Node) -> Array:
    if node.slot >= len(inputs):
        raise InputError(f"the program reads input {node.slot}, {len(inputs)} were given.")
    given = inputs[node.slot]
    if given.dtype != node.dtype.numpy or given.size != node.count:
        raise InputError(
            f"input {node.slot} is {given.dtype}{list(given.shape)}, the program's {node.dtype.label}[{node.count}]."
        )
    return np.ascontiguousarray(given).reshape(-1)
