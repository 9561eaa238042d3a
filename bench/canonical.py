"""What canonical execution costs beside the plain float32 run, and what committing to its trace costs.

Each model is compiled from its file, as an operator does, and run by turns in onnxruntime and canonically, on one
thread each: its own time is measured, so that other work on the machine changes the figures little. Inputs are samples
of the demo; the MobileNet has random weights and reads noise.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.networks import mobilenet
from oracle.canonical.commit import Tree, bind_trace, tensor_root
from oracle.canonical.fast.execute import Plan, compile_plan
from oracle.canonical.fast.work import Counts
from oracle.canonical.program.node import Kind
from oracle.canonical.program.program import Program
from oracle.demo.samples import credit_applicants, digit_images, file_samples, model_path
from oracle.inference.compiling import compile_file
from oracle.inference.runtime import open_session

ROUNDS = 21
EXACT_ROUNDS = 3
_MODELS = Path("models")
Array = NDArray[Any]


def measure(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """The figures of `build/bench.json`'s `canonical` and `compile`, by model; `folder` is for a file."""
    figures: dict[str, dict[str, dict[str, float]]] = {"canonical": {}, "compile": {}}
    for name, path, inputs in models(folder):
        began = time.perf_counter()
        bundle = compile_file(path)
        plan = compile_plan(bundle.program)
        figures["compile"][name] = {"seconds": round(time.perf_counter() - began, 3)}
        session = open_session(bundle.onnx, name)
        given = dict(zip(bundle.input_names, inputs, strict=True))
        figures["canonical"][name] = _figures(plan, inputs, partial(session.run, None, given))
    return figures


def models(folder: Path, *, image: int = 96) -> Iterator[tuple[str, Path, list[Array]]]:
    """Name, file and an input of every model that is measured; `folder` is for a file.

    The MobileNet reads images of `image` pixels a side.
    """
    (digits,), (applicant,) = digit_images([0]), credit_applicants([0])
    (file,) = file_samples([Path("README.md")])
    yield "digits", model_path("digits"), list(digits.tensors)
    yield "digits-cnn", _MODELS / "digits-cnn.onnx", [digits.tensors[0].reshape(1, 1, 8, 8)]
    yield "credit", model_path("credit"), list(applicant.tensors)
    yield "magika", model_path("magika"), list(file.tensors)
    network = mobilenet(image)
    path = folder / "mobilenet.onnx"
    path.write_bytes(network.SerializeToString())
    shape = [dim.dim_value for dim in network.graph.input[0].type.tensor_type.shape.dim]
    yield "mobilenet", path, [np.random.default_rng(0).standard_normal(shape).astype(np.float32)]


def _figures(plan: Plan, inputs: Sequence[Array], plain: Callable[[], object]) -> dict[str, float]:
    counts, trace = Counts(), dict[int, Array]()
    plain()
    plan.run(inputs, trace.__setitem__, counts=counts)
    times: dict[str, list[float]] = {"plain": [], "canonical": [], "commit": [], "all_exact": []}
    for _ in range(ROUNDS):
        times["plain"].append(_milliseconds(plain))
        times["canonical"].append(_milliseconds(lambda: plan.run(inputs)))
        times["commit"].append(_milliseconds(lambda: _commit(plan.program, trace)))
    for _ in range(EXACT_ROUNDS):
        times["all_exact"].append(_milliseconds(lambda: plan.run(inputs, all_exact=True)))
    median = {name: statistics.median(values) for name, values in times.items()}
    made = sum(trace[k].nbytes for k, node in enumerate(plan.program.nodes) if node.kind is not Kind.CONST)
    return {
        "nodes": len(plan.program.nodes),
        "plain_ms": round(median["plain"], 3),
        "canonical_ms": round(median["canonical"], 3),
        "ratio": round(median["canonical"] / median["plain"], 1),
        "commit_ms": round(median["commit"], 3),
        "commit_mb_s": round(made / median["commit"] / 1000, 1),
        "exact_share": float(f"{counts.exact_share:.2g}"),
        "all_exact_ms": round(median["all_exact"], 3),
    }


def _commit(program: Program, trace: dict[int, Array]) -> bytes:
    """The trace root; the roots of constants are in the program."""
    roots = [
        node.root if node.kind is Kind.CONST else tensor_root(node.dtype, trace[k])
        for k, node in enumerate(program.nodes)
    ]
    return bind_trace(len(roots), Tree.over_leaves(roots).hash)


def _milliseconds(do: Callable[[], object]) -> float:
    began = time.thread_time()
    do()
    return 1000 * (time.thread_time() - began)
