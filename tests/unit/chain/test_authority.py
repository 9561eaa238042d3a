"""The map of authority is complete: CI fails on a function, or a contract, that it does not explain."""

from dataclasses import replace
from importlib.resources import files

import pytest

from oracle.chain import abi, authority
from oracle.chain.authority import CONTRACTS, PURE, rights, state_changing, unexplained

EXAMPLES = {"ContentGate", "EventConsumer", "LendingDesk", "MeterReader", "StoringConsumer"}
"""Consumers that come along to be learnt from: they have no part in the protocol."""


def packaged() -> set[str]:
    """Every contract whose bytecode travels with the package."""
    folder = files("oracle.chain") / "artifacts"
    return {path.name.removesuffix(".json") for path in folder.iterdir() if path.name.endswith(".json")}


def test_every_function_that_changes_state_is_explained() -> None:
    """Who may do what is the promise of the protocol: a new function must be explained, a gone one must go."""
    assert unexplained() == []
    told = [(right.contract, right.function) for right in rights()]
    assert sorted(told) == sorted((contract, name) for contract in CONTRACTS for name in state_changing(contract))


def test_every_packaged_contract_is_in_the_map_or_changes_nothing() -> None:
    """A contract that nobody listed could hold any function at all."""
    assert packaged() <= {*CONTRACTS, *PURE, *EXAMPLES}
    assert {*CONTRACTS, *PURE} <= packaged()


@pytest.mark.parametrize("name", PURE)
def test_the_verifier_cannot_change_state(name: str) -> None:
    """Arithmetic has no memory and no favourites."""
    assert state_changing(name) == []


def test_nobody_is_named_who_could_be_an_owner() -> None:
    """The map says who; no entry may hand a function to a role the protocol does not have."""
    known = (
        "anyone",
        "each account",
        "the operator",
        "the answer's operator",
        "the dispute contract",
        "a chain's owner",
    )
    assert [right for right in rights() if not right.who.startswith(known)] == []
    assert all(right.worst for right in rights())


def test_a_new_function_breaks_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that cannot fail proves nothing: payable fallbacks count as functions too."""
    real = authority.artifact("ModelRegistry")
    grown = [
        *real.abi,
        {"type": "function", "name": "pause", "stateMutability": "nonpayable", "inputs": [], "outputs": []},
        {"type": "receive", "stateMutability": "payable"},
    ]
    changed = replace(real, abi=grown)
    monkeypatch.setattr(authority, "artifact", lambda name: changed if name == "ModelRegistry" else abi.artifact(name))
    assert unexplained() == ["ModelRegistry.pause", "ModelRegistry.receive"]
    with pytest.raises(LookupError, match=r"ModelRegistry\.pause, ModelRegistry\.receive"):
        rights()
