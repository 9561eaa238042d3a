"""An answer beside the canonical result."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from oracle.canonical.bundle import Bundle
from oracle.canonical.tensor import encode
from oracle.canonical.tolerance import bits_of
from oracle.inference.canonical_model import from_bundle
from oracle.inference.checking import Checked, check_answer
from oracle.inference.compiling import compile_file

X = np.array([[1, -2, 3, 0]], np.float32)
Y = np.array([[1, 0, 3, 0]], np.float32)


@pytest.fixture
def bundle(relu: Path) -> Bundle:
    """Y = relu(x), with a quarter allowed and an eighth of the value."""
    return compile_file(relu).with_tolerances({"y": (bits_of(0.25), bits_of(0.125))})


def checked(bundle: Bundle, answer: np.ndarray | bytes, packed: bytes | None = None) -> Checked:
    """The comparison of an answer to X."""
    model = bundle.model
    given = answer if isinstance(answer, bytes) else encode([answer], model.output_tensors)
    return check_answer(from_bundle(bundle), model, packed or encode([X], model.inputs), given)


def test_an_answer_within_tolerance_is_right(bundle: Bundle) -> None:
    """Operators run float arithmetic: what the model's id allows is right, up to the very edge."""
    found = checked(bundle, Y + np.array([[0.375, 0.25, 0.625, -0.25]], np.float32))
    assert found.is_right
    assert (found.problem, found.wrong) == (None, ())
    assert np.array_equal(found.canonical[0], Y)


def test_wrong_elements_are_told_with_both_values_and_their_bits(bundle: Bundle) -> None:
    """Whoever disputes it has to see what differs, and by how much more than allowed."""
    answer = Y.copy()
    answer[0, 1], answer[0, 2] = 0.5, math.nan
    found = checked(bundle, answer)
    assert not found.is_right
    one, two = found.wrong
    assert (one.output, one.index, one.answer, one.canonical, one.allowed) == (0, (0, 1), 0.5, 0.0, 0.25)
    assert (one.answer_bits.hex(), one.canonical_bits.hex()) == ("3f000000", "00000000")
    assert (two.index, two.canonical, two.allowed) == ((0, 2), 3.0, 0.625)
    assert math.isnan(two.answer)


def test_an_answer_of_another_length_is_wrong(bundle: Bundle) -> None:
    """It cannot be read as tensors at all, and is an answer fault of its own."""
    for answer in (b"", bytes(15), bytes(17)):
        found = checked(bundle, answer)
        assert not found.is_right
        assert found.problem == f"the answer has {len(answer)} bytes, the model yields 16"
        assert np.array_equal(found.canonical[0], Y)


def test_no_answer_to_an_input_of_another_length_is_right(bundle: Bundle) -> None:
    """Such an input has no right root: docs/canonical.md section 8, fault 1."""
    found = checked(bundle, Y, bytes(17))
    assert not found.is_right
    assert "the input has 17 bytes, the model takes 16" in (found.problem or "")


def test_scalars_and_integers_have_no_index_and_no_tolerance(save) -> None:
    """Their only element is element []."""
    path = save(
        [
            helper.make_node("Cast", ["x"], ["i"], to=TensorProto.INT64),
            helper.make_node("ReduceSum", ["i"], ["y"], keepdims=0),
        ],
        outputs=[helper.make_tensor_value_info("y", TensorProto.INT64, [])],
    )
    bundle = compile_file(path)
    found = checked(bundle, np.array(3, np.int64))
    (only,) = found.wrong
    assert (only.index, only.answer, only.canonical, only.allowed) == ((), 3, 2, 0.0)
    assert only.answer_bits.hex() == "00" * 7 + "03"
    assert checked(bundle, np.array(2, np.int64)).is_right


def test_infinite_tolerated_values_do_not_warn(bundle: Bundle) -> None:
    """A huge tolerance times a huge value overflows: that is no wrong element by itself."""
    wide = replace(bundle, model=bundle.with_tolerances({"y": (0, bits_of(1e308))}).model)
    assert [each.canonical for each in checked(wide, Y + 1).wrong] == [0.0, 0.0]
