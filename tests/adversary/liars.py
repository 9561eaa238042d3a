"""What dishonest operators answer and post. Each lie is convicted, or the answer was right after all.

    lie = shifted(scene, node=5, element=3)     # node 5 yields something else, all after it follows from that
    lie.answer, lie.trace.root, lie.trace.roots # what is delivered and posted
    lie.trace.reveal(position)                  # what the liar can reveal; None where nothing would be accepted
    lie.trace.attempt(position)                 # what it would send all the same

`every_lie(scene, seed)` yields one of each kind that the scene has room for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oracle.canonical.commit import LEAF_BYTES, Tree, bind_tensor, bind_trace, leaf_count, tensor_bytes
from oracle.canonical.layers import LAYER_LEVELS, Position, Revelation, shown
from oracle.canonical.program.node import Kind, Node
from oracle.canonical.tensor import DType
from tests.adversary.scenes import Array, Scene, pack_outputs
from tests.adversary.table import accepts

_MOST_ROOTS = 256


class PostedTensor:
    """A tensor as somebody commits to it: leaves, the tree over them, and the root, right or not."""

    def __init__(self, node: Node, data: bytes) -> None:
        self.data = data.ljust(-(-len(data) // LEAF_BYTES) * LEAF_BYTES, b"\0")
        self.leaves = leaf_count(node.count * node.dtype.size)
        self.tree = Tree.over_tensor(self.data)
        self.root = bind_tensor(node.dtype, node.count, self.tree.hash)


class LyingTrace:
    """A trace of any tensors; subclasses and builders forge what no tensors lead to."""

    def __init__(self, scene: Scene, tensors: Sequence[PostedTensor]) -> None:
        self._scene = scene
        self.tensors = list(tensors)
        self.commit()

    def commit(self) -> None:
        """Tree and root over the tensors as they are now."""
        self.tensor_roots = [tensor.root for tensor in self.tensors]
        self.tree = Tree.over_leaves(self.tensor_roots)
        self.root = bind_trace(len(self.tensors), self.tree.hash)

    @property
    def roots(self) -> tuple[bytes, ...]:
        """What is posted with the root."""
        return tuple(self.tensor_roots) if len(self.tensor_roots) <= _MOST_ROOTS else ()

    def attempt(self, position: Position) -> Revelation:
        """What the liar sends where it must reveal `position`, accepted or not."""
        if position.is_trace:
            return self._shown(position, self.tree, len(self.tensors), b"".join(self.tensor_roots), 32, ())
        tensor, path = self.tensors[position.tensor], tuple(self.tree.path(0, position.tensor))
        return self._shown(position, tensor.tree, tensor.leaves, tensor.data, LEAF_BYTES, path)

    def reveal(self, position: Position) -> Revelation | None:
        """The same where the rules accept it; else None: this demand will be forfeited."""
        revelation = self.attempt(position)
        return revelation if accepts(self._scene.program, self.root, revelation) else None

    @staticmethod
    def _shown(
        position: Position, tree: Tree, leaves: int, data: bytes, size: int, trace_path: tuple[bytes, ...]
    ) -> Revelation:
        where = shown(position, leaves)
        assert where is not None
        top = tree.depth - LAYER_LEVELS * position.layer
        if where.are_leaves:
            content = data[size * where.first : size * (where.first + where.count)]
        else:
            content = tree.row(tree.depth - where.depth, where.first, where.count)
        return Revelation(position, content, tuple(tree.path(top, position.index)), trace_path)


@dataclass(frozen=True, slots=True)
class Lie:
    """What is delivered and posted. `is_wrong`: whether answer or trace is not the canonical one."""

    name: str
    answer: bytes
    trace: LyingTrace
    is_wrong: bool = True


def truth(scene: Scene) -> Lie:
    """No lie at all."""
    return Lie("truth", scene.answer, _trace(scene, scene.tensors), is_wrong=False)


def shifted(scene: Scene, node: int, element: int, *, by: int = 1, follow: bool = True) -> Lie:
    """One element has bits that are `by` more; with `follow` all that depends on it is recomputed from it."""
    tensor = scene.tensors[node].copy()
    unsigned = tensor.view(f"u{tensor.itemsize}")
    unsigned[element] += np.array(by).astype(unsigned.dtype)
    what = f"node {node}, element {element} by {by}, {'followed up' if follow else 'alone'}"
    return _forced(scene, what, {node: tensor}, follow=follow)


def whole_tensor(scene: Scene, node: int, seed: int, *, follow: bool = True) -> Lie:
    """Every element of a tensor is another."""
    unsigned = scene.tensors[node].view(f"u{scene.tensors[node].itemsize}")
    rng = np.random.default_rng(seed)
    step = rng.integers(1, np.iinfo(unsigned.dtype).max, unsigned.size, dtype=unsigned.dtype, endpoint=False)
    tensor = (unsigned + step).view(scene.tensors[node].dtype)
    return _forced(scene, f"all of node {node}, {'followed up' if follow else 'alone'}", {node: tensor}, follow=follow)


def other_weights(scene: Scene, bits: int) -> Lie:
    """Another model: of every weight only `bits` of the fraction are kept; all that follows is what it is then."""
    rounded = {k: _cut(scene.tensors[k], bits) for k in weights(scene)}
    return _forced(scene, f"weights of {bits} bits", rounded, follow=True)


def weights(scene: Scene) -> list[int]:
    """The nodes that hold weights."""
    nodes = enumerate(scene.program.nodes)
    return [k for k, node in nodes if node.kind is Kind.CONST and node.dtype is DType.FLOAT and node.count > 1]


def padded(scene: Scene, node: int) -> Lie | None:
    """Something behind the last element, in its leaf; None where the leaf is full."""
    trace = _trace(scene, scene.tensors)
    own = scene.program.nodes[node]
    size = own.count * own.dtype.size
    if size % LEAF_BYTES == 0:
        return None
    data = bytearray(trace.tensors[node].data)
    data[size] ^= 1
    trace.tensors[node] = PostedTensor(own, bytes(data))
    trace.commit()
    return Lie(f"padding of node {node}", scene.answer, trace)


def leaf_beyond(scene: Scene, node: int) -> Lie | None:
    """A leaf behind the last one, where the tree has room; None where it has not."""
    trace = _trace(scene, scene.tensors)
    tensor, own = trace.tensors[node], scene.program.nodes[node]
    if tensor.leaves == 1 << tensor.tree.depth:
        return None
    forged = PostedTensor(own, tensor.data + b"junk".ljust(LEAF_BYTES, b"\0"))
    forged.leaves = tensor.leaves
    trace.tensors[node] = forged
    trace.commit()
    return Lie(f"a leaf beyond node {node}", scene.answer, trace)


def header(scene: Scene, node: int, *, dtype: DType | None = None, more: int = 0) -> Lie:
    """The right data under another dtype or count."""
    trace, own = _trace(scene, scene.tensors), scene.program.nodes[node]
    trace.tensors[node].root = bind_tensor(dtype or own.dtype, own.count + more, trace.tensors[node].tree.hash)
    trace.commit()
    return Lie(f"header of node {node}, {dtype} {more:+}", scene.answer, trace)


def wrong_answer(scene: Scene, position: int, by: int = 1) -> Lie:
    """The right trace, and an answer with another byte."""
    answer = bytearray(scene.answer)
    answer[position] = (answer[position] + by) % 256
    return Lie(f"byte {position} of the answer", bytes(answer), _trace(scene, scene.tensors))


def wrong_length(scene: Scene, change: int) -> Lie:
    """The right trace, and an answer that is shorter or longer."""
    answer = scene.answer[:change] if change < 0 else scene.answer + bytes(change)
    return Lie(f"an answer of {change:+} bytes", answer, _trace(scene, scene.tensors))


def roots_of_nothing(scene: Scene, seed: int) -> Lie:
    """Tensor roots that are no hash of anything, under a right trace root of them."""
    trace = _trace(scene, scene.tensors)
    rng = np.random.default_rng(seed)
    for tensor in trace.tensors:
        tensor.root = rng.bytes(32)
    trace.commit()
    return Lie("tensor roots of nothing", scene.answer, trace)


def root_of_nothing(scene: Scene, seed: int) -> Lie:
    """A trace root that is no hash of anything. Where tensor roots come with it, the contract takes none such."""
    trace = _trace(scene, scene.tensors)
    trace.root = np.random.default_rng(seed).bytes(32)
    return Lie("a trace root of nothing", scene.answer, trace)


def tensor_beyond(scene: Scene) -> Lie | None:
    """A tensor root behind the last node, where the trace's tree has room; None where it has not."""
    trace = _trace(scene, scene.tensors)
    if len(trace.tensors) == 1 << trace.tree.depth:
        return None
    trace.tree = Tree.over_leaves([*trace.tensor_roots, b"junk".ljust(32, b"\0")])
    trace.root = bind_trace(len(trace.tensors), trace.tree.hash)
    return Lie("a tensor beyond the last node", scene.answer, trace)


def every_lie(scene: Scene, seed: int) -> Iterator[Lie]:
    """One of each kind, at places drawn by `seed`; only those that change something."""
    rng = np.random.default_rng(seed)
    sizes = {k: node.count for k, node in enumerate(scene.program.nodes)}
    for kind in (Kind.INPUT, Kind.CONST, None):  # None: whatever is computed
        nodes = [k for k, n in enumerate(scene.program.nodes) if sizes[k] and _is(n, kind)]
        for follow in (True, False) if nodes else ():
            k = int(rng.choice(nodes))
            yield shifted(scene, k, int(rng.integers(sizes[k])), follow=follow)
            yield shifted(scene, k, sizes[k] - 1, by=1 << 3, follow=follow)
            yield whole_tensor(scene, k, seed, follow=follow)
    for k in rng.choice(len(sizes), 2):
        yield from filter(None, (padded(scene, int(k)), leaf_beyond(scene, int(k))))
        other = DType.INT32 if scene.program.nodes[k].dtype is not DType.INT32 else DType.UINT32
        yield from (header(scene, int(k), dtype=other), header(scene, int(k), more=1))
    if scene.answer:
        yield wrong_answer(scene, int(rng.integers(len(scene.answer))), int(rng.integers(1, 256)))
        yield wrong_length(scene, -1)
    yield wrong_length(scene, 1)
    yield roots_of_nothing(scene, seed)
    if len(sizes) > _MOST_ROOTS:
        yield root_of_nothing(scene, seed)
        yield from filter(None, [tensor_beyond(scene)])


def _is(node: Node, kind: Kind | None) -> bool:
    return node.kind is kind or (kind is None and node.kind not in (Kind.INPUT, Kind.CONST))


def _cut(tensor: Array, bits: int) -> Array:
    dropped = np.finfo(tensor.dtype).nmant - bits
    return (tensor.view(np.uint32) >> dropped << dropped).view(tensor.dtype)


def _trace(scene: Scene, tensors: Sequence[Array]) -> LyingTrace:
    pairs = zip(scene.program.nodes, tensors, strict=True)
    return LyingTrace(scene, [PostedTensor(node, tensor_bytes(tensor)) for node, tensor in pairs])


def _forced(scene: Scene, name: str, forced: Mapping[int, Array], *, follow: bool) -> Lie:
    if follow:
        tensors = scene.run_with(dict(forced))
    else:
        tensors = [forced.get(k, tensor) for k, tensor in enumerate(scene.tensors)]
    return Lie(name, pack_outputs(scene.program, tensors), _trace(scene, tensors))
