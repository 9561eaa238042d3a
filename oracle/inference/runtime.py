"""The one place that opens onnxruntime sessions: bounded memory, no file access, errors as sentences.

Sessions are opened from bytes, never from a path, so onnxruntime itself opens no file a model names.
"""

import re
from collections.abc import Sequence
from threading import Lock
from typing import Final

import onnxruntime as ort

from oracle.errors import ConfigError, ModelError

DEFAULT_MEMORY_LIMIT: Final = 4 * 1024**3
OPTIMISATION_LEVELS: Final = {
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
_SILENT = 4
_LACKS = (
    (re.compile(r"No Op registered for (\S+)"), "it uses the operator {}, which this onnxruntime lacks"),
    (re.compile(r"Could not find an implementation for (\S+) node"), "onnxruntime has no kernel for {}"),
    (re.compile(r"No opset import for domain '(\S+)'"), "it uses operators of the unknown domain {}"),
    (re.compile(r"the graph is not acyclic"), "its graph has a cycle"),
)
_NOISE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |\S+\.(?:cc|h):\d+ |\s+")

_memory_lock = Lock()
_memory_limit: list[int] = []


def bound_memory(limit: int = DEFAULT_MEMORY_LIMIT) -> None:
    """Let all sessions of this process together hold at most `limit` bytes of CPU tensors.

    Call it before the first session, or the default holds: onnxruntime keeps one arena per process, so the
    first limit stands. Raises `ConfigError` on another one.
    """
    with _memory_lock:
        if not _memory_limit:
            memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
            grow_as_requested = 1
            arena = ort.OrtArenaCfg({"max_mem": limit, "arena_extend_strategy": grow_as_requested})
            ort.create_and_register_allocator(memory, arena)
            _memory_limit.append(limit)
        if _memory_limit[0] != limit:
            raise ConfigError(
                f"The memory limit of onnxruntime is already {_memory_limit[0]} bytes in this process.",
                hint=f"Set {limit} before the first model is loaded.",
            )


def open_session(
    onnx: bytes,
    name: str,
    *,
    threads: int = 1,
    providers: Sequence[str] = ("CPUExecutionProvider",),
    optimisation_level: str = "all",
    arena: bool = True,
    memory_pattern: bool = True,
) -> ort.InferenceSession:
    """A session over a self-contained ONNX file's bytes; `name` is what errors call the model.

    `threads` are onnxruntime's intra-op threads. Without the `arena` its memory is not bounded: not for models of
    strangers. `memory_pattern` plans a run's memory as one block. Raises `ModelError` where onnxruntime cannot run the
    model, `ConfigError` on an unknown provider or level.
    """
    missing = [provider for provider in providers if provider not in ort.get_available_providers()]
    if missing or not providers:
        raise ConfigError(
            f"onnxruntime has no execution provider {', '.join(missing) or '(none was given)'} here.",
            hint=f"Available: {', '.join(ort.get_available_providers())}.",
        )
    if optimisation_level not in OPTIMISATION_LEVELS:
        raise ConfigError(
            f"Unknown optimisation level {optimisation_level!r}.",
            hint=f"Use one of {', '.join(OPTIMISATION_LEVELS)}.",
        )
    bound_memory(_memory_limit[0] if _memory_limit else DEFAULT_MEMORY_LIMIT)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = OPTIMISATION_LEVELS[optimisation_level]
    options.log_severity_level = _SILENT
    options.enable_cpu_mem_arena = arena
    options.enable_mem_pattern = memory_pattern
    options.add_session_config_entry("session.use_env_allocators", "1" if arena else "0")
    try:
        return ort.InferenceSession(onnx, options, providers=list(providers))
    except Exception as problem:  # the errors of onnxruntime share no other base class
        raise ModelError(
            f"onnxruntime {ort.__version__} cannot run {name}: {reason(problem)}.",
            hint="Export it again with an opset and operators this onnxruntime has.",
        ) from problem


def reason(problem: Exception) -> str:
    """The message of onnxruntime as one short line, without its source paths and codes."""
    text = "".join(char if char.isprintable() else " " for char in str(problem))
    for pattern, sentence in _LACKS:
        if found := pattern.search(text):
            return sentence.format(found[1] if pattern.groups else "")
    return _NOISE.sub(lambda match: " " if match[0].isspace() else "", text).strip()[:300].rstrip(".")
