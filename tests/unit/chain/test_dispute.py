"""Calls and views of the dispute contract: what is encoded is what the contract decodes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode, encode

from oracle.canonical.claims import NodeOpening, OutputElement, SourceClaim
from oracle.canonical.layers import Position, Revelation
from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.prove import StepProof
from oracle.canonical.tensor import DType, TensorSpec
from oracle.chain.abi import artifact
from oracle.chain.dispute import ChainView, Constants, DemandView, DisputeContract, GameView
from oracle.chain.protocol import GameId, Verdict
from tests.unit.chain.model_chain import DISPUTE, OPERATOR
from tests.unit.chain.playing import OPENER, SUBJECT

CONTRACT = DisputeContract(DISPUTE)
# Of OpenZeppelin: not the protocol's.
FOREIGN = {
    "AddressEmptyCode", "EIP712DomainChanged", "FailedCall", "InvalidShortString", "ReentrancyGuardReentrantCall",
    "SafeCastOverflowedUintDowncast", "StringTooLong",
}  # fmt: skip
FUNCTIONS = artifact("Dispute").functions
SPEC = TensorSpec(DType.FLOAT, (4,))
MODEL = Model(b"\1" * 32, 3, 9, (SPEC,), (OutputSpec(SPEC, 5, 6),), b"\2" * 32)
GAME = GameId(b"\x99" * 32)
A, B = b"\x0a" * 32, b"\x0b" * 32
PLACE = Position(4, 1, 6)
REVELATION = Revelation(PLACE, b"data", (A,), (B,))
STEP = StepProof(2, b"node", (A,), 7, b"openings", ((B,), ()), b"run", (A, B))
SOURCE = SourceClaim(1, b"node", (A,), B, (A, B))
ELEMENT = OutputElement(0, 3, b"run", (A,))
OPENING, SOURCE_NODE = NodeOpening(2, b"node", (A,)), NodeOpening(1, b"other", (B,))


@dataclass
class View:
    """Answers one `eth_call` with encoded values."""

    returned: bytes
    asked: Any = None

    def call(self, to, data):
        self.asked = (to, data)
        return self.returned


def lowered(value):
    """As the decoder yields it: tuples, and addresses in lower case."""
    if isinstance(value, (list, tuple)):
        return tuple(lowered(each) for each in value)
    return value.lower() if isinstance(value, str) else value


CALLS = {
    "challenge": (
        CONTRACT.challenge(SUBJECT.request, SUBJECT.ref, MODEL, 7),
        (SUBJECT.request.to_abi(), SUBJECT.ref.to_abi(), MODEL.to_abi()),
    ),
    "postTrace": (CONTRACT.post_trace(SUBJECT, A, [B]), (SUBJECT.to_abi(), A, [B])),
    "postTraceFor": (CONTRACT.post_trace_for(SUBJECT, A, [B], b"sig"), (SUBJECT.to_abi(), A, [B], b"sig")),
    "openChain": (CONTRACT.open_chain(GAME, PLACE, b"node", (A, B), 7), (GAME, (4, 1, 6), b"node", [A, B])),
    "demand": (CONTRACT.demand(GAME, PLACE, b"", ()), (GAME, (4, 1, 6), b"", [])),
    "reveal": (CONTRACT.reveal(GAME, REVELATION), (GAME, ((4, 1, 6), b"data", [A], [B]))),
    "revealMany": (CONTRACT.reveal_many(GAME, [REVELATION] * 2), (GAME, [((4, 1, 6), b"data", [A], [B])] * 2)),
    "proveStep": (
        CONTRACT.prove_step(SUBJECT, STEP),
        (SUBJECT.to_abi(), (2, b"node", [A], 7, b"openings", [[B], []], b"run", [A, B])),
    ),
    "proveConstant": (CONTRACT.prove_constant(SUBJECT, SOURCE), (SUBJECT.to_abi(), (1, b"node", [A], B, [A, B]))),
    "proveInput": (
        CONTRACT.prove_input(SUBJECT, MODEL, SOURCE, b"packed"),
        (SUBJECT.to_abi(), MODEL.to_abi(), (1, b"node", [A], B, [A, B]), b"packed"),
    ),
    "proveInputRoot": (
        CONTRACT.prove_input_root(SUBJECT, MODEL, SOURCE, (A, B)),
        (SUBJECT.to_abi(), MODEL.to_abi(), (1, b"node", [A], B, [A, B]), [A, B]),
    ),
    "proveAnswer": (
        CONTRACT.prove_answer(SUBJECT, MODEL, b"out", ELEMENT),
        (SUBJECT.to_abi(), MODEL.to_abi(), b"out", (0, 3, b"run", [A])),
    ),
    "proveModel": (CONTRACT.prove_model(SUBJECT, MODEL), (SUBJECT.to_abi(), MODEL.to_abi())),
    "proveHeader": (CONTRACT.prove_header(SUBJECT, MODEL, 2, 3, A), (SUBJECT.to_abi(), MODEL.to_abi(), 2, 3, A)),
    "proveNode": (
        CONTRACT.prove_node(SUBJECT, MODEL, OPENING),
        (SUBJECT.to_abi(), MODEL.to_abi(), (2, b"node", [A])),
    ),
    "proveOperand": (
        CONTRACT.prove_operand(SUBJECT, MODEL, OPENING, 1, SOURCE_NODE),
        (SUBJECT.to_abi(), MODEL.to_abi(), (2, b"node", [A]), 1, (1, b"other", [B])),
    ),
    "forfeitTrace": (CONTRACT.forfeit_trace(SUBJECT), (SUBJECT.to_abi(),)),
    "forfeitDemand": (CONTRACT.forfeit_demand(SUBJECT, PLACE), (SUBJECT.to_abi(), (4, 1, 6))),
    "resolve": (CONTRACT.resolve(SUBJECT), (SUBJECT.to_abi(),)),
    "claim": (CONTRACT.claim(GAME, OPENER), (GAME, OPENER)),
    "withdraw": (CONTRACT.withdraw(5, OPENER), (5, OPENER)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_move_is_encoded_as_the_contract_reads_it(name):
    """An argument out of place is a move that reverts while the clock runs."""
    call, arguments = CALLS[name]
    assert call.to == DISPUTE
    assert call.data[:4] == FUNCTIONS[name].selector
    assert decode(FUNCTIONS[name].inputs, call.data[4:]) == lowered(arguments)
    assert call.value == (7 if name in ("challenge", "openChain") else 0)


def test_every_move_can_be_made():
    """A function of the contract that no program can call would be a right that nobody has."""
    moves = {e["name"] for e in artifact("Dispute").abi if e["type"] == "function" and e["stateMutability"] != "view"}
    assert {name for name in moves if name[0].islower()} == set(CALLS)


def test_views_are_typed():
    """A time or an amount out of place would be a clock that is not there."""

    def view(name, *values):
        return View(encode(FUNCTIONS[name].outputs, values))

    game = view("gameOf", (1, OPENER, 2, 3, 4, 5, 6, 7, 8, 9, A, B, 10, 11, 12, 13))
    assert CONTRACT.game_of(game, GAME) == GameView(Verdict.OPEN, OPENER, 2, 3, 4, 5, 6, 7, 8, 9, A, B, 10, 11, 12, 13)
    assert game.asked == (DISPUTE, FUNCTIONS["gameOf"].encode(GAME))
    assert CONTRACT.demand_of(view("demandOf", (OPENER, 5, 6)), GAME, PLACE) == DemandView(OPENER, 5, 6)
    assert CONTRACT.end_of(view("endOf", 99), GAME) == 99
    assert CONTRACT.credit_of(view("creditOf", 2**100), OPERATOR) == 2**100
    assert CONTRACT.constants(view("constants", 7, 8, 7_500)) == Constants(7, 8, 7_500)
    assert CONTRACT.id_of(view("idOf", GAME), SUBJECT) == GAME
    chain = view("chainOf", (1, 2, 3, (4, 1, 6)))
    assert CONTRACT.chain_of(chain, GAME, OPENER) == ChainView(1, 2, 3, PLACE)


def test_every_error_and_event_is_named_by_a_test_of_the_contract():
    """A new error or event without a test fails here."""
    tests = Path(__file__).parents[2]
    pages = (path for folder in ("foundry", "differential") for path in (tests / folder).rglob("*.*") if path.is_file())
    said = "".join(path.read_text() for path in pages if path.suffix in {".sol", ".py"})
    contract = artifact("Dispute")
    known = {entry.name for entry in (*contract.errors.values(), *contract.events.values())} - FOREIGN
    assert len(known) > 30
    assert {name for name in known if name not in said} == set()
