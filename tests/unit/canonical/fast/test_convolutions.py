"""Convolutions as models have them, large enough to be cut into tiles, against integer arithmetic."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.fast.work import Counts
from oracle.canonical.lower import lower

Ints = NDArray[np.int64]


def _network(x: Ints, weight: Ints, bias: Ints, attributes: dict[str, object]) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w", "b"], ["y"], **attributes)],
        "convolution",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(weight.astype(np.float32), "w"),
            numpy_helper.from_array(bias.astype(np.float32), "b"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _expected(x: Ints, weight: Ints, bias: Ints, step: int, groups: int) -> NDArray[np.float32]:
    """Sums in int64, all below 2^53, so that converting them to float32 is the only rounding."""
    batch, _, height, width = x.shape
    filters, each, kernel, _ = weight.shape
    pad = kernel // 2
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    rows, columns = (height - 1) // step + 1, (width - 1) // step + 1
    y = np.zeros((batch, filters, rows, columns), np.int64) + bias[:, None, None]
    for f in range(filters):
        first = f // (filters // groups) * each
        for c in range(each):
            for i in range(kernel):
                for j in range(kernel):
                    window = padded[:, first + c, i : i + step * rows : step, j : j + step * columns : step]
                    y[:, f] += window[:, :rows, :columns] * weight[f, c, i, j]
    assert np.abs(y).max() < 2**53
    return y.astype(np.float32)


def _numbers(rng: np.random.Generator, bits: int, shape: tuple[int, ...]) -> Ints:
    """Integers with many zeros at the end of some: their sums are often ties."""
    return rng.integers(-(2**bits), 2**bits, shape) >> 8 << rng.integers(0, 9, shape)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize(("kernel", "groups"), [(1, 1), (3, 1), (3, 4), (3, 24), (5, 24)])
def test_convolutions_have_the_bits_of_integer_arithmetic(kernel: int, groups: int, step: int, threads: int) -> None:
    """Layouts, padding, strides, biases and tiles: a wrong element anywhere costs an honest operator its bond."""
    rng = np.random.default_rng(kernel + groups + step)
    x = _numbers(rng, 22, (2, 24, 37, 41))
    weight = _numbers(rng, 20, (24, 24 // groups, kernel, kernel))
    bias = _numbers(rng, 23, (24,)) << 20
    attributes = {"group": groups, "strides": [step] * 2, "pads": [kernel // 2] * 4}
    plan = compile_plan(lower(_network(x, weight, bias, attributes)).program)
    wanted = _expected(x, weight, bias, step, groups)
    counts = Counts()
    (y,) = plan.run([x.astype(np.float32)], threads=threads, counts=counts)
    assert y.tolist() == wanted.reshape(-1).tolist()
    assert counts.elements == wanted.size
    assert counts.exact


def test_one_channel_with_an_infinity_spoils_only_what_reads_it() -> None:
    """Infinities take a path of their own through whole tiles; finite elements must come out of it as before."""
    rng = np.random.default_rng(0)
    x, weight, bias = _numbers(rng, 22, (1, 6, 9, 9)), _numbers(rng, 20, (6, 1, 3, 3)), _numbers(rng, 23, (6,))
    plan = compile_plan(lower(_network(x, weight, bias, {"group": 6, "pads": [1] * 4})).program)
    wanted = _expected(x, weight, bias, 1, 6)
    data = x.astype(np.float32)
    data[0, 2, 4, 4] = np.inf
    (y,) = plan.run([data])
    y = y.reshape(wanted.shape)
    touched = np.zeros(wanted.shape, np.bool_)
    touched[0, 2, 3:6, 3:6] = True
    assert (y[~touched] == wanted[~touched]).all()
    near = weight[2, 0, ::-1, ::-1].astype(np.float64) * np.inf
    assert np.array_equal(y[0, 2, 3:6, 3:6], near.astype(np.float32), equal_nan=True)
