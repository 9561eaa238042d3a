"""The ways to compute elements against each other, by the million, on as many processes as there are cores.

Every comparison takes a seed and a number, and yields what was compared with what: a `Tally`. The same seed gives the
same cases; a difference names the seed.
"""

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle

import numpy as np

from oracle.canonical.fast.functions import map_function
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Fn, Kind
from oracle.canonical.reference.element import element
from oracle.canonical.tensor import DType
from tests.differential import adversary
from tests.differential.adversary import Honest, honest
from tests.differential.batch import Batch, Outcome, recompute_call
from tests.differential.random_nodes import FUNCTIONS, label, plain_case, product_case, random_case, signature
from tests.differential.spread import Rng, float_bits, second
from tests.differential.step_verifier import committed
from tests.unit.canonical import mpfr
from tests.unit.canonical.fast.programs import array_of, bits_of, run_node
from tests.unit.canonical.strategies import NodeCase

_TOLD = 10
_PLAIN = 300
"""Elements of a MAP node without views: several leaves."""


@dataclass(slots=True)
class Tally:
    """How many comparisons there were, by what was computed, and where the two sides differed (the first few)."""

    counts: Counter[str] = field(default_factory=Counter)
    differences: int = 0
    told: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """All comparisons."""
        return self.counts.total()

    def differ(self, what: str) -> None:
        """Counts a difference."""
        self.differences += 1
        if len(self.told) < _TOLD:
            self.told.append(what)

    def add(self, other: "Tally") -> None:
        """Counts what another process compared."""
        self.counts += other.counts
        self.differences += other.differences
        self.told = (self.told + other.told)[:_TOLD]


Comparison = Callable[[int, int], Tally]
"""Takes a seed and how many to compare at least."""


def compare(comparison: Comparison, total: int, *, seed: int = 0, parts: int | None = None) -> Tally:
    """At least `total` comparisons, in parts with seeds of their own, on all cores."""
    cores = os.cpu_count() or 1
    parts = parts or cores
    tally = Tally()
    with ProcessPoolExecutor(min(cores, parts), multiprocessing.get_context("spawn")) as pool:
        for part in pool.map(comparison, range(seed, seed + parts), [-(-total // parts)] * parts):
            tally.add(part)
    return tally


def node_cases(rng: Rng) -> Iterator[NodeCase]:
    """Cases without end, every function and kind in turn."""
    for kind, fn in cycle(FUNCTIONS):
        if kind is Kind.MAP and fn != Fn.PICK:
            yield plain_case(rng, signature(rng, (kind, fn)), _PLAIN)
        yield random_case(rng, signature(rng, (kind, fn)))
        if kind is not Kind.MAP or fn == Fn.PICK:
            for elements, terms in ((60, 24), (60, 24), (4, 300)):
                yield random_case(rng, signature(rng, (kind, fn)), elements=elements, terms=terms)
        if fn == Fn.FOLD_DOT:
            dtype = DType.FLOAT if rng.random() < 0.8 else DType.INT32
            sizes = rng.integers(1, 13), rng.integers(1, 13), rng.integers(0, 80)
            yield product_case(rng, dtype, *map(int, sizes))


def fast_against_reference(seed: int, elements: int) -> Tally:
    """All elements of nodes of every kind, by `oracle.canonical.fast` and by `oracle.canonical.reference`."""
    rng, tally = np.random.default_rng(seed), Tally()
    for number, case in enumerate(node_cases(rng)):
        node = case.node
        arrays = [array_of(column, operand.dtype) for column, operand in zip(case.operands, node.operands, strict=True)]
        constant = [bool(rng.random() < 0.3) for _ in arrays]
        threads, all_exact = int(rng.choice([1, 1, 1, 2])), bool(rng.random() < 0.1)
        try:
            result = run_node(node, arrays, constant, threads=threads, all_exact=all_exact)
        except Exception as error:
            error.add_note(f"seed {seed}, case {number}: {node}, constants {constant}")
            raise
        for at, bits in enumerate(bits_of(result)):
            expected = element(node, at, case.readers)
            if bits != expected:
                tally.differ(f"seed {seed}, case {number}, element {at}: {bits:#x} for {expected:#x} of {node}")
        tally.counts[label(node)] += node.count
        if tally.total >= elements:
            break
    return tally


def fast_against_mpfr(seed: int, elements: int) -> Tally:
    """Functions of one and two float32, by `oracle.canonical.fast` and by GNU MPFR."""
    rng, tally = np.random.default_rng(seed), Tally()
    functions = [*mpfr.UNARY, *mpfr.BINARY]
    share = -(-elements // len(functions))
    for fn in functions:
        x = float_bits(rng, share)
        y = second(rng, fn, DType.FLOAT, x)
        operands = [x] if fn in mpfr.UNARY else [x, y]
        result = map_function(fn, DType.FLOAT, [bits.view(np.float32) for bits in operands])
        judge = mpfr.unary if fn in mpfr.UNARY else mpfr.binary
        for got, *arguments in zip(bits_of(result), *(bits.tolist() for bits in operands), strict=True):
            expected = judge(fn, *arguments)
            if got != expected:
                told = ", ".join(f"{bits:#010x}" for bits in arguments)
                tally.differ(f"{fn.name}({told}): {got:#010x} for {expected:#010x}")
        tally.counts[fn.name] += share
    return tally


def evm_against_reference(seed: int, cases: int) -> Tally:
    """Elements of nodes of every kind by `StepVerifier.sol`, with honest openings and with those of an adversary.

    Honest openings must give the reference's bits and the operands' roots. Others must be refused with one of the
    verifier's errors, or lead to other roots; never to these roots with other bits.
    """
    rng, tally, batch = np.random.default_rng(seed), Tally(), Batch()
    pending: list[tuple[Honest, str, bytes]] = []
    for case in node_cases(rng):
        if not case.node.count:
            continue
        tensors = committed(case)
        chosen = rng.choice(
            case.node.count, min(case.node.count, 6 if case.node.kind is Kind.MAP else 3), replace=False
        )
        for at in chosen:
            true = honest(case, tensors, int(at))
            pending += [(true, name, openings) for name, openings in _openings(rng, true)]
        if len(pending) >= _AT_ONCE:
            _judge(batch, pending, tally, seed)
            pending = []
        if tally.total >= cases:
            return tally
    raise AssertionError("cases do not end")


_AT_ONCE = 1_000
_RARE = (adversary.reordered, adversary.divided, adversary.other_hint)
"""Not possible on most openings: tried on all."""
_ALL = (*adversary.REFUSED, *adversary.ELSEWHERE, *adversary.EITHER, adversary.widened)
_OFTEN = tuple(attack for attack in _ALL if attack not in _RARE)
_MUST_BE_REFUSED = {attack.__name__ for attack in adversary.REFUSED}
_MUST_LEAD_ELSEWHERE = {attack.__name__ for attack in adversary.ELSEWHERE}


def _openings(rng: Rng, true: Honest) -> Iterator[tuple[str, bytes]]:
    """The honest openings and some others, by name."""
    data = true.opened.encode()
    yield "honest", data
    for attack in (*_RARE, *(_OFTEN[number] for number in rng.choice(len(_OFTEN), 3, replace=False))):
        changed = attack(rng, true)
        if changed is not None and (changed != data or attack is adversary.widened):
            yield attack.__name__, changed


def _judge(batch: Batch, pending: list[tuple[Honest, str, bytes]], tally: Tally, seed: int) -> None:
    calls = [recompute_call(encode_node(true.case.node), true.at, openings) for true, _, openings in pending]
    for (true, name, openings), outcome in zip(pending, batch.run(calls), strict=True):
        node = true.case.node
        tally.counts[f"{label(node)}, {name}"] += 1
        if not _is_right(true, name, outcome):
            tally.differ(f"seed {seed}, {name}, element {true.at}: {outcome} of {node}, openings {openings.hex()}")


def _is_right(true: Honest, name: str, outcome: Outcome) -> bool:
    if name in ("honest", "widened"):
        return not outcome.error and (outcome.bits, outcome.roots) == (true.bits, true.roots)
    if outcome.error:
        return not outcome.error.startswith("unnamed")
    roots = zip(outcome.roots, true.tensors, strict=True)
    committed_to = all(root in (bytes(32), tensor.root) for root, tensor in roots)
    if name in _MUST_LEAD_ELSEWHERE:
        return not committed_to
    return name not in _MUST_BE_REFUSED and (not committed_to or outcome.bits == true.bits)
