"""Blocks, logs and receipts as endpoints write them, and how they are read. Pure.

Every reader raises `TypeError`, `KeyError` or `ValueError` for what is malformed. `read_logs` and `read_receipts` carry
nearly all the bytes, so they parse raw JSON without further ado.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from eth_typing import ChecksumAddress

from oracle.chain.protocol import checksum
from oracle.chain.rpc import TransportError


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


def quantity(text: str) -> int:
    """JSON-RPC's hexadecimal number."""
    if text[:2] != "0x":
        raise ValueError(f"{text!r} is not a quantity")
    return int(text, 16)


def to_hex(data: bytes) -> str:
    """JSON-RPC's form of bytes."""
    return f"0x{data.hex()}"


def read_bytes(text: str) -> bytes:
    """The inverse of `to_hex`."""
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


def read_block(tag: int | str, result: dict[str, Any] | None) -> Block:
    """The block asked for by `tag`; raises `TransportError` if the endpoint has none."""
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


def read_number(result: dict[str, Any] | None) -> int | None:
    """The number of a block, None for no block."""
    return None if result is None else _small(result["number"])


def read_transaction_hashes(result: dict[str, Any]) -> list[bytes]:
    """The hashes of a block's transactions, in order."""
    return [_word(text) for text in result["transactions"]]


def read_logs(result: list[dict[str, Any]]) -> list[Log]:
    """All logs of a reply."""
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


def read_receipts(result: list[dict[str, Any]] | None) -> list[Receipt]:
    """All receipts of a block; raises `TransportError` if the endpoint does not know the block."""
    if result is None:
        raise TransportError("The endpoint does not know the block whose receipts were asked for.")
    return list(map(read_receipt, result))


def read_optional_receipt(result: dict[str, Any] | None) -> Receipt | None:
    """A transaction's receipt, None while it is not mined."""
    return None if result is None else read_receipt(result)


def read_receipt(item: dict[str, Any]) -> Receipt:
    """One receipt."""
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


def read_fee_quote(result: dict[str, Any]) -> FeeQuote:
    """The next block's base fee and the median of the rewards paid in the blocks that were not empty."""
    tips = sorted(
        quantity(reward[0])
        for reward, used in zip(result.get("reward") or (), result["gasUsedRatio"], strict=True)
        if used > 0
    )
    return FeeQuote(quantity(result["baseFeePerGas"][-1]), tips[len(tips) // 2] if tips else 0)
