"""The defence: every game over an answer of ours gets its trace and its reveals in time, whatever happens between."""

from dataclasses import replace

import numpy as np
import pytest
from eth_abi.abi import decode as decode_abi
from structlog.testing import capture_logs

from oracle.canonical.layers import TRACE, Position
from oracle.canonical.tensor import encode
from oracle.canonical.tracing import trace_of
from oracle.chain.dispute import DisputeContract
from oracle.chain.events import Challenged, Demanded, Revealed, TracePosted, Upheld
from oracle.chain.gas import MAX_CALLDATA, TRANSACTION_CAP
from oracle.chain.protocol import ModelId, Subject
from oracle.metrics import DefenceFailure
from oracle.services.defending import defence as module
from oracle.services.defending.defence import Defence, fitting, reveal_call
from oracle.services.moves import Moves
from oracle.services.operator import Operator
from oracle.services.serving import Served
from oracle.settings import OperatorSettings
from tests.unit.chain.mempool import ME, Crash, killed_before
from tests.unit.chain.model_chain import CHAIN_ID, DISPUTE, ORACLE, id_of, requested
from tests.unit.services.world import MOVES, OTHER, World, answered_by, ask, compiled, model_file, with_program

MODEL = with_program("digits")
PROGRAM = compiled("digits")
SERVED = {ModelId(MODEL.id): Served(MODEL, model_file("digits"), PROGRAM)}
PIXELS = np.linspace(0, 16, 64, dtype=np.float32)
PACKED = PIXELS.astype(">f4").tobytes()
TRUTH = trace_of(PROGRAM.plan, MODEL.inputs, PACKED)
RIGHT = encode(PROGRAM.run([PIXELS.reshape(MODEL.inputs[0].shape)]), MODEL.output_tensors)
WRONG = encode([output + 1 for output in PROGRAM.run([PIXELS.reshape(MODEL.inputs[0].shape)])], MODEL.output_tensors)
COMPUTED = [k for k, node in enumerate(PROGRAM.plan.program.nodes) if node.kind.name not in {"INPUT", "CONST"}]
TIMES = {"trace_time": 100, "move_time": 120, "window": 600, "proof_period": 200}


@pytest.fixture
def world(tmp_path):
    """A chain with disputes."""
    made = World(tmp_path, Operator.kinds, disputed=True)
    yield made
    made.store.close()


@pytest.fixture
def make(world):
    """Makes a defence, as after a start."""

    def _make(*, dry_run=False, **chosen):
        settings = OperatorSettings(**chosen)
        moves = Moves(world.sender, world.store, dry_run=dry_run)
        return Defence(world.follower, moves, world.dispute, settings, {MODEL.program_root: 1.5}, 1)

    return _make


class Challenge:
    """A challenged answer of ours."""

    def __init__(self, world, salt=1, output=RIGHT, operator=ME, model=MODEL, **terms):
        self.world = world
        self.request = ask(salt, model, PACKED, operator=operator, **(TIMES | terms))
        world.mine(requested(self.request, PACKED))
        world.mine(answered_by(operator, self.request, output))
        world.follower.follow()
        stored = world.store.requests.get(id_of(self.request))
        self.subject = Subject(self.request, stored.ref, 1)
        self.id = self.subject.game_id(CHAIN_ID, ORACLE)
        world.tell(Challenged(self.id, id_of(self.request), OTHER, operator, 1))

    @property
    def game(self):
        """How it stands."""
        return self.world.store.games.get(self.id)

    def posted(self, trace=TRUTH):
        """The trace is on the chain."""
        self.world.tell(TracePosted(self.id, trace.root, trace.roots))

    def demand(self, *positions, due_in=120):
        """Somebody demands positions."""
        due = self.world.chain.blocks[-1].timestamp + 12 + due_in
        self.world.tell(*(Demanded(self.id, OTHER, position, due) for position in positions))

    def revealed(self, *positions):
        """They are on the chain."""
        self.world.tell(*(Revealed(self.id, each, TRUTH.reveal(each).data) for each in positions))


def step(world, defence):
    """One step at the chain's time."""
    return defence.step(SERVED, world.follower.follow().timestamp)


def failures(world, reason):
    """How often a defence failed for a reason."""
    return world.metrics.defence_failures.labels(reason)._value.get()


def first_layers(count):
    """The first layers of some computed tensors."""
    return [Position(tensor, 0, 0) for tensor in COMPUTED[:count]]


def shown_by(data):
    """The positions that a call reveals."""
    name = "reveal" if data[:4] == MOVES["reveal"].selector else "revealMany"
    _, given = decode_abi(MOVES[name].inputs, data[4:])
    return [Position(*each[0]) for each in ([given] if name == "reveal" else given)]


def test_a_challenged_answer_gets_its_trace_once(world, make):
    """With its tensor roots, so that nobody needs to ask for them; never twice, not even after a restart."""
    challenge, defence = Challenge(world), make()
    assert step(world, defence)
    assert world.sent() == ["postTrace"]
    assert world.last().data == world.dispute.post_trace(challenge.subject, TRUTH.root, TRUTH.roots).data
    assert not step(world, defence)
    assert not step(world, make())
    challenge.posted()
    assert not step(world, make())
    assert world.sent() == ["postTrace"]


def test_a_trace_of_many_tensors_is_posted_without_their_roots(world, make, monkeypatch):
    """The contract takes them for small programs only; for others they are demanded in layers."""
    monkeypatch.setattr(module, "MOST_ROOTS", 15)
    challenge = Challenge(world)
    step(world, make())
    assert world.last().data == world.dispute.post_trace(challenge.subject, TRUTH.root, ()).data
    challenge.posted(type("Bare", (), {"root": TRUTH.root, "roots": ()}))
    position = Position(TRACE, 0, 0)
    challenge.demand(position)
    step(world, make())
    assert world.last().data == world.dispute.reveal(challenge.id, TRUTH.reveal(position)).data


def test_one_demand_is_revealed_alone_and_several_together(world, make):
    """Each transaction costs its base and a nonce that the next one waits for."""
    challenge, defence = Challenge(world), make()
    step(world, defence)
    challenge.posted()
    one, *more = first_layers(4)
    challenge.demand(one)
    step(world, defence)
    assert world.last().data == world.dispute.reveal(challenge.id, TRUTH.reveal(one)).data
    challenge.revealed(one)
    challenge.demand(*more)
    step(world, defence)
    assert world.sent() == ["postTrace", "reveal", "revealMany"]
    assert shown_by(world.last().data) == more


def test_what_is_being_revealed_is_not_revealed_again_beside_what_is_new(world, make):
    """A reveal that others joined or followed must not be paid for twice, before or after a restart."""
    challenge = Challenge(world)
    challenge.posted()
    one, two, three, _ = first_layers(4)
    challenge.demand(one)
    step(world, make())
    held = dict(world.node.pool)
    world.node.pool.clear()
    challenge.demand(two, three)
    world.node.pool.update(held)
    step(world, make())
    assert [shown_by(each.data) for each in world.node.seen] == [[one], [two, three]]
    assert not step(world, make())


def test_attack_12_a_flood_of_demands_is_met_in_the_order_they_fall_due(world, make):
    """Many challengers cost many transactions that fit into blocks, and none of them is late."""
    tight, wide = Challenge(world, 1), Challenge(world, 2)
    for each in (wide, tight):
        each.posted()
    wide.demand(*first_layers(len(COMPUTED)), due_in=110)
    tight.demand(*first_layers(len(COMPUTED)), due_in=50)
    step(world, make())
    while step(world, make()):
        pass
    assert [each.data[4:36] for each in world.node.seen] == [tight.id, wide.id]
    assert all(shown_by(each.data) == first_layers(len(COMPUTED)) for each in world.node.seen)


def test_attack_88_a_move_that_cannot_be_paid_holds_up_no_cheaper_one(world, make):
    """Demands made to be dear in one game must not lose another; and what there is pays for what is due first."""
    tight, wide = Challenge(world, 1), Challenge(world, 2)
    for each in (wide, tight):
        each.posted()
    positions = first_layers(4)
    wide.demand(*positions, due_in=110)
    tight.demand(*positions, due_in=50)
    _, gas = reveal_call(world.dispute, tight.id, [TRUTH.reveal(position) for position in positions[:1]])
    world.node.wealth = 2 * gas * 3 * world.node.base_fee
    defence = make()
    assert step(world, defence)
    assert [(each.data[4:36], shown_by(each.data)) for each in world.node.pool.values()] == [(tight.id, positions[:1])]
    while step(world, defence):
        pass
    shown = [(each.data[4:36], position) for each in world.node.pool.values() for position in shown_by(each.data)]
    assert sorted(shown) == sorted((game.id, position) for game in (tight, wide) for position in positions)
    assert failures(world, DefenceFailure.CANNOT_PAY) == 2


def test_attack_63_no_reveal_is_too_large_for_a_transaction_and_none_is_left_out():
    """Whole layers of leaves are 32 KiB each; a call nobody relays would lose the bond by silence."""
    large = replace(TRUTH.reveal(first_layers(1)[0]), data=bytes(128 * 256), path=(bytes(32),) * 21)
    chunks = fitting([large] * 50)
    assert [each for chunk in chunks for each in chunk] == [large] * 50
    for chunk in chunks:
        call, gas = reveal_call(DisputeContract(DISPUTE), b"\1" * 32, chunk)
        assert len(call.data) <= MAX_CALLDATA
        assert gas <= TRANSACTION_CAP * 2 // 3


def test_attack_64_only_one_trace_is_computed_before_the_chain_is_looked_at_again(world, make):
    """A second canonical run must not hold up a reveal that is due sooner."""
    first, second = Challenge(world, 1), Challenge(world, 2)
    defence = make()
    assert step(world, defence)
    assert [each.data[4:] for each in world.node.seen] == [
        world.dispute.post_trace(first.subject, TRUTH.root, TRUTH.roots).data[4:]
    ]
    assert step(world, defence)
    assert not step(world, defence)
    assert len(world.node.seen) == 2
    assert second.game.posted_at is None


def test_a_game_that_cannot_be_defended_holds_up_no_other(world, make):
    """Its deadline is the nearest for ever: the others must not wait for it."""
    other = replace(MODEL, onnx_digest=bytes(32))
    lost = Challenge(world, 1, model=other)
    held = Challenge(world, 2)
    defence = make()
    step(world, defence)
    assert [each.data for each in world.node.seen] == [
        world.dispute.post_trace(held.subject, TRUTH.root, TRUTH.roots).data
    ]
    assert not step(world, defence)
    assert lost.game.posted_at is None
    assert failures(world, DefenceFailure.NOT_SERVED) == 1


def test_traces_that_are_not_kept_are_computed_again(world, make):
    """Memory is bounded; time is what the accepted terms leave for it."""
    challenges = [Challenge(world, salt) for salt in range(3)]
    defence = make(traces_kept=1)
    while step(world, defence):
        pass
    for each in challenges:
        each.posted()
        each.demand(first_layers(1)[0])
    while step(world, defence):
        pass
    assert sorted(world.sent()) == ["postTrace"] * 3 + ["reveal"] * 3
    assert len(defence._cases) == 1


def test_a_won_game_is_resolved_once_its_time_is_over(world, make):
    """Till then its bond stays locked; the challengers' bonds are ours with it."""
    challenge, defence = Challenge(world), make()
    challenge.posted()
    world.wait(challenge.game.end - world.chain.blocks[-1].timestamp - 12)
    assert not step(world, defence)
    world.wait(12)
    assert step(world, defence)
    assert world.sent() == ["resolve"]
    world.tell(Upheld(challenge.id, ME, 1, 1))
    assert not step(world, defence)
    assert world.metrics.defences.labels("upheld")._value.get() == 1


def test_games_over_others_answers_are_left_alone(world, make):
    """Their trace is theirs to post."""
    Challenge(world, operator=OTHER)
    assert not step(world, make())
    assert world.sent() == []


def test_a_dry_run_defends_nothing(world, make):
    """Its word is that it sends nothing."""
    Challenge(world)
    with capture_logs() as logs:
        assert not step(world, make(dry_run=True))
    assert world.sent() == []
    assert "would_move" in {each["event"] for each in logs}


@pytest.mark.parametrize("output", [WRONG, RIGHT[:-1]])
def test_a_wrong_answer_of_ours_is_not_defended_and_said_loudly(world, make, output):
    """Gas for a lost game is lost too; the operator must learn what its machine does."""
    Challenge(world, output=output)
    defence = make()
    with capture_logs() as logs:
        for _ in range(3):
            step(world, defence)
    assert world.sent() == []
    assert failures(world, DefenceFailure.WRONG_ANSWER) == 1
    (line,) = [each for each in logs if each["event"] == "answer_cannot_be_defended"]
    assert line["log_level"] == "error"


def test_an_answer_within_tolerance_that_is_not_canonical_is_defended(world, make):
    """What --fast bonds is right by the published tolerance."""
    (scores,) = PROGRAM.run([PIXELS.reshape(MODEL.inputs[0].shape)])
    Challenge(world, output=encode([scores + np.float32(5e-5)], MODEL.output_tensors))
    step(world, make())
    assert world.sent() == ["postTrace"]


def test_an_answer_of_a_model_that_is_not_served_any_more_is_defended_once_it_is_again(world, make):
    """A restart with other models must not lose what was answered before it for good."""
    Challenge(world)
    defence = make()
    assert not defence.step({}, world.follower.follow().timestamp)
    assert failures(world, DefenceFailure.NOT_SERVED) == 1
    assert step(world, defence)
    assert world.sent() == ["postTrace"]


def test_a_trace_somebody_else_posted_in_our_name_is_told(world, make):
    """Only who has our key can: what it shows cannot be revealed by us."""
    challenge = Challenge(world)
    challenge.posted(type("Forged", (), {"root": b"\7" * 32, "roots": TRUTH.roots}))
    challenge.demand(first_layers(1)[0])
    step(world, make())
    assert world.sent() == []
    assert failures(world, DefenceFailure.OTHER_TRACE) == 1


@pytest.mark.parametrize(("left", "sent"), [(24, ["postTrace"]), (12, ["postTrace"]), (0, [])])
def test_a_move_is_sent_until_it_is_too_late_and_not_after(world, make, left, sent):
    """One second before the deadline is in time; from the deadline on only gas is to be lost."""
    challenge = Challenge(world, trace_time=96)
    world.wait(challenge.game.trace_deadline - left - world.chain.blocks[-1].timestamp)
    step(world, make())
    assert world.sent() == sent
    assert failures(world, DefenceFailure.TOO_LATE) == (0 if sent else 1)


def test_a_near_deadline_is_measured_and_told_once(world, make):
    """The alert is on this gauge; the log says which game."""
    challenge, defence = Challenge(world), make()
    world.node.refused["postTrace"] = "the endpoint is confused"
    with capture_logs() as logs:
        step(world, defence)
        world.wait(72)
        for _ in range(3):
            step(world, defence)
    assert world.metrics.defence_deadline._value.get() == challenge.game.trace_deadline
    assert [each["seconds_left"] for each in logs if each["event"] == "defence_deadline_near"] == [28]
    challenge.posted()
    step(world, defence)
    assert world.metrics.defence_deadline._value.get() == float("inf")


def test_a_move_that_waits_pays_more_as_its_deadline_nears(world, make):
    """The fee rules' patience is longer than a devnet's whole move."""
    Challenge(world)
    defence = make()
    step(world, defence)
    world.wait(72)
    world.now += 8
    step(world, make())
    first, second = world.node.seen
    assert first.nonce == second.nonce
    assert second.max_fee > first.max_fee


def test_attack_48_killed_between_storing_and_sending_it_resumes_with_the_same_bytes(world, make):
    """Nothing but the outbox and the chain is needed."""
    Challenge(world)
    world.node.trouble = killed_before
    with pytest.raises(Crash):
        step(world, make())
    step(world, make())
    world.follower.look_after()
    assert {each.raw for each in world.node.seen} == {world.node.seen[0].raw}


def test_attack_4_a_demand_that_a_reorg_took_back_is_not_answered_and_its_return_is(world, make):
    """The contract refuses what was not demanded; what is demanded again must be shown again."""
    challenge, defence = Challenge(world), make()
    challenge.posted()
    position = first_layers(1)[0]
    challenge.demand(position)
    world.chain.drop(1)
    world.chain.mine()
    world.chain.mine()
    step(world, defence)
    assert world.sent() == []
    challenge.demand(position)
    step(world, defence)
    assert world.sent() == ["reveal"]


def test_credit_is_withdrawn_from_a_threshold_on_and_once(world, make):
    """Below it the gas would eat it."""
    defence = make(collect_above_gwei=1_000)
    world.follower.follow()
    world.node.credit = 999 * 10**9
    defence.collect()
    assert world.sent() == []
    world.node.credit = 1_000 * 10**9
    defence.collect()
    world.node.credit += 1
    defence.collect()
    assert world.last().data == world.dispute.withdraw(1_000 * 10**9, ME).data
    assert world.sent() == ["withdraw"]


def test_what_was_measured_is_reckoned_with_a_factor(world, make):
    """Machines are slower when it matters."""
    capacity = make(defence_factor=2.0, defence_margin_seconds=5.0).capacity(SERVED)
    assert capacity.needed(ModelId(MODEL.id)) == 8.0
    assert world.metrics.defence_seconds.labels("digits")._value.get() == 1.5
