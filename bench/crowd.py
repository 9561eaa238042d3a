"""What an honest operator must be able to pay: 50 challengers demand at once, each what is dearest to reveal.

That is 128 leaves of 256 bytes, none of them zero. The operator reveals in the last second there is, and is upheld.
"""

from oracle.chain.deploy import DEMANDS_PER_MOVE
from oracle.chain.protocol import Verdict
from tests.adversary.arena import POLICY, Arena
from tests.adversary.siege import flood


def measure() -> dict[str, int]:
    """The figures of `build/bench.json`'s `crowd`; raises `AssertionError` where the operator is not upheld."""
    with Arena.start() as arena:
        siege = flood(arena)
        result = siege.play()
    if result.verdict is not Verdict.UPHELD:
        raise AssertionError(f"an honest operator ended {result.verdict.name}")
    return {
        "challengers": len(siege.attackers),
        "demands": result.demands,
        "move_time": POLICY.move_time,
        "due_within_move": DEMANDS_PER_MOVE + 1,
        "gas_of_a_move": result.gas_of_a_move,
        "gas_of_a_transaction": result.gas_of_a_transaction,
        "lasted": result.lasted,
        "bound": result.bound,
    }
