"""Tree ensembles of ai.onnx.ml as the tables that TREE nodes walk (docs/canonical.md section 3)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.lower.op import Op
from oracle.canonical.lower.unsupported import Unsupported

_MODES: Final = {
    "LEAF": 0,
    "BRANCH_LEQ": 1,
    "BRANCH_LT": 2,
    "BRANCH_GTE": 3,
    "BRANCH_GT": 4,
    "BRANCH_EQ": 5,
    "BRANCH_NEQ": 6,
}
_MISSING: Final = 16
_MAX_FEATURES: Final = 2**24
_MAX_WEIGHTS: Final = 2**26

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Trees that yield `targets` numbers each.

    `nodes` is uint32 [rows, 4]. `roots`, int64 [groups, trees], are rows: of one group of all trees, whose leaves hold
    one weight per target, or of one group per target, whose leaves hold one weight: fewer walks where each tree serves
    one target. `weights` is float32 [leaves, targets / groups]. `given` says which targets have a weight in every
    leaf of some tree, `full` that all leaves of all trees have weights for all targets.
    """

    nodes: NDArray[np.uint32]
    roots: Ints
    weights: NDArray[np.float32]
    depth: int
    features: int
    targets: int
    used: frozenset[int]
    given: frozenset[int]
    full: bool
    smallest: float


def floats(op: Op, name: str) -> NDArray[np.float32]:
    """Attribute `name`, or `name`_as_tensor of newer opsets, which must be float32."""
    tensor = op.attributes.get(f"{name}_as_tensor")
    if tensor is None:
        return np.array(op.listed(name, float), np.float32)
    if not isinstance(tensor, np.ndarray) or tensor.dtype != np.float32:
        raise Unsupported(f"its attribute {name}_as_tensor is no float32 tensor.", hint="Export the model in float32.")
    return tensor.reshape(-1)


def ensemble(op: Op, kind: str, targets: int, *, by_target: bool) -> Ensemble:
    """The ensemble in the attributes of `op`; those of its leaves are named `kind`_ids, `kind`_weights, ...

    `by_target` allows groups by target: trees are summed then, not compared or averaged.
    """
    trees, numbers = _ints(op, "nodes_treeids"), _ints(op, "nodes_nodeids")
    place = {key: row for row, key in enumerate(zip(trees.tolist(), numbers.tolist(), strict=False))}
    if not place or not len(place) == len(trees) == len(numbers):
        raise Unsupported("two of its nodes have one number, or it has none.")
    nodes, children = _branches(op, trees, place)
    leaf_rows = np.flatnonzero(children[:, 0] < 0)
    roots = np.setdiff1d(np.arange(len(nodes)), children)
    owners, tree_of = np.unique(trees, return_inverse=True)
    if not np.array_equal(np.sort(tree_of[roots]), np.arange(len(owners))):
        raise Unsupported("its trees do not have one root each.")
    roots = roots[np.argsort(tree_of[roots])]
    table, present = _weights(op, kind, place, leaf_rows, targets)
    nodes[leaf_rows, 1] = np.arange(len(leaf_rows)) * targets

    served = np.zeros((len(owners), targets), bool)
    np.logical_or.at(served, tree_of[leaf_rows], present)
    always = np.ones((len(owners), targets), bool)
    np.logical_and.at(always, tree_of[leaf_rows], present)
    grouped = roots.reshape(1, -1)
    if by_target and targets > 1 and served.sum(axis=1).max() <= 1:
        nodes, grouped = _by_target(nodes, roots, served)
        nodes[leaf_rows, 1] = np.arange(len(leaf_rows))
        table = np.append(table.sum(axis=1), np.float32(0)).reshape(-1, 1)
        nodes[-1, 1] = len(leaf_rows)
    if table.size == 1:  # a view of one element has no coordinate, which a table's view needs
        table = np.append(table, np.zeros((1, 1), np.float32), axis=0)
    return Ensemble(
        nodes,
        grouped,
        table,
        depth=_depth(children, roots),
        features=int(nodes[:, 0].max() >> 8) + 1,
        targets=targets,
        used=frozenset(np.flatnonzero(served.any(axis=0)).tolist()),
        given=frozenset(np.flatnonzero(always.any(axis=0)).tolist()),
        full=bool(present.all()),
        smallest=float(table.min()),
    )


def _ints(op: Op, name: str) -> Ints:
    return np.array(op.listed(name, int), np.int64)


def _branches(op: Op, trees: Ints, place: dict[tuple[int, int], int]) -> tuple[NDArray[np.uint32], Ints]:
    """The table without the places of weights, and the children's rows [rows, 2], -1 for those of leaves."""
    modes, features, thresholds = (
        op.listed("nodes_modes", str),
        _ints(op, "nodes_featureids"),
        floats(op, "nodes_values"),
    )
    ends = (_ints(op, "nodes_truenodeids"), _ints(op, "nodes_falsenodeids"))
    missing = _ints(op, "nodes_missing_value_tracks_true")
    if not missing.size:
        missing = np.zeros(len(trees), np.int64)
    if {len(column) for column in (modes, features, thresholds, *ends, missing)} != {len(trees)}:
        raise Unsupported("its attributes nodes_... are not of one length.")
    if unknown := sorted(set(modes) - set(_MODES)):
        raise Unsupported(f"its mode {unknown[0]!r} does not exist.")
    if not 0 <= features.min() <= features.max() < _MAX_FEATURES:
        raise Unsupported(f"its features are numbered from {features.min()} to {features.max()}.")
    codes = np.array([_MODES[mode] for mode in modes], np.int64)
    branch = codes != 0
    children = np.full((len(trees), 2), -1, np.int64)
    for side, end in enumerate(ends):
        keys = zip(trees[branch].tolist(), end[branch].tolist(), strict=True)
        children[branch, side] = [place.get(key, -1) for key in keys]
    if np.any(children[branch] < 0):
        raise Unsupported("a branch leads to a node that it does not have.")
    nodes = np.zeros((len(trees), 4), np.uint32)
    nodes[:, 0] = np.where(branch, codes | _MISSING * (missing != 0) | features << 8, 0)
    nodes[branch, 1] = thresholds[branch].view(np.uint32)
    nodes[branch, 2:] = children[branch]
    return nodes, children


def _weights(
    op: Op, kind: str, place: dict[tuple[int, int], int], leaf_rows: Ints, targets: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The weights [leaves, targets], 0 where a leaf has none for a target, and where it has one."""
    if len(leaf_rows) * targets > _MAX_WEIGHTS:
        raise Unsupported(f"its {len(leaf_rows)} leaves have weights for {targets} targets.")
    keys = zip(_ints(op, f"{kind}_treeids").tolist(), _ints(op, f"{kind}_nodeids").tolist(), strict=False)
    leaf_at = {row: leaf for leaf, row in enumerate(leaf_rows.tolist())}
    leaves = np.array([leaf_at.get(place.get(key, -1), -1) for key in keys], np.int64)
    ids, values = _ints(op, f"{kind}_ids"), floats(op, f"{kind}_weights")
    if not len(leaves) == len(ids) == len(values) or np.any((ids < 0) | (ids >= targets)):
        raise Unsupported(f"its {kind}_... are not of one length, or not for {targets} targets.")
    if np.any(leaves < 0):
        raise Unsupported("a node that is no leaf has a weight.")
    if len(np.unique(leaves * targets + ids)) != len(leaves):
        raise Unsupported("a leaf has two weights for one target.")
    table = np.zeros((len(leaf_rows), targets), np.float32)
    present = np.zeros(table.shape, bool)
    table[leaves, ids], present[leaves, ids] = values, True
    return table, present


def _by_target(nodes: NDArray[np.uint32], roots: Ints, served: NDArray[np.bool_]) -> tuple[NDArray[np.uint32], Ints]:
    """The roots in one row per target, filled up with a leaf that is added to the table, of weight 0."""
    counts = served.sum(axis=0)
    grouped = np.full((len(counts), max(counts.max(), 1)), len(nodes), np.int64)
    for target, count in enumerate(counts):
        grouped[target, :count] = roots[served[:, target]]
    return np.append(nodes, np.zeros((1, 4), np.uint32), axis=0), grouped


def _depth(children: Ints, roots: Ints) -> int:
    """Branches on the longest way from a root to a leaf; all nodes must lie on such ways, each on one."""
    depth, level, met = 0, roots, len(roots)
    while (level := children[level][children[level] >= 0]).size:
        depth, met = depth + 1, met + len(level)
        if met > len(children):
            break
    if met != len(children):
        raise Unsupported("its branches are no trees: two lead to one node, or they go round in a circle.")
    return depth
