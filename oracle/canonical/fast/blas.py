"""NumPy's BLAS on one thread: the engine has threads of its own, over tiles, and those of BLAS would wait for them."""

from functools import cache

from threadpoolctl import threadpool_limits


@cache
def keep_blas_to_one_thread() -> None:
    """From the first call on, in the whole process. Results do not depend on it, only speed.

    It is not taken back after a run: runs overlap, and threadpoolctl lets only one thread at a time change the number.
    """
    threadpool_limits(limits=1, user_api="blas")
