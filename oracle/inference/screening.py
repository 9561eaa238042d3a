"""A first opinion on an answer: plain onnxruntime on the same input, over an ONNX file that is held in memory."""

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from oracle.canonical.bundle import Bundle
from oracle.errors import InputError
from oracle.inference.model_file import ModelFile
from oracle.inference.runtime import open_session, reason
from oracle.inference.sessions import SessionCache, Tensors

Screen = Callable[[Sequence[NDArray[Any]]], Tensors]
"""onnxruntime's outputs on inputs in slot order; raises `InputError` or `ModelError` where it has none."""


def screen_file(file: ModelFile, sessions: SessionCache) -> Screen:
    """The screen of a model file, which shares its session with others that use `sessions`."""

    def screen(inputs: Sequence[NDArray[Any]]) -> Tensors:
        (outputs,) = sessions.run(file, [inputs]).outputs
        if isinstance(outputs, list):
            return outputs
        raise outputs

    return screen


def screen_bundle(bundle: Bundle, name: str, *, threads: int = 1) -> Screen:
    """The screen of a bundle's ONNX file, called `name` in errors; raises `ModelError` where onnxruntime has none.

    onnxruntime parses the file: for bundles of people you trust. `threads` are onnxruntime's.
    """
    session = open_session(bundle.onnx, name, threads=threads)

    def screen(inputs: Sequence[NDArray[Any]]) -> Tensors:
        feeds = dict(zip(bundle.input_names, inputs, strict=True))
        try:
            outputs = list(session.run(list(bundle.output_names), feeds))
        except Exception as problem:  # the errors of onnxruntime share no other base class
            raise InputError(f"{name} cannot run on this input: {reason(problem)}.") from problem
        for output, spec in zip(outputs, bundle.model.output_tensors, strict=True):
            if (output.dtype, output.shape) != (spec.dtype.numpy, spec.shape):
                raise InputError(f"{name} yields {output.dtype}{list(output.shape)} where {spec} is declared.")
        return outputs

    return screen
