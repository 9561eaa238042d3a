"""A requester for end-to-end tests: makes requests by the dozen and waits for what becomes of them."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from eth_utils.crypto import keccak

from oracle.canonical.tensor import encode
from oracle.chain.calls import OracleContract
from oracle.chain.deploy import LOCAL
from oracle.chain.events import Answered, Event, Skipped, decode_log
from oracle.chain.policy import sensible_policy
from oracle.chain.protocol import GWEI, InputKind, ModelId, Policy, Request, RequestId, Status
from oracle.chain.provider import Provider
from oracle.chain.sender import Sender
from oracle.demo.devnet import Devnet
from oracle.demo.samples import credit_applicants
from oracle.inference.model_file import load_model_file
from oracle.services.context import open_chain, open_sender


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks the credit model of a devnet, as the account `requester`."""

    devnet: Devnet
    sender: Sender
    oracle: OracleContract
    model_id: ModelId
    policy: Policy
    packed: bytes

    @property
    def provider(self) -> Provider:
        """The chain."""
        return self.sender.provider

    def ask(self, count: int = 1, **terms: object) -> list[RequestId]:
        """Make `count` requests that differ in their salt, and wait until they are mined; `terms` amend the policy."""
        policy = replace(self.policy, **terms)  # type: ignore[arg-type]
        ids, sent = [], []
        for _ in range(count):
            request = Request(
                self.sender.address,
                os.urandom(32),
                self.model_id,
                InputKind.BYTES,
                keccak(self.packed),
                policy,
            )
            call = self.oracle.request(request, self.packed)
            sent.append(self.sender.send(call, purpose="request", gas_limit=300_000))
            ids.append(request.id(self.provider.chain_id, self.oracle.address))
        pending, deadline = set(sent), time.monotonic() + 60
        while pending:
            pending -= {mined.id for mined in self.sender.poll()}
            assert time.monotonic() < deadline, "requests were not mined"
            time.sleep(0.05)
        return ids

    def statuses(self, ids: Sequence[RequestId]) -> list[Status]:
        """Where requests stand."""
        return [self.oracle.status_of(self.provider, each).status for each in ids]

    def wait_for(self, ids: Sequence[RequestId], wanted: set[Status], *, seconds: float = 60) -> None:
        """Wait until every request has one of the statuses, sending again what a reorg took; else fails."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.sender.poll()
            found = self.statuses(ids)
            if set(found) <= wanted:
                return
            time.sleep(0.2)
        raise AssertionError(f"after {seconds} s requests are {Counter(status.name for status in found)}")

    def events(self) -> list[Event]:
        """Every event of the oracle so far, in order."""
        logs = self.provider.logs([self.oracle.address], 0, self.provider.block_number())
        return [event for log in logs if (event := decode_log(log.topics, log.data)) is not None]

    def answers(self) -> Counter[RequestId]:
        """How often each request was answered, skipped attempts of a batch included."""
        found: Counter[RequestId] = Counter()
        for event in self.events():
            if isinstance(event, Answered | Skipped):
                found[event.request_id] += 1
        return found


@contextmanager
def asking(devnet: Devnet, *, window: int = 2) -> Iterator[Asker]:
    """A requester on a devnet; answers become final after `window` seconds."""
    file = load_model_file(devnet.models["credit"].path)
    packed = encode(credit_applicants(range(1))[0].tensors, file.model.inputs)
    model_id = ModelId(bytes.fromhex(devnet.models["credit"].model_id[2:]))
    policy = sensible_policy(LOCAL, GWEI, answer_time=120, window=window)
    with open_chain(devnet.settings) as chain, open_sender(chain) as sender:
        yield Asker(devnet, sender, chain.oracle, model_id, policy, packed)
