"""The whole step verifier in an in-process EVM, and its errors by name."""

import re
from dataclasses import dataclass

import numpy as np
from eth_abi import decode, encode

from oracle.canonical.program.node import Kind, Node
from oracle.canonical.prove import CommittedTensor, StepProof
from oracle.canonical.vectors import Case
from tests.differential.evm import ROOT, Contract, Reverted, deploy, selector
from tests.unit.canonical.strategies import NodeCase

PROGRAM = "(bytes32,uint16,uint32)"
PROOF = "(uint32,bytes,bytes32[],uint64,bytes,bytes32[][],bytes,bytes32[])"


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """The verifier reverted with the error `name`."""

    name: str
    data: bytes

    def __str__(self) -> str:
        return f"{self.name} {self.data.hex()}"


class StepVerifier:
    """`StepVerifier.sol` with the contracts it calls."""

    def __init__(self) -> None:
        elementary = deploy("Elementary")
        trigonometry = deploy("Trigonometry", beside=elementary)
        scalars = _beside("Scalars", elementary, trigonometry)
        recomputer = _beside("Recomputer", scalars)
        self.contract = _beside("StepVerifier", recomputer)
        self.contracts = (elementary, trigonometry, scalars, recomputer, self.contract)
        source = (ROOT / "contracts/interfaces/IStepVerifier.sol").read_text()
        errors = re.findall(r"error (\w+)\(([^)]*)\)", source)
        self._errors = {selector(f"{name}({_types(parameters)})"): name for name, parameters in errors}

    def recompute(self, node: bytes, element: int, openings: bytes) -> tuple[int, list[bytes]]:
        """Bits and operand roots; raises `Refused`."""
        arguments = encode(["bytes", "uint256", "bytes"], [node, element, openings])
        data = self._call("recompute(bytes,uint256,bytes)", arguments)
        bits, roots = decode(["uint256", "bytes32[]"], data)
        return bits, list(roots)

    def step_fault(self, program: tuple[bytes, int, int], trace_root: bytes, proof: StepProof) -> bool:
        """The verdict; raises `Refused`. `program` is root, version and number of nodes."""
        arguments = encode([PROGRAM, "bytes32", PROOF], [program, trace_root, proof.to_abi()])
        (faulty,) = decode(["bool"], self._call(f"stepFault({PROGRAM},bytes32,{PROOF})", arguments))
        return faulty

    def error_name(self, data: bytes) -> str | None:
        """The verifier's own error that the data of a revert are; None for any other revert."""
        return self._errors.get(data[:4])

    def _call(self, signature: str, arguments: bytes) -> bytes:
        try:
            return self.contract.call(signature, arguments)
        except Reverted as error:
            name = self.error_name(error.data)
            if name is None:  # a Panic, an empty revert, an invalid instruction: nothing the verifier may do
                raise
            raise Refused(name, error.data[4:]) from error


def _beside(contract: str, *others: Contract) -> Contract:
    arguments = encode(["address"] * len(others), [other.address for other in others])
    return deploy(contract, arguments=arguments, beside=others[0])


def _types(parameters: str) -> str:
    names = [parameter.split()[0] for parameter in parameters.split(",") if parameter.strip()]
    return ",".join("uint8" if name == "Malformation" else name for name in names)


def committed(case: NodeCase | Case) -> list[CommittedTensor]:
    """The operands of a case, with their trees."""
    tensors = []
    for operand, column in zip(case.node.operands, case.operands, strict=True):
        source = Node(Kind.INPUT, 0, operand.dtype, tuple(c.dim for c in operand.view.coordinates))
        unsigned = np.array(column, dtype=f"u{operand.dtype.size}")
        tensors.append(CommittedTensor(source, unsigned.view(operand.dtype.numpy)))
    return tensors
