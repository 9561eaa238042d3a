"""What endpoints answer instead of a result, told apart. Pure: no I/O.

Nodes agree on JSON-RPC's envelope and on little else, so errors are told apart by their words, in lower case. The
tables below name who says what.
"""

import re
from contextlib import suppress
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from oracle.chain.abi import Entry, artifact
from oracle.chain.protocol import Reason
from oracle.errors import AssayError, ChainError, FundsError, RejectedError

_ERROR_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")

UNDECODABLE = (ValueError, DecodingError, OverflowError, StopIteration)
"""What decoding bytes that do not fit their types may raise."""

_CONTRACTS = {
    "InferenceOracle": "The oracle",
    "ModelRegistry": "The registry",
    "Dispute": "The dispute contract",
    **dict.fromkeys(("StepVerifier", "ProgramFaults", "InputFaults", "AnswerFaults"), "The verifier"),
}
"""What the contracts are called that refuse calls."""


class TransportError(ChainError):
    """An endpoint gave no usable answer: unreachable, slow, an HTTP error, or not JSON-RPC. A read can be retried.

    `delivered` False: the request certainly did not reach it.
    """

    def __init__(self, message: str, *, hint: str | None = None, delivered: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.delivered = delivered


class RateLimited(TransportError):
    """An endpoint asks for fewer requests; `retry_after` is in seconds, if it says so."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, hint="Slow down, or add an endpoint with a larger allowance.", delivered=False)
        self.retry_after = retry_after


class RpcError(ChainError):
    """An endpoint refused a request; `code` is JSON-RPC's."""

    def __init__(self, message: str, *, code: int = 0, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class MethodMissing(RpcError):
    """The endpoint does not serve this method."""


class RangeRefused(RpcError):
    """`eth_getLogs` over too many blocks, or with too many results. Ask for fewer."""


class NonceTooLow(RpcError):
    """The nonce is used already, by this transaction or by another."""


class AlreadyKnown(RpcError):
    """The endpoint has this very transaction in its pool."""


class Underpriced(RpcError):
    """The fees are too low for the pool, or too low to replace what has the same nonce."""


class Revert(RejectedError):
    """A contract reverted. `data` is what it reverted with, `name` the error's name, if it is one of ours."""

    def __init__(self, data: bytes, message: str = "", *, name: str | None = None) -> None:
        super().__init__(message or describe_revert(data))
        self.data = data
        self.name = name if name is not None else error_name(data)


_SENDING: tuple[tuple[type[RpcError], tuple[str, ...]], ...] = (
    (
        AlreadyKnown,
        (
            "already known",  # geth, reth, infura, alchemy; erigon after "ALREADY_EXISTS:"
            "already imported",  # anvil
            "alreadyknown",  # nethermind
            "known transaction",  # besu, older geth
        ),
    ),
    (
        NonceTooLow,
        (
            "nonce too low",  # geth, reth, anvil, erigon, besu
            "nonce is too low",  # hardhat
            "oldnonce",  # nethermind
        ),
    ),
    (
        Underpriced,
        (
            "underpriced",  # geth, reth, anvil, erigon, besu: the pool's floor, or a replacement's
            "less than block base fee",  # geth, reth, anvil
            "txpool is full",  # geth: pay more than the cheapest in it
            "could not replace existing tx",  # erigon
            "feetoolow",  # nethermind, also feetoolowtocompete
            "replacementnotallowed",  # nethermind
        ),
    ),
)
_FUNDS = (
    "insufficient funds",  # geth, reth, anvil, erigon
    "insufficientfunds",  # nethermind
    "upfront cost exceeds",  # besu
)
_RANGE = (
    "query returned more than",  # infura, geth forks
    "response size",  # alchemy: "Log response size exceeded"
    "response is too big",  # ankr
    "too many results",  # nethermind
    "block range",  # alchemy, ankr, chainstack: "block range is too wide", "exceed maximum block range"
    "range too",  # erigon and others: "range too large"
    "max range",  # cloudflare
    "limited to a",  # quicknode: "eth_getLogs is limited to a 10,000 range"
    "exceeds max",  # reth: "query exceeds max results", "query exceeds max block range"
    "query timeout",  # infura, alchemy
    "limit exceeded",  # geth forks
)
_RATE = (
    "rate limit",  # alchemy, ankr
    "rate exceeded",  # infura: "project ID request rate exceeded"
    "request count exceeded",  # infura: "daily request count exceeded"
    "too many requests",  # cloudflare, public nodes
    "capacity",  # alchemy: "exceeded its compute units per second capacity"
)
_RATE_CODES = {429, -32005, -32016, -32029}
_MISSING = ("method not found", "does not exist/is not available", "unsupported method", "not supported")
_FAILED = (
    "evm error",  # anvil
    "invalid opcode",  # geth, reth, erigon
    "out of gas",  # all
    "gas required exceeds allowance",  # geth
)
_BEHIND = (
    "header not found",  # geth
    "unknown block",  # geth, erigon
    "missing trie node",  # geth: pruned, or not there yet
    "blockoutofrange",  # anvil
)


def classify(method: str, error: Any, endpoint: str) -> AssayError:
    """The exception for the `error` member of a reply; `endpoint` is its redacted name."""
    fields = error if isinstance(error, dict) else {"message": str(error)}
    message, data = str(fields.get("message", "")), fields.get("data")
    given = fields.get("code")
    code = given if isinstance(given, int) else 0
    lower = message.lower()
    told = f"{endpoint} refused {method}: {_sentence(message)}"
    reverted = _revert_data(code, lower, data)
    if reverted is not None:
        return Revert(reverted) if reverted else Revert(reverted, _bare_revert(message))
    if method in {"eth_call", "eth_estimateGas"} and any(words in lower for words in _FAILED):
        return Revert(b"", f"The contract failed: {_sentence(message)}")
    if any(words in lower for words in _FUNDS):
        return FundsError(f"The account cannot pay for this transaction ({message}).", hint="Fund it.")
    for kind, phrases in _SENDING:
        if any(words in lower for words in phrases):
            return kind(told, code=code)
    if method == "eth_getLogs" and any(words in lower for words in _RANGE):
        return RangeRefused(told, code=code)
    if code in _RATE_CODES or any(words in lower for words in _RATE):
        return RateLimited(told)
    if any(words in lower for words in _BEHIND):
        return TransportError(told)
    if code == -32601 or any(words in lower for words in _MISSING):
        return MethodMissing(told, code=code)
    return RpcError(told, code=code)


def describe_revert(data: bytes) -> str:
    """A sentence for revert data: our contracts' errors by name and arguments, `Error`, `Panic`, or the bytes."""
    if not data:
        return "The contract reverted without a reason."
    if data[:4] == _ERROR_STRING:
        return f"The contract reverted: {_sentence(_decoded(['string'], data)[0])}"
    if data[:4] == _PANIC:
        return f"The contract failed with panic {_decoded(['uint256'], data)[0]}."
    contract, entry = _error(data)
    if entry is not None:
        with suppress(*UNDECODABLE):
            return _refusal(contract, entry, entry.decode_error(data))
    return f"The contract reverted with 0x{data[:68].hex()}."


def error_name(data: bytes) -> str | None:
    """The name of our contracts' error in revert data; None for anything else."""
    _, entry = _error(data)
    return None if entry is None else entry.name


def _error(data: bytes) -> tuple[str, Entry | None]:
    """Which error of which of our contracts revert data are; a library's may be several's."""
    for name in _CONTRACTS:
        entry = artifact(name).errors.get(data[:4])
        if entry is not None:
            return name, entry
    return "", None


def _refusal(contract: str, entry: Entry, values: tuple[Any, ...]) -> str:
    shown = {key: _shown(key, value) for key, value in zip(entry.names, values, strict=True)}
    if entry.name == "InferenceOracle_Refused":
        return f"The oracle refused request {shown['requestId']}: {shown['reason']}."
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", entry.name.rpartition("_")[2]).lower()
    arguments = ", ".join(f"{key.rstrip('_')} {value}" for key, value in shown.items())
    return f"{_CONTRACTS[contract]} refused the call: {words}{f' ({arguments})' if arguments else ''}."


def _shown(key: str, value: Any) -> str:
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if key == "reason":
        known = value in Reason.__members__.values()
        return Reason(value).name if known else f"reason {value}"
    return str(value)


def _revert_data(code: int, message: str, data: Any) -> bytes | None:
    """The bytes a contract reverted with, b"" if it gave none; None if this is not a revert."""
    if isinstance(data, dict):
        data = data.get("data") or data.get("result")
    text = data if isinstance(data, str) else ""
    if "revert" not in message and code not in {3, -32015} and not text.lower().startswith("reverted"):
        return None
    found = re.search(r"0x((?:[0-9a-fA-F]{2})*)", text)
    return bytes.fromhex(found[1]) if found else b""


def _bare_revert(message: str) -> str:
    reason = message.partition("reverted")[2].strip(" :.")
    return f"The contract reverted: {_sentence(reason)}" if reason else describe_revert(b"")


def _decoded(kinds: list[str], data: bytes) -> tuple[Any, ...]:
    try:
        return decode(kinds, data[4:])
    except UNDECODABLE:
        return (f"0x{data[:68].hex()}",)


def _sentence(text: str) -> str:
    clean = "".join(c if c.isprintable() else " " for c in text).strip()[:300]
    return clean if clean.endswith((".", "!", "?")) else f"{clean}."
