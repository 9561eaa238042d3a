"""One zero and one NaN (docs/canonical.md section 1)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

NAN = np.array([0x7FC00000], np.uint32).view(np.float32)[0]


def normalize(array: NDArray[Any]) -> NDArray[Any]:
    """`array` with every float32 NaN made the canonical one and -0 made +0, as elements are when they are read.

    Other dtypes are returned as they are; NumPy's bools are 0 or 1 already. The argument is never changed.
    """
    if array.dtype != np.float32:
        return array
    with np.errstate(invalid="ignore"):  # signalling NaNs
        return normalized(np.asarray(array + np.float32(0)))


def normalized(array: NDArray[Any]) -> NDArray[Any]:
    """The same, in place, for an array that nobody else holds."""
    if array.dtype == np.float32 and array.size:
        array += np.float32(0)
        if np.isnan(array.max()):
            array[np.isnan(array)] = NAN
    return array
