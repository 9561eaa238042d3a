"""The requests of one demo, followed through the chain's logs to their ends."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from eth_typing import ChecksumAddress

from oracle.canonical.model import Model
from oracle.canonical.tensor import decode, encode
from oracle.canonical.tolerance import wrong_elements
from oracle.chain.abi import artifact
from oracle.chain.calls import Call
from oracle.chain.dispute import DisputeContract
from oracle.chain.events import (
    Answered,
    Delivered,
    DeliveryFailed,
    Disputed,
    Expired,
    Refuted,
    Requested,
    Settled,
    decode_log,
)
from oracle.chain.history import raw_logs
from oracle.chain.protocol import checksum
from oracle.chain.provider import Log
from oracle.chain.signer import KeySigner
from oracle.demo.audit import Books
from oracle.demo.cast import decision_words, expected_event
from oracle.demo.devnet import Devnet
from oracle.demo.processes import Worker
from oracle.demo.report import Line
from oracle.demo.samples import MODELS, describe_answer, sample_model
from oracle.errors import AssayError, WaitTimeout
from oracle.inference.canonical_model import compile_model
from oracle.inference.model_file import load_model_file
from oracle.services.context import Chain, make_sender
from oracle.store.database import Store

_Step = Answered | Disputed | Refuted | Settled | Delivered | DeliveryFailed | Expired

LIMIT_SECONDS = 150.0
_POLL_SECONDS = 0.2


class Stage(Protocol):
    """Who watches."""

    def tell(self, text: str) -> None:
        """A step has begun."""

    def show(self, lines: Sequence[Line]) -> None:
        """These are the requests now."""


def require_dispute(chain: Chain) -> DisputeContract:
    """The chain's dispute contract; raises `AssayError` where there is none."""
    if chain.dispute is None:
        raise AssayError("This chain's oracle has no dispute contract.")
    return chain.dispute


class Play:
    """The requests of one demo, followed through the chain's logs."""

    def __init__(self, chain: Chain, network: Devnet, lines: Sequence[Line], stage: Stage, began: float) -> None:
        self._chain, self._network, self._lines, self._stage, self._began = chain, network, lines, stage, began
        groups = (network.consumers, network.second)
        self._names = {address: name for group in groups for name, address in group.items()}
        self._roles = {account.address: role for role, account in network.accounts.items()}
        self._programs = {name: compile_model(load_model_file(model.path)) for name, model in network.models.items()}
        missing = [name for name in MODELS if name not in self._programs]
        if missing:
            raise AssayError(f"The demo needs the model {missing[0]}.", hint="Install `assay-oracle[demo]`.")
        self._next = chain.provider.block_number() + 1
        self._by_transaction: dict[bytes, Line] = {}
        self._by_request: dict[bytes, Line] = {}
        self._items: dict[tuple[str, bytes], int] = {}
        self._decisions: dict[bytes, tuple[str, dict[str, Any]]] = {}
        self._fees: dict[ChecksumAddress, int] = {}
        for address, name in self._names.items():
            fee = artifact(name).functions["fee"]
            (self._fees[address],) = fee.decode_output(chain.provider.call(address, fee.encode()))

    def books(self) -> Books:
        """Everybody's money now."""
        accounts = [checksum(account.address) for account in self._network.accounts.values()]
        customers = [line.ask.account.address for line in self._lines]
        everybody = (*accounts, *customers, *self._names, self._chain.registry.address)
        return Books.take(self._chain.provider, self._chain.oracle, require_dispute(self._chain), everybody)

    def ask(self, lines: Sequence[Line], store: Store) -> None:
        """Let customers call their consumers; does not wait."""
        for line in lines:
            sender = make_sender(self._chain, store, KeySigner(line.ask.account))
            call = Call(line.contract, line.ask.data, self._fees[line.contract])
            stored = store.transactions.get(sender.send(call, purpose="ask"))
            self._by_transaction[stored.hashes[-1]] = line
            line.state = "sent"
            self._stage.show(self._lines)

    def follow(self, workers: Sequence[Worker], until: Callable[[], bool]) -> None:
        """Until something holds; raises `WaitTimeout` if that takes too long."""
        while not until():
            for worker in workers:
                worker.require_running()
            self._network.require_running()
            head = self._chain.provider.block_number()
            addresses = [self._chain.oracle.address, *self._names]
            for log in raw_logs(self._chain.provider, addresses, self._next, head):
                self._take(log)
            self._next = head + 1
            self._stage.show(self._lines)
            if time.monotonic() - self._began > LIMIT_SECONDS:
                states = ", ".join(f"{line.number} {line.state}" for line in self._lines if not line.done)
                raise WaitTimeout(f"After {LIMIT_SECONDS:.0f} s not everything is final: {states}.")
            time.sleep(_POLL_SECONDS)

    def earned(self) -> dict[Any, int]:
        """The fees each operator's answers brought, in wei."""
        earned = dict.fromkeys((checksum(self._network.accounts[f"operator-{n}"].address) for n in (1, 2)), 0)
        for line in self._lines:
            operator = next(address for address, role in self._roles.items() if role == line.operator)
            earned[checksum(operator)] += self._fees[line.contract]
        return earned

    def models(self) -> dict[str, Model]:
        """The models as they were published, by name."""
        return {name: sample_model(name, program) for name, program in self._programs.items()}

    def gas(self) -> dict[str, int]:
        """Medians of gas per request, in equal shares where one transaction served several."""
        used: dict[bytes, int] = {}
        for line in self._lines:
            for kind, tx_hash in line.transactions.items():
                if tx_hash not in used:
                    receipt = self._chain.provider.receipt(tx_hash)
                    if receipt is None:
                        raise AssayError(f"The chain has lost transaction 0x{tx_hash.hex()}.")
                    used[tx_hash] = receipt.gas_used
                line.gas[kind] = used[tx_hash] // self._items[kind, tx_hash]
            delivered = line.gas.pop("deliver")
            if line.transactions["deliver"] != line.transactions["finalize"]:
                line.gas["finalize"] += delivered
            line.gas["lifecycle"] = sum(line.gas.values())
        kinds = ("request", "answer", "finalize", "lifecycle")
        return {
            kind: round(statistics.median(line.gas[kind] for line in self._lines if not line.liar)) for kind in kinds
        }

    def _take(self, log: Log) -> None:
        name = self._names.get(log.address)
        if name is not None:
            entry = artifact(name).events.get(log.topics[0])
            if entry is not None and "requestId" in entry.names:
                values = entry.decode_log(log.topics, log.data)
                self._decide(values["requestId"], entry.name, values)
            return
        event = decode_log(log.topics, log.data)
        if isinstance(event, Requested) and log.tx_hash in self._by_transaction:
            line = self._by_transaction[log.tx_hash]
            line.request_id, line.state = event.request_id, "requested"
            self._by_request[event.request_id] = line
            self._count("request", log, line)
        if isinstance(event, _Step):
            self._advance(self._by_request[event.request_id], event, log)

    def _advance(self, line: Line, event: _Step, log: Log) -> None:
        match event:
            case Answered():
                line.state, line.operator, line.output = "answered", self._roles[event.operator], event.output
                model = self._programs[line.ask.sample.model].model
                line.answer = describe_answer(line.ask.sample.model, decode(event.output, model.output_tensors))
                self._count("answer", log, line)
            case Disputed():
                line.state = "disputed"
            case Refuted():
                line.state, line.liar, line.lie = "refuted", line.operator, line.answer
            case Settled():
                line.state = "final"
                self._count("finalize", log, line)
            case Delivered():
                line.state = "delivered"
                self._count("deliver", log, line)
            case DeliveryFailed() | Expired():
                raise AssayError(f"Request {line.number} ({line.ask.title}): {type(event).__name__}.")

    def _count(self, kind: str, log: Log, line: Line) -> None:
        line.transactions[kind] = log.tx_hash
        self._items[kind, log.tx_hash] = self._items.get((kind, log.tx_hash), 0) + 1

    def _decide(self, request_id: bytes, name: str, values: dict[str, Any]) -> None:
        line = self._by_request.get(request_id)
        if line is not None and name in _DECISIONS:
            line.decision = decision_words(line.ask, name, values)
            self._decisions[request_id] = name, values

    def wrong_final(self) -> int:
        """How many final answers are not right by the canonical run."""
        return sum(bool(self._wrong(line)) for line in self._lines if "finalize" in line.transactions)

    def compare(self) -> None:
        """Every answer against the canonical one, bit for bit, and every decision against the consumer's rule."""
        for line in self._lines:
            program = self._programs[line.ask.sample.model]
            ours = program.run(line.ask.sample.tensors)
            if line.output != encode(ours, program.model.output_tensors):
                raise AssayError(f"Request {line.number} ({line.ask.title}) got another answer than the canonical one.")
            decided, expected = self._decisions[line.request_id][0], expected_event(line.ask, ours)
            if decided != expected:
                raise AssayError(f"Request {line.number}: {line.ask.consumer} emitted {decided}, not {expected}.")

    def _wrong(self, line: Line) -> list[tuple[int, int]]:
        model, program = self.models()[line.ask.sample.model], self._programs[line.ask.sample.model]
        given = decode(line.output, program.model.output_tensors)
        return wrong_elements(given, program.run(line.ask.sample.tensors), model.outputs)


_DECISIONS = {"Approved", "Declined", "Billed", "AnotherReadingAsked", "Accepted", "Rejected"}
