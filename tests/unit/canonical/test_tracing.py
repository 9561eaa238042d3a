"""Traces of requests: the very bytes of the input, and the same trace however sums are computed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.tensor import DType, TensorSpec, decode
from oracle.canonical.tracing import raw_inputs, trace_of
from oracle.errors import InputError
from tests.adversary.scenes import chain

SPECS = (TensorSpec(DType.FLOAT, (3,)), TensorSpec(DType.BOOL, (2, 2)), TensorSpec(DType.INT16, ()))


@given(packed=st.binary(min_size=18, max_size=18))
def test_inputs_keep_every_bit_of_the_request(packed: bytes) -> None:
    """The root of an input is that of its bytes: NaN payloads, -0 and odd truths among them."""
    raw, read = raw_inputs(packed, SPECS), decode(packed, SPECS)
    swapped = [t.view(f"u{t.itemsize}").astype(f">u{t.itemsize}").tobytes() for t in map(np.atleast_1d, raw)]
    assert b"".join(swapped) == packed
    assert [(t.dtype, t.shape) for t in raw] == [(t.dtype, t.shape) for t in read]


def test_an_input_of_another_length_has_no_trace() -> None:
    """Whoever answers such a request is at fault."""
    scene = chain(4, 10)
    with pytest.raises(InputError):
        trace_of(compile_plan(scene.program), scene.model.inputs, scene.packed[:-1])


def test_the_exact_path_makes_the_same_trace() -> None:
    """An operator may measure what it would cost."""
    scene = chain(4, 100)
    exact = trace_of(compile_plan(scene.program), scene.model.inputs, scene.packed, all_exact=True)
    assert exact.root == scene.honest.root
