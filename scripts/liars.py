"""An operator that lies, as a process of its own: to see it convicted, in the demo and in tests.

    python scripts/liars.py shift --config .assay/devnet.toml --as operator-3 --model magika

It waits for a request to the model that it may answer, lies about it once, defends the lie as far as its way of lying
says, and stays until Ctrl-C or SIGTERM. Only for a devnet: it stakes its account's ether, and loses it.
"""

import argparse
import sys
import time
from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event as Flag

import numpy as np
import structlog

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from oracle import log
from oracle.canonical.layers import Position
from oracle.canonical.model import Model
from oracle.canonical.program.node import Kind
from oracle.canonical.tensor import decode
from oracle.chain.events import (
    Answered,
    DemandForfeited,
    Event,
    Proven,
    Requested,
    TraceForfeited,
    Upheld,
    decode_log,
)
from oracle.chain.protocol import GWEI, Request, Status
from oracle.chain.sender import Sender
from oracle.cli.session import Session
from oracle.demo.samples import sample_model
from oracle.errors import AssayError, ConfigError, RejectedError
from oracle.inference.canonical_model import compile_model
from oracle.inference.model_file import load_model_file
from oracle.services.context import Chain, open_chain, open_sender
from oracle.services.loop import stop_on_signals
from oracle.settings import Settings
from tests.adversary import liars
from tests.adversary.least import largest, least_shift
from tests.adversary.liars import Lie
from tests.adversary.scenes import Scene
from tests.adversary.table import answer_is_right
from tests.e2e.liar import Liar, scene_of

_POLL_SECONDS = 0.2
_SEED = 1
_HALF = 10  # bits of the fraction of a float16
_ENDINGS = (Proven, TraceForfeited, DemandForfeited, Upheld)

_log = structlog.get_logger("liars")


class _Everything(Container[Position]):
    def __contains__(self, position: object) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Way:
    """A way of lying: the lie, whether its trace is posted, and whether what is demanded is revealed."""

    words: str
    lie: Callable[[Scene], Lie]
    posts: bool = True
    reveals: bool = True


def _least(scene: Scene, node: int) -> Lie:
    shift = least_shift(scene, node)
    return liars.shifted(scene, shift.node, shift.element, by=shift.by)


def _shift(scene: Scene) -> Lie:
    return _least(scene, largest(scene, Kind.FOLD))


def _other_model(scene: Scene) -> Lie:
    """Weights of half precision, or of fewer bits where that would be no lie."""
    lies = (liars.other_weights(scene, bits) for bits in range(_HALF, 0, -1))
    return next(lie for lie in lies if not answer_is_right(scene.model, lie.answer, scene.answer))


def _answer(scene: Scene) -> Lie:
    """The first output's largest number becomes another: its exponent does."""
    (first, *_) = decode(scene.answer, scene.model.output_tensors)
    return liars.wrong_answer(scene, first.itemsize * int(np.argmax(np.abs(first))))


def _garbage(scene: Scene) -> Lie:
    return replace(liars.roots_of_nothing(scene, _SEED), answer=_shift(scene).answer)


WAYS = {
    "shift": Way("shifts one hidden value by as little as makes the answer wrong; the rest follows from it", _shift),
    "othermodel": Way("runs the model with weights cut to half precision", _other_model),
    "weight": Way(
        "shifts one weight by as little as makes the answer wrong",
        lambda scene: _least(scene, liars.weights(scene)[-1]),
    ),
    "input": Way(
        "takes another input: one value of it is shifted", lambda scene: _least(scene, largest(scene, Kind.INPUT))
    ),
    "answer": Way("posts the right trace, and answers something else", _answer),
    "garbage": Way("posts tensor roots of nothing", _garbage),
    "silent": Way("answers wrong and posts no trace", _shift, posts=False),
    "mute": Way("posts a trace and reveals nothing", _shift, reveals=False),
}


def wait_for_request(chain: Chain, sender: Sender, model: Model, stop: Flag) -> Requested | None:
    """The first request to a model that the sender may answer and nobody has answered yet; None if told to stop."""
    answered: set[bytes] = set()
    waiting: list[Requested] = []
    first = chain.settings.chain.start_block
    while not stop.is_set():
        head = chain.provider.block_number()
        if first <= head:
            for item in chain.provider.logs([chain.oracle.address], first, head):
                event = decode_log(item.topics, item.data)
                if isinstance(event, Answered):
                    answered.add(event.request_id)
                if isinstance(event, Requested) and _is_mine(event.request, sender, model):
                    waiting.append(event)
            first = head + 1
        waiting = [each for each in waiting if each.request_id not in answered]
        for each in waiting:
            if chain.oracle.status_of(chain.provider, each.request_id).status is Status.REQUESTED:
                return each
        stop.wait(_POLL_SECONDS)
    return None


def _is_mine(request: Request, sender: Sender, model: Model) -> bool:
    return request.model_id == model.id and (request.policy.is_open or request.policy.operator == sender.address)


def tell_lie(chain: Chain, sender: Sender, way: Way, scene: Scene, asked: Request) -> Liar:
    """Answer a request with a lie; raises `AssayError` where the answer would be right after all."""
    if chain.dispute is None:
        raise ConfigError("This oracle has no dispute contract: a lie would stand.", hint="Use a devnet.")
    lie = way.lie(scene)
    if answer_is_right(scene.model, lie.answer, scene.answer):
        raise AssayError("The answer would be right: within the model's tolerance.", hint="Lie in another way.")
    missing = asked.policy.operator_bond * GWEI - chain.oracle.stake_of(chain.provider, sender.address).free
    if missing > 0:
        sender.execute(chain.oracle.deposit(sender.address, missing), purpose="deposit")
    silent: Container[Position] = () if way.reveals else _Everything()
    liar = Liar(sender, chain.oracle, chain.dispute, asked, lie, posts=way.posts, silent=silent)
    liar.answer()
    return liar


def defend(liar: Liar, stop: Flag) -> Event | None:
    """Make the moves that the way of lying allows, until the game ends; yields how, None if told to stop."""
    while not stop.is_set():
        for ending in _ENDINGS:
            for event in liar.events(ending):
                return event
        try:
            liar.step()
        except RejectedError as error:
            _log.info("move_not_possible", reason=str(error))
        stop.wait(_POLL_SECONDS)
    return None


def run(settings: Settings, way: Way, name: str, stop: Flag) -> None:
    """Lie once about the devnet's model `name`."""
    known = settings.devnet.models if settings.devnet else {}
    if name not in known:
        raise ConfigError(f"There is no devnet model {name!r}.", hint=f"Choose from {', '.join(known)}.")
    program = compile_model(load_model_file(known[name].path))
    model = sample_model(name, program)
    with open_chain(settings) as chain, open_sender(chain) as sender:
        _log.info("waiting", model=name, way=way.words)
        asked = wait_for_request(chain, sender, model, stop)
        if asked is None:
            return
        began = time.perf_counter()
        scene = scene_of(model, program, asked.input)
        seconds = time.perf_counter() - began
        liar = tell_lie(chain, sender, way, scene, asked.request)
        about = {"request": f"0x{asked.request_id.hex()}", "game": f"0x{liar.game.hex()}"}
        _log.info("lied", **about, lie=liar.lie.name)
        ending = defend(liar, stop)
        _log.info("ended", **about, how=type(ending).__name__, seconds=round(seconds + liar.seconds, 3))
    stop.wait()


def main() -> None:
    """Parse the command line and lie."""
    ways = "\n".join(f"  {name:<10} {way.words}" for name, way in WAYS.items())
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\nways:\n{ways}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("way", choices=WAYS, metavar="WAY")
    parser.add_argument("--config", type=Path, required=True, help="the devnet's configuration file")
    parser.add_argument("--as", dest="role", required=True, help="the devnet account that lies")
    parser.add_argument("--model", default="digits", help="the devnet's model that is lied about [default: digits]")
    given = parser.parse_args()
    try:
        settings = Session(config=given.config, role=given.role).settings()
        log.configure(settings.log.level, settings.log.format, settings.log.file, secrets=settings.secrets())
        with stop_on_signals() as stop:
            run(settings, WAYS[given.way], given.model, stop)
    except ValueError as error:
        sys.exit(f"Error: {error}")
    except AssayError as error:
        sys.exit(f"Error: {error.message}\n{error.hint or ''}")


if __name__ == "__main__":
    main()
