"""Statuses and answers in words."""

import json

import numpy as np
import pytest

from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.tensor import DType, TensorSpec, encode
from oracle.chain.calls import RequestStatus
from oracle.chain.deploy import LOCAL
from oracle.chain.events import Answered
from oracle.chain.policy import sensible_policy
from oracle.chain.protocol import ZERO_ADDRESS, Status
from oracle.cli.catalogue import Listing
from oracle.cli.tensors import show_tensor
from oracle.cli.waiting import in_words, read_answer

POLICY = sensible_policy(LOCAL, 0, answer_time=60, window=10)
SPEC = TensorSpec(DType.FLOAT, (1, 3))
MODEL = Model(bytes(32), 0, 0, (SPEC,), (OutputSpec(SPEC),), bytes(32))


def listing(name: str | None) -> Listing:
    """A published model with three float32 in and out."""
    return Listing(bytes(32), "0xp", bytes(32), MODEL, (), 1, name)


def answered(output: bytes) -> Answered:
    """An answer with that output."""
    return Answered(bytes(32), ZERO_ADDRESS, 1, bytes(32), bytes(32), output)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "now", "words"),
    [
        (Status.REQUESTED, 130, "answered within 30 s"),
        (Status.REQUESTED, 161, "overdue"),
        (Status.ANSWERED, 103, "challenged for 7 s more"),
        (Status.ANSWERED, 110, "settle"),
        (Status.FINAL, 110, "final"),
        (Status.EXPIRED, 110, "fee went back"),
    ],
)
def test_a_status_says_what_can_still_change_it(status: Status, now: int, words: str) -> None:
    """Until when an answer can be challenged is what a reader must know before relying on it."""
    state = RequestStatus(status, 1, 100, b"", delivered=False)
    assert words in in_words(state, POLICY, now, disputes=True)


def test_where_nothing_can_be_disputed_nobody_is_told_so() -> None:
    """A window without a judge protects nobody, and must not sound as if it did."""
    state = RequestStatus(Status.ANSWERED, 1, 100, b"", delivered=False)
    words = in_words(state, POLICY, 103, disputes=False)
    assert "no disputes" in words
    assert "challenged" not in words


def test_a_sample_models_answer_is_said_in_words() -> None:
    """People ask for credit, not for three floats."""
    output = encode([np.array([[0.9, 0.1, 2.0]], np.float32)], [SPEC])
    assert read_answer(answered(output), listing("credit")).words == "approve: 90 % good, margin +2.0"
    assert read_answer(answered(output), listing(None)).words is None


def test_an_output_that_does_not_fit_is_shown_as_that() -> None:
    """Operators can post any bytes: the view must not break over them."""
    answer = read_answer(answered(b"\0"), listing("credit"))
    assert answer.tensors == ()
    assert "does not fit" in (answer.words or "")


def test_json_of_nan_and_infinity_can_be_parsed() -> None:
    """JSON has neither; parsers refuse Python's NaN."""
    output = encode([np.array([[np.nan, np.inf, 1]], np.float32)], [SPEC])
    text = json.dumps(read_answer(answered(output), listing(None)).to_json(), allow_nan=False)
    assert json.loads(text)["outputs"][0]["data"] == ["nan", "inf", 1.0]


def test_a_large_tensor_is_shown_by_its_beginning() -> None:
    """A terminal holds no 16,384 numbers."""
    assert show_tensor(np.zeros((2, 50), np.int32)).endswith("84 more")
