"""One ONNX node while it is lowered: its inputs as values, its attributes as Python values."""

import builtins
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.lower.graph import Graph
from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.lower.value import Value
from oracle.canonical.program.node import MAX_DIM
from oracle.canonical.tensor import DType

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Op:
    """What a lowering function is given. `inputs` has None where an optional input is left out in the middle.

    `opset` is the version of the node's own domain; `outputs` the names of its outputs, "" where one is not wanted.
    """

    type: str
    opset: int
    graph: Graph
    inputs: tuple[Value | None, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def __getitem__(self, slot: int) -> Value:
        """Input `slot`, which the operator needs."""
        value = self.optional(slot)
        if value is None:
            raise Unsupported(f"its input {slot} is missing.")
        return value

    def optional(self, slot: int) -> Value | None:
        """Input `slot`, or None where it is left out."""
        return self.inputs[slot] if slot < len(self.inputs) else None

    @property
    def values(self) -> tuple[Value, ...]:
        """All inputs, for operators with any number of them, but one at least."""
        if not self.inputs:
            raise Unsupported("it has no inputs.")
        return tuple(self[slot] for slot in range(len(self.inputs)))

    def attr(self, name: str, default: T) -> T:
        """Attribute `name`: int, float (as float32 holds it), str, TensorProto as array, or a list of these."""
        value = self.attributes.get(name, default)
        if not isinstance(value, type(default)):
            raise Unsupported(f"its attribute {name!r} is {value!r}, not {type(default).__name__}.")
        return value

    def listed(self, name: str, kind: builtins.type[T], default: Sequence[T] = ()) -> list[T]:
        """Attribute `name`, a list of `kind`: int, float or str."""
        value = self.attributes.get(name, default)
        if isinstance(value, str) or not isinstance(value, Sequence) or any(type(one) is not kind for one in value):
            raise Unsupported(f"its attribute {name!r} is {value!r}, not a list of {kind.__name__}.")
        return list(value)

    def number(self, number: float) -> Value:
        """A constant scalar of input 0's dtype, which must hold it."""
        dtype = self[0].dtype
        if dtype is not DType.FLOAT and not (math.isfinite(number) and np.array(number).astype(dtype.numpy) == number):
            raise Unsupported(f"it works on {dtype.label}, which does not hold {number}.")
        return self.graph.constant(number, dtype)

    def known(self, slot: int, what: str) -> NDArray[Any] | None:
        """Input `slot` as an array, None where it is left out; unsupported where it depends on the model's inputs."""
        value = self.optional(slot)
        if value is None:
            return None
        array = self.graph.known(value)
        if array is None:
            raise Unsupported(
                f"it needs its {what} when the program is made, and they are computed from the model's inputs.",
                hint=f"Export the model with constant {what}.",
            )
        return array

    def ints(self, slot: int, name: str) -> list[int] | None:
        """Integers that are the attribute `name` in old opsets and input `slot` in new ones; None where left out."""
        given = self.attributes.get(name)
        if given is None:
            array = self.known(slot, name)
            if array is None:
                return None
            given = array.reshape(-1).tolist()
        if not isinstance(given, list) or any(not isinstance(n, int) for n in given):
            raise Unsupported(f"its {name} are {given}, not integers.")
        return given

    def shape(self, slot: int, *, negative: bool = False) -> list[int]:
        """The shape (or repeats) in input `slot`; negative sizes only where asked."""
        listed = self.ints(slot, "shape")
        if listed is None:
            raise Unsupported(f"its input {slot} is missing.")
        if any(n > MAX_DIM or (n < 0 and not negative) for n in listed):
            raise Unsupported(f"its shape {listed} has a size that is not from 0 to {MAX_DIM}.")
        return listed

    def axis(self, axis: int, rank: int) -> int:
        """`axis`, counted from the end where negative."""
        if not -rank <= axis < rank:
            raise Unsupported(f"its axis {axis} is outside a tensor of rank {rank}.")
        return axis % rank
