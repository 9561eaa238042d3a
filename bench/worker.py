"""How fast an operator is: a real process on a real chain, asked one by one and by the thousand.

Its own time is from a request's log being read and decoded to the signed answer being handed to the HTTP client, less
`session.run` and waits for the endpoint; the operator measures it and logs it with every answer.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from eth_utils.crypto import keccak

from oracle.canonical.tensor import encode
from oracle.chain.calls import OracleContract
from oracle.chain.deploy import LOCAL
from oracle.chain.events import Answered, decode_log
from oracle.chain.policy import sensible_policy
from oracle.chain.protocol import GWEI, InputKind, ModelId, Policy, Request, checksum
from oracle.chain.provider import Provider
from oracle.chain.sender import Sender
from oracle.demo.devnet import Devnet
from oracle.demo.processes import Worker
from oracle.demo.samples import credit_applicants
from oracle.inference.model_file import load_model_file
from oracle.services.context import open_chain, open_sender

SINGLES = 60
WARM_UP = 10
MANY = 1_500
_ANSWER_SECONDS = 120.0
_PAUSE = 0.25
_OPERATOR = "max_open_answers = 100000\nsettle = false\nthreads = 1\n"
REQUEST_GAS = 70_000
BLOCK_GAS = 30_000_000


@dataclass(frozen=True, slots=True)
class Load:
    """Real inputs of the credit model, and who asks."""

    sender: Sender
    oracle: OracleContract
    model_id: ModelId
    policy: Policy
    inputs: Sequence[bytes]

    @property
    def provider(self) -> Provider:
        """The chain."""
        return self.sender.provider

    def ask(self, number: int) -> None:
        """Send one request, without waiting for it."""
        packed = self.inputs[number % len(self.inputs)]
        salt = os.urandom(32)
        request = Request(self.sender.address, salt, self.model_id, InputKind.BYTES, keccak(packed), self.policy)
        self.sender.send(self.oracle.request(request, packed), purpose="request", gas_limit=200_000)

    def answered(self, first: int) -> int:
        """How many answers there are in blocks from `first` on."""
        logs = self.provider.logs([self.oracle.address], first, self.provider.block_number())
        return sum(isinstance(decode_log(log.topics, log.data), Answered) for log in logs)


def measure(folder: Path) -> dict[str, float]:
    """The figures of `build/bench.json`'s `worker`."""
    with Devnet.start(folder, window=3_600) as devnet, _load(devnet) as load:
        config = devnet.config.read_text()
        devnet.config.write_text(config.replace("[operator]\n", f"[operator]\n{_OPERATOR}", 1))
        command = ("operator", "--model", str(devnet.models["credit"].path))
        with Worker.start("operator-1", command, devnet.config, folder) as worker:
            _until(lambda: worker.require_running() or bool(worker.events("started")), "the operator did not start")
            times = _singles(devnet, load, worker)
            _fund(devnet, load)
            per_second = _many(devnet, load)
            worker.end()
    return {
        "ms_p50": round(statistics.median(times), 3),
        "ms_p99": round(statistics.quantiles(times, n=100)[98], 3),
        "answers_per_s": round(per_second, 1),
    }


def _singles(devnet: Devnet, load: Load, worker: Worker) -> list[float]:
    """Ask one by one, each in a block of its own; yields the operator's own milliseconds for each answer."""
    _mine_at_once(devnet, yes=True)
    for number in range(WARM_UP + SINGLES):
        first = load.provider.block_number() + 1
        load.ask(number)
        _until(partial(load.answered, first), "the operator did not answer")
    answered = [event for event in worker.events("answered") if event["answers"] == 1]
    return [event["worker_ms"] for event in answered[-SINGLES:]]


def _many(devnet: Devnet, load: Load) -> float:
    """Ask by the thousand while no block is made, then let blocks come: answers per second from the first of them."""
    first = load.provider.block_number() + 1
    _mine_at_once(devnet, yes=False)
    for number in range(MANY):
        load.ask(number)
    _mine_at_once(devnet, yes=True)
    began = time.perf_counter()
    for _ in range(MANY * REQUEST_GAS // BLOCK_GAS + 1):
        devnet.anvil.rpc("evm_mine")
    _until(lambda: load.answered(first) >= MANY, "not all requests were answered")
    return MANY / (time.perf_counter() - began)


@contextmanager
def _load(devnet: Devnet) -> Iterator[Load]:
    file = load_model_file(devnet.models["credit"].path)
    inputs = [encode(sample.tensors, file.model.inputs) for sample in credit_applicants(range(100))]
    policy = sensible_policy(LOCAL, GWEI, answer_time=3_600, window=3_600)
    with open_chain(devnet.settings) as chain, open_sender(chain) as sender:
        yield Load(sender, chain.oracle, ModelId(bytes.fromhex(devnet.models["credit"].model_id[2:])), policy, inputs)


def _fund(devnet: Devnet, load: Load) -> None:
    """Enough stake for every bond at once."""
    operator = checksum(devnet.accounts["operator-1"].address)
    load.sender.execute(load.oracle.deposit(operator, MANY * load.policy.operator_bond * GWEI), purpose="deposit")


def _mine_at_once(devnet: Devnet, *, yes: bool) -> None:
    """Whether anvil makes a block for each transaction; if not, it makes none by itself."""
    devnet.anvil.rpc("evm_setIntervalMining", 0)
    devnet.anvil.rpc("evm_setAutomine", yes)


def _until(done: Callable[[], object], otherwise: str) -> None:
    deadline = time.monotonic() + _ANSWER_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(otherwise)
        time.sleep(_PAUSE)
