"""The operator: every request on its terms answered once, everything else left alone and said why."""

import numpy as np
import pytest
from eth_abi.abi import decode as decode_abi
from structlog.testing import capture_logs

from oracle.canonical.tensor import decode
from oracle.chain.calls import Answer
from oracle.chain.events import Challenged
from oracle.chain.gas import MAX_CALLDATA, TRANSACTION_CAP, answer_limit
from oracle.chain.protocol import ZERO_ADDRESS, Reason, Subject
from oracle.errors import ChainError
from oracle.inference.environment import Machine, Manifest, Software
from oracle.inference.sessions import SessionCache
from oracle.metrics import SkipReason
from oracle.services.defending.defence import Defence
from oracle.services.engines import Engines
from oracle.services.operator import LEASE_SECONDS, Operator, _chunks
from oracle.settings import OperatorSettings
from oracle.store.jobs import Job
from tests.unit.chain.mempool import ME, Crash, killed_before, no_funds
from tests.unit.chain.model_chain import CHAIN_ID, about, content, id_of, make_request, requested
from tests.unit.services.world import (
    FUNCTIONS,
    OTHER,
    World,
    answered_by,
    ask,
    compiled,
    model_file,
    with_program,
)

CREDIT, DIGITS = model_file("credit"), model_file("digits")
PROGRAMS = {model_file(name).digest: compiled(name) for name in ("credit", "digits")}
PACKED = np.linspace(0, 1, 32, dtype="<f4").tobytes()
MANIFEST = Manifest(Software("0", "1", "CPU", "all"), Machine("CPython", "Linux", "a CPU", "00", 1))


@pytest.fixture(scope="module")
def sessions():
    """Sessions of the committed models."""
    return SessionCache(threads=1)


@pytest.fixture
def world(tmp_path):
    """A chain with the credit model published."""
    made = World(tmp_path, Operator.kinds)
    made.publish(CREDIT.model)
    yield made
    made.store.close()


@pytest.fixture
def make(world, sessions):
    """Makes an operator of credit and digits, as after a start; `measured` is what a defence takes, in seconds."""

    def _make(owner="me", *, measured=None, **chosen):
        settings = OperatorSettings(**chosen)
        roots = [program.model.program_root for program in PROGRAMS.values()]
        seconds = dict.fromkeys(roots, measured)
        defence = measured and Defence(world.follower, world.moves, world.dispute, settings, seconds, 1)
        return Operator(
            world.follower,
            world.upkeep(owner),
            (CREDIT, DIGITS),
            PROGRAMS,
            Engines(sessions),
            MANIFEST,
            settings,
            owner=owner,
            clock=world.clock,
            defence=defence,
        )

    return _make


def skipped(world, reason):
    """How often requests were left for a reason."""
    return world.metrics.skipped.labels(reason)._value.get()


def credit(salt, packed=PACKED, **terms):
    """A request for the credit model."""
    return ask(salt, CREDIT.model, packed, **terms)


def sweep(operator):
    """The periodic sweep runs."""
    next(each for each in operator.periodic if each.name == "sweep").run()


def test_a_request_on_its_terms_is_answered_once(world, make):
    """With the model's own output, and never a second time, neither by another step nor after a restart."""
    request, operator = credit(1), make()
    world.mine(requested(request, PACKED))
    assert operator.step()
    assert world.sent() == ["answer"]
    told, attempt, output, software, manifest = decode_abi(FUNCTIONS["answer"].inputs, world.last().data[4:])
    assert (attempt, software, manifest) == (1, MANIFEST.software_hash, MANIFEST.manifest_hash)
    assert told[1] == request.salt
    (scores,) = decode(output, CREDIT.model.output_tensors)
    assert scores[0, :2].sum() == pytest.approx(1)
    assert not operator.step()
    assert not make("later").step()
    world.mine(answered_by(ME, request, output))
    operator.step()
    assert world.jobs(request) == [("answer", "done")]
    assert world.sent() == ["answer"]


def test_what_waits_together_is_answered_together(world, make):
    """One transaction for a batch: twenty-one thousand gas once, and one nonce."""
    requests = [credit(salt) for salt in range(5)]
    world.mine(*(requested(request, PACKED) for request in requests))
    make().step()
    assert world.sent() == ["answerMany"]
    assert {world.jobs(request)[0] for request in requests} == {("answer", "sent")}


def test_what_is_refused_is_noted_once_and_said_why(world, make):
    """A request it will not answer must not cost a look and a log line every block."""
    cheap, foreign = credit(1), credit(2, operator=OTHER)
    unknown = make_request(3, operator=ZERO_ADDRESS)
    world.mine(*(requested(request, PACKED) for request in (cheap, foreign, unknown)))
    operator = make(min_fee_gwei=2_000)
    for _ in range(3):
        operator.step()
    assert world.sent() == []
    assert world.reasons(cheap) == ["its fee of 1000 gwei is below 2000"]
    assert world.jobs(unknown) == [("answer", "skipped")]
    assert world.jobs(foreign) == []
    assert skipped(world, SkipReason.FEE_TOO_LOW) == 1
    assert skipped(world, SkipReason.UNKNOWN_MODEL) == 1


def test_what_was_refused_for_want_of_its_model_is_answered_when_it_is_published(world, make):
    """Requests may be seen before the model's announcement, and terms may change with a restart."""
    packed = bytes(64 * 4)
    request, operator = ask(1, DIGITS.model, packed), make()
    world.mine(requested(request, packed))
    operator.step()
    assert world.jobs(request) == [("answer", "skipped")]
    world.publish(DIGITS.model)
    operator.step()
    assert world.sent() == ["answer"]
    assert world.jobs(request) == [("answer", "sent")]


def test_a_request_that_cannot_be_run_harms_no_other_in_its_batch(world, make, sessions, monkeypatch):
    """Else one poisoned input would silence the operator for everybody."""
    bad, good = credit(1, b"\xff" * 128), credit(2)
    run = sessions.run

    def failing(file, inputs):
        outcome = run(file, inputs)
        errors = [np.isnan(tensors[0]).any() for tensors in inputs]
        outputs = tuple(
            ChainError("kernel failed") if error else each for error, each in zip(errors, outcome.outputs, strict=True)
        )
        return type(outcome)(outputs, outcome.session_seconds)

    monkeypatch.setattr(sessions, "run", failing)
    world.mine(requested(bad, b"\xff" * 128), requested(good, PACKED))
    make().step()
    assert world.sent() == ["answer"]
    assert world.jobs(good) == [("answer", "sent")]
    assert world.reasons(bad) == ["kernel failed"]


def test_what_stake_does_not_cover_is_left_and_taken_up_when_it_does(world, make):
    """The contract refuses what the stake does not cover; a deposit must be enough to go on."""
    first, second = credit(1, answer_time=600), credit(2, answer_time=600)
    world.mine(requested(first, PACKED), requested(second, PACKED))
    world.node.stake = (2_000 * 10**9, 0)
    operator = make()
    operator.step()
    assert world.sent() == ["answer"]
    assert skipped(world, SkipReason.STAKE_TOO_SMALL) == 1
    sweep(operator)
    operator.step()
    assert world.sent() == ["answer"]
    assert skipped(world, SkipReason.STAKE_TOO_SMALL) == 1
    world.node.stake = (10**18, 0)
    sweep(operator)
    operator.step()
    assert sorted(world.node.pool) == [0, 1]
    assert {*world.jobs(first), *world.jobs(second)} == {("answer", "sent")}


def test_bonds_of_answers_under_way_are_not_counted_on_twice(world, make):
    """The chain shows the stake without what is not mined yet."""
    first, second = credit(1), credit(2)
    world.node.stake = (3_000 * 10**9, 0)
    operator = make()
    world.mine(requested(first, PACKED))
    operator.step()
    world.chain.mine(requested(second, PACKED))
    operator.step()
    assert world.sent() == ["answer"]
    assert skipped(world, SkipReason.STAKE_TOO_SMALL) == 1


def test_no_more_answers_are_open_than_were_allowed(world, make):
    """Its limit on what it can lose at once."""
    requests = [credit(salt) for salt in range(5)]
    world.mine(*(requested(request, PACKED) for request in requests))
    make(max_open_answers=3).step()
    assert sorted(world.jobs(request)[0][1] for request in requests) == ["open"] * 2 + ["sent"] * 3
    assert skipped(world, SkipReason.TOO_MANY_OPEN) == 2


def test_a_dry_run_sends_nothing_and_says_what_it_would_do(world, make):
    """An operator tries its terms on a live chain first; a run in earnest afterwards answers."""
    request = credit(1)
    world.mine(requested(request, PACKED))
    dry = make(dry_run=True)
    dry.step()
    sweep(dry)
    dry.step()
    assert world.node.seen == []
    assert world.reasons(request) == ["this is a dry run: it would be answered"]
    make().step()
    assert world.sent() == ["answer"]


def test_attack_48_what_a_dead_process_had_claimed_is_freed_and_answered(world, make):
    """Killed between taking a request and signing for it."""
    request = credit(1)
    world.mine(requested(request, PACKED))
    world.follower.follow()
    world.store.jobs.take("answer", [(id_of(request), 1)], "dead", now=world.now, lease=LEASE_SECONDS)
    alive = make("next")
    alive.step()
    assert world.sent() == []
    assert world.store.jobs.free(lambda owner: owner != "dead", now=world.now) == 1
    sweep(alive)
    alive.step()
    assert world.sent() == ["answer"]


def test_attack_48_killed_at_the_broadcast_the_next_process_sends_the_same_answer(world, make):
    """One request, one transaction, whatever dies when."""
    request = credit(1)
    world.mine(requested(request, PACKED))
    world.node.trouble = killed_before
    with pytest.raises(Crash):
        make().step()
    make("next").step()
    assert len(world.node.seen) == 2
    assert world.node.seen[0].raw == world.node.seen[1].raw


def test_attack_49_an_answer_that_could_not_be_paid_is_owed_again(world, make):
    """Out of ether is an operator's most ordinary trouble: after a top-up it goes on by itself."""
    request, operator = credit(1, answer_time=600), make()
    world.mine(requested(request, PACKED))
    world.node.trouble = no_funds
    with pytest.raises(Exception, match="insufficient funds"):
        operator.step()
    sweep(operator)
    operator.step()
    sweep(operator)
    operator.step()
    assert world.jobs(request) == [("answer", "sent")]
    assert list(world.node.pool) == [0]


def test_attack_50_front_run_before_sending_nothing_is_sent(world, make):
    """Somebody else answered an open request while this operator was away with the job in hand."""
    request = credit(1, operator=ZERO_ADDRESS)
    world.mine(requested(request, PACKED))
    world.follower.follow()
    world.store.jobs.take("answer", [(id_of(request), 1)], "me", now=world.now, lease=1)
    world.now += 2
    world.mine(answered_by(OTHER, request))
    make().step()
    assert world.jobs(request) == [("answer", "skipped")]
    assert world.node.seen == []


def test_attack_50_front_run_in_the_pool_the_batch_skips_it_and_nothing_more_is_sent(world, make):
    """The first answer counts; the second costs its gas and is not tried again."""
    lost, won = (credit(salt, operator=ZERO_ADDRESS) for salt in (1, 2))
    world.mine(requested(lost, PACKED), requested(won, PACKED))
    operator = make()
    operator.step()
    late = content("InferenceOracle", "Skipped", requestId=id_of(lost), reason=int(Reason.NOT_REQUESTED))
    world.mine(answered_by(OTHER, lost), late, answered_by(ME, won))
    for _ in range(3):
        operator.step()
        sweep(operator)
    assert world.jobs(lost) == [("answer", "skipped")]
    assert world.reasons(lost) == ["not_requested"]
    assert world.jobs(won) == [("answer", "done")]
    assert world.sent() == ["answerMany"]


def test_attack_50_front_run_alone_its_transaction_reverts_and_nothing_more_is_sent(world, make):
    """A single answer has no batch to be skipped in."""
    request, operator = credit(1, operator=ZERO_ADDRESS), make()
    world.mine(requested(request, PACKED))
    operator.step()
    world.mine(answered_by(OTHER, request), status=0)
    for _ in range(3):
        operator.step()
        sweep(operator)
    assert world.jobs(request) == [("answer", "failed")]
    assert world.sent() == ["answer"]


def test_its_own_answers_are_settled_after_their_window_and_no_other_s(world, make):
    """Its bond is locked until then; the others' operators and keepers settle theirs."""
    own, others = credit(1), credit(2, operator=ZERO_ADDRESS)
    world.mine(requested(own, PACKED), requested(others, PACKED))
    world.mine(answered_by(ME, own), answered_by(OTHER, others))
    operator = make()
    operator.step()
    sweep(operator)
    assert not operator.step()
    assert world.node.seen == []
    world.wait(30)
    operator.step()
    sweep(operator)
    assert operator.step()
    assert world.sent() == ["finalize"]
    assert (world.jobs(own), world.jobs(others)) == ([("settle", "sent")], [])
    world.mine(about("Settled", own, operator=ME))
    operator.step()
    assert world.jobs(own) == [("settle", "done")]


def test_attack_49_a_settle_that_was_given_up_is_sent_again(world, make):
    """Fees fall again; until then its bond and its fee stay locked."""
    own, operator = credit(1), make()
    world.mine(requested(own, PACKED))
    world.mine(answered_by(ME, own))
    world.wait(30)
    operator.step()
    sweep(operator)
    operator.step()
    world.now += 4_000
    operator.step()
    assert world.last().to == ME
    world.mine()
    operator.step()
    sweep(operator)
    operator.step()
    assert world.jobs(own) == [("settle", "sent")]
    assert list(world.node.pool) == [1]


def test_an_operator_told_not_to_settle_does_not(world, make):
    """Some leave it to their keeper."""
    request, operator = credit(1), make(settle=False)
    world.mine(requested(request, PACKED))
    world.mine(answered_by(ME, request))
    world.wait(60)
    operator.step()
    sweep(operator)
    operator.step()
    assert world.node.seen == []


def test_attack_5_an_answer_a_reorg_removed_is_sent_again_as_it_was(world, make):
    """The request is open again and the bond is not lost to another's answer."""
    request, operator = credit(1), make()
    world.mine(requested(request, PACKED))
    operator.step()
    world.mine(answered_by(ME, request))
    operator.step()
    assert world.jobs(request) == [("answer", "done")]
    world.chain.drop(1)
    world.node.reorganise(1, keep=False)
    world.chain.mine()
    operator.step()
    assert [each.raw for each in world.node.seen] == [world.node.seen[0].raw] * 2
    world.mine(answered_by(ME, request))
    operator.step()
    assert world.jobs(request) == [("answer", "done")]


def answers_of(sizes):
    """Answers with outputs of these sizes."""
    job = Job(1, "answer", b"\1" * 32, 1, "claimed", None, "me", 1.0, None, 1.0, 1.0)
    return [(job, Answer(make_request(i), 1, b"\1" * size)) for i, size in enumerate(sizes)]


@pytest.mark.parametrize(
    "sizes",
    [[], [0], [65_536] * 3, [59_521] * 4, [1] * 64, [1] * 400, [60_000, 1, 60_000, 1], list(range(0, 65_536, 997))],
)
def test_every_chunk_of_answers_fits_a_transaction_and_none_is_lost_or_moved(world, sizes):
    """One that does not fit is refused by every node, and the answers in it with it."""
    answers = answers_of(sizes)
    chunks = _chunks(answers)
    assert [each for chunk in chunks for each in chunk] == answers
    assert all(chunks)
    for chunk in chunks:
        items = [answer for _, answer in chunk]
        batch = world.oracle.answer_many(items, bytes(32), bytes(32))
        call = world.oracle.answer(items[0], bytes(32), bytes(32)) if len(items) == 1 else batch
        assert len(call.data) <= MAX_CALLDATA
        assert answer_limit(len(call.data), len(items)) <= TRANSACTION_CAP


def test_a_model_with_a_program_is_answered_with_the_canonical_output(world, make):
    """That answer cannot be refuted, whatever onnxruntime makes of the last bits."""
    model = with_program("digits")
    pixels = np.linspace(0, 16, 64, dtype=np.float32)
    packed = pixels.astype(">f4").tobytes()
    request = ask(1, model, packed)
    world.publish(model)
    world.mine(requested(request, packed))
    make().step()
    _, _, output, _, _ = decode_abi(FUNCTIONS["answer"].inputs, world.last().data[4:])
    (canonical,) = compiled("digits").run([pixels])
    assert output == canonical.astype(">f4").tobytes()


def test_an_operator_that_disagrees_with_itself_answers_nothing_and_counts_it(world, make, sessions, monkeypatch):
    """A refusal costs a fee, a wrong answer the bond; the alert is on this counter."""
    model, run = with_program("credit"), sessions.run

    def broken(file, inputs):
        outcome = run(file, inputs)
        return type(outcome)(tuple([tensor + 1] for (tensor,) in outcome.outputs), outcome.session_seconds)

    monkeypatch.setattr(sessions, "run", broken)
    request = ask(1, model, PACKED)
    world.publish(model)
    world.mine(requested(request, PACKED))
    make().step()
    assert world.sent() == []
    assert world.jobs(request) == [("answer", "skipped")]
    assert skipped(world, SkipReason.DISAGREEMENT) == 1


def test_attack_89_a_flood_of_models_to_try_out_holds_up_no_move(world, make):
    """Each publication of a known program with another tolerance is a dozen runs; a reveal may be due meanwhile."""
    variants = [with_program("credit", 1e-3 * number) for number in range(1, 6)]
    for model in variants:
        world.publish(model)
    operator = make(fast=True)
    tried = []
    for _ in range(4):
        with capture_logs() as logs:
            more = operator.step()
        tried.append([each["event"] for each in logs].count("serving_model"))
    assert tried == [2, 2, 2, 0]
    assert not more
    with capture_logs() as logs:
        make().step()
    assert [each["event"] for each in logs].count("serving_model") == 6


@pytest.mark.parametrize(
    ("name", "atol", "said"),
    [
        ("digits", 1e-4, "fast_model"),
        ("digits", 0.0, "no absolute tolerance"),
        ("digits", 1e-9, "disagree"),
        ("credit", 1e-4, "discontinuous nodes (TREE)"),
    ],
)
def test_the_log_says_whether_a_model_is_fast_and_why_not(world, make, name, atol, said):
    """Who asked for --fast must learn at the start what it gets."""
    world.publish(with_program(name, atol))
    with capture_logs() as logs:
        make(fast=True).step()
    (line,) = [each for each in logs if each["event"] in {"fast_model", "canonical_stays_on"}]
    assert said in f"{line['event']}: {line['reason']}"


def test_a_model_without_a_program_is_served_with_a_warning(world, make):
    """Its answers can be wrong and nobody can show it: the operator should know what it signs."""
    with capture_logs() as logs:
        make().step()
    assert [each["reason"] for each in logs if each["event"] == "model_without_program"] == [
        "nobody can dispute its answers"
    ]


def digits(world, *salts, **terms):
    """Requests for the digits model with its program, which is published."""
    model, packed = with_program("digits"), bytes(64 * 4)
    requests = [ask(salt, model, packed, **terms) for salt in salts]
    world.publish(model)
    world.mine(*(requested(request, packed) for request in requests))
    return requests


@pytest.mark.parametrize("short", ["trace_time", "move_time"])
def test_attack_64_a_request_whose_times_no_defence_fits_is_refused(world, make, short):
    """An input made to be slow must not turn a right answer into a lost bond."""
    times = {"trace_time": 30, "move_time": 30}
    (request,) = digits(world, 1, **{**times, short: 29})
    make(measured=10, defence_factor=2, defence_margin_seconds=10).step()
    assert world.sent() == []
    assert skipped(world, SkipReason.TIMES_TOO_SHORT) == 1
    assert world.jobs(request) == [("answer", "skipped")]


def test_attack_64_no_more_answers_are_open_than_can_be_defended_at_once(world, make):
    """All of them may be challenged in one block."""
    digits(world, 1, 2, 3, 4, trace_time=50, move_time=50, answer_time=600)
    operator = make(measured=10, defence_factor=1, defence_margin_seconds=20)
    operator.step()
    assert world.sent() == ["answerMany"]
    assert skipped(world, SkipReason.TOO_MANY_OPEN) == 1
    world.mine()
    world.now += LEASE_SECONDS
    sweep(operator)
    operator.step()
    assert world.sent() == ["answerMany"]


def test_where_answers_can_be_disputed_no_model_without_a_program_is_answered_for(world, make):
    """No trace could defend it."""
    request = credit(1)
    world.mine(requested(request, PACKED))
    make(measured=0.1, defence_margin_seconds=0).step()
    assert world.sent() == []
    assert skipped(world, SkipReason.UNKNOWN_MODEL) == 1


def test_a_dispute_comes_before_new_requests(world, make):
    """A new answer earns a fee, a missed demand loses a bond."""
    terms = {"trace_time": 100, "move_time": 100, "answer_time": 600}
    (first,) = digits(world, 1, **terms)
    (pixels,) = decode(bytes(64 * 4), with_program("digits").inputs)
    world.mine(answered_by(ME, first, compiled("digits").run([pixels])[0].astype(">f4").tobytes()))
    world.follower.follow()
    subject = Subject(first, world.store.requests.get(id_of(first)).ref, 1)
    game_id = subject.game_id(CHAIN_ID, world.oracle.address)
    world.tell(Challenged(game_id, id_of(first), OTHER, ME, 1))
    digits(world, 2, 3, **terms)
    operator = make(measured=0.1)
    operator.step()
    assert world.sent() == ["postTrace", "answer"]
    operator.step()
    assert world.sent() == ["postTrace", "answer", "answer"]


def test_what_won_disputes_have_credited_is_collected_at_a_sweep(world, make):
    """Money that lies in the dispute contract buys no gas."""
    world.node.credit = 10**17
    operator = make(measured=0.1)
    operator.step()
    assert world.sent() == []
    sweep(operator)
    operator.step()
    assert world.sent() == ["withdraw"]
