"""Answering: many requests in one go, and what one of them does wrong stays its own affair."""

from dataclasses import replace

import numpy as np
import pytest

from oracle.canonical.tensor import decode
from oracle.inference.sessions import SessionCache
from oracle.metrics import SkipReason
from oracle.services import answering
from oracle.services.answering import OpenRequest, infer
from oracle.services.serving import Served
from oracle.services.terms import Refusal
from tests.unit.chain.model_chain import id_of
from tests.unit.services.world import ask, model_file

FILES = {name: model_file(name) for name in ("credit", "digits")}
SERVED = {file.model.id: Served(file.model, file) for file in FILES.values()}


@pytest.fixture(scope="module")
def sessions():
    """Sessions of the committed models."""
    return SessionCache(threads=1)


def opened(salt, name, packed):
    """An open request for a model."""
    request = ask(salt, FILES[name].model, packed)
    return OpenRequest(id_of(request), request, 1, packed, 99)


def row(name, seed):
    """A random packed input, elements in [0, 1)."""
    count = FILES[name].model.inputs[0].shape[1]
    return np.random.default_rng(seed).random(count).astype("<f4").tobytes()


def test_every_request_gets_its_own_output_in_the_order_asked(sessions):
    """Outputs that changed places would be two wrong answers, each bonded."""
    work = [opened(i, name, row(name, i)) for i, name in enumerate(["credit", "digits", "credit", "digits", "credit"])]
    together = infer(work, SERVED, sessions)
    for each, output in zip(work, together.results, strict=True):
        (alone,) = infer([each], SERVED, sessions).results
        specs = SERVED[each.request.model_id].model.output_tensors
        assert np.allclose(decode(output, specs)[0], decode(alone, specs)[0], atol=1e-6)
    assert len({bytes(output) for output in together.results}) == 5
    assert together.session_seconds > 0


def test_one_bad_input_harms_no_other(sessions):
    """Else one request could silence an operator for everybody in its batch."""
    work = [opened(1, "credit", row("credit", 1)), opened(2, "credit", b"short"), opened(3, "credit", row("credit", 3))]
    first, bad, last = infer(work, SERVED, sessions).results
    assert isinstance(first, bytes)
    assert isinstance(last, bytes)
    assert isinstance(bad, Refusal)
    assert bad.reason is SkipReason.INVALID_INPUT


def test_a_model_whose_file_is_gone_refuses_its_own_requests_alone(sessions, tmp_path):
    """A file replaced under a running operator must not end the service of the others."""
    path = tmp_path / "gone.onnx"
    gone = replace(FILES["credit"], path=path, digest=b"\1" * 32)
    model = replace(gone.model, onnx_digest=gone.digest)
    request = ask(1, model, row("credit", 1))
    work = [OpenRequest(id_of(request), request, 1, row("credit", 1), 99), opened(2, "digits", row("digits", 2))]
    refused, fine = infer(work, {**SERVED, model.id: Served(model, gone)}, sessions).results
    assert refused.reason is SkipReason.INFERENCE_FAILED
    assert "gone.onnx" in refused.words
    assert isinstance(fine, bytes)


def test_a_model_that_breaks_its_published_specs_is_not_answered(sessions):
    """The contract would take the bytes; whoever reads them could not."""
    file = FILES["digits"]
    wrong = replace(file.model, outputs=FILES["credit"].model.outputs)
    lying = replace(file, model=wrong)
    request = ask(1, wrong, row("digits", 1))
    work = [OpenRequest(id_of(request), request, 1, row("digits", 1), 99)]
    (result,) = infer(work, {wrong.id: Served(wrong, lying)}, sessions).results
    assert result.reason is SkipReason.INFERENCE_FAILED
    assert "broke its published specs" in result.words


def test_an_output_above_the_protocol_s_limit_is_not_sent(sessions, monkeypatch):
    """The contract refuses it after its calldata is paid for."""
    monkeypatch.setattr(answering, "MAX_BYTES", 11)
    (result,) = infer([opened(1, "credit", row("credit", 1))], SERVED, sessions).results
    assert result == Refusal(SkipReason.OUTPUT_TOO_LARGE, "its output has 12 bytes, the most is 11")


def test_nothing_to_answer_runs_nothing(sessions):
    """A block without requests costs no inference."""
    assert infer([], SERVED, sessions).results == ()
