"""A dispute contract in memory, beside an operator that answers and posts as it is told: what a watcher plays against.

It makes events of our account's transactions, judged by `tests.adversary.table`, and of what the operator does.
"""

from collections.abc import Callable, Iterator
from typing import Any

from eth_abi.abi import decode

from oracle.canonical import pursuit
from oracle.canonical.claims import OutputElement, SourceClaim
from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.layers import Position
from oracle.canonical.model import Model
from oracle.canonical.prove import StepProof
from oracle.chain.events import (
    ChainOpened,
    Challenged,
    Claimed,
    Demanded,
    DemandForfeited,
    Event,
    Proven,
    Revealed,
    TraceForfeited,
    TracePosted,
)
from oracle.chain.games import Game
from oracle.chain.protocol import Fault, GameId, Policy, Request, Subject, Verdict
from oracle.inference.canonical_model import CanonicalModel
from oracle.inference.sessions import SessionCache
from oracle.services.engines import Engines
from oracle.services.watching.library import Library, OwnModels
from oracle.services.watching.watcher import Watcher
from oracle.settings import ChallengerSettings
from tests.adversary.liars import Lie
from tests.adversary.scenes import Scene
from tests.adversary.table import Table
from tests.unit.chain.mempool import ME
from tests.unit.chain.model_chain import CHAIN_ID, OPERATOR, ORACLE, content, id_of, requested
from tests.unit.services.world import MOVES, NAMES, World, answered_by, ask

TIMES = {"window": 600, "trace_time": 120, "proof_period": 240, "move_time": 120}
ENGINES = Engines(SessionCache(threads=1))
_FAULTS = {
    "proveStep": Fault.STEP,
    "proveConstant": Fault.CONSTANT,
    "proveInput": Fault.INPUT,
    "proveAnswer": Fault.ANSWER,
}
_NODES_WITH_ROOTS = 256


def canonical(scene: Scene) -> CanonicalModel:
    """A scene's program, ready to run."""
    return CanonicalModel(scene.model, compile_plan(scene.program), {})


class Court:
    """One request of a scene's model, `lie` answered to it, and the game over it. `silent`: what is not revealed.

    Raises `Refused`, before anything is mined, for a trace that the contract would not take.
    """

    def __init__(
        self,
        world: World,
        scene: Scene,
        lie: Lie,
        *,
        salt: int = 1,
        packed: bytes | None = None,
        posts: bool = True,
        silent: Callable[[Position], bool] = lambda _position: False,
        **terms: int,
    ) -> None:
        self.world, self.scene, self.lie, self.posts, self.silent = world, scene, lie, posts, silent
        self.packed = scene.packed if packed is None else packed
        self.table = Table.of(pursuit.Case(scene.model, self.packed, lie.answer), scene.program, lie.trace)
        self.request: Request = ask(salt, scene.model, self.packed, operator=OPERATOR, **(TIMES | terms))
        self.model: Model = scene.model
        self._heard = 0
        world.mine(requested(self.request, self.packed))
        world.mine(answered_by(OPERATOR, self.request, lie.answer))
        world.follower.follow()
        stored = world.store.requests.get(id_of(self.request))
        self.subject = Subject(self.request, stored.ref, 1)
        self.id: GameId = self.subject.game_id(CHAIN_ID, ORACLE)

    @property
    def policy(self) -> Policy:
        """The terms."""
        return self.request.policy

    @property
    def game(self) -> Game | None:
        """How it stands."""
        return self.world.store.games.get(self.id)

    def opened_by(self, account: str) -> None:
        """Somebody challenges."""
        self.tell(Challenged(self.id, id_of(self.request), account, OPERATOR, 1))

    def tell(self, *events: Event) -> None:
        """A block of the dispute contract's events, and the oracle's where they end the game; they are indexed."""
        chain = self.world.chain
        for event in events:
            if isinstance(event, Challenged):
                chain.mine(
                    content("InferenceOracle", "Disputed", requestId=id_of(self.request), operator=OPERATOR, attempt=1)
                )
            if isinstance(event, TraceForfeited | DemandForfeited | Proven):
                chain.mine(_refuted(self.request))
        self.world.tell(*events)

    def play(self) -> None:
        """A block with what our account has sent, then one with what the operator does about it."""
        ours = list(self._ours())
        self.tell(*ours) if ours else self.world.mine()
        game = self.game
        if game is None or game.verdict is not Verdict.OPEN:
            return
        trace = self.lie.trace
        if game.posted_at is None and self.posts:
            roots = trace.roots if len(trace.roots) <= _NODES_WITH_ROOTS else ()
            self.tell(TracePosted(self.id, trace.root, roots))
        for position in list(game.open_demands):
            revelation = None if self.silent(position) else trace.reveal(position)
            if revelation is not None:
                self.table.reveal(revelation)
                self.tell(Revealed(self.id, position, revelation.data))

    def _ours(self) -> Iterator[Event]:
        """What the contract makes of the transactions not heard yet."""
        seen = self.world.node.seen
        heard, self._heard = seen[self._heard :], len(seen)
        for sent in heard:
            name = NAMES[sent.data[:4]]
            yield from self._move(name, decode(MOVES[name].inputs, sent.data[4:]), sent.value)

    def _move(self, name: str, given: tuple[Any, ...], value: int) -> Iterator[Event]:
        now = self.world.chain.blocks[-1].timestamp + 12
        bond = self.policy.challenger_bond * 10**9
        if name == "challenge":
            assert value == bond
            yield Challenged(self.id, id_of(self.request), ME, OPERATOR, 1)
        elif name in {"demand", "openChain"}:
            yield from self._demanded(name, given, value, now)
        elif name == "forfeitTrace":
            assert self.game.is_trace_forfeited(now)
            yield TraceForfeited(self.id)
        elif name == "forfeitDemand":
            position = Position(*given[1])
            demand = self.game.demands[position]
            assert demand.revealed_at is None
            assert now >= demand.due
            yield DemandForfeited(self.id, demand.owner, position)
        elif name == "claim":
            yield Claimed(self.id, ME, bond)
        elif name == "proveNode":
            assert self.game.is_program_provable(now)
            yield Proven(self.id, ME, ME, Fault.NODE, 0, 0)
        else:
            assert now < self.game.end
            assert self.table.convicts(_claim(name, given))
            yield Proven(self.id, ME, ME, _FAULTS[name], 0, 0)

    def _demanded(self, name: str, given: tuple[Any, ...], value: int, now: int) -> Iterator[Event]:
        _, where, node, path = given
        position, game = Position(*where), self.game
        turn = game.may_demand(ME, now, 7)
        assert turn == ("bond" if name == "openChain" else "first" if game.chains[ME].demands == 0 else "next")
        self.table.demand(pursuit.DemandMove(position, node, tuple(path)))
        if name == "openChain":
            assert value == self.policy.challenger_bond * 10**9
            yield ChainOpened(self.id, ME)
        known = game.demands.get(position)
        due = known.due if known else max(now + self.policy.move_time, game.last_due + self.policy.move_time // 8)
        yield Demanded(self.id, ME, position, due)


def make_watcher(world: World, *scenes: Scene, library: Library | None = None, **chosen: Any) -> Watcher:
    """A watcher of these scenes' models, as after a start."""
    own = library or OwnModels(world.store.catalogue, [canonical(scene) for scene in scenes], {})
    return Watcher(world.follower, world.moves, own, ENGINES, ChallengerSettings(**chosen), clock=world.clock)


def _refuted(request: Request) -> Any:
    return content(
        "InferenceOracle",
        "Refuted",
        requestId=id_of(request),
        operator=OPERATOR,
        finder=ME,
        opener=ME,
        nextAttempt=0,
    )


def _claim(name: str, given: tuple[Any, ...]) -> pursuit.Move:
    """The claim that calldata make."""
    if name == "proveStep":
        index, node, path, element, openings, paths, result, result_path = given[1]
        operand_paths = tuple(map(tuple, paths))
        proof = StepProof(index, node, tuple(path), element, openings, operand_paths, result, tuple(result_path))
        return pursuit.StepClaim(proof)
    if name == "proveAnswer":
        output, element, run, path = given[3]
        return pursuit.AnswerClaim(OutputElement(output, element, run, tuple(path)))
    index, node, path, root, trace_path = given[1] if name == "proveConstant" else given[2]
    claim = SourceClaim(index, node, tuple(path), root, tuple(trace_path))
    return pursuit.ConstantClaim(claim) if name == "proveConstant" else pursuit.InputClaim(claim, given[3])
