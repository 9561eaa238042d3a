"""Upkeep: what is due becomes as few transactions as fit, and what is not due any more becomes none."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.calls import OracleContract
from oracle.chain.gas import MAX_CALLDATA, TRANSACTION_CAP, finalize_limit
from oracle.chain.protocol import REQUEST_ABI, InputKind, Status
from oracle.errors import StoreError
from oracle.services.follower import DELIVER, EXPIRE, SETTLE
from oracle.services.upkeep import KINDS, LEASE_SECONDS, batches, settle_call
from oracle.store.jobs import Job
from oracle.store.requests import StoredRequest
from tests.unit.chain.model_chain import OPERATOR, ORACLE, REQUESTER, about, id_of, make_request, requested
from tests.unit.services.world import OTHER, World, answered_by


def due(number: int, size: int, callback_gas: int) -> tuple[Job, StoredRequest]:
    """A job and its answered request with an output of `size` bytes."""
    identifier = number.to_bytes(32, "big")
    stored = StoredRequest(
        id=identifier,
        model_id=bytes(32),
        requester=REQUESTER,
        named_operator=None,
        fee=1,
        operator_bond=1,
        callback_gas=callback_gas,
        answer_time=60,
        window=30,
        encoded=encode([REQUEST_ABI], [make_request(number, callback_gas=callback_gas).to_abi()]),
        input_kind=InputKind.BYTES,
        input=b"",
        input_uri=None,
        requested_at=1,
        requested_block=1,
        status=Status.ANSWERED,
        attempt=1,
        opened_at=1,
        deadline=61,
        operator=OPERATOR,
        software=bytes(32),
        manifest_hash=bytes(32),
        output=b"\1" * size,
    )
    return Job(number, SETTLE, identifier, 1, "claimed", None, "me", 1.0, None, 1.0, 1.0), stored


@given(st.lists(st.tuples(st.integers(0, 65_536), st.integers(0, 2_000_000)), max_size=30))
def test_attack_68_every_chunk_fits_a_transaction_and_nothing_is_lost_or_moved(items):
    """A transaction above 2^24 gas or 128 KiB is refused by every node; an answer left out keeps its bond locked."""
    work = [due(number, size, gas) for number, (size, gas) in enumerate(items)]
    chunks = batches(work)
    assert [each for chunk in chunks for each in chunk] == work
    assert all(chunks)
    for chunk in chunks:
        requests = [stored for _, stored in chunk]
        data = settle_call(OracleContract(ORACLE), requests).data
        assert len(data) <= MAX_CALLDATA
        assert finalize_limit(len(data), [each.callback_gas for each in requests]) <= TRANSACTION_CAP


def test_what_has_no_answer_cannot_be_settled():
    """A store that contradicts itself is said so, not guessed around."""
    _, stored = due(1, 10, 0)
    with pytest.raises(StoreError, match="no answer to settle"):
        settle_call(OracleContract(ORACLE), [replace(stored, operator=None)])
    with pytest.raises(StoreError, match="no output"):
        batches([(due(1, 0, 0)[0], replace(stored, output=None))])


@pytest.fixture
def world(tmp_path):
    """An empty chain."""
    made = World(tmp_path, KINDS)
    yield made
    made.store.close()


def owe(world, kind, *requests, attempt=1):
    """Jobs are owed."""
    world.follower.follow()
    world.store.jobs.add_all(kind, [(id_of(request), attempt) for request in requests], now=world.now)


def test_many_answers_are_settled_in_one_transaction_with_gas_for_every_callback(world):
    """Base gas is paid once, and no callback is starved by the ones before."""
    requests = [make_request(salt, callback_gas=100_000 * salt) for salt in range(4)]
    world.mine(*map(requested, requests))
    world.mine(*(answered_by(OTHER, request) for request in requests))
    owe(world, SETTLE, *requests)
    assert world.upkeep().work()
    assert world.sent() == ["finalizeMany"]
    assert world.last().gas >= finalize_limit(0, [request.callback_gas for request in requests])
    assert not world.upkeep().work()


def test_attack_50_what_somebody_settled_first_is_not_sent(world):
    """Upkeep is anybody's: being second is the ordinary case, not an error."""
    request = make_request(1)
    world.mine(requested(request))
    world.mine(answered_by(OTHER, request))
    owe(world, SETTLE, request)
    world.mine(about("Settled", request, operator=OTHER))
    world.follower.follow()
    assert world.upkeep().work()
    assert world.node.seen == []
    assert world.store.jobs.open_for(id_of(request)) == []


def test_what_the_contract_would_refuse_is_not_sent(world):
    """Asked first: expiring a request that was answered in this very block costs nothing but a call."""
    request = make_request(1)
    world.mine(requested(request))
    owe(world, EXPIRE, request)
    world.node.refused["expire"] = "it was answered"
    world.upkeep().work()
    assert world.node.seen == []
    assert world.reasons(request) == ["it was answered"]


def test_a_job_for_a_request_nobody_told_of_sends_nothing(world):
    """A reorg may remove a request after its job was owed."""
    request = make_request(1)
    owe(world, EXPIRE, request)
    world.upkeep().work()
    assert world.node.seen == []
    assert world.store.jobs.open_for(id_of(request)) == []


def test_only_the_asked_kinds_are_worked_on_and_up_to_a_batch(world):
    """An operator settles, and leaves deliveries to keepers."""
    requests = [make_request(salt) for salt in range(5)]
    world.mine(*map(requested, requests))
    owe(world, EXPIRE, *requests)
    assert not world.upkeep().work((SETTLE, DELIVER))
    world.upkeep(max_batch=2).work()
    assert world.sent() == ["expire", "expire"]


def test_attack_48_work_of_a_process_that_died_is_taken_up_when_its_lease_ends(world):
    """Else one killed keeper's answers would never be settled by the next."""
    request = make_request(1)
    world.mine(requested(request))
    owe(world, EXPIRE, request)
    world.store.jobs.claim(KINDS, "dead", 9, now=world.now, lease=LEASE_SECONDS)
    assert not world.upkeep("next").work()
    world.now += LEASE_SECONDS
    assert world.upkeep("next").work()
    assert world.sent() == ["expire"]
