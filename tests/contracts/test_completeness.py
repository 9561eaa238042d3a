"""No error and no event of the contracts goes untested."""

from pathlib import Path

import pytest

CONTRACTS = ("InferenceOracle", "ModelRegistry", "LendingDesk", "ContentGate", "MeterReader", "EventConsumer")
LIBRARIES = ("TensorReader", "TensorWriter", "Float32")
# Of OpenZeppelin: they cannot occur here, the names in the EIP-712 domain being short constants.
FOREIGN = {"InvalidShortString", "StringTooLong", "EIP712DomainChanged"}


@pytest.mark.parametrize("name", [*CONTRACTS, *LIBRARIES])
def test_every_error_and_event_is_named_by_a_test(project, name):
    """A new error or event without a test fails here."""
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    contract = getattr(project, name).contract_type
    known = {entry.name for entry in (*contract.errors, *contract.events)} - FOREIGN
    assert known
    assert {name for name in known if name not in tests} == set()
