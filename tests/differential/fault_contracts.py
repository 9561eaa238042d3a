"""The contracts that judge programs, inputs and answers, in an in-process EVM, and their errors by name."""

import re
from typing import Any

from eth_abi import decode, encode

from oracle.canonical.commit import Tree, bind_program, bind_trace
from oracle.canonical.model import MODEL_ABI_TYPE, Model
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Node
from tests.differential.evm import ROOT, Reverted, deploy, selector
from tests.differential.step_verifier import PROGRAM, Refused

NODE = "(uint32,bytes,bytes32[])"
SOURCE = "(uint32,bytes,bytes32[],bytes32,bytes32[])"
OUTPUT = "(uint32,uint64,bytes,bytes32[])"
_INTERFACES = ("IStepVerifier", "IProgramFaults", "IInputFaults", "IAnswerFaults", "IModelRegistry")


class FaultContract:
    """One of the contracts. Verdicts are bools; a refusal raises `Refused`."""

    def __init__(self, name: str) -> None:
        self.contract = deploy(name)
        sources = "".join((ROOT / f"contracts/interfaces/{interface}.sol").read_text() for interface in _INTERFACES)
        declared = re.findall(r"error (\w+)\(([^)]*)\)", sources)
        self._errors = {selector(f"{error}({_types(parameters)})"): error for error, parameters in declared}

    @property
    def code(self) -> bytes:
        """The deployed code."""
        return self.contract.evm.get_code(self.contract.address) or b""

    def judge(self, function: str, types: list[str], values: list[Any]) -> bool:
        """The verdict of `function`."""
        return self.judge_raw(f"{function}({','.join(types)})", encode(types, values))

    def judge_raw(self, signature: str, arguments: bytes) -> bool:
        """The verdict on any calldata; a Panic, an empty revert or an invalid instruction raises `Reverted`."""
        try:
            (verdict,) = decode(["bool"], self.contract.call(signature, arguments))
        except Reverted as error:
            name = self._errors.get(error.data[:4])
            if name is None:
                raise
            raise Refused(name, error.data[4:]) from error
        return bool(verdict)


def _types(parameters: str) -> str:
    names = [parameter.split()[0] for parameter in parameters.split(",") if parameter.strip()]
    return ",".join("uint8" if name == "Malformation" else name for name in names)


class CommittedProgram:
    """Encodings of nodes, whatever they are, with the program's root."""

    def __init__(self, nodes: list[Node | bytes], version: int = 1) -> None:
        self.encoded = [node if isinstance(node, bytes) else encode_node(node) for node in nodes]
        self._tree = Tree.over_leaves(self.encoded)
        self.tree_hash = self._tree.hash
        self.root = bind_program(version, len(nodes), self.tree_hash)
        self.ref = (self.root, version, len(nodes))

    def opening(self, index: int) -> tuple[int, bytes, list[bytes]]:
        """Node `index` with its path."""
        return index, self.encoded[index], self._tree.siblings(index, 1)


class CommittedRoots:
    """A trace of tensor roots, whatever they are."""

    def __init__(self, roots: list[bytes]) -> None:
        self.roots = roots
        self._tree = Tree.over_leaves(roots)
        self.root = bind_trace(len(roots), self._tree.hash)

    def path(self, index: int) -> list[bytes]:
        """Siblings of tensor root `index`."""
        return self._tree.siblings(index, 1)


class ProgramFaults(FaultContract):
    """`ProgramFaults.sol`."""

    def __init__(self) -> None:
        super().__init__("ProgramFaults")

    def model(self, model: Model) -> bool:
        """The verdict on the model itself."""
        return self.judge("modelFault", [MODEL_ABI_TYPE], [model.to_abi()])

    def header(self, model: Model, version: int, count: int, tree: bytes) -> bool:
        """The verdict on version and number of nodes."""
        types = [MODEL_ABI_TYPE, "uint16", "uint32", "bytes32"]
        return self.judge("headerFault", types, [model.to_abi(), version, count, tree])

    def node(self, model: Model, program: CommittedProgram, index: int) -> bool:
        """The verdict on one node."""
        values = [model.to_abi(), program.ref, program.opening(index)]
        return self.judge("nodeFault", [MODEL_ABI_TYPE, PROGRAM, NODE], values)

    def operand(self, model: Model, program: CommittedProgram, index: int, slot: int, source: int) -> bool:
        """The verdict on what a node says of one operand."""
        values = [model.to_abi(), program.ref, program.opening(index), slot, program.opening(source)]
        return self.judge("operandFault", [MODEL_ABI_TYPE, PROGRAM, NODE, "uint256", NODE], values)
