"""The one way the contracts are deployed: by `ape run deploy`, `assay devnet` and every test.

The oracle holds the dispute contract's address and the dispute contract the oracle's, both immutable. So the
dispute contract's address is predicted from the deployer's nonce, and what was deployed is checked after.
"""

from collections.abc import Callable
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

# Gas of a conviction and of a defence at worst: what a bond must pay for at the base fee of the request's block.
# Upper bounds from the limits of a dispute: a challenge, K = 7 demands and one proof of 6 M gas; a trace and K
# reveals of 120,000 bytes at 40 gas a byte.
CHALLENGE_GAS = 8_000_000
DEFENCE_GAS = 4_000_000

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
    """Where the contracts are, and the first block that can hold an event of theirs."""

    chain_id: int
    registry: ChecksumAddress
    oracle: ChecksumAddress
    dispute: ChecksumAddress
    block: int


def deploy(
    sender: Sender,
    parameters: Parameters,
    *,
    dispute_creation: Callable[[ChecksumAddress], bytes] | None = None,
) -> Deployment:
    """Deploy registry, oracle and, given its creation code for an oracle's address, the dispute contract.

    Raises `ChainError` if an address differs from what was predicted (another transaction of the deployer came
    between), and what `Sender` raises.
    """
    provider = sender.provider
    block = provider.block_number()
    nonce = provider.nonce(sender.address)
    dispute = ZERO_ADDRESS if dispute_creation is None else created_address(sender.address, nonce + 2)
    registry = create(sender, artifact("ModelRegistry").creation(), "deploy registry")
    oracle = create(sender, artifact("InferenceOracle").creation(dispute, parameters.to_abi()), "deploy oracle")
    if dispute_creation is not None:
        created = create(sender, dispute_creation(oracle), "deploy dispute")
        if created != dispute:
            raise ChainError(
                f"The dispute contract came to {created}, the oracle expects {dispute}.",
                hint="Deploy again with an account nothing else sends from.",
            )
    return Deployment(provider.chain_id, registry, oracle, dispute, block)


def create(sender: Sender, creation: bytes, purpose: str) -> ChecksumAddress:
    """Deploy creation code (with its encoded arguments) and yield the contract's address."""
    mined = sender.execute(Call(None, creation), purpose=purpose)
    return created_address(sender.address, mined.nonce)


def created_address(deployer: ChecksumAddress, nonce: int) -> ChecksumAddress:
    """Where a contract created by `deployer` with `nonce` lives: `keccak256(rlp([deployer, nonce]))[12:]`."""
    return to_checksum_address(keccak(rlp.encode([to_canonical_address(deployer), nonce]))[12:])
