"""The one way the contracts are deployed: by `ape run deploy`, `assay devnet` and every test.

The oracle holds the dispute contract's address and the dispute contract the oracle's, both immutable. So the
dispute contract's address is predicted from the deployer's nonce, and what was deployed is checked after.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import rlp
from eth_typing import ChecksumAddress
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from oracle.chain.abi import artifact
from oracle.chain.calls import Call, Parameters
from oracle.chain.protocol import ZERO_ADDRESS
from oracle.chain.sender import Sender
from oracle.errors import ChainError

DAY = 86_400

# Gas of a conviction and of a defence at worst, measured by tests/foundry/DisputeGas.t.sol and, as transactions, by
# tests/differential/test_dispute_gas.py: what a bond must pay for at the base fee of the request's block. A challenge,
# K demands of the largest node and one proof of 6 M gas: 12.04 M. A trace of 256 roots and K reveals of 128 leaves:
# 10.24 M.
CHALLENGE_GAS = 12_500_000
DEFENCE_GAS = 10_500_000

MAX_DEMANDS = 7
"""K: three layers of a trace of 2^21 tensors and four of a tensor of 2^28 leaves."""

DEMANDS_PER_MOVE = 8
"""Q."""

VERIFIER = {
    "Elementary": (),
    "Trigonometry": (),
    "Scalars": ("Elementary", "Trigonometry"),
    "Recomputer": ("Scalars",),
    "StepVerifier": ("Recomputer",),
    "ProgramFaults": (),
    "InputFaults": (),
    "AnswerFaults": (),
}
"""The contracts that judge, in the order of their deployment, and whose addresses each is constructed with."""

LOCAL = Parameters(
    min_answer_time=1,
    min_window=1,
    min_trace_time=1,
    min_proof_period=1,
    min_move_time=1,
    challenge_gas=CHALLENGE_GAS,
    defence_gas=DEFENCE_GAS,
)
PUBLIC = Parameters(
    min_answer_time=60,
    min_window=DAY // 24,
    min_trace_time=DAY // 24,
    min_proof_period=DAY // 24,
    min_move_time=DAY // 24,
    challenge_gas=CHALLENGE_GAS,
    defence_gas=DEFENCE_GAS,
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts are, and the first block that can hold an event of theirs.

    `verifier` holds the contracts that judge by their names; none where disputes are not decided by them.
    """

    chain_id: int
    registry: ChecksumAddress
    oracle: ChecksumAddress
    dispute: ChecksumAddress
    verifier: Mapping[str, ChecksumAddress]
    block: int


def deploy(
    sender: Sender,
    parameters: Parameters,
    *,
    dispute_creation: Callable[[ChecksumAddress], bytes] | None = None,
) -> Deployment:
    """Deploy the registry, the verifier, the oracle and the dispute contract wired to both.

    `dispute_creation` yields, for an oracle's address, the creation code of a stand-in for the dispute contract; then
    there is no verifier. Raises `ChainError` if an address differs from what was predicted (another transaction of the
    deployer came between), and what `Sender` raises.
    """
    block, nonce = sender.provider.block_number(), sender.provider.nonce(sender.address)
    registry = create(sender, artifact("ModelRegistry").creation(), "deploy registry")
    verifier = deploy_verifier(sender) if dispute_creation is None else {}
    predicted = created_address(sender.address, nonce + len(verifier) + 2)
    oracle = create(sender, artifact("InferenceOracle").creation(predicted, parameters.to_abi()), "deploy oracle")
    creation = _dispute_creation(oracle, verifier) if dispute_creation is None else dispute_creation(oracle)
    dispute = create(sender, creation, "deploy dispute")
    if dispute != predicted:
        raise ChainError(
            f"The dispute contract came to {dispute}, the oracle expects {predicted}.",
            hint="Deploy again with an account nothing else sends from.",
        )
    return Deployment(sender.provider.chain_id, registry, oracle, dispute, verifier, block)


def deploy_without_disputes(sender: Sender, parameters: Parameters) -> Deployment:
    """Deploy registry and oracle only: no answer can be challenged. Raises what `Sender` raises."""
    block = sender.provider.block_number()
    registry = create(sender, artifact("ModelRegistry").creation(), "deploy registry")
    oracle = create(sender, artifact("InferenceOracle").creation(ZERO_ADDRESS, parameters.to_abi()), "deploy oracle")
    return Deployment(sender.provider.chain_id, registry, oracle, ZERO_ADDRESS, {}, block)


def deploy_verifier(sender: Sender) -> dict[str, ChecksumAddress]:
    """Deploy the contracts that judge; yields their addresses by name. They serve any number of oracles."""
    deployed: dict[str, ChecksumAddress] = {}
    for name, others in VERIFIER.items():
        creation = artifact(name).creation(*(deployed[other] for other in others))
        deployed[name] = create(sender, creation, f"deploy {name}")
    return deployed


def _dispute_creation(oracle: ChecksumAddress, verifier: Mapping[str, ChecksumAddress]) -> bytes:
    judges = (verifier[name] for name in ("StepVerifier", "ProgramFaults", "InputFaults", "AnswerFaults"))
    return artifact("Dispute").creation(oracle, *judges, MAX_DEMANDS, DEMANDS_PER_MOVE)


def create(sender: Sender, creation: bytes, purpose: str) -> ChecksumAddress:
    """Deploy creation code (with its encoded arguments) and yield the contract's address."""
    mined = sender.execute(Call(None, creation), purpose=purpose)
    return created_address(sender.address, mined.nonce)


def created_address(deployer: ChecksumAddress, nonce: int) -> ChecksumAddress:
    """Where a contract created by `deployer` with `nonce` lives: `keccak256(rlp([deployer, nonce]))[12:]`."""
    return to_checksum_address(keccak(rlp.encode([to_canonical_address(deployer), nonce]))[12:])
