"""`docs/protocol.md` knows every event and every error of the contracts."""

import re
from pathlib import Path

import pytest

from oracle.chain.abi import artifact

PAGE = " ".join((Path(__file__).parents[2] / "docs" / "protocol.md").read_text().split())
CONTRACTS = ("InferenceOracle", "ModelRegistry", "Dispute")
# Of OpenZeppelin: not the protocol's.
FOREIGN = {
    "AddressEmptyCode", "EIP712DomainChanged", "FailedCall", "InvalidShortString", "ReentrancyGuardReentrantCall",
    "SafeCastOverflowedUintDowncast", "StringTooLong",
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_event_is_in_its_table_with_its_fields(name: str) -> None:
    """Who writes another client starts from this page."""
    events = [event for event in artifact(name).events.values() if event.name not in FOREIGN]
    signatures = {f"`{event.name}({', '.join(event.names)})`" for event in events}
    assert len(signatures) >= 3
    assert {signature for signature in signatures if signature not in PAGE} == set()


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_error_is_named(name: str) -> None:
    """A revert nobody can look up is a riddle."""
    errors = {error.name for error in artifact(name).errors.values()} - FOREIGN
    assert len(errors) >= 5
    named = set(re.findall(r"`(\w+)", PAGE))
    assert {error for error in errors if not named & {error, error.split("_")[-1]}} == set()
