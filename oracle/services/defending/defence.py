"""The defence of our own answers: post the trace, reveal what is demanded, resolve when all time has passed.

What is owed is derived from the games as the chain's events tell them, every time. Only computed traces are kept, and
they can be computed again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from oracle.canonical.layers import Position, Revelation
from oracle.canonical.prove import CommittedTrace
from oracle.chain.calls import Call
from oracle.chain.dispute import DisputeContract
from oracle.chain.games import Game
from oracle.chain.gas import fit, move_limit, reveal_limit, trace_limit
from oracle.chain.protocol import GWEI, GameId, ModelId
from oracle.errors import FundsError, ProofError
from oracle.metrics import DefenceFailure, Purpose
from oracle.services.defending.capacity import Capacity
from oracle.services.defending.cases import Case, NoCase, prepare
from oracle.services.defending.collecting import collect
from oracle.services.defending.duties import Duty, Owed, duty, is_lost
from oracle.services.defending.underway import Underway
from oracle.services.follower import Follower
from oracle.services.moves import Moves
from oracle.services.serving import Served
from oracle.settings import OperatorSettings
from oracle.store.ledger import Cursor

_log = structlog.get_logger(__name__)

MOST_ROOTS = 256
"""With at most so many nodes the tensor roots are posted with the trace."""

_ITEM_WORDS = 12
"""Words of calldata of a revelation, data and paths aside: offsets, position, lengths, and the call's own."""

_NEAR = 0.5
"""The part of the time for a move, when less is left, that is worth a warning."""


class Defence:
    """Defends the answers of the account that moves."""

    def __init__(
        self,
        follower: Follower,
        moves: Moves,
        dispute: DisputeContract,
        settings: OperatorSettings,
        measured: Mapping[bytes, float],
        threads: int,
    ) -> None:
        """`measured` are the seconds of the slowest defence, by program root, as `capacity.measure` yields them."""
        self._follower = follower
        self._store = follower.store
        self._metrics = follower.metrics
        self._moves = moves
        self._dispute = dispute
        self._settings = settings
        self._measured = measured
        self._threads = threads
        self._cases: dict[GameId, Case | NoCase] = {}
        self._told: set[tuple[GameId, str]] = set()
        self._games: list[Game] = []
        self._read_at: Cursor | None = None
        self.games = 0
        """Open games over answers of ours, as of the last step."""

    def step(self, served: Mapping[ModelId, Served], now: int) -> bool:
        """Do what is owed at the chain's time `now`, what is due first first; whether there may be more to do at once.

        At most one trace is computed in a step, so that the next one sees what has been demanded meanwhile.
        """
        games = self._open_games()
        self.games = len(games)
        self._forget({game.id for game in games})
        if not games:
            self._metrics.defended_games.set(0)
            self._metrics.defence_deadline.set(float("inf"))
            return False
        underway = Underway(self._dispute, self._moves.underway(self._dispute.address))
        duties = sorted(filter(None, (duty(game, now) for game in games)), key=lambda each: each.urgency)
        self._measure(duties)
        for game in games:
            if is_lost(game, now):
                self._tell_lost(game, underway)
        moved = computed = postponed = False
        for each in duties:
            if each.owed is Owed.RESOLVE:
                moved |= self._resolve(each.game)
                continue
            self._warn_if_near(each, now)
            rest = self._not_underway(each, underway, now)
            if rest is None:
                continue
            is_known = each.game.id in self._cases
            if computed and not is_known:
                postponed = True
                continue
            case = self._case(each.game, served)
            computed |= not is_known and each.game.id in self._cases
            if case is not None:
                moved |= self._move(rest, case.trace, now)
        return moved or postponed

    def capacity(self, served: Mapping[ModelId, Served]) -> Capacity:
        """What defending answers of the models served may take."""
        seconds: dict[ModelId, float] = {}
        for model_id, each in served.items():
            if each.program is not None:
                measured = self._measured[each.program.model.program_root]
                seconds[model_id] = self._settings.defence_factor * measured
                self._metrics.defence_seconds.labels(self._metrics.model(each.name)).set(measured)
        return Capacity(seconds, self._settings.defence_margin_seconds)

    def collect(self) -> None:
        """Withdraw what won disputes have credited, if it is worth its gas."""
        above = self._settings.collect_above_gwei * GWEI
        collect(self._dispute, self._follower.chain.provider, self._moves, above=above)

    # ------------------------------------------------------------------ moves

    def _move(self, owed: Duty, trace: CommittedTrace, now: int) -> bool:
        left = owed.urgency - now
        if owed.owed is Owed.TRACE:
            roots = trace.roots if len(trace.roots) <= MOST_ROOTS else ()
            call = self._dispute.post_trace(owed.game.subject, trace.root, roots)
            gas = trace_limit(len(call.data), len(trace.roots))
            return self._send(owed.game, call, Purpose.TRACE, gas, "post the trace", left)
        if owed.game.trace_root != trace.root:
            self._fail(owed.game, DefenceFailure.OTHER_TRACE, "another trace was posted in our name")
            return False
        moved = False
        for some in fitting(self._revelations(owed.game, trace, owed.positions)):
            moved |= self._reveal(owed.game, some, left)
        return moved

    def _reveal(self, game: Game, some: Sequence[Revelation], left: float) -> bool:
        """Reveal some positions at once; where that cannot be sent, at least the one that is due first."""
        call, gas = reveal_call(self._dispute, game.id, some)
        what = f"reveal {', '.join(map(_shown, some))}"
        sent = self._send(game, call, Purpose.REVEAL, gas, what, left)
        return sent or (len(some) > 1 and self._reveal(game, some[:1], left))

    def _revelations(self, game: Game, trace: CommittedTrace, positions: Sequence[Position]) -> list[Revelation]:
        found = []
        for position in positions:
            try:
                found.append(trace.reveal(position))
            except ProofError as problem:
                self._fail(game, DefenceFailure.CANNOT_REVEAL, str(problem))
        return found

    def _resolve(self, game: Game) -> bool:
        call = self._dispute.resolve(game.subject)
        return self._send(game, call, Purpose.RESOLVE, move_limit(len(call.data)), "uphold the answer", None)

    def _send(self, game: Game, call: Call, purpose: Purpose, gas: int, what: str, left: float | None) -> bool:
        words = f"{what} in game 0x{game.id.hex()}"
        try:
            return self._moves.send(call, purpose=purpose, gas_limit=gas, what=words, seconds_left=left)
        except FundsError as problem:  # another move may cost less
            self._fail(game, DefenceFailure.CANNOT_PAY, f"{words} is not paid: {problem.message}")
            return False

    # ------------------------------------------------------------------ what is known

    def _open_games(self) -> list[Game]:
        """The open games over our answers; read again when the store has moved on."""
        cursor = self._store.ledger.cursor()
        if cursor is None or cursor != self._read_at:
            me = self._moves.address
            self._games = [game for game in self._store.games.open() if game.subject.ref.operator == me]
            self._read_at = cursor
        return self._games

    def _not_underway(self, owed: Duty, underway: Underway, now: int) -> Duty | None:
        """What no transaction of ours carries yet; None: nothing. Those that carry the rest are hurried."""
        if owed.owed is Owed.TRACE:
            posting = underway.trace(owed.game.subject)
            if posting is not None:
                self._moves.hurry(posting, owed.urgency - now)
            return owed if posting is None else None
        carrying = underway.reveals(owed.game.id)
        soonest = {carrying[position].id: position for position in reversed(owed.positions) if position in carrying}
        for position in soonest.values():
            self._moves.hurry(carrying[position], owed.game.demands[position].due - now)
        rest = tuple(position for position in owed.positions if position not in carrying)
        return replace(owed, positions=rest) if rest else None

    def _case(self, game: Game, served: Mapping[ModelId, Served]) -> Case | None:
        """What we can show in a game; None where that is nothing, which is told once."""
        case = self._cases.pop(game.id, None)
        if case is None:
            request = game.subject.request
            stored = self._store.requests.get(request.id(self._chain_id, self._follower.chain.oracle.address))
            if stored is None or stored.ref != game.subject.ref or stored.attempt != game.subject.attempt:
                return None  # a reorg is being taken in
            case = prepare(stored, served.get(stored.model_id), self._threads)
        if isinstance(case, NoCase):
            self._fail(game, case.failure, case.words)
            if case.failure is not DefenceFailure.NOT_SERVED:
                self._cases[game.id] = case
            return None
        self._keep(game.id, case)
        return case

    @property
    def _chain_id(self) -> int:
        return self._follower.chain.provider.chain_id

    def _keep(self, game_id: GameId, case: Case) -> None:
        """Keep a trace, and of all as many as were used last."""
        self._cases[game_id] = case
        traces = [each for each, kept in self._cases.items() if isinstance(kept, Case)]
        for oldest in traces[: -self._settings.traces_kept]:
            del self._cases[oldest]

    def _forget(self, but: set[GameId]) -> None:
        """Drop what belongs to games that are over."""
        self._cases = {game_id: case for game_id, case in self._cases.items() if game_id in but}
        self._told = {told for told in self._told if told[0] in but}

    # ------------------------------------------------------------------ what is told

    def _measure(self, duties: Sequence[Duty]) -> None:
        self._metrics.defended_games.set(self.games)
        self._metrics.defence_deadline.set(min((each.urgency for each in duties), default=float("inf")))

    def _warn_if_near(self, owed: Duty, now: int) -> None:
        policy = owed.game.subject.request.policy
        allowed = policy.trace_time if owed.owed is Owed.TRACE else policy.move_time
        left = owed.urgency - now
        if left < _NEAR * allowed and self._is_new(owed.game, f"near {owed.owed} {owed.due}"):
            _log.warning("defence_deadline_near", **_about(owed.game), owed=owed.owed, seconds_left=left)

    def _tell_lost(self, game: Game, underway: Underway) -> None:
        """Say that a game is lost by silence, unless what was owed is in a block that is not indexed yet."""
        if game.posted_at is None:
            missed, sent = "the trace was not posted in time", underway.trace(game.subject) is not None
        else:
            missed, sent = "a demand was not met in time", bool(underway.reveals(game.id))
        if not sent:
            self._fail(game, DefenceFailure.TOO_LATE, missed)

    def _fail(self, game: Game, failure: DefenceFailure, words: str) -> None:
        if self._is_new(game, failure):
            self._metrics.defence_failures.labels(failure).inc()
            _log.error("answer_cannot_be_defended", **_about(game), reason=words)

    def _is_new(self, game: Game, what: str) -> bool:
        """Whether something has not been told of a game yet; then it has been now."""
        told = (game.id, what)
        if told in self._told:
            return False
        self._told.add(told)
        return True


def fitting(revelations: Sequence[Revelation]) -> list[list[Revelation]]:
    """Cut into lists that one transaction can hold."""

    def cost(each: Revelation) -> tuple[int, int]:
        size = 32 * (_ITEM_WORDS + len(each.path) + len(each.trace_path) + -(-len(each.data) // 32))
        return size, reveal_limit(size, 1)

    return fit(revelations, cost)


def reveal_call(dispute: DisputeContract, game_id: GameId, revelations: Sequence[Revelation]) -> tuple[Call, int]:
    """One call for some revelations, and its gas limit."""
    if len(revelations) == 1:
        call = dispute.reveal(game_id, revelations[0])
    else:
        call = dispute.reveal_many(game_id, revelations)
    return call, reveal_limit(len(call.data), len(revelations))


def _about(game: Game) -> dict[str, str]:
    return {"game": f"0x{game.id.hex()}", "model": f"0x{game.subject.request.model_id.hex()}"}


def _shown(revelation: Revelation) -> str:
    position = revelation.position
    tensor = "the trace" if position.is_trace else f"tensor {position.tensor}"
    return f"layer {position.layer}.{position.index} of {tensor}"
