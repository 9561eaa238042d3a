"""A node's pool and chain for one account, in memory: what the sender is held against.

It takes, refuses and mines transactions as nodes do. `trouble` decides what goes wrong at the next broadcast.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count

import rlp
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from oracle.chain.rpc import AlreadyKnown, NonceTooLow, TransportError, Underpriced
from oracle.chain.signer import KeySigner
from oracle.chain.wire import FeeQuote, Receipt
from oracle.errors import FundsError

SIGNER = KeySigner(Account.from_key(b"\x11" * 32))
ME = SIGNER.address
GWEI = 10**9
ETHER = 10**18


class Crash(BaseException):
    """The process is killed here."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction as its bytes say."""

    raw: bytes
    nonce: int
    priority_fee: int
    max_fee: int
    gas: int
    to: str | None
    value: int
    data: bytes
    foreign: bool = False

    @property
    def hash(self) -> bytes:
        """What receipts are asked for by."""
        return keccak(self.raw)


def parse(raw: bytes) -> Sent:
    """The fields of a signed EIP-1559 transaction."""
    assert raw[0] == 2
    number = [int.from_bytes(item, "big") if isinstance(item, bytes) else 0 for item in rlp.decode(raw[1:])]
    to, data = rlp.decode(raw[1:])[5], rlp.decode(raw[1:])[7]
    return Sent(
        raw, number[1], number[2], number[3], number[4], to_checksum_address(to) if to else None, number[6], data
    )


@dataclass
class Mempool:
    """One account's transactions: waiting by nonce, and mined in order, each in a block of its own."""

    chain_id: int = 31_337
    waited: float = 0.0
    wealth: int = 1_000 * ETHER
    base_fee: int = GWEI
    automine: bool = False
    pool: dict[int, Sent] = field(default_factory=dict)
    mined: list[tuple[Sent, Receipt]] = field(default_factory=list)
    seen: list[Sent] = field(default_factory=list)
    """Every broadcast, whether it was taken or not."""
    trouble: Callable[["Mempool", Sent], None] | None = None
    _serial: count = field(default_factory=count)

    # ------------------------------------------------------------------ what the sender asks

    def send_raw(self, raw: bytes) -> bytes:
        sent = parse(raw)
        self.seen.append(sent)
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            trouble(self, sent)
        self.take(sent)
        if self.automine:
            self.mine()
        return sent.hash

    def nonce(self, address: str, tag: str = "pending") -> int:
        assert address == ME
        found = len(self.mined)
        while tag == "pending" and found in self.pool:
            found += 1
        return found

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        return next((receipt for sent, receipt in self.mined if sent.hash == tx_hash), None)

    def fees(self) -> FeeQuote:
        return FeeQuote(self.base_fee, GWEI)

    def balance(self, address: str) -> int:
        assert address == ME
        return self.wealth

    def estimate_gas(self, *_call: object, **_options: object) -> int:
        return 100_000

    def block_number(self) -> int:
        return len(self.mined)

    # ------------------------------------------------------------------ what happens to it

    def take(self, sent: Sent) -> None:
        """What a node does with a broadcast."""
        if sent.nonce < len(self.mined):
            raise NonceTooLow("nonce too low")
        before = self.pool.get(sent.nonce)
        if before is not None and before.raw == sent.raw:
            raise AlreadyKnown("already known")
        if before is not None and (
            10 * sent.max_fee < 11 * before.max_fee or 10 * sent.priority_fee < 11 * before.priority_fee
        ):
            raise Underpriced("replacement transaction underpriced")
        if sent.gas * sent.max_fee + sent.value > self.wealth:
            raise FundsError("insufficient funds for gas * price + value")
        self.pool[sent.nonce] = sent

    def mine(self, *, status: int = 1, block: tuple[int, bytes] | None = None) -> Sent | None:
        """Mine the next transaction, if it is here."""
        sent = self.pool.pop(len(self.mined), None)
        if sent is None:
            return None
        number, block_hash = block or (len(self.mined) + 1, sha256(next(self._serial).to_bytes(8, "big")).digest())
        receipt = Receipt(sent.hash, number, block_hash, status, sent.gas, self.base_fee, ME, sent.to)
        self.mined.append((sent, receipt))
        return sent

    def foreign(self) -> None:
        """Another program sends from the account, and is mined first."""
        nonce = len(self.mined)
        raw = b"foreign" + next(self._serial).to_bytes(8, "big")
        self.pool[nonce] = Sent(raw, nonce, 500 * GWEI, 500 * GWEI, 21_000, ME, 0, b"", foreign=True)
        self.mine()

    def forget(self) -> None:
        """The node restarts without our transactions."""
        self.pool = {nonce: sent for nonce, sent in self.pool.items() if sent.foreign}

    def reorganise(self, depth: int, *, keep: bool) -> int:
        """The last blocks go; their transactions go back to the pool, ours only if `keep`. Yields the height left."""
        gone = self.mined[len(self.mined) - depth :]
        del self.mined[len(self.mined) - depth :]
        self.pool |= {sent.nonce: sent for sent, _ in gone if keep or sent.foreign}
        return len(self.mined)


# ---------------------------------------------------------------------- troubles


def unreachable(_pool: Mempool, _sent: Sent) -> None:
    """No endpoint took it."""
    raise TransportError("unreachable", delivered=False)


def taken_without_reply(pool: Mempool, sent: Sent) -> None:
    """The endpoint took it, the reply was lost."""
    pool.take(sent)
    raise TransportError("timed out")


def killed_before(_pool: Mempool, _sent: Sent) -> None:
    """The process dies before the bytes leave."""
    raise Crash


def killed_after(pool: Mempool, sent: Sent) -> None:
    """The process dies when the bytes have left."""
    pool.take(sent)
    raise Crash


def underpriced(_pool: Mempool, _sent: Sent) -> None:
    """The pool's floor is above."""
    raise Underpriced("transaction underpriced")


def already_known(pool: Mempool, sent: Sent) -> None:
    """Another endpoint passed it on."""
    pool.take(sent)
    raise AlreadyKnown("already known")


def no_funds(_pool: Mempool, _sent: Sent) -> None:
    """The account cannot pay."""
    raise FundsError("insufficient funds for gas * price + value")


TROUBLES: Sequence[Callable[[Mempool, Sent], None] | None] = (
    None, unreachable, taken_without_reply, killed_before, killed_after, underpriced, already_known, no_funds,
)  # fmt: skip
