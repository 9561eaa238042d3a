"""How long the folds are that the lowering makes: as long as one proof allows, by the cost model."""

import pytest

from oracle.canonical.cost import MAX_PROOF_BYTES, MAX_PROOF_GAS, node_cost
from oracle.canonical.lower.graph import Graph
from oracle.canonical.lower.split import longest
from oracle.canonical.program.node import Fn
from oracle.canonical.tensor import DType, TensorSpec

FOLDS = [
    *(
        (fn, dtype)
        for fn in (Fn.FOLD_SUM, Fn.FOLD_MAX, Fn.FOLD_ARGMAX)
        for dtype in (DType.FLOAT, DType.INT64, DType.INT8)
    ),
    *((Fn.FOLD_DOT, dtype) for dtype in (DType.FLOAT, DType.INT64, DType.INT32, DType.INT8)),
    (Fn.FOLD_MEAN, DType.FLOAT),
    (Fn.FOLD_MEAN, DType.INT32),
    (Fn.FOLD_ALL, DType.BOOL),
]


@pytest.mark.parametrize(("fn", "dtype"), FOLDS, ids=lambda value: value.name)
def test_the_longest_fold_fits_one_proof(fn: Fn, dtype: DType) -> None:
    """Else a model is refused that needs no more than another cut."""
    graph = Graph()
    length = longest(fn, [graph.input(i, TensorSpec(dtype, (2**16,))) for i in range(1 + (fn is Fn.FOLD_DOT))], [0])
    values = [graph.input(2 + i, TensorSpec(dtype, (64, length))) for i in range(1 + (fn is Fn.FOLD_DOT))]
    result = graph.fold(fn, *values)
    cost = node_cost(graph.nodes[result.node])
    assert graph.nodes[result.node].fold_count == length
    assert cost.bytes <= MAX_PROOF_BYTES
    assert cost.gas <= MAX_PROOF_GAS
