"""An ONNX file as bytes: read once, within its folder, whole, and with the digest that names it."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

import onnx
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]  # has no types

from oracle.errors import ModelError

MAX_BYTES: Final = 2**31 - 1  # protobuf's own limit
_WIDEST_ELEMENT: Final = 8  # bytes


@dataclass(frozen=True, slots=True)
class OnnxBytes:
    """`data` is self-contained, `proto` is `data` parsed, `digest` (32 bytes) names every byte read."""

    data: bytes
    proto: onnx.ModelProto
    digest: bytes


def read_onnx(path: Path, *, max_bytes: int = MAX_BYTES) -> OnnxBytes:
    """Read a model and, where it has them, its external weights, into one self-contained file in memory.

    The digest of a self-contained file is its SHA-256, as `sha256sum` prints it. Where weights lie in other
    files, the digest covers these too: SHA-256 of a zero byte, the ONNX file's SHA-256 and, per external file
    in order of its location, the SHA-256 of the location and of the content. (A zero byte starts no protobuf,
    so no single file has such a digest.) `max_bytes` bounds all files, embedded slices of them and unpacked
    sparse tensors together.

    Raises `ModelError` for a file that is missing, empty, too big or not ONNX, and for external data outside
    the model's folder, missing, or beyond its file.
    """
    budget = _Budget(path, max_bytes)
    data = budget.read(path)
    if not data:
        raise ModelError(f"The model file {path} is empty.", hint="Download or export it again.")
    try:
        proto = onnx.ModelProto.FromString(data)
    except DecodeError as problem:
        raise _corrupt(path) from problem
    if not proto.HasField("graph"):
        raise _corrupt(path)
    digest = hashlib.sha256(data).digest()
    external = []
    for tensor in _tensors(proto):
        if isinstance(tensor, onnx.SparseTensorProto):
            budget.spend(math.prod(tensor.dims) * _WIDEST_ELEMENT)
        elif tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            external.append(tensor)
    if not external:
        return OnnxBytes(data, proto, digest)
    files = _embed(external, path.parent, budget)
    digest = hashlib.sha256(
        b"\0" + digest + b"".join(_sha256(name.encode()) + _sha256(content) for name, content in sorted(files.items()))
    ).digest()
    return OnnxBytes(proto.SerializeToString(), proto, digest)


class _Budget:
    """Bytes that may still be held for one model."""

    def __init__(self, model: Path, limit: int) -> None:
        self._model, self._limit, self._left = model, limit, limit

    def spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise ModelError(
                f"The model {self._model} is bigger than the limit of {self._limit} bytes.",
                hint="Serve a smaller model, or raise the limit on model size.",
            )

    def read(self, path: Path) -> bytes:
        if not path.is_file():
            raise ModelError(f"There is no model file at {path}.", hint="Check the path.")
        try:
            self.spend(path.stat().st_size)
            return path.read_bytes()
        except OSError as problem:
            raise ModelError(f"The model file {path} cannot be read: {problem.strerror}.") from problem


def _tensors(message: Message) -> Iterator[onnx.TensorProto | onnx.SparseTensorProto]:
    """Every tensor anywhere in a model: initializers, sparse ones, attributes, subgraphs, functions."""
    if isinstance(message, onnx.TensorProto | onnx.SparseTensorProto):
        yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for child in [value] if isinstance(value, Message) else value:
                yield from _tensors(child)


def _embed(tensors: list[onnx.TensorProto], folder: Path, budget: _Budget) -> dict[str, bytes]:
    """Move external data into the tensors; yields the content of each file by its location."""
    files: dict[str, bytes] = {}
    for tensor in tensors:
        keys = {entry.key: entry.value for entry in tensor.external_data}
        location = keys.get("location", "")
        if location not in files:
            files[location] = budget.read(_inside(folder, location, tensor.name))
        content = files[location]
        try:
            start = int(keys.get("offset", "0"))
            length = int(keys.get("length", len(content) - start))
        except ValueError:
            start = length = -1
        if start < 0 or length < 0 or start + length > len(content):
            raise ModelError(
                f"The weights {tensor.name!r} lie beyond the end of the external file {location!r}.",
                hint="The file is truncated or another one: download or export the model again.",
            )
        budget.spend(length)
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.DEFAULT
        tensor.raw_data = content[start : start + length]
    return files


def _inside(folder: Path, location: str, tensor: str) -> Path:
    """The file at `location`, which must lie in `folder` after every link is followed."""
    pure = PurePosixPath(location)
    outside = (
        not location
        or "\0" in location
        or pure.is_absolute()
        or PureWindowsPath(location).anchor
        or ".." in PureWindowsPath(location).parts
    )
    path = folder / pure if not outside else folder
    if outside or not path.resolve().is_relative_to(folder.resolve()):
        raise ModelError(
            f"The weights {tensor!r} lie in the external file {location!r}, outside the model's folder.",
            hint="Put that file beside the model, or merge them with onnx.save(onnx.load(old), new).",
        )
    if not path.is_file():
        raise ModelError(
            f"The weights {tensor!r} lie in the external file {location!r}, which is missing.",
            hint=f"Put it into {folder}.",
        )
    return path.resolve()


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _corrupt(path: Path) -> ModelError:
    return ModelError(f"The file {path} is not an ONNX model, or it is truncated.", hint="Download or export it again.")
