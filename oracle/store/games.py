"""Games of disputes: which there are and, folded from their events, how each stands."""

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


class Games:
    """Reads games. One whose request or answer no event has told of is left out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, game_id: bytes) -> Game | None:
        """One game; None if no event has told of it."""
        return next(iter(self._folded(GAMES.c.id == game_id)), None)

    def open(self) -> list[Game]:
        """Those that are played, the oldest first."""
        return self._folded(GAMES.c.verdict == Verdict.OPEN)

    def of_request(self, request_id: bytes) -> list[Game]:
        """Those over the answers to one request, by attempt."""
        return self._folded(GAMES.c.request_id == request_id)

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

    def _folded(self, *conditions: ColumnElement[bool]) -> list[Game]:
        query = SELECT_GAMES.where(*conditions).order_by(GAMES.c.block_number, GAMES.c.attempt, GAMES.c.id)
        with self._database.read() as connection:
            listed = [StoredGame(*row) for row in connection.execute(query)]
            games = (_fold(connection, each) for each in listed)
            return [game for game in games if game is not None]


def _fold(connection: Connection, listed: StoredGame) -> Game | None:
    found = connection.execute(SELECT_REQUESTS.where(REQUESTS.c.id == listed.request_id)).one_or_none()
    answer = connection.execute(
        select(ANSWERS).where(ANSWERS.c.request_id == listed.request_id, ANSWERS.c.attempt == listed.attempt)
    ).one_or_none()
    if found is None or answer is None:
        return None
    request = StoredRequest(*found)
    events = connection.execute(
        select(EVENTS)
        .where(EVENTS.c.game_id == listed.id)
        .order_by(EVENTS.c.block_number, EVENTS.c.tx_index, EVENTS.c.log_index)
    )
    subject = Subject(request.request, _ref(answer), listed.attempt)
    return replay((from_row(row) for row in events), subject, answer.answered_at + request.window)


def _ref(answer: Row[Any]) -> AnswerRef:
    environment = environment_hash(answer.software, answer.manifest_hash)
    return AnswerRef(ChecksumAddress(answer.operator), environment, keccak(answer.output))
