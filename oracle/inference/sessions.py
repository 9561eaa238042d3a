"""Running models: a cache of onnxruntime sessions, and many requests at once where a model allows it.

A batch may give other bits than the same requests one by one, as kernels choose another order of summation.
Largest difference of an output element, with onnxruntime 1.31 on x86-64: credit none with one thread, 1e-6
with two; digits none; magika 4e-4 on real files, so it fails the probe below and runs one by one. With
`max_batch=1` an answer depends on its own request alone.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from oracle.canonical.tensor import TensorSpec
from oracle.errors import AssayError, InputError, ModelError
from oracle.inference.model_file import ModelFile, check_digest
from oracle.inference.onnx_bytes import MAX_BYTES, read_onnx
from oracle.inference.runtime import open_session, reason

Tensors = list[NDArray[Any]]
Observer = Callable[[bytes, int, float], None]
"""Called after each `session.run` with the model's digest, the requests in it, and its seconds."""

_PROBE_TOLERANCE: Final = 1e-4


@dataclass(frozen=True, slots=True)
class RunResult:
    """`outputs[i]` are request i's tensors, or its own error; `session_seconds` went to `session.run`."""

    outputs: tuple[Tensors | AssayError, ...]
    session_seconds: float


@dataclass(frozen=True, slots=True)
class _Loaded:
    session: ort.InferenceSession
    max_batch: int


class SessionCache:
    """Up to `max_sessions` sessions, the least recently used leaving first. Safe to use from many threads.

    `threads` are onnxruntime's intra-op threads, `optimisation_level` one of `runtime.OPTIMISATION_LEVELS`,
    `max_model_bytes` bounds one model's files. At most `max_batch` requests go into one run. While a model
    loads, other threads wait to look theirs up.
    """

    def __init__(
        self,
        *,
        threads: int = 1,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        optimisation_level: str = "all",
        max_sessions: int = 16,
        max_batch: int = 64,
        max_model_bytes: int = MAX_BYTES,
        observer: Observer | None = None,
    ) -> None:
        self._threads = threads
        self._providers = tuple(providers)
        self._optimisation_level = optimisation_level
        self._max_sessions = max_sessions
        self._max_batch = max_batch
        self._max_model_bytes = max_model_bytes
        self._observer = observer
        self._loaded: OrderedDict[bytes, _Loaded] = OrderedDict()
        self._lock = Lock()

    def warm_up(self, file: ModelFile) -> int:
        """Load a model now; yields how many requests one run may hold. Raises like `load_model_file`."""
        return self._get(file).max_batch

    def run(self, file: ModelFile, requests: Sequence[Sequence[NDArray[Any]]]) -> RunResult:
        """Answer `requests`, each the model's inputs in slot order with the dtypes and shapes of its specs.

        A request that does not fit, or on which the model fails, gets an `InputError` in its place; outputs
        that contradict the published specs become a `ModelError` there. One bad request harms no other: a
        batch that fails is run again one by one. Raises `ModelError` where the file cannot be loaded or has
        changed since.
        """
        loaded = self._get(file)
        outputs: list[Tensors | AssayError | None] = [_misfit(tensors, file) for tensors in requests]
        fitting = [index for index, misfit in enumerate(outputs) if misfit is None]
        seconds = 0.0
        for start in range(0, len(fitting), loaded.max_batch):
            chunk = fitting[start : start + loaded.max_batch]
            answers, spent = self._run_chunk(loaded.session, file, [requests[index] for index in chunk])
            seconds += spent
            for index, answer in zip(chunk, answers, strict=True):
                outputs[index] = answer
        return RunResult(tuple(answer for answer in outputs if answer is not None), seconds)

    def _get(self, file: ModelFile) -> _Loaded:
        with self._lock:
            loaded = self._loaded.get(file.digest)
            if loaded is None:
                loaded = self._load(file)
                self._loaded[file.digest] = loaded
                if len(self._loaded) > self._max_sessions:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(file.digest)
            return loaded

    def _load(self, file: ModelFile) -> _Loaded:
        onnx = read_onnx(file.path, max_bytes=self._max_model_bytes)
        check_digest(file.path, onnx, file.digest)
        session = open_session(
            onnx.data,
            file.path.name,
            threads=self._threads,
            providers=self._providers,
            optimisation_level=self._optimisation_level,
        )
        batches = self._max_batch > 1 and _may_batch(session, file) and _rows_are_independent(session, file)
        return _Loaded(session, self._max_batch if batches else 1)

    def _run_chunk(
        self, session: ort.InferenceSession, file: ModelFile, requests: list[Sequence[NDArray[Any]]]
    ) -> tuple[list[Tensors | AssayError], float]:
        feeds = [np.concatenate(slot) if len(slot) > 1 else slot[0] for slot in zip(*requests, strict=True)]
        started = time.perf_counter()
        try:
            raw = _session_run(session, file, feeds)
        except InputError as problem:
            seconds = time.perf_counter() - started
            if len(requests) == 1:
                return [problem], seconds
            singles = [self._run_chunk(session, file, [request]) for request in requests]
            return [answers[0] for answers, _ in singles], seconds + sum(spent for _, spent in singles)
        seconds = time.perf_counter() - started
        if self._observer is not None:
            self._observer(file.digest, len(requests), seconds)
        return [_checked(_row(raw, row, len(requests)), file) for row in range(len(requests))], seconds


def _session_run(session: ort.InferenceSession, file: ModelFile, feeds: Sequence[NDArray[Any]]) -> Tensors:
    try:
        return list(session.run(list(file.output_names), dict(zip(file.input_names, feeds, strict=True))))
    except Exception as problem:  # the errors of onnxruntime share no other base class
        raise InputError(f"{file.path.name} cannot run on this input: {reason(problem)}.") from problem


def _row(raw: Tensors, row: int, rows: int) -> Tensors:
    """Request `row` of a run of `rows`; a tensor that was not batched stays whole, to fail its check."""
    return [tensor[row : row + 1] if rows > 1 and tensor.shape[:1] == (rows,) else tensor for tensor in raw]


def _misfit(tensors: Sequence[NDArray[Any]], file: ModelFile) -> InputError | None:
    wrong = _mismatch(tensors, file.model.inputs, file.input_names)
    return InputError(f"{file.path.name} cannot take this input: {wrong}.") if wrong else None


def _checked(outputs: Tensors, file: ModelFile) -> Tensors | ModelError:
    wrong = _mismatch(outputs, file.model.output_tensors, file.output_names)
    if not wrong:
        return outputs
    return ModelError(
        f"{file.path.name} broke its published specs: {wrong}.",
        hint="Its output size depends on the data: it cannot be served.",
    )


def _mismatch(tensors: Sequence[Any], specs: Sequence[TensorSpec], names: Sequence[str]) -> str | None:
    if len(tensors) != len(specs):
        return f"{len(tensors)} tensors where {len(specs)} are declared"
    for tensor, spec, name in zip(tensors, specs, names, strict=True):
        if tensor.dtype != spec.dtype.numpy or tensor.shape != spec.shape:
            return f"{name!r} is {tensor.dtype}{list(tensor.shape)} where {spec} is declared"
    return None


def _may_batch(session: ort.InferenceSession, file: ModelFile) -> bool:
    """Whether the leading dimension of every input and output is open in the file and 1 in the specs."""
    nodes = [*session.get_inputs(), *session.get_outputs()]
    specs = [*file.model.inputs, *file.model.output_tensors]
    return all(node.shape and not isinstance(node.shape[0], int) for node in nodes) and all(
        spec.shape[:1] == (1,) for spec in specs
    )


def _rows_are_independent(session: ort.InferenceSession, file: ModelFile) -> bool:
    """Whether two random rows give together what each gives alone: an open leading axis may be no batch axis.

    It finds honest models whose axis 0 is time, whose operators mix rows, or which magnify rounding. A model
    made to deceive can pass, so run models of strangers with `max_batch=1`.
    """
    random = np.random.default_rng(0)
    rows = [[_probe(random, spec) for spec in file.model.inputs] for _ in range(2)]
    try:
        alone = [_session_run(session, file, row) for row in rows]
        together = _session_run(session, file, [np.concatenate(slot) for slot in zip(*rows, strict=True)])
    except InputError:
        return False
    return all(
        both.shape == (2, *first.shape[1:])
        and first.shape[:1] == (1,)
        and np.allclose(np.concatenate([first, second]), both, _PROBE_TOLERANCE, _PROBE_TOLERANCE, equal_nan=True)
        for first, second, both in zip(*alone, together, strict=True)
    )


def _probe(random: np.random.Generator, spec: TensorSpec) -> NDArray[Any]:
    kind = spec.dtype.numpy.kind
    values = random.standard_normal(spec.shape) if kind == "f" else random.integers(0, 2, spec.shape)
    return values.astype(spec.dtype.numpy)
