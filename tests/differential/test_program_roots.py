"""One model, one program root: on every interpreter, with every hash seed and number of threads, however written."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from oracle.demo.samples import model_path
from tests.differential.evm import ROOT
from tests.differential.program_roots import roots

FILES = [*(ROOT / "models" / f"{name}.onnx" for name in ("digits", "credit", "digits-cnn")), model_path("magika")]
OTHER = "python3.12" if sys.version_info[:2] == (3, 11) else "python3.11"


def printed(python: str, **environment: str) -> list[list[str]]:
    """Roots of all models by another process."""
    command = [python, "-m", "tests.differential.program_roots", *map(str, FILES)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=env, timeout=200)
    return json.loads(done.stdout)


@cache
def here() -> list[list[str]]:
    """Roots of all models by this process."""
    return [list(roots(file.read_bytes())) for file in FILES]


@pytest.mark.parametrize("seed", ["0", "1", "4242424242"])
def test_hash_seeds_change_no_root(seed: str) -> None:
    """Nothing may depend on the order of a set."""
    assert printed(sys.executable, PYTHONHASHSEED=seed) == here()


@pytest.mark.parametrize("threads", ["1", "4"])
def test_numbers_of_threads_change_no_root(threads: str) -> None:
    """A BLAS of more threads adds in another order."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    assert printed(sys.executable, **dict.fromkeys(names, threads)) == here()


def other_python() -> str:
    """Another interpreter with the packages, named by ASSAY_OTHER_PYTHON or on PATH; skips the test without one."""
    candidate = os.environ.get("ASSAY_OTHER_PYTHON") or shutil.which(OTHER)
    if candidate is None:
        pytest.skip(f"there is no {OTHER}")
    check = "import sys, mpmath, numpy, onnx, threadpoolctl; print(*sys.version_info[:2], sep='.')"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run([candidate, "-c", check], capture_output=True, text=True, check=False, env=env)
    if f"python{found.stdout.strip()}" != OTHER:
        pytest.skip(f"{candidate} is no {OTHER} with numpy, onnx, mpmath and threadpoolctl")
    return candidate


def test_another_python_gives_the_same_roots() -> None:
    """Operators choose their own among those supported."""
    assert printed(other_python()) == here()


def deterministic(model: onnx.ModelProto) -> bytes:
    """Written again by protobuf."""
    return model.SerializeToString(deterministic=True)


def shuffled(model: onnx.ModelProto) -> bytes:
    """Initializers in another order."""
    initializers = list(model.graph.initializer)
    random.Random(1).shuffle(initializers)  # noqa: S311 (no secret)
    del model.graph.initializer[:]
    model.graph.initializer.extend(initializers)
    return model.SerializeToString()


def described(model: onnx.ModelProto) -> bytes:
    """Other words where nothing is computed: producer, documentation, metadata, names of nodes and of the graph."""
    model.producer_name, model.producer_version, model.doc_string = "somebody", "9", "text"
    model.graph.name, model.graph.doc_string = "another", "text"
    model.metadata_props.add(key="key", value="value")
    for number, node in enumerate(model.graph.node):
        node.name, node.doc_string = f"node {number}", "text"
    return model.SerializeToString()


def renamed(model: onnx.ModelProto) -> bytes:
    """Other names of all tensors that are not the model's inputs and outputs."""
    kept = {value.name for value in (*model.graph.input, *model.graph.output)} | {""}
    names: dict[str, str] = {}

    def new(name: str) -> str:
        return name if name in kept else names.setdefault(name, f"t{len(names) * 7919 % 10007}")

    for tensor in model.graph.initializer:
        tensor.name = new(tensor.name)
    for node in model.graph.node:
        node.input[:] = [new(name) for name in node.input]
        node.output[:] = [new(name) for name in node.output]
    del model.graph.value_info[:]
    return model.SerializeToString()


def stored(model: onnx.ModelProto) -> bytes:
    """float32 weights as numbers where they were raw bytes, and as raw bytes where they were numbers."""
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor).reshape(-1)
        if tensor.HasField("raw_data"):
            tensor.ClearField("raw_data")
            tensor.float_data.extend(values.astype(np.float64))
        else:
            tensor.ClearField("float_data")
            tensor.raw_data = values.astype("<f4").tobytes()
    return model.SerializeToString()


def annotated(model: onnx.ModelProto) -> bytes:
    """With shapes that onnx infers written beside."""
    return onnx.shape_inference.infer_shapes(model).SerializeToString()


@pytest.mark.parametrize("rewrite", [deterministic, shuffled, described, renamed, stored, annotated])
def test_the_same_model_written_otherwise_has_the_same_root(rewrite: Callable[[onnx.ModelProto], bytes]) -> None:
    """Who compiles a file again must find the root that was published."""
    written = [rewrite(onnx.load(file)) for file in FILES]
    assert [list(roots(data)) for data in written] == here()
    if rewrite is not deterministic:
        assert any(data != file.read_bytes() for data, file in zip(written, FILES, strict=True))
