"""What it costs to watch: the time to judge one answer that is right, canonically and by onnxruntime alone.

Answers are judged as `assay challenger` judges them, one after the other, with one thread. Reading them from the chain
is not in it.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from eth_abi.abi import encode as encode_abi
from eth_utils.crypto import keccak

from bench.canonical import models
from bench.dispute import IMAGE
from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.tensor import encode
from oracle.canonical.tolerance import bits_of
from oracle.chain.protocol import REQUEST_ABI, ZERO_ADDRESS, InputKind, ModelId, Policy, Request, RequestId, Status
from oracle.inference.canonical_model import from_bundle
from oracle.inference.compiling import compile_file
from oracle.inference.screening import screen_bundle
from oracle.inference.sessions import SessionCache
from oracle.services.engines import Engines
from oracle.services.watching.judge import Right, confirms, glance, judge
from oracle.services.watching.library import Watched
from oracle.store.requests import StoredRequest

ROUNDS = 21
_ATOL = 1e-2
"""Wide enough for onnxruntime to confirm what is right, in every model here."""


def measure(folder: Path) -> dict[str, dict[str, float]]:
    """The figures of `build/bench.json`'s `challenger`, in milliseconds an answer, by model; `folder` is for a file."""
    figures: dict[str, dict[str, float]] = {"ms_per_answer": {}, "ms_per_screened_answer": {}}
    for name, path, inputs in models(folder, image=IMAGE):
        bundle = compile_file(path)
        program = from_bundle(bundle)
        outputs = tuple(OutputSpec(spec, bits_of(_ATOL)) for spec in bundle.model.output_tensors)
        model = replace(bundle.model, outputs=outputs)
        watched = Watched(model, program, screen_bundle(bundle, name))
        answer = encode(program.run(inputs), model.output_tensors)
        stored = _stored(model, encode(inputs, model.inputs), answer)
        engines = Engines(SessionCache())
        figures["ms_per_answer"][name] = _median(lambda: _checked(stored, watched, engines))  # noqa: B023
        figures["ms_per_screened_answer"][name] = _median(lambda: _screened(stored, watched))  # noqa: B023
    return figures


def _checked(stored: StoredRequest, watched: Watched, engines: Engines) -> None:
    if glance(stored, watched) is not None or judge(stored, watched, engines) != Right():
        raise AssertionError("a right answer was not found right")


def _screened(stored: StoredRequest, watched: Watched) -> None:
    if glance(stored, watched) is not None or not confirms(stored, watched):
        raise AssertionError("onnxruntime did not confirm a right answer")


def _median(work: Callable[[], None]) -> float:
    work()
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return round(1000 * statistics.median(spent), 3)


def _stored(model: Model, packed: bytes, answer: bytes) -> StoredRequest:
    policy = Policy(ZERO_ADDRESS, 0, 0, 0, 60, 60, 60, 60, 60)
    request = Request(ZERO_ADDRESS, bytes(32), ModelId(model.id), InputKind.BYTES, keccak(packed), policy)
    return StoredRequest(
        id=RequestId(bytes(32)),
        model_id=ModelId(model.id),
        requester=ZERO_ADDRESS,
        named_operator=None,
        fee=0,
        operator_bond=0,
        callback_gas=0,
        answer_time=60,
        window=60,
        encoded=encode_abi([REQUEST_ABI], [request.to_abi()]),
        input_kind=InputKind.BYTES,
        input=packed,
        input_uri=None,
        requested_at=0,
        requested_block=0,
        status=Status.ANSWERED,
        attempt=1,
        opened_at=0,
        deadline=60,
        operator=ZERO_ADDRESS,
        output=answer,
    )
