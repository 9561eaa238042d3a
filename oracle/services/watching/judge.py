"""Whether an answer is right: docs/canonical.md section 8, faults 2 and 3 as the canonical run tells them in advance.

Pure, given the engines. Only a canonical run finds an answer wrong; onnxruntime can at most confirm one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import structlog
from eth_utils.crypto import keccak
from numpy.typing import NDArray

from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.program.node import Kind
from oracle.canonical.tensor import TensorSpec, decode
from oracle.canonical.tolerance import bits_of, float64_of, wrong_elements
from oracle.chain.protocol import InputKind
from oracle.errors import AssayError, StoreError
from oracle.metrics import UnjudgedReason
from oracle.services.engines import Engines
from oracle.services.watching.library import Found, Malformed, Unwatched, Watched
from oracle.store.requests import StoredRequest

_log = structlog.get_logger(__name__)

Tensors = Sequence[NDArray[Any]]

_CONFIRMING = 4
"""Which part of the tolerance onnxruntime's output may be away from an answer that it confirms: a quarter."""


@dataclass(frozen=True, slots=True)
class Right:
    """The answer is right. `checked` False: only onnxruntime says so."""

    checked: bool = True


@dataclass(frozen=True, slots=True)
class Wrong:
    """The answer is provably wrong, or its request: `words` say what, and where."""

    words: str


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Nobody can tell here: for a counter, and in words for a log."""

    reason: UnjudgedReason
    words: str


Judgement = Right | Wrong | Unjudged


def glance(stored: StoredRequest, found: Found) -> Judgement | None:
    """What can be said of an answer without running its model; None if nothing can."""
    if isinstance(found, Unwatched):
        return Unjudged(found.reason, found.words)
    if isinstance(found, Malformed):
        return Wrong("its model's program is malformed, and nobody may answer for it")
    if stored.input_kind is not InputKind.BYTES:
        return Unjudged(UnjudgedReason.INPUT_NOT_FETCHED, "its input is not on chain, and this version fetches none")
    if keccak(stored.input) != stored.request.input_hash:
        return Unjudged(UnjudgedReason.INPUT_NOT_FETCHED, "the input that an endpoint told does not match its hash")
    if run_input(stored, found) is None:
        takes = sum(spec.nbytes for spec in found.model.inputs)
        return Wrong(f"its input has {len(stored.input)} bytes, the model takes {takes}: it has no right answer")
    yields = sum(spec.nbytes for spec in found.model.output_tensors)
    if len(answer_of(stored)) != yields:
        return Wrong(f"the answer has {len(answer_of(stored))} bytes, the model yields {yields}")
    return None


def confirms(stored: StoredRequest, watched: Watched) -> bool:
    """Whether onnxruntime's output is within a quarter of the tolerance of an answer that `glance` left open.

    Whatever a stranger's model or input makes fail confirms nothing.
    """
    if watched.screen is None:
        return False
    model = watched.model
    try:
        outputs = watched.screen(decode(stored.input, model.inputs))
        return not wrong_elements(decode(answer_of(stored), model.output_tensors), outputs, _narrowed(model))
    except AssayError:
        return False
    except Exception as problem:  # noqa: BLE001
        _log.error("screening_crashed", model=f"0x{model.id.hex()}", exc_info=problem)
        return False


def judge(stored: StoredRequest, watched: Watched, engines: Engines) -> Judgement:
    """What a canonical run says of an answer that `glance` left open.

    Whatever a stranger's model makes fail is told, and the watch over the others goes on.
    """
    model = watched.model
    specs, packed = run_input(stored, watched) or (model.inputs, stored.input)
    inputs = decode(packed, specs)
    try:
        canonical, _ = engines.canonical(watched.program, inputs)
    except AssayError as problem:
        return Unjudged(UnjudgedReason.CANONICAL_FAILED, str(problem))
    except Exception as problem:  # noqa: BLE001
        _log.error("canonical_run_crashed", model=f"0x{model.id.hex()}", exc_info=problem)
        return Unjudged(UnjudgedReason.CANONICAL_FAILED, f"{type(problem).__name__} in the canonical run: {problem}")
    answer = decode(answer_of(stored), model.output_tensors)
    wrong = wrong_elements(answer, canonical, model.outputs)
    return Wrong(_located(model, answer, canonical, wrong)) if wrong else Right()


def run_input(stored: StoredRequest, watched: Watched) -> tuple[tuple[TensorSpec, ...], bytes] | None:
    """What the model is run on: specs and packed bytes; None where the request's input has another length than they.

    Nothing, for a wrong length, where the program reads no input: there is no INPUT node by which it could be shown.
    """
    specs = watched.model.inputs
    if len(stored.input) == sum(spec.nbytes for spec in specs):
        return specs, stored.input
    reads = any(node.kind is Kind.INPUT for node in watched.program.plan.program.nodes)
    return None if reads else ((), b"")


def answer_of(stored: StoredRequest) -> bytes:
    """The packed answer; raises `StoreError` where there is none."""
    if stored.output is None:
        raise StoreError(f"Request 0x{stored.id.hex()} has no answer.")
    return stored.output


def _narrowed(model: Model) -> tuple[OutputSpec, ...]:
    """The outputs with a quarter of their tolerances."""

    def part(bits: int) -> int:
        return bits_of(float64_of(bits) / _CONFIRMING)

    return tuple(replace(spec, atol=part(spec.atol), rtol=part(spec.rtol)) for spec in model.outputs)


def _located(model: Model, answer: Tensors, canonical: Tensors, wrong: Sequence[tuple[int, int]]) -> str:
    """The first wrong element, both values, and what was allowed."""
    slot, flat = wrong[0]
    spec = model.outputs[slot]
    index = list(map(int, np.unravel_index(flat, spec.tensor.shape))) if spec.tensor.shape else []
    given, truth = (tensors[slot].reshape(-1)[flat] for tensors in (answer, canonical))
    return (
        f"element {index} of output {slot} is {given}, canonically {truth}, with atol {float64_of(spec.atol):g} and "
        f"rtol {float64_of(spec.rtol):g} allowed ({len(wrong)} elements are wrong)"
    )
