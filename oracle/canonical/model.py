"""A published model: what its id binds, and how the id is computed.

`Model` mirrors the struct of `contracts/interfaces/IModelRegistry.sol`, field for field.
"""

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from oracle.canonical.tensor import DType, TensorSpec

MODEL_ABI_TYPE = "(bytes32,uint32,uint32,(uint8,uint32[])[],(uint8,uint32[],uint64,uint64)[],bytes32)"


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """An output's dtype and shape, and the tolerance an answer has: bits of two float64, finite and >= 0."""

    tensor: TensorSpec
    atol: int = 0
    rtol: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """What `modelId` binds. Fields of the program are zero until a program is compiled.

    `program_root` and `onnx_digest` are 32 bytes (section 6's root, SHA-256 of the ONNX file);
    `worst_leaf_gas` is the gas of the dearest one-step proof.
    """

    program_root: bytes
    node_count: int
    worst_leaf_gas: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[OutputSpec, ...]
    onnx_digest: bytes

    @property
    def id(self) -> bytes:
        """`keccak256(abi.encode(Model))`, 32 bytes."""
        return keccak(encode([MODEL_ABI_TYPE], [self.to_abi()]))

    @property
    def output_tensors(self) -> tuple[TensorSpec, ...]:
        """Dtype and shape of every output, in order."""
        return tuple(spec.tensor for spec in self.outputs)

    def to_abi(self) -> tuple[Any, ...]:
        """The nested tuple that ABI encoders take."""
        return (
            self.program_root,
            self.node_count,
            self.worst_leaf_gas,
            [(int(s.dtype), list(s.shape)) for s in self.inputs],
            [(int(s.tensor.dtype), list(s.tensor.shape), s.atol, s.rtol) for s in self.outputs],
            self.onnx_digest,
        )

    @classmethod
    def from_abi(cls, fields: tuple[Any, ...]) -> "Model":
        """The inverse of `to_abi`; raises `ValueError` on a dtype code no model may have."""
        root, nodes, gas, inputs, outputs, digest = fields
        return cls(
            bytes(root),
            nodes,
            gas,
            tuple(TensorSpec(DType(d), tuple(s)) for d, s in inputs),
            tuple(OutputSpec(TensorSpec(DType(d), tuple(s)), a, r) for d, s, a, r in outputs),
            bytes(digest),
        )
