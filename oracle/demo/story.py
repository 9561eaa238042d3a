"""What `assay demo` plays: a chain, two operators and a keeper, requests by the example consumers, to the end."""

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from oracle.canonical.model import Model
from oracle.canonical.tensor import decode, encode
from oracle.chain.abi import artifact
from oracle.chain.calls import Call
from oracle.chain.events import Answered, Delivered, DeliveryFailed, Expired, Requested, Settled, decode_log
from oracle.chain.history import raw_logs
from oracle.chain.protocol import checksum
from oracle.chain.provider import Log
from oracle.chain.signer import KeySigner
from oracle.demo.audit import Books, audit, require_earned
from oracle.demo.cast import cast, decision_words, expected_event
from oracle.demo.devnet import Devnet
from oracle.demo.processes import Worker
from oracle.demo.report import Line, Report
from oracle.demo.samples import MODELS, describe_answer, sample_model
from oracle.errors import AssayError, WaitTimeout
from oracle.inference.canonical_model import compile_model
from oracle.inference.model_file import load_model_file
from oracle.services.context import Chain, make_sender, open_chain
from oracle.store.database import Store

WINDOW = 4
LIMIT_SECONDS = 85.0
_POLL_SECONDS = 0.2


class Stage(Protocol):
    """Who watches."""

    def tell(self, text: str) -> None:
        """A step has begun."""

    def show(self, lines: Sequence[Line]) -> None:
        """These are the requests now."""


def play(folder: Path, requests: int, stage: Stage) -> Report:
    """Play it, with its files in `folder`; raises `AssayError` if anything is not as it should be."""
    began = time.monotonic()
    lines = [Line(number, ask) for number, ask in enumerate(cast(requests), start=1)]
    with ExitStack() as stack:
        named = {"LendingDesk": "operator-1", "MeterReader": "operator-2"}
        network = stack.enter_context(Devnet.start(folder, window=WINDOW, operators=named, tell=stage.tell))
        stage.tell("Starting two operators and a keeper")
        logs = folder / "devnet"
        workers = [
            stack.enter_context(Worker.start(role, [role.partition("-")[0]], network.config, logs))
            for role in ("operator-1", "operator-2", "keeper")
        ]
        try:
            chain = stack.enter_context(open_chain(network.settings))
            play = _Play(chain, network, lines, stage, began)
            before = play.books()
            stack.callback((store := Store.open(f"sqlite:///{(logs / 'customers.db').resolve()}")).close)
            play.ask(store)
            play.follow(workers)
            stage.tell("Ending the processes")
            for worker in workers:
                worker.end()
            stage.tell("Counting the money")
            after = play.books()
            money = audit(chain.provider, before, after)
            require_earned(before, after, play.earned())
        except AssayError as error:
            said = "\n".join(f"--- {worker.role}\n{worker.tail()}" for worker in workers)
            raise AssayError(f"{error.message}\n{said}", hint=error.hint) from error
        gas = play.gas()
        return Report(tuple(lines), play.models(), gas, _worker_ms(workers), time.monotonic() - began, money)


class _Play:
    """The requests of one demo, followed through the chain's logs."""

    def __init__(self, chain: Chain, network: Devnet, lines: list[Line], stage: Stage, began: float) -> None:
        self._chain, self._network, self._lines, self._stage, self._began = chain, network, lines, stage, began
        self._names = {address: name for name, address in network.consumers.items()}
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
        self._fees: dict[str, int] = {}

    def books(self) -> Books:
        """Everybody's money now."""
        accounts = [checksum(account.address) for account in self._network.accounts.values()]
        customers = [line.ask.account.address for line in self._lines]
        everybody = (*accounts, *customers, *self._network.consumers.values(), self._chain.registry.address)
        return Books.take(self._chain.provider, self._chain.oracle, everybody)

    def ask(self, store: Store) -> None:
        """Let every customer call its consumer; does not wait."""
        self._stage.tell("Customers ask their contracts")
        for name, address in self._network.consumers.items():
            fee = artifact(name).functions["fee"]
            (self._fees[name],) = fee.decode_output(self._chain.provider.call(address, fee.encode()))
        for line in self._lines:
            sender = make_sender(self._chain, store, KeySigner(line.ask.account))
            call = Call(self._network.consumers[line.ask.consumer], line.ask.data, self._fees[line.ask.consumer])
            stored = store.transactions.get(sender.send(call, purpose="ask"))
            self._by_transaction[stored.hashes[-1]] = line
            line.state = "sent"
            self._stage.show(self._lines)

    def follow(self, workers: Sequence[Worker]) -> None:
        """Until every request is final and delivered; raises `WaitTimeout` if that takes too long."""
        self._stage.tell("Operators answer, windows pass, consumers receive")
        while not all(line.done for line in self._lines):
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
        self._compare()

    def earned(self) -> dict[Any, int]:
        """The fees each operator's answers brought, in wei."""
        earned = dict.fromkeys((checksum(self._network.accounts[f"operator-{n}"].address) for n in (1, 2)), 0)
        for line in self._lines:
            operator = next(address for address, role in self._roles.items() if role == line.operator)
            earned[checksum(operator)] += self._fees[line.ask.consumer]
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
        return {kind: round(statistics.median(line.gas[kind] for line in self._lines)) for kind in kinds}

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
        if not isinstance(event, Answered | Settled | Delivered | DeliveryFailed | Expired):
            return
        line = self._by_request[event.request_id]
        match event:
            case Answered():
                line.state, line.operator, line.output = "answered", self._roles[event.operator], event.output
                model = self._programs[line.ask.sample.model].model
                line.answer = describe_answer(line.ask.sample.model, decode(event.output, model.output_tensors))
                self._count("answer", log, line)
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

    def _compare(self) -> None:
        """Every answer against the canonical one, bit for bit, and every decision against the consumer's rule."""
        for line in self._lines:
            program = self._programs[line.ask.sample.model]
            ours = program.run(line.ask.sample.tensors)
            if line.output != encode(ours, program.model.output_tensors):
                raise AssayError(f"Request {line.number} ({line.ask.title}) got another answer than the canonical one.")
            decided, expected = self._decisions[line.request_id][0], expected_event(line.ask, ours)
            if decided != expected:
                raise AssayError(f"Request {line.number}: {line.ask.consumer} emitted {decided}, not {expected}.")


_DECISIONS = {"Approved", "Declined", "Billed", "AnotherReadingAsked", "Accepted", "Rejected"}


def _worker_ms(workers: Sequence[Worker]) -> float:
    """The median over all answers of the time their operator spent on each, in milliseconds."""
    spent: list[float] = [
        event["worker_ms"] for worker in workers for event in worker.events("answered") for _ in range(event["answers"])
    ]
    if not spent:
        raise AssayError("The operators' logs hold no answer.")
    return round(statistics.median(spent), 3)
