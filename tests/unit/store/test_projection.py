"""What events make of requests, answers and models, without a chain or a database."""

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.tensor import DType, TensorSpec
from oracle.chain.events import Event, MirrorsAdded, ModelPublished, decode_log
from oracle.chain.protocol import ZERO_ADDRESS, AnswerRef, ModelId, Status, environment_hash
from oracle.store.events import IndexedEvent
from oracle.store.projection import project_answer, project_model, project_request
from tests.unit.chain.model_chain import (
    MANIFEST,
    OPERATOR,
    ORACLE,
    REQUESTER,
    SOFTWARE,
    about,
    answered,
    make_request,
    requested,
)

REQUEST = make_request(1, callback_gas=100_000)


def at(content, timestamp):
    """An event in a block with this time."""
    topics, data = content
    return wrap(decode_log(topics, data), timestamp)


def wrap(event: Event, timestamp: int) -> IndexedEvent:
    """The same, already decoded."""
    where = {"block_hash": b"b", "tx_hash": b"t", "tx_index": 0, "log_index": 0}
    return IndexedEvent(
        event, type(event).__name__, ORACLE, (), b"", timestamp // 12, **where,
        timestamp=timestamp, sender=REQUESTER, gas_used=50_000,
    )  # fmt: skip


def fold(*events):
    """The request after all of them."""
    state = None
    for event in events:
        state = project_request(state, event)
    return state


REQUESTED = at(requested(REQUEST, b"input"), 1000)
ANSWERED = at(answered(REQUEST), 1010)
PARTIES = {"operator": OPERATOR, "finder": REQUESTER, "opener": REQUESTER}


def test_a_request_is_open_until_its_deadline():
    """The deadline is the first second in which the contract says too late."""
    state = fold(REQUESTED)
    assert (state.status, state.attempt, state.deadline) == (Status.REQUESTED, 1, 1060)
    assert (state.request, state.input, state.requester) == (REQUEST, b"input", REQUESTER)
    assert state.named_operator == OPERATOR
    assert state.ref is None


def test_an_open_request_names_nobody():
    """Zero address means anybody, and is not an operator."""
    state = fold(at(requested(make_request(1, operator=ZERO_ADDRESS)), 1000))
    assert state.named_operator is None


def test_an_answer_can_be_settled_when_its_window_ends():
    """The keeper settles from the first second the contract lets it."""
    state = fold(REQUESTED, ANSWERED)
    assert (state.status, state.answered_at, state.window_end) == (Status.ANSWERED, 1010, 1040)
    assert state.ref == AnswerRef(OPERATOR, environment_hash(SOFTWARE, MANIFEST), keccak(b"output"))
    answer = project_answer(ANSWERED)
    assert (answer.attempt, answer.output, answer.gas_used) == (1, b"output", 50_000)
    assert project_answer(REQUESTED) is None


def test_settling_and_delivering_are_apart():
    """A callback that fails changes nothing about finality."""
    settled = fold(REQUESTED, ANSWERED, at(about("Settled", REQUEST, operator=OPERATOR), 1041))
    assert (settled.status, settled.settled_at, settled.delivered) == (Status.FINAL, 1041, False)
    failed = project_request(settled, at(about("DeliveryFailed", REQUEST, reason=b"no"), 1042))
    assert (failed.status, failed.failed_deliveries, failed.delivery_error) == (Status.FINAL, 1, b"no")
    assert project_request(failed, at(about("Delivered", REQUEST), 1043)).delivered


def test_a_refuted_answer_reopens_the_request_from_that_second():
    """The next attempt has its own deadline, and no answer."""
    disputed = fold(REQUESTED, ANSWERED, at(about("Disputed", REQUEST, operator=OPERATOR, attempt=1), 1020))
    assert disputed.status is Status.DISPUTED
    state = project_request(disputed, at(about("Refuted", REQUEST, **PARTIES, nextAttempt=2), 1100))
    assert (state.status, state.attempt, state.deadline, state.ref) == (Status.REQUESTED, 2, 1160, None)
    again = project_request(state, at(answered(REQUEST, attempt=2), 1110))
    assert (again.attempt, again.window_end) == (2, 1140)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (about("Refuted", REQUEST, **PARTIES, nextAttempt=0), Status.EXPIRED),
        (about("Voided", REQUEST, **PARTIES), Status.VOID),
        (about("Expired", REQUEST), Status.EXPIRED),
    ],
)
def test_a_request_may_end_without_an_answer(content, status):
    """Nothing may be settled or delivered after it."""
    state = fold(REQUESTED, ANSWERED, at(content, 1100))
    assert (state.status, state.operator, state.window_end) == (status, None, None)


def test_where_an_input_lies_is_kept():
    """An operator fetches it from there."""
    assert fold(REQUESTED, at(about("InputLocated", REQUEST, uri="ipfs://x"), 1000)).input_uri == "ipfs://x"


def test_events_of_a_request_never_seen_change_nothing():
    """It was made before the first indexed block."""
    assert fold(ANSWERED, at(about("Delivered", REQUEST), 1043)) is None
    assert fold(REQUESTED, at(about("Skipped", REQUEST, reason=5), 1001)) == fold(REQUESTED)


MODEL = Model(
    b"\0" * 32, 0, 0, (TensorSpec(DType.FLOAT, (4,)),), (OutputSpec(TensorSpec(DType.INT64, ())),), b"\2" * 32
)
PUBLISHED = ModelPublished(ModelId(MODEL.id), OPERATOR, MODEL.onnx_digest, MODEL, ("https://a", "https://a"))


def test_a_model_is_its_first_publisher_s_and_everybody_may_add_places():
    """Its files may be had from any of them: the digest decides."""
    first = project_model(None, wrap(PUBLISHED, 1000))
    assert (first.publisher, first.uris, first.model) == (OPERATOR, ("https://a",), MODEL)
    mirrored = project_model(first, wrap(MirrorsAdded(PUBLISHED.model_id, REQUESTER, ("https://b",)), 1001))
    assert mirrored.uris == ("https://a", "https://b")
    again = project_model(mirrored, wrap(replace(PUBLISHED, publisher=REQUESTER, uris=("https://c",)), 1002))
    assert (again.publisher, again.uris) == (OPERATOR, ("https://a", "https://b", "https://c"))


def test_a_model_this_version_cannot_read_is_left_out():
    """A newer registry may know dtypes we do not."""
    assert project_model(None, wrap(replace(PUBLISHED, model=None), 1000)) is None
    assert project_model(None, wrap(MirrorsAdded(PUBLISHED.model_id, REQUESTER, ("https://b",)), 1000)) is None
