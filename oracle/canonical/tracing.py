"""The canonical trace of a request, committed: what an operator defends an answer with, and a challenger attacks it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.execute import Plan
from oracle.canonical.prove import CommittedTrace
from oracle.canonical.tensor import DType, TensorSpec, decode


def trace_of(
    plan: Plan, specs: Sequence[TensorSpec], packed: bytes, threads: int = 1, *, all_exact: bool = False
) -> CommittedTrace:
    """The trace of a program on the packed input of a request, whose model's inputs are `specs`.

    `all_exact` sends every sum through the exact path, as a hostile input can. Raises `InputError` where the input's
    length is not the model's, `ProgramError` on a thread that flushes subnormals.
    """
    tensors: dict[int, NDArray[Any]] = {}
    plan.run(raw_inputs(packed, specs), tensors.__setitem__, threads, all_exact=all_exact)
    return CommittedTrace(plan.program, [tensors[k] for k in range(len(plan.program.nodes))])


def raw_inputs(packed: bytes, specs: Sequence[TensorSpec]) -> list[NDArray[Any]]:
    """As `oracle.canonical.tensor.decode`, but with the very bits of the request: a bool keeps its byte.

    The root of an INPUT tensor is that of its bytes.
    """
    tensors, start = decode(packed, specs), 0
    for slot, spec in enumerate(specs):
        if spec.dtype is DType.BOOL:
            tensors[slot] = np.frombuffer(packed, np.uint8, spec.count, start).view(np.bool_).reshape(spec.shape)
        start += spec.nbytes
    return tensors
