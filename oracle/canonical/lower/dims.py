"""Concrete shapes of a model's inputs: its dynamic dimensions bound by name, by whole shapes, or all to one size."""

from collections.abc import Iterable, Mapping, Sequence

import onnx

from oracle.canonical.lower.proto import dtype_name
from oracle.canonical.program.node import MAX_DIM
from oracle.canonical.program.validate import FORMATS
from oracle.canonical.tensor import MAX_RANK, DType, TensorSpec
from oracle.errors import ModelError


def bind(
    inputs: Sequence[onnx.ValueInfoProto],
    dims: Mapping[str, int],
    input_shapes: Mapping[str, Sequence[int]],
    default_dim: int | None,
) -> tuple[tuple[str, TensorSpec], ...]:
    """Concrete specs of the inputs; whole shapes bind symbols too, then `dims`, then `default_dim`."""
    bound = dict(dims)
    known: set[str] = set()
    if unknown := sorted(set(input_shapes) - {value.name for value in inputs}):
        raise ModelError(f"The model has no input {unknown[0]!r}.", hint=f"It has {_listed(v.name for v in inputs)}.")
    for value in inputs:
        for key, size in _keys(value, input_shapes.get(value.name)):
            known.add(key)
            if size is not None and bound.setdefault(key, size) != size:
                raise ModelError(f"The dimension {key!r} is bound to {bound[key]} and to {size}.")
    if unknown := sorted(set(dims) - known):
        raise ModelError(
            f"The model has no dynamic dimension {_listed(unknown)}.",
            hint=f"It has {_listed(sorted(known)) or 'none'}.",
        )
    open_dims = {key for key in known if key not in bound}
    if open_dims and default_dim is None:
        raise ModelError(
            f"The model leaves dimensions open: {_listed(sorted(open_dims))}.",
            hint="Bind them: --dim name=n for one, --input-shape name=1,3,224,224 for a whole input, --default-dim n "
            "for all.",
        )
    bound |= dict.fromkeys(open_dims, default_dim or 0)
    return tuple((value.name, _spec(value, bound)) for value in inputs)


def _listed(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))


def _keys(value: onnx.ValueInfoProto, shape: Sequence[int] | None) -> list[tuple[str, int | None]]:
    """The dynamic dimensions of an input, by symbol or `NAME.AXIS`, and their sizes in `shape` if given."""
    declared = value.type.tensor_type.shape.dim
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
        raise ModelError(
            f"The input {value.name!r} is not a tensor of known rank.", hint="Export the model with shapes."
        )
    if shape is not None and len(shape) != len(declared):
        raise ModelError(f"The input {value.name!r} has {len(declared)} axes; the shape given for it {len(shape)}.")
    keys: list[tuple[str, int | None]] = []
    for axis, dim in enumerate(declared):
        size = None if shape is None else shape[axis]
        if dim.WhichOneof("value") != "dim_value":
            keys.append((_key(value, axis), size))
        elif size not in (None, dim.dim_value):
            raise ModelError(f"Axis {axis} of {value.name!r} has size {dim.dim_value} in the model, not {size}.")
    return keys


def _key(value: onnx.ValueInfoProto, axis: int) -> str:
    return value.type.tensor_type.shape.dim[axis].dim_param or f"{value.name}.{axis}"


def _spec(value: onnx.ValueInfoProto, bound: Mapping[str, int]) -> TensorSpec:
    declared = value.type.tensor_type
    dims = enumerate(declared.shape.dim)
    shape = tuple(d.dim_value if d.WhichOneof("value") == "dim_value" else bound[_key(value, a)] for a, d in dims)
    what = f"The input {value.name!r}"
    if declared.elem_type not in FORMATS:
        raise ModelError(
            f"{what} holds {dtype_name(declared.elem_type)}, which canonical programs do not have.",
            hint=f"Use one of {_listed(d.label for d in sorted(FORMATS))}.",
        )
    spec = TensorSpec(DType(declared.elem_type), shape)
    if len(shape) > MAX_RANK:
        raise ModelError(f"{what} has rank {len(shape)}; at most {MAX_RANK} is allowed.")
    if any(not 0 <= size <= MAX_DIM for size in shape) or spec.count > MAX_DIM:
        raise ModelError(f"{what} has shape {list(shape)}; sizes are not negative, and at most 2^31 - 1 elements.")
    return spec
