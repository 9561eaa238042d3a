"""An answer beside the canonical result: which elements are wrong, and by how much."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.commit import tensor_bytes
from oracle.canonical.model import Model
from oracle.canonical.tensor import decode
from oracle.canonical.tolerance import float64_of, wrong_elements
from oracle.inference.canonical_model import CanonicalModel

Tensors = Sequence[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class WrongElement:
    """An element that is not right: where, both values, both as bits (big-endian), and how far off it may be."""

    output: int
    index: tuple[int, ...]
    answer: Any
    canonical: Any
    answer_bits: bytes
    canonical_bits: bytes
    allowed: float


@dataclass(frozen=True, slots=True)
class Checked:
    """`problem` says what is wrong with the answer as a whole; without one, `wrong` are its wrong elements, in order.

    `answer` and `canonical` are the tensors, as far as there are any.
    """

    problem: str | None
    wrong: tuple[WrongElement, ...]
    answer: Tensors
    canonical: Tensors

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong."""
        return self.problem is None and not self.wrong


def check_answer(program: CanonicalModel, model: Model, packed_input: bytes, answer: bytes) -> Checked:
    """Run `program` on the input and compare the answer, within the tolerances of `model`.

    `model` has the inputs and outputs of the program. Raises `ModelError` on a thread that flushes subnormals.
    """
    takes, yields = (sum(spec.nbytes for spec in specs) for specs in (model.inputs, model.output_tensors))
    if len(packed_input) != takes:
        words = f"the input has {len(packed_input):,} bytes, the model takes {takes:,}: no answer to it is right"
        return Checked(words, (), (), ())
    canonical = program.run(decode(packed_input, model.inputs))
    if len(answer) != yields:
        return Checked(f"the answer has {len(answer):,} bytes, the model yields {yields:,}", (), (), canonical)
    given = decode(answer, model.output_tensors)
    found = wrong_elements(given, canonical, model.outputs)
    return Checked(None, tuple(_element(model, given, canonical, *where) for where in found), given, canonical)


def _element(model: Model, given: Tensors, canonical: Tensors, slot: int, flat: int) -> WrongElement:
    spec = model.outputs[slot]
    answer, truth = (tensors[slot].reshape(-1)[flat : flat + 1] for tensors in (given, canonical))
    with np.errstate(over="ignore", invalid="ignore"):
        allowed = float64_of(spec.atol) + float64_of(spec.rtol) * abs(float(truth[0]))
    return WrongElement(
        slot,
        tuple(map(int, np.unravel_index(flat, spec.tensor.shape))) if spec.tensor.shape else (),
        answer[0].item(),
        truth[0].item(),
        tensor_bytes(answer),
        tensor_bytes(truth),
        allowed,
    )
