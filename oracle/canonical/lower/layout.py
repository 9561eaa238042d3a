"""How data should lie: the order nodes run in, and the bytes that the proof of one element has to open.

The rule (docs/canonical.md section 9): the fold axes innermost and contiguous in every operand.
"""

import math
from collections.abc import Sequence

from oracle.canonical.commit import LEAF_BYTES
from oracle.canonical.lower.value import Value, contiguous, separate

MANY_LEAVES = 64


def physical_order(values: Sequence[Value], axes: Sequence[int]) -> list[int]:
    """`axes` in the order in which the main value's data lie, so that a layout survives element-wise nodes.

    The main value is the first of those that read most; where it repeats along an axis, the order stays as it is.
    """
    main = max(values, key=lambda value: math.prod(n for a, n in enumerate(value.shape) if value.varies(a)))
    strides = main.strides
    if any(main.shape[a] != 1 and not strides[a] for a in axes):
        return list(axes)
    return sorted(axes, key=lambda a: (-abs(strides[a]), a))


def fold_order(main: Value, axes: Sequence[int]) -> list[int]:
    """`axes` by descending stride of the first operand, those it does not have last."""
    strides = main.strides
    return sorted(axes, key=lambda a: (strides[a] == 0, -abs(strides[a]), a))


def leaves_opened(value: Value, fold: Sequence[int]) -> tuple[int, int]:
    """At most so many leaves, in at most so many runs, hold what a fold over the axes `fold` reads of `value`."""
    per_leaf = LEAF_BYTES // value.dtype.size
    in_all = -(-value.source_count // per_leaf)
    segments, span = 1, 1
    if any(c.index is not None and any(c.index.varies(a) for a in fold) for c in value.coords):
        return in_all, in_all
    strides = value.strides
    for axis in sorted(fold, key=lambda a: abs(strides[a])):
        size, stride = value.shape[axis], abs(strides[axis])
        if stride == 0:
            continue
        if stride <= span + per_leaf - 1:
            span += stride * max(size - 1, 0)
        else:
            segments *= size
    leaves = min(segments * (-(-(span - 1) // per_leaf) + 1), in_all)
    return leaves, min(segments, leaves)


def is_dear(value: Value, fold: Sequence[int]) -> bool:
    """Whether a fold opens more than 64 leaves of `value`, and more than it would if the data lay as it reads them."""
    leaves, _ = leaves_opened(value, fold)
    read = math.prod(value.shape[a] for a in fold if value.varies(a))
    best = -(-max(read - 1, 0) * value.dtype.size // LEAF_BYTES) + 1
    return leaves > max(MANY_LEAVES, best)


def lies_in_order(value: Value, axes: Sequence[int]) -> bool:
    """Whether the data lie as a node that runs over `axes` reads them, repetitions aside."""
    order = [axis for axis in axes if value.varies(axis)]
    strides = value.strides
    return value.plain and [strides[a] for a in order] == list(contiguous([value.shape[a] for a in order]))


def source_order(value: Value, fold: Sequence[int]) -> tuple[Value, list[int]] | None:
    """The value with a coordinate for every axis of its source, and the order in which these should lie.

    Coordinates that only iteration moves go first, then those that both move (windows), then those of the fold. None
    where the source cannot be taken apart like that.
    """
    apart = separate(value, [a for a in range(value.rank) if value.shape[a] != 1 and value.varies(a)])
    if apart is None or any(c.index is not None for c in apart.coords):
        apart = value if value.fill is not None and all(c.index is None for c in value.coords) else None
    if apart is None:
        return None
    inner = set(fold)

    def place(number: int) -> tuple[bool, bool, int]:
        moved = {a for a, step in enumerate(apart.coords[number].steps) if step and value.shape[a] != 1}
        return bool(moved & inner), bool(moved) and moved <= inner, number

    return apart, sorted(range(len(apart.coords)), key=place)
