"""Keys: whoever signs transactions and EIP-712 messages. A raw key never comes from a config file."""

import json
from pathlib import Path
from typing import Any, Protocol

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress

from oracle.errors import SignerError


class Signer(Protocol):
    """What the sender and the operator ask of a key."""

    @property
    def address(self) -> ChecksumAddress:
        """The account that signs."""

    def sign_transaction(self, fields: dict[str, Any]) -> tuple[bytes, bytes]:
        """Raw signed bytes and hash of an EIP-1559 transaction."""

    def sign_typed_data(self, message: dict[str, Any]) -> bytes:
        """65 bytes r, s, v of an EIP-712 message."""


class KeySigner:
    """A key held in this process. coincurve, where eth-keys finds it, signs in 0.15 ms."""

    def __init__(self, account: LocalAccount) -> None:
        self._account = account

    def __repr__(self) -> str:
        return f"KeySigner({self.address})"

    @property
    def address(self) -> ChecksumAddress:
        """The account that signs."""
        address: ChecksumAddress = self._account.address
        return address

    def sign_transaction(self, fields: dict[str, Any]) -> tuple[bytes, bytes]:
        """Raw signed bytes and hash of an EIP-1559 transaction."""
        signed = self._account.sign_transaction(fields)
        return bytes(signed.raw_transaction), bytes(signed.hash)

    def sign_typed_data(self, message: dict[str, Any]) -> bytes:
        """65 bytes r, s, v of an EIP-712 message."""
        return bytes(self._account.sign_message(encode_typed_data(full_message=message)).signature)

    @classmethod
    def from_keystore(cls, path: Path, password: str) -> "KeySigner":
        """Open an encrypted keystore (Web3 Secret Storage); raises `SignerError` if it cannot be opened."""
        try:
            content = json.loads(path.read_text())
        except FileNotFoundError:
            raise SignerError(
                f"There is no keystore at {path}.", hint="Name one with --keystore or `signer.keystore`."
            ) from None
        except (OSError, ValueError) as error:
            raise SignerError(f"The keystore {path} cannot be read: {error}.") from None
        try:
            return cls(Account.from_key(Account.decrypt(content, password)))
        except (ValueError, TypeError, KeyError) as error:
            if "MAC mismatch" in str(error):
                raise SignerError(
                    f"The password does not open the keystore {path}.",
                    hint="Check `signer.password_file` (a trailing newline is ignored).",
                ) from None
            raise SignerError(f"{path} is not a keystore: {type(error).__name__}.") from None


def write_keystore(path: Path, account: LocalAccount, password: str, *, iterations: int | None = None) -> None:
    """Encrypt a key to `path`, readable by its owner alone.

    `iterations` is scrypt's N; None takes eth-account's default, which is right for keys that hold value.
    """
    encrypted = Account.encrypt(account.key, password, kdf="scrypt", iterations=iterations)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(encrypted))
