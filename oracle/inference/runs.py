"""One model, run twice: by onnxruntime, and canonically. The two differ by rounding, which a tolerance allows for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray

from oracle.canonical.bundle import Bundle
from oracle.canonical.fast.execute import Sink, compile_plan
from oracle.canonical.tensor import TensorSpec
from oracle.errors import InputError, ModelError
from oracle.inference.runtime import open_session, reason

Tensors = list[NDArray[Any]]


class Run(Protocol):
    """A way to run a bundle's model: inputs in slot order to outputs in slot order, of the model's specs."""

    def __call__(self, inputs: Sequence[NDArray[Any]]) -> Tensors:
        """The outputs; raises `InputError` where the model cannot run on these inputs."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How onnxruntime runs: intra-op threads, a key of `OPTIMISATION_LEVELS`, and its memory (see `open_session`)."""

    threads: int = 1
    optimisation_level: str = "all"
    arena: bool = True
    memory_pattern: bool = True

    def __str__(self) -> str:
        memory = f"arena {'on' if self.arena else 'off'}, memory pattern {'on' if self.memory_pattern else 'off'}"
        return f"{self.threads} thread{'s'[: self.threads > 1]}, optimisation {self.optimisation_level}, {memory}"


class CanonicalRun:
    """The program on the fast path."""

    def __init__(self, bundle: Bundle) -> None:
        self._plan = compile_plan(bundle.program)
        self._specs = bundle.model.output_tensors

    def __call__(self, inputs: Sequence[NDArray[Any]], sink: Sink | None = None) -> Tensors:
        """The canonical outputs; `sink` is given every tensor of the trace."""
        flat = self._plan.run(inputs, sink)
        return [tensor.reshape(spec.shape) for tensor, spec in zip(flat, self._specs, strict=True)]


class PlainRun:
    """The bundle's ONNX file in onnxruntime. Raises `ModelError` where onnxruntime cannot run it."""

    def __init__(self, bundle: Bundle, setting: Setting) -> None:
        data, self._outputs = with_outputs(bundle.onnx, bundle.output_names, bundle.model.output_tensors)
        self._inputs, self._names, self._specs = bundle.input_names, bundle.output_names, bundle.model.output_tensors
        self._session = open_session(
            data,
            "the bundle's model",
            threads=setting.threads,
            optimisation_level=setting.optimisation_level,
            arena=setting.arena,
            memory_pattern=setting.memory_pattern,
        )

    def __call__(self, inputs: Sequence[NDArray[Any]]) -> Tensors:
        """What onnxruntime yields; raises `ModelError` where their dtypes or shapes are not the program's."""
        try:
            outputs = self._session.run(self._outputs, dict(zip(self._inputs, inputs, strict=True)))
        except Exception as problem:  # the errors of onnxruntime share no other base class
            raise InputError(f"onnxruntime cannot run the model on this input: {reason(problem)}.") from problem
        for name, output, spec in zip(self._names, outputs, self._specs, strict=True):
            if not isinstance(output, np.ndarray) or (output.dtype, output.shape) != (spec.dtype.numpy, spec.shape):
                got = f"{output.dtype}{list(output.shape)}" if isinstance(output, np.ndarray) else "no tensor"
                raise ModelError(f"onnxruntime's output {name!r} is {got}, the program's {spec}.")
        return list(outputs)


def with_outputs(data: bytes, names: Sequence[str], specs: Sequence[TensorSpec]) -> tuple[bytes, list[str]]:
    """The ONNX file `data` with the tensors `names` among its outputs, and what they are called there.

    An output that a ZipMap makes is the tensor that the ZipMap reads, as it is in programs.
    """
    proto = onnx.ModelProto.FromString(data)
    zipped = {node.output[0]: node.input[0] for node in proto.graph.node if node.op_type == "ZipMap"}
    wanted = [zipped.get(name, name) for name in names]
    declared = {value.name for value in proto.graph.output}
    missing = [(name, spec) for name, spec in zip(wanted, specs, strict=True) if name not in declared]
    if not missing:
        return data, wanted
    for name, spec in missing:
        proto.graph.output.append(onnx.helper.make_tensor_value_info(name, int(spec.dtype), spec.shape))
    return proto.SerializeToString(), wanted
