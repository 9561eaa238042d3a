"""Keys: whoever signs transactions and EIP-712 messages. A raw key never comes from a config file."""

import json
from pathlib import Path
from typing import Any, Protocol

import rlp
from coincurve import PrivateKey
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak

from oracle.errors import SignerError

_DYNAMIC_FEE = b"\x02"
"""Type byte of EIP-1559 transactions (EIP-2718)."""


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
    """A key held in this process.

    Transactions are on the way of every answer, so they are encoded here and signed by libsecp256k1; a test holds the
    bytes against eth-account's.
    """

    def __init__(self, account: LocalAccount) -> None:
        self._account = account
        self._key = PrivateKey(bytes(account.key))

    def __repr__(self) -> str:
        return f"KeySigner({self.address})"

    @property
    def address(self) -> ChecksumAddress:
        """The account that signs."""
        address: ChecksumAddress = self._account.address
        return address

    def sign_transaction(self, fields: dict[str, Any]) -> tuple[bytes, bytes]:
        """Raw signed bytes and hash of an EIP-1559 transaction."""
        to = fields.get("to")
        payload = [
            fields["chainId"],
            fields["nonce"],
            fields["maxPriorityFeePerGas"],
            fields["maxFeePerGas"],
            fields["gas"],
            b"" if to is None else to_canonical_address(to),
            fields["value"],
            fields["data"],
            [],
        ]
        digest = keccak(_DYNAMIC_FEE + rlp.encode(payload))
        signature = self._key.sign_recoverable(digest, hasher=None)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        raw = _DYNAMIC_FEE + rlp.encode([*payload, signature[64], r, s])
        return raw, keccak(raw)

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
