"""What becomes of an answer, right or wrong, as things stand on the chain: the pure part of `assay verify`.

Times are seconds since the epoch by the chain's clock.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from oracle.chain.calls import RequestStatus
from oracle.chain.events import Expired, Refuted, Settled, Voided
from oracle.chain.games import Game
from oracle.chain.protocol import Policy, Status

Ending = Settled | Refuted | Voided | Expired


class Verdict(IntEnum):
    """The exit codes of `assay verify`. Above those of errors, so that a script can tell them apart."""

    RIGHT_FINAL = 0
    RIGHT_PROVISIONAL = 20
    WRONG_OPEN = 21
    WRONG_STRUCK = 22
    WRONG_FINAL = 23
    UNJUDGED = 24
    NO_ANSWER = 25
    RIGHT_STRUCK = 26

    @property
    def words(self) -> str:
        """What it means, in a line."""
        return _WORDS[self]


_WORDS = {
    Verdict.RIGHT_FINAL: "right, and final",
    Verdict.RIGHT_PROVISIONAL: "right, and not final yet",
    Verdict.WRONG_OPEN: "wrong, and it can still be refuted",
    Verdict.WRONG_STRUCK: "wrong, and refuted",
    Verdict.WRONG_FINAL: "wrong, and final or beyond challenge: nobody refuted it in time",
    Verdict.UNJUDGED: "not judged",
    Verdict.NO_ANSWER: "there is no answer",
    Verdict.RIGHT_STRUCK: "right, and refuted or void all the same",
}


class Standing(StrEnum):
    """How an answer stands, whatever it says."""

    NONE = "unanswered"
    EXPIRED = "expired unanswered"
    CHALLENGEABLE = "provisional"
    UNCHALLENGED = "provisional, beyond challenge"
    DISPUTED = "disputed"
    WON = "disputed, beyond refutation"
    FINAL = "final"
    REFUTED = "refuted"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Change:
    """Who could still change an answer, how, and until when; `until` None: nobody can say, or for ever."""

    words: str
    until: int | None = None


def standing_of(
    status: RequestStatus, policy: Policy, ending: Ending | None, game: Game | None, now: int, *, disputes: bool
) -> Standing:
    """How the answer to an attempt stands at `now`.

    `ending` is what ended that attempt, `game` the dispute over its answer; `disputes`: the deployment has any.
    `status` is the request's, and matters where nothing has ended the attempt.
    """
    match ending:
        case Refuted():
            return Standing.REFUTED
        case Voided():
            return Standing.VOID
        case Settled():
            return Standing.FINAL
        case Expired():
            return Standing.EXPIRED
    if status.status is Status.DISPUTED:
        return Standing.WON if game is not None and game.is_resolvable(now) else Standing.DISPUTED
    if status.status is Status.ANSWERED:
        return Standing.CHALLENGEABLE if disputes and now < status.time + policy.window else Standing.UNCHALLENGED
    return Standing.NONE


def verdict_of(right: bool | None, standing: Standing) -> Verdict:
    """What to conclude; `right` is the canonical run's word, None where there is none."""
    if standing in {Standing.NONE, Standing.EXPIRED}:
        return Verdict.NO_ANSWER
    if right is None:
        return Verdict.UNJUDGED
    if standing in {Standing.REFUTED, Standing.VOID}:
        return Verdict.RIGHT_STRUCK if right else Verdict.WRONG_STRUCK
    if right:
        return Verdict.RIGHT_FINAL if standing is Standing.FINAL else Verdict.RIGHT_PROVISIONAL
    if standing in {Standing.CHALLENGEABLE, Standing.DISPUTED}:
        return Verdict.WRONG_OPEN
    return Verdict.WRONG_FINAL


def change_of(standing: Standing, status: RequestStatus, policy: Policy, game: Game | None) -> Change:
    """Who could still change the answer, and until when."""
    match standing:
        case Standing.FINAL:
            return Change("nobody: it is final")
        case Standing.REFUTED | Standing.VOID:
            return Change("nobody: it is struck out for good")
        case Standing.CHALLENGEABLE:
            end = status.time + policy.window
            return Change(f"anyone who challenges it with a bond of {policy.challenger_bond:,} gwei", end)
        case Standing.UNCHALLENGED | Standing.WON:
            return Change("nobody: anyone may make it final")
        case Standing.DISPUTED:
            return _in_dispute(game)
        case Standing.NONE:
            return Change("whoever answers it", status.time + policy.answer_time)
        case Standing.EXPIRED:
            return Change("nobody: the request has ended")


def _in_dispute(game: Game | None) -> Change:
    if game is None:
        return Change("the parties of its dispute, which this endpoint does not show")
    if game.posted_at is None:
        return Change("its operator must post the trace, or it is refuted", game.trace_deadline)
    waiting = game.open_demands
    if waiting:
        first = next(iter(waiting.values()))
        return Change(f"its operator must reveal {len(waiting)} demanded positions, or it is refuted", first.due)
    return Change("whoever proves a fault of the trace", game.end)
