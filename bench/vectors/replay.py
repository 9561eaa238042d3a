"""The vectors on contracts in an in-process EVM: what forge does with them, for many builds of the contracts.

A contract that runs longer than `GAS` on one call has failed it.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from eth_abi.abi import encode
from eth_utils.crypto import keccak
from pyrevm import EVM, CfgEnv, Env

from bench.vectors.calls import Target, error
from bench.vectors.nodes import GIVEN

FOLDER = Path("tests") / "vectors"
GAS = 2**30
CALLER = "0x" + "11" * 20
MAP = keccak(text="map(uint256,uint256,uint256,uint256,uint256)")[:4]
RECOMPUTE = keccak(text="recompute(bytes,uint256,bytes)")[:4]
MALFORMED = error("StepVerifier_MalformedNode(uint8)")
MANY = bytes.fromhex("ff" * 32)


class Verifier:
    """The contracts, deployed."""

    def __init__(self, code: Mapping[str, bytes]) -> None:
        self._evm = EVM(env=Env(cfg=CfgEnv(limit_contract_code_size=2**24)), spec_id="PRAGUE")
        elementary, trigonometry = self._deploy(code["Elementary"]), self._deploy(code["Trigonometry"])
        scalars = self._deploy(code["Scalars"], elementary, trigonometry)
        verifier = self._deploy(code["StepVerifier"], self._deploy(code["Recomputer"], scalars))
        self._targets = {
            Target.STEP_VERIFIER: verifier,
            Target.SCALARS: scalars,
            Target.ELEMENTARY: elementary,
            Target.TRIGONOMETRY: trigonometry,
            Target.PROGRAM_FAULTS: self._deploy(code["ProgramFaults"]),
            Target.INPUT_FAULTS: self._deploy(code["InputFaults"]),
            Target.ANSWER_FAULTS: self._deploy(code["AnswerFaults"]),
        }

    def _deploy(self, code: bytes, *arguments: str) -> str:
        return self._evm.deploy(CALLER, code + encode(["address"] * len(arguments), arguments))

    def call(self, target: int, calldata: bytes) -> tuple[bool, bytes]:
        """Whether the call returns, and what; or the error it reverts with."""
        try:
            return True, self._evm.message_call(CALLER, self._targets[Target(target)], calldata=calldata, gas=GAS)
        except RuntimeError as reverted:
            _, _, rest = str(reverted).partition("output: 0x")
            digits = rest[: len(rest) - len(rest.lstrip("0123456789abcdef"))]
            return False, bytes.fromhex(digits)


Call = tuple[int, bytes, bool, bytes]
"""Contract, calldata, whether it returns, and what, or the beginning of the error."""


def first_difference(verifier: Verifier, calls: Callable[[], list[Call]]) -> int | None:
    """The position of the first call that does not come out as it should, or None."""
    for position, (target, calldata, returns, expected) in enumerate(calls()):
        returned, data = verifier.call(target, calldata)
        if returned != returns or (data != expected if returns else not data.startswith(expected)):
            return position
    return None


@cache
def function_calls() -> list[Call]:
    """functions.bin as calls."""
    data, at, found = (FOLDER / "functions.bin").read_bytes(), 0, list[Call]()
    while at < len(data):
        fn, out, dtype, width, n = struct.unpack_from(">BBBBH", data, at)
        at += 6
        for _ in range(n):
            a, b, bits = (data[at + i * width : at + (i + 1) * width].rjust(32, b"\0") for i in range(3))
            head = b"".join(word.to_bytes(32, "big") for word in (fn, out, dtype))
            found.append((Target.SCALARS, MAP + head + a + b, True, bits))
            at += 3 * width
    return found


@cache
def node_calls() -> list[Call]:
    """nodes.bin as calls, of an element that no node has."""
    data, at, found = (FOLDER / "nodes.bin").read_bytes(), 0, list[Call]()
    while at < len(data):
        (length,) = struct.unpack_from(">H", data, at)
        node = data[at + 2 : at + 2 + length]
        malformation, count = struct.unpack_from(">BQ", data, at + 2 + length)
        at += 11 + length
        if malformation:
            reason = MALFORMED + malformation.to_bytes(32, "big")
        elif count == GIVEN:
            reason = error("StepVerifier_NothingToCompute()")
        else:
            reason = error("StepVerifier_ElementOutOfRange(uint256,uint256)", 2**256 - 1, count)
        calldata = RECOMPUTE + encode(["bytes", "uint256", "bytes"], [node, 2**256 - 1, b""])
        found.append((Target.STEP_VERIFIER, calldata, False, reason))
    return found


def _calls(name: str) -> Iterator[Call]:
    data, at = (FOLDER / name).read_bytes(), 0
    while at < len(data):
        target, returns = data[at], bool(data[at + 1])
        length = int.from_bytes(data[at + 2 : at + 5], "big")
        calldata = data[at + 5 : at + 5 + length]
        at += 5 + length
        length = int.from_bytes(data[at : at + 3], "big")
        yield target, calldata, returns, data[at + 3 : at + 3 + length]
        at += 3 + length


@cache
def step_calls() -> list[Call]:
    """steps.bin."""
    return list(_calls("steps.bin"))


@cache
def proof_calls() -> list[Call]:
    """proofs.bin."""
    return list(_calls("proofs.bin"))


@cache
def fault_calls() -> list[Call]:
    """faults.bin."""
    return list(_calls("faults.bin"))
