"""Decoding logs: what an endpoint sends is not trusted to be what the contract wrote."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.abi import artifact
from oracle.chain.events import CreditWithdrawn, Delivered, decode_log
from tests.unit.chain.playing import OPENER, SECOND, Play, log_of, plays

TOPICS = [topic for name in ("InferenceOracle", "ModelRegistry", "Dispute") for topic in artifact(name).events]
words = st.binary(min_size=32, max_size=32)


@given(st.sampled_from(TOPICS), st.lists(words, max_size=4), st.binary(max_size=400))
def test_junk_in_a_log_decodes_or_is_a_value_error(topic: bytes, more: list[bytes], data: bytes) -> None:
    """One bad log must not end the process: callers catch `ValueError` and nothing else."""
    with suppress(ValueError):
        decode_log([topic, *more], data)


@given(words)
def test_an_unknown_event_is_none(topic: bytes) -> None:
    """A newer contract may emit what this version does not know."""
    assert topic in TOPICS or decode_log([topic], b"") is None


def test_a_log_without_topics_is_none() -> None:
    """Anonymous events are not ours."""
    assert decode_log([], b"") is None


@given(words)
def test_an_event_of_one_word_is_typed(request_id: bytes) -> None:
    """The smallest event, from its topics alone."""
    (topic,) = [topic for topic, entry in artifact("InferenceOracle").events.items() if entry.name == "Delivered"]
    assert decode_log([topic, request_id], b"") == Delivered(request_id)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Delivered"):
        decode_log([topic], b"")


def test_every_event_of_the_dispute_contract_is_typed() -> None:
    """A move the fold does not see would end in a lost game."""
    for topic, entry in artifact("Dispute").events.items():
        if entry.name != "EIP712DomainChanged":
            with pytest.raises(ValueError, match=entry.name):
                decode_log([topic], b"")


@given(plays())
def test_events_of_a_game_are_read_as_they_were_written(play: Play) -> None:
    """Positions, verdicts and data decide games: each must survive the log."""
    for owner in play.chains:
        play.claim(owner)
    for timed in play.events:
        assert decode_log(*log_of(timed.event)) == timed.event
    withdrawn = CreditWithdrawn(OPENER, SECOND, 2**200)
    assert decode_log(*log_of(withdrawn)) == withdrawn
