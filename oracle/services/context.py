"""From settings to a working chain connection, sender and service: the one place where parts are put together."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from oracle.chain.calls import OracleContract, RegistryContract
from oracle.chain.dispute import DisputeContract
from oracle.chain.fees import FeeRules
from oracle.chain.protocol import ZERO_ADDRESS, checksum
from oracle.chain.provider import Provider, RpcObserver
from oracle.chain.scanner import Addresses
from oracle.chain.sender import Observer, Sender
from oracle.chain.signer import KeySigner, Signer
from oracle.errors import ConfigError, WrongChainError
from oracle.settings import Settings
from oracle.store.database import Store


@dataclass(frozen=True, slots=True)
class Chain:
    """A checked connection: right chain, and our contracts on it; no `dispute`: nothing can be disputed there."""

    settings: Settings
    provider: Provider
    oracle: OracleContract
    registry: RegistryContract
    dispute: DisputeContract | None

    @property
    def addresses(self) -> Addresses:
        """Where the contracts are."""
        dispute = ZERO_ADDRESS if self.dispute is None else self.dispute.address
        return Addresses(self.oracle.address, self.registry.address, dispute)


@contextmanager
def open_chain(settings: Settings, *, observer: RpcObserver | None = None) -> Iterator[Chain]:
    """Connect to the configured chain.

    Raises `WrongChainError` where no contract lives at the configured addresses, and what `Provider` raises.
    """
    chosen = settings.chain
    provider = Provider(
        chosen.rpc,
        chain_id=chosen.chain_id,
        timeout=chosen.timeout_seconds,
        observer=observer,
        max_lag=chosen.max_lag_blocks,
    )
    try:
        for name in ("oracle", "registry"):
            if not provider.code(getattr(chosen, name)):
                raise WrongChainError(
                    f"There is no contract at {getattr(chosen, name)} (`chain.{name}`) on chain {chosen.chain_id}.",
                    hint="Check the address, and that the endpoint serves the right chain.",
                )
        oracle = OracleContract(checksum(chosen.oracle))
        registry = RegistryContract(checksum(chosen.registry))
        yield Chain(settings, provider, oracle, registry, _dispute(provider, oracle))
    finally:
        provider.close()


def _dispute(provider: Provider, oracle: OracleContract) -> DisputeContract | None:
    """The dispute contract the oracle names for good, if it names one."""
    address = oracle.dispute(provider)
    if address == ZERO_ADDRESS:
        return None
    if not provider.code(address):
        raise WrongChainError(
            f"The oracle {oracle.address} names the dispute contract {address}, where there is none.",
            hint="Its answers cannot be judged. Use another deployment.",
        )
    return DisputeContract(address)


@contextmanager
def open_sender(chain: Chain, signer: Signer | None = None) -> Iterator[Sender]:
    """A sender for commands that send and wait; its outbox is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        store = Store.open(f"sqlite:///{Path(folder) / 'outbox.db'}")
        try:
            yield make_sender(chain, store, signer or open_signer(chain.settings))
        finally:
            store.close()


def make_sender(
    chain: Chain, store: Store, signer: Signer, observer: Observer = lambda _purpose, _outcome: None
) -> Sender:
    """A sender with the configured fee rules and `store` as its outbox."""
    fees = chain.settings.fees
    rules = FeeRules(
        max_fee=fees.max_fee_wei,
        min_priority=fees.min_priority_wei,
        bump_percent=fees.bump_percent,
        bump_after=fees.bump_after_seconds,
        max_bumps=fees.max_bumps,
        give_up_after=fees.give_up_seconds,
    )
    return Sender(chain.provider, signer, store, rules, observer=observer)


def open_signer(settings: Settings) -> KeySigner:
    """The configured key; raises `ConfigError` where none is named, `SignerError` where it does not open."""
    if settings.signer.keystore is None:
        raise ConfigError("No keystore is set.", hint="Name one with --keystore or `signer.keystore`.")
    return KeySigner.from_keystore(settings.signer.keystore, settings.signer.read_password())
