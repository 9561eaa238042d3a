"""Tensors as the protocol sees them: dtype, shape, and packed big-endian bytes.

Encoding (DESIGN section 3): tensors in declared order, row-major, big-endian, packed, without headers.
The dtype codes are those of ONNX's `TensorProto.DataType`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.errors import InputError

MAX_RANK = 8
MAX_BYTES = 65_536


class DType(IntEnum):
    """Element types a model's inputs and outputs may have (ONNX `TensorProto.DataType` numbers)."""

    FLOAT = 1
    UINT8 = 2
    INT8 = 3
    UINT16 = 4
    INT16 = 5
    INT32 = 6
    INT64 = 7
    BOOL = 9
    FLOAT16 = 10
    DOUBLE = 11
    UINT32 = 12
    UINT64 = 13

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype in native byte order."""
        return _NUMPY[self]

    @property
    def size(self) -> int:
        """Bytes per element."""
        return self.numpy.itemsize

    @property
    def label(self) -> str:
        """Name as people write it: `float32`, `int64`, `bool`."""
        return self.numpy.name

    @classmethod
    def of(cls, dtype: np.dtype[Any]) -> "DType":
        """The code of a NumPy dtype; raises `InputError` for one no model may have."""
        for code, known in _NUMPY.items():
            if known == dtype.newbyteorder("="):
                return code
        raise InputError(f"dtype {dtype} cannot cross the chain.", hint=f"Use one of {_LABELS}.")


_NUMPY: dict[DType, np.dtype[Any]] = {
    DType.FLOAT: np.dtype(np.float32),
    DType.UINT8: np.dtype(np.uint8),
    DType.INT8: np.dtype(np.int8),
    DType.UINT16: np.dtype(np.uint16),
    DType.INT16: np.dtype(np.int16),
    DType.INT32: np.dtype(np.int32),
    DType.INT64: np.dtype(np.int64),
    DType.BOOL: np.dtype(np.bool_),
    DType.FLOAT16: np.dtype(np.float16),
    DType.DOUBLE: np.dtype(np.float64),
    DType.UINT32: np.dtype(np.uint32),
    DType.UINT64: np.dtype(np.uint64),
}
_LABELS = ", ".join(d.name for d in _NUMPY.values())


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """dtype and concrete shape of one input or output. A scalar has shape ()."""

    dtype: DType
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the packed encoding."""
        return self.count * self.dtype.size

    def __str__(self) -> str:
        return f"{self.dtype.label}[{','.join(map(str, self.shape))}]"


def encode(tensors: Sequence[NDArray[Any]], specs: Sequence[TensorSpec]) -> bytes:
    """Packed big-endian bytes of `tensors`, which must match `specs` in number, dtype and shape.

    Raises `InputError` naming the first slot that does not match; nothing is cast or reshaped.
    """
    if len(tensors) != len(specs):
        raise InputError(f"{len(tensors)} tensors given where the model declares {len(specs)}.")
    parts = []
    for slot, (tensor, spec) in enumerate(zip(tensors, specs, strict=True)):
        if tensor.dtype.newbyteorder("=") != spec.dtype.numpy or tensor.shape != spec.shape:
            raise InputError(
                f"tensor {slot} is {tensor.dtype}{list(tensor.shape)}, the model declares {spec}.",
                hint="Cast and reshape it before encoding.",
            )
        parts.append(tensor.astype(spec.dtype.numpy.newbyteorder(">"), copy=False).tobytes())
    return b"".join(parts)


def decode(data: bytes, specs: Sequence[TensorSpec]) -> list[NDArray[Any]]:
    """The tensors packed in `data`, in native byte order; raises `InputError` on a wrong length.

    A bool is any byte: 0 is false, everything else true.
    """
    expected = sum(spec.nbytes for spec in specs)
    if len(data) != expected:
        declared = ", ".join(map(str, specs))
        raise InputError(f"{len(data)} bytes given where the model declares {expected} ({declared}).")
    tensors, start = [], 0
    for spec in specs:
        raw = data[start : start + spec.nbytes]
        start += spec.nbytes
        if spec.dtype is DType.BOOL:
            tensors.append((np.frombuffer(raw, np.uint8) != 0).reshape(spec.shape))
        else:
            packed = np.frombuffer(raw, spec.dtype.numpy.newbyteorder(">"))
            tensors.append(packed.astype(spec.dtype.numpy).reshape(spec.shape))
    return tensors
