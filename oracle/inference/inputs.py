"""Input files of the command line: `.npz`, `.npy`, `.json`, or bytes already packed.

Nothing is guessed. A shape must be the declared one, except that a leading 1 may be left out (one row of a
batch of one). Arrays are cast only where every value survives (NumPy's "safe" rule); JSON numbers are
read as float64 and rounded to a declared float dtype; only whole numbers go into integers that hold them.
"""

import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from oracle.canonical.tensor import DType, TensorSpec, decode
from oracle.errors import InputError

MAX_FILE_BYTES: Final = 4 * 1024**2  # 64 KiB of elements, written out as JSON numbers
_NPY_HEADERS: Final = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_input(
    path: Path, specs: Sequence[TensorSpec], names: Sequence[str], *, max_bytes: int = MAX_FILE_BYTES
) -> list[NDArray[Any]]:
    """The tensors in `path`, in slot order, with exactly the dtypes and shapes of `specs`.

    `.npz`: arrays under the inputs' `names`, or `arr_0`, `arr_1` … by position. `.npy`: the only input.
    `.json`: an object of nested lists under the names, or a bare nested list for the only input. Any other
    suffix: the protocol's own packed big-endian bytes. The file, and what it unpacks to, have at most
    `max_bytes` bytes. Raises `InputError` saying what was expected.
    """
    data = _read(path, max_bytes)
    match path.suffix.lower():
        case ".npz":
            return _from_npz(data, specs, names, max_bytes)
        case ".npy":
            spec, name = _only(specs, names, "An .npy file holds one tensor")
            return [_from_npy(data, spec, name)]
        case ".json":
            return _from_json(data, specs, names)
        case _:
            return decode(data, specs)


def _read(path: Path, max_bytes: int) -> bytes:
    if not path.is_file():
        raise InputError(f"There is no input file at {path}.", hint="Check the path.")
    try:
        if path.stat().st_size > max_bytes:
            raise InputError(
                f"The input file {path} has {path.stat().st_size} bytes; at most {max_bytes} are read.",
                hint="A request's input is at most 65,536 bytes: pass one input only.",
            )
        return path.read_bytes()
    except OSError as problem:
        raise InputError(f"The input file {path} cannot be read: {problem.strerror}.") from problem


def _only(specs: Sequence[TensorSpec], names: Sequence[str], what: str) -> tuple[TensorSpec, str]:
    if len(specs) != 1:
        raise InputError(
            f"{what}, but the model has {len(specs)} inputs: {_declared(specs, names)}.",
            hint="Pass an .npz or .json file with all of them, by name.",
        )
    return specs[0], names[0]


def _declared(specs: Sequence[TensorSpec], names: Sequence[str]) -> str:
    return ", ".join(f"{name!r} {spec}" for name, spec in zip(names, specs, strict=True))


def _from_npz(data: bytes, specs: Sequence[TensorSpec], names: Sequence[str], max_bytes: int) -> list[NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            positions = [f"arr_{slot}" for slot in range(len(specs))]
            keys = positions if members.keys() == set(positions) else list(names)
            _check_names(members, keys, specs, names)
            if sum(info.file_size for info in members.values()) > max_bytes:
                raise InputError(f"The .npz file unpacks to more than {max_bytes} bytes.")
            return [
                _from_npy(archive.read(members[key]), spec, name)
                for key, spec, name in zip(keys, specs, names, strict=True)
            ]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as problem:
        raise InputError(f"The .npz file is damaged: {problem}.", hint="Write it with numpy.savez.") from problem


def _check_names(
    given: Mapping[str, object], keys: Sequence[str], specs: Sequence[TensorSpec], names: Sequence[str]
) -> None:
    if given.keys() != set(keys):
        raise InputError(
            f"The input file holds {', '.join(map(repr, sorted(given))) or 'nothing'}.",
            hint=f"The model expects {_declared(specs, names)}.",
        )


def _from_npy(data: bytes, spec: TensorSpec, name: str) -> NDArray[Any]:
    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)  # type: ignore[no-untyped-call]  # NumPy left it untyped
        shape, fortran, dtype = _NPY_HEADERS[version](stream)  # type: ignore[no-untyped-call]  # the same
    except (ValueError, KeyError) as problem:
        raise InputError(f"Input {name!r} is not in NumPy's .npy format.", hint="Use numpy.save.") from problem
    if not np.can_cast(dtype, spec.dtype.numpy, "safe"):
        raise InputError(
            f"Input {name!r} is {dtype}, the model declares {spec}, and a cast could change values.",
            hint=f"Save it with .astype(numpy.{spec.dtype.label}).",
        )
    _check_shape(shape, spec, name)
    packed = data[stream.tell() :]
    if len(packed) != spec.count * dtype.itemsize:
        raise InputError(f"Input {name!r} is cut off or has bytes too many.", hint="Use numpy.save.")
    array = np.frombuffer(packed, dtype).reshape(shape, order="F" if fortran else "C")
    return np.ascontiguousarray(array, spec.dtype.numpy).reshape(spec.shape)


def _check_shape(shape: tuple[int, ...], spec: TensorSpec, name: str) -> None:
    without_batch = spec.shape[1:] if spec.shape[:1] == (1,) else None
    if shape not in (spec.shape, without_batch):
        raise InputError(
            f"Input {name!r} has shape {list(shape)}, the model declares {spec}.", hint="Reshape the input."
        )


def _from_json(data: bytes, specs: Sequence[TensorSpec], names: Sequence[str]) -> list[NDArray[Any]]:
    try:
        parsed = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as problem:
        raise InputError(f"The input file is not JSON: {problem}.", hint="Check it with a JSON linter.") from problem
    if not isinstance(parsed, dict):
        _, name = _only(specs, names, "A bare JSON list is one tensor")
        parsed = {name: parsed}
    _check_names(parsed, names, specs, names)
    return [_from_lists(parsed[name], spec, name) for name, spec in zip(names, specs, strict=True)]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InputError("The JSON object has the same key twice.", hint="Give every input once.")
    return found


def _from_lists(value: object, spec: TensorSpec, name: str) -> NDArray[Any]:
    shape = _shape_of(value)
    _check_shape(shape, spec, name)
    flat = [value]
    for size in shape:
        if any(not isinstance(item, list) or len(item) != size for item in flat):
            raise InputError(f"Input {name!r} has rows of different lengths.", hint=f"The model declares {spec}.")
        flat = [item for row in flat for item in row]  # type: ignore[attr-defined]  # rows are lists, see above
    elements = [_element(item, spec.dtype, name) for item in flat]
    return np.array(elements, spec.dtype.numpy).reshape(spec.shape)


def _shape_of(value: object) -> tuple[int, ...]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _element(item: object, dtype: DType, name: str) -> float | int | bool:
    kind = dtype.numpy.kind
    if kind == "b":
        return item if isinstance(item, bool) else _refuse(item, dtype, name)
    if isinstance(item, bool) or not isinstance(item, int | float):
        return _refuse(item, dtype, name)
    if kind == "f":
        return _float(item, dtype, name)
    limits = np.iinfo(dtype.numpy)
    if isinstance(item, float) or not limits.min <= item <= limits.max:
        return _refuse(item, dtype, name)
    return item


def _float(item: float, dtype: DType, name: str) -> float:
    try:
        with np.errstate(over="ignore"):
            fits = math.isfinite(dtype.numpy.type(item)) or not math.isfinite(item)
    except OverflowError:
        fits = False
    return item if fits else _refuse(item, dtype, name)


def _refuse(item: object, dtype: DType, name: str) -> NoReturn:
    raise InputError(f"Input {name!r} holds {str(item)[:40]!r}, which is no {dtype.label}.", hint="Correct the value.")
