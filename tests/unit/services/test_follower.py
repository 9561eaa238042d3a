"""Following: what every service knows of the chain before it acts, and how jobs end by what the chain says."""

import pytest

from oracle.chain.fees import FeeRules
from oracle.chain.protocol import Reason
from oracle.metrics import DeliveryOutcome, JobState, Outcome
from oracle.services.follower import ANSWER, DELIVER, EXPIRE, SETTLE
from tests.unit.chain.mempool import ME
from tests.unit.chain.model_chain import about, content, id_of, make_request, requested
from tests.unit.services.world import OTHER, World, answered_by, model_file

KINDS = (ANSWER, SETTLE, DELIVER, EXPIRE)


@pytest.fixture
def world(tmp_path):
    """An empty chain."""
    made = World(tmp_path, KINDS)
    yield made
    made.store.close()


def send(world, kind, *requests):
    """Jobs are owed, claimed, and on their way in one transaction."""
    world.follower.follow()
    work = [(id_of(request), 1) for request in requests]
    jobs = world.store.jobs.take(kind, work, "me", now=world.now, lease=9)
    call = world.oracle.expire(requests[0])
    return world.sender.send(call, purpose=kind, gas_limit=100_000, job_ids=[job.id for job in jobs])


def look(world):
    """One round of a service without work of its own."""
    world.follower.follow()
    world.follower.look_after()


def test_the_head_says_the_chain_s_time_and_whether_models_were_published(world):
    """Deadlines are judged by the chain's clock; models are matched again only when there are new ones."""
    world.publish(model_file("credit").model)
    first, second = world.follower.follow(), world.follower.follow()
    assert first.timestamp == second.timestamp == world.chain.blocks[-1].timestamp
    assert (first.models_published, second.models_published) == (True, False)
    assert world.metrics.head_block._value.get() == 1


def test_a_rescan_finds_what_an_endpoint_had_kept_back(world):
    """An endpoint that drops a log would hide a request for ever."""
    request = make_request(1)
    world.chain.lie = lambda _logs: []
    world.mine(requested(request))
    world.follower.follow()
    world.chain.lie = lambda logs: logs
    world.follower.follow()
    assert world.store.requests.get(id_of(request)) is None
    next(each for each in world.follower.periodic if each.name == "rescan").run()
    world.follower.follow()
    assert world.store.requests.get(id_of(request)) is not None


@pytest.mark.parametrize(
    ("kind", "events"),
    [
        (ANSWER, lambda request: [answered_by(ME, request)]),
        (SETTLE, lambda request: [answered_by(OTHER, request), about("Settled", request, operator=OTHER)]),
        (
            DELIVER,
            lambda request: [
                answered_by(OTHER, request),
                about("Settled", request, operator=OTHER),
                about("Delivered", request),
            ],
        ),
        (EXPIRE, lambda request: [about("Expired", request)]),
    ],
    ids=[ANSWER, SETTLE, DELIVER, EXPIRE],
)
@pytest.mark.parametrize("status", [0, 1])
def test_a_job_is_done_when_the_chain_shows_what_it_was_for(world, kind, events, status):
    """Whoever achieved it: a receipt alone says too little, and a revert may only mean that somebody was first."""
    request = make_request(1, callback_gas=1)
    world.mine(requested(request))
    send(world, kind, request)
    look(world)
    assert world.jobs(request) == [(kind, "sent")]
    world.mine(*events(request), status=status)
    look(world)
    assert world.jobs(request) == [(kind, "done")]


@pytest.mark.parametrize(
    ("kind", "events"),
    [
        (ANSWER, lambda _request: []),
        (SETTLE, lambda request: [about("Disputed", request, operator=OTHER, attempt=1)]),
        (DELIVER, lambda _request: []),
        (EXPIRE, lambda request: [answered_by(OTHER, request)]),
    ],
    ids=KINDS,
)
def test_a_job_that_the_contract_refused_for_good_has_failed(world, kind, events):
    """It is not tried for ever: what it was for cannot be had any more."""
    request = make_request(1, callback_gas=1)
    world.mine(requested(request))
    if kind == SETTLE:
        world.mine(answered_by(OTHER, request))
    send(world, kind, request)
    world.mine(*events(request), status=0)
    look(world)
    assert world.jobs(request) == [(kind, "failed")]
    failed = world.metrics.settles.labels(Outcome.FAILED)._value.get()
    assert failed == (1 if kind == SETTLE else 0)


def test_attack_50_an_item_the_batch_skipped_ends_with_the_contract_s_reason(world):
    """The others of the batch are done; this one is nobody's failure."""
    mine, taken = make_request(1), make_request(2)
    world.mine(requested(mine), requested(taken))
    send(world, ANSWER, mine, taken)
    late = content("InferenceOracle", "Skipped", requestId=id_of(taken), reason=int(Reason.NOT_REQUESTED))
    world.mine(answered_by(OTHER, taken), late, answered_by(ME, mine))
    look(world)
    assert (world.jobs(mine), world.jobs(taken)) == ([(ANSWER, "done")], [(ANSWER, "skipped")])
    assert world.reasons(taken) == ["not_requested"]


def test_attack_49_a_job_whose_transaction_lost_its_nonce_is_owed_again(world):
    """Another program's transaction took its place: nothing was done."""
    request = make_request(1)
    world.mine(requested(request))
    send(world, EXPIRE, request)
    world.node.foreign()
    look(world)
    world.now += FeeRules().bump_after
    look(world)
    assert world.jobs(request) == [(EXPIRE, "open")]
    assert world.reasons(request) == ["another transaction took its nonce"]


def test_a_job_stays_open_until_the_block_of_its_transaction_is_indexed(world):
    """Judged by events not read yet, an answer would look as if it had not happened, and be given again."""
    request = make_request(1)
    world.mine(requested(request))
    send(world, ANSWER, request)
    world.mine(answered_by(ME, request))
    world.follower.look_after()
    assert world.jobs(request) == [(ANSWER, "sent")]
    look(world)
    assert world.jobs(request) == [(ANSWER, "done")]


def test_attack_5_a_transaction_of_a_block_that_went_before_it_was_indexed_is_sent_again(world):
    """No rewind tells of it: the index never held that block."""
    request = make_request(1)
    world.mine(requested(request))
    sent = send(world, ANSWER, request)
    world.mine(answered_by(ME, request))
    world.sender.poll()
    assert world.store.transactions.get(sent).state == "mined"
    world.chain.drop(1)
    world.node.reorganise(1, keep=False)
    world.chain.mine()
    look(world)
    assert world.store.transactions.get(sent).state == "prepared"
    assert world.jobs(request) == [(ANSWER, "sent")]
    world.follower.look_after()
    assert [each.raw for each in world.node.seen] == [world.node.seen[0].raw] * 2


def test_too_little_ether_is_a_health_problem_until_there_is_more(world):
    """Whoever watches `/health` hears of it before answers stop."""
    world.node.wealth = 10**15
    world.follower.check_balance()
    (detail,) = world.health.snapshot(1.0).problems.values()
    assert f"{ME} has 0.0010 ether for gas" in detail
    world.node.wealth = 10**18
    world.node.stake = (7, 3)
    world.follower.check_balance()
    assert world.health.snapshot(1.0).ok
    assert (world.metrics.stake_balance._value.get(), world.metrics.stake_locked._value.get()) == (7, 3)


def test_an_index_far_behind_is_a_health_problem_until_it_has_caught_up(world):
    """An operator that acts on an old chain answers what is answered."""
    world.follower.follow()
    world.wait(12 * 30)
    world.follower.check_lag()
    assert "30 blocks behind" in world.health.snapshot(1.0).problems["lag"]
    world.follower.follow()
    world.follower.check_lag()
    assert world.health.snapshot(1.0).ok


def test_work_is_counted_by_state_and_what_ended_by_the_chain_s_events(world):
    """Gauges that keep an old value would hide that all is done."""
    request = make_request(1, callback_gas=1)
    world.mine(requested(request))
    send(world, EXPIRE, request)
    world.follower.count_work()
    assert world.metrics.jobs.labels(JobState.SENT)._value.get() == 1
    assert world.metrics.pending_transactions._value.get() == 1
    world.mine(answered_by(OTHER, request), about("Settled", request, operator=OTHER), about("Delivered", request))
    look(world)
    world.follower.count_work()
    assert world.metrics.jobs.labels(JobState.SENT)._value.get() == 0
    assert world.metrics.pending_transactions._value.get() == 0
    assert world.metrics.deliveries.labels(DeliveryOutcome.DELIVERED)._value.get() == 1
    assert world.metrics.settles.labels(Outcome.DONE)._value.get() == 1
