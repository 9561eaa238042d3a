"""From open requests to outputs: decode the input, run the model both ways, compare, encode what is answered."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from oracle.canonical.tensor import MAX_BYTES, decode, encode
from oracle.chain.protocol import InputKind, ModelId, Request, RequestId
from oracle.errors import AssayError, InputError, ModelError
from oracle.inference.sessions import Tensors
from oracle.metrics import SkipReason
from oracle.services.agreement import disagreement
from oracle.services.engines import Engines
from oracle.services.serving import Served
from oracle.services.terms import Refusal

_log = structlog.get_logger(__name__)


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
    """What became of each request, in order: packed output or why there is none.

    `session_seconds` went to onnxruntime, `canonical_seconds` to canonical execution.
    """

    results: tuple[bytes | Refusal, ...]
    session_seconds: float
    canonical_seconds: float


def infer(requests: Sequence[OpenRequest], served: Mapping[ModelId, Served], engines: Engines) -> Inferred:
    """Run every request's model, together where a model allows it. One bad request harms no other.

    Where the model's program runs beside onnxruntime, the canonical output is the answer, and there is none if the two
    disagree.
    """
    results: dict[RequestId, bytes | Refusal] = {}
    by_model: defaultdict[ModelId, list[OpenRequest]] = defaultdict(list)
    for each in requests:
        by_model[each.request.model_id].append(each)
    session_seconds = canonical_seconds = 0.0
    for model_id, group in by_model.items():
        run = _Group(served[model_id], engines)
        results.update(run.answer(group))
        session_seconds += run.session_seconds
        canonical_seconds += run.canonical_seconds
    return Inferred(tuple(results[each.id] for each in requests), session_seconds, canonical_seconds)


class _Group:
    """The requests of one model, and the time they take."""

    def __init__(self, served: Served, engines: Engines) -> None:
        self._served, self._engines = served, engines
        self.session_seconds = self.canonical_seconds = 0.0

    def answer(self, group: Sequence[OpenRequest]) -> dict[RequestId, bytes | Refusal]:
        """What becomes of each request."""
        results: dict[RequestId, bytes | Refusal] = {}
        decoded: dict[RequestId, Tensors] = {}
        for each in group:
            try:
                decoded[each.id] = decode(each.packed_input, self._served.model.inputs)
            except InputError as error:
                results[each.id] = Refusal(SkipReason.INVALID_INPUT, str(error))
        try:
            run = self._engines.sessions.run(self._served.file, list(decoded.values()))
        except ModelError as error:
            failed = Refusal(SkipReason.INFERENCE_FAILED, str(error))
            return {**results, **dict.fromkeys(decoded, failed)}
        self.session_seconds += run.session_seconds
        kinds = {each.id: each.request.input_kind for each in group}
        for (request_id, inputs), outputs in zip(decoded.items(), run.outputs, strict=True):
            if isinstance(outputs, AssayError):
                results[request_id] = Refusal(SkipReason.INFERENCE_FAILED, str(outputs))
            else:
                results[request_id] = self._bonded(request_id, kinds[request_id], inputs, outputs)
        return results

    def _bonded(self, request: RequestId, kind: InputKind, inputs: Tensors, outputs: Tensors) -> bytes | Refusal:
        """The packed output to answer with, `outputs` being onnxruntime's."""
        served = self._served
        program = served.program
        if program is None or (served.is_fast and kind is InputKind.BYTES):
            return self._packed(outputs)
        try:
            canonical, seconds = self._engines.canonical(program, inputs)
        except (InputError, ModelError) as error:
            return Refusal(SkipReason.INFERENCE_FAILED, str(error))
        self.canonical_seconds += seconds
        found = disagreement(outputs, canonical, served.model, served.file.output_names)
        if found is None:
            return self._packed(canonical)
        _log.error(
            "outputs_disagree",
            request=f"0x{request.hex()}",
            model=served.name,
            output=found.output,
            element=list(found.index),
            onnxruntime=found.onnxruntime,
            canonical=found.canonical,
        )
        return Refusal(SkipReason.DISAGREEMENT, str(found))

    def _packed(self, outputs: Tensors) -> bytes | Refusal:
        packed = encode(outputs, self._served.model.output_tensors)
        if len(packed) > MAX_BYTES:
            words = f"its output has {len(packed)} bytes, the most is {MAX_BYTES}"
            return Refusal(SkipReason.OUTPUT_TOO_LARGE, words)
        return packed
