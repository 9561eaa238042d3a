"""Random games that keep to the rules: moves drawn one by one, their events, and what the contract would hold."""

from dataclasses import asdict, dataclass, field
from typing import Any

from hypothesis import strategies as st

from oracle.canonical.layers import Position
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
from oracle.chain.protocol import AnswerRef, Fault, GameId, InputKind, ModelId, Policy, Request, Subject, checksum
from tests.unit.chain.model_chain import OPERATOR, REQUESTER, Content, content, id_of

K, Q = 3, 2
OPENER, SECOND, THIRD = (checksum("0x" + f"{i:02x}" * 20) for i in (0x11, 0x22, 0x33))
ANSWERED_AT, WINDOW, TRACE_TIME, PROOF_PERIOD, MOVE_TIME = 1_000, 30, 11, 13, 5
WINDOW_END = ANSWERED_AT + WINDOW
POLICY = Policy(OPERATOR, 1_000, 2_000, 500, 60, WINDOW, TRACE_TIME, PROOF_PERIOD, MOVE_TIME)
SUBJECT = Subject(
    Request(REQUESTER, b"\1" * 32, ModelId(b"\7" * 32), InputKind.BYTES, b"\x08" * 32, POLICY),
    AnswerRef(OPERATOR, b"\x0e" * 32, b"\x0f" * 32),
    1,
)
GAME = GameId(b"\x99" * 32)


@dataclass(frozen=True)
class Timed:
    """An event and when it happened."""

    event: Event | None
    timestamp: int


def log_of(event: Any) -> Content:
    """Topics and data of an event of the dispute contract."""
    fields = asdict(event)
    fields |= fields.pop("position", {})
    for snake, camel in (("game_id", "gameId"), ("request_id", "requestId")):
        if snake in fields:
            fields[camel] = fields.pop(snake)
    return content("Dispute", type(event).__name__, **fields)


@dataclass
class Play:
    """A game as a contract keeps it, in small words. `events` is what it emitted."""

    now: int
    opener: str = OPENER
    posted_at: int = 0
    last_due: int = 0
    latest: int = 0
    over: str = ""
    demands: dict[Position, list[Any]] = field(default_factory=dict)  # owner, due, revealed at
    chains: dict[str, list[Any]] = field(default_factory=dict)  # bonds, demands, last, demanded at
    events: list[Timed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.challenged_at = self.now
        self.chains[self.opener] = [1, 0, None, 0]
        self._emit(Challenged(GAME, id_of(SUBJECT.request), self.opener, OPERATOR, 1))

    @property
    def openings_end(self) -> int:
        """E."""
        return max(WINDOW_END, self.posted_at) + PROOF_PERIOD

    @property
    def end(self) -> int:
        """H."""
        return max(self.openings_end, self.latest) + MOVE_TIME

    def move(self, draw: Any) -> bool:
        """Let some time pass and make one legal move, if there is one; False once it is over."""
        self.now += draw(st.integers(0, 6))
        moves = self._moves()
        if moves:
            draw(st.sampled_from(moves))(draw)
        return not self.over

    def _moves(self) -> list[Any]:
        if not self.posted_at:
            return [self._forfeit_trace] if self.now >= self.challenged_at + TRACE_TIME else [self._post, self._void]
        moves = [self._refute] if self.now < self.end else [self._uphold] if not self._waiting() else []
        if any(self.now < self.demands[position][1] for position in self._waiting()):
            moves += [self._reveal] * 3
        if any(self.now >= self.demands[position][1] for position in self._waiting()):
            moves.append(self._forfeit)
        if self.now < self.openings_end:
            moves += [self._open] * 2
        if any(self.may_go_on(owner) for owner in self.chains):
            moves += [self._demand] * 4
        return moves

    def may_go_on(self, owner: str) -> bool:
        """Whether an owner's chain has another demand: `Dispute.demand` in Solidity, word by word."""
        bonds, demands, last, demanded_at = self.chains.get(owner, [0, 0, None, 0])
        if not self.posted_at or bonds == 0 or demands >= K:
            return False
        if demands == 0:
            return self.now < self.openings_end
        revealed_at = self.demands[last][2]
        return bool(revealed_at and self.now < max(revealed_at, demanded_at) + MOVE_TIME)

    def _waiting(self) -> list[Position]:
        return [position for position, (_, _, revealed_at) in self.demands.items() if not revealed_at]

    def _emit(self, event: Event) -> None:
        self.events.append(Timed(event, self.now))

    def _post(self, draw: Any) -> None:
        self.posted_at = self.now
        self._emit(TracePosted(GAME, b"\5" * 32, draw(st.sampled_from([(), (b"\6" * 32,)]))))

    def _open(self, draw: Any) -> None:
        owner = draw(st.sampled_from([OPENER, SECOND, THIRD]))
        self.chains[owner] = [self.chains.get(owner, [0])[0] + 1, 0, None, 0]
        self._emit(ChainOpened(GAME, owner))
        self._demand_by(owner, draw)

    def _demand(self, draw: Any) -> None:
        self._demand_by(draw(st.sampled_from([owner for owner in self.chains if self.may_go_on(owner)])), draw)

    def _demand_by(self, owner: str, draw: Any) -> None:
        new = Position(len(self.demands), 0, 0)
        position = draw(st.sampled_from([new, *self.demands]))
        if position == new:
            due = max(self.now + MOVE_TIME, self.last_due + -(-MOVE_TIME // Q))
            self.demands[position] = [owner, due, 0]
            self.last_due, self.latest = due, max(self.latest, due)
        elif self.demands[position][2]:
            self.latest = max(self.latest, self.now + MOVE_TIME)
        self.chains[owner] = [self.chains[owner][0], self.chains[owner][1] + 1, position, self.now]
        self._emit(Demanded(GAME, checksum(owner), position, self.demands[position][1]))

    def _reveal(self, draw: Any) -> None:
        position = draw(st.sampled_from([p for p in self._waiting() if self.now < self.demands[p][1]]))
        self.demands[position][2] = self.now
        self.latest = max(self.latest, self.now + MOVE_TIME)
        self._emit(Revealed(GAME, position, draw(st.binary(max_size=3))))

    def _forfeit(self, draw: Any) -> None:
        position = draw(st.sampled_from([p for p in self._waiting() if self.now >= self.demands[p][1]]))
        self._end("REFUTED", DemandForfeited(GAME, self.demands[position][0], position))

    def _forfeit_trace(self, _draw: Any) -> None:
        self._end("REFUTED", TraceForfeited(GAME))

    def _refute(self, draw: Any) -> None:
        fault = draw(st.sampled_from([Fault.STEP, Fault.CONSTANT, Fault.INPUT, Fault.ANSWER]))
        self._end("REFUTED", Proven(GAME, OPENER, SECOND, fault, 4, 2))

    def _void(self, draw: Any) -> None:
        fault = draw(st.sampled_from([Fault.MODEL, Fault.HEADER, Fault.NODE, Fault.OPERAND]))
        self._end("VOIDED", Proven(GAME, OPENER, OPENER, fault, 4, 0))

    def _uphold(self, _draw: Any) -> None:
        self._end("UPHELD", Upheld(GAME, OPERATOR, 3, 1))

    def _end(self, verdict: str, event: Event) -> None:
        self.over = verdict
        self._emit(event)

    def claim(self, owner: str) -> None:
        """Take an owner's bonds back."""
        self._emit(Claimed(GAME, checksum(owner), self.chains[owner][0] * 500 * 10**9))
        self.chains[owner][0] = 0


@st.composite
def plays(draw: Any, max_moves: int = 25) -> Play:
    """A game played for some moves, perhaps to its end."""
    play = Play(draw(st.integers(ANSWERED_AT, WINDOW_END - 1)))
    for _ in range(draw(st.integers(0, max_moves))):
        if not play.move(draw):
            break
    return play
