"""Tables of the kernels, made when first needed from mpmath values of 160 bits rounded once to float64."""

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import mpmath
import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

MP: Any = mpmath.MPContext()
MP.prec = 160
# mpmath's caches of constants are not written atomically.
MP_LOCK = threading.RLock()

_made: dict[Callable[[], Any], Any] = {}


def table(make: Callable[[], T]) -> Callable[[], T]:
    """Decorator: calls `make` once, under the lock, and keeps what it returns."""

    def get() -> T:
        if make not in _made:
            with MP_LOCK:
                if make not in _made:
                    _made[make] = make()
        return _made[make]  # type: ignore[no-any-return]

    return get


def doubles(values: Iterable[Any]) -> NDArray[np.float64]:
    """float64 nearest to each mpmath value."""
    return np.array([float(value) for value in values])
