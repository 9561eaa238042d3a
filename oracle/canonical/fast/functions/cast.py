"""CAST between float32, integers and bool. NumPy's own casts from float are undefined out of range."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def cast(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Elements of `array` as `dtype`.

    Float to integer: toward zero, saturating, NaN gives 0. Integer to float: rounded once. Integer to integer: modulo
    2^bits. To bool: not zero (NaN is true).
    """
    if dtype.kind == "b":
        return np.asarray(array != 0)
    if array.dtype.kind == "f" and dtype.kind in "iu":
        return _to_integer(array, dtype)
    return array.astype(dtype)


def _to_integer(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    info = np.iinfo(dtype)
    smallest, end = np.float32(info.min), np.float32(2.0 ** (info.bits - (dtype.kind == "i")))
    result = np.where((array >= smallest) & (array < end), array, np.float32(0)).astype(dtype)
    np.copyto(result, info.min, where=array < smallest)
    np.copyto(result, info.max, where=array >= end)
    return result
