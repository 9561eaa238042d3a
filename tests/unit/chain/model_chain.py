"""A chain in memory that can be reorganised and made to lie: what the indexer is compared with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count
from typing import Any

from eth_abi.abi import encode

from oracle.chain.abi import artifact
from oracle.chain.protocol import InputKind, ModelId, Policy, Request, RequestId, checksum
from oracle.chain.rpc import RangeRefused, TransportError
from oracle.chain.scanner import Addresses
from oracle.chain.wire import Block, Log, Receipt

CHAIN_ID = 31_337
ORACLE = checksum("0x" + "0a" * 20)
REGISTRY = checksum("0x" + "0b" * 20)
DISPUTE = checksum("0x" + "0c" * 20)
ADDRESSES = Addresses(ORACLE, REGISTRY, DISPUTE)
OPERATOR = checksum("0x" + "01" * 20)
REQUESTER = checksum("0x" + "02" * 20)
SOFTWARE, MANIFEST = b"\x05" * 32, b"\x06" * 32

Content = tuple[tuple[bytes, ...], bytes]
"""Topics and data of a log."""


def make_request(salt: int, *, operator: str = OPERATOR, callback_gas: int = 0) -> Request:
    """A request that differs from others by its salt; a minute to answer, half a minute's window."""
    policy = Policy(checksum(operator), 1_000, 2_000, 500, 60, 30, 10, 10, 10)
    return Request(
        REQUESTER,
        salt.to_bytes(32, "big"),
        ModelId(b"\x07" * 32),
        InputKind.BYTES,
        b"\x08" * 32,
        policy,
        callback_gas,
    )


def id_of(request: Request) -> RequestId:
    """Its id on the model chain."""
    return request.id(CHAIN_ID, ORACLE)


def content(contract: str, name: str, **arguments: Any) -> Content:
    """Topics and data of an event, encoded by the packaged ABI."""
    entry = next(e for e in artifact(contract).events.values() if e.name == name)
    topics, plain, values = [entry.hash], [], []
    for key, kind, indexed in zip(entry.names, entry.inputs, entry.indexed, strict=True):
        if indexed:
            topics.append(encode([kind], [arguments[key]]))
        else:
            plain.append(kind)
            values.append(arguments[key])
    return tuple(topics), encode(plain, values)


def requested(request: Request, packed: bytes = b"input") -> Content:
    """The event of a new request."""
    return content(
        "InferenceOracle",
        "Requested",
        requestId=id_of(request),
        modelId=request.model_id,
        operator=request.policy.operator,
        request=request.to_abi(),
        input=packed,
    )


def answered(request: Request, attempt: int = 1, output: bytes = b"output") -> Content:
    """The event of an answer."""
    return content(
        "InferenceOracle",
        "Answered",
        requestId=id_of(request),
        operator=OPERATOR,
        attempt=attempt,
        software=SOFTWARE,
        manifestHash=MANIFEST,
        output=output,
    )


def about(name: str, request: Request, **arguments: Any) -> Content:
    """Any other event of a request."""
    return content("InferenceOracle", name, requestId=id_of(request), **arguments)


@dataclass
class ModelChain:
    """Blocks with logs. `fail` is called before every read and may raise; `lie` may change what `logs` yields."""

    chain_id: int = CHAIN_ID
    finalized: int | None = None
    refuse_above: int | None = None
    fail: Callable[[str], None] = lambda _method: None
    lie: Callable[[list[Log]], list[Log]] = lambda logs: logs
    blocks: list[Block] = field(default_factory=list)
    logs_by_hash: dict[bytes, list[Log]] = field(default_factory=dict)
    _salts: Any = field(default_factory=count)

    def __post_init__(self) -> None:
        self.mine()

    def mine(self, *contents: Content, address: str = ORACLE) -> Block:
        """Add a block whose transactions each emit two of the logs."""
        number = len(self.blocks)
        parent = self.blocks[-1].hash if self.blocks else b"\0" * 32
        block_hash = sha256(parent + next(self._salts).to_bytes(8, "big")).digest()
        block = Block(number, block_hash, parent, 1_000_000 + 12 * number, 7)
        self.blocks.append(block)
        self.logs_by_hash[block_hash] = [
            Log(
                checksum(address),
                topics,
                data,
                number,
                block_hash,
                sha256(block_hash + bytes([i // 2])).digest(),
                i // 2,
                i,
                removed=False,
            )
            for i, (topics, data) in enumerate(contents)
        ]
        return block

    def drop(self, depth: int) -> list[list[Log]]:
        """Take the last blocks away; yields their logs, oldest block first."""
        gone = self.blocks[len(self.blocks) - depth :]
        del self.blocks[len(self.blocks) - depth :]
        return [self.logs_by_hash[block.hash] for block in gone]

    def canonical(self, last: int) -> list[Log]:
        """All logs up to block `last`, in order."""
        return [log for block in self.blocks[: last + 1] for log in self.logs_by_hash[block.hash]]

    def block_number(self) -> int:
        self.fail("block_number")
        return len(self.blocks) - 1

    def block(self, tag: int) -> Block:
        self.fail("block")
        if tag >= len(self.blocks):
            raise TransportError(f"The endpoint does not know block {tag}.")
        return self.blocks[tag]

    def finalized_number(self) -> int | None:
        return self.finalized

    def logs(self, addresses: Sequence[str], first: int, last: int) -> list[Log]:
        self.fail("logs")
        if self.refuse_above is not None and last - first + 1 > self.refuse_above:
            raise RangeRefused("query returned more than 10000 results")
        found = [log for log in self.canonical(last) if log.block_number >= first]
        return self.lie([log for log in found if log.address in addresses])

    def logs_of(self, addresses: Sequence[str], block_hash: bytes) -> list[Log]:
        self.fail("logs_of")
        return self.lie([log for log in self.logs_by_hash[block_hash] if log.address in addresses])

    def receipts(self, block_number: int) -> list[Receipt]:
        self.fail("receipts")
        logs = self.logs_by_hash[self.blocks[block_number].hash]
        return [
            Receipt(tx, block_number, log.block_hash, 1, 50_000, 7, REQUESTER, ORACLE)
            for tx, log in {log.tx_hash: log for log in logs}.items()
        ]


def moved(log: Log, number: int) -> Log:
    """The same log claimed to be in another block."""
    return replace(log, block_number=number)
