"""The judge: an answer is found wrong exactly if the chain would find it wrong, and never by onnxruntime alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.program_fault import ModelClaim
from oracle.canonical.tensor import encode
from oracle.chain.protocol import InputKind, Status
from oracle.errors import InputError, ModelError
from oracle.inference.sessions import SessionCache
from oracle.metrics import UnjudgedReason
from oracle.services.engines import Engines
from oracle.services.watching.judge import Right, Unjudged, Wrong, confirms, glance, judge
from oracle.services.watching.library import Malformed, Unwatched, Watched
from oracle.store.requests import StoredRequest
from tests.adversary import liars, scenes
from tests.unit.services.watching.court import canonical
from tests.unit.services.world import OTHER, ask, compiled, with_program

ENGINES = Engines(SessionCache(threads=1))
ATOL = 2.0**-10
DIGITS = with_program("digits", ATOL)
PIXELS = np.linspace(0, 16, 64, dtype=np.float32).reshape(1, 64)
PACKED = PIXELS.astype(">f4").tobytes()
TRUTH = compiled("digits").run([PIXELS])[0]
SMALL = scenes.chain(6, 70)


def stored(model, packed, answer, **changed):
    """A request with an answer, as the store has it."""
    request = ask(1, model, packed)
    fields = {
        "id": b"\1" * 32,
        "model_id": request.model_id,
        "requester": request.requester,
        "named_operator": None,
        "fee": 1,
        "operator_bond": 1,
        "callback_gas": 0,
        "answer_time": 60,
        "window": 60,
        "encoded": b"",
        "input_kind": InputKind.BYTES,
        "input": packed,
        "input_uri": None,
        "requested_at": 1,
        "requested_block": 1,
        "status": Status.ANSWERED,
        "attempt": 1,
        "opened_at": 1,
        "deadline": 61,
        "operator": OTHER,
        "output": answer,
    }
    made = StoredRequest(**(fields | changed))
    made.__dict__["request"] = request
    return made


def digits_with(change):
    """An answer of the digits model whose first element is off by `change`."""
    output = TRUTH.copy()
    output[0, 0] = np.float32(output[0, 0] + np.float32(change))
    return encode([output], DIGITS.output_tensors)


def verdict(answer, watched=None):
    """What glance and judge say of an answer of the digits model."""
    found = watched or Watched(DIGITS, compiled("digits"))
    each = stored(found.model, PACKED, answer)
    return glance(each, found) or judge(each, found, ENGINES)


@given(st.floats(-4 * ATOL, 4 * ATOL, width=32))
def test_an_answer_is_wrong_exactly_beyond_the_tolerance(change):
    """A bond on an answer within the tolerance is lost; one beyond it must not become final."""
    answer = np.frombuffer(digits_with(change), ">f4")[0]
    off = abs(float(answer) - float(TRUTH[0, 0])) > ATOL
    assert isinstance(verdict(answer=digits_with(change)), Wrong if off else Right)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_attack_62_nan_and_infinities_in_an_answer_are_wrong_where_the_truth_is_finite(value):
    """Compared as floats, NaN is within every tolerance of anything, or of nothing."""
    found = verdict(digits_with(value))
    assert isinstance(found, Wrong)
    assert "element [0, 0] of output 0" in found.words


def test_attack_62_nan_is_right_where_the_truth_is_nan():
    """The canonical NaN has one bit pattern, an answer's may be any."""
    hostile = np.full((1, 64), np.inf, np.float32)
    packed = hostile.astype(">f4").tobytes()
    truth = compiled("digits").run([hostile])[0]
    assert np.isnan(truth).any()
    odd = truth.view(np.uint32) | np.where(np.isnan(truth), np.uint32(0x8000_0001), np.uint32(0))
    each = stored(DIGITS, packed, odd.astype(">u4").tobytes())
    assert judge(each, Watched(DIGITS, compiled("digits")), ENGINES) == Right()


@pytest.mark.parametrize("length", [0, 39, 41])
def test_attack_23_an_answer_of_another_length_is_wrong_without_a_run(length):
    """The chain finds it by its length alone."""
    each = stored(DIGITS, PACKED, bytes(length))
    assert isinstance(glance(each, Watched(DIGITS, compiled("digits"))), Wrong)


def test_attack_80_an_input_of_a_wrong_length_is_wrong_only_where_the_program_reads_one():
    """Elsewhere nothing could show it, and the bond of whoever challenged for it would be the liar's."""
    where = scenes.unread()
    watched = Watched(where.model, canonical(where))
    for packed in (where.packed, where.packed + b"x", b""):
        right = stored(where.model, packed, where.answer)
        assert glance(right, watched) is None
        assert judge(right, watched, ENGINES) == Right()
        lie = stored(where.model, packed, bytes(len(where.answer)))
        assert isinstance(judge(lie, watched, ENGINES), Wrong)
    read = stored(SMALL.model, SMALL.packed + b"x", SMALL.answer)
    assert isinstance(glance(read, Watched(SMALL.model, canonical(SMALL))), Wrong)


@pytest.mark.parametrize("problem", [InputError("no"), IndexError("no such output"), MemoryError()])
def test_attack_82_a_screen_that_fails_confirms_nothing_and_ends_nothing(problem):
    """What a stranger declares or sends must not end the watch over everybody's answers."""

    def screen(_inputs):
        raise problem

    watched = Watched(DIGITS, compiled("digits"), screen)
    assert not confirms(stored(DIGITS, PACKED, digits_with(0)), watched)


def test_integer_outputs_have_no_tolerance():
    """A label that is one off is another label."""
    whole = scenes.chain(6, 70, dtype=scenes.DType.INT32)
    watched = Watched(whole.model, canonical(whole))
    assert judge(stored(whole.model, whole.packed, whole.answer), watched, ENGINES) == Right()
    lie = liars.wrong_answer(whole, 3)
    assert isinstance(judge(stored(whole.model, whole.packed, lie.answer), watched, ENGINES), Wrong)


def test_what_cannot_be_judged_says_why():
    """An answer nobody judged must not pass for one that was found right."""
    each = stored(DIGITS, PACKED, digits_with(0))
    watched = Watched(DIGITS, compiled("digits"))
    absent = Unwatched(UnjudgedReason.NO_BUNDLE, "no mirror")
    assert glance(each, absent) == Unjudged(UnjudgedReason.NO_BUNDLE, "no mirror")
    rooted = replace(each, input_kind=InputKind.ROOT)
    rooted.__dict__["request"] = each.request
    assert glance(rooted, watched).reason is UnjudgedReason.INPUT_NOT_FETCHED
    lied = replace(each, input=PACKED[:-1] + b"\1")
    lied.__dict__["request"] = each.request
    assert glance(lied, watched).reason is UnjudgedReason.INPUT_NOT_FETCHED
    assert glance(each, watched) is None


@pytest.mark.parametrize("problem", [ModelError("flushes subnormals"), MemoryError("too large")])
def test_a_canonical_run_that_fails_is_told_and_harms_no_other_answer(problem):
    """A model made to exhaust the machine must not end the watch over all others."""

    class Failing:
        model = compiled("digits").model

        def run(self, *_arguments):
            raise problem

    found = judge(stored(DIGITS, PACKED, digits_with(0)), Watched(DIGITS, Failing()), ENGINES)
    assert found.reason is UnjudgedReason.CANONICAL_FAILED


def test_attack_40_every_answer_for_a_malformed_program_is_wrong():
    """Its operator could have seen it, and no trace of it is right."""
    each = stored(DIGITS, PACKED, digits_with(0))
    assert isinstance(glance(each, Malformed(DIGITS, ModelClaim())), Wrong)


@given(st.floats(-ATOL, ATOL, width=32))
def test_onnxruntime_confirms_an_answer_only_within_a_quarter_of_the_tolerance(change):
    """What it confirms is right even if its own noise is three quarters of the tolerance."""
    watched = Watched(DIGITS, compiled("digits"), lambda _inputs: [TRUTH])
    answer = np.frombuffer(digits_with(change), ">f4")[0]
    near = abs(float(answer) - float(TRUTH[0, 0])) <= ATOL / 4
    assert confirms(stored(DIGITS, PACKED, digits_with(change)), watched) is near


def test_without_an_opinion_nothing_is_confirmed():
    """A model onnxruntime cannot run, or may not, is checked canonically."""

    def fails(_inputs):
        raise InputError("no kernel")

    each = stored(DIGITS, PACKED, digits_with(0))
    assert not confirms(each, Watched(DIGITS, compiled("digits")))
    assert not confirms(each, Watched(DIGITS, compiled("digits"), fails))


def test_the_words_for_a_wrong_answer_name_element_values_and_tolerance():
    """Who reads the log can check it by hand."""
    found = verdict(digits_with(1.0))
    assert "element [0, 0] of output 0 is" in found.words
    assert f"atol {ATOL:g}" in found.words
