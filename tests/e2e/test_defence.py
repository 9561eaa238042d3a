"""An honest operator is challenged: it posts, reveals, resolves and is paid, whatever kills it on the way."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from eth_utils.crypto import keccak

from oracle.canonical.layers import Position
from oracle.canonical.model import Model
from oracle.canonical.program.node import Kind
from oracle.canonical.prove import CommittedProgram
from oracle.chain.anvil import dev_account
from oracle.chain.dispute import DisputeContract
from oracle.chain.events import (
    Answered,
    CreditWithdrawn,
    DemandForfeited,
    Event,
    ModelPublished,
    Requested,
    Revealed,
    TracePosted,
    Upheld,
    decode_log,
)
from oracle.chain.fees import FeeRules
from oracle.chain.protocol import GWEI, AnswerRef, GameId, RequestId, Status, Subject, environment_hash
from oracle.chain.sender import Sender
from oracle.chain.signer import KeySigner
from oracle.demo.devnet import Devnet
from oracle.demo.processes import Worker
from oracle.inference.canonical_model import CanonicalModel, compile_model
from oracle.inference.model_file import load_model_file
from oracle.store.database import Store
from tests.e2e.asking import Asker

T = TypeVar("T", bound=Event)

TIMES = {"window": 30, "trace_time": 30, "move_time": 30, "proof_period": 30}
STRANGERS = (20, 21, 22)
"""Accounts of anvil that nobody else uses here."""


@dataclass(frozen=True)
class Stage:
    """A devnet, its contracts, and a model's program to demand from."""

    devnet: Devnet
    asker: Asker
    dispute: DisputeContract
    program: CanonicalModel
    model: Model

    def events(self, kind: type[T]) -> list[T]:
        """All events of a kind, in order."""
        provider = self.asker.provider
        deployment = self.devnet.deployment
        addresses = [deployment.oracle, deployment.registry, deployment.dispute]
        decoded = (decode_log(log.topics, log.data) for log in provider.logs(addresses, 0, provider.block_number()))
        return [event for event in decoded if isinstance(event, kind)]

    def wait(self, found: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait until something holds, else fail."""
        deadline = time.monotonic() + seconds
        while not found():
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
            self.asker.sender.poll()
            time.sleep(0.1)

    def subject(self, request_id: RequestId) -> Subject:
        """The answer to a request, once it is there."""
        self.wait(lambda: any(each.request_id == request_id for each in self.events(Answered)), "the answer")
        (asked,) = [each for each in self.events(Requested) if each.request_id == request_id]
        (told,) = [each for each in self.events(Answered) if each.request_id == request_id]
        environment = environment_hash(told.software, told.manifest_hash)
        return Subject(asked.request, AnswerRef(told.operator, environment, keccak(told.output)), told.attempt)

    def computed(self) -> list[int]:
        """The tensors that can be demanded."""
        nodes = self.program.plan.program.nodes
        return [k for k, node in enumerate(nodes) if node.kind not in (Kind.INPUT, Kind.CONST)]

    def pass_time(self, seconds: int) -> None:
        """Let the chain's time pass."""
        self.devnet.anvil.rpc("evm_increaseTime", seconds)


@pytest.fixture(scope="module")
def stage(devnet: Devnet, asker: Asker) -> Stage:
    """The credit model's, on the module's devnet."""
    program = compile_model(load_model_file(devnet.models["credit"].path))
    found = Stage(devnet, asker, DisputeContract(devnet.deployment.dispute), program, program.model)
    (published,) = [each for each in found.events(ModelPublished) if each.model_id == asker.model_id]
    assert published.model is not None
    return Stage(devnet, asker, found.dispute, program, published.model)


@pytest.fixture
def challengers(stage: Stage, tmp_path: Path) -> Iterator[list[Sender]]:
    """Accounts that challenge and demand."""
    store = Store.open(f"sqlite:///{tmp_path / 'outbox.db'}")
    try:
        yield [Sender(stage.asker.provider, KeySigner(dev_account(number)), store, FeeRules()) for number in STRANGERS]
    finally:
        store.close()


@contextmanager
def operator(stage: Stage) -> Iterator[Worker]:
    """A running operator of the credit model."""
    command = ("operator", "--model", str(stage.devnet.models["credit"].path))
    with Worker.start("operator-1", command, stage.devnet.config, stage.devnet.config.parent) as worker:
        yield worker


def kill(worker: Worker) -> None:
    """End it without a chance to tidy."""
    worker.process.kill()
    worker.process.wait()


def demand(stage: Stage, senders: Sequence[Sender], game_id: GameId, tensors: Sequence[int]) -> None:
    """Each account demands a tensor's first layer: the opener with its bond's, the others with one of their own."""
    committed = CommittedProgram(stage.program.plan.program)
    bond = stage.asker.policy.challenger_bond * GWEI
    for sender, tensor in zip(senders, tensors, strict=True):
        opening = (game_id, Position(tensor, 0, 0), committed.encoded[tensor], committed.path(tensor))
        first = sender is senders[0]
        call = stage.dispute.demand(*opening) if first else stage.dispute.open_chain(*opening, bond)
        sender.execute(call, purpose="other")


def test_attack_48_a_challenged_operator_that_is_killed_again_and_again_is_upheld_and_paid(
    stage: Stage, challengers: list[Sender]
) -> None:
    """Killed before it posts, before it reveals and before it resolves: the chain tells it where it was."""
    me = stage.devnet.accounts["operator-1"].address
    dispute, provider, tensors = stage.dispute, stage.asker.provider, stage.computed()
    with operator(stage) as worker:
        (asked,) = stage.asker.ask(1, operator=me, **TIMES)
        subject = stage.subject(asked)
        kill(worker)
    game_id = subject.game_id(provider.chain_id, stage.devnet.deployment.oracle)
    bond = subject.request.policy.challenger_bond * GWEI
    opener = challengers[0]
    opener.execute(dispute.challenge(subject.request, subject.ref, stage.model, bond), purpose="other")
    with operator(stage) as worker:
        stage.wait(lambda: bool(stage.events(TracePosted)), "the trace")
        kill(worker)
    demand(stage, challengers, game_id, tensors[:3])
    with operator(stage) as worker:
        stage.wait(lambda: len(stage.events(Revealed)) == 3, "three reveals")
        demand(stage, challengers[:1], game_id, tensors[3:4])
        stage.wait(lambda: len(stage.events(Revealed)) == 4, "the fourth reveal")
        kill(worker)
    stage.pass_time(dispute.end_of(provider, game_id) - provider.block("latest").timestamp)
    with operator(stage) as worker:
        stage.asker.wait_for([asked], {Status.FINAL})
        stage.wait(lambda: bool(stage.events(CreditWithdrawn)), "the credit")
        worker.end()
    (upheld,) = stage.events(Upheld)
    assert (upheld.game_id, upheld.operator) == (game_id, me)
    assert upheld.credited == 3 * bond * 3 // 4
    assert [each.amount for each in stage.events(CreditWithdrawn)] == [upheld.credited]
    assert len(stage.events(TracePosted)) == 1
    assert [each.position.tensor for each in stage.events(Revealed)] == tensors[:4]
    assert stage.events(DemandForfeited) == []
    stake = stage.asker.oracle.stake_of(provider, me)
    assert stake.locked == 0
    assert stake.balance >= 10**19
