"""Signing: our own encoding of transactions against eth-account's, and keystores that do not open."""

from pathlib import Path

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.protocol import checksum
from oracle.chain.signer import KeySigner, write_keystore
from oracle.errors import SignerError

KEY = Account.from_key(b"\x11" * 32)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: checksum("0x" + raw.hex()))
transactions = st.fixed_dictionaries(
    {
        "type": st.just(2),
        "chainId": st.integers(1, 2**63),
        "nonce": st.integers(0, 2**63),
        "value": st.integers(0, 2**255),
        "data": st.binary(max_size=300),
        "gas": st.integers(0, 2**63),
        "maxFeePerGas": st.integers(0, 2**128),
        "maxPriorityFeePerGas": st.integers(0, 2**128),
    },
    optional={"to": addresses},
)


@given(transactions)
def test_signed_transactions_are_those_of_eth_account(fields: dict[str, object]) -> None:
    """A byte off would be a transaction nobody takes, or another one than was meant."""
    raw, tx_hash = KeySigner(KEY).sign_transaction(fields)
    reference = KEY.sign_transaction(fields)
    assert raw == bytes(reference.raw_transaction)
    assert tx_hash == bytes(reference.hash)


def test_a_keystore_opens_with_its_password_alone(tmp_path: Path) -> None:
    """The file is what an operator backs up; the password is what keeps it worthless to others."""
    path = tmp_path / "key.json"
    write_keystore(path, KEY, "right", iterations=2)
    assert path.stat().st_mode & 0o077 == 0
    assert KeySigner.from_keystore(path, "right").address == KEY.address
    with pytest.raises(SignerError, match="does not open"):
        KeySigner.from_keystore(path, "wrong")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"crypto": 1}', '{"crypto": {}, "version": 3}'])
def test_what_is_no_keystore_is_refused_in_words(tmp_path: Path, content: str) -> None:
    """A wrong file named by mistake must not end in a traceback."""
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(SignerError):
        KeySigner.from_keystore(path, "any")


def test_attack_54_a_signer_shows_its_address_alone() -> None:
    """Objects end up in logs and tracebacks."""
    assert repr(KeySigner(KEY)) == f"KeySigner({KEY.address})"


def test_a_missing_keystore_is_named(tmp_path: Path) -> None:
    """The sentence says which file, and which setting names it."""
    with pytest.raises(SignerError, match=r"signer\.keystore"):
        KeySigner.from_keystore(tmp_path / "none.json", "any")
