"""A game as a person is shown it: found by its ids, told move by move, with the element and the money."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from oracle.chain.calls import Parameters
from oracle.chain.events import Proven, Upheld
from oracle.chain.history import Happening
from oracle.chain.protocol import GWEI, Fault, Verdict
from oracle.cli.clocks import bonds, clock, standing
from oracle.cli.moves import finding, game_json, move_json, move_words, payments
from oracle.cli.records import Record, find, records
from oracle.cli.scrutiny import Scrutiny, scrutinize
from oracle.errors import InputError, ModelError
from tests.unit.cli.game_events import ELEMENT, OPENER, START, STEP, Story, story, write_model

PARAMETERS = Parameters(1, 1, 1, 1, 1, 1, 1)


@pytest.fixture
def told(tmp_path: Path) -> Story:
    """The whole game, its model in `model.onnx`."""
    return story(tmp_path / "model.onnx")


def until(told: Story, count: int) -> Record:
    """The game after its first `count` events."""
    (found,) = records(told.happenings[:count], told.time_of)
    return found


@pytest.fixture
def record(told: Story) -> Record:
    """The game at its end."""
    return until(told, len(told.happenings))


@pytest.fixture
def scrutiny(told: Story, tmp_path: Path) -> Scrutiny:
    """The model's words, from the ONNX file."""
    return scrutinize(tmp_path / "model.onnx", told.requested, told.bundle.model)


def test_a_game_has_its_request_its_answer_and_every_move(told: Story, record: Record) -> None:
    """All from logs, in the chain's order."""
    assert record.game.verdict is Verdict.REFUTED
    assert record.requested == told.requested
    assert (record.answered.output, record.answered_at) == (told.lie.answer, START + STEP)
    assert [type(move.event).__name__ for move in record.moves] == [
        "Challenged", "TracePosted", "Demanded", "Revealed", "Proven", "Claimed",
    ]  # fmt: skip


@pytest.mark.parametrize("length", [4, 8, 64])
def test_a_game_is_found_by_its_own_id_and_by_its_requests(told: Story, record: Record, length: int) -> None:
    """People have either, and rarely all of it."""
    assert find([record], told.game_id.hex()[:length]) is record
    assert find([record], "0x" + told.requested.request_id.hex().upper()[:length]) is record


@pytest.mark.parametrize("name", ["", "0x", "0xabc", "ffffffff"])
def test_no_game_is_found_by_what_is_no_id(record: Record, name: str) -> None:
    """Too little would name just any game."""
    with pytest.raises(InputError):
        find([record], name)


def test_games_of_requests_that_were_not_seen_are_left_out(told: Story) -> None:
    """A range of blocks may begin in the middle of a game."""
    assert records(told.happenings[2:], told.time_of) == []


def test_the_disputed_element_is_shown_as_given_and_as_right(told: Story, record: Record, scrutiny: Scrutiny) -> None:
    """The heart of it: one node in ONNX terms, one element, two values that differ in one bit."""
    right = told.scene.tensors[told.node][ELEMENT]
    given = (right.view(np.uint32) + np.uint32(1)).view(np.float32)
    proof = next(move.event for move in record.moves if isinstance(move.event, Proven))
    words = move_words(proof, record, scrutiny)
    assert "MUL of node 'scale' (Mul)" in words
    assert f"element {ELEMENT}" in words
    for value in (given, right):
        assert f"{value!s} (0x{int(value.view(np.uint32)):08x})" in words
    values = move_json(proof, record, scrutiny)["values"]
    assert values["right"] == {"decimal": str(right), "hex": f"0x{int(right.view(np.uint32)):08x}"}
    assert values["operators"]["decimal"] == str(given)
    assert [name for name, _ in finding(record, scrutiny)] == [
        "fault", "node", "element", "operator's value", "right value",
    ]  # fmt: skip


def test_a_value_nobody_revealed_is_not_made_up(record: Record, scrutiny: Scrutiny) -> None:
    """A proof may be about a leaf that only its sender had seen."""
    proof = next(move.event for move in record.moves if isinstance(move.event, Proven))
    bare = replace(record, game=replace(record.game, demands={}))
    assert "not on the chain" in move_words(proof, bare, scrutiny)


def test_a_wrong_answer_is_shown_beside_the_right_one(told: Story, record: Record, scrutiny: Scrutiny) -> None:
    """Where the trace is right and the answer is not, the element is the answer's."""
    last = told.bundle.model.node_count - 1
    words = move_words(Proven(told.game_id, OPENER, OPENER, Fault.ANSWER, last, ELEMENT), record, scrutiny)
    right = told.scene.tensors[last][ELEMENT]
    assert "output 'y'" in words
    assert f"right {right!s} (0x{int(right.view(np.uint32)):08x})" in words


def test_an_answer_of_wrong_length_has_no_element(told: Story, record: Record, scrutiny: Scrutiny) -> None:
    """Then only its length can be told."""
    short = replace(record, answered=replace(record.answered, output=b"\0" * 3))
    words = move_words(Proven(told.game_id, OPENER, OPENER, Fault.ANSWER, 0, 0), short, scrutiny)
    assert words.endswith("it has 3 bytes")
    ended = replace(short, game=replace(short.game, ending=Proven(told.game_id, OPENER, OPENER, Fault.ANSWER, 0, 0)))
    assert finding(ended, scrutiny)[1] == ("answer", "3 bytes, which is not the model's length")


def test_positions_are_told_in_elements_of_an_onnx_node(record: Record, scrutiny: Scrutiny) -> None:
    """80 float32 are two leaves, all in one layer."""
    demand = record.moves[2].event
    assert "elements 0 to 79 of node" in move_words(demand, record, scrutiny)
    assert "tensor" in move_words(demand, record, None)


def test_payments_of_a_conviction_add_up_to_the_bond(record: Record) -> None:
    """Finder, opener, what is burnt; and the challenger's own bond comes back."""
    policy = record.requested.request.policy
    paid = payments(record, PARAMETERS)
    assert sum(each.wei for each in paid[:3]) == policy.operator_bond * GWEI
    assert [each.to for each in paid] == [OPENER, OPENER, "burnt", OPENER]
    assert paid[3].wei == policy.challenger_bond * GWEI


def test_payments_of_an_upheld_answer_are_its_operators(told: Story) -> None:
    """The fee, and three quarters of what challengers staked."""
    upheld = Upheld(told.game_id, told.happenings[1].event.operator, 75, 25)  # type: ignore[union-attr]
    log = replace(told.happenings[6].log, block_number=90)
    (record,) = records([*told.happenings[:6], Happening(upheld, log)], told.time_of)
    paid = payments(record, PARAMETERS)
    assert [(each.to, each.wei) for each in paid[1:]] == [(upheld.operator, 75), ("burnt", 25)]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (3, "to post its trace"),
        (4, "chains can be opened for"),
        (5, "to reveal tensor"),
        (6, "faults proven for"),
        (8, "refuted"),
    ],
)
def test_standing_says_whose_clock_runs(told: Story, events: int, words: str) -> None:
    """At each stage, with the time that is left."""
    game = until(told, events).game
    assert words in standing(game, START + STEP * (events - 1))


def test_a_clock_that_has_run_out_says_what_anyone_may_do(told: Story) -> None:
    """Silence is somebody's move."""
    posted, demanded = until(told, 3).game, until(told, 5).game
    late = START + 10**7
    assert "forfeit" in standing(posted, late)
    assert "forfeit" in standing(demanded, late)
    assert "resolve" in standing(until(told, 4).game, late)
    assert (clock(demanded, START + 9 * STEP), clock(posted, late)) == (STEP, posted.trace_deadline - late)


def test_a_game_as_json_has_what_programs_need(told: Story, record: Record) -> None:
    """Amounts in wei as text, times in seconds; nothing open any more."""
    shown = game_json(record, START)
    assert (shown["verdict"], shown["clock"], shown["open_demands"]) == ("REFUTED", None, 0)
    assert shown["game_id"] == "0x" + told.game_id.hex()
    assert bonds(until(told, 3).game).count("ether") == 1


def test_another_models_file_is_refused(told: Story, tmp_path: Path) -> None:
    """Its nodes and values would be about something else."""
    other = replace(told.requested, request=replace(told.requested.request, model_id=bytes(32)))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="the request is for 0x00"):
        scrutinize(tmp_path / "model.onnx", other, told.bundle.model)
    with pytest.raises(ModelError, match="no model file"):
        scrutinize(tmp_path / "none.onnx", told.requested, told.bundle.model)
    with pytest.raises(ModelError, match="not published here"):
        scrutinize(write_model(tmp_path / "again.onnx"), told.requested, None)
