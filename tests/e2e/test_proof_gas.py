"""One-step proofs as transactions on a real chain: what their receipts say against the static cost."""

import json
from collections.abc import Iterator

import pytest
from eth_abi import encode
from web3 import HTTPProvider, Web3
from web3.types import TxReceipt

from oracle.canonical.cost import MAX_PROOF_GAS, node_cost
from oracle.chain.anvil import Anvil
from tests.differential.cost_cases import CostCase, conv, cost_cases, ordinary
from tests.differential.evm import ROOT
from tests.differential.proof_cost import dear_proof, measure
from tests.differential.step_verifier import StepVerifier

GAS_LIMIT = 2**24
NEAR = 0.02
"""How far the in-process EVM's figure may be from the receipt's."""


class Chain:
    """The verifier contracts on anvil."""

    def __init__(self, url: str) -> None:
        self.web3 = Web3(HTTPProvider(url))
        scalars = self._deploy("Scalars", self._deploy("Elementary"), self._deploy("Trigonometry"))
        self.verifier = self._deploy("StepVerifier", self._deploy("Recomputer", scalars))

    def send(self, data: bytes, to: str | None = None) -> TxReceipt:
        """The receipt of a transaction."""
        transaction = {"from": self.web3.eth.accounts[0], "data": "0x" + data.hex(), "gas": GAS_LIMIT}
        if to:
            transaction["to"] = to
        return self.web3.eth.wait_for_transaction_receipt(self.web3.eth.send_transaction(transaction))

    def judge(self, calldata: bytes) -> int:
        """Gas of the whole transaction that calls the verifier."""
        receipt = self.send(calldata, self.verifier)
        assert receipt["status"] == 1
        return receipt["gasUsed"]

    def _deploy(self, name: str, *others: str) -> str:
        artifact = json.loads((ROOT / "build" / "forge" / f"{name}.sol" / f"{name}.json").read_text())
        code = bytes.fromhex(artifact["bytecode"]["object"].removeprefix("0x"))
        return self.send(code + encode(["address"] * len(others), list(others)))["contractAddress"]


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    """A chain with the rules and the gas cap of the main network."""
    with Anvil.start() as node:
        yield Chain(node.url)


@pytest.fixture(scope="module")
def in_process() -> StepVerifier:
    """The same contracts in the EVM of the differential tests."""
    return StepVerifier()


@pytest.mark.parametrize("case", cost_cases(), ids=lambda case: case.name)
def test_receipts_are_below_the_bound_and_as_the_in_process_evm_says(
    chain: Chain, in_process: StepVerifier, case: CostCase
) -> None:
    """The bound is fitted to an EVM that knows neither cold accounts nor the floor for calldata: a chain knows both."""
    proof = dear_proof(case.node, case.element, case.content)
    took = chain.judge(proof.calldata)
    assert took <= node_cost(case.node).gas <= MAX_PROOF_GAS
    assert took == pytest.approx(measure(in_process, proof).gas, rel=NEAR)


def test_a_convolution_over_128_channels_is_judged_within_its_budget(chain: Chain) -> None:
    """700,000 gas for an element of 1,152 products, the whole transaction, in a program of ordinary size."""
    size, channels = 14, 128
    node = conv(size, channels, channels)
    inner = (size // 2 * size + size // 2) * channels
    assert chain.judge(dear_proof(node, inner, ordinary, nodes=1_000).call) <= 700_000
