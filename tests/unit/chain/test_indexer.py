"""The indexer against a model chain: whatever happens, the store ends up equal to the chain."""

import tempfile
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from oracle.chain.abi import artifact
from oracle.chain.indexer import Indexer
from oracle.chain.protocol import Status
from oracle.chain.rpc import RangeRefused, TransportError
from oracle.chain.scanner import Addresses, Scanner, Unsettled
from oracle.errors import ChainError, StoreError
from oracle.store import ledger as ledger_module
from oracle.store import rows as rows_module
from tests.unit.chain.model_chain import (
    ADDRESSES,
    OPERATOR,
    REGISTRY,
    REQUESTER,
    ModelChain,
    about,
    answered,
    content,
    id_of,
    make_request,
    moved,
    requested,
)
from tests.unit.fresh_store import fresh_store


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    opened = fresh_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def chain():
    """A chain with one block."""
    return ModelChain()


def indexer(chain, store, **options):
    """An indexer from the first block, without confirmations unless asked."""
    return Indexer(chain, store, ADDRESSES, **{"start_block": 0, "confirmations": 0} | options)


def stored(store):
    """What identifies the events stored, in order."""
    return [(e.tx_hash, e.block_hash, e.log_index) for e in store.events.select()]


def on_chain(chain, last=None):
    """What identifies the logs on the chain, in order."""
    logs = chain.canonical(len(chain.blocks) - 1 if last is None else last)
    return [(log.tx_hash, log.block_hash, log.log_index) for log in logs]


def test_events_are_applied_once_in_the_order_of_the_chain(chain, store):
    """Services act on what `sync` yields: nothing may be missing, repeated or out of order."""
    requests = [make_request(i) for i in range(4)]
    for request in requests:
        chain.mine(requested(request), answered(request))
    following = indexer(chain, store)
    events = following.sync()
    assert [e.name for e in events] == ["Requested", "Answered"] * 4
    assert [e.order for e in events] == sorted(e.order for e in events)
    assert following.sync() == []
    assert events[0].sender == REQUESTER
    assert events[0].gas_used == 50_000
    assert store.events.select() == events


def test_only_confirmed_blocks_are_applied(chain, store):
    """An operator that answers a request a reorg removes has worked for nothing."""
    chain.mine(requested(make_request(1)))
    following = indexer(chain, store, confirmations=2)
    assert following.sync() == []
    chain.mine()
    assert following.sync() == []
    chain.mine()
    assert len(following.sync()) == 1
    assert following.behind == 0


def test_finalized_number_is_kept_where_the_chain_has_one(chain, store):
    """Whoever needs certainty asks whether an event's block is finalized."""
    following = indexer(chain, store)
    following.sync()
    assert store.ledger.cursor().finalized is None
    chain.finalized = 0
    following.sync()
    assert store.ledger.cursor().finalized == 0


@pytest.mark.parametrize("depth", range(1, 11))
def test_attack_5_reorg_takes_events_back_and_applies_the_new_ones(chain, store, depth):
    """A request that is gone must be gone here, and one in another block must be known by that block."""
    kept, lost = make_request(1), make_request(2)
    chain.mine(requested(kept))
    for _ in range(9):
        chain.mine()
    chain.mine(requested(lost), answered(kept))
    for _ in range(depth - 1):
        chain.mine()
    rewinds = []
    following = indexer(chain, store, on_rewind=rewinds.append)
    following.sync()
    assert store.requests.get(id_of(kept)).status is Status.ANSWERED
    chain.drop(depth)
    for _ in range(depth + 1):
        chain.mine()
    assert following.sync() == []
    assert store.requests.get(id_of(lost)) is None
    assert store.requests.get(id_of(kept)).status is Status.REQUESTED
    assert store.requests.answers(id_of(kept)) == []
    assert [r.requests for r in rewinds] == [{id_of(kept), id_of(lost)}]
    chain.mine(requested(lost))
    assert len(following.sync()) == 1
    assert stored(store) == on_chain(chain)


def test_attack_5_reorg_while_the_worker_was_down_is_taken_back(chain, store):
    """The saved cursor may name a block that is no more."""
    chain.mine(requested(make_request(1)))
    indexer(chain, store).sync()
    chain.drop(1)
    chain.mine(requested(make_request(2)))
    chain.mine()
    assert len(indexer(chain, store).sync()) == 1
    assert stored(store) == on_chain(chain)


def test_a_reorg_of_everything_near_the_start_is_taken_back(chain, store):
    """A young devnet has fewer blocks than are kept, and each may go."""
    for i in range(4):
        chain.mine(requested(make_request(i)))
    following = indexer(chain, store, start_block=2)
    assert len(following.sync()) == 3
    chain.drop(4)
    for i in range(5):
        chain.mine(requested(make_request(10 + i)))
    assert len(following.sync()) == 4


def test_a_reorg_deeper_than_the_kept_blocks_says_what_to_do_and_replay_mends_it(chain, store):
    """Rewinding blindly would lose events; the operator decides."""
    for i in range(20):
        chain.mine(requested(make_request(i)))
    following = indexer(chain, store, keep_blocks=5)
    following.sync()
    chain.drop(10)
    for i in range(12):
        chain.mine(requested(make_request(100 + i)))
    with pytest.raises(ChainError, match="assay replay --role ROLE --from-block 0"):
        following.sync()
    assert len(following.replay(0)) == 12
    assert stored(store) == on_chain(chain)
    assert following.replay(0) == []
    assert following.sync() == []


def test_a_head_below_the_cursor_is_taken_for_lag(chain, store):
    """After failover an endpoint may be some blocks behind; forgetting events for that would repeat work."""
    chain.mine(requested(make_request(1)))
    chain.mine(requested(make_request(2)))
    following = indexer(chain, store)
    following.sync()
    chain.drop(1)
    assert following.sync() == []
    assert len(store.events.select()) == 2


def test_ranges_halve_when_refused_and_grow_again(chain, store):
    """Every provider has another limit, and says so only when it is crossed."""
    for i in range(100):
        chain.mine(requested(make_request(i)))
    chain.refuse_above = 20
    asked = []
    chain.fail = asked.append
    following = indexer(chain, store, max_range=64, keep_blocks=1)
    assert len(following.sync()) == 100
    assert asked.count("logs") < 30


def test_a_single_block_that_is_refused_is_an_error(chain, store):
    """Halving ends somewhere, and nothing may be skipped."""
    chain.mine(requested(make_request(1)))

    def refuse(method):
        if method.startswith("logs"):
            raise RangeRefused("query returned more than 10000 results")

    chain.fail = refuse
    with pytest.raises(RangeRefused):
        indexer(chain, store).sync()
    assert store.ledger.cursor().number == -1


LIES = {
    "removed": lambda logs: [replace(log, removed=True) for log in logs],
    "of another contract": lambda logs: [replace(log, address=OPERATOR) for log in logs],
    "outside the range": lambda logs: [moved(log, 99) for log in logs],
    "of another block's hash": lambda logs: [replace(log, block_hash=b"\x09" * 32) for log in logs],
    "twice with other content": lambda logs: logs + [replace(log, data=b"") for log in logs],
    "of an unknown transaction": lambda logs: [replace(log, tx_hash=b"\x09" * 32) for log in logs],
}


@pytest.mark.parametrize("lie", LIES)
def test_attack_47_logs_that_cannot_be_are_not_stored(chain, store, lie):
    """A lying endpoint must not make the worker act on what never happened, nor end it."""
    chain.mine(requested(make_request(1)))
    chain.lie = LIES[lie]
    following = indexer(chain, store)
    with pytest.raises(Unsettled):
        following.sync()
    assert following.distrusted == 3
    assert store.events.select() == []
    chain.lie = lambda logs: logs
    assert len(following.sync()) == 1


def test_attack_47_a_log_given_twice_is_stored_once(chain, store):
    """Repetition is harmless."""
    chain.mine(requested(make_request(1)))
    chain.lie = lambda logs: logs * 2
    assert len(indexer(chain, store).sync()) == 1


def test_attack_47_events_kept_back_are_found_by_a_rescan_and_put_in_their_place(chain, store):
    """An endpoint that lags may show a block without its logs; the answer then comes before its request."""
    request = make_request(1)
    chain.mine(requested(request))
    following = indexer(chain, store)
    chain.lie = lambda _logs: []
    following.sync()
    chain.lie = lambda logs: logs
    chain.mine(answered(request))
    assert [e.name for e in following.sync()] == ["Answered"]
    assert store.requests.get(id_of(request)) is None
    assert [e.name for e in following.rescan(10)] == ["Requested"]
    assert store.requests.get(id_of(request)).status is Status.ANSWERED


def test_attack_47_a_restart_reads_the_last_blocks_again(chain, store):
    """What was kept back just before a crash must not be missed for good."""
    chain.lie = lambda _logs: []
    chain.mine(requested(make_request(1)))
    indexer(chain, store).sync()
    chain.lie = lambda logs: logs
    assert indexer(chain, store, rescan=0).sync() == []
    assert len(indexer(chain, store, rescan=8).sync()) == 1


def test_attack_5_a_reorg_between_headers_and_logs_is_noticed(chain, store):
    """Logs of one branch must not be stored under the blocks of the other."""
    for i in range(30):
        chain.mine(requested(make_request(i)))

    def reorganise(method):
        if method == "logs":
            chain.fail = lambda _method: None
            chain.drop(1)
            chain.mine(requested(make_request(99)))

    chain.fail = reorganise
    following = indexer(chain, store, keep_blocks=1)
    assert len(following.sync()) == 30
    assert following.distrusted == 1
    assert store.ledger.hashes(30, 30) == {30: chain.blocks[30].hash}
    assert stored(store) == on_chain(chain)


def test_attack_47_a_rescan_with_logs_kept_back_forgets_nothing(chain, store):
    """A block's hash commits to its logs: what was seen in it stays true."""
    chain.mine(requested(make_request(1)))
    following = indexer(chain, store)
    following.sync()
    chain.lie = lambda _logs: []
    assert following.rescan(10) == []
    assert len(store.events.select()) == 1


@pytest.mark.parametrize("method", ["block_number", "block", "logs_of", "receipts"])
def test_attack_47_a_read_that_fails_leaves_the_store_as_it_was(chain, store, method):
    """The next step starts where the last one ended."""
    chain.mine(requested(make_request(1)))
    following = indexer(chain, store)
    following.sync()
    chain.mine(requested(make_request(2)))
    before = store.ledger.cursor()

    def fail(asked):
        if asked == method:
            raise TransportError("gone")

    chain.fail = fail
    with pytest.raises(TransportError):
        following.sync()
    assert store.ledger.cursor() == before
    chain.fail = lambda _method: None
    assert len(following.sync()) == 1


@pytest.mark.parametrize(
    ("module", "step"),
    [
        (ledger_module, "to_rows"),
        (ledger_module, "project"),
        (ledger_module, "_set_cursor"),
        (rows_module, "_upsert"),
    ],
)
def test_attack_48_killed_inside_the_commit_nothing_is_half_written(chain, store, monkeypatch, module, step):
    """Cursor, events and rows move together or not at all."""

    class Killed(BaseException):
        pass

    def die(*_arguments, **_options):
        raise Killed

    request = make_request(1)
    chain.mine(requested(request), answered(request))
    following = indexer(chain, store)
    with monkeypatch.context() as patch:
        patch.setattr(module, step, die)
        with pytest.raises(Killed):
            following.sync()
    assert store.ledger.cursor().number == -1
    assert store.events.select() == []
    assert store.requests.get(id_of(request)) is None
    assert len(indexer(chain, store).sync()) == 2


def test_attack_48_killed_inside_a_rewind_nothing_is_half_taken_back(chain, store, monkeypatch):
    """A reorg met at the worst moment is met again after the restart."""

    class Killed(BaseException):
        pass

    def die(*_arguments, **_options):
        raise Killed

    chain.mine(requested(make_request(1)))
    indexer(chain, store).sync()
    chain.drop(1)
    chain.mine(requested(make_request(2)))
    with monkeypatch.context() as patch:
        patch.setattr(ledger_module.transactions, "unmine", die)
        with pytest.raises(Killed):
            indexer(chain, store).sync()
    assert store.requests.get(id_of(make_request(1))) is not None
    indexer(chain, store).sync()
    assert stored(store) == on_chain(chain)


def test_events_applied_before_a_failure_are_yielded(chain, store):
    """A step that fails in its second range must not swallow the first one's events."""
    for i in range(40):
        chain.mine(requested(make_request(i)))
    reads = []

    def fail(method):
        reads.append(method)
        if reads.count("logs") == 2:
            raise TransportError("gone")

    chain.fail = fail
    following = indexer(chain, store, max_range=20, keep_blocks=1)
    first = following.sync()
    chain.fail = lambda _method: None
    assert len(first) + len(following.sync()) == 40


def test_a_log_that_does_not_decode_is_stored_raw_and_wedges_nothing(chain, store):
    """A newer contract, or a URI that is not UTF-8, must not stop the worker."""
    bad_uri = content("InferenceOracle", "InputLocated", requestId=b"\1" * 32, uri="AAAA")
    bad_uri = (bad_uri[0], bad_uri[1].replace(b"AAAA", b"\xff\xff\xff\xff"))
    chain.mine(bad_uri, ((b"\x77" * 32,), b"?"), ((), b""), requested(make_request(1)))
    following = indexer(chain, store)
    assert [e.name for e in following.sync()] == ["Unknown", "Unknown", "Unknown", "Requested"]
    assert following.unknown == 3
    assert store.events.select(name="Unknown")[0].data == bad_uri[1]


WORDS = st.sampled_from([0, 1, 32, 64, 2**31, 2**63, 2**64 - 1, 2**255, 2**256 - 1]) | st.integers(0, 2**256 - 1)
TOPICS = [topic for name in ("InferenceOracle", "ModelRegistry") for topic in artifact(name).events]


@settings(max_examples=300)
@given(st.sampled_from(TOPICS), st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=12), st.binary(max_size=31))
def test_attack_47_any_log_under_our_topics_is_decoded_or_stored_raw(topic, topics, words, rest):
    """An endpoint may give any bytes; none of them may end the worker."""
    chain = ModelChain()
    data = b"".join(word.to_bytes(32, "big") for word in words) + rest
    chain.mine(((topic, *(word.to_bytes(32, "big") for word in topics)), data))
    scanned = Scanner(chain, ADDRESSES).scan(0, 1, {0, 1}, None)
    assert [event.data for event in scanned.events] == [data]


def test_two_programs_may_index_into_one_database(chain, store):
    """Operator and keeper share a store; each event is applied by one of them."""
    first, second = indexer(chain, store), indexer(chain, store)
    chain.mine(requested(make_request(1)))
    assert len(first.sync()) == 1
    assert second.sync() == []
    chain.mine(requested(make_request(2)))

    def overtake(method):
        if method == "logs_of":
            chain.fail = lambda _method: None
            first.sync()

    chain.fail = overtake
    assert second.sync() == []
    assert stored(store) == on_chain(chain)


def test_a_database_of_another_deployment_is_refused(chain, store):
    """Events of two oracles in one database would be answered with the wrong contract."""
    indexer(chain, store)
    with pytest.raises(StoreError, match="another file"):
        Indexer(chain, store, Addresses(OPERATOR, REGISTRY), start_block=0)


def test_blocks_beyond_the_horizon_are_forgotten_unless_they_have_events(chain, store):
    """The database must not grow with every empty block."""
    chain.mine(requested(make_request(1)))
    following = indexer(chain, store, keep_blocks=4)
    for _ in range(150):
        chain.mine()
        following.sync()
    kept = store.ledger.hashes(0, 200)
    assert 1 in kept
    assert len(kept) <= 1 + 4 + 64


@pytest.mark.parametrize("step", ["_keys", "_take_back", "rebuild", "_prune"])
def test_attack_48_killed_while_reading_again_or_forgetting_nothing_is_half_written(chain, store, monkeypatch, step):
    """What corrects the store must not be able to spoil it."""

    class Killed(BaseException):
        pass

    def die(*_arguments, **_options):
        raise Killed

    chain.mine(requested(make_request(1)))
    following = indexer(chain, store, keep_blocks=4)
    for _ in range(62):
        chain.mine()
    following.sync()
    before, kept = store.ledger.cursor(), store.ledger.hashes(0, 100)
    for _ in range(4):
        chain.mine()
    act = following.sync if step == "_prune" else partial(following.replay, 0)
    with monkeypatch.context() as patch:
        patch.setattr(ledger_module, step, die)
        with pytest.raises(Killed):
            act()
    assert (store.ledger.cursor(), store.ledger.hashes(0, 100)) == (before, kept)
    following.sync()
    assert store.ledger.cursor().number == chain.block_number()


class IndexerMachine(RuleBasedStateMachine):
    """Random mining, reorgs, restarts, failures and lies; after a clean `sync` the store equals the chain."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = fresh_store(Path(self.folder.name))
        self.chain = ModelChain()
        self.salts = 0

    @initialize(confirmations=st.integers(0, 3), max_range=st.sampled_from([1, 3, 50]))
    def begin(self, confirmations, max_range):
        self.options = {"confirmations": confirmations, "max_range": max_range, "keep_blocks": 12, "rescan": 4}
        self.restart()

    @rule()
    def restart(self):
        self.indexer = indexer(self.chain, self.store, **self.options)

    @rule(events=st.lists(st.sampled_from(["request", "answer", "settle", "deliver", "expire"]), max_size=5))
    def mine(self, events):
        contents = []
        for event in events:
            self.salts += 1
            request = make_request(self.salts // 3)
            contents.append(
                {
                    "request": requested(request),
                    "answer": answered(request),
                    "settle": about("Settled", request, operator=OPERATOR),
                    "deliver": about("Delivered", request),
                    "expire": about("Expired", request),
                }[event]
            )
        self.chain.mine(*contents)

    @rule(depth=st.integers(1, 8), length=st.integers(0, 9), keep=st.booleans())
    @precondition(lambda self: len(self.chain.blocks) > 9)
    def reorg(self, depth, length, keep):
        self.indexer.sync()  # no deeper than the horizon in all: what was applied is at most 8 blocks gone
        for logs in self.chain.drop(depth):
            if keep:
                self.chain.mine(*((log.topics, log.data) for log in logs))
        for _ in range(length + (0 if keep else depth)):
            self.mine(["request"])
        self.indexer.sync()

    @rule(after=st.integers(0, 12))
    def fail(self, after):
        left = [after]

        def fail(_method):
            left[0] -= 1
            if left[0] < 0:
                raise TransportError("gone")

        self.chain.fail = fail
        with suppress(TransportError):
            self.indexer.sync()
        self.chain.fail = lambda _method: None

    @rule(lie=st.sampled_from(sorted(LIES)))
    def deceive(self, lie):
        self.chain.lie = LIES[lie]
        with suppress(Unsettled):
            self.indexer.sync()
        self.chain.lie = lambda logs: logs

    @rule(back=st.integers(0, 20))
    def replay(self, back):
        self.indexer.sync()
        before = self.store.events.select()
        assert self.indexer.replay(len(self.chain.blocks) - back) == []
        assert self.store.events.select() == before

    @rule()
    def sync(self):
        while self.indexer.sync() or self.indexer.behind:
            pass
        safe = len(self.chain.blocks) - 1 - self.options["confirmations"]
        assert stored(self.store) == on_chain(self.chain, safe)
        for request_id, expected in self.expected(safe).items():
            request = self.store.requests.get(request_id)
            assert (request and (request.status, request.delivered)) == expected

    def expected(self, safe):
        """Where each request stands, by the shortest reading of the events."""
        states = {}
        for event in self.store.events.select(last=safe):
            status, delivered = states.get(event.request_id) or (None, False)
            if event.name == "Requested":
                states[event.request_id] = (Status.REQUESTED, False)
            elif status is None:
                states[event.request_id] = None
            elif event.name == "Delivered":
                states[event.request_id] = (status, True)
            else:
                after = {"Answered": Status.ANSWERED, "Settled": Status.FINAL, "Expired": Status.EXPIRED}
                states[event.request_id] = (after[event.name], delivered)
        return states

    def teardown(self):
        self.store.close()
        self.folder.cleanup()


IndexerMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestIndexerMachine = IndexerMachine.TestCase
