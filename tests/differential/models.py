"""Whole models judged by the contracts: every element of a canonical trace, and of traces with one element changed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.fast.execute import execute
from oracle.canonical.lower import lower
from oracle.canonical.program.node import Kind
from oracle.canonical.program.program import Program
from oracle.canonical.prove import CommittedTrace, StepProof
from oracle.demo.samples import credit_applicants, digit_images, file_samples, model_path
from tests.differential.batch import Batch, Outcome, step_fault_call
from tests.differential.bulk import Tally
from tests.differential.evm import ROOT
from tests.differential.spread import Rng

Array = NDArray[Any]
Place = tuple[int, int]
"""A node and an element of its tensor."""

SMALL = ("digits", "credit", "digits-cnn")
"""The models of which every element is proven."""


@dataclass(frozen=True, slots=True)
class Run:
    """A program and its canonical trace on a real input."""

    program: Program
    tensors: Sequence[Array]

    @property
    def places(self) -> list[Place]:
        """All elements that are computed."""
        nodes = enumerate(self.program.nodes)
        return [(k, e) for k, node in nodes if node.kind not in (Kind.INPUT, Kind.CONST) for e in range(node.count)]

    def committed(self) -> CommittedTrace:
        """The canonical trace."""
        return CommittedTrace(self.program, self.tensors)

    def lying_at(self, place: Place) -> CommittedTrace:
        """The trace with one element a bit pattern further: for a finite float32, one ulp."""
        tensors, (k, element) = list(self.tensors), place
        tensors[k] = tensors[k].copy()
        tensors[k].view(f"u{tensors[k].itemsize}")[element] += 1
        return CommittedTrace(self.program, tensors)


def program_of(name: str) -> Program:
    """The program of a sample model, for one input at a time."""
    file = ROOT / "models" / f"{name}.onnx" if name in SMALL else model_path(name)
    return lower(Path(file).read_bytes(), default_dim=1).program


def real_input(name: str) -> Array:
    """An input of a sample model that it was not trained on."""
    if name == "credit":
        (sample,) = credit_applicants([7])
    elif name == "magika":
        (sample,) = file_samples([ROOT / "docs" / "canonical.md"])
    else:
        (sample,) = digit_images([7])
    return sample.tensors[0]


@cache
def real_run(name: str) -> Run:
    """The run of a sample model on a real input."""
    program = program_of(name)
    return Run(program, execute(program, [real_input(name)]).tensors)


class Judge:
    """Claims about a program's traces, collected and judged by the contracts many at a time."""

    def __init__(self, program: Program, tally: Tally) -> None:
        self._batch, self._program, self._tally = Batch(), program, tally
        self._calls: list[bytes] = []
        self._claims: list[tuple[str, Callable[[Outcome], bool]]] = []

    def claim(
        self,
        what: str,
        trace: CommittedTrace,
        proof: StepProof,
        right: Callable[[Outcome], bool],
        *,
        program: tuple[bytes, int, int] | None = None,
        trace_root: bytes | None = None,
    ) -> None:
        """One call of `stepFault`, whose outcome must be `right`."""
        own = (trace.program_root, self._program.version, len(trace.roots))
        self._calls.append(step_fault_call(program or own, trace_root or trace.root, proof))
        self._claims.append((what, right))
        if len(self._calls) >= _AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Judges what is left."""
        for (what, right), outcome in zip(self._claims, self._batch.run(self._calls), strict=True):
            self._tally.counts[what.split(",")[0]] += 1
            if not right(outcome):
                self._tally.differ(f"{what}: {outcome}")
        self._calls, self._claims = [], []


_AT_ONCE = 200


def acquitted(outcome: Outcome) -> bool:
    """The verdict is that the trace is right."""
    return not outcome.error and not outcome.guilty


def convicted(outcome: Outcome) -> bool:
    """The verdict is that the trace is wrong."""
    return not outcome.error and outcome.guilty


def no_conviction(outcome: Outcome) -> bool:
    """Refused with one of the verifier's errors, or acquitted."""
    return not outcome.error.startswith("unnamed") if outcome.error else not outcome.guilty


def every_element(name: str, part: int, share: int) -> Tally:
    """Elements of a part of a model: acquitted in the canonical trace, convicted in one that changes them."""
    run, tally = real_run(name), Tally()
    judge, trace = Judge(run.program, tally), run.committed()
    for place in run.places[part * share : (part + 1) * share]:
        judge.claim(f"right, {name} {place}", trace, trace.prove(*place), acquitted)
        lying = run.lying_at(place)
        judge.claim(f"one ulp off, {name} {place}", lying, lying.prove(*place), convicted)
    judge.finish()
    return tally


def random_elements(name: str, seed: int, count: int) -> Tally:
    """Random elements of a large model, every other one of a random node, acquitted; some of them convicted."""
    run, tally, rng = real_run(name), Tally(), np.random.default_rng(seed)
    judge, trace = Judge(run.program, tally), run.committed()
    sizes = [0 if node.kind in (Kind.INPUT, Kind.CONST) else node.count for node in run.program.nodes]
    ends, computed = np.cumsum(sizes), np.flatnonzero(sizes)
    for number in range(count):
        k = int(rng.choice(computed) if number % 2 else np.searchsorted(ends, rng.integers(ends[-1]), side="right"))
        place = k, int(rng.integers(sizes[k]))
        judge.claim(f"right, {name} {place}", trace, trace.prove(*place), acquitted)
        if number % 50 == 0:
            lying = run.lying_at(place)
            judge.claim(f"one ulp off, {name} {place}", lying, lying.prove(*place), convicted)
    judge.finish()
    return tally


def flipped_bits(name: str, seed: int, count: int) -> Tally:
    """Proofs with one bit flipped, anywhere, of right and of wrong elements: neither convicts any more."""
    run, tally, rng = real_run(name), Tally(), np.random.default_rng(seed)
    judge, honest, places = Judge(run.program, tally), run.committed(), run.places
    nodes = sorted({k for k, _ in places})
    while tally.total < count:
        k = int(rng.choice(nodes))
        place = k, int(rng.integers(run.program.nodes[k].count))
        for trace in (honest, run.lying_at(place)):
            program = (trace.program_root, run.program.version, len(trace.roots))
            for what, proof in flips(rng, trace.prove(*place)):
                judge.claim(f"{what}, {name} {place}", trace, proof, no_conviction)
            proof = trace.prove(*place)
            judge.claim("trace root", trace, proof, no_conviction, trace_root=flip(rng, trace.root))
            judge.claim("program root", trace, proof, no_conviction, program=(flip(rng, program[0]), *program[1:]))
            version, nodes_count = program[1] ^ 1 << int(rng.integers(16)), program[2] ^ 1 << int(rng.integers(32))
            judge.claim("version", trace, proof, no_conviction, program=(program[0], version, program[2]))
            judge.claim("node count", trace, proof, no_conviction, program=(*program[:2], nodes_count))
        judge.finish()
    return tally


def flips(rng: Rng, proof: StepProof) -> Iterator[tuple[str, StepProof]]:
    """A proof with one bit flipped in each of its parts, by name."""
    yield "node", replace(proof, node=flip(rng, proof.node))
    yield "element", replace(proof, element=proof.element ^ 1 << int(rng.integers(64)))
    yield "nearby element", replace(proof, element=proof.element ^ 1 << int(rng.integers(8)))
    yield "index", replace(proof, index=proof.index ^ 1 << int(rng.integers(8)))
    yield "operands", replace(proof, openings=flip(rng, proof.openings))
    yield "result", replace(proof, result=flip(rng, proof.result))
    yield "node path", replace(proof, node_path=_flip_path(rng, proof.node_path))
    yield "result path", replace(proof, result_path=_flip_path(rng, proof.result_path))
    opened = [slot for slot, path in enumerate(proof.operand_paths) if path]
    if opened:
        slot, paths = int(rng.choice(opened)), list(proof.operand_paths)
        paths[slot] = _flip_path(rng, paths[slot])
        yield "operand path", replace(proof, operand_paths=tuple(paths))


def flip(rng: Rng, data: bytes) -> bytes:
    """One bit of `data` is another."""
    changed = bytearray(data)
    changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _flip_path(rng: Rng, path: tuple[bytes, ...]) -> tuple[bytes, ...]:
    at = int(rng.integers(len(path)))
    return (*path[:at], flip(rng, path[at]), *path[at + 1 :])
