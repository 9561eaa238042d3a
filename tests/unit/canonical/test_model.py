"""Models: their id is the hash of their content."""

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.tensor import DType, TensorSpec

words = st.binary(min_size=32, max_size=32)
tensors = st.builds(TensorSpec, st.sampled_from(DType), st.lists(st.integers(1, 2**32 - 1), max_size=8).map(tuple))
outputs = st.builds(OutputSpec, tensors, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
models = st.builds(
    Model,
    words,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.lists(tensors, min_size=1, max_size=3).map(tuple),
    st.lists(outputs, min_size=1, max_size=3).map(tuple),
    words,
)
ROW = TensorSpec(DType.FLOAT, (1, 4))
MODEL = Model(bytes(32), 0, 0, (ROW,), (OutputSpec(ROW),), b"\x11" * 32)


@given(models)
def test_the_abi_tuple_round_trips(model):
    """What an event carries is the model that was published."""
    assert Model.from_abi(model.to_abi()) == model


@given(models, models)
def test_different_models_have_different_ids(first, second):
    """An id names one content."""
    assert (first.id == second.id) == (first == second)


@pytest.mark.parametrize(
    "change",
    [
        {"program_root": b"\1" * 32},
        {"node_count": 1},
        {"worst_leaf_gas": 1},
        {"inputs": (TensorSpec(DType.FLOAT, (4, 1)),)},
        {"inputs": (TensorSpec(DType.INT32, (1, 4)),)},
        {"outputs": (OutputSpec(ROW, atol=1),)},
        {"outputs": (OutputSpec(ROW, rtol=1),)},
        {"outputs": (OutputSpec(ROW), OutputSpec(ROW))},
        {"onnx_digest": bytes(32)},
    ],
)
def test_attack_21_every_field_changes_the_id(change):
    """No part of a model can be swapped after a request named it."""
    assert replace(MODEL, **change).id != MODEL.id


def test_the_id_is_the_keccak_of_the_abi_encoding():
    """Checked against words written out by hand, as a contract would lay them out."""
    spec = [1, 0x40, 2, 1, 4]
    output = [1, 0x80, 0, 0, 2, 1, 4]
    head = [0, 0, 0, 0xC0, 0xC0 + 32 * (2 + len(spec)), int.from_bytes(b"\x11" * 32, "big")]
    layout = [0x20, *head, 1, 0x20, *spec, 1, 0x20, *output]
    assert MODEL.id == keccak(b"".join(word.to_bytes(32, "big") for word in layout))


def test_a_dtype_code_no_model_may_have_is_refused():
    """8 is ONNX's string: such a model cannot be served."""
    root, nodes, gas, _, results, digest = MODEL.to_abi()
    with pytest.raises(ValueError, match="8 is not a valid DType"):
        Model.from_abi((root, nodes, gas, [(8, [1])], results, digest))
