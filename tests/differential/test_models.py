"""The sample models, proven element by element to the contracts."""

import os
from functools import partial

import pytest

from tests.differential import models
from tests.differential.bulk import Tally, compare
from tests.differential.models import SMALL

MAGIKA_ELEMENTS = 2_000
FLIPS = 12_000


def assert_all_right(tally: Tally) -> None:
    """No outcome was wrong."""
    assert tally.told == []
    assert tally.differences == 0


@pytest.mark.parametrize("name", SMALL)
def test_every_element_of_a_model_is_proven(name: str) -> None:
    """An honest operator wins about each of them; one that is off by an ulp anywhere can be convicted right there."""
    elements = len(models.real_run(name).places)
    tally = compare(partial(models.every_element, name), elements)
    assert_all_right(tally)
    assert tally.counts == {"right": elements, "one ulp off": elements}


def test_random_elements_of_a_large_model_are_proven() -> None:
    """Magika: 7 million elements, folds of up to 1,280 terms, by somebody else."""
    tally = compare(partial(models.random_elements, "magika"), MAGIKA_ELEMENTS, seed=5)
    assert_all_right(tally)
    assert tally.counts["right"] >= MAGIKA_ELEMENTS
    assert tally.counts["one ulp off"] >= MAGIKA_ELEMENTS // 50


@pytest.mark.parametrize("name", SMALL)
def test_one_flipped_bit_anywhere_convicts_nobody(name: str) -> None:
    """It is refused by name or acquits: of right and of wrong elements alike."""
    tally = compare(partial(models.flipped_bits, name), FLIPS // len(SMALL), seed=9)
    assert_all_right(tally)
    assert tally.total >= FLIPS // len(SMALL)
    assert len(tally.counts) == 13


def test_elements_are_shared_out_without_rest() -> None:
    """Parts that leave an element out would prove all but one."""
    run, cores = models.real_run("credit"), os.cpu_count() or 1
    share = -(-len(run.places) // cores)
    assert sum(len(run.places[part * share : (part + 1) * share]) for part in range(cores)) == len(run.places)
