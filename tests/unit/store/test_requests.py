"""The questions services ask: what may be answered, settled, expired or delivered now."""

import pytest

from oracle.chain.indexer import Indexer
from oracle.chain.protocol import ZERO_ADDRESS, Status
from oracle.store.requests import Exposure
from tests.unit.chain.model_chain import (
    ADDRESSES,
    OPERATOR,
    REQUESTER,
    ModelChain,
    about,
    answered,
    id_of,
    make_request,
    requested,
)

OPEN = make_request(1, operator=ZERO_ADDRESS)
MINE = make_request(2)
OTHERS = make_request(3, operator=REQUESTER)
ANSWERED = make_request(4)
FINAL = make_request(5, callback_gas=1)
SILENT = make_request(6)
"""Final too, but it asked for no callback."""
START = 1_000_012
"""The time of the block with the requests; they can be answered for 60 s, and settled 30 s after an answer."""


@pytest.fixture
def requests(store):
    """A store with one request of each kind."""
    chain = ModelChain()
    chain.mine(*map(requested, (OPEN, MINE, OTHERS, ANSWERED, FINAL, SILENT)))
    chain.mine(answered(ANSWERED), answered(FINAL), answered(SILENT))
    chain.mine(*(about("Settled", request, operator=OPERATOR) for request in (FINAL, SILENT)))
    Indexer(chain, store, ADDRESSES, start_block=0, confirmations=0).sync()
    return store.requests


def ids(found):
    """Which requests these are."""
    return {request.id for request in found}


def test_an_operator_may_answer_what_is_open_or_names_it(requests):
    """Answering another's request would only cost gas."""
    assert ids(requests.answerable(START, OPERATOR)) == {id_of(OPEN), id_of(MINE)}
    assert ids(requests.answerable(START + 59, OPERATOR)) == {id_of(OPEN), id_of(MINE)}
    assert ids(requests.answerable(START + 60, OPERATOR)) == set()


def test_what_nobody_answered_can_be_expired_from_its_deadline(requests):
    """Exactly one of answer and expire is possible in any second."""
    assert requests.expirable(START + 59) == []
    assert ids(requests.expirable(START + 60)) == {id_of(OPEN), id_of(MINE), id_of(OTHERS)}


def test_an_answer_can_be_settled_from_the_end_of_its_window(requests):
    """Earlier the contract refuses."""
    end = START + 12 + 30
    assert requests.settleable(end - 1) == []
    assert ids(requests.settleable(end)) == {id_of(ANSWERED)}
    assert ids(requests.settleable(end, operator=OPERATOR)) == {id_of(ANSWERED)}
    assert requests.settleable(end, operator=REQUESTER) == []


def test_only_callbacks_that_were_asked_for_are_owed(requests):
    """And they are given up after so many failures."""
    assert ids(requests.undelivered(max_failures=3)) == {id_of(FINAL)}
    assert requests.undelivered(max_failures=0) == []


def test_what_has_a_job_is_not_found_again(requests, store):
    """A sweep after a restart must find the rest, and only the rest."""
    store.jobs.add("answer", id_of(OPEN), 1, now=1)
    store.jobs.add("settle", id_of(MINE), 1, now=1)
    store.jobs.add("answer", id_of(MINE), 2, now=1)
    assert ids(requests.answerable(START, OPERATOR, unless_job="answer")) == {id_of(MINE)}


def test_requests_are_counted_and_listed(requests):
    """For metrics and `assay status`."""
    assert requests.counts() == {Status.REQUESTED: 3, Status.ANSWERED: 1, Status.FINAL: 2}
    assert len(requests.recent()) == 6
    assert len(requests.recent(2)) == 2
    assert len(requests.recent(requester=REQUESTER)) == 6
    assert requests.recent(requester=OPERATOR) == []
    assert [answer.attempt for answer in requests.answers(id_of(FINAL))] == [1]
    assert requests.get(b"\0" * 32) is None


def test_events_can_be_asked_for_by_what_they_are_about(requests, store):
    """`assay status REQUEST` shows one request's history."""
    select = store.events.select
    assert [e.name for e in select(request_id=id_of(FINAL))] == ["Requested", "Answered", "Settled"]
    assert len(select(name="Answered")) == 3
    assert len(select(account=OPERATOR)) == 5
    assert len(select(model_id=MINE.model_id)) == 6
    assert len(select(first=2, last=2)) == 3
    assert len(select(limit=2)) == 2


def test_a_reorg_makes_ended_work_due_again(store):
    """An answer that a reorg removed must be given again; one under way may still be mined."""
    chain = ModelChain()
    chain.mine(requested(MINE), requested(OPEN))
    chain.mine(answered(MINE), answered(OPEN))
    following = Indexer(chain, store, ADDRESSES, start_block=0, confirmations=0)
    following.sync()
    store.jobs.add_all("answer", [(id_of(MINE), 1), (id_of(OPEN), 1)], now=1)
    sent, skipped = store.jobs.claim(["answer"], "me", 2, now=1, lease=9)
    tx = store.transactions.prepare(
        sender=OPERATOR,
        chain_nonce=0,
        call_to=None,
        data=b"",
        value=0,
        gas_limit=1,
        max_fee=1,
        priority_fee=1,
        purpose="answer",
        now=1.0,
        sign=lambda _nonce: (b"raw", b"hash"),
        job_ids=[sent.id],
    )
    store.transactions.mark_mined(
        tx.id, succeeded=True, block_number=2, block_hash=b"b", gas_used=1, effective_gas_price=1
    )
    store.jobs.finish(sent, "done", now=2)
    store.jobs.finish(skipped, "skipped", "somebody else did it", now=2)
    chain.drop(1)
    chain.mine()
    following.sync()
    assert [job.state for job in store.jobs.history(id_of(MINE))] == ["sent"]
    assert [job.state for job in store.jobs.history(id_of(OPEN))] == ["open"]
    assert [tx.state for tx in store.transactions.pending(OPERATOR)] == ["prepared"]


def send(store, nonce, *requests):
    """Answers to these are on their way."""
    jobs = store.jobs.take("answer", [(id_of(request), 1) for request in requests], "me", now=1, lease=9)
    store.transactions.prepare(
        sender=OPERATOR,
        chain_nonce=nonce,
        call_to=None,
        data=b"",
        value=0,
        gas_limit=1,
        max_fee=1,
        priority_fee=1,
        purpose="answer",
        now=1.0,
        sign=lambda number: (b"raw", bytes([number])),
        job_ids=[job.id for job in jobs],
    )
    return jobs


def test_an_operator_s_exposure_is_what_is_provisional_and_what_is_on_its_way(requests, store):
    """Its limits are on what it can lose; what is final or only claimed cannot be lost."""
    model = MINE.model_id
    assert requests.exposure(OPERATOR) == Exposure({model: 1}, 0)
    assert requests.exposure(REQUESTER) == Exposure({}, 0)
    first, second = send(store, 0, OPEN, MINE)
    assert requests.exposure(OPERATOR) == Exposure({model: 3}, 2 * MINE.policy.operator_bond)
    assert requests.exposure(OPERATOR).open_answers == 3
    store.jobs.finish_all([(first, "done", None)], now=2)
    assert requests.exposure(OPERATOR) == Exposure({model: 2}, MINE.policy.operator_bond)
    store.jobs.finish_all([(second, "skipped", "front run")], now=2)
    store.jobs.take("answer", [(id_of(OTHERS), 1)], "me", now=1, lease=9)
    store.jobs.take("settle", [(id_of(ANSWERED), 1)], "me", now=1, lease=9)
    assert requests.exposure(OPERATOR) == Exposure({model: 1}, 0)


def test_many_requests_are_read_at_once_and_unknown_ones_are_missing(requests):
    """One query for a batch; a request a reorg removed is no error."""
    found = requests.many([id_of(FINAL), b"\0" * 32, id_of(OPEN), id_of(OPEN)])
    assert found == {id_of(request): requests.get(id_of(request)) for request in (OPEN, FINAL)}
    assert requests.many([]) == {}
    assert len(requests.many([id_of(r) for r in (OPEN, MINE, OTHERS, ANSWERED, FINAL, SILENT)])) == 6
