"""Answering: many requests in one go, and what one of them does wrong stays its own affair."""

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from structlog.testing import capture_logs

from oracle.canonical.tensor import decode, encode
from oracle.chain.protocol import InputKind
from oracle.errors import ModelError
from oracle.inference.canonical_model import CanonicalModel, compile_model
from oracle.inference.model_file import load_model_file
from oracle.inference.sessions import RunResult, SessionCache
from oracle.metrics import SkipReason
from oracle.services import answering
from oracle.services.answering import OpenRequest, infer
from oracle.services.engines import Engines
from oracle.services.serving import Served
from oracle.services.terms import Refusal
from tests.unit.chain.model_chain import id_of
from tests.unit.services.world import ask, compiled, model_file, tolerant, with_program

FILES = {name: model_file(name) for name in ("credit", "digits")}
SERVED = {file.model.id: Served(file.model, file) for file in FILES.values()}


CHECKED = {
    model.id: Served(model, FILES[name], compiled(name))
    for name, model in ((name, with_program(name)) for name in FILES)
}
"""The same with their programs."""


@pytest.fixture(scope="module")
def engines():
    """Sessions of the committed models."""
    return Engines(SessionCache(threads=1))


def opened(salt, name, packed):
    """An open request for a model."""
    request = ask(salt, FILES[name].model, packed)
    return OpenRequest(id_of(request), request, 1, packed, 99)


def row(name, seed):
    """A random packed input, elements in [0, 1)."""
    count = FILES[name].model.inputs[0].shape[1]
    return np.random.default_rng(seed).random(count).astype("<f4").tobytes()


def test_every_request_gets_its_own_output_in_the_order_asked(engines):
    """Outputs that changed places would be two wrong answers, each bonded."""
    work = [opened(i, name, row(name, i)) for i, name in enumerate(["credit", "digits", "credit", "digits", "credit"])]
    together = infer(work, SERVED, engines)
    for each, output in zip(work, together.results, strict=True):
        (alone,) = infer([each], SERVED, engines).results
        specs = SERVED[each.request.model_id].model.output_tensors
        assert np.allclose(decode(output, specs)[0], decode(alone, specs)[0], atol=1e-6)
    assert len({bytes(output) for output in together.results}) == 5
    assert together.session_seconds > 0


def test_one_bad_input_harms_no_other(engines):
    """Else one request could silence an operator for everybody in its batch."""
    work = [opened(1, "credit", row("credit", 1)), opened(2, "credit", b"short"), opened(3, "credit", row("credit", 3))]
    first, bad, last = infer(work, SERVED, engines).results
    assert isinstance(first, bytes)
    assert isinstance(last, bytes)
    assert isinstance(bad, Refusal)
    assert bad.reason is SkipReason.INVALID_INPUT


def test_a_model_whose_file_is_gone_refuses_its_own_requests_alone(engines, tmp_path):
    """A file replaced under a running operator must not end the service of the others."""
    path = tmp_path / "gone.onnx"
    gone = replace(FILES["credit"], path=path, digest=b"\1" * 32)
    model = replace(gone.model, onnx_digest=gone.digest)
    request = ask(1, model, row("credit", 1))
    work = [OpenRequest(id_of(request), request, 1, row("credit", 1), 99), opened(2, "digits", row("digits", 2))]
    refused, fine = infer(work, {**SERVED, model.id: Served(model, gone)}, engines).results
    assert refused.reason is SkipReason.INFERENCE_FAILED
    assert "gone.onnx" in refused.words
    assert isinstance(fine, bytes)


def test_a_model_that_breaks_its_published_specs_is_not_answered(engines):
    """The contract would take the bytes; whoever reads them could not."""
    file = FILES["digits"]
    wrong = replace(file.model, outputs=FILES["credit"].model.outputs)
    lying = replace(file, model=wrong)
    request = ask(1, wrong, row("digits", 1))
    work = [OpenRequest(id_of(request), request, 1, row("digits", 1), 99)]
    (result,) = infer(work, {wrong.id: Served(wrong, lying)}, engines).results
    assert result.reason is SkipReason.INFERENCE_FAILED
    assert "broke its published specs" in result.words


def test_an_output_above_the_protocol_s_limit_is_not_sent(engines, monkeypatch):
    """The contract refuses it after its calldata is paid for."""
    monkeypatch.setattr(answering, "MAX_BYTES", 11)
    (result,) = infer([opened(1, "credit", row("credit", 1))], SERVED, engines).results
    assert result == Refusal(SkipReason.OUTPUT_TOO_LARGE, "its output has 12 bytes, the most is 11")


def test_nothing_to_answer_runs_nothing(engines):
    """A block without requests costs no inference."""
    assert infer([], SERVED, engines).results == ()


class Machine(SessionCache):
    """onnxruntime on a machine that changes every output."""

    def __init__(self, change):
        super().__init__(threads=1)
        self._change = change

    def run(self, file, requests):
        """As the machine computes it."""
        told = super().run(file, requests)
        changed = tuple([self._change(tensor) for tensor in outputs] for outputs in told.outputs)
        return RunResult(changed, told.session_seconds)


def checked(salt, name, tensor):
    """An open request for a model with a program."""
    packed = tensor.astype(">f4").tobytes()
    request = ask(salt, with_program(name), packed)
    return OpenRequest(id_of(request), request, 1, packed, 99)


def pixels(seed):
    """A random input of digits."""
    return np.random.default_rng(seed).uniform(0, 16, (1, 64)).astype(np.float32)


def canonical_bytes(name, tensor):
    """The one right answer."""
    return encode(compiled(name).run([tensor]), compiled(name).model.output_tensors)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_is_answered_is_the_canonical_output(engines, threads):
    """It cannot lose a dispute: onnxruntime's own bits only have to be within the tolerance of it."""
    seen = []
    engines = Engines(engines.sessions, threads, lambda digest, seconds: seen.append((digest, seconds)))
    inputs = [pixels(seed) for seed in range(20)]
    work = [checked(salt, "digits", tensor) for salt, tensor in enumerate(inputs)]
    inferred = infer(work, CHECKED, engines)
    assert list(inferred.results) == [canonical_bytes("digits", tensor) for tensor in inputs]
    assert [digest for digest, _ in seen] == [FILES["digits"].digest] * 20
    assert inferred.canonical_seconds == pytest.approx(sum(seconds for _, seconds in seen))
    plain = [SERVED[FILES["digits"].model.id].file, [[tensor] for tensor in inputs]]
    assert any(
        outputs[0].astype(">f4").tobytes() != answer
        for outputs, answer in zip(engines.sessions.run(*plain).outputs, inferred.results, strict=True)
    ), "onnxruntime's bits were canonical by chance: the test shows nothing"


def test_a_model_without_a_program_is_answered_by_onnxruntime_alone(engines):
    """There is nothing to compare with."""
    inferred = infer([opened(1, "digits", row("digits", 1))], SERVED, engines)
    assert isinstance(inferred.results[0], bytes)
    assert inferred.canonical_seconds == 0


def test_nan_is_answered_as_the_one_canonical_nan(engines):
    """The NaN of onnxruntime may have any sign and payload; both NaN is agreement."""
    (result,) = infer([checked(1, "digits", np.full((1, 64), np.nan, np.float32))], CHECKED, engines).results
    assert result == bytes.fromhex("7fc00000") * 10


@pytest.mark.parametrize(
    "change",
    [
        lambda tensor: (tensor.view(np.int32) & ~0x1FFF).view(np.float32),
        lambda tensor: tensor + np.float32(2e-4),
        lambda tensor: np.where(tensor == tensor.max(), np.float32(np.nan), tensor),
        lambda tensor: np.where(tensor == tensor.max(), np.float32(np.inf), tensor),
        lambda tensor: tensor[:, ::-1],
    ],
    ids=["10 bits of mantissa", "above the tolerance", "NaN", "infinity", "other places"],
)
def test_attack_46_a_machine_that_computes_otherwise_than_promised_answers_nothing(change):
    """TF32, fast-math, a broken core: caught before a bond is behind it, and said with both values."""
    work = checked(1, "digits", pixels(1))
    with capture_logs() as logs:
        (result,) = infer([work], CHECKED, Engines(Machine(change))).results
    assert isinstance(result, Refusal)
    assert result.reason is SkipReason.DISAGREEMENT
    (line,) = logs
    assert (line["event"], line["model"], line["output"]) == ("outputs_disagree", "digits", "probabilities")
    (truth,) = compiled("digits").run([pixels(1)])
    assert line["canonical"] == str(truth[tuple(line["element"])])
    assert line["onnxruntime"] != line["canonical"]
    assert line["onnxruntime"] in result.words


def test_a_machine_within_the_tolerance_is_believed():
    """The tolerance is what rounding noise is allowed."""
    engines = Engines(Machine(lambda tensor: tensor + np.float32(5e-5)))
    (result,) = infer([checked(1, "digits", pixels(1))], CHECKED, engines).results
    assert result == canonical_bytes("digits", pixels(1))


def test_a_thread_that_flushes_subnormals_answers_nothing(engines, monkeypatch):
    """Its canonical results would be none."""

    def flushing(*_):
        raise ModelError("This thread flushes subnormal float32 to zero.")

    monkeypatch.setattr(CanonicalModel, "run", flushing)
    (result,) = infer([checked(1, "digits", pixels(1))], CHECKED, engines).results
    assert result == Refusal(SkipReason.INFERENCE_FAILED, "This thread flushes subnormal float32 to zero.")


def test_a_fast_model_is_answered_by_onnxruntime_for_inputs_on_the_chain_alone(engines):
    """Data behind a ROOT input can be chosen to be hostile at any size: it is computed canonically in any case."""
    fast = {key: replace(served, is_fast=True) for key, served in CHECKED.items()}
    work = checked(1, "digits", pixels(1))
    rooted = replace(work, request=replace(work.request, input_kind=InputKind.ROOT))
    near = infer([work], fast, engines)
    assert near.canonical_seconds == 0
    (told,) = engines.sessions.run(FILES["digits"], [[pixels(1)]]).outputs
    assert near.results == (told[0].astype(">f4").tobytes(),)
    assert infer([rooted], fast, engines).results == (canonical_bytes("digits", pixels(1)),)


def test_attack_70_an_input_on_which_rounding_noise_flips_the_answer_costs_no_bond(engines, tmp_path):
    """The sum cancels to almost an integer: onnxruntime's noise decides what Floor makes of it, and is not bonded."""
    ones = numpy_helper.from_array(np.ones((64, 1), np.float32), "ones")
    nodes = [helper.make_node("MatMul", ["x", "ones"], ["sum"]), helper.make_node("Floor", ["sum"], ["y"])]
    given, yielded = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, k]) for n, k in (("x", 64), ("y", 1)))
    graph = helper.make_graph(nodes, "floor", [given], [yielded], [ones])
    path = tmp_path / "floor.onnx"
    onnx = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path.write_bytes(onnx.SerializeToString())
    file = load_model_file(path)
    program = compile_model(file)
    model = tolerant(program.model, 1e-3)
    served = {model.id: Served(model, file, program)}
    random = np.random.default_rng(0)
    work, inputs = [], []
    for salt in range(50):
        tensor = random.uniform(-1, 1, (1, 64)).astype(np.float32)
        tensor[0, -1] = -tensor[0, :-1].astype(np.float64).sum()
        request = ask(salt, model, tensor.astype(">f4").tobytes())
        work.append(OpenRequest(id_of(request), request, 1, tensor.astype(">f4").tobytes(), 99))
        inputs.append(tensor)
    flipped = 0
    for tensor, result in zip(inputs, infer(work, served, engines).results, strict=True):
        (told,), (truth,) = engines.sessions.run(file, [[tensor]]).outputs[0], program.run([tensor])
        if told == truth:
            assert result == truth.astype(">f4").tobytes()
        else:
            flipped += 1
            assert result.reason is SkipReason.DISAGREEMENT
    assert flipped, "no input was hostile on this machine: the test shows nothing"
