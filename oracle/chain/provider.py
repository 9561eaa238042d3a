"""The chain as everything else sees it: typed reads and one broadcast, over any number of endpoints.

Reads are retried, with backoff, while endpoints fail; a broadcast never is.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import httpx
import stamina
from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak

from oracle.chain.endpoints import Endpoints, RpcObserver
from oracle.chain.rpc import (
    AlreadyKnown,
    MethodMissing,
    NonceTooLow,
    RangeRefused,
    RateLimited,
    Revert,
    RpcError,
    TransportError,
    Underpriced,
)
from oracle.chain.wire import (
    Block,
    FeeQuote,
    Log,
    Receipt,
    quantity,
    read_block,
    read_bytes,
    read_fee_quote,
    read_logs,
    read_number,
    read_optional_receipt,
    read_receipts,
    read_transaction_hashes,
    to_hex,
)
from oracle.errors import ChainError

__all__ = [
    "AlreadyKnown", "Block", "FeeQuote", "Log", "MethodMissing", "NonceTooLow", "Provider", "RangeRefused",
    "RateLimited", "Receipt", "Revert", "RpcError", "RpcObserver", "TransportError", "Underpriced",
]  # fmt: skip

T = TypeVar("T")


class Provider:
    """Typed JSON-RPC over several endpoints. Thread-safe.

    Every method may raise `TransportError` (no endpoint gave a usable answer, `retries` retries included),
    `WrongChainError` and `RpcError`.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        chain_id: int | None,
        timeout: float = 10.0,
        observer: RpcObserver | None = None,
        retries: int = 3,
        max_lag: int = 10,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._endpoints = Endpoints(
            endpoints,
            chain_id=chain_id,
            timeout=timeout,
            max_lag=max_lag,
            observer=observer or (lambda _method, _outcome, _seconds: None),
            transport=transport,
        )
        self._attempts = retries + 1
        self._has_block_receipts = True

    @property
    def chain_id(self) -> int:
        """The chain's id; asks an endpoint if none was configured and none was used yet."""
        if self._endpoints.expected is None:
            return self._read("eth_chainId", (), quantity)
        return self._endpoints.expected

    @property
    def waited(self) -> float:
        """Seconds the calling thread has spent waiting for endpoints."""
        return self._endpoints.waited

    def close(self) -> None:
        """Close all connections."""
        self._endpoints.close()

    def rpc(self, method: str, *params: Any) -> Any:
        """The raw result of any method, asked once."""
        return self._endpoints.request(method, params, _raw)

    # ------------------------------------------------------------------ blocks

    def block_number(self) -> int:
        """The newest block's number."""
        return self._retry(self._endpoints.head)

    def block(self, tag: int | str) -> Block:
        """A block's header by number or tag ("latest", "finalized", …); an unknown number is a `TransportError`."""
        return self._read("eth_getBlockByNumber", (_tag(tag), False), partial(read_block, tag))

    def finalized_number(self) -> int | None:
        """The newest block that cannot be reorganised; None where the chain or the endpoint has no such notion."""
        try:
            return self._read("eth_getBlockByNumber", ("finalized", False), read_number)
        except RpcError:
            return None

    def logs(self, addresses: Sequence[str], first: int, last: int) -> list[Log]:
        """All logs of `addresses` in blocks `first` to `last`; raises `RangeRefused` where that is too much.

        They are as the endpoint gave them: the caller checks that they are what was asked for.
        """
        query = {"address": list(addresses), "fromBlock": hex(first), "toBlock": hex(last)}
        return self._read("eth_getLogs", (query,), read_logs)

    def logs_of(self, addresses: Sequence[str], block_hash: bytes) -> list[Log]:
        """All logs of `addresses` in the block with this hash, and in no other block of the same number."""
        query = {"address": list(addresses), "blockHash": to_hex(block_hash)}
        return self._read("eth_getLogs", (query,), read_logs)

    def receipts(self, block_number: int) -> list[Receipt]:
        """The receipts of all transactions of a block, one by one where the endpoint has no method for it."""
        if self._has_block_receipts:
            try:
                return self._read("eth_getBlockReceipts", (hex(block_number),), read_receipts)
            except MethodMissing:
                self._has_block_receipts = False
        hashes = self._read("eth_getBlockByNumber", (hex(block_number), False), read_transaction_hashes)
        found = [self.receipt(tx_hash) for tx_hash in hashes]
        return [receipt for receipt in found if receipt is not None]

    # ------------------------------------------------------------------ accounts and calls

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """A transaction's receipt; None while it is not mined."""
        return self._read("eth_getTransactionReceipt", (to_hex(tx_hash),), read_optional_receipt)

    def call(
        self,
        to: ChecksumAddress,
        data: bytes,
        *,
        block: int | str = "latest",
        sender: str | None = None,
        value: int = 0,
        gas: int | None = None,
    ) -> bytes:
        """What a call returns; `value` in wei. Raises `Revert`."""
        return self._read("eth_call", (_message(to, data, sender, value, gas), _tag(block)), read_bytes)

    def estimate_gas(
        self, to: ChecksumAddress | None, data: bytes, *, sender: str | None = None, value: int = 0
    ) -> int:
        """Gas a transaction would need; `to` None creates a contract. Raises `Revert`."""
        return self._read("eth_estimateGas", (_message(to, data, sender, value, None),), quantity)

    def balance(self, address: str) -> int:
        """An account's wei."""
        return self._read("eth_getBalance", (address, "latest"), quantity)

    def nonce(self, address: str, tag: str = "pending") -> int:
        """The nonce of the account's next transaction, the pool's included unless `tag` is "latest"."""
        return self._read("eth_getTransactionCount", (address, tag), quantity)

    def code(self, address: str) -> bytes:
        """A contract's code; empty for an account."""
        return self._read("eth_getCode", (address, "latest"), read_bytes)

    def fees(self) -> FeeQuote:
        """What gas costs now."""
        return self._read("eth_feeHistory", (hex(5), "latest", [50]), read_fee_quote)

    def send_raw(self, raw: bytes) -> bytes:
        """Broadcast a signed transaction, once; yields its hash.

        Raises `AlreadyKnown`, `NonceTooLow`, `Underpriced`, `FundsError`. After a `TransportError` with `delivered`
        True it may be in the pool all the same.
        """
        tx_hash = keccak(raw)
        told = self._endpoints.request("eth_sendRawTransaction", (to_hex(raw),), read_bytes)
        if told != tx_hash:
            raise ChainError(
                f"An endpoint took transaction {to_hex(tx_hash)} for {to_hex(told)}.",
                hint="Remove the endpoint: it does not pass transactions on as they are.",
            )
        return tx_hash

    def _read(self, method: str, params: Sequence[Any], parse: Callable[[Any], T]) -> T:
        return self._retry(lambda: self._endpoints.request(method, params, parse))

    def _retry(self, ask: Callable[[], T]) -> T:
        for attempt in stamina.retry_context(
            on=TransportError, attempts=self._attempts, wait_initial=0.1, wait_max=2.0, timeout=60.0
        ):
            with attempt:
                return ask()
        raise AssertionError("unreachable: the last attempt returns or raises")


def _raw(result: Any) -> Any:
    return result


def _tag(tag: int | str) -> str:
    return hex(tag) if isinstance(tag, int) else tag


def _message(to: str | None, data: bytes, sender: str | None, value: int, gas: int | None) -> dict[str, str]:
    message = {"data": to_hex(data), "value": hex(value)}
    optional = {"to": to, "from": sender, "gas": None if gas is None else hex(gas)}
    return message | {key: text for key, text in optional.items() if text is not None}
