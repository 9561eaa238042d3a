"""Which answers of others are judged, in what order, and what was found: the watching half of a challenger.

Nothing here is stored. A restart reads all provisional answers again and judges them again.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, Literal

import structlog

from oracle.chain.games import Game
from oracle.chain.protocol import GameId, ModelId, Status, Subject
from oracle.metrics import JudgedAs, UnjudgedReason
from oracle.services.engines import Engines
from oracle.services.follower import Follower
from oracle.services.watching.judge import Judgement, Right, Unjudged, Wrong, confirms, glance, judge
from oracle.services.watching.library import Library, Unwatched, Watched
from oracle.services.watching.queue import Queue, Waiting
from oracle.store.ledger import Cursor
from oracle.store.requests import StoredRequest

_log = structlog.get_logger(__name__)

_JUDGED_KEPT: Final = 100_000
_BATCH: Final = 256
_START: Final = (0, b"")

TRY_AGAIN: Final = frozenset({UnjudgedReason.NO_BUNDLE})
"""What may yet change before an answer's window ends."""


class Docket:
    """Judges others' answers; `me` is the account whose own answers are left out.

    `check` "all" runs every answer canonically, "screened" only those that onnxruntime does not confirm. A step takes
    `seconds` for it, or one answer. `wrong` are the answers found wrong, by game, with the words that say where.
    """

    def __init__(
        self,
        follower: Follower,
        library: Library,
        engines: Engines,
        *,
        me: str,
        check: Literal["all", "screened"],
        seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._follower = follower
        self._store = follower.store
        self._metrics = follower.metrics
        self._library = library
        self._engines = engines
        self._me = me
        self._check = check
        self._seconds = seconds
        self._clock = clock
        self._queue = Queue()
        self._judged: OrderedDict[GameId, Judgement] = OrderedDict()
        self._after = _START
        self._again: tuple[int, bytes] | None = None
        self._again_is_due = False
        self._reread_at = clock()
        self._mark: Cursor | None = None
        self.wrong: dict[GameId, tuple[StoredRequest, Wrong]] = {}

    def step(self, now: int) -> bool:
        """Take in new answers and judge some, at the chain's time `now`; whether some that could be judged wait."""
        self._again_is_due |= self._must_reread()
        end = time.perf_counter() + self._seconds
        self._take_in(now, end)
        more = self._judge_some(now, end)
        self._metrics.answers_waiting.set(len(self._queue))
        return more

    def judgement(self, game: GameId, stored: StoredRequest, deadline: int) -> Judgement | None:
        """What was found of a disputed answer; None where it is not watched, or is to be run canonically first.

        `deadline` is when that comes too late.
        """
        found = self._judged.get(game)
        is_late = isinstance(found, Unjudged) and found.reason is UnjudgedReason.TOO_LATE
        if found is not None and found != Right(checked=False) and not is_late:
            return found
        if self._library.watches(stored.model_id):
            self._enqueue(game, stored, deadline)
        return None

    def needed(self, games: Iterable[Game]) -> set[ModelId]:
        """The models that moves depend on: of wrong answers, and of open games over answers not found right."""
        found = ((game, self._judged.get(game.id)) for game in games)
        open_models = {
            game.subject.request.model_id
            for game, judgement in found
            if judgement != Right() and not isinstance(judgement, Unjudged)
        }
        return open_models | {stored.model_id for stored, _ in self.wrong.values()}

    def game_of(self, stored: StoredRequest) -> GameId | None:
        """The game there is, or would be, over a request's current answer; None where it has none."""
        if stored.ref is None:
            return None
        chain = self._follower.chain
        return Subject(stored.request, stored.ref, stored.attempt).game_id(
            chain.provider.chain_id, chain.oracle.address
        )

    # ------------------------------------------------------------------ taking in

    def _must_reread(self) -> bool:
        """Whether answers may have come in behind what was read: after a reorg, a rescan, a model's announcement."""
        ledger, mark = self._store.ledger, self._mark
        reorganised = (
            mark is not None and bool(mark.hash) and ledger.hashes(mark.number, mark.number) != {mark.number: mark.hash}
        )
        self._mark = ledger.cursor()
        now = self._clock()
        rescanned = now - self._reread_at >= self._follower.schedule.rescan_seconds
        if reorganised or rescanned or self._follower.head.models_published:
            self._reread_at = now
            return True
        return False

    def _take_in(self, now: int, end: float) -> None:
        """Queue the answers that were given since the last look; then, with what time is left, those read before."""
        half = time.perf_counter() + (end - time.perf_counter()) / 2
        self._after, is_all = self._read(now, self._after, half)
        if self._again is None and self._again_is_due:
            self._again, self._again_is_due = _START, False
        if self._again is not None and is_all:
            self._again, is_all = self._read(now, self._again, half)
            if is_all:
                self._again = None

    def _read(self, now: int, after: tuple[int, bytes], half: float) -> tuple[tuple[int, bytes], bool]:
        """Queue answers from beyond `after` on until `half`; yields the last one's place, and whether it was the last.

        With a backlog, a glance by onnxruntime sorts them.
        """
        while True:
            batch = self._store.requests.answered_since(now, after, besides=self._me, limit=_BATCH)
            screening = self._check == "screened" or len(batch) + len(self._queue) > 1
            for stored in batch:
                after = (stored.answered_at or 0, stored.id)
                self._admit(stored, screening=screening and time.perf_counter() < half)
            if len(batch) < _BATCH:
                return after, True
            if time.perf_counter() > half:
                return after, False

    def _admit(self, stored: StoredRequest, *, screening: bool) -> None:
        game = self.game_of(stored)
        if game is None or game in self._queue:
            return
        known = self._judged.get(game)
        if isinstance(known, Wrong):
            self.wrong[game] = (stored, known)  # a reorg took it and gave it back
        if known is not None or not self._library.watches(stored.model_id):
            return
        confirmed = False
        if screening:
            found = self._library.get(stored.model_id, self._clock())
            if isinstance(found, Watched) and glance(stored, found) is None:
                began = time.perf_counter()
                confirmed = confirms(stored, found)
                if confirmed and self._check == "screened":
                    self._record(game, stored, Right(checked=False), time.perf_counter() - began)
                    return
        self._enqueue(game, stored, stored.window_end or 0, confirmed=confirmed)

    def _enqueue(self, game: GameId, stored: StoredRequest, deadline: int, *, confirmed: bool = False) -> None:
        self._queue.add(Waiting(confirmed, deadline, game, stored.id, stored.model_id))

    # ------------------------------------------------------------------ judging

    def _judge_some(self, now: int, end: float) -> bool:
        """Judge answers until `end`, and at least one; whether more of those that can be judged wait."""
        postponed: list[Waiting] = []
        absent: set[ModelId] = set()
        judged = False
        while waiting := self._queue.pop():
            if judged and time.perf_counter() > end:
                self._queue.add(waiting)
                break
            is_absent = waiting.model in absent and now < waiting.deadline
            outcome = None if is_absent else self._outcome(waiting, now)
            if outcome is None:
                absent.add(waiting.model)
                postponed.append(waiting)
            judged |= outcome is True
        more = len(self._queue) > 0
        for each in postponed:
            self._queue.add(each)
        return more

    def _outcome(self, waiting: Waiting, now: int) -> bool | None:
        """Judge one: whether that took a run of its model; None where it must wait for its model."""
        found = self._library.get(waiting.model, self._clock())
        absent = found is None or (isinstance(found, Unwatched) and found.reason in TRY_AGAIN)
        if absent and now < waiting.deadline:
            return None
        stored = self._store.requests.get(waiting.request)
        if stored is None or self.game_of(stored) != waiting.game:
            return False  # it was refuted, or a reorg took it
        if stored.status is Status.ANSWERED and now >= waiting.deadline:
            missed = Unjudged(UnjudgedReason.TOO_LATE, "its window ended before it was judged")
            if isinstance(found, Unwatched):
                missed = Unjudged(found.reason, found.words)
            self._record(waiting.game, stored, missed, 0.0)
            return False
        if stored.status not in (Status.ANSWERED, Status.DISPUTED) or found is None:
            return False
        began = time.perf_counter()
        judgement = glance(stored, found)
        is_run = judgement is None and isinstance(found, Watched)
        if judgement is None and isinstance(found, Watched):
            judgement = judge(stored, found, self._engines)
        if judgement is not None:
            self._record(waiting.game, stored, judgement, time.perf_counter() - began)
        return is_run

    def _record(self, game: GameId, stored: StoredRequest, judgement: Judgement, seconds: float) -> None:
        self._judged[game] = judgement
        if len(self._judged) > _JUDGED_KEPT:
            self._judged.popitem(last=False)
        about = {"request": f"0x{stored.id.hex()}", "attempt": stored.attempt, "operator": stored.operator}
        if isinstance(judgement, Unjudged):
            self._metrics.answers_unjudged.labels(judgement.reason).inc()
            _log.info("answer_unjudged", **about, reason=judgement.words)
            return
        self._metrics.watch_seconds.observe(seconds)
        if isinstance(judgement, Right):
            self._metrics.answers_judged.labels(JudgedAs.RIGHT if judgement.checked else JudgedAs.CONFIRMED).inc()
            return
        self.wrong[game] = (stored, judgement)
        self._metrics.answers_judged.labels(JudgedAs.WRONG).inc()
        found = {"game": f"0x{game.hex()}", "reason": judgement.words, "seconds": round(seconds, 4)}
        _log.warning("wrong_answer", **about, **found)
