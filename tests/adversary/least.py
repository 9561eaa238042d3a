"""How little a lie can be: the smallest change of one hidden value after which the answer leaves the tolerance."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from oracle.canonical.fast.execute import Plan, compile_plan
from oracle.canonical.program.node import Kind, Node
from oracle.canonical.program.program import Program
from oracle.canonical.tolerance import wrong_elements
from tests.adversary.scenes import Array, Scene

_TRIED = 4
_LARGEST = 27
"""A shift by two to this power takes a float32 to about 2^16 times itself."""


@dataclass(frozen=True, slots=True)
class Shift:
    """What `liars.shifted` takes: the bits of `element` of `node` become `by` more, or `by` less 2^size of them."""

    node: int
    element: int
    by: int


def largest(scene: Scene, kind: Kind) -> int:
    """The node of a kind with the most elements; of several the last one."""
    nodes = scene.program.nodes
    return max((k for k, node in enumerate(nodes) if node.kind is kind), key=lambda k: (nodes[k].count, k))


def least_shift(scene: Scene, node: int) -> Shift:
    """The smallest step away from zero, of one of a node's largest elements, that makes the answer wrong.

    One bit less would be tolerated. Raises `ValueError` where none of those tried makes it wrong.
    """
    rest = _Rest(scene, node)
    tried = np.argsort(-np.abs(scene.tensors[node].astype(np.float64)), kind="stable")[:_TRIED]
    found = [(size, element) for element in map(int, tried) if (size := _least_size(rest, element)) is not None]
    if not found:
        raise ValueError(f"No shift of the largest elements of node {node} makes the answer wrong.")
    size, element = min(found)
    return Shift(node, element, _least(lambda by: rest.is_wrong(element, by), (1 << size) >> 1, 1 << size))


def _least_size(rest: "_Rest", element: int) -> int | None:
    """The exponent of a power of two by which a shift makes the answer wrong, half of which does not."""
    if not rest.is_wrong(element, 1 << _LARGEST):
        return None
    return _least(lambda size: rest.is_wrong(element, 1 << size), -1, _LARGEST)


def _least(holds: Callable[[int], bool], fails: int, held: int) -> int:
    """A number up to `held` for which something holds, and not for the one below, as it does not for `fails`."""
    while held - fails > 1:
        middle = (fails + held) // 2
        fails, held = (fails, middle) if holds(middle) else (middle, held)
    return held


class _Rest:
    """The network behind a node: it is run again and again, what comes before is not."""

    def __init__(self, scene: Scene, node: int) -> None:
        self._plan, given = _behind(scene.program, node)
        self._given = [scene.tensors[k] for k in given]
        self._place = given.index(node)
        self._specs = scene.model.outputs
        self._truth = [scene.tensors[k] for k in scene.program.output_nodes]

    def is_wrong(self, element: int, by: int) -> bool:
        """Whether the answer is, if the bits of an element are `by` more."""
        given = list(self._given)
        given[self._place] = moved(given[self._place], element, by)
        return bool(wrong_elements(self._plan.run(given), self._truth, self._specs))


def moved(tensor: Array, element: int, by: int) -> Array:
    """A copy in which the bits of an element are `by` more."""
    copy = tensor.copy()
    unsigned = copy.view(f"u{copy.itemsize}")
    unsigned[element] += np.array(by).astype(unsigned.dtype)
    return copy


def _behind(program: Program, node: int) -> tuple[Plan, list[int]]:
    """A plan whose inputs are the tensors up to `node` that are no constants, and which those are; `node` is one."""
    nodes, given = list(program.nodes), list[int]()
    for k in range(node + 1):
        before = nodes[k]
        if before.kind is not Kind.CONST or k == node:
            nodes[k] = Node(Kind.INPUT, 0, before.dtype, before.dims, slot=len(given))
            given.append(k)
    return compile_plan(replace(program, nodes=tuple(nodes))), given
