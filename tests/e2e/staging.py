"""Disputes by the dozen, side by side on one devnet: who plays, what they do, and what the chain tells of it."""

import signal
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TypeVar

from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak

from oracle.canonical.layers import Position
from oracle.canonical.prove import CommittedProgram
from oracle.chain.anvil import dev_account
from oracle.chain.dispute import DisputeContract
from oracle.chain.events import Answered, Event, decode_log
from oracle.chain.fees import FeeRules
from oracle.chain.protocol import GWEI, AnswerRef, GameId, Request, RequestId, Status, Subject, environment_hash
from oracle.chain.sender import Sender
from oracle.chain.signer import KeySigner, write_keystore
from oracle.demo.audit import Audit, Books, audit
from oracle.demo.devnet import ROLES, Devnet
from oracle.demo.processes import Worker
from oracle.store.database import Store
from tests.adversary.liars import Lie
from tests.adversary.scenes import Scene
from tests.e2e.asking import Asker
from tests.e2e.liar import Liar

E = TypeVar("E", bound=Event)

TIMES = {"window": 120, "trace_time": 120, "move_time": 120, "proof_period": 120}
"""Time enough for everybody on a busy machine; what only waits is helped by `Stage.pass_time`."""

ALL_OF_IT = 1_000
"""Seconds in which every clock of a game on these terms runs out."""

_ACCOUNTS = 40
_LIARS = str(Path(__file__).parents[2] / "scripts" / "liars.py")
_MINER = "0x000000000000000000000000000000000000c0de"
_SECONDS = 90.0


@dataclass
class Stage:
    """A devnet with its players. `asked` are the requests by the names of their stories."""

    devnet: Devnet
    asker: Asker
    scenes: dict[str, Scene]
    closing: ExitStack
    asked: dict[str, Request] = field(default_factory=dict)
    liars: dict[str, Liar] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(len(ROLES)))
    _subjects: dict[str, Subject] = field(default_factory=dict)

    @property
    def dispute(self) -> DisputeContract:
        """The dispute contract."""
        return DisputeContract(self.devnet.deployment.dispute)

    # ------------------------------------------------------------------ players

    def account(self) -> Sender:
        """Somebody new with ether of their own."""
        folder = self.devnet.config.parent
        number = next(self._numbers)
        store = Store.open(f"sqlite:///{folder / f'outbox-{number}.db'}")
        self.closing.callback(store.close)
        return Sender(self.asker.provider, KeySigner(dev_account(number)), store, FeeRules())

    def renewed(self, sender: Sender) -> Sender:
        """The same account, with what it remembers of its transactions gone."""
        fresh = self.account()
        fresh.signer = sender.signer
        return fresh

    def serve(self, role: str, *command: str) -> Worker:
        """Start one of our programs."""
        config = self.devnet.config
        self.workers[role] = self.closing.enter_context(Worker.start(role, command, config, config.parent))
        return self.workers[role]

    def hire(self, way: str) -> ChecksumAddress:
        """Start an operator that lies about the digits model in that way; it has an account of its own."""
        config, number = self.devnet.config, next(self._numbers)
        account, keystore = dev_account(number), config.parent / f"{way}.json"
        write_keystore(keystore, account, self.devnet.settings.signer.read_password(), iterations=2**12)
        with config.open("a") as settings:
            settings.write(f'\n[devnet.accounts.{way}]\naddress = "{account.address}"\nkeystore = "{keystore.name}"\n')
        started = Worker.start(way, (way,), config, config.parent, program=(_LIARS,))
        self.workers[way] = self.closing.enter_context(started)
        return account.address

    # ------------------------------------------------------------------ requests and answers

    def ask(self, story: str, model: str, operator: ChecksumAddress) -> None:
        """A request that only `operator` may answer."""
        scene = self.scenes[model]
        asker = replace(self.asker, model_id=scene.model.id, packed=scene.packed)
        (asked,) = asker.ask(1, operator=operator, **TIMES)
        (self.asked[story],) = [each.request for each in asker.events() if getattr(each, "request_id", 0) == asked]

    def lie(self, story: str, model: str, lie: Lie, sender: Sender) -> Liar:
        """A request that is answered with a lie at once; its operator does nothing more until it is stepped."""
        bond = self.asker.policy.operator_bond * GWEI
        sender.execute(self.asker.oracle.deposit(sender.address, bond), purpose="deposit")
        self.ask(story, model, sender.address)
        liar = self.liars[story] = Liar(sender, self.asker.oracle, self.dispute, self.asked[story], lie)
        liar.answer()
        return liar

    def id_of(self, story: str) -> RequestId:
        """A story's request."""
        return self.asked[story].id(self.asker.provider.chain_id, self.asker.oracle.address)

    def status(self, story: str) -> Status:
        """Where a story's request stands."""
        return self.asker.statuses([self.id_of(story)])[0]

    def answer(self, story: str) -> Answered | None:
        """The answer to a story's request."""
        answers = (each for each in self.asker.events() if isinstance(each, Answered))
        return next((each for each in answers if each.request_id == self.id_of(story)), None)

    def subject(self, story: str) -> Subject:
        """What the story's game is about."""
        if story not in self._subjects:
            told = self.answer(story)
            assert told is not None
            environment = environment_hash(told.software, told.manifest_hash)
            ref = AnswerRef(told.operator, environment, keccak(told.output))
            self._subjects[story] = Subject(self.asked[story], ref, told.attempt)
        return self._subjects[story]

    def game(self, story: str) -> GameId:
        """The game over the answer to a story's request."""
        return self.subject(story).game_id(self.asker.provider.chain_id, self.asker.oracle.address)

    # ------------------------------------------------------------------ moves

    def challenge(self, story: str, model: str, sender: Sender) -> None:
        """Open the game."""
        subject = self.subject(story)
        bond = subject.request.policy.challenger_bond * GWEI
        call = self.dispute.challenge(subject.request, subject.ref, self.scenes[model].model, bond)
        sender.execute(call, purpose="other")

    def demand(self, story: str, model: str, tensor: int, sender: Sender, *, bond: bool) -> None:
        """Demand a tensor's first layer: with a bond of its own, or as the opener."""
        scene, game = self.scenes[model], self.game(story)
        committed = CommittedProgram(scene.program)
        opening = (game, Position(tensor, 0, 0), committed.encoded[tensor], committed.path(tensor))
        wei = self.asked[story].policy.challenger_bond * GWEI
        call = self.dispute.open_chain(*opening, wei) if bond else self.dispute.demand(*opening)
        sender.execute(call, purpose="other")

    # ------------------------------------------------------------------ time and what is seen

    def events(self, story: str, kind: type[E]) -> list[E]:
        """The events of a kind in a story's game, in order."""
        provider, game = self.asker.provider, self.game(story)
        logs = provider.logs([self.dispute.address], 0, provider.block_number())
        decoded = (decode_log(log.topics, log.data) for log in logs)
        return [event for event in decoded if isinstance(event, kind) and event.game_id == game]

    def wait(self, found: Callable[[], object], what: str, *stepped: str) -> None:
        """Wait until something holds, while the liars of `stepped` defend their lies; else fail."""
        deadline = time.monotonic() + _SECONDS
        while not found():
            assert time.monotonic() < deadline, f"{what}: not within {_SECONDS:.0f} s"
            for worker in self.workers.values():
                worker.require_running()
            for story in stepped:
                self.liars[story].step()
            time.sleep(0.4)

    def wait_for(self, kind: type[Event], stories: Collection[str], *stepped: str) -> None:
        """Wait until each of some stories has an event of a kind."""
        open_stories = list(stories)

        def found() -> bool:
            open_stories[:] = [each for each in open_stories if not self.events(each, kind)]
            return not open_stories

        self.wait(found, f"{kind.__name__} in {', '.join(stories)}", *stepped)

    def pass_time(self, seconds: int) -> None:
        """Let the chain's time pass."""
        self.devnet.anvil.advance(seconds)

    @contextmanager
    def held(self, role: str) -> Iterator[None]:
        """Stop a program for a while; it does not notice."""
        process = self.workers[role].process
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    # ------------------------------------------------------------------ money

    def books(self) -> Books:
        """Who has what, of all accounts with ether."""
        everybody = [dev_account(number).address for number in range(_ACCOUNTS)]
        return Books.take(self.asker.provider, self.asker.oracle, self.dispute, everybody)

    def audited(self, before: Books) -> Audit:
        """End all programs in order, and compare the books."""
        for worker in self.workers.values():
            worker.end()
        return audit(self.asker.provider, before, self.books())


@contextmanager
def staged(devnet: Devnet, asker: Asker, scenes: dict[str, Scene]) -> Iterator[Stage]:
    """A stage without players; those that come are ended with it."""
    devnet.anvil.rpc("anvil_setCoinbase", _MINER)
    with ExitStack() as closing:
        yield Stage(devnet, asker, scenes, closing)
