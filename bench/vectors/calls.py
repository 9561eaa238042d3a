"""Calls of contracts with what they return, packed for forge: `tests/foundry/verifier/Calls.t.sol` replays them.

A file is records, one after the other, numbers big-endian:

    u8 contract · u8 returns (1) or reverts (0) · u24 length · calldata · u24 length · what is returned

What a reverting call returns begins with the bytes of the record: a selector alone says nothing of the arguments.
"""

from collections.abc import Sequence
from enum import IntEnum

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from oracle.canonical.prove import StepProof

PROGRAM = "(bytes32,uint16,uint32)"
PROOF = "(uint32,bytes,bytes32[],uint64,bytes,bytes32[][],bytes,bytes32[])"


CONVICTED, ACQUITTED = True, False


class Target(IntEnum):
    """The contracts that are called."""

    STEP_VERIFIER = 0
    SCALARS = 1
    ELEMENTARY = 2
    TRIGONOMETRY = 3
    PROGRAM_FAULTS = 4
    INPUT_FAULTS = 5
    ANSWER_FAULTS = 6


def error(signature: str, *arguments: int | bytes) -> bytes:
    """An error as a call returns it; without arguments where the signature has some, its selector alone."""
    selector = keccak(text=signature)[:4]
    types = signature[signature.index("(") + 1 : -1]
    return selector + encode(types.split(","), arguments) if arguments else selector


def record(target: Target, calldata: bytes, returned: bytes, *, reverts: bool = False) -> bytes:
    """One call."""
    head = bytes((target, not reverts))
    return head + len(calldata).to_bytes(3, "big") + calldata + len(returned).to_bytes(3, "big") + returned


def recompute(node: bytes, element: int, openings: bytes, returned: tuple[int, list[bytes]] | bytes) -> bytes:
    """A call of `recompute`: bits and roots, or the error."""
    arguments = encode(["bytes", "uint256", "bytes"], [node, element, openings])
    calldata = keccak(text="recompute(bytes,uint256,bytes)")[:4] + arguments
    if isinstance(returned, bytes):
        return record(Target.STEP_VERIFIER, calldata, returned, reverts=True)
    return record(Target.STEP_VERIFIER, calldata, encode(["uint256", "bytes32[]"], returned))


def step_fault(program: tuple[bytes, int, int], trace_root: bytes, proof: StepProof, returned: bool | bytes) -> bytes:
    """A call of `stepFault`: the verdict, or the error."""
    values = [program, trace_root, proof.to_abi()]
    return judged(Target.STEP_VERIFIER, "stepFault", [PROGRAM, "bytes32", PROOF], values, returned)


def judged(target: Target, function: str, types: list[str], values: Sequence[object], returned: bool | bytes) -> bytes:
    """A call of a function that yields a verdict: that, or the error."""
    calldata = keccak(text=f"{function}({','.join(types)})")[:4] + encode(types, values)
    if isinstance(returned, bytes):
        return record(target, calldata, returned, reverts=True)
    return record(target, calldata, encode(["bool"], [returned]))


def scalar(target: Target, words: tuple[int, ...], returned: int | bytes) -> bytes:
    """A call of `Scalars.map` (five words) or of a family's `compute` (three): bits, or the error."""
    name = "map" if target is Target.SCALARS else "compute"
    signature = f"{name}({','.join(['uint256'] * len(words))})"
    calldata = keccak(text=signature)[:4] + encode(["uint256"] * len(words), words)
    if isinstance(returned, bytes):
        return record(target, calldata, returned, reverts=True)
    return record(target, calldata, encode(["uint256"], [returned]))
