"""How a person names a model."""

import pytest

from oracle.cli.catalogue import UNCOMPILED, Listing, find
from oracle.errors import ModelError

A = Listing(bytes.fromhex("aa11" + "00" * 30), "0xp", bytes.fromhex("dd11" + "00" * 30), None, (), 1, "credit")
B = Listing(bytes.fromhex("aa12" + "00" * 30), "0xp", bytes.fromhex("dd22" + "00" * 30), None, (), 2, None)


@pytest.mark.parametrize("reference", ["credit", "0xaa11", "AA11", "dd11", "0x" + A.model_id.hex()])
def test_a_model_is_found_by_name_id_or_digest(reference: str) -> None:
    """People paste whatever they have at hand."""
    assert find([A, B], reference) is A


@pytest.mark.parametrize("reference", ["nope", "0xaa", "aa1", "0xbb11", ""])
def test_what_names_no_model_is_refused_with_those_there_are(reference: str) -> None:
    """Less than four digits name nothing: money would go to a model by chance."""
    with pytest.raises(ModelError, match="There are: credit, 0xaa120000"):
        find([A, B], reference)


def test_a_beginning_that_fits_two_models_is_refused() -> None:
    """Neither may be taken by chance."""
    twin = Listing(bytes.fromhex("aa11" + "11" * 30), "0xp", bytes(32), None, (), 3, None)
    with pytest.raises(ModelError, match="names 2 models"):
        find([A, twin], "aa11")


def test_a_model_without_program_says_what_that_means() -> None:
    """Nobody should rely on disputes that cannot be had."""
    assert A.program == UNCOMPILED
