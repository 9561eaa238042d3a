"""From an ONNX file to a bundle, and the check that a bundle's program is what its file lowers to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import onnx

from oracle.canonical.bundle import Bundle, Lowering, make_bundle
from oracle.canonical.lower import lower
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.listing import listing
from oracle.canonical.program.program import Program
from oracle.inference.model_file import dim_key
from oracle.inference.onnx_bytes import MAX_BYTES, OnnxBytes, read_onnx


@dataclass(frozen=True, slots=True)
class Verification:
    """What a file lowers to, beside a bundle: its digest and program root (32 bytes each), and where they differ."""

    onnx_digest: bytes
    program_root: bytes
    difference: "Difference | None"


@dataclass(frozen=True, slots=True)
class Difference:
    """Node `number` is the first that two programs do not share; each line is its text, None where there is none."""

    number: int
    bundled: str | None
    compiled: str | None


def compile_file(
    path: Path,
    *,
    dims: Mapping[str, int] | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    default_dim: int | None = None,
    outputs: Sequence[str] = (),
    max_bytes: int = MAX_BYTES,
) -> Bundle:
    """Read an ONNX file, without trusting anything in it, and lower it.

    `dims` binds dynamic dimensions by symbol or `INPUT.AXIS`, `input_shapes` those of whole inputs. Leading ones that
    neither names are a batch of 1, as in `load_model_file`; `default_dim` binds what is left. `outputs` are names of
    tensors, the model's own outputs if empty. Raises `ModelError` as `read_onnx` and `lower` do.
    """
    file = read_onnx(path, max_bytes=max_bytes)
    shapes = {name: tuple(shape) for name, shape in (input_shapes or {}).items()}
    batch = _open_batches(file.proto.graph, dims or {}, shapes)
    bound = {**dict.fromkeys(batch, 1), **(dims or {})}
    bundle = _lowered(file, Lowering(bound, shapes, default_dim, tuple(outputs)))
    notes = [f"The leading dimension {key!r} is bound to 1, as a batch." for key in batch]
    return replace(bundle, notes=(*notes, *bundle.notes))


def verify(bundle: Bundle, path: Path, *, max_bytes: int = MAX_BYTES) -> Verification:
    """Lower the ONNX file at `path` as the bundle says it was, and compare; raises as `compile_file` does."""
    compiled = _lowered(read_onnx(path, max_bytes=max_bytes), bundle.lowering)
    model = compiled.model
    return Verification(model.onnx_digest, model.program_root, first_difference(bundle.program, compiled.program))


def first_difference(bundled: Program, compiled: Program) -> Difference | None:
    """The first node of two programs that is not the same in both; None where they are one program."""
    one, other = ([encode_node(node) for node in program.nodes] for program in (bundled, compiled))
    if one == other:
        return None
    number = next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return Difference(number, line(bundled, number), line(compiled, number))


def line(program: Program, number: int) -> str | None:
    """Node `number` of a program as text, None where it has fewer nodes."""
    return next(islice(listing(program), number, None), None)


def _lowered(file: OnnxBytes, lowering: Lowering) -> Bundle:
    lowered = lower(
        file.proto,
        dims=lowering.dims,
        input_shapes=lowering.input_shapes,
        default_dim=lowering.default_dim,
        outputs=lowering.outputs,
    )
    return make_bundle(file.data, file.digest, lowering, lowered)


def _open_batches(
    graph: onnx.GraphProto, dims: Mapping[str, int], input_shapes: Mapping[str, Sequence[int]]
) -> list[str]:
    """The leading dimensions of inputs that nothing binds."""
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    leading, bound = [], set(dims)
    for value in inputs:
        keys = [
            dim_key(value, axis)
            for axis, dim in enumerate(value.type.tensor_type.shape.dim)
            if dim.WhichOneof("value") != "dim_value"
        ]
        if value.name in input_shapes:
            bound.update(keys)
        elif keys and keys[0] == dim_key(value, 0):
            leading.append(keys[0])
    return [key for key in dict.fromkeys(leading) if key not in bound]
