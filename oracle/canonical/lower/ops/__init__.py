"""One function per ONNX operator, named as the operator and found by its name.

A module whose name starts with `ml` holds operators of the domain `ai.onnx.ml`; all others hold ONNX's own.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence

from oracle.canonical.lower.op import Op
from oracle.canonical.lower.value import Value

Lowering = Callable[[Op], Value | Sequence[Value]]


def _collect() -> dict[tuple[str, str], Lowering]:
    table: dict[tuple[str, str], Lowering] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        domain = "ai.onnx.ml" if info.name.startswith("ml") else ""
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and name[0].isupper():
                table[domain, name] = function
    return table


LOWERINGS = _collect()
"""(domain, operator) → its lowering: the value of its output, or a sequence of them."""
