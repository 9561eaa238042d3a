"""An ONNX file as the protocol sees it: its digest, its names, and concrete specs of inputs and outputs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnx

from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.tensor import MAX_BYTES as MAX_TENSOR_BYTES
from oracle.canonical.tensor import MAX_RANK, DType, TensorSpec
from oracle.errors import ModelError
from oracle.inference.onnx_bytes import MAX_BYTES, OnnxBytes, read_onnx
from oracle.inference.runtime import open_session

_NO_PROGRAM: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file that passed every check, and what of it is published.

    `digest` is 32 bytes (see `read_onnx`); names are in slot order; the program's fields and the tolerances
    of `model` are zero.
    """

    path: Path
    digest: bytes
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    model: Model


def load_model_file(
    path: Path,
    *,
    dims: Mapping[str, int] | None = None,
    expected_digest: bytes | None = None,
    max_bytes: int = MAX_BYTES,
) -> ModelFile:
    """Read and check an ONNX file, without trusting anything in it.

    `dims` binds dynamic dimensions: by their symbolic name, or `TENSOR.AXIS` (axis from 0) where they have
    none. A leading dimension that is not named there is a batch of 1. `max_bytes` bounds the file together
    with external weights. Raises `ModelError` naming the broken rule: those of `read_onnx`; another digest
    than `expected_digest`; something onnxruntime cannot run; inputs or outputs that are not tensors, lack a
    known dtype or shape, exceed 65,536 bytes in total or rank 8, or have no elements.
    """
    file = read_onnx(path, max_bytes=max_bytes)
    check_digest(path, file, expected_digest)
    graph = file.proto.graph
    weights = {tensor.name for tensor in graph.initializer}
    weights |= {sparse.values.name for sparse in graph.sparse_initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    input_specs, output_specs = _specs(inputs, list(graph.output), dict(dims or {}))
    open_session(file.data, path.name, optimisation_level="disabled")
    model = Model(
        program_root=_NO_PROGRAM,
        node_count=0,
        worst_leaf_gas=0,
        inputs=input_specs,
        outputs=tuple(OutputSpec(spec) for spec in output_specs),
        onnx_digest=file.digest,
    )
    names = tuple(value.name for value in inputs), tuple(value.name for value in graph.output)
    return ModelFile(path, file.digest, *names, model)


def check_digest(path: Path, file: OnnxBytes, expected: bytes | None) -> None:
    """Raise `ModelError` where `expected` is given and `file` has another digest."""
    if expected is not None and file.digest != expected:
        raise ModelError(
            f"The file {path} has SHA-256 {file.digest.hex()}, not {expected.hex()} as published.",
            hint="It is another model or it was changed: get the published file.",
        )


def _specs(
    inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto], dims: dict[str, int]
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    for role, values in (("input", inputs), ("output", outputs)):
        if not values:
            raise ModelError(f"The model has no {role}.", hint="Export it with inputs and outputs.")
        for value in values:
            _check_tensor(role, value)
    values = inputs + outputs
    known = {dim_key(value, axis) for value in values for axis in _dynamic(value)}
    if unknown := sorted(dims.keys() - known):
        raise ModelError(
            f"The model has no dynamic dimension {', '.join(unknown)}.",
            hint=f"It has {', '.join(sorted(known)) or 'none'}.",
        )
    leading = {dim_key(value, 0): 1 for value in values if 0 in _dynamic(value)}
    bound = leading | dims
    return _sized("inputs", inputs, bound), _sized("outputs", outputs, bound)


def _check_tensor(role: str, value: onnx.ValueInfoProto) -> None:
    what = f"The {role} {value.name!r}"
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise ModelError(
            f"{what} is a {(kind or 'value without a type').removesuffix('_type')}, not a tensor.",
            hint="Export the model with tensors only (scikit-learn: zipmap=False).",
        )
    code = value.type.tensor_type.elem_type
    if code not in DType.__members__.values():
        dtype = onnx.TensorProto.DataType.Name(code).lower() if _is_onnx_dtype(code) else f"dtype {code}"
        raise ModelError(
            f"{what} holds {dtype}, which cannot cross the chain.",
            hint=f"Use one of {', '.join(known.label for known in DType)}.",
        )
    if not value.type.tensor_type.HasField("shape"):
        raise ModelError(
            f"{what} declares no shape.",
            hint="Export the model with shapes (onnx.shape_inference can add them).",
        )
    rank = len(value.type.tensor_type.shape.dim)
    if rank > MAX_RANK:
        raise ModelError(f"{what} has rank {rank}; at most {MAX_RANK} is allowed.", hint="Reshape it in the model.")


def _is_onnx_dtype(code: int) -> bool:
    return code in onnx.TensorProto.DataType.values()


def _dynamic(value: onnx.ValueInfoProto) -> list[int]:
    """Axes whose size the file leaves open."""
    shape = value.type.tensor_type.shape.dim
    return [axis for axis, dim in enumerate(shape) if dim.WhichOneof("value") != "dim_value"]


def dim_key(value: onnx.ValueInfoProto, axis: int) -> str:
    """What a dynamic dimension is called: its symbol, or `TENSOR.AXIS` where it has none."""
    return value.type.tensor_type.shape.dim[axis].dim_param or f"{value.name}.{axis}"


def _sized(role: str, values: Sequence[onnx.ValueInfoProto], bound: Mapping[str, int]) -> tuple[TensorSpec, ...]:
    specs = tuple(_spec(value, bound) for value in values)
    total = sum(spec.nbytes for spec in specs)
    if total > MAX_TENSOR_BYTES:
        listed = ", ".join(map(str, specs[:8]))
        raise ModelError(
            f"The model's {role} take {total} bytes ({listed}); at most {MAX_TENSOR_BYTES} are allowed.",
            hint="Bind smaller dimensions with --dim name=n, or export a smaller model.",
        )
    return specs


def _spec(value: onnx.ValueInfoProto, bound: Mapping[str, int]) -> TensorSpec:
    shape = []
    for axis, dim in enumerate(value.type.tensor_type.shape.dim):
        key = dim_key(value, axis)
        size = dim.dim_value if dim.WhichOneof("value") == "dim_value" else bound.get(key)
        if size is None:
            raise ModelError(
                f"The dimension {key!r} (axis {axis} of {value.name!r}) has no size, and needs one.",
                hint=f"Pass --dim {re.sub(r'[^ -~]', '?', key)}=n.",
            )
        if size < 1:
            raise ModelError(f"Axis {axis} of {value.name!r} has size {size}; a tensor must have elements.")
        shape.append(size)
    return TensorSpec(DType(value.type.tensor_type.elem_type), tuple(shape))
