"""Small ONNX models, made on the spot."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

Build = Callable[..., onnx.ModelProto]
Save = Callable[..., Path]


def tensor(name, shape, dtype=TensorProto.FLOAT):
    """A declared input or output."""
    return helper.make_tensor_value_info(name, dtype, shape)


@pytest.fixture
def build() -> Build:
    """A model of `nodes` from input x to output y, float32 [N, 4] both unless told."""

    def make(nodes, *, inputs=None, outputs=None, weights=(), functions=(), opsets=(("", 18),)):
        graph = helper.make_graph(
            nodes, "g", inputs or [tensor("x", ["N", 4])], outputs or [tensor("y", ["N", 4])], list(weights)
        )
        imports = [helper.make_opsetid(domain, version) for domain, version in opsets]
        return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=8)

    return make


@pytest.fixture
def save(build, tmp_path) -> Save:
    """Write such a model to a file; yields its path."""

    def write(nodes, name="model.onnx", **parts):
        path = tmp_path / name
        path.write_bytes(build(nodes, **parts).SerializeToString())
        return path

    return write


@pytest.fixture
def relu(save) -> Path:
    """float32 [N, 4] → float32 [N, 4]."""
    return save([helper.make_node("Relu", ["x"], ["y"])])
