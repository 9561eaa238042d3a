"""From open requests to outputs: decode the input, run the model, encode what it said."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oracle.canonical.tensor import MAX_BYTES, decode, encode
from oracle.chain.protocol import ModelId, Request, RequestId
from oracle.errors import AssayError, InputError, ModelError
from oracle.inference.sessions import SessionCache, Tensors
from oracle.metrics import SkipReason
from oracle.services.serving import Served
from oracle.services.terms import Refusal


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """One attempt that waits for an answer; `deadline` is in seconds since the epoch."""

    id: RequestId
    request: Request
    attempt: int
    packed_input: bytes
    deadline: int


@dataclass(frozen=True, slots=True)
class Inferred:
    """What became of each request, in order: packed output or why there is none; `session_seconds` ran the models."""

    results: tuple[bytes | Refusal, ...]
    session_seconds: float


def infer(requests: Sequence[OpenRequest], served: Mapping[ModelId, Served], sessions: SessionCache) -> Inferred:
    """Run every request's model, together where a model allows it. One bad request harms no other."""
    results: dict[RequestId, bytes | Refusal] = {}
    by_model: defaultdict[ModelId, list[OpenRequest]] = defaultdict(list)
    for each in requests:
        by_model[each.request.model_id].append(each)
    seconds = 0.0
    for model_id, group in by_model.items():
        found, spent = _run(group, served[model_id], sessions)
        results.update(found)
        seconds += spent
    return Inferred(tuple(results[each.id] for each in requests), seconds)


def _run(
    group: Sequence[OpenRequest], served: Served, sessions: SessionCache
) -> tuple[dict[RequestId, bytes | Refusal], float]:
    results: dict[RequestId, bytes | Refusal] = {}
    decoded = {}
    for each in group:
        try:
            decoded[each.id] = decode(each.packed_input, served.model.inputs)
        except InputError as error:
            results[each.id] = Refusal(SkipReason.INVALID_INPUT, str(error))
    try:
        run = sessions.run(served.file, list(decoded.values()))
    except ModelError as error:
        failed = Refusal(SkipReason.INFERENCE_FAILED, str(error))
        return {**results, **dict.fromkeys(decoded, failed)}, 0.0
    for request_id, outputs in zip(decoded, run.outputs, strict=True):
        results[request_id] = _packed(outputs, served)
    return results, run.session_seconds


def _packed(outputs: Tensors | AssayError, served: Served) -> bytes | Refusal:
    if isinstance(outputs, AssayError):
        return Refusal(SkipReason.INFERENCE_FAILED, str(outputs))
    packed = encode(outputs, served.model.output_tensors)
    if len(packed) > MAX_BYTES:
        return Refusal(SkipReason.OUTPUT_TOO_LARGE, f"its output has {len(packed)} bytes, the most is {MAX_BYTES}")
    return packed
