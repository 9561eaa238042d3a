"""How many hands the protocol is in: shares by address, and two numbers that say it. Pure, exact.

Addresses are not persons: one may have many, which makes every number here an upper bound on how spread things are.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from oracle.chain.events import Answered, ChainOpened, Challenged, Event, Refuted, Requested, Settled, Voided
from oracle.chain.protocol import GameId, Policy, RequestId


@dataclass(frozen=True, slots=True)
class Spread:
    """Amounts by holder, each above 0."""

    amounts: Mapping[str, int]

    @property
    def total(self) -> int:
        """All amounts together."""
        return sum(self.amounts.values())

    @property
    def shares(self) -> list[tuple[str, Fraction]]:
        """Holders with their shares, largest first; equal ones by name."""
        ranked = sorted(self.amounts.items(), key=lambda item: (-item[1], item[0]))
        return [(holder, Fraction(amount, self.total)) for holder, amount in ranked]

    @property
    def hhi(self) -> Fraction:
        """The Herfindahl-Hirschman index: the sum of squared shares, from 1/holders to 1; 0 where there are none."""
        return sum((share * share for _, share in self.shares), Fraction(0))

    @property
    def effective(self) -> Fraction:
        """1/HHI: how many holders of equal shares would be as concentrated; 0 where there are none."""
        return 1 / self.hhi if self.amounts else Fraction(0)

    @property
    def nakamoto(self) -> int:
        """The fewest holders who together have more than half; 0 where there are none."""
        held, count = Fraction(0), 0
        for _, share in self.shares:
            if held > Fraction(1, 2):
                break
            held, count = held + share, count + 1
        return count


def spread(amounts: Mapping[str, int]) -> Spread:
    """The spread of `amounts`, without those that are 0; raises `ValueError` for a negative one."""
    if any(amount < 0 for amount in amounts.values()):
        raise ValueError("an amount is negative")
    return Spread({holder: amount for holder, amount in amounts.items() if amount})


@dataclass(frozen=True, slots=True)
class Concentration:
    """What was measured. Bonds in gwei, by who put them up; `refuted` by operator, `refutations` by finder.

    Void answers count as refuted: their operators paid.
    """

    requests: Spread
    named: int
    answers: Spread
    final: Spread
    operator_bonds: Spread
    challenges: Spread
    challenger_bonds: Spread
    refutations: Spread
    refuted: Spread

    @property
    def named_share(self) -> Fraction:
        """The share of requests whose requester named its operator; 0 where there are none."""
        return Fraction(self.named, self.requests.total) if self.requests.total else Fraction(0)

    def spreads(self) -> dict[str, Spread]:
        """All spreads by name."""
        return {
            "requests": self.requests,
            "answers": self.answers,
            "final_answers": self.final,
            "operator_bonds_gwei": self.operator_bonds,
            "challenges": self.challenges,
            "challenger_bonds_gwei": self.challenger_bonds,
            "refutations": self.refutations,
            "refuted_answers": self.refuted,
        }


@dataclass(slots=True)
class _Tally:
    policies: dict[RequestId, Policy] = field(default_factory=dict)
    games: dict[GameId, RequestId] = field(default_factory=dict)
    named: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, name: str, holder: str, amount: int = 1) -> None:
        self.counts.setdefault(name, Counter())[holder] += amount

    def bond(self, request_id: RequestId, owner: str) -> None:
        if request_id in self.policies:
            self.add("challenger_bonds", owner, self.policies[request_id].challenger_bond)

    def take(self, event: Event) -> None:
        match event:
            case Requested(request_id=request_id, request=request):
                self.policies[request_id] = request.policy
                self.named += not request.policy.is_open
                self.add("requests", request.requester)
            case Answered(request_id=request_id, operator=operator):
                self.add("answers", operator)
                if request_id in self.policies:
                    self.add("operator_bonds", operator, self.policies[request_id].operator_bond)
            case Settled(operator=operator):
                self.add("final", operator)
            case Challenged(game_id=game_id, request_id=request_id, opener=opener):
                self.games[game_id] = request_id
                self.add("challenges", opener)
                self.bond(request_id, opener)
            case ChainOpened(game_id=game_id, owner=owner):
                if game_id in self.games:
                    self.bond(self.games[game_id], owner)
            case Refuted(operator=operator, finder=finder) | Voided(operator=operator, finder=finder):
                self.add("refutations", finder)
                self.add("refuted", operator)
            case _:
                pass


def measure(events: Iterable[Event]) -> Concentration:
    """What `events`, in the chain's order, say. Bonds of requests made before the first of them are left out."""
    tally = _Tally()
    for event in events:
        tally.take(event)
    names = (
        "requests", "answers", "final", "operator_bonds", "challenges", "challenger_bonds", "refutations", "refuted",
    )  # fmt: skip
    spreads = {name: spread(tally.counts.get(name, Counter())) for name in names}
    return Concentration(named=tally.named, **spreads)
