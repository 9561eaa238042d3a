"""How long this machine takes, at worst, to defend an answer: what terms it may accept, and how many answers.

The worst input is one on which no sum can be decided without the exact path. So that path is measured, on inputs with
values of all magnitudes, whatever an input may look like.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oracle.canonical.tensor import DType, TensorSpec
from oracle.canonical.tracing import trace_of
from oracle.chain.protocol import ModelId, Policy
from oracle.inference.canonical_model import CanonicalModel

SENDING_SECONDS = 0.02
"""What asking endpoints, signing and storing takes for each move, with an endpoint that is near."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Seconds to reckon with for one defence, by model, and `margin` seconds that any move takes to be mined."""

    seconds: Mapping[ModelId, float]
    margin: float

    def load(self, open_answers: Mapping[ModelId, int]) -> float:
        """Seconds that defending so many answers of each model takes; models that are not served count for nothing."""
        return sum(self.seconds.get(model, 0.0) * number for model, number in open_answers.items())

    def needed(self, model: ModelId, load: float = 0.0) -> float:
        """The shortest trace time and move time, in seconds, that suit one more answer beside `load` seconds."""
        return self.margin + load + self.seconds.get(model, 0.0)

    def spare(self, policy: Policy, model: ModelId, load: float = 0.0) -> float:
        """Seconds a policy leaves beyond what is needed; negative: too short.

        Both times must suit: within one, every open answer may have its trace computed or, after a restart, computed
        again for a reveal. By always doing next what is due first, all come in time if each was accepted with time to
        spare.
        """
        return min(policy.trace_time, policy.move_time) - self.needed(model, load)


def measure(program: CanonicalModel, threads: int, *, timer: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the slowest defence: every element on the exact path, the commitment, and sending a move."""
    specs = program.model.inputs
    slowest = 0.0
    trace_of(program.plan, specs, bytes(sum(spec.nbytes for spec in specs)), threads)  # the first run warms caches
    for packed in slow_inputs(specs):
        began = timer()
        trace_of(program.plan, specs, packed, threads, all_exact=True)
        slowest = max(slowest, timer() - began)
    return slowest + SENDING_SECONDS


def slow_inputs(specs: Sequence[TensorSpec]) -> tuple[bytes, bytes]:
    """Packed inputs of random bits, which have values of all magnitudes; and with every float infinite."""
    random = np.random.default_rng(0)
    scattered, endless = [], []
    for spec in specs:
        dtype = spec.dtype.numpy
        bits = random.bytes(spec.nbytes)
        if spec.dtype is DType.BOOL:
            bits = bytes(bit & 1 for bit in bits)
        scattered.append(bits)
        endless.append(np.full(spec.count, np.inf, dtype.newbyteorder(">")).tobytes() if dtype.kind == "f" else bits)
    return b"".join(scattered), b"".join(endless)
