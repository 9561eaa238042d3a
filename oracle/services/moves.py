"""Moves of disputes: each sent once, and only if the chain would take it now.

What to do next is derived from the chain again and again, so the same move is asked for until its effect is indexed.
"""

import structlog
from eth_typing import ChecksumAddress

from oracle.chain.calls import Call
from oracle.chain.sender import Sender
from oracle.errors import AssayError, RejectedError
from oracle.store.database import Store
from oracle.store.transactions import OutboxTransaction

_log = structlog.get_logger(__name__)


class Moves:
    """Sends one account's moves. With `dry_run` it sends nothing, and the log says what it would send."""

    def __init__(self, sender: Sender, store: Store, *, dry_run: bool = False) -> None:
        self._sender = sender
        self._store = store
        self._dry_run = dry_run

    @property
    def address(self) -> ChecksumAddress:
        """The account that moves."""
        return self._sender.address

    def underway(self, to: ChecksumAddress, data: bytes | None = None) -> list[OutboxTransaction]:
        """Our calls of `to`, with this calldata if given, whose effect is not indexed yet: not mined, or not seen."""
        cursor = self._store.ledger.cursor()
        indexed = 0 if cursor is None else cursor.number
        return self._store.transactions.underway(self.address, to, data, above_block=indexed)

    def hurry(self, move: OutboxTransaction, seconds_left: float) -> None:
        """Raise the fees of a move under way the sooner the less time is left, in seconds."""
        self._sender.hurry(move.id, seconds_left=seconds_left)

    def send(self, call: Call, *, purpose: str, gas_limit: int, what: str, seconds_left: float | None = None) -> bool:
        """Send a call unless the same is under way or would revert now; whether it was sent.

        `what` is what it does, for the log; `seconds_left` is when it must be mined, if it must: the less is left, the
        sooner its fees are raised. Raises as `Sender.send` does.
        """
        if call.to is None:
            raise AssayError("A move is a call of a contract, and this one creates one.")
        before = self.underway(call.to, call.data)
        if before:
            if seconds_left is not None:
                self.hurry(before[0], seconds_left)
            return False
        try:
            self._sender.provider.call(call.to, call.data, sender=self.address, value=call.value, gas=gas_limit)
        except RejectedError as error:
            _log.info("move_not_possible", purpose=purpose, move=what, reason=str(error))
            return False
        if self._dry_run:
            _log.info("would_move", purpose=purpose, move=what, wei=call.value)
            return False
        self._sender.send(call, purpose=purpose, gas_limit=gas_limit)
        _log.info("moved", purpose=purpose, move=what)
        return True
