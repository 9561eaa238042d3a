"""Seeing a request through to its end, and what its answer says."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from oracle.canonical.tensor import decode
from oracle.chain.calls import RequestStatus
from oracle.chain.events import Answered
from oracle.chain.history import happenings
from oracle.chain.protocol import ZERO_ADDRESS, Policy, RequestId, Status
from oracle.cli.catalogue import Listing
from oracle.cli.tensors import plain_tensor, show_tensor
from oracle.cli.units import show_duration, show_hex
from oracle.demo.samples import MODELS, describe_answer
from oracle.errors import ChainError, EndedWithoutAnswer, InputError, WaitTimeout
from oracle.services.context import Chain


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: who gave it, its tensors, and in words where the model is one of the samples."""

    operator: str
    attempt: int
    software: bytes
    output: bytes
    tensors: tuple[NDArray[Any], ...]
    words: str | None

    def to_json(self) -> dict[str, Any]:
        """What `--json` shows."""
        return {
            "answered_by": self.operator,
            "attempt": self.attempt,
            "software": show_hex(self.software),
            "output": show_hex(self.output),
            "outputs": [plain_tensor(tensor) for tensor in self.tensors],
            "answer": self.words,
        }

    def lines(self) -> list[tuple[str, str]]:
        """What a person is shown."""
        return [
            ("answered by", f"{self.operator}, software {show_hex(self.software[:6])} (self-declared)"),
            *((f"output {slot}", show_tensor(tensor)) for slot, tensor in enumerate(self.tensors)),
            *([("answer", self.words)] if self.words else []),
        ]


def wait_until_ended(
    chain: Chain, request_id: RequestId, policy: Policy, timeout: float, tell: Callable[[str], None]
) -> None:
    """Tell each change of a request's status until it is FINAL.

    Raises `EndedWithoutAnswer` where it expires or is voided, `WaitTimeout` after `timeout` seconds.
    """
    disputes = chain.oracle.dispute(chain.provider) != ZERO_ADDRESS
    deadline = time.monotonic() + timeout
    seen: RequestStatus | None = None
    while True:
        status = chain.oracle.status_of(chain.provider, request_id)
        if seen is None or (status.status, status.attempt) != (seen.status, seen.attempt):
            tell(in_words(status, policy, chain.provider.block("latest").timestamp, disputes=disputes))
            seen = status
        if status.status is Status.FINAL:
            return
        if status.status in {Status.EXPIRED, Status.VOID}:
            raise EndedWithoutAnswer(
                f"Request {show_hex(request_id)} ended without an answer: it is {status.status.name}.",
                hint="The fee is in the requester's stake: `assay withdraw all`.",
            )
        if time.monotonic() >= deadline:
            raise WaitTimeout(
                f"Request {show_hex(request_id)} is {status.status.name}, not final, after {timeout:.0f} s.",
                hint=f"Look again with `assay status {show_hex(request_id)[:10]}`.",
            )
        time.sleep(min(chain.settings.chain.poll_seconds, max(deadline - time.monotonic(), 0)))


def in_words(status: RequestStatus, policy: Policy, now: int, *, disputes: bool) -> str:
    """A status, what can still change it, and until when. `now` is the chain's time; `disputes`: whether it has any."""
    match status.status:
        case Status.NONE:
            return "unknown: no such request is on this chain"
        case Status.REQUESTED:
            left = status.time + policy.answer_time - now
            again = f" again (attempt {status.attempt})" if status.attempt > 1 else ""
            return f"requested{again}, " + (
                f"to be answered within {show_duration(left)}" if left > 0 else "overdue: anyone may expire it"
            )
        case Status.ANSWERED:
            left = status.time + policy.window - now
            if left <= 0:
                return "answered, unchallenged: anyone may settle it"
            if disputes:
                return f"answered, can be challenged for {show_duration(left)} more"
            return f"answered, final in {show_duration(left)}: this deployment has no disputes"
        case Status.DISPUTED:
            return "disputed: the chain will judge it"
        case Status.FINAL:
            return "final" + (", delivered" if status.delivered else "")
        case Status.EXPIRED:
            return "expired: no answer stands and no attempt is left, the fee went back"
        case Status.VOID:
            return "void: its program is malformed, the fee went back"


def answer_of(chain: Chain, listing: Listing, request_id: RequestId, first_block: int) -> Answer:
    """The newest answer to a request since `first_block`; raises `ChainError` where the endpoint shows none."""
    found = happenings(
        chain.provider,
        [chain.oracle.address],
        first_block,
        chain.provider.block_number(),
        span=chain.settings.chain.max_log_range,
    )
    answers = [item.event for item in found if isinstance(item.event, Answered) and item.event.request_id == request_id]
    if not answers:
        raise ChainError(
            f"The endpoint shows no answer to {show_hex(request_id)}, which is final.", hint="Try another endpoint."
        )
    return read_answer(answers[-1], listing)


def read_answer(event: Answered, listing: Listing | None) -> Answer:
    """An answer's tensors and words; without tensors where the model is unknown or the output does not fit it."""
    tensors: tuple[NDArray[Any], ...] = ()
    words = None
    if listing is not None and listing.model is not None:
        try:
            tensors = tuple(decode(event.output, listing.model.output_tensors))
        except InputError as error:
            words = f"it does not fit the model: {error.message}"
    if tensors and listing is not None and listing.name in MODELS:
        words = describe_answer(listing.name, tensors)
    return Answer(event.operator, event.attempt, event.software, event.output, tensors, words)
