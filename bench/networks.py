"""A network shaped as MobileNet-v2, with random weights: what convolution costs where no model file is at hand."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

CLASSES = 1000
# (expansion, channels, blocks, stride of the first) of every group: Sandler and others, "MobileNetV2", 2018, table 2.
_GROUPS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def mobilenet(size: int = 96, width: float = 0.35, seed: int = 0) -> onnx.ModelProto:
    """MobileNet-v2 for square images: float32 [1, 3, size, size] to [1, 1000], the same for the same seed.

    52 convolutions (17 of them depthwise) with biases, each followed by a Clip to 0 … 6 unless it ends a block; weights
    are normal, scaled so that activations neither vanish nor grow (He and others, 2015). It has 155 nodes: 100 that
    compute, and a Constant for each weight and both ends of Clip, as some exporters have them; biases are initializers.
    """
    network = _Network(np.random.default_rng(seed))
    stem = _channels(32, width)
    x = network.conv("image", 3, stem, kernel=3, stride=2, clip=True)
    channels = stem
    for expansion, wide, blocks, first in _GROUPS:
        out = _channels(wide, width)
        for number in range(blocks):
            stride = first if number == 0 else 1
            inner, shortcut = channels * expansion, x
            if expansion > 1:
                x = network.conv(x, channels, inner, clip=True)
            x = network.conv(x, inner, inner, kernel=3, stride=stride, groups=inner, clip=True)
            x = network.conv(x, inner, out)
            if stride == 1 and channels == out:
                x = network.node("Add", shortcut, x)
            channels = out
    last = _channels(1280, max(width, 1.0))
    x = network.conv(x, channels, last, clip=True)
    x = network.node("Flatten", network.node("GlobalAveragePool", x))
    weight, bias = network.normal((CLASSES, last), last), network.bias(CLASSES, CLASSES)
    scores = network.node("Gemm", x, weight, bias, transB=1)
    graph = helper.make_graph(
        network.nodes,
        "mobilenet",
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor_value_info(scores, onnx.TensorProto.FLOAT, [1, CLASSES])],
        network.biases,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _channels(count: int, width: float) -> int:
    """`count` times `width`, rounded to a multiple of 8, at most 10 % down: the paper's published models."""
    scaled = count * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * scaled else rounded + 8


class _Network:
    """Nodes and biases, named in the order they are made."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.biases: list[onnx.TensorProto] = []
        self._rng, self._names = rng, self._numbers()
        self._range = tuple(self._constant(np.array(bound, np.float32)) for bound in (0, 6))

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """The name of the output of a new node."""
        output = next(self._names)
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def normal(self, shape: tuple[int, ...], fan_in: int) -> str:
        """The name of a new weight, of deviation √(2 / fan_in)."""
        return self._constant(self._draw(shape, fan_in))

    def bias(self, size: int, fan_in: int) -> str:
        """The name of a new bias, of deviation √(2 / fan_in)."""
        name = next(self._names)
        self.biases.append(numpy_helper.from_array(self._draw((size,), fan_in), name))
        return name

    def conv(
        self,
        x: str,
        channels: int,
        filters: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        clip: bool = False,
    ) -> str:
        """A convolution that keeps sizes, but for its stride."""
        fan_in = channels // groups * kernel * kernel
        weight = self.normal((filters, channels // groups, kernel, kernel), fan_in)
        bias = self.bias(filters, 50)
        pads = [kernel // 2] * 4
        y = self.node("Conv", x, weight, bias, group=groups, strides=[stride] * 2, pads=pads)
        return self.node("Clip", y, *self._range) if clip else y

    def _draw(self, shape: tuple[int, ...], fan_in: int) -> NDArray[np.float32]:
        return (self._rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)

    def _constant(self, data: NDArray[np.float32]) -> str:
        return self.node("Constant", value=numpy_helper.from_array(data))

    @staticmethod
    def _numbers() -> Iterator[str]:
        number = 0
        while True:
            yield f"t{number}"
            number += 1
