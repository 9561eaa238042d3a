"""The judge in figures: what its proofs take, and how many cases it has been compared on without a difference.

The contracts are those that `make build` compiled, in an in-process EVM.
"""

import random
from functools import partial
from typing import Any

from oracle.canonical.cost import node_cost, program_cost
from oracle.canonical.program.node import Fn
from tests.differential import bulk, models
from tests.differential.bulk import Tally, compare
from tests.differential.cost_cases import conv, cost_cases, ordinary
from tests.differential.evm import Contract, deploy
from tests.differential.proof_cost import dear_proof
from tests.differential.proof_cost import measure as measure_proof
from tests.differential.step_verifier import StepVerifier

FAST_ELEMENTS = 10_000_000
FUZZ_CASES = 1_000_000
MAGIKA_ELEMENTS = 2_000
QUICK = 20
"""How many times less is compared with `--quick`."""

_PARTS = 20
_CALLS = 2_000
_TERMS = 1_152
_SIZE = 14
_NODES = 1_000
_COLD_ACCOUNTS = 3 * 2_600  # EIP-2929: of the contracts called, which this EVM takes for warm
_CHANNELS = 128  # of a 3 x 3 convolution, makes 1,152 terms


def measure(*, quick: bool = False) -> dict[str, Any]:
    """All figures of `build/bench.json`'s `verifier`; raises `AssertionError` where two ways to compute differ."""
    less = QUICK if quick else 1
    fast = compare(bulk.fast_against_reference, FAST_ELEMENTS // less, seed=10_000, parts=_PARTS)
    mpfr = compare(bulk.fast_against_mpfr, FAST_ELEMENTS // less, seed=20_000, parts=_PARTS)
    evm = compare(bulk.evm_against_reference, FUZZ_CASES // less, seed=30_000, parts=_PARTS)
    proven = _models(less)
    for tally in (fast, mpfr, evm, proven):
        if tally.differences:
            raise AssertionError(f"{tally.differences} differences: {tally.told}")
    return {
        "fast_elements": fast.total,
        "mpfr_elements": mpfr.total,
        "fuzz_cases": evm.total,
        "model_claims": proven.total,
        "differences": fast.differences + mpfr.differences + evm.differences + proven.differences,
        "function_gas_max": _function_gas(),
        **_dot_gas(),
        "gas_per_term": _gas_per_term(),
        "cost_model_error_max": _cost_model_error(),
        "worst_leaf": {name: _worst_leaf(name) for name in (*models.SMALL, "magika")},
    }


def _models(less: int) -> Tally:
    """Claims about the sample models' traces, all judged right."""
    tally = Tally()
    for name in models.SMALL:
        tally.add(compare(partial(models.every_element, name), len(models.real_run(name).places)))
    tally.add(compare(partial(models.random_elements, "magika"), MAGIKA_ELEMENTS // less, seed=40_000))
    return tally


def _function_gas() -> int:
    """Gas of the dearest function of one argument, with its call, over random operands of all sizes."""
    rng = random.Random(0)  # noqa: S311 (the same operands every time)
    families = (
        ("ElementaryHarness", range(Fn.EXP, Fn.ATANH + 1)),
        ("TrigonometryHarness", range(Fn.SIN, Fn.ERF + 1)),
    )
    dearest = 0
    for name, functions in families:
        harness = deploy(name)
        for fn in functions:
            operands = [
                rng.getrandbits(1) << 31 | rng.randrange(90, 256) << 23 | rng.getrandbits(23) for _ in range(_CALLS)
            ]
            words = [word for x in operands for word in (fn, _one_nan(x), 0)]
            dearest = max(dearest, *harness.map_words("compute(uint256[])", words)[1::2])
    return dearest


def _one_nan(bits: int) -> int:
    return 0x7FC00000 if bits & 0x7FFFFFFF > 0x7F800000 else bits


def _dot_gas() -> dict[str, int]:
    """Gas of the transaction that has an inner element of a 3 x 3 convolution of 128 channels judged.

    Alone, in a program of 1,000 nodes; and as part of a dispute, with the bytes that one passes besides, in a program
    of the most nodes there may be.
    """
    node = conv(_SIZE, _CHANNELS, _CHANNELS)
    if node.fold_count != _TERMS:
        raise AssertionError(f"the convolution has {node.fold_count} terms, not {_TERMS}")
    middle = _SIZE // 2
    inner, judge = (middle * _SIZE + middle) * _CHANNELS, StepVerifier()
    alone, largest = dear_proof(node, inner, ordinary, nodes=_NODES), dear_proof(node, inner, ordinary)
    judge.step_fault(alone.program, alone.trace_root, alone.proof)
    return {
        "dot_1152_gas": judge.contract.gas_used + _COLD_ACCOUNTS,
        "dot_1152_gas_in_dispute": measure_proof(judge, largest).gas,
    }


def _cost_model_error() -> float:
    """The most by which the static cost of a realistic node exceeds a measured proof, as a share of the latter.

    Raises `AssertionError` where the static cost is no upper bound.
    """
    judge, most = StepVerifier(), 0.0
    for case in cost_cases():
        proof = dear_proof(case.node, case.element, case.content)
        bound, took = node_cost(case.node), measure_proof(judge, proof)
        if took.gas > bound.gas or took.bytes > bound.bytes:
            raise AssertionError(f"{case.name} took {took}, more than its bound {bound}")
        most = max(most, bound.gas / took.gas - 1)
    return round(most, 3)


def _gas_per_term() -> float:
    """Gas of one more term in a sum of products, the multiplication and addition alone."""
    harness, rng = deploy("AccumulatorHarness"), random.Random(1)  # noqa: S311
    data = b"".join((rng.randrange(90, 160) << 23 | rng.getrandbits(23)).to_bytes(4, "big") for _ in range(4 * _TERMS))
    few, many = (_adding(harness, data, terms) for terms in (_TERMS, 2 * _TERMS))
    return round((many - few) / _TERMS, 1)


def _adding(harness: Contract, data: bytes, terms: int) -> int:
    """Gas of adding the products of the first `terms` float32 of each half of `data`."""
    words = [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)]
    case = (0, 0, 4, len(data) // 2, 4, terms, 1)  # products, both halves from their starts on, divided by 1
    return harness.map_words("sums(uint256[])", [len(words), *words, *case])[1]


def _worst_leaf(name: str) -> dict[str, int]:
    """Bounds of the dearest one-step proof of a model, and its node."""
    program = models.program_of(name)
    gas, number = program_cost(program)
    return {"gas": gas, "bytes": max(node_cost(node).bytes for node in program.nodes), "node": number}
