"""Jobs: owed once, held by one worker, never lost."""

from threading import Thread

import pytest

WORK = [(bytes([i]) * 32, 1) for i in range(50)]
LEASE = {"now": 100.0, "lease": 10.0}


def prepare(store, *job_ids, nonce=0):
    """A transaction in the outbox that carries jobs out."""
    return store.transactions.prepare(
        sender="0xa",
        chain_nonce=nonce,
        call_to=None,
        data=b"",
        value=0,
        gas_limit=1,
        max_fee=1,
        priority_fee=1,
        purpose="answer",
        now=1.0,
        sign=lambda n: (b"raw", n.to_bytes(32, "big")),
        job_ids=job_ids,
    )


def test_a_job_is_owed_once(store):
    """A restart that finds the same work again must not do it again."""
    assert store.jobs.add_all("answer", WORK, now=1) == 50
    assert store.jobs.add_all("answer", WORK, now=2) == 0
    assert not store.jobs.add("answer", *WORK[0], now=2)
    assert store.jobs.add("answer", WORK[0][0], 2, now=2)
    assert store.jobs.add("settle", *WORK[0], now=2)
    assert store.jobs.add_all("answer", [], now=2) == 0


def test_attack_48_two_workers_on_one_database_never_hold_the_same_job(open_store):
    """Hot standby: each job is somebody's, none is two's."""
    stores = [open_store(), open_store()]
    stores[0].jobs.add_all("answer", WORK, now=1)
    held = [[], []]

    def work(number):
        while claimed := stores[number].jobs.claim(["answer"], f"worker {number}", 3, **LEASE):
            held[number] += [job.id for job in claimed]

    threads = [Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(held[0] + held[1]) == list(range(1, 51))


def test_attack_48_a_dead_worker_s_jobs_are_free_when_its_lease_ends(store):
    """Killed with a job in hand, it must not keep it for ever."""
    store.jobs.add("answer", *WORK[0], now=1)
    (job,) = store.jobs.claim(["answer"], "dead", 5, now=100, lease=10)
    assert store.jobs.claim(["answer"], "next", 5, now=109, lease=10) == []
    (again,) = store.jobs.claim(["answer"], "next", 5, now=110, lease=10)
    assert again.id == job.id
    assert not store.jobs.finish(job, "done", now=111)
    assert store.jobs.renew([job], now=111, lease=10) == 0
    assert store.jobs.renew([again], now=111, lease=10) == 1
    assert store.jobs.finish(again, "done", "answered", now=112)


def test_claims_take_the_asked_kinds_and_the_oldest_first(store):
    """A keeper must not take an operator's answers."""
    store.jobs.add_all("settle", WORK[:3], now=1)
    store.jobs.add_all("answer", WORK[:3], now=1)
    jobs = store.jobs.claim(["answer", "deliver"], "me", 2, **LEASE)
    assert [(job.kind, job.request_id) for job in jobs] == [("answer", WORK[0][0]), ("answer", WORK[1][0])]


def test_attack_48_a_job_and_its_transaction_are_stored_together(store):
    """Killed after signing and before noting it, the worker would answer twice."""
    store.jobs.add_all("answer", WORK[:2], now=1)
    jobs = store.jobs.claim(["answer"], "me", 5, **LEASE)
    tx = prepare(store, *(job.id for job in jobs))
    assert [job.state for job in store.jobs.of_transaction(tx.id)] == ["sent", "sent"]
    assert store.jobs.claim(["answer"], "other", 5, now=1e9, lease=1) == []
    assert len(store.jobs.sent(["answer"])) == 2


def test_attack_48_if_signing_fails_neither_transaction_nor_job_is_changed(store):
    """A signer that is away must not leave a nonce taken."""
    store.jobs.add("answer", *WORK[0], now=1)
    (job,) = store.jobs.claim(["answer"], "me", 5, **LEASE)

    def sign(_nonce):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        store.transactions.prepare(
            sender="0xa",
            chain_nonce=0,
            call_to=None,
            data=b"",
            value=0,
            gas_limit=1,
            max_fee=1,
            priority_fee=1,
            purpose="answer",
            now=1.0,
            sign=sign,
            job_ids=[job.id],
        )
    assert store.transactions.pending("0xa") == []
    assert store.jobs.open_for(WORK[0][0]) == [job]


def test_what_is_owed_to_a_request_is_what_has_not_ended(store):
    """`assay status` shows it."""
    request_id, attempt = WORK[0]
    for kind in ("answer", "settle", "deliver"):
        store.jobs.add(kind, request_id, attempt, now=1)
    (job,) = store.jobs.claim(["answer"], "me", 5, **LEASE)
    store.jobs.finish(job, "skipped", "model unknown", now=2)
    assert [job.kind for job in store.jobs.open_for(request_id)] == ["settle", "deliver"]
    assert [job.reason for job in store.jobs.history(request_id)] == ["model unknown", None, None]
    assert store.jobs.counts() == {("answer", "skipped"): 1, ("settle", "open"): 1, ("deliver", "open"): 1}


def test_a_job_can_be_attached_later(store):
    """For transactions that were prepared without it."""
    store.jobs.add("settle", *WORK[0], now=1)
    tx = prepare(store)
    store.jobs.attach([1], tx.id, now=2)
    assert [job.state for job in store.jobs.of_transaction(tx.id)] == ["sent"]


def states(store, request_id=WORK[0][0]):
    """Where a request's jobs stand."""
    return [job.state for job in store.jobs.history(request_id)]


def test_attack_48_what_is_taken_is_new_claimed_and_in_order(store):
    """Owing and claiming are one commit: no other worker gets in between, and none is taken twice."""
    store.jobs.add("answer", *WORK[1], now=1)
    taken = store.jobs.take("answer", WORK[:3], "me", **LEASE)
    assert [job.request_id for job in taken] == [WORK[0][0], WORK[2][0]]
    assert {(job.state, job.owner, job.lease_until) for job in taken} == {("claimed", "me", 110.0)}
    assert store.jobs.take("answer", WORK[:3], "other", **LEASE) == []
    assert store.jobs.take("answer", [], "me", **LEASE) == []
    assert [job.request_id for job in store.jobs.claim(["answer"], "other", 9, **LEASE)] == [WORK[1][0]]


def test_what_is_skipped_is_noted_with_its_reason_and_never_over_a_job_that_exists(store):
    """A late refusal must not end an answer that is on its way."""
    (held,) = store.jobs.take("answer", WORK[:1], "me", **LEASE)
    store.jobs.skip_all("answer", [(*work, "its fee is too low") for work in WORK[:2]], now=2)
    store.jobs.skip_all("answer", [(*WORK[1], "another reason")], now=3)
    store.jobs.skip_all("answer", [], now=3)
    assert store.jobs.history(WORK[0][0]) == [held]
    (skipped,) = store.jobs.history(WORK[1][0])
    assert (skipped.state, skipped.reason, skipped.owner, skipped.updated_at) == (
        "skipped",
        "its fee is too low",
        None,
        2,
    )


def test_what_was_skipped_before_anything_was_sent_is_reconsidered_and_nothing_else(store):
    """A new model or new terms give it another chance; what cost gas already is not tried again."""
    store.jobs.skip_all("answer", [(*WORK[0], "unknown model")], now=1)
    store.jobs.skip_all("settle", [(*WORK[0], "somebody else")], now=1)
    sent, held = store.jobs.take("answer", WORK[1:3], "me", **LEASE)
    prepare(store, sent.id)
    store.jobs.finish_all([(sent, "skipped", "front run")], now=2)
    store.jobs.reconsider("answer")
    assert [job.kind for job in store.jobs.history(WORK[0][0])] == ["settle"]
    assert states(store, sent.request_id) == ["skipped"]
    assert store.jobs.history(held.request_id) == [held]


def test_attack_48_jobs_of_owners_that_are_gone_are_freed_and_no_other_s(store):
    """A restart need not wait for the lease of the process it replaces."""
    (dead,) = store.jobs.take("answer", WORK[:1], "dead", **LEASE)
    (held,) = store.jobs.take("answer", WORK[1:2], "alive", **LEASE)
    (sent,) = store.jobs.take("answer", WORK[2:3], "dead", **LEASE)
    prepare(store, sent.id)
    assert store.jobs.free(lambda owner: owner == "alive", now=101) == 1
    assert store.jobs.free(lambda owner: owner == "alive", now=102) == 0
    assert states(store) == ["open"]
    assert store.jobs.history(held.request_id) == [held]
    assert states(store, sent.request_id) == ["sent"]
    assert [job.id for job in store.jobs.claim(["answer"], "next", 9, **LEASE)] == [dead.id]


def test_sent_jobs_end_together_each_in_its_own_way(store):
    """One batch, one commit: a kill in the middle leaves all of them to be looked at again."""
    jobs = store.jobs.take("answer", WORK[:4], "me", **LEASE)
    prepare(store, *(job.id for job in jobs[:3]))
    endings = [
        (jobs[0], "done", None),
        (jobs[1], "skipped", "too late"),
        (jobs[2], "open", "lost"),
        (jobs[3], "done", ""),
    ]
    store.jobs.finish_all(endings, now=5)
    found = [store.jobs.history(job.request_id)[0] for job in jobs]
    assert [(job.state, job.reason) for job in found] == [
        ("done", None),
        ("skipped", "too late"),
        ("open", "lost"),
        ("claimed", None),
    ]
    store.jobs.finish_all([(jobs[0], "failed", "again")], now=6)
    store.jobs.finish_all([], now=6)
    assert states(store) == ["done"]
