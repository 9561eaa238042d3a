"""The sender against a pool that loses, refuses, forgets and reorganises: no gap, nothing twice, nothing stuck."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from oracle.chain.calls import Call
from oracle.chain.fees import FeeRules
from oracle.chain.protocol import checksum
from oracle.chain.sender import TRANSFER_GAS, Sender
from oracle.errors import ChainError, FundsError, RejectedError, WaitTimeout
from tests.unit.chain.mempool import (
    GWEI,
    ME,
    SIGNER,
    TROUBLES,
    Crash,
    Mempool,
    already_known,
    killed_after,
    killed_before,
    no_funds,
    taken_without_reply,
    underpriced,
    unreachable,
)
from tests.unit.fresh_store import fresh_store

TO = checksum("0x" + "0a" * 20)
RULES = FeeRules(bump_after=30.0, max_bumps=3, give_up_after=900.0)


class World:
    """A pool, a store, a clock, and senders on them."""

    def __init__(self, folder: Path, **rules) -> None:
        self.pool = Mempool()
        self.store = fresh_store(folder)
        self.now = 1_000.0
        self.outcomes = []
        self.rules = FeeRules(**rules) if rules else RULES
        self.sender = self.new_sender()

    def new_sender(self) -> Sender:
        """As after a restart, or in another process."""
        return Sender(
            self.pool,
            SIGNER,
            self.store,
            self.rules,
            clock=lambda: self.now,
            observer=lambda purpose, outcome: self.outcomes.append((purpose, outcome)),
        )

    def send(self, tag: int = 0, sender: Sender | None = None, **options) -> int:
        """A call whose data is its tag."""
        call = Call(TO, tag.to_bytes(4, "big"))
        return (sender or self.sender).send(call, purpose="answer", gas_limit=100_000, **options)

    def pending(self):
        """What is live, by nonce."""
        return self.store.transactions.pending(ME)

    def later(self, seconds: float) -> None:
        """Time passes, then the loop goes round."""
        self.now += seconds
        self.sender.poll()


@pytest.fixture
def world(tmp_path):
    """Everything new."""
    made = World(tmp_path)
    yield made
    made.store.close()


class Anything(RuleBasedStateMachine):
    """Sends, failures, deaths, other programs and reorgs in any order."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self.folder.name))
        self.senders = [self.world.sender, self.world.new_sender()]
        self.tags = 0

    @rule(trouble=st.sampled_from(TROUBLES), which=st.integers(0, 1))
    def send(self, trouble, which):
        self.tags += 1
        self.world.pool.trouble = trouble
        try:
            self.world.send(self.tags, self.senders[which])
        except FundsError:
            pass
        except Crash:
            self.senders[which] = self.world.new_sender()
        self.world.pool.trouble = None

    @rule(trouble=st.sampled_from(TROUBLES), which=st.integers(0, 1), seconds=st.sampled_from([1, 31, 901]))
    def poll(self, trouble, which, seconds):
        self.world.now += seconds
        self.world.pool.trouble = trouble
        try:
            self.senders[which].poll()
        except Crash:
            self.senders[which] = self.world.new_sender()
        self.world.pool.trouble = None

    @rule(status=st.sampled_from([0, 1]))
    def mine(self, status):
        self.world.pool.mine(status=status)

    @rule()
    def another_program_sends(self):
        self.world.pool.foreign()

    @rule()
    def the_node_forgets(self):
        self.world.pool.forget()

    @rule(depth=st.integers(1, 3), keep=st.booleans())
    def reorg(self, depth, keep):
        height = self.world.pool.reorganise(min(depth, len(self.world.pool.mined)), keep=keep)
        for sender in self.senders:
            sender.reopen(height)

    @invariant()
    def live_nonces_run_on_from_the_chain_s(self):
        live = [tx.nonce for tx in self.world.pending()]
        assert len(live) == len(set(live))
        waiting = {nonce for nonce, sent in self.world.pool.pool.items() if sent.foreign}
        expected = set(range(len(self.world.pool.mined), max(live, default=-1) + 1))
        assert expected <= set(live) | waiting

    @invariant()
    def only_stored_bytes_leave_and_their_nonce_is_kept(self):
        with self.world.store.read() as connection:
            rows = connection.exec_driver_sql(
                "SELECT h.hash, t.nonce FROM transaction_hashes h JOIN transactions t ON t.id = h.transaction_id"
            )
            known = {bytes(tx_hash): nonce for tx_hash, nonce in rows}
        assert all(known[sent.hash] == sent.nonce for sent in self.world.pool.seen)

    @invariant()
    def nothing_is_carried_out_twice(self):
        done = [sent.data for sent, _ in self.world.pool.mined if sent.data]
        assert len(done) == len(set(done))

    def teardown(self):
        for _ in range(80):
            if not self.world.pending():
                break
            self.world.now += 31
            self.senders[0].poll()
            while self.world.pool.mine():
                pass
        assert self.world.pending() == [], "a nonce is stuck"
        self.world.store.close()
        self.folder.cleanup()


Anything.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


class TestAttack49AnyHistoryLeavesNoGapSendsNothingTwiceAndNothingSticks(Anything.TestCase):
    """One nonce missing or taken twice, and no answer of this operator is mined any more."""


@pytest.mark.parametrize("trouble", [unreachable, taken_without_reply, underpriced, already_known])
def test_attack_49_a_broadcast_that_went_wrong_keeps_its_nonce_and_the_next_takes_the_next(world, trouble):
    """The endpoint may have it all the same: another transaction with its nonce could undo it."""
    world.pool.trouble = trouble
    world.send(1)
    world.send(2)
    assert [tx.nonce for tx in world.pending()] == [0, 1]
    world.later(31)
    world.pool.mine()
    world.pool.mine()
    assert {int.from_bytes(sent.data, "big") for sent, _ in world.pool.mined} == {1, 2}


def test_attack_49_a_stuck_transaction_is_replaced_with_a_tenth_more_on_both_fees(world):
    """Nodes refuse less, and without it one cheap transaction blocks all behind it."""
    world.send(1)
    world.later(29)
    assert len(world.pool.seen) == 1
    for _ in range(3):
        world.later(30)
    first, *replacements = world.pool.seen
    assert len(replacements) == 3
    for before, after in zip([first, *replacements], replacements, strict=False):
        assert (after.nonce, after.to, after.data, after.gas) == (first.nonce, TO, first.data, first.gas)
        assert 10 * after.max_fee >= 11 * before.max_fee
        assert 10 * after.priority_fee >= 11 * before.priority_fee
    assert world.pool.pool[0].raw == replacements[-1].raw
    assert world.outcomes == [("answer", "sent"), *[("answer", "replaced")] * 3]


def test_attack_49_an_underpriced_transaction_pays_more_until_the_pool_takes_it(world):
    """The pool's floor rises within seconds when a chain is busy."""
    world.pool.trouble = underpriced
    world.send(1)
    assert world.pool.pool == {}
    world.later(30)
    assert world.pool.pool[0].max_fee > world.pool.seen[0].max_fee


def test_attack_49_what_is_given_up_frees_its_nonce_by_a_transfer_to_itself(world):
    """Skipping the nonce would block all behind it; what was to be done must not happen late."""
    sent = world.send(1)
    world.later(30)
    world.later(900)
    cancelling = world.pool.pool[0]
    assert (cancelling.to, cancelling.data, cancelling.value, cancelling.gas) == (ME, b"", 0, TRANSFER_GAS)
    assert cancelling.nonce == 0
    world.pool.mine()
    (ended,) = world.sender.poll()
    assert (ended.id, ended.succeeded) == (sent, False)
    assert world.store.transactions.get(sent).state == "reverted"
    assert ("answer", "cancelled") in world.outcomes


def test_what_was_mined_before_its_cancelling_has_succeeded(world):
    """The first version may win the race; calling that a failure would answer again."""
    sent = world.send(1)
    world.pool.trouble = unreachable
    world.later(900)
    world.pool.mine()
    (ended,) = world.sender.poll()
    assert (ended.succeeded, ended.hash) == (True, world.pool.seen[0].hash)
    assert world.store.transactions.get(sent).cancelling


def test_attack_49_an_account_without_ether_releases_the_nonce(world):
    """A nonce that never left and stays taken is a gap for ever."""
    world.pool.wealth = 0
    with pytest.raises(FundsError):
        world.send(1)
    assert world.pending() == []
    world.pool.wealth = 10**18
    world.send(2)
    assert list(world.pool.pool) == [0]


def test_attack_49_a_nonce_released_below_one_in_use_is_taken_next(world):
    """Two processes: one cannot pay while the other, behind it, has left already; its transaction waits for ever."""
    other = world.new_sender()

    def overtaken(pool, sent):
        world.send(2, other)
        no_funds(pool, sent)

    world.pool.trouble = overtaken
    with pytest.raises(FundsError):
        world.send(1)
    assert [tx.nonce for tx in world.pending()] == [1]
    world.send(3)
    assert [tx.nonce for tx in world.pending()] == [0, 1]
    world.send(4)
    assert [tx.nonce for tx in world.pending()] == [0, 1, 2]


def test_attack_49_what_could_not_be_paid_can_be_sent_again_unchanged(world):
    """On a quiet chain the fees are the same later, so are the bytes and their hash: no reason to fail."""
    world.pool.wealth = 0
    for _ in range(2):
        with pytest.raises(FundsError):
            world.send(1)
    world.pool.wealth = 10**18
    sent = world.send(1)
    world.pool.mine()
    assert [(each.id, each.succeeded) for each in world.sender.poll()] == [(sent, True)]


def test_attack_49_a_dry_account_waits_with_its_transactions_until_it_can_pay(world):
    """Replacing needs more ether than there is; what was signed is kept and offered again."""
    world.send(1)
    world.pool.forget()
    world.pool.wealth = 0
    world.later(30)
    assert world.pool.pool == {}
    world.pool.wealth = 10**18
    world.later(30)
    assert list(world.pool.pool) == [0]
    assert [tx.nonce for tx in world.pending()] == [0]


def test_attack_49_a_nonce_another_program_took_is_noticed_at_once(world):
    """The transaction takes the next one, the caller sees nothing of it."""
    world.send(1)
    world.pool.mine()
    world.sender.poll()
    world.pool.foreign()
    sent = world.send(2)
    assert world.store.transactions.get(sent).nonce == 2
    assert list(world.pool.pool) == [2]


def test_attack_49_an_account_others_keep_using_is_an_error_in_words(world):
    """Racing another program for nonces can go on for ever."""
    world.send(1)
    world.pool.mine()

    def racing(pool, _sent):
        pool.foreign()
        pool.trouble = racing

    world.pool.trouble = racing
    with pytest.raises(ChainError, match="Is another program sending"):
        world.send(2)
    world.pool.trouble = None
    world.sender.poll()
    assert world.pending() == []


def test_attack_49_a_pending_transaction_whose_nonce_another_took_is_lost_and_said_so(world):
    """Its jobs are owed again; what waits behind it is not touched.

    It may only seem so to an endpoint that lags and has no receipt yet, so it is asked again for a while.
    """
    first, second = world.send(1), world.send(2)
    world.pool.foreign()
    assert world.sender.poll() == []
    assert world.store.transactions.get(first).state == "sent"
    world.now += FeeRules().bump_after
    (lost,) = world.sender.poll()
    assert (lost.id, lost.succeeded) == (first, False)
    assert world.store.transactions.get(first).state == "failed"
    assert [tx.id for tx in world.pending()] == [second]
    assert ("answer", "lost") in world.outcomes


@pytest.mark.parametrize("death", [killed_before, killed_after])
def test_attack_48_killed_around_the_broadcast_a_restart_sends_the_very_same_bytes(world, death):
    """Other bytes could be mined beside the first: an answer twice, gas twice."""
    world.store.jobs.add("answer", b"\1" * 32, 1, now=1)
    (job,) = world.store.jobs.claim(["answer"], "me", 1, now=1, lease=9)
    world.pool.trouble = death
    with pytest.raises(Crash):
        world.send(1, job_ids=[job.id])
    again = world.new_sender()
    assert [each.state for each in world.store.jobs.history(b"\1" * 32)] == ["sent"]
    again.poll()
    assert len(world.pool.seen) == 2
    assert world.pool.seen[0].raw == world.pool.seen[1].raw
    assert list(world.pool.pool) == [0]


def test_attack_48_killed_between_replacing_and_broadcast_either_version_ends_it(world):
    """The pool may hold the first version or the second; both are ours."""
    sent = world.send(1)
    world.pool.trouble = killed_before
    with pytest.raises(Crash):
        world.later(30)
    world.pool.mine()
    (ended,) = world.new_sender().poll()
    assert (ended.id, ended.succeeded, ended.hash) == (sent, True, world.pool.seen[0].hash)


def test_attack_48_two_senders_on_one_store_never_take_one_nonce_twice(world):
    """Hot standby with one key: the second must not undo the first's answer."""
    other = world.new_sender()
    for tag in range(6):
        world.send(tag, (world.sender, other)[tag % 2])
    assert [tx.nonce for tx in world.pending()] == [0, 1, 2, 3, 4, 5]
    assert sorted(world.pool.pool) == [0, 1, 2, 3, 4, 5]


def test_attack_5_what_a_reorg_removed_is_sent_again_as_it_was(world):
    """Signing anew could carry it out twice, should the old version come back."""
    sent = world.send(1)
    world.pool.mine()
    world.sender.poll()
    world.sender.reopen(world.pool.reorganise(1, keep=False))
    assert [tx.id for tx in world.pending()] == [sent]
    world.sender.poll()
    assert world.pool.seen[0].raw == world.pool.seen[1].raw
    world.pool.mine()
    assert [(each.id, each.succeeded) for each in world.sender.poll()] == [(sent, True)]


def test_polling_with_nothing_pending_asks_nobody(world):
    """It is done after every block."""
    world.pool.nonce = None
    assert world.sender.poll() == []


def test_executing_waits_for_the_block_and_says_what_reverted(world):
    """Commands that deploy or deposit go on with the result."""
    world.pool.automine = True
    mined = world.sender.execute(Call(TO, b"x"), purpose="deposit")
    assert (mined.succeeded, mined.nonce, mined.gas_used) == (True, 0, 120_000)
    world.pool.automine = False
    sent = world.send(1)
    world.pool.mine(status=0)
    with pytest.raises(RejectedError, match="to answer was mined but reverted"):
        world.sender.wait(sent)
    with pytest.raises(WaitTimeout):
        world.sender.wait(world.send(2), timeout=0.01)


def test_a_base_fee_above_the_cap_is_refused_before_a_nonce_is_taken(world):
    """A cap that is passed silently is no cap."""
    world.pool.base_fee = 501 * GWEI
    with pytest.raises(FundsError, match="above the cap"):
        world.send(1)
    assert world.pending() == []
    assert world.pool.seen == []
