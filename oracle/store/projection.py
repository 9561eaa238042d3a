"""What events make of requests, answers, models and games. Pure: a fold, usable without a chain or a database.

Events of one request are folded in the chain's order. An event of a request that was never seen (made before the first
indexed block) changes nothing.
"""

from dataclasses import replace

from eth_abi.abi import encode

from oracle.canonical.model import MODEL_ABI_TYPE
from oracle.chain.events import (
    Answered,
    Challenged,
    Delivered,
    DeliveryFailed,
    Disputed,
    Expired,
    InputLocated,
    MirrorsAdded,
    ModelPublished,
    Refuted,
    Requested,
    Settled,
    Voided,
)
from oracle.chain.games import verdict_of
from oracle.chain.protocol import REQUEST_ABI, Status
from oracle.store.catalogue import StoredModel
from oracle.store.events import IndexedEvent
from oracle.store.games import StoredGame
from oracle.store.requests import StoredAnswer, StoredRequest


def project_request(before: StoredRequest | None, indexed: IndexedEvent) -> StoredRequest | None:
    """The request after one more of its events."""
    if isinstance(indexed.event, Requested):
        return _requested(indexed, indexed.event)
    return None if before is None else _moved(before, indexed)


def project_answer(indexed: IndexedEvent) -> StoredAnswer | None:
    """The answer an event posted; None for any other event."""
    event = indexed.event
    if not isinstance(event, Answered):
        return None
    return StoredAnswer(
        event.request_id,
        event.attempt,
        event.operator,
        event.software,
        event.manifest_hash,
        event.output,
        indexed.timestamp,
        indexed.block_number,
        indexed.tx_hash,
        indexed.gas_used,
    )


def project_model(before: StoredModel | None, indexed: IndexedEvent) -> StoredModel | None:
    """The model after one more of its events; one whose dtypes this version does not know is left out."""
    event = indexed.event
    match event:
        case ModelPublished(model=model) if before is None and model is not None:
            return StoredModel(
                event.model_id,
                event.onnx_digest,
                event.publisher,
                encode([MODEL_ABI_TYPE], [model.to_abi()]),
                _unique(event.uris),
                indexed.block_number,
            )
        case ModelPublished() | MirrorsAdded() if before is not None:
            return replace(before, uris=_unique(before.uris + event.uris))
        case _:
            return before


def project_game(before: StoredGame | None, indexed: IndexedEvent) -> StoredGame | None:
    """The game as it is listed, after one more of its events."""
    event = indexed.event
    if isinstance(event, Challenged):
        return StoredGame(
            event.game_id,
            event.request_id,
            event.attempt,
            event.opener,
            event.operator,
            indexed.timestamp,
            indexed.block_number,
        )
    verdict = verdict_of(event)
    if before is None or verdict is None:
        return before
    return replace(before, verdict=verdict, ended_at=indexed.timestamp)


def _requested(indexed: IndexedEvent, event: Requested) -> StoredRequest:
    request, policy = event.request, event.request.policy
    return StoredRequest(
        id=event.request_id,
        model_id=request.model_id,
        requester=request.requester,
        named_operator=None if policy.is_open else policy.operator,
        fee=policy.fee,
        operator_bond=policy.operator_bond,
        callback_gas=request.callback_gas,
        answer_time=policy.answer_time,
        window=policy.window,
        encoded=encode([REQUEST_ABI], [request.to_abi()]),
        input_kind=request.input_kind,
        input=event.input,
        input_uri=None,
        requested_at=indexed.timestamp,
        requested_block=indexed.block_number,
        status=Status.REQUESTED,
        attempt=1,
        opened_at=indexed.timestamp,
        deadline=indexed.timestamp + policy.answer_time,
    )


def _moved(before: StoredRequest, indexed: IndexedEvent) -> StoredRequest:
    event, now = indexed.event, indexed.timestamp
    match event:
        case InputLocated():
            return replace(before, input_uri=event.uri)
        case Answered():
            return replace(
                before,
                status=Status.ANSWERED,
                answered_at=now,
                window_end=now + before.window,
                operator=event.operator,
                software=event.software,
                manifest_hash=event.manifest_hash,
                output=event.output,
            )
        case Disputed():
            return replace(before, status=Status.DISPUTED)
        case Settled():
            return replace(before, status=Status.FINAL, settled_at=now)
        case Delivered():
            return replace(before, delivered=True)
        case DeliveryFailed():
            return replace(before, failed_deliveries=before.failed_deliveries + 1, delivery_error=event.reason)
        case Refuted(next_attempt=0) | Expired():
            return replace(_unanswered(before), status=Status.EXPIRED)
        case Refuted():
            return replace(
                _unanswered(before),
                status=Status.REQUESTED,
                attempt=event.next_attempt,
                opened_at=now,
                deadline=now + before.answer_time,
            )
        case Voided():
            return replace(_unanswered(before), status=Status.VOID)
        case _:
            return before


def _unanswered(before: StoredRequest) -> StoredRequest:
    return replace(
        before,
        answered_at=None,
        window_end=None,
        operator=None,
        software=None,
        manifest_hash=None,
        output=None,
    )


def _unique(uris: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(uris))
