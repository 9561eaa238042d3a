"""What runs models for a service: onnxruntime, and canonical execution."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from oracle.inference.canonical_model import CanonicalModel
from oracle.inference.sessions import SessionCache, Tensors


@dataclass(frozen=True, slots=True)
class Engines:
    """onnxruntime's sessions, and so many threads for one canonical run.

    `observe` is told the ONNX file's digest and the seconds of each canonical run.
    """

    sessions: SessionCache
    threads: int = 1
    observe: Callable[[bytes, float], None] = lambda _digest, _seconds: None

    def canonical(self, program: CanonicalModel, inputs: Tensors) -> tuple[Tensors, float]:
        """The canonical outputs, and the seconds it took; raises as `CanonicalModel.run` does."""
        began = time.perf_counter()
        outputs = program.run(inputs, self.threads)
        seconds = time.perf_counter() - began
        self.observe(program.model.onnx_digest, seconds)
        return outputs, seconds
