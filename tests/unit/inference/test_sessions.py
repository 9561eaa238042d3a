"""Running models: batches where they are safe, one bad request harming no other, files that change refused."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from oracle.canonical.model import OutputSpec
from oracle.canonical.tensor import TensorSpec
from oracle.demo.samples import credit_applicants, digit_images, file_samples, model_path
from oracle.errors import InputError, ModelError
from oracle.inference.model_file import load_model_file
from oracle.inference.sessions import SessionCache


def tensor(name, shape, dtype=TensorProto.FLOAT):
    """A declared input or output."""
    return helper.make_tensor_value_info(name, dtype, shape)


def node(op, *inputs, to="y", **attributes):
    """A node from inputs to one output."""
    return helper.make_node(op, inputs, [to], **attributes)


def rows(*values):
    """Requests of one row each, filled with a value."""
    return [[np.full((1, 4), value, np.float32)] for value in values]


class Runs:
    """An observer that keeps the size of every run."""

    def __init__(self):
        self.sizes, self.seconds = [], 0.0

    def __call__(self, _digest, requests, seconds):
        self.sizes.append(requests)
        self.seconds += seconds


@pytest.fixture
def runs():
    """What runs a cache makes."""
    return Runs()


@pytest.fixture
def lookup(save):
    """table[x]: int64 [N] → float32 [N]; fails on an index beyond the table's two rows."""
    table = numpy_helper.from_array(np.array([10, 20], np.float32), "table")
    inputs, outputs = [tensor("x", ["N"], TensorProto.INT64)], [tensor("y", ["N"])]
    return load_model_file(save([node("Gather", "table", "x")], weights=[table], inputs=inputs, outputs=outputs))


def test_many_requests_go_into_few_runs_in_their_order(relu, runs):
    """Batching is what makes hundreds of answers a second possible."""
    cache = SessionCache(max_batch=4, observer=runs)
    result = cache.run(load_model_file(relu), rows(*range(10)))
    assert [float(outputs[0][0, 0]) for outputs in result.outputs] == list(range(10))
    assert all(outputs[0].shape == (1, 4) for outputs in result.outputs)
    assert runs.sizes == [4, 4, 2]
    assert result.session_seconds == pytest.approx(runs.seconds)


def test_max_batch_of_one_runs_requests_alone(relu, runs):
    """The setting for who wants an answer to depend on its own request only."""
    SessionCache(max_batch=1, observer=runs).run(load_model_file(relu), rows(1, 2, 3))
    assert runs.sizes == [1, 1, 1]


def test_a_fixed_batch_dimension_runs_requests_alone(save, runs):
    """The file says one row, so onnxruntime would refuse two."""
    file = load_model_file(save([node("Relu", "x")], inputs=[tensor("x", [1, 4])], outputs=[tensor("y", [1, 4])]))
    SessionCache(observer=runs).run(file, rows(1, 2))
    assert runs.sizes == [1, 1]


def test_a_leading_dimension_bound_to_more_than_one_runs_requests_alone(relu, runs):
    """A request that already is a batch must not be cut up."""
    cache = SessionCache(observer=runs)
    result = cache.run(load_model_file(relu, dims={"N": 2}), [[np.ones((2, 4), np.float32)]] * 2)
    assert runs.sizes == [1, 1]
    assert result.outputs[0][0].shape == (2, 4)


@pytest.mark.parametrize("op", ["CumSum", "Softmax", "Sub"])
def test_rows_that_influence_each_other_are_never_batched(save, runs, op):
    """An open leading axis may be time: another request's data would leak into the answer."""
    axis = numpy_helper.from_array(np.array(0, np.int64), "axis")
    nodes = {
        "CumSum": [node("CumSum", "x", "axis")],
        "Softmax": [node("Softmax", "x", axis=0)],
        "Sub": [node("ReduceMean", "x", to="m", axes=[0]), node("Sub", "x", "m")],
    }[op]
    opset = 17  # the last in which ReduceMean takes its axes as an attribute
    file = load_model_file(save(nodes, weights=[axis] if op == "CumSum" else (), opsets=(("", opset),)))
    cache = SessionCache(observer=runs)
    together = cache.run(file, rows(1, 5)).outputs
    assert cache.warm_up(file) == 1
    assert runs.sizes == [1, 1]
    assert together[1][0].tolist() == cache.run(file, rows(5)).outputs[0][0].tolist()


def test_one_bad_request_in_a_batch_harms_no_other(lookup, runs):
    """Anybody can send an input that makes a model fail; others must get their answers."""
    cache = SessionCache(observer=runs)
    assert cache.warm_up(lookup) == 64
    good, bad, also_good = cache.run(lookup, [[np.array([i], np.int64)] for i in (0, 7, 1)]).outputs
    assert isinstance(bad, InputError)
    assert "cannot run on this input" in str(bad)
    assert (good[0].tolist(), also_good[0].tolist()) == ([10], [20])


def test_a_request_that_does_not_fit_is_reported_in_its_place(relu):
    """Wrong inputs can come from the chain; they are skipped with a reason."""
    wrong_shape, wrong_dtype = np.zeros((1, 3), np.float32), np.zeros((1, 4), np.float64)
    requests = [*rows(1), [wrong_shape], [wrong_dtype], [], *rows(2)]
    outputs = SessionCache().run(load_model_file(relu), requests).outputs
    assert [isinstance(item, InputError) for item in outputs] == [False, True, True, True, False]
    assert "'x' is float32[1, 3] where float32[1,4] is declared" in str(outputs[1])
    assert float(outputs[4][0][0, 0]) == 2


def test_no_requests_give_no_outputs(relu):
    """A sweep that found nothing is not an error."""
    assert SessionCache().run(load_model_file(relu), []).outputs == ()


def test_an_output_that_breaks_its_spec_is_an_error(save):
    """A model whose output size depends on the data cannot keep what its id promises."""
    outputs = [tensor("y", [2, "K"], TensorProto.INT64)]
    file = load_model_file(save([node("NonZero", "x")], outputs=outputs), dims={"K": 4})
    cache = SessionCache()
    fine, broken = cache.run(file, rows(1, 0)).outputs
    assert fine[0].shape == (2, 4)
    assert isinstance(broken, ModelError)
    assert "broke its published specs: 'y' is int64[2, 0] where int64[2,4] is declared" in str(broken)


def test_a_published_dtype_is_held_against_the_run(relu):
    """Specs may come from the chain rather than from the file."""
    file = load_model_file(relu)
    spec = file.model.outputs[0].tensor
    model = replace(file.model, outputs=(OutputSpec(TensorSpec(spec.dtype, (1, 5))),))
    (broken,) = SessionCache().run(replace(file, model=model), rows(1)).outputs
    assert isinstance(broken, ModelError)


def test_a_file_that_changed_since_is_refused(relu):
    """The digest is checked again when a session opens."""
    file = load_model_file(relu)
    relu.write_bytes(relu.read_bytes().replace(b"Relu", b"Sign"))
    with pytest.raises(ModelError, match="as published"):
        SessionCache().warm_up(file)


def test_a_file_that_is_gone_is_refused_and_a_loaded_one_serves_on(save):
    """A running operator does not stop because somebody tidied up."""
    path = save([node("Relu", "x")])
    file, cache = load_model_file(path), SessionCache()
    cache.warm_up(file)
    path.unlink()
    assert len(cache.run(file, rows(1)).outputs) == 1
    with pytest.raises(ModelError, match="There is no model file"):
        SessionCache().warm_up(file)


def test_the_least_recently_used_session_leaves_first(save):
    """Memory is bounded by the number of sessions, and busy models stay."""
    files = [load_model_file(save([node(op, "x")], name=f"{op}.onnx")) for op in ("Relu", "Neg", "Abs")]
    cache = SessionCache(max_sessions=2)
    for file in (files[0], files[1], files[0], files[2]):
        cache.warm_up(file)
    for file in files:
        file.path.unlink()
    assert len(cache.run(files[0], rows(1)).outputs) == len(cache.run(files[2], rows(1)).outputs) == 1
    with pytest.raises(ModelError):
        cache.warm_up(files[1])


def test_threads_share_the_cache_safely(save):
    """The block loop and the scheduler's sweeps use one cache."""
    files = [load_model_file(save([node(op, "x")], name=f"{op}.onnx")) for op in ("Relu", "Neg", "Abs")]
    cache, wrong = SessionCache(max_sessions=2), []

    def work(seed):
        for step in range(30):
            file, sign = files[(seed + step) % 3], (1, -1, 1)[(seed + step) % 3]
            outputs = cache.run(file, rows(*range(1, 6))).outputs
            if [float(item[0][0, 0]) for item in outputs] != [sign * value for value in range(1, 6)]:
                wrong.append(file)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


SAMPLES = {
    "credit": lambda: credit_applicants(range(200)),
    "digits": lambda: digit_images(range(200)),
    "magika": lambda: file_samples([model_path(name) for name in ("credit", "digits", "magika")]),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("threads", [1, 2])
def test_batches_of_the_sample_models_agree_with_single_runs(name, threads):
    """Kernels may sum a batch in another order, so low bits can differ; what a person reads may not."""
    file = load_model_file(model_path(name))
    requests = [sample.tensors for sample in SAMPLES[name]()]
    batched, alone = (SessionCache(threads=threads, max_batch=size).run(file, requests) for size in (64, 1))
    for together, single in zip(batched.outputs, alone.outputs, strict=True):
        np.testing.assert_allclose(together[0], single[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_single_run_does_not_depend_on_its_neighbours(name):
    """With `max_batch=1` the same request gets the same bits in any company."""
    file = load_model_file(model_path(name))
    requests = [sample.tensors for sample in SAMPLES[name]()[:3]]
    cache = SessionCache(max_batch=1)
    forward, backward = cache.run(file, requests).outputs, cache.run(file, requests[::-1]).outputs
    assert [outputs[0].tobytes() for outputs in forward] == [outputs[0].tobytes() for outputs in backward[::-1]]


def test_credit_is_batched_and_magika_is_not():
    """The credit model carries the throughput; magika's scores move by up to 4e-4 in a batch."""
    cache = SessionCache()
    sizes = {name: cache.warm_up(load_model_file(model_path(name))) for name in SAMPLES}
    assert sizes == {"credit": 64, "digits": 64, "magika": 1}
