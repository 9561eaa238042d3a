"""The published vectors of canonical arithmetic through the whole step verifier."""

from collections.abc import Sequence

from oracle.canonical.program.encoding import encode_node
from oracle.canonical.prove import open_operands
from oracle.canonical.vectors import Case, check, read_cases
from tests.differential.evm import ROOT
from tests.differential.step_verifier import StepVerifier, committed


class EvmPath:
    """The EVM as a way to compute elements: each case proven to the contracts."""

    name = "evm"

    def __init__(self) -> None:
        self._verifier = StepVerifier()

    def compute(self, cases: Sequence[Case]) -> list[int]:
        """The bits of the one element of each case's node."""
        return [self._element(case) for case in cases]

    def _element(self, case: Case) -> int:
        openings, _ = open_operands(case.node, 0, committed(case))
        return self._verifier.recompute(encode_node(case.node), 0, openings)[0]


def test_the_evm_computes_every_vector() -> None:
    """The vectors are what other implementations are held to: they and the judge must not differ in a bit."""
    cases = read_cases(ROOT / "tests/vectors/float32.json")
    assert cases
    assert [str(difference) for difference in check(cases, EvmPath())] == []
