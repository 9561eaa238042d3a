"""BLAS has one thread where programs run."""

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from oracle.canonical.fast.blas import keep_blas_to_one_thread
from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.program.node import Kind, Node
from oracle.canonical.program.program import LOWERING_VERSION, Program
from oracle.canonical.tensor import DType


def test_compiling_a_program_keeps_blas_to_one_thread() -> None:
    """Threads of BLAS and of the engine on the same cores make small products take many times as long."""
    np.dot(np.ones(1), np.ones(1))
    controller = ThreadpoolController().select(user_api="blas")
    if not controller.lib_controllers:
        pytest.skip("threadpoolctl does not know NumPy's BLAS")
    program = Program(LOWERING_VERSION, (Node(Kind.INPUT, 0, DType.FLOAT, (1,)),), {}, 1)
    keep_blas_to_one_thread.cache_clear()
    with controller.limit(limits=2):
        compile_plan(program)
        assert {library.get_num_threads() for library in controller.lib_controllers} == {1}
