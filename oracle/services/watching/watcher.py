"""Watching others' answers: judge each, challenge what is wrong, pursue every game over it, take the bonds back.

What to do follows from the chain's events and the answers' own models, every time. So a watcher may be killed anywhere,
and it does not matter who else challenges, demands or proves.
"""

import time
from collections.abc import Callable
from typing import Final

import structlog

from oracle.chain.games import Game
from oracle.chain.gas import move_limit
from oracle.chain.protocol import GameId, Status
from oracle.errors import ChainError, ConfigError, FundsError, StoreError
from oracle.metrics import Declined, Purpose
from oracle.services.engines import Engines
from oracle.services.follower import Follower
from oracle.services.moves import Moves
from oracle.services.watching.docket import Docket
from oracle.services.watching.judge import Wrong
from oracle.services.watching.library import Library, Malformed, Watched
from oracle.services.watching.pursuer import Planned, Pursuer
from oracle.services.watching.stakes import Limits, Purse, declined
from oracle.settings import ChallengerSettings
from oracle.settings.sections import GWEI
from oracle.store.ledger import Cursor
from oracle.store.requests import StoredRequest

_log = structlog.get_logger(__name__)

JUDGING_SECONDS = 0.5
"""How long one step judges answers, before moves are looked at again."""

_MOST_TOLD: Final = 10_000


class Watcher:
    """Checks others' answers and stakes bonds against wrong ones, from the account that `moves` sends from.

    The follower must have followed the chain before each step. A step judges answers for `seconds`, or one answer.
    Raises `ConfigError` where nothing can be disputed.
    """

    def __init__(
        self,
        follower: Follower,
        moves: Moves,
        library: Library,
        engines: Engines,
        settings: ChallengerSettings,
        *,
        clock: Callable[[], float] = time.time,
        seconds: float = JUDGING_SECONDS,
    ) -> None:
        dispute = follower.chain.dispute
        if dispute is None:
            raise ConfigError(
                f"The oracle {follower.chain.oracle.address} has no dispute contract: nothing can be challenged.",
                hint="Check `chain.oracle`.",
            )
        chain = follower.chain
        self._follower = follower
        self._store = follower.store
        self._metrics = follower.metrics
        self._moves = moves
        self._library = library
        self.dispute = dispute
        self._settings = settings
        self._clock = clock
        self._limits = Limits(settings.max_bond_gwei * GWEI, settings.max_games)
        self._conviction_gas = chain.oracle.parameters(chain.provider).challenge_gas
        max_demands = dispute.constants(chain.provider).max_demands
        self._pursuer = Pursuer(dispute, moves, max_demands=max_demands, threads=engines.threads)
        self._docket = Docket(
            follower, library, engines, me=moves.address, check=settings.check, seconds=seconds, clock=clock
        )
        self._games: list[Game] = []
        self._read_at: Cursor | None = None
        self._told: set[tuple[GameId, str]] = set()

    def step(self) -> bool:
        """Make the moves that are due, judge answers, challenge wrong ones; whether there is more to do at once."""
        now = self._follower.head.timestamp
        is_news = self._look()
        games = self._games
        self._library.keep(self._docket.needed(games))
        moved = self._pursue(games, now)
        known = len(self._docket.wrong)
        more = self._docket.step(now)
        self._library.keep(self._docket.needed(games))
        if len(self._docket.wrong) > known:
            moved |= self._pursue(games, now)
        moved |= self._challenge(games, now)
        if is_news:
            moved |= self._claim()
        return moved or more

    # ------------------------------------------------------------------ games

    def _look(self) -> bool:
        """Read the open games over others' answers if the store has moved on; whether it has."""
        cursor = self._store.ledger.cursor()
        if cursor == self._read_at and cursor is not None:
            return False
        me, before = self._moves.address, {game.id for game in self._games}
        self._games = [game for game in self._store.games.open() if game.subject.ref.operator != me]
        self._read_at = cursor
        for ended in before - {game.id for game in self._games}:
            self._pursuer.forget(ended)
        self._metrics.games_pursued.set(sum(self._is_ours(game) for game in self._games))
        return True

    def _pursue(self, games: list[Game], now: int) -> bool:
        """The next move in every game over an answer that is wrong; the one that must come first is sent first."""
        plans: list[tuple[Game, Planned]] = []
        for game in games:
            stored = self._disputed(game)
            if stored is None:
                continue
            judgement = self._docket.judgement(game.id, stored, game.openings_end or game.trace_deadline)
            if not isinstance(judgement, Wrong):
                continue
            found = self._library.get(stored.model_id, self._clock())
            if not isinstance(found, Watched | Malformed):
                continue
            planned = self._planned(game, stored, found, now)
            if planned is not None:
                plans.append((game, planned))
        plans.sort(key=lambda plan: float("inf") if plan[1].seconds_left is None else plan[1].seconds_left)
        moved = False
        for game, planned in plans:
            moved |= self._make(game, planned)
        return moved

    def _planned(self, game: Game, stored: StoredRequest, found: Watched | Malformed, now: int) -> Planned | None:
        """The move to make. Whatever a stranger's model or trace makes fail is told, and the other games go on."""
        try:
            return self._pursuer.plan(game, stored, found, now)
        except (ChainError, StoreError):
            raise
        except Exception as problem:  # noqa: BLE001
            if self._is_news(game.id, repr(problem)):
                _log.error("game_cannot_be_pursued", game=f"0x{game.id.hex()}", exc_info=problem)
            return None

    def _disputed(self, game: Game) -> StoredRequest | None:
        """The request of a game as it stands; None where a reorg is being taken in."""
        chain = self._follower.chain
        request = game.subject.request
        stored = self._store.requests.get(request.id(chain.provider.chain_id, chain.oracle.address))
        return stored if stored is not None and self._docket.game_of(stored) == game.id else None

    def _make(self, game: Game, planned: Planned) -> bool:
        """Send a move, unless it takes a bond that is declined; whether it was sent."""
        call, is_new = planned.call, not self._is_ours(game)
        is_underway = planned.is_bond and bool(self._moves.underway(self.dispute.address, call.data))
        if planned.is_bond and not is_underway and self._declines(game.id, call.value, is_new=is_new):
            return False
        return self._send(game.id, planned)

    # ------------------------------------------------------------------ challenges

    def _challenge(self, games: list[Game], now: int) -> bool:
        """Open a game over every wrong answer that has none and whose window is open."""
        wrong, open_games = self._docket.wrong, {game.id for game in games}
        if not wrong:
            self._metrics.wrong_answers_open.set(0)
            return False
        known = self._store.requests.many([stored.id for stored, _ in wrong.values()])
        moved = False
        for game, (before, judgement) in list(wrong.items()):
            stored = known.get(before.id)
            if stored is None or self._docket.game_of(stored) != game:
                del wrong[game]
            elif stored.status is Status.ANSWERED and stored.window_end is not None and now < stored.window_end:
                moved |= self._open(game, stored, judgement, stored.window_end - now)
            elif stored.status is not Status.DISPUTED and game not in open_games:
                if stored.status is Status.FINAL or stored.status is Status.ANSWERED:
                    _log.error("wrong_answer_stands", request=f"0x{stored.id.hex()}", reason=judgement.words)
                del wrong[game]
        self._metrics.wrong_answers_open.set(len(wrong))
        return moved

    def _open(self, game: GameId, stored: StoredRequest, judgement: Wrong, seconds_left: int) -> bool:
        """Challenge one answer."""
        found = self._library.get(stored.model_id, self._clock())
        if not isinstance(found, Watched | Malformed) or stored.ref is None:
            return False
        bond = stored.request.policy.challenger_bond * GWEI
        call = self.dispute.challenge(stored.request, stored.ref, found.model, bond)
        if not self._moves.underway(self.dispute.address, call.data) and self._declines(game, bond, is_new=True):
            return False
        what = f"challenge the answer to request 0x{stored.id.hex()}: {judgement.words}"
        return self._send(game, Planned(call, move_limit(len(call.data)), Purpose.CHALLENGE, what, seconds_left))

    def _claim(self) -> bool:
        """Take back our bonds of every game that ended against the operator."""
        moved = False
        for game in self._store.games.claimable(self._moves.address):
            call = self.dispute.claim(game, self._moves.address)
            what = f"claim our bonds of game 0x{game.hex()}"
            moved |= self._send(game, Planned(call, move_limit(len(call.data)), Purpose.CLAIM, what))
        return moved

    # ------------------------------------------------------------------ sending

    def _send(self, game: GameId, planned: Planned) -> bool:
        """Send a move; in a dry run say once what it would be."""
        if self._settings.dry_run:
            if self._is_news(game, planned.what):
                if planned.is_bond:
                    self._metrics.bonds_declined.labels(Declined.DRY_RUN).inc()
                _log.warning("would_move", game=f"0x{game.hex()}", move=planned.what, wei=planned.call.value)
            return False
        try:
            return self._moves.send(
                planned.call,
                purpose=planned.purpose,
                gas_limit=planned.gas,
                what=f"{planned.what} (game 0x{game.hex()})",
                seconds_left=planned.seconds_left,
            )
        except FundsError as problem:
            _log.error("move_not_paid", game=f"0x{game.hex()}", move=planned.what, reason=str(problem))
            return False

    def _declines(self, game: GameId, bond: int, *, is_new: bool) -> bool:
        """Whether a bond is not placed; told and counted once for each reason."""
        why = declined(bond, self._purse(), self._limits, is_new=is_new)
        if why is None:
            return False
        reason, words = why
        if self._is_news(game, reason):
            self._metrics.bonds_declined.labels(reason).inc()
            _log.error("bond_declined", game=f"0x{game.hex()}", reason=words)
        return True

    def _purse(self) -> Purse:
        """What the account has now."""
        provider = self._follower.chain.provider
        underway = [move.value for move in self._moves.underway(self.dispute.address) if move.value]
        price = provider.fees()
        return Purse(
            free=provider.balance(self._moves.address) - sum(underway),
            games=sum(self._is_ours(game) for game in self._games) + len(underway),
            conviction=self._conviction_gas * (2 * price.base_fee + price.priority_fee),
        )

    def _is_ours(self, game: Game) -> bool:
        chain = game.chains.get(self._moves.address)
        return chain is not None and chain.bonds > 0

    def _is_news(self, game: GameId, what: str) -> bool:
        """Whether something has not been told of a game yet; then it has been now."""
        told = (game, what)
        if told in self._told:
            return False
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()  # then some of it is told again
        self._told.add(told)
        return True
