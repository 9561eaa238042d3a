"""Gas limits by formula: estimating costs a call, and a batch that skips what lacks gas would estimate too low.

Each is an upper bound, checked against receipts by the end-to-end tests; what is not used is not paid.
"""

from collections.abc import Sequence

TRANSACTION_CAP = 2**24
"""Most gas one transaction may have (EIP-7825)."""

BASE = 21_000
PER_BYTE = 40
"""What a byte of calldata costs at most: the floor of EIP-7623, above the 16 it costs otherwise."""

ANSWER_ITEM = 45_000
"""Hashes, the lock of a bond, the word of the request and the event of one answer, its calldata aside."""

FINALIZE_ITEM = 130_000
"""What settling takes and what the oracle keeps in reserve around a callback."""


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
