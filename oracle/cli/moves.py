"""Moves of a game and what they paid, in words and as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oracle.canonical.layers import Position
from oracle.chain.calls import Parameters
from oracle.chain.events import (
    ChainOpened,
    Challenged,
    Claimed,
    Demanded,
    DemandForfeited,
    Event,
    Proven,
    Revealed,
    TraceForfeited,
    TracePosted,
    Upheld,
)
from oracle.chain.protocol import GWEI, Fault
from oracle.cli.clocks import clock, place, standing
from oracle.cli.records import Record
from oracle.cli.units import show_ether, show_hex, show_id, show_time

if TYPE_CHECKING:
    from oracle.cli.scrutiny import Scrutiny, Values

_SHARES = 10_000
_BURNT = "burnt"
_FAULTS = {
    Fault.STEP: "an element is not what its node says",
    Fault.CONSTANT: "a constant is not the program's",
    Fault.INPUT: "an input is not the request's",
    Fault.ANSWER: "the answer is not the trace's",
    Fault.MODEL: "the model contradicts itself",
    Fault.HEADER: "the program is of another version or size than the model says",
    Fault.NODE: "a node is malformed",
    Fault.OPERAND: "an operand is not what its node says",
}


@dataclass(frozen=True, slots=True)
class Payment:
    """`wei` that somebody got by a game's end, or that was burnt (`to` is then "burnt")."""

    to: str
    wei: int
    reason: str

    def row(self) -> list[str]:
        """As a row of a table."""
        return [self.to, show_ether(self.wei), self.reason]

    def to_json(self) -> dict[str, Any]:
        """As JSON; wei as text, which loses nothing."""
        return {"to": None if self.to == _BURNT else self.to, "wei": str(self.wei), "for": self.reason}


def payments(record: Record, parameters: Parameters) -> list[Payment]:
    """Who was paid what so far, and what was burnt."""
    return list(_payments(record, parameters))


def _payments(record: Record, parameters: Parameters) -> Iterator[Payment]:
    game, policy = record.game, record.requested.request.policy
    if isinstance(game.ending, Upheld):
        yield Payment(record.answered.operator, policy.fee * GWEI, "the fee")
        yield Payment(record.answered.operator, game.ending.credited, "challengers' bonds")
        yield Payment(_BURNT, game.ending.burnt, "challengers' bonds")
    if record.split is not None:
        bond = policy.operator_bond * GWEI
        finder, opener = (bond * share // _SHARES for share in (parameters.finder_share, parameters.opener_share))
        yield Payment(record.split.finder, finder, "finder's share of the operator's bond")
        yield Payment(record.split.opener, opener, "opener's share of the operator's bond")
        yield Payment(_BURNT, bond - finder - opener, "the rest of the operator's bond")
    for move in record.moves:
        if isinstance(move.event, Claimed):
            yield Payment(move.event.owner, move.event.amount, "its own bonds back")


def move_words(event: Event, record: Record | None, scrutiny: "Scrutiny | None") -> str:
    """A move in words; with its game's record and the model, in ONNX terms."""
    match event:
        case Demanded():
            return f"demand of {_where(event.position, scrutiny)}, due {show_time(event.due)}"
        case Revealed():
            return f"reveal of {_where(event.position, scrutiny)}: {len(event.data):,} bytes"
        case DemandForfeited():
            return f"forfeit of {_where(event.position, scrutiny)}, which was not revealed in time"
        case Proven():
            return _proof(event, record, scrutiny)
        case _:
            return _frame(event)


def _frame(event: Event) -> str:
    """What frames a game and is about no position."""
    match event:
        case Challenged():
            return f"challenge by {event.opener}"
        case TracePosted():
            roots = f" with {len(event.roots)} tensor roots" if event.roots else ""
            return f"trace {show_id(event.root)}{roots}"
        case ChainOpened():
            return f"chain of {event.owner}"
        case TraceForfeited():
            return "forfeit: there was no trace in time"
        case Upheld():
            return "upheld: nothing was proven"
        case Claimed():
            return f"claim of {show_ether(event.amount)} ether for {event.owner}"
        case _:
            return type(event).__name__


def finding(record: Record, scrutiny: "Scrutiny") -> list[tuple[str, str]]:
    """What a proven game came down to: the node, the element, the operator's value and the right one."""
    event = record.game.ending
    if not isinstance(event, Proven) or event.fault in (Fault.MODEL, Fault.HEADER):
        return []
    fault = ("fault", _FAULTS[event.fault])
    if event.fault is Fault.ANSWER and not scrutiny.has_length(record.answered.output):
        return [fault, ("answer", f"{len(record.answered.output):,} bytes, which is not the model's length")]
    values = scrutiny.values(record, event)
    found = [fault, ("node", scrutiny.node(event.tensor))]
    if values is None:
        return found
    given = "not on the chain" if values.given is None else str(values.given)
    return [*found, ("element", values.where), ("operator's value", given), ("right value", str(values.right))]


def move_json(event: Event, record: Record, scrutiny: "Scrutiny | None") -> dict[str, Any]:
    """A move as JSON."""
    found: dict[str, Any] = {"move": type(event).__name__, "words": move_words(event, record, scrutiny)}
    if isinstance(event, Demanded | Revealed | DemandForfeited):
        found["position"] = {
            "tensor": None if event.position.is_trace else event.position.tensor,
            "layer": event.position.layer,
            "index": event.position.index,
        }
    if isinstance(event, Demanded):
        found |= {"owner": event.owner, "due": event.due}
    if isinstance(event, Proven):
        values = None if scrutiny is None else scrutiny.values(record, event)
        found |= {
            "fault": event.fault.name,
            "prover": event.prover,
            "finder": event.finder,
            "node": event.tensor,
            "element": event.element,
            "values": None if values is None else _values_json(values),
        }
    return found


def game_json(record: Record, now: int) -> dict[str, Any]:
    """A game as JSON; `clock` is the seconds until its next deadline."""
    game = record.game
    return {
        "game_id": show_hex(game.id),
        "request_id": show_hex(record.requested.request_id),
        "attempt": record.answered.attempt,
        "operator": record.answered.operator,
        "opener": game.opener,
        "verdict": game.verdict.name,
        "standing": standing(game, now),
        "clock": clock(game, now),
        "answered_at": record.answered_at,
        "challenged_at": game.challenged_at,
        "posted_at": game.posted_at,
        "openings_end": game.openings_end,
        "end": game.end,
        "ended_at": game.ended_at,
        "trace_root": show_hex(game.trace_root) if game.trace_root else None,
        "open_demands": len(game.open_demands),
        "bonds": {owner: str(chain.bonds * game.bond) for owner, chain in game.chains.items()},
        "operator_bond": str(record.requested.request.policy.operator_bond * GWEI),
    }


def _where(position: Position, scrutiny: "Scrutiny | None") -> str:
    if scrutiny is None or position.is_trace:
        return place(position)
    return f"{place(position)} ({scrutiny.elements(position)} of {scrutiny.node(position.tensor)})"


def _proof(event: Proven, record: Record | None, scrutiny: "Scrutiny | None") -> str:
    words = f"proof by {event.prover}: {_FAULTS[event.fault]}"
    if event.fault in (Fault.MODEL, Fault.HEADER):
        return words
    if scrutiny is None or record is None:
        return f"{words}: node {event.tensor}, element {event.element:,}"
    values = scrutiny.values(record, event)
    if event.fault is Fault.ANSWER and not scrutiny.has_length(record.answered.output):
        return f"{words}: it has {len(record.answered.output):,} bytes"
    return f"{words}: {scrutiny.node(event.tensor)}" + ("" if values is None else _values(values))


def _values(values: "Values") -> str:
    given = "not on the chain" if values.given is None else str(values.given)
    return f"; {values.where}: the operator's {given}, right {values.right}"


def _values_json(values: "Values") -> dict[str, Any]:
    given = values.given
    return {
        "where": values.where,
        "operators": None if given is None else {"decimal": given.decimal, "hex": given.bits},
        "right": {"decimal": values.right.decimal, "hex": values.right.bits},
    }
