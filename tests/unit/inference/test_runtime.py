"""Opening sessions: settings are checked, memory is bounded."""

import numpy as np
import pytest
from onnx import helper, numpy_helper

from oracle.errors import ConfigError, ModelError
from oracle.inference.runtime import DEFAULT_MEMORY_LIMIT, bound_memory, open_session, reason


def test_an_unknown_provider_is_refused_with_the_known_ones(relu):
    """Alone, onnxruntime would fall back to the CPU without a word, and the environment would lie."""
    with pytest.raises(ConfigError, match=r"no execution provider NoSuchProvider.*CPUExecutionProvider"):
        open_session(relu.read_bytes(), "m", providers=["NoSuchProvider"])


def test_no_provider_is_refused(relu):
    """An empty list is a mistake in a config file, not a wish for a default."""
    with pytest.raises(ConfigError, match="none was given"):
        open_session(relu.read_bytes(), "m", providers=[])


def test_an_unknown_optimisation_level_is_refused(relu):
    """The level is part of the software hash that requests can pin."""
    with pytest.raises(ConfigError, match=r"'extreme'.*disabled, basic, extended, all"):
        open_session(relu.read_bytes(), "m", optimisation_level="extreme")


def test_a_process_has_one_memory_limit(relu):
    """There is one arena: a second limit would be ignored silently."""
    open_session(relu.read_bytes(), "m")
    bound_memory(DEFAULT_MEMORY_LIMIT)
    with pytest.raises(ConfigError, match="memory limit of onnxruntime is already"):
        bound_memory(DEFAULT_MEMORY_LIMIT + 1)


def test_attack_51_a_run_cannot_exceed_the_memory_limit(build):
    """A tiny file can ask for any amount of memory when it runs."""
    size = numpy_helper.from_array(np.array([DEFAULT_MEMORY_LIMIT], np.int64), "size")
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    session = open_session(build(nodes, weights=[size]).SerializeToString(), "m")
    with pytest.raises(Exception, match="Available memory of"):
        session.run(None, {"x": np.zeros((1, 4), np.float32)})


def test_errors_name_the_model(relu):
    """An operator serves many models."""
    with pytest.raises(ModelError, match=r"cannot run m\.onnx"):
        open_session(b"\x08\x08", "m.onnx")


def test_a_reason_is_one_printable_line():
    """The messages of onnxruntime carry codes, source paths and text from the file."""
    text = "[ONNXRuntimeError] : 1 : FAIL : /src/a/b.cc:46 Bad\n\x1b[2J thing."
    assert reason(RuntimeError(text)) == "Bad [2J thing"
