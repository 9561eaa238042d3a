"""The docket: every answer of others is judged once, whatever order they come in and whatever happens to the chain."""

from dataclasses import replace

import numpy as np
import pytest

from oracle.canonical.tensor import encode
from oracle.chain.protocol import InputKind
from oracle.metrics import JudgedAs, UnjudgedReason
from oracle.services.engines import Engines
from oracle.services.watching import docket as module
from oracle.services.watching.docket import Docket
from oracle.services.watching.library import OwnModels, Unwatched, Watched
from tests.unit.chain.mempool import ME
from tests.unit.chain.model_chain import content, id_of, requested
from tests.unit.services.watching.court import ENGINES
from tests.unit.services.world import OTHER, World, answered_by, ask, compiled, tolerant, with_program

ATOL = 2.0**-10
MODEL = with_program("digits", ATOL)
PIXELS = np.linspace(0, 16, 64, dtype=np.float32).reshape(1, 64)
PACKED = PIXELS.astype(">f4").tobytes()
(TRUTH,) = compiled("digits").run([PIXELS])


def output(change=0.0):
    """An answer whose first element is off by `change`."""
    changed = TRUTH.copy()
    changed[0, 0] += np.float32(change)
    return encode([changed], MODEL.output_tensors)


RIGHT, WRONG = output(), output(1.0)


@pytest.fixture
def world(tmp_path):
    """A chain with the model announced."""
    made = World(tmp_path, (), disputed=True)
    made.publish(MODEL)
    yield made
    made.store.close()


class Counting(Engines):
    """Engines that count canonical runs."""

    runs = 0

    def canonical(self, program, inputs):
        Counting.runs += 1
        return super().canonical(program, inputs)


@pytest.fixture
def make(world):
    """Makes a docket, as after a start."""

    def _make(*, library=None, check="all", seconds=30.0, screen=None):
        own = library or OwnModels(
            world.store.catalogue, [compiled("digits")], {} if screen is None else {MODEL.onnx_digest: screen}
        )
        Counting.runs = 0
        engines = Counting(ENGINES.sessions, 1)
        return Docket(world.follower, own, engines, me=ME, check=check, seconds=seconds, clock=world.clock)

    return _make


def answer(world, salt, packed_answer, **terms):
    """A request with somebody's answer."""
    request = ask(salt, MODEL, PACKED, operator=OTHER, **({"window": 600} | terms))
    world.mine(requested(request, PACKED))
    world.mine(answered_by(OTHER, request, packed_answer))
    world.follower.follow()
    return request


def step(world, docket):
    """One step at the chain's time."""
    return docket.step(world.follower.follow().timestamp)


def judged(world, outcome):
    """How many answers were found to be so."""
    return world.metrics.answers_judged.labels(outcome)._value.get()


def unjudged(world, reason):
    """How many could not be judged for a reason."""
    return world.metrics.answers_unjudged.labels(reason)._value.get()


def test_each_answer_is_judged_once(world, make):
    """The cost of watching is one run an answer."""
    for salt in range(4):
        answer(world, salt, WRONG if salt == 2 else RIGHT)
    docket = make()
    for _ in range(3):
        step(world, docket)
    assert Counting.runs == 4
    assert (judged(world, JudgedAs.RIGHT), judged(world, JudgedAs.WRONG)) == (3, 1)
    assert len(docket.wrong) == 1


def test_attack_13_more_answers_than_one_look_reads_are_all_judged(world, make, monkeypatch):
    """Nobody can hide a wrong answer behind a flood of right ones that stay open longer."""
    monkeypatch.setattr(module, "_BATCH", 3)
    requests = [ask(salt, MODEL, PACKED, operator=OTHER, window=600) for salt in range(10)]
    world.mine(*(requested(request, PACKED) for request in requests))
    world.mine(*(answered_by(OTHER, request, WRONG if n == 7 else RIGHT) for n, request in enumerate(requests)))
    docket = make()
    step(world, docket)
    assert (judged(world, JudgedAs.RIGHT), judged(world, JudgedAs.WRONG)) == (9, 1)


def test_attack_13_new_answers_do_not_wait_for_old_ones_to_be_read_again(world, make, monkeypatch):
    """Announcing a model in every block has everything read again; what is new is read first all the same."""
    monkeypatch.setattr(module, "_BATCH", 2)
    docket = make(seconds=0.0)
    for salt in range(7):
        answer(world, salt, RIGHT)
    for number in range(12):
        world.publish(tolerant(MODEL, 2.0**-number))
        step(world, docket)
    answer(world, 8, WRONG)
    world.publish(tolerant(MODEL, 2.0**-20))
    step(world, docket)
    assert len(docket.wrong) == 1


def test_a_step_that_has_no_time_judges_one_answer_and_asks_for_more(world, make):
    """Moves must not wait for a backlog, and a backlog must shrink all the same."""
    for salt in range(3):
        answer(world, salt, RIGHT)
    docket = make(seconds=0.0)
    assert [step(world, docket) for _ in range(4)] == [True, True, False, False]
    assert judged(world, JudgedAs.RIGHT) == 3


def test_with_a_backlog_what_onnxruntime_does_not_confirm_comes_first(world, make):
    """A glance at all finds the wrong one sooner than a canonical run of each."""
    for salt in range(5):
        answer(world, salt, WRONG if salt == 4 else RIGHT)
    docket = make(screen=lambda _inputs: [TRUTH])
    docket._seconds = 30.0
    docket._take_in(world.follower.head.timestamp, float("inf"))
    assert docket._queue.pop().confirmed is False
    assert docket._queue.pop().confirmed is True


def test_screened_answers_that_onnxruntime_confirms_are_not_run(world, make):
    """That is what the mode is for; what it cannot confirm is run."""
    answer(world, 1, RIGHT)
    answer(world, 2, output(ATOL / 2))
    answer(world, 3, WRONG)
    docket = make(check="screened", screen=lambda _inputs: [TRUTH])
    step(world, docket)
    assert Counting.runs == 2
    found = [judged(world, each) for each in (JudgedAs.CONFIRMED, JudgedAs.RIGHT, JudgedAs.WRONG)]
    assert found == [1, 1, 1]


def test_attack_70_a_screen_that_errs_never_makes_an_answer_wrong(world, make):
    """Onnxruntime can be led astray by an input; only the canonical run decides about a bond."""
    answer(world, 1, RIGHT)
    docket = make(check="screened", screen=lambda _inputs: [TRUTH + 100])
    step(world, docket)
    assert judged(world, JudgedAs.RIGHT) == 1
    assert docket.wrong == {}


def test_attack_78_an_input_that_makes_onnxruntime_agree_with_a_lie_fools_only_who_asked_to_be_screened(world, make):
    """By default every answer is run canonically; and one that is disputed is, whatever was asked for."""
    answer(world, 1, WRONG)
    (lie,) = [np.frombuffer(WRONG, ">f4").astype(np.float32).reshape(TRUTH.shape)]
    careful = make(check="all", screen=lambda _inputs: [lie])
    step(world, careful)
    assert len(careful.wrong) == 1
    screened = make(check="screened", screen=lambda _inputs: [lie])
    step(world, screened)
    assert screened.wrong == {}
    (stored,) = world.store.requests.recent()
    game = screened.game_of(stored)
    assert screened.judgement(game, stored, 2**31) is None
    step(world, screened)
    assert list(screened.wrong) == [game]


def test_an_answer_only_screened_is_run_once_somebody_disputes_it(world, make):
    """Whoever challenges may know what the screen does not."""
    answer(world, 1, RIGHT)
    docket = make(check="screened", screen=lambda _inputs: [TRUTH])
    step(world, docket)
    (stored,) = world.store.requests.recent()
    game = docket.game_of(stored)
    assert docket.judgement(game, stored, 2**31) is None
    step(world, docket)
    assert Counting.runs == 1
    assert docket.judgement(game, stored, 2**31).checked


class Absent:
    """A library whose model is not there yet."""

    found = Unwatched(UnjudgedReason.NO_BUNDLE, "no mirror serves it")

    def watches(self, _model_id):
        return True

    def get(self, _model_id, _now):
        return self.found


def test_an_answer_judged_too_late_is_judged_once_it_turns_out_to_be_disputed(world, make):
    """With confirmations, a challenge in the window's last blocks is seen after the window has ended."""
    request = answer(world, 1, WRONG, window=24)
    library = Absent()
    docket = make(library=library)
    step(world, docket)
    (stored,) = world.store.requests.recent()
    while world.chain.blocks[-1].timestamp < stored.window_end:
        world.mine()
    library.found = Watched(MODEL, compiled("digits"))
    step(world, docket)
    assert unjudged(world, UnjudgedReason.TOO_LATE) == 1
    game = docket.game_of(stored)
    world.mine(content("InferenceOracle", "Disputed", requestId=id_of(request), operator=OTHER, attempt=1))
    world.follower.follow()
    (stored,) = world.store.requests.recent()
    assert docket.judgement(game, stored, 2**31) is None
    step(world, docket)
    assert list(docket.wrong) == [game]
    assert docket.judgement(game, stored, 2**31) == docket.wrong[game][1]


@pytest.mark.parametrize("found", [Absent.found, None], ids=["no mirror", "loading"])
def test_an_answer_waits_for_its_model_until_its_window_ends(world, make, found):
    """A mirror may come; what was never judged is counted, for somebody to see."""
    answer(world, 1, WRONG, window=60)
    library = Absent()
    library.found = found
    docket = make(library=library)
    assert not step(world, docket)
    assert world.metrics.answers_waiting._value.get() == 1
    world.wait(60)
    step(world, docket)
    reason = UnjudgedReason.TOO_LATE if found is None else UnjudgedReason.NO_BUNDLE
    assert unjudged(world, reason) == 1
    assert world.metrics.answers_waiting._value.get() == 0


def test_an_answer_is_judged_as_soon_as_its_model_is_there(world, make):
    """And bonded on, if there is still time."""
    answer(world, 1, WRONG)
    library = Absent()
    docket = make(library=library)
    step(world, docket)
    library.found = Watched(MODEL, compiled("digits"))
    step(world, docket)
    assert judged(world, JudgedAs.WRONG) == 1


def test_an_input_that_is_not_on_the_chain_is_told(world, make):
    """Its answer cannot be challenged by anybody who has not the input."""
    request = replace(ask(1, MODEL, PACKED, operator=OTHER, window=600), input_kind=InputKind.ROOT)
    world.mine(requested(request, PACKED))
    world.mine(answered_by(OTHER, request, WRONG))
    docket = make()
    step(world, docket)
    assert unjudged(world, UnjudgedReason.INPUT_NOT_FETCHED) == 1
    assert docket.wrong == {}


def test_answers_of_a_model_that_is_announced_later_are_not_missed(tmp_path):
    """An operator may answer before the announcement has reached us."""
    world = World(tmp_path, (), disputed=True)
    answer(world, 1, WRONG)
    own = OwnModels(world.store.catalogue, [compiled("digits")], {})
    docket = Docket(world.follower, own, ENGINES, me=ME, check="all", seconds=1.0, clock=world.clock)
    step(world, docket)
    assert docket.wrong == {}
    world.publish(MODEL)
    step(world, docket)
    assert len(docket.wrong) == 1
    world.store.close()


def test_an_event_an_endpoint_had_kept_back_is_found_at_the_next_rescan(world, make):
    """It comes in behind what was read."""
    docket = make()
    answer(world, 1, RIGHT)
    step(world, docket)
    docket._after = (2**40, b"")
    answer(world, 2, WRONG)
    step(world, docket)
    assert docket.wrong == {}
    world.now += world.follower.schedule.rescan_seconds
    step(world, docket)
    assert len(docket.wrong) == 1


def test_attack_55_what_judging_an_answer_costs_is_measured(world, make):
    """Whether watching is nearly free decides whether anybody does it."""
    for salt in range(3):
        answer(world, salt, RIGHT)
    step(world, make())
    (family,) = [each for each in world.metrics.registry.collect() if each.name == "assay_watch_seconds"]
    found = {each.name: each.value for each in family.samples if not each.labels}
    assert found["assay_watch_seconds_count"] == 3
    assert 0 < found["assay_watch_seconds_sum"] < 30
