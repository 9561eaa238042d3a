"""Pools against onnxruntime."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.lower import lower
from oracle.errors import ProgramError
from tests.unit.canonical.lower.test_nn import agrees, few, normal, window_attributes
from tests.unit.canonical.lower.test_operators import canonical, model


@st.composite
def pools(draw: st.DrawFn, operator: str, opset: int, *, dilated: bool) -> tuple[list[int], dict[str, Any]]:
    """Sizes of the spatial axes, and attributes of `operator`."""
    rank = draw(st.integers(1, 3))
    kernel = draw(st.lists(st.integers(1, 4), min_size=rank, max_size=rank))
    attributes = draw(window_attributes(kernel, dilated=dilated))
    if opset >= 10:
        attributes["ceil_mode"] = draw(st.integers(0, 1))
    if operator == "AveragePool":
        attributes["count_include_pad"] = draw(st.integers(0, 1))
    if attributes.get("auto_pad", "").startswith("SAME"):  # onnxruntime refuses windows that leave gaps
        attributes["strides"] = list(map(min, attributes["strides"], kernel))
    return draw(st.lists(st.integers(7, 9), min_size=rank, max_size=rank)), attributes


@few
@given(st.sampled_from([7, 10, 11, 19, 22]), st.data())
def test_average_pools_agree_with_onnxruntime(opset: int, data: st.DataObject) -> None:
    """What counts as part of a window at the edges: the input, its padding, or neither."""
    sizes, attributes = data.draw(pools("AveragePool", opset, dilated=opset >= 19))
    x = normal(2, 2, *sizes)
    agrees(model("AveragePool", [x], opset, attributes), x)


@few
@given(st.sampled_from([10, 12, 22]), st.integers(1, 2), st.booleans(), st.data())
def test_max_pools_agree_with_onnxruntime(opset: int, outputs: int, small: bool, data: st.DataObject) -> None:
    """Values, and where they lie: the first of equals, never in the padding."""
    sizes, attributes = data.draw(pools("MaxPool", opset, dilated=True))
    if outputs == 2:
        attributes["storage_order"] = data.draw(st.integers(0, 1))
    x = normal(2, 2, *sizes)
    if small and opset >= 12:
        x = np.random.default_rng(0).integers(0, 4, x.shape).astype(data.draw(st.sampled_from([np.uint8, np.int8])))
    agrees(model("MaxPool", [x], opset, attributes, outputs=outputs), x)


@pytest.mark.parametrize("operator", ["GlobalAveragePool", "GlobalMaxPool"])
@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 3, 4, 5), (1, 2, 3, 4, 5)])
def test_global_pools_agree_with_onnxruntime(operator: str, shape: tuple[int, ...]) -> None:
    """Networks end in them."""
    x = normal(*shape)
    agrees(model(operator, [x], 13, {}), x)


@pytest.mark.parametrize("lowest", [np.float32(-np.inf), np.uint8(0), np.int8(-128)])
def test_padding_never_wins(lowest: Any) -> None:
    """Where a window holds nothing but the smallest value, the position must still be one of the input's."""
    x = np.full((1, 1, 4), lowest)
    made = model("MaxPool", [x], 12, {"kernel_shape": [3], "pads": [2, 2]}, outputs=2)
    values, places = canonical(made, x)
    assert np.all(values == lowest)
    assert places.reshape(-1).tolist() == [0, 0, 0, 1, 2, 3]


def test_pools_of_other_integers_are_refused() -> None:
    """ONNX has none."""
    x = np.zeros((1, 1, 4), np.int32)
    with pytest.raises(ProgramError, match="it pools int32"):
        lower(model("MaxPool", [x], 12, {"kernel_shape": [3]}))
