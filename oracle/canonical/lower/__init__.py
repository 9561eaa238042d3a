"""From an ONNX model to its canonical program: the same program for everybody, on every machine and onnx release."""

from oracle.canonical.lower.walk import Lowered, lower

__all__ = ["Lowered", "lower"]
