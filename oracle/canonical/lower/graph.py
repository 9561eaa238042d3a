"""The program being built: each node once, constants folded at once, data laid out as folds need them."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from oracle.canonical.fast.functions import normalize
from oracle.canonical.lower.folding import evaluate, worth_folding
from oracle.canonical.lower.layout import fold_order, is_dear, lies_in_order, physical_order, source_order
from oracle.canonical.lower.nodes import group_axes, make_node
from oracle.canonical.lower.split import fold_in_parts, longest
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Axis, Coord, Value, contiguous, separate
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Fn, Kind, Node
from oracle.canonical.program.validate import FORMATS, validate_node
from oracle.canonical.tensor import DType, TensorSpec

_BOOL: Final = frozenset((Fn.EQUAL, Fn.LESS))


class Graph:
    """Nodes in the making, in the order they were asked for, each once; operands name nodes by their number here.

    `origins` says for every node which ONNX node asked for it first. A CONST node's root is here a digest of its data;
    `finish` puts tensor roots in.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.origins: list[str] = []
        self.origin = ""
        self.notes: list[str] = []
        self.data: dict[int, NDArray[Any]] = {}
        self._numbers: dict[bytes, int] = {}

    # Sources

    def input(self, slot: int, spec: TensorSpec) -> Value:
        """Input `slot` of the model."""
        return self._value(self._add(Node(Kind.INPUT, 0, spec.dtype, spec.shape, slot=slot)), spec.shape)

    def constant(self, array: ArrayLike, dtype: DType | None = None) -> Value:
        """A known tensor of the array's own dtype, or of `dtype` for Python numbers.

        It is kept normalised, as it would be read, so that files that hold another zero or NaN make the same program.
        """
        data = np.ascontiguousarray(array, None if dtype is None else dtype.numpy).reshape(np.shape(array))
        code = DType.of(data.dtype)
        if code not in FORMATS:
            raise Unsupported(f"{code.label} tensors are not supported.", hint="Export the model in float32.")
        if code is DType.BOOL:
            data = data.view(np.uint8) != 0  # a file's bools may be any byte
        flat = normalize(data.astype(code.numpy, copy=False).reshape(-1))
        number = self._add(Node(Kind.CONST, 0, code, (flat.size,), root=hashlib.sha256(flat.tobytes()).digest()))
        self.data[number] = flat
        return self._value(number, data.shape)

    def known(self, value: Value) -> NDArray[Any] | None:
        """The tensor as an array where it is the same for every input, else None."""
        if value.count == 0:
            return np.zeros(value.shape, value.dtype.numpy)
        solid = value if value.whole else self.materialise(value) if self._is_known(value) else value
        return self.data[solid.node].reshape(value.shape) if solid.whole and solid.node in self.data else None

    # Nodes

    def map(self, fn: Fn, *values: Value) -> Value:
        """`fn` of broadcast values, element by element. A read out of range counts as its fill, but see `solid`."""
        shape = broadcast([value.shape for value in values])
        wide = [value.expand(shape) for value in values]
        order = physical_order(wide, range(len(shape)))
        dtype = DType.BOOL if fn in _BOOL else wide[-1].dtype
        return self._emit(Kind.MAP, fn, dtype, wide, order, [])

    def cast(self, value: Value, dtype: DType) -> Value:
        """Every element converted; nothing where it has that dtype."""
        if value.dtype is dtype:
            return value
        order = physical_order([value], range(value.rank))
        return self._emit(Kind.MAP, Fn.CAST, dtype, [value], order, [])

    def materialise(self, value: Value) -> Value:
        """A copy that lies in row-major order."""
        return self._emit(Kind.MAP, Fn.PICK, value.dtype, [value], list(range(value.rank)), [])

    def solid(self, value: Value) -> Value:
        """The value without reads out of range: for PICK and MEAN, to which these are absent."""
        return value if value.fill is None else self.materialise(value)

    def pick(self, *values: Value) -> Value:
        """The first of 1 to 8 values of one shape whose element is in range."""
        return self._emit(Kind.MAP, Fn.PICK, values[0].dtype, values, physical_order(values, range(values[0].rank)), [])

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """The elements in row-major order as `shape`; a copy only where the layout forbids a reading."""
        if math.prod(shape) != value.count:
            raise Unsupported(f"{list(value.shape)} cannot be reshaped to {list(shape)}.")
        read = value.reshape(shape)
        if read is None:
            read = self.materialise(value).reshape(shape)
        assert read is not None
        return read

    def bounded(self, value: Value, axes: Sequence[int], fill: int = 0) -> Value:
        """The value, readable beyond both ends of `axes`, where it yields `fill` (an element's bits).

        Name all axes of a value that a fold will read through windows, so that its data can be laid out anew.
        """
        apart = separate(value, axes) if value.fill in (None, fill) else None
        if apart is None:
            apart = separate(self.materialise(value), axes)
        assert apart is not None
        return replace(apart, fill=fill)

    def gather(self, value: Value, axis: int, index: Value) -> Value:
        """`value` at the positions `index` along `axis`: the axes of `index` take the place of `axis`.

        Out of range after one negative wrap, the read yields 0.
        """
        apart = self.bounded(value, [axis])
        at = next((c for c in apart.coords if c.steps[axis]), None)
        if at is None or at.steps[axis] != 1 or at.base or at.dim != value.shape[axis]:
            apart = self.bounded(self.materialise(value), [axis])
        flat = index if index.plain else self.materialise(index)
        shape = (*value.shape[:axis], *index.shape, *value.shape[axis + 1 :])
        moved = [Axis.of(a + (index.rank - 1 if a > axis else 0)) for a in range(value.rank)]
        moved[axis] = Axis()
        wide = flat.read(shape, [Axis.of(axis + a) for a in range(index.rank)])
        coords = [
            replace(new, index=wide) if old.steps[axis] else new
            for old, new in zip(apart.coords, apart.read(shape, moved).coords, strict=True)
        ]
        return replace(apart, shape=shape, coords=tuple(coords))

    def fold(self, fn: Fn, *values: Value, axes: int = 1) -> Value:
        """`fn` over the last `axes` axes of broadcast values, which the result does not have.

        The addend of DOT and SUM is a value like the others and must not vary along the fold axes. The result lies in
        the order of the first value's data.
        """
        shape = broadcast([value.shape for value in values])
        wide = [value.expand(shape) for value in values]
        rank = len(shape) - axes
        inner = range(rank, len(shape))
        if math.prod(shape[rank:]) > longest(fn, wide, inner):
            return fold_in_parts(self, fn, wide, axes)
        wide = [self._laid_out(value, inner) for value in wide]
        ordered = fold_order(wide[0], inner) if fn not in (Fn.FOLD_ARGMAX, Fn.FOLD_ARGMIN) else list(inner)
        outer = fold_order(wide[0], range(rank))
        wide = [self._stored_for(value, outer, ordered) for value in wide]
        dtype = DType.INT64 if fn in (Fn.FOLD_ARGMAX, Fn.FOLD_ARGMIN) else wide[0].dtype
        return self._emit(Kind.FOLD, fn, dtype, wide, outer, ordered)

    def rank(self, fn: int, value: Value, places: int) -> Value:
        """Positions along the last axis in sorted order, the first `places` of them: int64, `fn` a `RANK_` constant."""
        last = value.rank
        wide = self._laid_out(value, [last - 1]).insert(last - 1, places)
        return self._emit(Kind.RANK, fn, DType.INT64, [wide], list(range(last)), [last], keep_last=True)

    def tree(self, x: Value, nodes: Value, roots: Value, weights: Value, *, depth: int) -> Value:
        """Walks of trees. `x` and `roots` broadcast to [..., class, feature]; the tables are flat."""
        shape = broadcast([x.shape, roots.shape])
        flat = [table if table.whole else self.materialise(table) for table in (nodes, weights)]
        tables = [replace(t, shape=shape, coords=(Coord(t.count, 0, (0,) * len(shape)),)) for t in flat]
        wide = [x.expand(shape), tables[0], roots.expand(shape), tables[1]]
        last = len(shape) - 1
        order = list(range(last))
        return self._emit(Kind.TREE, 0, DType.FLOAT, wide, order, [last], keep_last=True, depth=depth)

    # Inside

    def _laid_out(self, value: Value, fold: Sequence[int]) -> Value:
        """`value` with its data copied into a better order, where a fold would open too many leaves."""
        if self._is_known(value) or not is_dear(value, fold):
            return value
        if (found := source_order(value, fold)) is not None:
            apart, order = found
            shape = tuple(c.dim for c in apart.coords)
            units = [Coord(n, 0, tuple(int(a == t) for a in range(len(shape)))) for t, n in enumerate(shape)]
            copy = self.materialise(Value(value.node, value.dtype, shape, tuple(units)).transpose(order))
            moved = replace(apart, node=copy.node, coords=tuple(apart.coords[c] for c in order))
            if not is_dear(moved, fold):
                return moved
        return self._compact(value, [a for a in range(value.rank) if a not in fold], fold)

    def _stored_for(self, value: Value, outer: Sequence[int], fold: Sequence[int]) -> Value:
        """A constant stored in the order in which a fold reads it; any other value as it is."""
        folded = any(value.varies(axis) for axis in fold)
        if not folded or not self._is_known(value) or lies_in_order(value, [*outer, *fold]):
            return value
        return self._compact(value, outer, fold)

    def _compact(self, value: Value, outer: Sequence[int], fold: Sequence[int]) -> Value:
        """A copy of what the value reads, once each, in the order of `outer` and `fold`; of the value's shape."""
        order = [a for a in (*outer, *fold) if value.varies(a)]
        small = value
        for axis in reversed(range(value.rank)):
            if not value.varies(axis):
                small = small.drop(axis)
        kept = sorted(order)
        small = self.materialise(small.transpose([kept.index(a) for a in order]))
        back = small.transpose([order.index(a) for a in kept])
        for axis in range(value.rank):
            if axis not in kept:
                back = back.insert(axis)
        return back.expand(value.shape)

    def _is_known(self, value: Value) -> bool:
        return value.node in self.data and all(c.index is None or c.index.node in self.data for c in value.coords)

    def _emit(
        self,
        kind: Kind,
        fn: int,
        dtype: DType,
        values: Sequence[Value],
        dims: Sequence[int],
        fold: Sequence[int],
        *,
        keep_last: bool = False,
        depth: int = 0,
    ) -> Value:
        """The node that runs over `dims`, in this order, and `fold`; its value has axes `dims` in ascending order."""
        axes = group_axes(values, dims, fold, keep_last=keep_last)
        node = make_node(kind, fn, dtype, axes, values, depth=depth)
        validate_node(node)
        known = [self.data.get(operand.node) for operand in node.operands]
        number = self._numbers.get(encode_node(node))
        if number is None:
            number = self._folded(node, known) if worth_folding(node) else None
        if number is None:
            number = self._add(node)
        shape = tuple(values[0].shape[a] for a in dims)
        return self._value(number, shape).transpose([list(dims).index(a) for a in sorted(dims)])

    def _folded(self, node: Node, known: Sequence[NDArray[Any] | None]) -> int | None:
        """The CONST node of what `node` yields, by canonical execution, where all its operands are known."""
        arrays = [array for array in known if array is not None]
        if len(arrays) < len(known):
            return None
        number = self.constant(evaluate(node, arrays)).node
        self._numbers[encode_node(node)] = number
        return number

    def _add(self, node: Node) -> int:
        key = encode_node(node)
        if key not in self._numbers:
            self._numbers[key] = len(self.nodes)
            self.nodes.append(node)
            self.origins.append(self.origin)
        return self._numbers[key]

    def _value(self, number: int, shape: Sequence[int]) -> Value:
        node = self.nodes[number]
        return Value(number, node.dtype, tuple(shape), (Coord(node.count, 0, contiguous(shape)),))


def broadcast(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape to which all of `shapes` broadcast (ONNX and NumPy agree on the rule)."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        listed = " and ".join(str(list(shape)) for shape in shapes)
        raise Unsupported(f"shapes {listed} do not broadcast to one another.") from error
