"""What `assay demo` plays: a chain, two operators and a keeper, requests by the example consumers, to the end.

Given a program that lies, two more operators run it first: a challenger has them convicted, and honest ones answer.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from oracle.chain.events import Challenged, Claimed
from oracle.chain.history import Happening, happenings
from oracle.demo.audit import audit, require_earned
from oracle.demo.cast import Ask, cast, cast_for_liars
from oracle.demo.conviction import Conviction, computed, costs
from oracle.demo.devnet import Devnet, terms
from oracle.demo.following import Play, Stage, require_dispute
from oracle.demo.processes import Worker
from oracle.demo.report import Line, Report
from oracle.errors import AssayError
from oracle.services.context import Chain, open_chain
from oracle.store.database import Store

WINDOW = 4
_WINDOW_OF_LIES = 8
_LIARS = {"shift": "operator-3", "othermodel": "operator-4"}
_MINER = "0x00000000000000000000000000000000000a55a7"
"""Who gets the tips: anvil's own choice is where burnt ether goes."""


@dataclass(frozen=True, slots=True)
class Dishonest:
    """The program that lies, and how to tell in words how one of its answers, a line's, was refuted."""

    script: Path
    explain: Callable[[Chain, Line, Devnet], str]


@dataclass(slots=True)
class _Company:
    """The processes that run."""

    stack: ExitStack
    network: Devnet
    workers: list[Worker] = field(default_factory=list)

    def start(self, role: str, *command: str, program: Sequence[str] | None = None) -> None:
        folder = self.network.config.parent / "devnet"
        own = {} if program is None else {"program": program}
        self.workers.append(self.stack.enter_context(Worker.start(role, command, self.network.config, folder, **own)))

    def end(self) -> None:
        for worker in self.workers:
            worker.end()


def play(folder: Path, requests: int, stage: Stage, dishonest: Dishonest | None = None) -> Report:
    """Play it, with its files in `folder`; raises `AssayError` if anything is not as it should be."""
    began = time.monotonic()
    with ExitStack() as stack:
        named = {"LendingDesk": "operator-1", "MeterReader": "operator-2"}
        asked_of_liars = cast_for_liars(requests) if dishonest else {}
        second = {ask.consumer: terms(_WINDOW_OF_LIES) for ask in asked_of_liars.values()}
        network = stack.enter_context(
            Devnet.start(folder, window=WINDOW, operators=named, second=second, tell=stage.tell)
        )
        network.anvil.rpc("anvil_setCoinbase", _MINER)
        asks = [(ask, network.second[ask.consumer]) for ask in asked_of_liars.values()]
        asks += [(ask, network.consumers[ask.consumer]) for ask in cast(requests)]
        lines = [Line(number, *asked) for number, asked in enumerate(asks, start=1)]
        lied, honest = lines[: len(asked_of_liars)], lines[len(asked_of_liars) :]
        company = _Company(stack, network)
        try:
            chain = stack.enter_context(open_chain(network.settings))
            stack.callback((store := Store.open(f"sqlite:///{(folder / 'devnet/customers.db').resolve()}")).close)
            play = Play(chain, network, lines, stage, began)
            before = play.books()
            if dishonest:
                stage.tell("Starting two operators that lie, and a challenger")
                _start_liars(company, dishonest.script, asked_of_liars)
                stage.tell("Two customers ask; the first to answer lie")
                play.ask(lied, store)
                play.follow(company.workers, lambda: all(line.liar or line.state == "disputed" for line in lied))
            stage.tell("Starting two operators and a keeper")
            for role in ("operator-1", "operator-2", "keeper"):
                company.start(role, role.partition("-")[0])
            stage.tell("Customers ask their contracts")
            play.ask(honest, store)
            stage.tell("Operators answer, windows pass, consumers receive")
            play.follow(company.workers, lambda: all(line.done for line in lines) and _claimed(chain))
            play.compare()
            convictions = tuple(_conviction(chain, line, company, dishonest) for line in lied if dishonest)
            stage.tell("Ending the processes")
            company.end()
            stage.tell("Counting the money")
            after = play.books()
            money = audit(chain.provider, before, after)
            require_earned(before, after, play.earned())
        except AssayError as error:
            said = "\n".join(f"--- {worker.role}\n{worker.tail()}" for worker in company.workers)
            raise AssayError(f"{error.message}\n{said}", hint=error.hint) from error
        return Report(
            tuple(lines),
            play.models(),
            play.gas(),
            _worker_ms(company.workers),
            time.monotonic() - began,
            money,
            convictions,
            play.wrong_final(),
        )


def _start_liars(company: _Company, script: Path, asks: Mapping[str, Ask]) -> None:
    models = company.network.models
    files = [part for model in models.values() for part in ("--model", str(model.path))]
    company.start("challenger", "challenger", *files)
    for way, ask in asks.items():
        company.start(_LIARS[way], way, "--model", ask.sample.model, program=(str(script),))


def _games(chain: Chain) -> list[Happening]:
    """What has happened in disputes so far."""
    first, last = chain.settings.chain.start_block, chain.provider.block_number()
    return list(happenings(chain.provider, [require_dispute(chain).address], first, last))


def _claimed(chain: Chain) -> bool:
    """Whether the bonds of every game have been claimed."""
    events = [each.event for each in _games(chain)]
    opened = {event.game_id for event in events if isinstance(event, Challenged)}
    return opened == {event.game_id for event in events if isinstance(event, Claimed)}


def _conviction(chain: Chain, line: Line, company: _Company, dishonest: Dishonest) -> Conviction:
    """How the first answer to a request was refuted."""
    games = _games(chain)
    challenges = [each.event for each in games if isinstance(each.event, Challenged)]
    game = next(event.game_id for event in challenges if event.request_id == line.request_id)
    cost = costs(chain.provider, games, game)
    return Conviction(
        line.ask.sample.model,
        cost.transactions,
        cost.by_move,
        cost.of("prove"),
        computed(company.workers, game),
        dishonest.explain(chain, line, company.network),
    )


def _worker_ms(workers: Sequence[Worker]) -> float:
    """The median over all answers of the time their operator spent on each, in milliseconds."""
    spent: list[float] = [
        event["worker_ms"] for worker in workers for event in worker.events("answered") for _ in range(event["answers"])
    ]
    if not spent:
        raise AssayError("The operators' logs hold no answer.")
    return round(statistics.median(spent), 3)
