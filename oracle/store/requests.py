"""Requests and answers as the chain's events say they stand, and the questions services ask of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from eth_abi.abi import decode
from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak
from sqlalchemy import ColumnElement, bindparam, exists, func, literal, or_, select, union_all

from oracle.chain.protocol import (
    REQUEST_ABI,
    AnswerRef,
    InputKind,
    ModelId,
    Request,
    RequestId,
    Status,
    environment_hash,
)
from oracle.store.schema import ANSWERS, JOBS, REQUESTS
from oracle.store.sqlite import Database


@dataclass(frozen=True)
class StoredRequest:
    """A request and where it stands. Amounts are gwei, times seconds since the epoch by the chain's clock.

    `opened_at` and `deadline` are of the current attempt; `deadline` is the first second in which it cannot be
    answered any more, `window_end` the first in which the answer can be settled. What belongs to an answer is None
    while there is none. `delivery_error` is what the consumer last reverted with.
    """

    id: RequestId
    model_id: ModelId
    requester: ChecksumAddress
    named_operator: ChecksumAddress | None
    fee: int
    operator_bond: int
    callback_gas: int
    answer_time: int
    window: int
    encoded: bytes
    input_kind: InputKind
    input: bytes
    input_uri: str | None
    requested_at: int
    requested_block: int
    status: Status
    attempt: int
    opened_at: int
    deadline: int
    answered_at: int | None = None
    window_end: int | None = None
    operator: ChecksumAddress | None = None
    software: bytes | None = None
    manifest_hash: bytes | None = None
    output: bytes | None = None
    settled_at: int | None = None
    delivered: bool = False
    failed_deliveries: int = 0
    delivery_error: bytes | None = None

    @cached_property
    def request(self) -> Request:
        """The request as calls pass it back."""
        return Request.from_abi(decode([REQUEST_ABI], self.encoded)[0])

    @property
    def ref(self) -> AnswerRef | None:
        """What identifies the current answer; None while there is none."""
        if self.operator is None or self.software is None or self.manifest_hash is None or self.output is None:
            return None
        return AnswerRef(self.operator, environment_hash(self.software, self.manifest_hash), keccak(self.output))


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer to one attempt, whatever became of it. `gas_used` is of its whole transaction."""

    request_id: RequestId
    attempt: int
    operator: ChecksumAddress
    software: bytes
    manifest_hash: bytes
    output: bytes
    answered_at: int
    block_number: int
    tx_hash: bytes
    gas_used: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """What an operator has at stake: answers that are not final, by model; bonds (gwei) of those not seen mined yet."""

    by_model: Mapping[ModelId, int]
    unmined_bonds: int

    @property
    def open_answers(self) -> int:
        """How many answers are not final."""
        return sum(self.by_model.values())


REQUEST_FIELDS = tuple(field.name for field in fields(StoredRequest))
ANSWER_FIELDS = tuple(field.name for field in fields(StoredAnswer))
_REQUEST = [REQUESTS.c[name] for name in REQUEST_FIELDS]
_ANSWER = [ANSWERS.c[name] for name in ANSWER_FIELDS]


SELECT_REQUESTS = select(*_REQUEST)
"""All columns of a `StoredRequest`, in its order."""
_WITHOUT_JOB = ~exists().where(
    JOBS.c.kind == bindparam("job"),
    JOBS.c.request_id == REQUESTS.c.id,
    JOBS.c.attempt == REQUESTS.c.attempt,
)
_ANSWERABLE = (
    SELECT_REQUESTS.where(
        REQUESTS.c.status == Status.REQUESTED,
        REQUESTS.c.deadline > bindparam("now"),
        or_(REQUESTS.c.named_operator.is_(None), REQUESTS.c.named_operator == bindparam("me")),
        _WITHOUT_JOB,
    )
    .order_by(REQUESTS.c.deadline, REQUESTS.c.id)
    .limit(bindparam("limit"))
)
_EXPOSURE = union_all(
    select(REQUESTS.c.model_id, func.count().label("number"), literal(0).label("bonds"))
    .where(REQUESTS.c.operator == bindparam("me"), REQUESTS.c.status.in_((Status.ANSWERED, Status.DISPUTED)))
    .group_by(REQUESTS.c.model_id),
    select(REQUESTS.c.model_id, func.count().label("number"), func.sum(REQUESTS.c.operator_bond).label("bonds"))
    .join(JOBS, JOBS.c.request_id == REQUESTS.c.id)
    .where(JOBS.c.kind == "answer", JOBS.c.state == "sent")
    .group_by(REQUESTS.c.model_id),
)


class Requests:
    """Reads requests and answers. `now` is always the chain's time, in seconds.

    The sweeps yield what is due, oldest first. With `unless_job` they leave out requests whose current attempt has a
    job of that kind already, so that a service finds new work after any interruption.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, request_id: bytes) -> StoredRequest | None:
        """One request; None if no event has told of it."""
        return next(iter(self._all(REQUESTS.c.id == request_id)), None)

    def many(self, request_ids: Sequence[bytes]) -> dict[RequestId, StoredRequest]:
        """Requests by id; one no event has told of is missing."""
        found = self._all(REQUESTS.c.id.in_(request_ids), limit=len(request_ids))
        return {each.id: each for each in found}

    def recent(self, limit: int = 20, *, requester: str | None = None) -> list[StoredRequest]:
        """The newest requests first."""
        query = SELECT_REQUESTS.order_by(REQUESTS.c.requested_block.desc(), REQUESTS.c.id).limit(limit)
        if requester is not None:
            query = query.where(REQUESTS.c.requester == requester)
        with self._database.read() as connection:
            return [StoredRequest(*row) for row in connection.execute(query)]

    def answers(self, *request_ids: bytes) -> list[StoredAnswer]:
        """Every answer to these requests, by attempt."""
        query = select(*_ANSWER).where(ANSWERS.c.request_id.in_(request_ids)).order_by(ANSWERS.c.attempt)
        with self._database.read() as connection:
            return [StoredAnswer(*row) for row in connection.execute(query)]

    def answerable(
        self, now: int, operator: str, *, limit: int = 1_000, unless_job: str | None = None
    ) -> list[StoredRequest]:
        """Those `operator` may answer: open to it, and the deadline not reached."""
        values = {"now": now, "me": operator, "job": unless_job, "limit": limit}
        with self._database.read() as connection:
            return [StoredRequest(*row) for row in connection.execute(_ANSWERABLE, values)]

    def settleable(
        self, now: int, *, operator: str | None = None, limit: int = 1_000, unless_job: str | None = None
    ) -> list[StoredRequest]:
        """Those whose answer was not challenged in its window; of one operator, if given."""
        return self._all(
            REQUESTS.c.status == Status.ANSWERED,
            REQUESTS.c.window_end <= now,
            *(() if operator is None else (REQUESTS.c.operator == operator,)),
            order=REQUESTS.c.window_end,
            limit=limit,
            unless_job=unless_job,
        )

    def provisional(
        self, now: int, model_ids: Sequence[bytes] | None = None, *, limit: int = 1_000
    ) -> list[StoredRequest]:
        """Those with an answer that can still be challenged, earliest end of the window first; of these models."""
        return self._all(
            REQUESTS.c.status == Status.ANSWERED,
            REQUESTS.c.window_end > now,
            *(() if model_ids is None else (REQUESTS.c.model_id.in_(model_ids),)),
            order=REQUESTS.c.window_end,
            limit=limit,
        )

    def answered_since(
        self, now: int, after: tuple[int, bytes], *, besides: str, limit: int = 256
    ) -> list[StoredRequest]:
        """Those of `provisional` by the time they were answered and their id, from beyond `after` on.

        The answers of `besides` are left out.
        """
        answered, request_id = after
        return self._all(
            REQUESTS.c.status == Status.ANSWERED,
            REQUESTS.c.window_end > now,
            REQUESTS.c.operator != besides,
            or_(
                REQUESTS.c.answered_at > answered,
                (REQUESTS.c.answered_at == answered) & (REQUESTS.c.id > request_id),
            ),
            order=REQUESTS.c.answered_at,
            limit=limit,
        )

    def expirable(self, now: int, *, limit: int = 1_000, unless_job: str | None = None) -> list[StoredRequest]:
        """Those nobody answered in time."""
        return self._all(
            REQUESTS.c.status == Status.REQUESTED,
            REQUESTS.c.deadline <= now,
            order=REQUESTS.c.deadline,
            limit=limit,
            unless_job=unless_job,
        )

    def undelivered(
        self, *, max_failures: int, limit: int = 1_000, unless_job: str | None = None
    ) -> list[StoredRequest]:
        """Final ones whose consumer asked for a callback and failed to take it fewer than `max_failures` times."""
        return self._all(
            REQUESTS.c.status == Status.FINAL,
            REQUESTS.c.delivered.is_(False),
            REQUESTS.c.callback_gas > 0,
            REQUESTS.c.failed_deliveries < max_failures,
            order=REQUESTS.c.settled_at,
            limit=limit,
            unless_job=unless_job,
        )

    def exposure(self, operator: str) -> Exposure:
        """What `operator` has at stake, with what its `answer` jobs have sent."""
        by_model: dict[ModelId, int] = {}
        unmined = 0
        with self._database.read() as connection:
            for model_id, number, bonds in connection.execute(_EXPOSURE, {"me": operator}):
                by_model[model_id] = by_model.get(model_id, 0) + number
                unmined += bonds
        return Exposure(by_model, unmined)

    def counts(self) -> dict[Status, int]:
        """How many requests stand where."""
        query = select(REQUESTS.c.status, func.count().label("number")).group_by(REQUESTS.c.status)
        with self._database.read() as connection:
            return {row.status: row.number for row in connection.execute(query)}

    def _all(
        self,
        *conditions: ColumnElement[bool],
        order: Any = REQUESTS.c.requested_block,
        limit: int = 1_000,
        unless_job: str | None = None,
    ) -> list[StoredRequest]:
        query = SELECT_REQUESTS.where(*conditions).order_by(order, REQUESTS.c.id).limit(limit)
        if unless_job is not None:
            query = query.where(_WITHOUT_JOB).params(job=unless_job)
        with self._database.read() as connection:
            return [StoredRequest(*row) for row in connection.execute(query)]
