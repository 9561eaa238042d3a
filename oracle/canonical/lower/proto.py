"""What an ONNX file holds, as Python values: tensors as arrays of raw bits, attributes, names of dtypes and nodes."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from oracle.canonical.lower.unsupported import Unsupported
from oracle.canonical.program.validate import FORMATS
from oracle.errors import ModelError


def dtype_name(code: int) -> str:
    """An ONNX dtype code in words."""
    known = code in onnx.TensorProto.DataType.values()
    return onnx.TensorProto.DataType.Name(code).lower() if known else f"dtype {code}"


def array(tensor: onnx.TensorProto) -> NDArray[Any]:
    """The raw bits of a tensor in the file; raises `Unsupported` for a dtype that programs do not have."""
    name = f"the tensor {tensor.name!r}"
    if tensor.data_type not in FORMATS:
        raise Unsupported(f"{name} holds {dtype_name(tensor.data_type)}.", hint="Export the model in float32.")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ModelError(f"{name} lies in another file.", hint="Read the model together with its external data.")
    try:
        return np.asarray(onnx.numpy_helper.to_array(tensor))
    except (ValueError, TypeError) as error:
        raise ModelError(f"{name} has shape {list(tensor.dims)}, and other data: the file is corrupt.") from error


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes as Python values; tensors as arrays."""
    return {attribute.name: _attribute(attribute) for attribute in node.attribute}


def _attribute(attribute: onnx.AttributeProto) -> Any:
    kinds = onnx.AttributeProto
    if attribute.ref_attr_name:
        raise Unsupported(f"its attribute {attribute.name!r} refers to a function's.")
    if attribute.type == kinds.TENSOR:
        return array(attribute.t)
    if attribute.type == kinds.STRING:
        return attribute.s.decode(errors="replace")
    if attribute.type == kinds.STRINGS:
        return [text.decode(errors="replace") for text in attribute.strings]
    fields = {kinds.INT: "i", kinds.FLOAT: "f", kinds.INTS: "ints", kinds.FLOATS: "floats"}
    if attribute.type not in fields:
        raise Unsupported(f"its attribute {attribute.name!r} is a {kinds.AttributeType.Name(attribute.type).lower()}.")
    value = getattr(attribute, fields[attribute.type])
    return value if isinstance(value, int | float) else list(value)


def title(node: onnx.NodeProto) -> str:
    """A node in words: its name, or what it yields, and its operator."""
    return f"node {node.name or next((name for name in node.output if name), '')!r} ({node.op_type})"
