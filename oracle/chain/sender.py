"""The one place that sends transactions: nonce, fees, broadcast, replacement, giving up.

A transaction is signed once for a nonce and stored before it is broadcast; what is sent again are the same bytes
or a replacement with the same nonce. So a crash at any instruction sends nothing twice.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import RLock

import structlog
from eth_typing import ChecksumAddress

from oracle.chain.calls import Call
from oracle.chain.fees import Decision, FeeRules, Fees, Pending, Step, decide, opening
from oracle.chain.provider import (
    AlreadyKnown,
    FeeQuote,
    NonceTooLow,
    Provider,
    Receipt,
    Underpriced,
)
from oracle.chain.signer import Signer
from oracle.errors import AssayError, ChainError, FundsError, RejectedError, WaitTimeout
from oracle.store.database import Store
from oracle.store.transactions import OutboxTransaction

_log = structlog.get_logger(__name__)

TRANSFER_GAS = 21_000
_NONCE_TRIES = 3
_POLL_SECONDS = 0.05
_QUOTE_SECONDS = 2.0
_HURRY = 4
"""Into how many waits the time that is left for a hurried transaction is cut."""


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction that is in a block. `succeeded` False: it reverted, or another one took its nonce."""

    id: int
    hash: bytes
    nonce: int
    purpose: str
    succeeded: bool
    block_number: int
    gas_used: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A `perf_counter` and the seconds the thread had waited for endpoints by then."""

    at: float
    waited: float


Observer = Callable[[str, str], None]
"""Told a purpose and what became of it: sent, replaced, cancelled, mined, reverted or lost."""


class Sender:
    """Sends one account's transactions. Threads may share it; so may processes that share the store.

    `handed_over` is when a transaction was last handed to the HTTP client, for whoever measures.
    """

    def __init__(
        self,
        provider: Provider,
        signer: Signer,
        store: Store,
        rules: FeeRules,
        *,
        clock: Callable[[], float] = time.time,
        observer: Observer = lambda _purpose, _outcome: None,
    ) -> None:
        self.provider = provider
        self.signer = signer
        self._outbox = store.transactions
        self._rules = rules
        self._clock = clock
        self._observe = observer
        self._lock = RLock()
        self._chain_nonce: int | None = None
        self._quoted: tuple[float, FeeQuote] | None = None
        self._missing: dict[int, float] = {}
        self.handed_over = Moment(0.0, 0.0)

    @property
    def address(self) -> ChecksumAddress:
        """The account that sends."""
        return self.signer.address

    def send(self, call: Call, *, purpose: str, gas_limit: int | None = None, job_ids: Sequence[int] = ()) -> int:
        """Sign, store and broadcast; yields the outbox id. Does not wait.

        The jobs it carries out are noted in the same commit, so that no crash lets them be sent twice.
        `gas_limit` None estimates it, plus a fifth. Raises `RejectedError` where the contract would revert,
        `FundsError` where the account cannot pay. If no endpoint takes the transaction now, it stays in the outbox
        and `poll` broadcasts it.
        """
        gas = gas_limit if gas_limit is not None else self._estimate(call)
        with self._lock:
            fees = opening(*self._quote(), self._rules)
            for _ in range(_NONCE_TRIES):
                stored = self._prepare(call, purpose, gas, fees, job_ids)
                try:
                    self._broadcast(stored)
                except NonceTooLow:
                    self._outbox.mark_failed(stored.id, "abandoned", "its nonce was taken")
                    self._chain_nonce = None
                    continue
                except FundsError:
                    self._outbox.mark_failed(stored.id, "abandoned", "the account could not pay")
                    raise
                self._observe(purpose, "sent")
                return stored.id
        raise ChainError(
            f"{self.address} found no free nonce in {_NONCE_TRIES} tries.",
            hint="Is another program sending from this account? Give each its own.",
        )

    def poll(self) -> list[Mined]:
        """Look after everything that is not mined yet; yields what was mined since, or lost its nonce."""
        with self._lock:
            pending = self._outbox.pending(self.address)
            if not pending:
                return []
            done_below = self.provider.nonce(self.address, "latest")
            finished = []
            for stored in pending:
                if stored.nonce < done_below:
                    finished += self._conclude(stored)
                else:
                    self._nurse(stored, self._rules)
            return finished

    def hurry(self, sent: int, *, seconds_left: float) -> None:
        """Let a transaction that must be mined within `seconds_left` wait less for its next replacement.

        It waits a quarter of what is left, or `bump_after` where that is less; the other rules hold as ever. So do
        those with lower nonces, which must be mined before it.
        """
        patience = min(self._rules.bump_after, max(seconds_left, 0.0) / _HURRY)
        with self._lock:
            pending = self._outbox.pending(self.address)
            last = next((stored.nonce for stored in pending if stored.id == sent), -1)
            for stored in pending:
                if stored.nonce <= last:
                    self._nurse(stored, replace(self._rules, bump_after=patience))

    def execute(self, call: Call, *, purpose: str, gas_limit: int | None = None, timeout: float = 180.0) -> Mined:
        """Send and wait until mined; raises `RejectedError` if it reverted, `WaitTimeout` after `timeout` seconds."""
        sent = self.send(call, purpose=purpose, gas_limit=gas_limit)
        return self.wait(sent, timeout=timeout)

    def wait(self, sent: int, *, timeout: float = 180.0) -> Mined:
        """Wait for one transaction by its outbox id; raises as `execute` does."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for mined in self.poll():
                if mined.id != sent:
                    continue
                if not mined.succeeded:
                    raise RejectedError(f"The transaction to {mined.purpose} was mined but reverted.")
                return mined
            time.sleep(_POLL_SECONDS)
        raise WaitTimeout(
            f"A transaction was not mined within {timeout:.0f} s.",
            hint="It may still be; look at the account before sending it again.",
        )

    def reopen(self, above_block: int) -> None:
        """A reorg removed the blocks above: what was mined there is pending again and will be sent again."""
        self._chain_nonce = None
        reopened = self._outbox.unmine(self.address, above_block)
        if reopened:
            _log.warning("transactions_reopened", count=reopened, above_block=above_block)

    def _estimate(self, call: Call) -> int:
        estimate = self.provider.estimate_gas(call.to, call.data, sender=self.address, value=call.value)
        return estimate + estimate // 5

    def _quote(self) -> FeeQuote:
        """What gas costs, not older than a moment: the opening fees leave room for the base fee to double."""
        now = time.monotonic()
        if self._quoted is None or now - self._quoted[0] > _QUOTE_SECONDS:
            self._quoted = (now, self.provider.fees())
        return self._quoted[1]

    def _prepare(self, call: Call, purpose: str, gas: int, fees: Fees, job_ids: Sequence[int]) -> OutboxTransaction:
        """Take a nonce and store the signed transaction, in one database transaction.

        The chain is asked for the account's nonce once, and again when it turns out that others use the account too.
        """
        if self._chain_nonce is None:
            self._chain_nonce = self.provider.nonce(self.address, "pending")
        return self._outbox.prepare(
            sender=self.address,
            chain_nonce=self._chain_nonce,
            call_to=call.to,
            data=call.data,
            value=call.value,
            gas_limit=gas,
            max_fee=fees.max_fee,
            priority_fee=fees.priority_fee,
            purpose=purpose,
            now=self._clock(),
            sign=lambda nonce: self._sign(call, nonce, gas, fees),
            job_ids=job_ids,
        )

    def _sign(self, call: Call, nonce: int, gas: int, fees: Fees) -> tuple[bytes, bytes]:
        fields = {
            "type": 2,
            "chainId": self.provider.chain_id,
            "nonce": nonce,
            "value": call.value,
            "data": call.data,
            "gas": gas,
            "maxFeePerGas": fees.max_fee,
            "maxPriorityFeePerGas": fees.priority_fee,
        }
        return self.signer.sign_transaction(fields if call.to is None else {**fields, "to": call.to})

    def _broadcast(self, stored: OutboxTransaction) -> None:
        self.handed_over = Moment(time.perf_counter(), self.provider.waited)
        try:
            self.provider.send_raw(stored.raw)
        except AlreadyKnown:
            pass
        except Underpriced as error:
            # Something with this nonce waits in the pool already, or the pool's floor rose: poll will pay more.
            _log.warning("transaction_underpriced", purpose=stored.purpose, nonce=stored.nonce, error=str(error))
        except (NonceTooLow, FundsError):
            raise
        except ChainError as error:
            _log.warning("broadcast_failed", purpose=stored.purpose, nonce=stored.nonce, error=str(error))
            return
        self._outbox.mark_sent(stored.id, self._clock())

    def _conclude(self, stored: OutboxTransaction) -> list[Mined]:
        """The nonce is used: by one of this transaction's own versions, or by somebody else's.

        An endpoint that lags behind the one that said so has no receipt yet, so none is lost before `bump_after`.
        """
        for version in stored.hashes:
            receipt = self.provider.receipt(version)
            if receipt is not None:
                self._missing.pop(stored.id, None)
                return [self._mined(stored, receipt)]
        now = self._clock()
        if now - self._missing.setdefault(stored.id, now) < self._rules.bump_after:
            return []
        del self._missing[stored.id]
        self._outbox.mark_failed(stored.id, "failed", "another transaction took its nonce")
        self._chain_nonce = None
        self._observe(stored.purpose, "lost")
        _log.warning("transaction_lost", purpose=stored.purpose, nonce=stored.nonce)
        return [
            Mined(
                stored.id, stored.hashes[-1], stored.nonce, stored.purpose, succeeded=False, block_number=0, gas_used=0
            )
        ]

    def _mined(self, stored: OutboxTransaction, receipt: Receipt) -> Mined:
        cancelled = stored.cancelling and receipt.to == self.address
        succeeded = receipt.status == 1 and not cancelled
        self._outbox.mark_mined(
            stored.id,
            succeeded=succeeded,
            block_number=receipt.block_number,
            block_hash=receipt.block_hash,
            gas_used=receipt.gas_used,
            effective_gas_price=receipt.effective_gas_price,
        )
        self._observe(stored.purpose, "mined" if succeeded else "reverted")
        return Mined(
            stored.id,
            receipt.tx_hash,
            stored.nonce,
            stored.purpose,
            succeeded,
            receipt.block_number,
            receipt.gas_used,
        )

    def _nurse(self, stored: OutboxTransaction, rules: FeeRules) -> None:
        """Carry out what `rules` say about a transaction that is not mined."""
        if stored.state == "prepared":
            self._rebroadcast(stored)
            return
        now = self._clock()
        tx = Pending(
            Fees(stored.max_fee, stored.priority_fee),
            stored.gas_limit,
            stored.value,
            stored.first_sent_at,
            stored.last_sent_at,
            stored.bumps,
            stored.cancelling,
        )
        if now - stored.last_sent_at < rules.bump_after:
            return
        decision = decide(
            tx,
            now=now,
            base_fee=self.provider.fees()[0],
            balance=self.provider.balance(self.address),
            rules=rules,
        )
        _log.info("transaction_waits", purpose=stored.purpose, nonce=stored.nonce, reason=decision.reason)
        if decision.step in {Step.REPLACE, Step.CANCEL}:
            self._replace(stored, decision)
        elif decision.step is not Step.WAIT:
            self._rebroadcast(stored)

    def _rebroadcast(self, stored: OutboxTransaction) -> None:
        try:
            self._broadcast(stored)
        except (NonceTooLow, FundsError) as error:
            # Mined meanwhile (the next poll sees it), or the account ran dry: neither ends the loop.
            self._outbox.mark_sent(stored.id, self._clock())
            _log.warning("rebroadcast_refused", purpose=stored.purpose, nonce=stored.nonce, error=str(error))

    def _replace(self, stored: OutboxTransaction, decision: Decision) -> None:
        fees = decision.fees
        if fees is None:
            raise AssayError("A replacement without fees was decided.")
        cancelling = decision.step is Step.CANCEL or stored.cancelling
        if cancelling:
            call, gas = Call(self.address, b""), TRANSFER_GAS
        else:
            call, gas = Call(stored.to, stored.data, stored.value), stored.gas_limit
        raw, tx_hash = self._sign(call, stored.nonce, gas, fees)
        replacement = self._outbox.add_replacement(
            stored.id,
            raw=raw,
            tx_hash=tx_hash,
            max_fee=fees.max_fee,
            priority_fee=fees.priority_fee,
            cancelling=cancelling,
            now=self._clock(),
        )
        self._observe(stored.purpose, "cancelled" if cancelling else "replaced")
        self._rebroadcast(replacement)
