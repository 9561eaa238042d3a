"""The requests of a chain and all that happened to each, read from logs, receipts and views."""

from dataclasses import dataclass, field
from typing import Any

from oracle.chain.calls import RequestStatus
from oracle.chain.events import (
    Answered,
    DeliveryFailed,
    Deposited,
    EnvironmentPublished,
    InputLocated,
    OracleEvent,
    Refuted,
    Requested,
    Skipped,
    Withdrawn,
)
from oracle.chain.history import Happening, happenings
from oracle.chain.protocol import ZERO_ADDRESS, InputKind, Policy, Request, Status
from oracle.cli.catalogue import UNCOMPILED, Listing, published
from oracle.cli.show import printable
from oracle.cli.units import show_duration, show_gwei, show_hex, show_time
from oracle.cli.waiting import Answer, in_words, read_answer
from oracle.errors import InputError
from oracle.services.context import Chain

_SELF_DECLARED = "self-declared by the operator: nothing proves it"


@dataclass(slots=True)
class Story:
    """One request and its events in order."""

    request_id: bytes
    requested: Request
    input_bytes: int
    happenings: list[Happening] = field(default_factory=list)


class Chronicle:
    """All requests since a block, oldest first, by id."""

    def __init__(
        self,
        chain: Chain,
        stories: dict[bytes, Story],
        manifests: dict[bytes, bytes],
        items: dict[tuple[bytes, str], int],
    ) -> None:
        self.stories = stories
        self._chain = chain
        self._manifests = manifests
        self._items = items
        self._now = chain.provider.block("latest").timestamp
        self._disputes = chain.oracle.dispute(chain.provider) != ZERO_ADDRESS
        self._listings: dict[bytes, Listing] = {item.model_id: item for item in published(chain)}
        self._standings: dict[bytes, RequestStatus] = {}

    def find(self, reference: str) -> Story:
        """The request whose id begins with `reference`; raises `InputError` where there is none, or several."""
        prefix = reference.lower().removeprefix("0x")
        found = [
            story for story in self.stories.values() if len(prefix) >= 4 and story.request_id.hex().startswith(prefix)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(f"{reference!r} begins {len(found)} requests' ids.", hint="Give more digits.")
        raise InputError(
            f"No request on this chain has an id that begins with {reference!r}.",
            hint="Give at least 4 hex digits; `assay status` lists the latest, `chain.start_block` bounds the search.",
        )

    def status(self, story: Story) -> RequestStatus:
        """Where the oracle says it stands."""
        if story.request_id not in self._standings:
            self._standings[story.request_id] = self._chain.oracle.status_of(
                self._chain.provider, story.requested.id(self._chain.provider.chain_id, self._chain.oracle.address)
            )
        return self._standings[story.request_id]

    def standing(self, story: Story) -> str:
        """Where it stands, in words."""
        status = self.status(story)
        words = in_words(status, story.requested.policy, self._now, disputes=self._disputes)
        if status.status is Status.FINAL and not status.delivered and story.requested.callback_gas:
            failed = any(isinstance(item.event, DeliveryFailed) for item in story.happenings)
            words += ", its consumer failed to take it" if failed else ", to be delivered"
        return words

    def model_title(self, story: Story) -> str:
        """The model's name or the beginning of its id."""
        listing = self._listings.get(story.requested.model_id)
        return listing.title if listing else f"{show_hex(story.requested.model_id)[:10]} (not published)"

    def program(self, story: Story) -> str:
        """The program that would judge a dispute."""
        listing = self._listings.get(story.requested.model_id)
        return listing.program if listing else f"unknown, the model is not published here; if {UNCOMPILED}"

    def answer(self, story: Story) -> Answer | None:
        """The newest answer."""
        answers = [item.event for item in story.happenings if isinstance(item.event, Answered)]
        return read_answer(answers[-1], self._listings.get(story.requested.model_id)) if answers else None

    def input_words(self, story: Story) -> str:
        """The input's kind and what it means for whoever relies on the answer."""
        if story.requested.input_kind is InputKind.BYTES:
            return f"BYTES: {story.input_bytes:,} bytes on chain, always there for challengers"
        places = [item.event.uri for item in story.happenings if isinstance(item.event, InputLocated)]
        where = printable(", ".join(places)) or "no place is named"
        return f"ROOT: not on chain ({where}); an input nobody can fetch makes the answer unchallengeable"

    def terms_words(self, policy: Policy) -> str:
        """The policy in one line."""
        who = "anybody may answer" if policy.is_open else f"only {policy.operator} may answer"
        pinned = f", software {show_hex(policy.software)}" if any(policy.software) else ""
        return (
            f"{who}{pinned}; fee {show_gwei(policy.fee)}; bonds {show_gwei(policy.operator_bond)} and "
            f"{show_gwei(policy.challenger_bond)}; {show_duration(policy.answer_time)} to answer, "
            f"{show_duration(policy.window)} to challenge"
        )

    def answer_lines(self, story: Story) -> list[tuple[str, str]]:
        """The newest answer, its environment, and until when it can be challenged."""
        answer, status = self.answer(story), self.status(story)
        if answer is None:
            return []
        event = next(item.event for item in reversed(story.happenings) if isinstance(item.event, Answered))
        manifest = self._manifests.get(event.manifest_hash)
        declared = printable(manifest.decode(errors="replace")) if manifest else "its manifest is not published"
        lines = [*answer.lines(), ("environment", f"{declared} ({_SELF_DECLARED})")]
        if status.status is Status.ANSWERED:
            lines.append(("challenge until", show_time(status.time + story.requested.policy.window)))
        return lines

    def history_rows(self, story: Story) -> list[list[str]]:
        """Each event: block and time, what, who sent the transaction, gas, hash."""
        return [
            [
                f"{show_time(row['timestamp'])}, block {row['block']}",
                row["event"] + (f" ({row['detail']})" if row["detail"] else ""),
                row["sender"],
                f"{row['gas_used']:,}" + (f" for {row['batch']} requests" if row["batch"] > 1 else ""),
                row["transaction"][:10],
            ]
            for row in self.history_json(story)
        ]

    def history_json(self, story: Story) -> list[dict[str, Any]]:
        """The events as JSON: `gas_used` is the whole transaction's, which served `batch` requests."""
        provider, rows = self._chain.provider, []
        for item in story.happenings:
            receipt = provider.receipt(item.log.tx_hash)
            kind = type(item.event).__name__
            rows.append(
                {
                    "event": kind,
                    "detail": _detail(item),
                    "block": item.log.block_number,
                    "timestamp": provider.block(item.log.block_number).timestamp,
                    "sender": receipt.sender if receipt else "",
                    "gas_used": receipt.gas_used if receipt else 0,
                    "batch": self._items.get((item.log.tx_hash, kind), 1),
                    "transaction": show_hex(item.log.tx_hash),
                }
            )
        return rows

    def to_json(self, story: Story) -> dict[str, Any]:
        """A request as JSON."""
        status, answer, policy = self.status(story), self.answer(story), story.requested.policy
        listing = self._listings.get(story.requested.model_id)
        window_ends = status.time + policy.window if status.status is Status.ANSWERED else None
        return {
            "request_id": show_hex(story.request_id),
            "status": status.status.name,
            "attempt": status.attempt,
            "since": status.time,
            "delivered": status.delivered,
            "challengeable_until": window_ends,
            "model_id": show_hex(story.requested.model_id),
            "model": listing.name if listing else None,
            "requester": story.requested.requester,
            "input_kind": story.requested.input_kind.name,
            "input_hash": show_hex(story.requested.input_hash),
            "callback_gas": story.requested.callback_gas,
            "policy": {
                "operator": None if policy.is_open else policy.operator,
                "fee_gwei": policy.fee,
                "operator_bond_gwei": policy.operator_bond,
                "challenger_bond_gwei": policy.challenger_bond,
                "answer_time": policy.answer_time,
                "window": policy.window,
                "trace_time": policy.trace_time,
                "proof_period": policy.proof_period,
                "move_time": policy.move_time,
                "software": show_hex(policy.software) if any(policy.software) else None,
            },
            "answer": None if answer is None else {**answer.to_json(), "environment": "self-declared"},
        }


def read_chronicle(chain: Chain, blocks: int | None = None) -> Chronicle:
    """The chronicle of the chain since its start block, or of its newest `blocks`. Raises `ChainError`."""
    head = chain.provider.block_number()
    first = chain.settings.chain.start_block
    if blocks is not None:
        first = max(first, head - blocks + 1)
    stories: dict[bytes, Story] = {}
    manifests: dict[bytes, bytes] = {}
    items: dict[tuple[bytes, str], int] = {}
    addresses = [chain.oracle.address, chain.registry.address]
    for item in happenings(chain.provider, addresses, first, head, span=chain.settings.chain.max_log_range):
        event = item.event
        if isinstance(event, EnvironmentPublished):
            manifests[event.manifest_hash] = event.manifest
        if not isinstance(event, OracleEvent) or isinstance(event, Deposited | Withdrawn):
            continue
        key = item.log.tx_hash, type(event).__name__
        items[key] = items.get(key, 0) + 1
        if isinstance(event, Requested):
            stories[event.request_id] = Story(event.request_id, event.request, len(event.input))
        if event.request_id in stories:
            stories[event.request_id].happenings.append(item)
    return Chronicle(chain, stories, manifests, items)


def _detail(item: Happening) -> str:
    match item.event:
        case Answered(attempt=attempt, operator=operator):
            return f"attempt {attempt} by {operator}"
        case DeliveryFailed(reason=reason):
            return f"the consumer reverted with {show_hex(reason[:36])}" if reason else "the consumer ran out of gas"
        case Refuted(next_attempt=next_attempt):
            return f"attempt {next_attempt} is open" if next_attempt else "no further attempt"
        case Skipped(reason=reason):
            return reason.name
        case _:
            return ""
