"""`manifest.json` of a bundle: what a program is of, in words and numbers a person can read."""

import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, StringConstraints, ValidationError

from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.tensor import MAX_RANK, DType, TensorSpec
from oracle.canonical.tolerance import bits_of, float64_of
from oracle.errors import ModelError

FORMAT: Literal[1] = 1

_Hash = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
_Bits = Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]
_U32 = Annotated[int, Field(ge=0, lt=2**32)]
_BY_LABEL = {dtype.label: dtype for dtype in DType}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class InputEntry(_Strict):
    """An input: its name in the ONNX file, dtype and shape."""

    name: str
    dtype: str
    shape: Annotated[list[_U32], Field(max_length=MAX_RANK)]

    @property
    def spec(self) -> TensorSpec:
        """Dtype and shape as types; raises `ModelError` for a dtype there is not."""
        if self.dtype not in _BY_LABEL:
            raise ModelError(f"The bundle's tensor {self.name!r} has the unknown dtype {self.dtype!r}.")
        return TensorSpec(_BY_LABEL[self.dtype], tuple(self.shape))


class OutputEntry(InputEntry):
    """An output, with its tolerance as numbers and as the bits that the model's id binds."""

    atol: float
    atol_bits: _Bits
    rtol: float
    rtol_bits: _Bits


class ProgramEntry(_Strict):
    """The program: its lowering version, root, nodes, and the gas and node of its dearest one-step proof."""

    version: NonNegativeInt
    root: _Hash
    nodes: _U32
    worst_leaf_gas: _U32
    worst_leaf_node: _U32


class OnnxEntry(_Strict):
    """The ONNX file. `digest` is what the model's id binds, `sha256` that of the bundle's own self-contained copy.

    The two are equal unless the weights lay in other files; then `digest` covers those files too, and only `assay model
    verify BUNDLE FILE.onnx` can check it.
    """

    digest: _Hash
    sha256: _Hash
    external_data: bool


class LoweringEntry(_Strict):
    """What the file was lowered with: the same gives the same program."""

    dims: dict[str, _U32]
    input_shapes: dict[str, list[_U32]]
    default_dim: _U32 | None
    outputs: list[str]


class Manifest(_Strict):
    """The whole manifest."""

    format: Literal[1]
    assay: str
    model_id: _Hash
    program: ProgramEntry
    inputs: list[InputEntry]
    outputs: list[OutputEntry]
    onnx: OnnxEntry
    lowering: LoweringEntry
    notes: list[str]

    def encode(self) -> bytes:
        """The one way to write it."""
        return json.dumps(self.model_dump(), indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The manifest in `data`; raises `ModelError` where it is none, or written in another way."""
        try:
            manifest = cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            raise ModelError(f"The bundle's manifest is malformed: {where}: {first['msg']}.") from error
        if manifest.encode() != data:
            raise ModelError(
                "The bundle's manifest says something twice, or in another form than it is written here.",
                hint="Make the bundle again with `assay model compile`.",
            )
        return manifest

    def model(self) -> Model:
        """The model it describes; raises `ModelError` where its id is another, or numbers and bits contradict."""
        outputs = []
        for entry in self.outputs:
            for what, number, bits in (("atol", entry.atol, entry.atol_bits), ("rtol", entry.rtol, entry.rtol_bits)):
                if bits_of(number) != int(bits, 16):
                    raise ModelError(f"The bundle's {what} of {entry.name!r} is {number}, its bits say otherwise.")
            outputs.append(OutputSpec(entry.spec, int(entry.atol_bits, 16), int(entry.rtol_bits, 16)))
        model = Model(
            bytes.fromhex(self.program.root),
            self.program.nodes,
            self.program.worst_leaf_gas,
            tuple(entry.spec for entry in self.inputs),
            tuple(outputs),
            bytes.fromhex(self.onnx.digest),
        )
        if model.id.hex() != self.model_id:
            raise ModelError(f"The bundle says its model's id is {self.model_id}; it is {model.id.hex()}.")
        return model


def input_entry(name: str, spec: TensorSpec) -> InputEntry:
    """An input as the manifest lists it."""
    return InputEntry(name=name, dtype=spec.dtype.label, shape=list(spec.shape))


def output_entry(name: str, spec: OutputSpec) -> OutputEntry:
    """An output as the manifest lists it."""
    return OutputEntry(
        name=name,
        dtype=spec.tensor.dtype.label,
        shape=list(spec.tensor.shape),
        atol=float64_of(spec.atol),
        atol_bits=f"{spec.atol:016x}",
        rtol=float64_of(spec.rtol),
        rtol_bits=f"{spec.rtol:016x}",
    )
