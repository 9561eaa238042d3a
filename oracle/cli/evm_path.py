"""The verifier contracts as a way to compute test vectors, in an EVM inside the process."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Kind, Node
from oracle.canonical.prove import CommittedTensor, open_operands
from oracle.canonical.vectors import Case
from oracle.chain.abi import artifact
from oracle.chain.deploy import VERIFIER
from oracle.errors import AssayError, ProofError

_CALLER: Final = "0x" + "11" * 20


class EvmMissing(AssayError):
    """There is no EVM in this installation."""


class EvmPath:
    """Each case proven to `StepVerifier`, which recomputes its element.

    Raises `EvmMissing` where pyrevm is not installed.
    """

    name = "evm"

    def __init__(self) -> None:
        try:
            from pyrevm import EVM, CfgEnv, Env  # noqa: PLC0415  (an extra of developers)
        except ImportError as problem:
            raise EvmMissing("pyrevm is not installed.", hint="Run `pip install pyrevm`.") from problem
        self._evm: Any = EVM(env=Env(cfg=CfgEnv()), spec_id="PRAGUE")
        deployed: dict[str, str] = {}
        for name, told in VERIFIER.items():
            deployed[name] = self._evm.deploy(_CALLER, artifact(name).creation(*(deployed[each] for each in told)))
        self._verifier = deployed["StepVerifier"]
        self._recompute = artifact("StepVerifier").functions["recompute"]

    def compute(self, cases: Sequence[Case]) -> list[int]:
        """The bits of the one element of each case's node; raises `ProofError` where the contracts refuse a proof."""
        return [self._element(case) for case in cases]

    def _element(self, case: Case) -> int:
        openings, _ = open_operands(case.node, 0, [*_committed(case)])
        calldata = self._recompute.encode(encode_node(case.node), 0, openings)
        try:
            returned = self._evm.message_call(_CALLER, self._verifier, calldata=calldata)
        except RuntimeError as problem:
            raise ProofError(f"The verifier refused the proof of a {case.name}: {problem}.") from problem
        bits: int = self._recompute.decode_output(bytes(returned))[0]
        return bits


def _committed(case: Case) -> list[CommittedTensor]:
    tensors = []
    for operand, column in zip(case.node.operands, case.operands, strict=True):
        source = Node(Kind.INPUT, 0, operand.dtype, (len(column),))
        data = np.array(column, f"u{operand.dtype.size}").view(operand.dtype.numpy)
        tensors.append(CommittedTensor(source, data))
    return tensors
