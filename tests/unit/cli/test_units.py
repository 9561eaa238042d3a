"""Amounts and hashes as people write them."""

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from oracle.cli.units import (
    ETHER,
    parse_address,
    parse_dims,
    parse_ether,
    parse_software,
    show_duration,
    show_ether,
    show_gwei,
)


@given(st.integers(1, 10**30))
def test_ether_survives_being_shown_and_read_again(wei: int) -> None:
    """A rounded amount would move money nobody asked to move."""
    assert parse_ether(show_ether(wei).replace(",", "")) == wei


@pytest.mark.parametrize("text", ["", "abc", "-1", "0", "0.0", "nan", "inf", "1e99", "0.0000000000000000001", "0x10"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Zero, signs and decimals finer than a wei are mistakes, not amounts."""
    with pytest.raises(typer.BadParameter):
        parse_ether(text)


@pytest.mark.parametrize(("text", "wei"), [("0.1", ETHER // 10), ("1e-18", 1), ("1000000", 10**6 * ETHER)])
def test_decimals_are_exact(text: str, wei: int) -> None:
    """0.1 has no float; it has a Decimal."""
    assert parse_ether(text) == wei


def test_an_address_with_a_wrong_checksum_is_refused() -> None:
    """A mistyped address would swallow the money sent there."""
    right = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert parse_address(right.lower()) == right
    with pytest.raises(typer.BadParameter):
        parse_address(right.replace("f39F", "F39F"))


def test_software_is_six_bytes_of_the_hash() -> None:
    """A policy pins the first six bytes; people copy twelve digits or the whole hash."""
    assert (
        parse_software("0x52f148842432") == parse_software("52f148842432" + "0" * 52) == bytes.fromhex("52f148842432")
    )
    with pytest.raises(typer.BadParameter):
        parse_software("52f1")


@pytest.mark.parametrize("text", ["batch", "=1", "batch=0", "batch=x", "batch=-1"])
def test_a_dimension_is_a_name_and_a_size(text: str) -> None:
    """A size that is not given would be guessed."""
    with pytest.raises(typer.BadParameter):
        parse_dims([text])


def test_dimensions_may_hold_equal_signs_in_their_names() -> None:
    """ONNX allows any name: the size is what follows the last sign."""
    assert parse_dims(["a=b=3", "x.0=1"]) == {"a=b": 3, "x.0": 1}


def test_times_and_gwei_read_well() -> None:
    """Two units of time are enough; large amounts of gwei are said in ether too."""
    assert (show_duration(3_661), show_duration(0), show_duration(-5)) == ("1 h 1 min", "0 s", "0 s")
    assert (show_gwei(5), show_gwei(20_000_000)) == ("5 gwei", "20,000,000 gwei (0.02 ether)")
