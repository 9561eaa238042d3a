"""Whether onnxruntime agrees with canonical execution: found on probes, and said so that a person can look."""

import numpy as np
import pytest

from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.tensor import DType, TensorSpec
from oracle.canonical.tolerance import bits_of
from oracle.errors import InputError, ModelError
from oracle.inference.sessions import RunResult, SessionCache
from oracle.services.agreement import Disagreement, disagreement, probes, require_agreement
from oracle.services.engines import Engines
from oracle.services.serving import Served
from tests.unit.services.world import compiled, model_file, with_program

SPEC = TensorSpec(DType.FLOAT, (2, 3))
MODEL = Model(bytes(32), 1, 1, (SPEC,), (OutputSpec(SPEC, bits_of(0.5), bits_of(0.25)),), bytes(32))


def served(name, atol):
    """A committed model with a program and a tolerance."""
    return Served(with_program(name, atol), model_file(name), compiled(name))


def test_the_first_wrong_element_is_named_with_both_values():
    """What a person needs to see whether it is noise or a broken machine."""
    truth = np.zeros((2, 3), np.float32)
    answer = truth.copy()
    answer[1, 1:] = 0.75
    found = disagreement([answer], [truth], MODEL, ["y"])
    assert found == Disagreement("y", (1, 1), "0.75", "0.0", 0.5, 0.25, 2)
    assert str(found) == (
        "onnxruntime and canonical execution disagree on output 'y', element [1, 1]: 0.75 and 0.0, "
        "with atol 0.5 and rtol 0.25 allowed (2 elements are wrong)"
    )


def test_what_is_right_is_no_disagreement():
    """The rule is the one that a dispute judges by: both NaN, the same infinity, or within the tolerance."""
    truth = np.array([[np.nan, np.inf, -np.inf], [0, 4, -4]], np.float32)
    answer = np.array([[-np.nan, np.inf, -np.inf], [0.5, 5.5, -2.5]], np.float32)
    assert disagreement([answer], [truth], MODEL, ["y"]) is None


def test_a_scalar_has_no_index():
    """An output of shape () is one element."""
    spec = TensorSpec(DType.FLOAT, ())
    model = Model(bytes(32), 1, 1, (), (OutputSpec(spec),), bytes(32))
    found = disagreement([np.array(1, np.float32)], [np.array(2, np.float32)], model, ["y"])
    assert found is not None
    assert found.index == ()


@pytest.mark.parametrize("name", ["credit", "digits"])
def test_this_machine_agrees_on_the_sample_models(name):
    """`assay doctor` says so before a bond is locked."""
    require_agreement(served(name, 1e-5), compiled(name), Engines(SessionCache(threads=1)))


def test_a_tolerance_below_rounding_noise_is_a_disagreement():
    """The operator would refuse such a model's requests one by one; better to know before."""
    with pytest.raises(ModelError, match="disagree on output 'probabilities'") as caught:
        require_agreement(served("digits", 0.0), compiled("digits"), Engines(SessionCache(threads=1)))
    assert "tolerance is too narrow" in str(caught.value)


def test_a_model_that_fails_on_a_probe_says_on_which(monkeypatch):
    """The input is always the same one, so the failure can be repeated."""
    sessions = SessionCache(threads=1)
    monkeypatch.setattr(sessions, "run", lambda *_: RunResult((InputError("kernel failed"),), 0.0))
    with pytest.raises(ModelError, match=r"digits.onnx fails on zeros: kernel failed"):
        require_agreement(served("digits", 1e-5), compiled("digits"), Engines(sessions))


def test_probes_are_zeros_and_random_inputs_of_the_specs_and_always_the_same():
    """Zeros find divisions by zero; random inputs find kernels."""
    specs = [TensorSpec(DType.FLOAT, (2, 2)), TensorSpec(DType.INT64, (3,)), TensorSpec(DType.BOOL, ())]
    first, again = list(probes(specs)), list(probes(specs))
    assert [kind for kind, _ in first][:2] == ["zeros", "random input 0"]
    assert not any(tensor.any() for tensor in first[0][1])
    for (_, one), (_, other) in zip(first, again, strict=True):
        assert [(x.dtype, x.shape) for x in one] == [(spec.dtype.numpy, spec.shape) for spec in specs]
        assert all(np.array_equal(x, y) for x, y in zip(one, other, strict=True))
