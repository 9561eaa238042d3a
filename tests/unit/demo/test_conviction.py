"""What the demo says a conviction cost: each transaction once, by what it did."""

from oracle.canonical.layers import Position
from oracle.chain.events import ChainOpened, Challenged, Claimed, Demanded, Event, Proven
from oracle.chain.history import Happening
from oracle.chain.protocol import Fault, GameId
from oracle.chain.provider import Log, Receipt
from oracle.demo.conviction import costs

GAME, OTHER = GameId(b"\x01" * 32), GameId(b"\x02" * 32)


class Chain:
    """The gas of transaction n is n thousand."""

    def receipt(self, tx_hash: bytes) -> Receipt:
        return Receipt(tx_hash, 1, bytes(32), 1, 1_000 * tx_hash[0], 1, "a", "b")  # type: ignore[arg-type]


def happened(transaction: int, event: Event) -> Happening:
    """An event in a transaction of that number."""
    log = Log("a", (), b"", 1, bytes(32), bytes([transaction]) * 32, 0, 0, removed=False)  # type: ignore[arg-type]
    return Happening(event, log)


def test_each_transaction_of_the_game_counts_once_and_claims_come_after_the_verdict() -> None:
    """One transaction may leave several events, and the chain holds other games too."""
    place = Position(0, 0, 0)
    found = costs(
        Chain(),  # type: ignore[arg-type]
        [
            happened(1, Challenged(GAME, b"r", "o", "p", 1)),  # type: ignore[arg-type]
            happened(2, Challenged(OTHER, b"s", "o", "p", 1)),  # type: ignore[arg-type]
            happened(3, ChainOpened(GAME, "c")),  # type: ignore[arg-type]
            happened(3, Demanded(GAME, "c", place, 9)),  # type: ignore[arg-type]
            happened(4, Demanded(GAME, "c", place, 9)),  # type: ignore[arg-type]
            happened(5, Proven(GAME, "c", "c", Fault.STEP, 0, 0)),  # type: ignore[arg-type]
            happened(6, Claimed(GAME, "c", 1)),  # type: ignore[arg-type]
        ],
        GAME,
    )
    assert found.transactions == 4
    assert found.by_move == {"challenge": 1_000, "demand": 7_000, "prove": 5_000, "claim": 6_000}
    assert found.of("prove") == 5_000
