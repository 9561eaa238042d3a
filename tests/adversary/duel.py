"""One whole dispute on a real chain: the challenger's own service against somebody who has answered.

    with Arena.start() as arena:
        outcome = Duel(arena, scene, shifted(scene, node=5, element=3)).play()
        outcome.verdict, outcome.ending              # REFUTED, the event that ended the game
        outcome.made                                 # every transaction: who, which move, gas, hash
        outcome.transactions, outcome.gas("operator"), outcome.gas_by_move
        outcome.seconds                              # computing alone, by side; waits and RPC aside

The challenger's moves are those of `oracle.services.watching.pursuer`, sent with its gas limits. The operator posts
what the lie posts and reveals what it can; `Manner` says where it falls silent or comes too late. For an honest
operator give `truth(scene)`: then the challenger finds nothing wrong, and the answer is upheld.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal

from eth_abi.abi import encode
from eth_typing import ChecksumAddress

from oracle.canonical.fast.execute import compile_plan
from oracle.canonical.layers import Position
from oracle.chain.abi import artifact
from oracle.chain.calls import Call
from oracle.chain.events import Ending
from oracle.chain.games import Game, fold
from oracle.chain.gas import TRANSACTION_CAP, move_limit, reveal_limit, trace_limit
from oracle.chain.protocol import GWEI, REQUEST_ABI, Policy, Status, Verdict
from oracle.errors import ProofError
from oracle.inference.canonical_model import CanonicalModel
from oracle.services.watching.library import Malformed, Watched
from oracle.services.watching.pursuer import Planned, Pursuer
from oracle.store.requests import StoredRequest
from tests.adversary.arena import POLICY, Arena, Refused, Sent
from tests.adversary.liars import Lie
from tests.adversary.scenes import Scene

Side = Literal["operator", "challenger"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How an operator plays: whether it posts a trace, how many demands it meets (None: all it can).

    With `late` it makes the move it withheld after all, in the first second in which that is too late.
    """

    posts: bool = True
    reveals: int | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A transaction that succeeded. `move` is the contract's function."""

    side: Side
    move: str
    gas: int
    tx_hash: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A game that is over. `refused` are the errors of moves that the contract did not take."""

    game: Game
    made: Sequence[Made]
    refused: Sequence[str | None]
    seconds: Mapping[Side, float]

    @property
    def verdict(self) -> Verdict:
        """How it ended."""
        return self.game.verdict

    @property
    def ending(self) -> Ending | None:
        """The event that ended it."""
        return self.game.ending

    @property
    def demands(self) -> tuple[Position, ...]:
        """What was demanded, in order."""
        return tuple(self.game.demands)

    @property
    def transactions(self) -> int:
        """How many were sent, from the challenge to the verdict."""
        return len(self.made)

    def gas(self, side: Side) -> int:
        """What a side paid for."""
        return sum(each.gas for each in self.made if each.side == side)

    @property
    def gas_by_move(self) -> dict[str, list[int]]:
        """Gas of each transaction, by the contract's function."""
        found: dict[str, list[int]] = defaultdict(list)
        for each in self.made:
            found[each.move].append(each.gas)
        return dict(found)


class Account:
    """An account whose transactions are all mined and seen: what `Pursuer` asks of `Moves`."""

    def __init__(self, address: ChecksumAddress) -> None:
        self.address = address

    def underway(self, _to: ChecksumAddress, _data: bytes | None = None) -> Sequence[Any]:
        """None are."""
        return ()


@dataclass
class Duel:
    """A request with its answer, a challenger, and the operator's manner. `malformed` is for faults of the program."""

    arena: Arena
    scene: Scene
    lie: Lie
    manner: Manner = Manner()
    policy: Policy = POLICY
    malformed: Malformed | None = None
    made: list[Made] = field(default_factory=list)
    refused: list[str | None] = field(default_factory=list)
    seconds: dict[Side, float] = field(default_factory=lambda: {"operator": 0.0, "challenger": 0.0})
    _tried: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        arena = self.arena
        self.challenger = arena.challengers[0]
        self.subject = arena.answered(self.scene, self.lie.answer, self.policy)
        self.id = arena.id_of(self.subject)
        self.window_end = arena.now - 1 + self.policy.window
        self.game: Game | None = None
        self.found = self.malformed or watched(self.scene)
        self._pursuer = self.pursuer_of(self.challenger)

    def pursuer_of(self, account: ChecksumAddress) -> Pursuer:
        """The challenger's service for an account."""
        dispute = self.arena.dispute
        most = dispute.constants(self.arena.provider).max_demands
        moves = Account(account)
        return Pursuer(dispute, moves, max_demands=most, threads=1)  # type: ignore[arg-type]

    def play(self) -> Outcome:
        """From the challenge to the verdict."""
        self.challenge()
        return self.play_on()

    def play_on(self) -> Outcome:
        """From wherever the game stands to the verdict."""
        while True:
            game = self.the_game
            if not game.is_open:
                return Outcome(game, tuple(self.made), tuple(self.refused), self.seconds)
            if not self.operate() and not self.pursue():
                self._wait(game)

    @property
    def the_game(self) -> Game:
        """As the events so far tell it."""
        assert self.game is not None, "the challenge comes first"
        return self.game

    def challenge(self) -> None:
        """Open the game."""
        bond = self.policy.challenger_bond * GWEI
        call = self.arena.dispute.challenge(self.subject.request, self.subject.ref, self.scene.model, bond)
        self.send("challenger", "challenge", call, move_limit(len(call.data)))

    def operate(self) -> bool:
        """Make the operator's next move; whether there was one."""
        game, manner = self.the_game, self.manner
        if game.posted_at is None:
            return manner.posts and self._post()
        met = sum(each.revealed_at is not None for each in game.demands.values())
        waiting = list(game.open_demands)
        if not waiting or (manner.reveals is not None and met >= manner.reveals):
            return False
        return self._reveal(waiting[0])

    def pursue(self) -> bool:
        """Make the challenger's next move; whether there was one."""
        planned = self.plan()
        if planned is None:
            return False
        self.send("challenger", move_of(planned.call), planned.call, planned.gas)
        return True

    def plan(self) -> Planned | None:
        """What the challenger's service would do now; None where it waits."""
        started = perf_counter()
        try:
            return self._pursuer.plan(self.the_game, self.stored(), self.found, self.arena.now)
        except ProofError:
            if self.lie.is_wrong:
                raise
            return None
        finally:
            self.seconds["challenger"] += perf_counter() - started

    def send(self, side: Side, move: str, call: Call, gas: int = TRANSACTION_CAP) -> Sent:
        """Make a move; raises `Refused` where the contract does not take it."""
        sender = self.arena.operator if side == "operator" else self.challenger
        sent = self.arena.send(sender, call, gas)
        self.made.append(Made(side, move, sent.gas, sent.tx_hash))
        self.see(sent)
        return sent

    def see(self, sent: Sent) -> None:
        """Take the events of somebody's transaction in."""
        for each in sent.events:
            if getattr(each.event, "game_id", None) == self.id:
                self.game = fold(self.game, each, self.subject, self.window_end)

    # ------------------------------------------------------------------ the operator's moves

    def _post(self) -> bool:
        trace = self.lie.trace
        call = self.arena.dispute.post_trace(self.subject, trace.root, trace.roots)
        return self._try("postTrace", call, trace_limit(len(call.data), len(trace.roots)))

    def _reveal(self, position: Position) -> bool:
        started = perf_counter()
        revelation = self.lie.trace.attempt(position)
        self.seconds["operator"] += perf_counter() - started
        call = self.arena.dispute.reveal(self.id, revelation)
        return self._try("reveal", call, reveal_limit(len(call.data), 1))

    def _try(self, move: str, call: Call, gas: int) -> bool:
        """Send what the contract may refuse; then it is not sent again."""
        if call.data in self._tried:
            return False
        self._tried.add(call.data)
        try:
            self.send("operator", move, call, gas)
        except Refused as refused:
            self.refused.append(refused.name)
            return False
        return True

    # ------------------------------------------------------------------ time

    def _wait(self, game: Game) -> None:
        """Until somebody's clock has run out; then, if told to, the operator moves too late."""
        if game.posted_at is None:
            deadline = game.trace_deadline
        else:
            waiting = game.open_demands.values()
            deadline = min(each.due for each in waiting) if waiting else game.end or 0
        assert deadline > self.arena.now, f"nobody moves, and nothing is left to wait for in game 0x{self.id.hex()}"
        self.arena.wait_until(deadline)
        if self.manner.late:
            made = self._post() if game.posted_at is None else self._reveal(next(iter(game.open_demands)))
            assert not made, "a move that was too late was taken"
        elif game.is_resolvable(deadline):
            call = self.arena.dispute.resolve(self.subject)
            self.send("operator", "resolve", call, move_limit(len(call.data)))

    def stored(self) -> StoredRequest:
        """The request as a database would have it."""
        request, policy, ref = self.subject.request, self.policy, self.subject.ref
        asked = self.window_end - policy.window
        return StoredRequest(
            id=request.id(self.arena.provider.chain_id, self.arena.oracle.address),
            model_id=request.model_id,
            requester=request.requester,
            named_operator=None,
            fee=policy.fee,
            operator_bond=policy.operator_bond,
            callback_gas=0,
            answer_time=policy.answer_time,
            window=policy.window,
            encoded=encode([REQUEST_ABI], [request.to_abi()]),
            input_kind=request.input_kind,
            input=self.scene.packed,
            input_uri=None,
            requested_at=asked,
            requested_block=0,
            status=Status.DISPUTED,
            attempt=self.subject.attempt,
            opened_at=asked,
            deadline=asked + policy.answer_time,
            answered_at=asked,
            window_end=self.window_end,
            operator=ref.operator,
            output=self.lie.answer,
        )


def watched(scene: Scene) -> Watched:
    """A scene's model, ready to be judged."""
    return Watched(scene.model, CanonicalModel(scene.model, compile_plan(scene.program), {}))


def move_of(call: Call) -> str:
    """The function of the dispute contract that a call is of."""
    return _MOVES[call.data[:4]]


_MOVES = {entry.selector: name for name, entry in artifact("Dispute").functions.items()}
