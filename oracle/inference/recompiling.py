"""From an ONNX file to the model that somebody published: the same shapes, the same tolerances, or not that model."""

from dataclasses import replace
from pathlib import Path

from oracle.canonical.bundle import Bundle
from oracle.canonical.model import Model
from oracle.errors import ModelError
from oracle.inference.compiling import compile_file
from oracle.inference.onnx_bytes import MAX_BYTES, read_onnx


def recompile(path: Path, model: Model, *, max_bytes: int = MAX_BYTES) -> Bundle:
    """What the ONNX file at `path` lowers to with the input shapes of `model`, and with its tolerances.

    Whether the bundle's model is `model` is for the caller to compare. Raises `ModelError` as `compile_file` does, and
    where inputs or outputs of the file are of another number, dtype or shape.
    """
    graph = read_onnx(path, max_bytes=max_bytes).proto.graph
    weights = {tensor.name for tensor in graph.initializer} | {each.values.name for each in graph.sparse_initializer}
    names = [value.name for value in graph.input if value.name not in weights]
    if len(names) != len(model.inputs):
        raise ModelError(f"{path.name} has {len(names)} inputs, the model {len(model.inputs)}.", hint=_OTHER)
    shapes = {name: spec.shape for name, spec in zip(names, model.inputs, strict=True)}
    bundle = compile_file(path, input_shapes=shapes, max_bytes=max_bytes)
    for what, theirs, ours in (
        ("inputs", model.inputs, bundle.model.inputs),
        ("outputs", model.output_tensors, bundle.model.output_tensors),
    ):
        if theirs != ours:
            told, made = (", ".join(map(str, specs)) for specs in (theirs, ours))
            raise ModelError(f"The model has {what} {told}; {path.name} has {made}.", hint=_OTHER)
    return replace(bundle, model=replace(bundle.model, outputs=model.outputs))


_OTHER = "It is another file: get the one that was published."
