"""The chain as everything else sees it: typed reads and one broadcast, over any number of endpoints.

Reads are retried, with backoff, while endpoints fail; a broadcast never is. `logs` and `receipts` parse raw JSON
themselves: they carry nearly all the bytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import httpx
import stamina
from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak

from oracle.chain.endpoints import Endpoints, RpcObserver, quantity
from oracle.chain.protocol import checksum
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
from oracle.errors import ChainError

__all__ = [
    "AlreadyKnown", "Block", "FeeQuote", "Log", "MethodMissing", "NonceTooLow", "Provider", "RangeRefused",
    "RateLimited", "Receipt", "Revert", "RpcError", "RpcObserver", "TransportError", "Underpriced",
]  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Block:
    """A block's header. `timestamp` is seconds since the epoch, `base_fee` wei a gas (0 before EIP-1559)."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    base_fee: int


@dataclass(frozen=True, slots=True)
class Log:
    """A log as an endpoint gave it."""

    address: ChecksumAddress
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    tx_hash: bytes
    tx_index: int
    log_index: int
    removed: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction.

    `status` 1: it succeeded; `effective_gas_price` is wei a gas; `to` None: it created a contract.
    """

    tx_hash: bytes
    block_number: int
    block_hash: bytes
    status: int
    gas_used: int
    effective_gas_price: int
    sender: ChecksumAddress
    to: ChecksumAddress | None


class FeeQuote(NamedTuple):
    """Fees in wei a gas: of the next block, and the median tip of the last ones (0 where they were empty)."""

    base_fee: int
    priority_fee: int


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
        """A block's header by number or tag ("latest", "pending", …); an unknown number is a `TransportError`."""
        return self._read("eth_getBlockByNumber", (_tag(tag), False), partial(_block, tag))

    def finalized_number(self) -> int | None:
        """The newest block that cannot be reorganised; None where the chain or the endpoint has no such notion."""
        try:
            return self._read("eth_getBlockByNumber", ("finalized", False), _number_of)
        except RpcError:
            return None

    def logs(self, addresses: Sequence[str], first: int, last: int) -> list[Log]:
        """All logs of `addresses` in blocks `first` to `last`; raises `RangeRefused` where that is too much.

        They are as the endpoint gave them: the caller checks that they are what was asked for.
        """
        query = {"address": list(addresses), "fromBlock": hex(first), "toBlock": hex(last)}
        return self._read("eth_getLogs", (query,), _logs)

    def receipts(self, block_number: int) -> list[Receipt]:
        """The receipts of all transactions of a block, one by one where the endpoint has no method for it."""
        if self._has_block_receipts:
            try:
                return self._read("eth_getBlockReceipts", (hex(block_number),), _receipts)
            except MethodMissing:
                self._has_block_receipts = False
        hashes = self._read("eth_getBlockByNumber", (hex(block_number), False), _transaction_hashes)
        found = [self.receipt(tx_hash) for tx_hash in hashes]
        return [receipt for receipt in found if receipt is not None]

    # ------------------------------------------------------------------ accounts and calls

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """A transaction's receipt; None while it is not mined."""
        return self._read("eth_getTransactionReceipt", (_hex(tx_hash),), _optional_receipt)

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
        return self._read("eth_call", (_message(to, data, sender, value, gas), _tag(block)), _bytes)

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
        return self._read("eth_getCode", (address, "latest"), _bytes)

    def fees(self) -> FeeQuote:
        """What gas costs now."""
        return self._read("eth_feeHistory", (hex(5), "latest", [50]), _fee_quote)

    def send_raw(self, raw: bytes) -> bytes:
        """Broadcast a signed transaction, once; yields its hash.

        Raises `AlreadyKnown`, `NonceTooLow`, `Underpriced`, `FundsError`. After a `TransportError` with `delivered`
        True it may be in the pool all the same.
        """
        tx_hash = keccak(raw)
        told = self._endpoints.request("eth_sendRawTransaction", (_hex(raw),), _bytes)
        if told != tx_hash:
            raise ChainError(
                f"An endpoint took transaction {_hex(tx_hash)} for {_hex(told)}.",
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


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"


def _bytes(text: str) -> bytes:
    if text[:2] != "0x":
        raise ValueError("not hexadecimal")
    return bytes.fromhex(text[2:])


def _word(text: str) -> bytes:
    if len(text) != 66:
        raise ValueError("not 32 bytes")
    return bytes.fromhex(text[2:])


def _small(text: str) -> int:
    """A number that fits a database's signed 64 bits, as every real height, time and index does."""
    number = int(text, 16)
    if not 0 <= number < 1 << 63:
        raise ValueError("absurd number")
    return number


def _address(text: str) -> ChecksumAddress:
    return checksum(text.lower())


def _message(to: str | None, data: bytes, sender: str | None, value: int, gas: int | None) -> dict[str, str]:
    message = {"data": _hex(data), "value": hex(value)}
    optional = {"to": to, "from": sender, "gas": None if gas is None else hex(gas)}
    return message | {key: text for key, text in optional.items() if text is not None}


def _block(tag: int | str, result: dict[str, Any] | None) -> Block:
    if result is None:
        raise TransportError(f"The endpoint does not know block {tag}.")
    block = Block(
        _small(result["number"]),
        _word(result["hash"]),
        _word(result["parentHash"]),
        _small(result["timestamp"]),
        quantity(result.get("baseFeePerGas") or "0x0"),
    )
    if isinstance(tag, int) and block.number != tag:
        raise ValueError(f"block {block.number} is not block {tag}")
    return block


def _number_of(result: dict[str, Any] | None) -> int | None:
    return None if result is None else _small(result["number"])


def _transaction_hashes(result: dict[str, Any]) -> list[bytes]:
    return [_word(text) for text in result["transactions"]]


def _logs(result: list[dict[str, Any]]) -> list[Log]:
    return [
        Log(
            _address(item["address"]),
            tuple(map(_word, item["topics"])),
            bytes.fromhex(item["data"][2:]),
            _small(item["blockNumber"]),
            _word(item["blockHash"]),
            _word(item["transactionHash"]),
            _small(item["transactionIndex"]),
            _small(item["logIndex"]),
            item.get("removed", False) is not False,
        )
        for item in result
    ]


def _receipts(result: list[dict[str, Any]] | None) -> list[Receipt]:
    if result is None:
        raise TransportError("The endpoint does not know the block whose receipts were asked for.")
    return list(map(_receipt, result))


def _optional_receipt(result: dict[str, Any] | None) -> Receipt | None:
    return None if result is None else _receipt(result)


def _receipt(item: dict[str, Any]) -> Receipt:
    return Receipt(
        _word(item["transactionHash"]),
        _small(item["blockNumber"]),
        _word(item["blockHash"]),
        _small(item.get("status") or "0x1"),
        _small(item["gasUsed"]),
        quantity(item.get("effectiveGasPrice") or "0x0"),
        _address(item["from"]),
        None if item.get("to") is None else _address(item["to"]),
    )


def _fee_quote(result: dict[str, Any]) -> FeeQuote:
    tips = sorted(
        quantity(reward[0])
        for reward, used in zip(result.get("reward") or (), result["gasUsedRatio"], strict=True)
        if used > 0
    )
    return FeeQuote(quantity(result["baseFeePerGas"][-1]), tips[len(tips) // 2] if tips else 0)
