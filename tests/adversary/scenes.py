"""Models with an input, the canonical trace and the right answer: where games are played."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.commit import tensor_root
from oracle.canonical.cost import program_cost
from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import Program
from oracle.canonical.prove import CommittedTrace, program_root
from oracle.canonical.pursuit import Case
from oracle.canonical.tensor import DType, TensorSpec
from oracle.canonical.tracing import trace_of
from tests.unit.canonical.strategies import NodeCase

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """A model, the packed input of a request, and the canonical trace of it."""

    model: Model
    program: Program
    packed: bytes
    honest: CommittedTrace

    @property
    def tensors(self) -> list[Array]:
        """The canonical tensors, flat: raw bits as their dtypes."""
        return [t.flat.view(n.dtype.numpy) for t, n in zip(self.honest.tensors, self.program.nodes, strict=True)]

    @property
    def answer(self) -> bytes:
        """The right answer, packed."""
        return pack_outputs(self.program, self.tensors)

    @property
    def computed(self) -> list[int]:
        """The nodes that compute something."""
        return [k for k, node in enumerate(self.program.nodes) if node.kind not in (Kind.INPUT, Kind.CONST)]

    def case(self, answer: bytes) -> Case:
        """The dispute over `answer`."""
        return Case(self.model, self.packed, answer)

    def run_with(self, forced: dict[int, Array]) -> list[Array]:
        """The tensors of a run in which some nodes yield what they are told: all after them follows canonically."""
        nodes, constants = list(self.program.nodes), dict(self.program.constants)
        for k, tensor in forced.items():
            root = tensor_root(nodes[k].dtype, tensor)
            nodes[k] = Node(Kind.CONST, 0, nodes[k].dtype, nodes[k].dims, root=root)
            constants[root] = tensor
        plan = compile_plan(replace(self.program, nodes=tuple(nodes), constants=constants))
        trace = trace_of(plan, self.model.inputs, self.packed)
        return [t.flat.view(n.dtype.numpy) for t, n in zip(trace.tensors, nodes, strict=True)]


def pack_outputs(program: Program, tensors: Sequence[Array]) -> bytes:
    """The answer that a trace's last tensors are."""
    outputs = [tensors[k] for k in program.output_nodes]
    return b"".join(t.view(f"u{t.itemsize}").astype(f">u{t.itemsize}").tobytes() for t in outputs)


def scene(program: Program, inputs: Sequence[Array], tolerances: Sequence[tuple[int, int]] = ()) -> Scene:
    """The scene of a program on flat `inputs`, one per slot; `tolerances` are bits of atol and rtol, 0 if not given."""
    specs = tuple(TensorSpec(DType.of(given.dtype), (given.size,)) for given in inputs)
    outputs = [TensorSpec(program.nodes[k].dtype, (program.nodes[k].count,)) for k in program.output_nodes]
    allowed = [*tolerances, *[(0, 0)] * (len(outputs) - len(tolerances))]
    output_specs = tuple(OutputSpec(spec, *bits) for spec, bits in zip(outputs, allowed, strict=True))
    gas = program_cost(program)[0]
    model = Model(program_root(program), len(program.nodes), gas, specs, output_specs, bytes(32))
    packed = b"".join(t.view(f"u{t.itemsize}").astype(f">u{t.itemsize}").tobytes() for t in inputs)
    return Scene(model, program, packed, trace_of(compile_plan(program), specs, packed))


def scene_of_case(case: NodeCase) -> Scene:
    """A node with its operands, inputs and constants by turns, and a copy of its result as the output."""
    nodes: list[Node] = []
    inputs: list[Array] = []
    constants: dict[bytes, Array] = {}
    for slot, (operand, column) in enumerate(zip(case.node.operands, case.operands, strict=True)):
        count = operand.view.count
        data = np.array(column, dtype=f"u{operand.dtype.size}").view(operand.dtype.numpy)
        if slot % 2:
            root = tensor_root(operand.dtype, data)
            nodes.append(Node(Kind.CONST, 0, operand.dtype, (count,), root=root))
            constants[root] = data
        else:
            nodes.append(Node(Kind.INPUT, 0, operand.dtype, (count,), slot=len(inputs)))
            inputs.append(data)
    result = len(nodes)
    nodes += [case.node, _copy(result, case.node.dtype, case.node.count)]
    return scene(Program(1, tuple(nodes), constants, 1), inputs)


@lru_cache(maxsize=32)
def chain(length: int, count: int, dtype: DType = DType.FLOAT, outputs: int = 2) -> Scene:
    """`length` nodes of `count` elements: an input, a constant, and sums of the node before with an earlier one."""
    rng = np.random.default_rng(length * 1000 + count)
    drawn = [rng.integers(1, 100, count).astype(dtype.numpy) for _ in range(2)]
    root = tensor_root(dtype, drawn[1])
    nodes = [Node(Kind.INPUT, 0, dtype, (count,)), Node(Kind.CONST, 0, dtype, (count,), root=root)]
    for k in range(2, length):
        fn = (Fn.ADD, Fn.SUB)[k % 2]
        operands = (Operand(k - 1, dtype, _row(count)), Operand((k * 7) % (k - 1), dtype, _row(count)))
        nodes.append(Node(Kind.MAP, fn, dtype, (count,), (), operands, 2))
    return scene(Program(1, tuple(nodes), {root: drawn[1]}, outputs), [drawn[0]])


@lru_cache(maxsize=1)
def unread() -> Scene:
    """A program that reads no input, of a model that declares one: its answer is that of a constant."""
    drawn = np.arange(1, 71, dtype=np.float32)
    root = tensor_root(DType.FLOAT, drawn)
    constant = Node(Kind.CONST, 0, DType.FLOAT, (70,), root=root)
    negated = Node(Kind.MAP, Fn.NEG, DType.FLOAT, (70,), (), (Operand(0, DType.FLOAT, _row(70)),), 1)
    return scene(Program(1, (constant, negated), {root: drawn}, 1), [np.zeros(3, np.float32)])


def _copy(node: int, dtype: DType, count: int) -> Node:
    return Node(Kind.MAP, Fn.PICK, dtype, (count,), (), (Operand(node, dtype, _row(count)),), 1)


def _row(count: int) -> View:
    return View((Coordinate(count, 0, ((0, 1),)),))


@lru_cache(maxsize=4)
def deep(leaves: int) -> Scene:
    """Two tensors of `leaves` leaves, the second not full, made of a small input; its last elements are the output."""
    f, row = DType.FLOAT, View((Coordinate(64, 0, ((1, 1),)),))
    count = 64 * leaves - 5
    start = Coordinate(count, count - 64, ((0, 1),))
    nodes = (
        Node(Kind.INPUT, 0, f, (64,)),
        Node(Kind.MAP, Fn.NEG, f, (leaves, 64), (), (Operand(0, f, row),), 1),
        Node(Kind.MAP, Fn.ABS, f, (count,), (), (Operand(1, f, View((Coordinate(64 * leaves, 0, ((0, 1),)),))),), 1),
        Node(Kind.MAP, Fn.PICK, f, (64,), (), (Operand(2, f, View((start,))),), 1),
    )
    return scene(Program(1, nodes, {}, 1), [np.arange(1, 65, dtype=np.float32)])


@lru_cache(maxsize=1)
def heavy() -> Scene:
    """Tensors of 128 full leaves without a zero byte among them: what is dearest to reveal."""
    rng = np.random.default_rng(1)
    count = 64 * 128
    bits = rng.integers(0x01010101, 0x7F7F7F7F, count, dtype=np.uint32) | np.uint32(0x01010101)
    whole = View((Coordinate(count, 0, ((0, 1),)),))
    copies = [
        Node(Kind.MAP, Fn.PICK, DType.FLOAT, (count,), (), (Operand(k, DType.FLOAT, whole),), 1) for k in range(254)
    ]
    short = Node(Kind.MAP, Fn.PICK, DType.FLOAT, (1,), (), (Operand(254, DType.FLOAT, whole),), 1)
    given = Node(Kind.INPUT, 0, DType.FLOAT, (count,))
    return scene(Program(1, (given, *copies, short), {}, 1), [bits.view(np.float32)])
