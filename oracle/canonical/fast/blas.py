"""NumPy's BLAS on one thread while canonical programs run: the engine has threads of its own, over tiles.

With both, the threads of BLAS wait for each other's cores, and small products take many times as long.
"""

from functools import cache
from threading import Lock
from types import TracebackType
from typing import Any

from threadpoolctl import ThreadpoolController


class OneBlasThread:
    """While any thread is inside, BLAS uses one thread in the whole process; the last to leave restores the number.

    Entering and leaving takes some 10 microseconds; the first time, milliseconds.
    """

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limit = _controller().limit(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limit.restore_original_limits()


one_blas_thread = OneBlasThread()


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
