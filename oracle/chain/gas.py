"""Gas limits by formula: estimating costs a call, and a batch that skips what lacks gas would estimate too low.

Each is an upper bound; what is not used is not paid.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

TRANSACTION_CAP = 2**24
"""Most gas one transaction may have (EIP-7825)."""

MAX_CALLDATA = 120_000
"""Bytes of calldata nodes still accept in one transaction (they refuse 128 KiB)."""

BASE = 21_000
PER_BYTE = 40
"""What a byte of calldata costs at most: the floor of EIP-7623, above the 16 it costs otherwise."""

ANSWER_ITEM = 45_000
"""Hashes, the lock of a bond, the word of the request and the event of one answer, its calldata aside."""

FINALIZE_ITEM = 130_000
"""What settling takes and what the oracle keeps in reserve around a callback."""

MOVE = 400_000
"""What a move of a dispute stores, sends to the oracle and logs."""

JUDGE_SOURCE = 3_000_000
"""Judging an input, a constant, an answer or a model, which has at most 65,536 bytes to hash."""

ROOT = 2_500
"""Hashing and logging a tensor root."""

REVEAL_ITEM = 200_000
"""What revealing a position stores, and hashes of its paths."""

PER_DECODED_BYTE = 100
"""Decoding a byte of a node, which has 6,000 at most."""

PER_REVEALED_BYTE = 20
"""Copying, hashing and logging a byte that is revealed."""


def answer_limit(calldata: int, items: int) -> int:
    """For `answer` and `answerMany` with `items` answers in `calldata` bytes."""
    return BASE + PER_BYTE * calldata + ANSWER_ITEM * items


def finalize_limit(calldata: int, callback_gas: Sequence[int]) -> int:
    """For `finalize`, `finalizeMany` and `deliver` in `calldata` bytes; `callback_gas` holds each item's stipend."""
    callbacks = sum(gas + gas // 63 for gas in callback_gas)
    return BASE + PER_BYTE * calldata + FINALIZE_ITEM * len(callback_gas) + callbacks


def expire_limit(calldata: int) -> int:
    """For `expire` in `calldata` bytes."""
    return BASE + PER_BYTE * calldata + ANSWER_ITEM


def trace_limit(calldata: int, nodes: int) -> int:
    """For `postTrace` of a trace of `nodes` tensors in `calldata` bytes."""
    return move_limit(calldata) + ROOT * nodes


def reveal_limit(calldata: int, items: int) -> int:
    """For `reveal` and `revealMany` of `items` positions in `calldata` bytes."""
    return BASE + (PER_BYTE + PER_REVEALED_BYTE) * calldata + REVEAL_ITEM * items


def prove_limit(calldata: int, judging: int) -> int:
    """For a proof in `calldata` bytes that the verifier judges with `judging` gas at most."""
    return min(BASE + (PER_BYTE + PER_REVEALED_BYTE) * calldata + MOVE + judging, TRANSACTION_CAP)


def move_limit(calldata: int) -> int:
    """For a move of a dispute that reveals and proves nothing, in `calldata` bytes."""
    return BASE + PER_BYTE * calldata + MOVE


def demand_limit(calldata: int) -> int:
    """For `demand` and `openChain` in `calldata` bytes, which may bring a node."""
    return move_limit(calldata) + PER_DECODED_BYTE * calldata


def fit(items: Sequence[T], cost: Callable[[T], tuple[int, int]]) -> list[list[T]]:
    """Cut into lists that one transaction can hold, in order; `cost` yields an item's calldata bytes and its gas."""
    lists: list[list[T]] = []
    size = gas = 0
    for item in items:
        item_size, item_gas = cost(item)
        if not lists or size + item_size > MAX_CALLDATA or gas + item_gas > TRANSACTION_CAP:
            lists.append([])
            size = gas = 0
        lists[-1].append(item)
        size += item_size
        gas += item_gas
    return lists
