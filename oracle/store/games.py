"""Games of disputes: which there are and, folded from their events, how each stands."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak
from sqlalchemy import ColumnElement, Connection, Row, Select, exists, select

from oracle.chain.games import Game, replay
from oracle.chain.protocol import AnswerRef, GameId, RequestId, Subject, Verdict, environment_hash
from oracle.store.events import from_row
from oracle.store.requests import SELECT_REQUESTS, StoredRequest
from oracle.store.schema import ANSWERS, EVENTS, GAMES, REQUESTS
from oracle.store.sqlite import Database


@dataclass(frozen=True, slots=True)
class StoredGame:
    """A game as it is listed: over which answer, who opened it when, and how it stands or ended."""

    id: GameId
    request_id: RequestId
    attempt: int
    opener: ChecksumAddress
    operator: ChecksumAddress
    challenged_at: int
    block_number: int
    verdict: Verdict = Verdict.OPEN
    ended_at: int | None = None


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """Bonds that `owner` has not claimed of a game that ended against the operator."""

    game_id: GameId
    owner: ChecksumAddress
    ended_at: int


GAME_FIELDS = tuple(field.name for field in fields(StoredGame))
SELECT_GAMES = select(*(GAMES.c[name] for name in GAME_FIELDS))
"""All columns of a `StoredGame`, in its order."""

_AGAINST = (Verdict.REFUTED, Verdict.VOIDED)
_OWNING = ("Challenged", "ChainOpened")
_CLAIMS = EVENTS.alias()
_KEY = (EVENTS.c.tx_hash, EVENTS.c.block_hash, EVENTS.c.log_index)


@dataclass(frozen=True, slots=True)
class _Folded:
    """A game and the events it was folded from, in order."""

    keys: list[Row[Any]]
    game: Game


class Games:
    """Reads games. One whose request or answer no event has told of is left out."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._played: dict[GameId, _Folded] = {}

    def get(self, game_id: bytes) -> Game | None:
        """One game; None if no event has told of it."""
        return next((each.game for each in self._fold_all(GAMES.c.id == game_id)), None)

    def open(self) -> list[Game]:
        """Those that are played, the oldest first; only what came since the last time is folded anew."""
        played = self._fold_all(GAMES.c.verdict == Verdict.OPEN)
        self._played = {each.game.id: each for each in played}
        return [each.game for each in played]

    def recent(self, limit: int = 20) -> list[StoredGame]:
        """The newest first."""
        return self._listed(SELECT_GAMES.order_by(GAMES.c.block_number.desc(), GAMES.c.id).limit(limit))

    def claimable(self, owner: str) -> list[GameId]:
        """Those that ended against the operator and of which `owner` has not claimed its bonds."""
        return [each.game_id for each in self.unclaimed(owner)]

    def unclaimed(self, owner: str | None = None, *, limit: int = 1_000) -> list[Unclaimed]:
        """All bonds to be claimed, of the game that ended first first; of one account, if given."""
        claimed = exists().where(
            _CLAIMS.c.game_id == GAMES.c.id, _CLAIMS.c.name == "Claimed", _CLAIMS.c.account == EVENTS.c.account
        )
        query = (
            select(GAMES.c.id, EVENTS.c.account, GAMES.c.ended_at)
            .join(EVENTS, EVENTS.c.game_id == GAMES.c.id)
            .where(GAMES.c.verdict.in_(_AGAINST), EVENTS.c.name.in_(_OWNING), ~claimed)
            .distinct()
            .order_by(GAMES.c.ended_at, GAMES.c.id, EVENTS.c.account)
            .limit(limit)
        )
        if owner is not None:
            query = query.where(EVENTS.c.account == owner)
        with self._database.read() as connection:
            return [Unclaimed(*row) for row in connection.execute(query)]

    def _listed(self, query: Select[Any]) -> list[StoredGame]:
        with self._database.read() as connection:
            return [StoredGame(*row) for row in connection.execute(query)]

    def _fold_all(self, *conditions: ColumnElement[bool]) -> list[_Folded]:
        query = SELECT_GAMES.where(*conditions).order_by(GAMES.c.block_number, GAMES.c.attempt, GAMES.c.id)
        with self._database.read() as connection:
            listed = [StoredGame(*row) for row in connection.execute(query)]
            folded = (self._fold(connection, each) for each in listed)
            return [each for each in folded if each is not None]

    def _fold(self, connection: Connection, listed: StoredGame) -> _Folded | None:
        keys = list(connection.execute(_ordered(_KEY, listed.id)))
        known = self._played.get(listed.id)
        if known is not None and keys == known.keys:
            return known
        if known is not None and keys[: len(known.keys)] == known.keys:
            game = known.game
            subject, window_end, done = game.subject, game.window_end, len(known.keys)
        else:
            found = _subject(connection, listed)
            if found is None:
                return None
            (subject, window_end), game, done = found, None, 0
        rows = connection.execute(_ordered([EVENTS], listed.id).offset(done).limit(len(keys)))
        after = replay((from_row(row) for row in rows), subject, window_end, game)
        return None if after is None else _Folded(keys, after)


def _ordered(columns: Sequence[Any], game_id: bytes) -> Select[Any]:
    """What is asked of a game's events, in the chain's order."""
    order = (EVENTS.c.block_number, EVENTS.c.tx_index, EVENTS.c.log_index)
    return select(*columns).where(EVENTS.c.game_id == game_id).order_by(*order)


def _subject(connection: Connection, listed: StoredGame) -> tuple[Subject, int] | None:
    """The answer a game is over, and the end of its window."""
    found = connection.execute(SELECT_REQUESTS.where(REQUESTS.c.id == listed.request_id)).one_or_none()
    answer = connection.execute(
        select(ANSWERS).where(ANSWERS.c.request_id == listed.request_id, ANSWERS.c.attempt == listed.attempt)
    ).one_or_none()
    if found is None or answer is None:
        return None
    request = StoredRequest(*found)
    ref = AnswerRef(answer.operator, environment_hash(answer.software, answer.manifest_hash), keccak(answer.output))
    return Subject(request.request, ref, listed.attempt), answer.answered_at + request.window
