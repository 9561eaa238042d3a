"""The reference, the fast path and the contracts in bulk. `make bench` compares ten times as much."""

from collections import Counter

import pytest

from oracle.canonical.program.node import Node
from tests.differential import bulk
from tests.differential.bulk import Tally, compare
from tests.differential.random_nodes import FUNCTIONS
from tests.unit.canonical.strategies import FLOAT_FUNCTIONS

ELEMENTS = 1_000_000
EVM_CASES = 100_000


def by(part: int, tally: Tally) -> Counter[str]:
    """Counts by function (0) or by openings (1)."""
    counts: Counter[str] = Counter()
    for name, count in tally.counts.items():
        counts[name.split(", ")[part]] += count
    return counts


def test_the_fast_path_is_the_reference_bit_for_bit() -> None:
    """An operator runs the fast path and is judged by the definition."""
    tally = compare(bulk.fast_against_reference, ELEMENTS)
    assert tally.told == []
    assert tally.differences == 0
    assert tally.total >= ELEMENTS
    assert len(tally.counts) == len(FUNCTIONS)
    for fn in FLOAT_FUNCTIONS:
        assert tally.counts[f"MAP {fn.name}"] >= 10_000
    assert min(tally.counts.values()) >= 5_000


def test_the_fast_path_is_mpfr_bit_for_bit() -> None:
    """A judge that shares no code with the reference, for what it has."""
    tally = compare(bulk.fast_against_mpfr, ELEMENTS, seed=1_000)
    assert tally.told == []
    assert tally.differences == 0
    assert tally.total >= ELEMENTS


def test_attack_45_the_evm_is_the_reference_bit_for_bit() -> None:
    """Were they to differ in a bit, the judge would convict the honest; nor may any openings make them differ."""
    tally = compare(bulk.evm_against_reference, EVM_CASES, seed=2_000)
    assert tally.told == []
    assert tally.differences == 0
    assert tally.total >= EVM_CASES
    assert len(by(0, tally)) == len(FUNCTIONS)
    assert min(by(0, tally).values()) >= 200
    openings = by(1, tally)
    assert openings["honest"] >= EVM_CASES // 4
    assert len(openings) == 17
    assert min(openings.values()) >= 100


@pytest.mark.parametrize("comparison", [bulk.fast_against_reference, bulk.evm_against_reference])
def test_a_single_other_bit_is_found(monkeypatch: pytest.MonkeyPatch, comparison: bulk.Comparison) -> None:
    """A comparison that cannot fail proves nothing."""
    calls = 0

    def lying(node: Node, at: int, readers: object) -> int:
        nonlocal calls
        calls += 1
        return true_element(node, at, readers) ^ (calls == 100)

    module = bulk if comparison is bulk.fast_against_reference else bulk.adversary
    true_element = module.element
    monkeypatch.setattr(module, "element", lying)
    assert 1 <= comparison(0, 2_000).differences <= 4
