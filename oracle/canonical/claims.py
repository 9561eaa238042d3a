"""What faults other than steps are proven with: structs of the verifier's interfaces.

Paths are siblings of 32 bytes, lowest first.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceClaim:
    """An INPUT or CONST node and the root that a trace has for its tensor: the struct of IInputFaults.sol."""

    index: int
    node: bytes
    node_path: tuple[bytes, ...]
    root: bytes
    trace_path: tuple[bytes, ...]

    def to_abi(self) -> tuple[Any, ...]:
        """The nested tuple that ABI encoders take."""
        return (self.index, self.node, list(self.node_path), self.root, list(self.trace_path))


@dataclass(frozen=True, slots=True)
class OutputElement:
    """An element of an output as a trace has it, in a leaf run of the tensor: the struct of IAnswerFaults.sol."""

    output: int
    element: int
    run: bytes
    path: tuple[bytes, ...]

    def to_abi(self) -> tuple[Any, ...]:
        """The nested tuple that ABI encoders take."""
        return (self.output, self.element, self.run, list(self.path))


@dataclass(frozen=True, slots=True)
class NodeOpening:
    """A node of a program, or whatever bytes it has there: the struct of IProgramFaults.sol."""

    index: int
    node: bytes
    path: tuple[bytes, ...]

    def to_abi(self) -> tuple[Any, ...]:
        """The nested tuple that ABI encoders take."""
        return (self.index, self.node, list(self.path))
