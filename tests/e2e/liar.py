"""An operator that lies on a real chain: it answers wrong, posts the trace of its lie, and reveals what is demanded."""

import time
from collections.abc import Container
from dataclasses import dataclass, field
from typing import TypeVar

from eth_utils.crypto import keccak

from oracle.canonical.layers import Position
from oracle.canonical.model import Model
from oracle.canonical.tracing import trace_of
from oracle.chain.calls import Answer, Call, OracleContract
from oracle.chain.dispute import DisputeContract
from oracle.chain.events import Challenged, Demanded, Event, Revealed, TracePosted, decode_log
from oracle.chain.protocol import AnswerRef, Request, Subject, environment_hash
from oracle.chain.sender import Sender
from oracle.inference.canonical_model import CanonicalModel
from tests.adversary.liars import Lie
from tests.adversary.scenes import Scene

E = TypeVar("E", bound=Event)

_SOFTWARE, _MANIFEST = b"\x05" * 32, b"\x06" * 32
_MOST_ROOTS = 256


def scene_of(model: Model, program: CanonicalModel, packed: bytes) -> Scene:
    """A published model with an input."""
    return Scene(model, program.plan.program, packed, trace_of(program.plan, model.inputs, packed))


@dataclass
class Liar:
    """Answers one request with a lie; `silent` is what it does not reveal, `posts` whether it posts a trace.

    `seconds` is what working out revelations has taken.
    """

    sender: Sender
    oracle: OracleContract
    dispute: DisputeContract
    request: Request
    lie: Lie
    posts: bool = True
    silent: Container[Position] = ()
    seconds: float = 0.0
    _done: set[object] = field(default_factory=set)

    @property
    def subject(self) -> Subject:
        """Its answer."""
        environment = environment_hash(_SOFTWARE, _MANIFEST)
        return Subject(self.request, AnswerRef(self.sender.address, environment, keccak(self.lie.answer)), 1)

    @property
    def game(self) -> bytes:
        """The game over its answer."""
        return self.subject.game_id(self.sender.provider.chain_id, self.oracle.address)

    def answer(self) -> None:
        """Give the wrong answer."""
        call = self.oracle.answer(Answer(self.request, 1, self.lie.answer), _SOFTWARE, _MANIFEST)
        self.sender.execute(call, purpose="other")

    def step(self) -> None:
        """Do what an operator has to do in a dispute, once."""
        if not self.events(Challenged):
            return
        if self.posts and not self.events(TracePosted):
            trace = self.lie.trace
            roots = trace.roots if len(trace.roots) <= _MOST_ROOTS else ()
            self._once("trace", self.dispute.post_trace(self.subject, trace.root, roots))
        shown = {event.position for event in self.events(Revealed)}
        for event in self.events(Demanded):
            if event.position in shown or event.position in self.silent or event.position in self._done:
                continue
            began = time.perf_counter()
            revelation = self.lie.trace.reveal(event.position)
            self.seconds += time.perf_counter() - began
            if revelation is not None:
                self._once(event.position, self.dispute.reveal(self.game, revelation))

    def events(self, kind: type[E]) -> list[E]:
        """The events of a kind in its game, in order."""
        provider = self.sender.provider
        logs = provider.logs([self.dispute.address], 0, provider.block_number())
        found = (decode_log(log.topics, log.data) for log in logs)
        return [event for event in found if isinstance(event, kind) and event.game_id == self.game]

    def _once(self, what: object, call: Call) -> None:
        if what not in self._done:
            self._done.add(what)
            self.sender.execute(call, purpose="other")
