"""Moves of a dispute as transactions on a real chain: what they take against the limits they are sent with."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from eth_utils.crypto import keccak

from oracle.canonical.layers import Position
from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.program import LOWERING_VERSION, Program
from oracle.canonical.prove import CommittedTrace
from oracle.canonical.tensor import DType, TensorSpec
from oracle.chain.anvil import Anvil, dev_account
from oracle.chain.calls import Answer, Call, OracleContract
from oracle.chain.deploy import LOCAL, deploy
from oracle.chain.dispute import DisputeContract
from oracle.chain.fees import FeeRules
from oracle.chain.gas import MAX_CALLDATA, TRANSACTION_CAP, move_limit, trace_limit
from oracle.chain.policy import sensible_policy
from oracle.chain.protocol import GWEI, AnswerRef, InputKind, ModelId, Request, Subject, environment_hash
from oracle.chain.provider import Provider
from oracle.chain.sender import Sender
from oracle.chain.signer import KeySigner
from oracle.services.defending.defence import fitting, reveal_call
from oracle.store.database import Store

NODES = 256
"""As many tensors as have their roots posted with the trace."""
INPUT = np.arange(16, dtype=np.float32)
LARGE = 2**20
"""Elements of a tensor of 2^14 leaves: its last layer shows 32 KiB."""


def copied(source: int, size: int, count: int) -> Node:
    """A node of `count` elements that repeats tensor `source` of `size`."""
    dims = (count // size, size)
    view = View((Coordinate(size, terms=((1, 1),)),))
    return Node(Kind.MAP, Fn.PICK, DType.FLOAT, dims, operands=(Operand(source, DType.FLOAT, view),), values=1)


def program() -> Program:
    """An input, a large tensor of it, and small ones up to the most that have their roots posted."""
    source = Node(Kind.INPUT, 0, DType.FLOAT, (16,))
    small = [copied(0, 16, 16) for _ in range(NODES - 2)]
    return Program(LOWERING_VERSION, (source, copied(0, 16, LARGE), *small), {}, 1)


@dataclass(frozen=True)
class Game:
    """A challenged answer on anvil, and who plays."""

    anvil: Anvil
    provider: Provider
    dispute: DisputeContract
    senders: Sequence[Sender]
    model: Model
    trace: CommittedTrace
    subject: Subject

    def gas(self, call: Call, limit: int, who: int = 0) -> int:
        """What a call takes when it is sent with `limit`; it must succeed."""
        return self.senders[who].execute(call, purpose="other", gas_limit=limit).gas_used


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Game]:
    """The operator is the first sender, challengers the others."""
    made = program()
    scattered = np.random.default_rng(0).standard_normal(LARGE, np.float32)  # bytes of value 0 would cost less
    tensors = [INPUT, scattered, *[INPUT] * (NODES - 2)]
    trace = CommittedTrace(made, tensors)
    spec = TensorSpec(DType.FLOAT, (16,))
    model = Model(trace.program_root, NODES, 6_000_000, (spec,), (OutputSpec(spec),), bytes(32))
    packed = INPUT.astype(">f4").tobytes()
    with Anvil.start() as anvil, ExitStack() as closing:
        provider = Provider([anvil.url], chain_id=31_337)
        closing.callback(provider.close)
        senders = []
        for number in range(4):
            store = Store.open(f"sqlite:///{Path(tmp_path_factory.mktemp('outbox')) / 'outbox.db'}")
            closing.callback(store.close)
            senders.append(Sender(provider, KeySigner(dev_account(number)), store, FeeRules()))
        me = senders[0]
        deployment = deploy(me, LOCAL)
        oracle = OracleContract(deployment.oracle)
        policy = sensible_policy(LOCAL, GWEI, answer_time=3_600, window=3_600)
        request = Request(
            me.address, bytes(32), ModelId(model.id), InputKind.BYTES, keccak(packed), replace(policy, move_time=3_600)
        )
        me.execute(oracle.deposit(me.address, 10**18), purpose="other")
        me.execute(oracle.request(request, packed), purpose="other")
        me.execute(oracle.answer(Answer(request, 1, packed), bytes(32), bytes(32)), purpose="other")
        ref = AnswerRef(me.address, environment_hash(bytes(32), bytes(32)), keccak(packed))
        dispute = DisputeContract(deployment.dispute)
        found = Game(anvil, provider, dispute, senders, model, trace, Subject(request, ref, 1))
        challenge = dispute.challenge(request, ref, model, policy.challenger_bond * GWEI)
        assert found.gas(challenge, move_limit(len(challenge.data)), who=1) > 100_000
        yield found


def test_every_move_of_a_defence_stays_within_its_gas_limit(game: Game) -> None:
    """A move that runs out of gas is a move not made, and its deadline passes."""
    dispute, trace, subject = game.dispute, game.trace, game.subject
    game_id = dispute.id_of(game.provider, subject)
    bond = subject.request.policy.challenger_bond * GWEI
    used: dict[str, tuple[int, int]] = {}

    def make(name: str, call: Call, limit: int, who: int = 0) -> None:
        assert limit <= TRANSACTION_CAP
        assert len(call.data) <= MAX_CALLDATA
        used[name] = (game.gas(call, limit, who), limit)

    post = dispute.post_trace(subject, trace.root, trace.roots)
    make("trace", post, trace_limit(len(post.data), NODES))
    node = (trace.program.encoded[1], trace.program.path(1))
    top = Position(1, 0, 0)
    demand = dispute.demand(game_id, top, *node)
    make("demand", demand, move_limit(len(demand.data)), who=1)
    make("hashes", *reveal_call(dispute, game_id, [trace.reveal(top)]))
    leaves = [Position(1, 1, index) for index in range(3)]
    for who, position in enumerate(leaves, start=1):
        if who == 1:
            call = dispute.demand(game_id, position, b"", ())
        else:
            call = dispute.open_chain(game_id, position, b"", (), bond)
        make(f"demand {who}", call, move_limit(len(call.data)), who)
    revelations = [trace.reveal(position) for position in leaves]
    make("leaves", *reveal_call(dispute, game_id, revelations[:1]))
    (some,) = fitting(revelations)
    make("many leaves", *reveal_call(dispute, game_id, some))
    game.anvil.advance(dispute.end_of(game.provider, game_id) - game.provider.block("latest").timestamp)
    resolve = dispute.resolve(subject)
    make("resolve", resolve, move_limit(len(resolve.data)))
    credit = dispute.credit_of(game.provider, game.senders[0].address)
    assert credit == 3 * bond * 3 // 4
    withdraw = dispute.withdraw(credit, game.senders[0].address)
    make("withdraw", withdraw, move_limit(len(withdraw.data)))
    print(*used.items(), sep="\n")
    assert {name: figures for name, figures in used.items() if figures[0] > figures[1] * 9 // 10} == {}
