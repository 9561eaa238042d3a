"""Tensors as people and programs read them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SHOWN_ELEMENTS = 16


def show_tensor(tensor: NDArray[Any]) -> str:
    """A tensor's dtype, shape and elements; of a large one only the first."""
    flat = tensor.reshape(-1)
    shown = ", ".join(f"{value:.6g}" if tensor.dtype.kind == "f" else str(value) for value in flat[:_SHOWN_ELEMENTS])
    more = f", … {flat.size - _SHOWN_ELEMENTS:,} more" if flat.size > _SHOWN_ELEMENTS else ""
    return f"{tensor.dtype}[{','.join(map(str, tensor.shape))}] {shown}{more}"


def plain_tensor(tensor: NDArray[Any]) -> dict[str, Any]:
    """dtype, shape and flat data; NaN and infinities, which JSON lacks, as text."""
    finite = tensor.dtype.kind != "f" or bool(np.isfinite(tensor).all())
    data = tensor.reshape(-1).tolist()
    return {
        "dtype": str(tensor.dtype),
        "shape": list(tensor.shape),
        "data": data if finite else [value if np.isfinite(value) else str(value) for value in data],
    }
