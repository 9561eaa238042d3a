"""Many calls of the step verifier in one, by `StepBatch.sol`: what it computes, and what it refuses how."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi import encode

from oracle.canonical.prove import StepProof
from tests.differential.evm import deploy, selector
from tests.differential.step_verifier import PROGRAM, PROOF, StepVerifier

_RECOMPUTE = selector("recompute(bytes,uint256,bytes)")
_STEP_FAULT = selector(f"stepFault({PROGRAM},bytes32,{PROOF})")
_MOST_BYTES = 1 << 20
"""Calldata of one transaction: what the EVM's memory costs grows with its square."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call gave: data, or the name of the error it was refused with; `gas` is that of the call inside."""

    data: bytes
    error: str
    gas: int

    @property
    def bits(self) -> int:
        """The element recomputed."""
        return int.from_bytes(self.data[:32], "big")

    @property
    def roots(self) -> list[bytes]:
        """The operands' roots."""
        return [self.data[at : at + 32] for at in range(96, len(self.data), 32)]

    @property
    def guilty(self) -> bool:
        """The verdict of `stepFault`."""
        return bool(self.bits)


class Batch:
    """The step verifier with many calls in one transaction."""

    def __init__(self) -> None:
        self.verifier = StepVerifier()
        self._target = self.verifier.contract
        self._batch = deploy("StepBatch", beside=self._target)

    def run(self, calls: Sequence[bytes]) -> list[Outcome]:
        """The outcomes, in order. A refusal without a name, as by a panic, has the error `unnamed` and its data."""
        outcomes: list[Outcome] = []
        pending: list[bytes] = []
        size = 0
        for call in calls:
            if pending and size + len(call) > _MOST_BYTES:
                outcomes += self._transaction(pending)
                pending, size = [], 0
            pending.append(struct.pack(">I", len(call)) + call)
            size += len(call)
        return outcomes + (self._transaction(pending) if pending else [])

    def _transaction(self, calls: list[bytes]) -> list[Outcome]:
        arguments = encode(["address", "bytes"], [self._target.address, b"".join(calls)])
        data = self._batch.call("run(address,bytes)", arguments)
        outcomes, at, end = [], 64, 64 + int.from_bytes(data[32:64], "big")
        while at < end:
            success, gas, size = struct.unpack_from(">BQI", data, at)
            content = data[at + 13 : at + 13 + size]
            error = "" if success else self.verifier.error_name(content) or f"unnamed {content.hex()}"
            outcomes.append(Outcome(content if success else b"", error, gas))
            at += 13 + size
        assert len(outcomes) == len(calls), "a batch lost calls"
        return outcomes


def recompute_call(node: bytes, element: int, openings: bytes) -> bytes:
    """Calldata of `recompute`."""
    first = _bytes(node)
    return _RECOMPUTE + _word(96) + _word(element) + _word(96 + len(first)) + first + _bytes(openings)


def step_fault_call(program: tuple[bytes, int, int], trace_root: bytes, proof: StepProof) -> bytes:
    """Calldata of `stepFault`; `program` is root, version and number of nodes."""
    return _STEP_FAULT + encode([PROGRAM, "bytes32", PROOF], [program, trace_root, proof.to_abi()])


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _bytes(data: bytes) -> bytes:
    return _word(len(data)) + data + bytes(-len(data) % 32)
