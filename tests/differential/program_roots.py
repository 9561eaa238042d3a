"""Prints the roots of models' programs, and of their traces on one input: `program_roots.py FILE.onnx…`."""

import json
import sys
from pathlib import Path

import numpy as np

from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.lower import lower
from oracle.canonical.program.node import Kind
from oracle.canonical.program.program import Program
from oracle.canonical.prove import CommittedTrace, program_root


def roots(model: bytes) -> tuple[str, str]:
    """Program root and trace root, in hex."""
    program = lower(model, default_dim=1).program
    tensors: list[np.ndarray] = []
    compile_plan(program).run(_inputs(program), lambda _, tensor: tensors.append(tensor), threads=3)
    return program_root(program).hex(), CommittedTrace(program, tensors).root.hex()


def _inputs(program: Program) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    sources = sorted((node for node in program.nodes if node.kind is Kind.INPUT), key=lambda node: node.slot)
    return [rng.integers(0, 17, node.count).astype(node.dtype.numpy) for node in sources]


if __name__ == "__main__":
    print(json.dumps([roots(Path(name).read_bytes()) for name in sys.argv[1:]]))
