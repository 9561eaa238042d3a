"""Who may do what in a game over one answer, in every order within each second; and what must hold wherever it leads.

The answer is given at second 0. Demands are of two kinds. The *path* is the sequence of positions, each below the one
before, that leads to a wrong element: an honest challenger walks it, others may walk it before it. All other
positions are alike: accounts demand them to win time, or join each other there. An open demand is known by its due.
Accounts that are not honest have one chain each: a second chain of one account can do no more than another account.

An honest actor moves when the scheduler likes, and the scheduler likes to wait; but time does not pass beyond the
last second that the actor allows itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.unit.model.rules import NOT_YET, Game, Rules

REVEALED = 0
ME, OTHER = "challenger", "other"


class Violation(Exception):
    """A property does not hold in a state that can be reached."""


class Chain(NamedTuple):
    """A chain: `demands` made; `waits` for the demand with that due, or its clock runs since `revealed`."""

    demands: int = 0
    waits: int = NOT_YET
    revealed: int = NOT_YET


class Sent(NamedTuple):
    """The honest challenger's demand on its way: of the path's position `aim`, sent at second `at`."""

    aim: int
    at: int


class State(NamedTuple):
    """A second of the game. `path` and `others` hold dues of what is demanded; `free` accounts have no chain yet.

    `shown`: something has been revealed. `mine`, `sent`: the honest challenger's chain, and its demand on its way.
    """

    now: int = 0
    game: Game = Game()
    path: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    chains: tuple[Chain, ...] = ()
    free: int = 0
    shown: bool = False
    mine: Chain | None = None
    sent: Sent | None = None

    @property
    def open(self) -> tuple[int, ...]:
        """Dues of all demands that wait to be revealed."""
        return (*(due for due in self.path if due > REVEALED), *self.others)

    @property
    def next_of_path(self) -> int | None:
        """The first position of the path that is not revealed; None where all is known."""
        return next((at for at, due in enumerate(self.path) if due != REVEALED), None)


@dataclass(frozen=True)
class Cast:
    """Who plays. `depth` is the length of the path, `accounts` how many bonds those have who are not honest.

    `honest_operator`: the answer is right, the trace is posted and everything revealed in time. `challenger`: somebody
    honest knows that the answer is wrong, and opens the game before W if nobody has, or (`joins`) only finds it open.
    Each of its demands arrives within m from when it could be sent, the first one before E.
    """

    depth: int
    accounts: int
    honest_operator: bool = False
    challenger: bool = False
    joins: bool = False


@dataclass(frozen=True)
class Play:
    """The moves of a cast under rules."""

    rules: Rules
    cast: Cast

    @property
    def start(self) -> State:
        return State(path=(NOT_YET,) * self.cast.depth, free=self.cast.accounts)

    def outcomes(self, state: State) -> list[str]:
        """The ways the game may end now.

        Raises `Violation` where they contradict each other or another move, or somebody honest loses.
        """
        outcomes = self._outcomes(state)
        if self.cast.honest_operator and {"silence", "proof"} & set(outcomes):
            raise Violation("an honest operator is refuted")
        if self.cast.challenger and ("upheld" in outcomes or ("final" in outcomes and not self.cast.joins)):
            raise Violation("a wrong answer becomes final before an honest challenger")
        return outcomes

    def _outcomes(self, state: State) -> list[str]:
        now, game, rules = state.now, state.game, self.rules
        if game.challenged == NOT_YET:
            _exactly_one("challenge or settle", rules.may_challenge(now), rules.may_settle(now))
            return ["final"] if rules.may_settle(now) else []
        if game.posted == NOT_YET:
            _exactly_one("trace or its forfeit", rules.may_post(game, now), rules.may_forfeit_trace(game, now))
            _exactly_one("program or forfeit", rules.may_prove_program(game, now), rules.may_forfeit_trace(game, now))
            return ["silence"] if rules.may_forfeit_trace(game, now) else []
        for due in state.open:
            _exactly_one("reveal or its forfeit", rules.may_reveal(due, now), rules.may_forfeit_demand(due, now))
        overdue = any(rules.may_forfeit_demand(due, now) for due in state.open)
        proof = rules.may_prove(game, now)
        upheld = rules.may_resolve(game, now, len(state.open))
        if upheld and (overdue or proof or rules.may_prove_program(game, now)):
            raise Violation("upheld and refuted are both possible")
        if upheld and state.open:
            raise Violation("upheld while a demand is open")
        if not (upheld or overdue or proof):
            raise Violation("the game cannot end any more")
        proven = proof and not self.cast.honest_operator and state.next_of_path is None
        return ["upheld"] * upheld + ["silence"] * overdue + ["proof"] * proven

    def moves(self, state: State) -> Iterator[tuple[str, State]]:
        """Every move of this second, with where it leads; the last is that the second passes."""
        if state.game.challenged == NOT_YET:
            yield from self._openings(state)
        elif state.game.posted == NOT_YET:
            if self.rules.may_post(state.game, state.now):
                yield "post", self._posted(state)
        else:
            yield from self._demands(state)
            yield from self._reveals(state)
            yield from self._mine(state)
        if self._may_pass(state):
            chains = tuple(chain for chain in state.chains if self._lives(chain, state.game, state.now + 1))
            yield "tick", state._replace(now=state.now + 1, chains=chains)

    # ------------------------------------------------------------------ what everybody may do

    def _openings(self, state: State) -> Iterator[tuple[str, State]]:
        if not self.rules.may_challenge(state.now):
            return
        game = state.game._replace(challenged=state.now)
        if self.cast.challenger and not self.cast.joins:
            yield "challenge", state._replace(game=game, mine=Chain())
        if state.free:
            yield "challenge by another", state._replace(game=game, chains=(Chain(),), free=state.free - 1)

    def _posted(self, state: State) -> State:
        game = state.game._replace(posted=state.now)
        if self.rules.openings_end(game) < state.now + self.rules.proof_period:
            raise Violation("a challenger has less than P for its first demand")
        return state._replace(game=game)

    def _demands(self, state: State) -> Iterator[tuple[str, State]]:
        if state.free and self.rules.may_open(state.game, state.now):
            opened = state._replace(free=state.free - 1)
            for what, after, chain in self._positions(opened, Chain()):
                yield f"open a chain for {what}", _with_chain(after, chain)
        for chain in dict.fromkeys(state.chains):
            if not self._may_demand(chain, state):
                continue
            rest = list(state.chains)
            rest.remove(chain)
            for what, after, longer in self._positions(state._replace(chains=tuple(rest)), chain):
                yield f"demand {what}", _with_chain(after, longer)

    def _may_demand(self, chain: Chain, state: State) -> bool:
        if chain.demands == 0:
            return self.rules.may_open(state.game, state.now)
        return chain.waits == NOT_YET and self.rules.may_continue(chain.demands, chain.revealed, state.now)

    def _lives(self, chain: Chain, game: Game, now: int) -> bool:
        """Whether the chain may still have a turn."""
        if chain.demands == 0:
            return game.posted == NOT_YET or self.rules.may_open(game, now)
        return chain.waits != NOT_YET or self.rules.may_continue(chain.demands, chain.revealed, now)

    def _positions(self, state: State, chain: Chain) -> Iterator[tuple[str, State, Chain]]:
        """What a chain can demand: the state with it demanded, and the chain then."""
        count = chain.demands + 1
        fresh, due = self._fresh(state)
        yield "what nobody did", fresh._replace(others=(*state.others, due)), Chain(count, due)
        for joined in dict.fromkeys(state.others):
            yield f"what is due at {joined}", state, Chain(count, joined)
        if (aim := state.next_of_path) is not None:
            after, due = self._path(state, aim)
            yield f"the path's {aim}", after, Chain(count, due)
        if state.shown and self.rules.may_demand_revealed():
            yield "what is revealed", *self._again(state, chain)

    def _again(self, state: State, chain: Chain) -> tuple[State, Chain]:
        """Something revealed already is demanded: it counts as revealed now."""
        game = self.rules.revealed(state.game, state.now)
        self._check_game(state.game, game)
        return state._replace(game=game), Chain(chain.demands + 1, NOT_YET, self.rules.again(chain.revealed, state.now))

    def _path(self, state: State, aim: int) -> tuple[State, int]:
        if (due := state.path[aim]) != NOT_YET:
            return state, due
        fresh, due = self._fresh(state)
        return fresh._replace(path=(*state.path[:aim], due, *state.path[aim + 1 :])), due

    def _fresh(self, state: State) -> tuple[State, int]:
        due = self.rules.due(state.game, state.now)
        if due < state.now + self.rules.move_time:
            raise Violation("the operator has less than m for a reveal")
        game = self.rules.demanded(state.game, due)
        self._check_game(state.game, game)
        bonds = self.cast.accounts - state.free + (state.mine is not None)
        if game.fresh > bonds * self.rules.max_demands:
            raise Violation("more than K demands for a bond")
        return state._replace(game=game), due

    def _check_game(self, before: Game, after: Game) -> None:
        if len(after.recent) > self.rules.per_move + 1:
            raise Violation("more than Q + 1 demands fall due within m")
        if self.rules.end(after) < self.rules.end(before):
            raise Violation("the end came closer")
        if self.rules.end(after) >= self.rules.bound(after.fresh):
            raise Violation("the end is not bounded as promised")

    def _reveals(self, state: State) -> Iterator[tuple[str, State]]:
        for due in dict.fromkeys(state.open):
            if self.rules.may_reveal(due, state.now):
                yield f"reveal what is due at {due}", self._revealed(state, due)

    def _revealed(self, state: State, due: int) -> State:
        game = self.rules.revealed(state.game, state.now)
        self._check_game(state.game, game)
        chains = (_told(chain, due, state.now) for chain in state.chains)
        after = state._replace(
            game=game,
            shown=True,
            path=tuple(REVEALED if at == due else at for at in state.path),
            others=tuple(at for at in state.others if at != due),
            chains=tuple(sorted(chain for chain in chains if self._lives(chain, game, state.now))),
        )
        if due in state.path and after.next_of_path is None:
            self._check_proof(after)
        if state.mine is not None and state.mine.waits == due:
            return self._send(after._replace(mine=_told(state.mine, due, state.now)))
        return after

    def _check_proof(self, state: State) -> None:
        """Whoever is there has m for the proof, and so has who comes in the last second before E."""
        last = max(state.now, self.rules.openings_end(state.game) - 1)
        if self.rules.end(state.game) < last + self.rules.move_time:
            raise Violation("a challenger has less than m for its proof")

    # ------------------------------------------------------------------ the honest challenger

    def _send(self, state: State) -> State:
        """It sees what to demand next and sends it at once; with the whole path known there is only the proof left."""
        aim = state.next_of_path
        return state._replace(sent=None if aim is None else Sent(aim, state.now))

    def _mine(self, state: State) -> Iterator[tuple[str, State]]:
        if not self.cast.challenger:
            return
        if state.sent is not None:
            yield f"the challenger's demand of the path's {state.sent.aim} arrives", self._arrives(state, state.sent)
        elif self._has_yet_to_start(state):
            yield "the challenger sends its first demand", self._send(state)

    def _has_yet_to_start(self, state: State) -> bool:
        return state.mine in {None, Chain()} and state.next_of_path is not None

    def _arrives(self, state: State, sent: Sent) -> State:
        mine = state.mine or Chain()
        overtaken = state.path[sent.aim] == REVEALED
        if overtaken and not self.rules.may_demand_revealed():
            return self._send(state)
        if not self._may_demand(mine, state):
            raise Violation("the challenger's demand comes too late, or is one too many")
        state = state._replace(mine=mine)
        if overtaken:
            after, mine = self._again(state, mine)
            return self._send(after._replace(mine=mine))
        after, due = self._path(state, sent.aim)
        return after._replace(mine=Chain(mine.demands + 1, due), sent=None)

    # ------------------------------------------------------------------ how long the honest wait

    def _may_pass(self, state: State) -> bool:
        """Whether nobody honest has to act in this second."""
        then, game = state.now + 1, state.game
        if self.cast.honest_operator and not self._operator_can_wait(state, then):
            return False
        if not self.cast.challenger:
            return True
        if game.challenged == NOT_YET:
            return self.cast.joins or self.rules.may_challenge(then)
        if game.posted == NOT_YET:
            return True
        in_time = state.sent is None or then < state.sent.at + self.rules.move_time
        if self._has_yet_to_start(state):
            return in_time and then < max(self.rules.window, self.rules.openings_end(game))
        return in_time

    def _operator_can_wait(self, state: State, then: int) -> bool:
        game = state.game
        if game.challenged == NOT_YET:
            return True
        if game.posted == NOT_YET:
            return then < game.challenged + self.rules.trace_time
        return all(then < due for due in state.open)


def _with_chain(state: State, chain: Chain) -> State:
    return state._replace(chains=tuple(sorted((*state.chains, chain))))


def _told(chain: Chain, due: int, now: int) -> Chain:
    """The chain after what is due at `due` was revealed."""
    return chain._replace(waits=NOT_YET, revealed=now) if chain.waits == due else chain


def _exactly_one(what: str, first: bool, second: bool) -> None:
    if first == second:
        raise Violation(f"{what}: {'both are' if first else 'neither is'} possible")
