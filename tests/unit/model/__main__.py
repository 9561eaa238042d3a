"""`python -m tests.unit.model`: the same checks with more accounts and longer times, for `make bench`; minutes."""

from tests.unit.model.explore import explore
from tests.unit.model.play import Cast, Play
from tests.unit.model.rules import Rules

TERMS = [
    Rules(window=2, trace_time=3, proof_period=2, move_time=2, max_demands=2, per_move=1),
    Rules(window=3, trace_time=2, proof_period=3, move_time=3, max_demands=2, per_move=2),
    Rules(window=1, trace_time=2, proof_period=3, move_time=3, max_demands=3, per_move=2),
]


def main() -> None:
    """Explore and print the number of states of each; ends with the story where a property does not hold."""
    for rules in TERMS:
        for cast in (
            Cast(depth=1, accounts=3, honest_operator=True),
            Cast(depth=rules.max_demands, accounts=2, challenger=True),
            Cast(depth=rules.max_demands, accounts=2, challenger=True, joins=True),
            Cast(depth=1, accounts=3 if rules.max_demands == 2 else 2),
        ):
            seen = explore(Play(rules, cast))
            print(f"{seen.states:>11,} states  {rules}  {cast}", flush=True)


if __name__ == "__main__":
    main()
