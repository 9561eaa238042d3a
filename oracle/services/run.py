"""Running a service: everything it needs, opened in order and closed in reverse."""

import gc
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from urllib.parse import quote

import structlog

from oracle import log
from oracle.chain.events import EnvironmentPublished
from oracle.chain.indexer import Indexer
from oracle.chain.sender import Sender
from oracle.errors import ConfigError
from oracle.inference.canonical_model import CanonicalModel, compile_models
from oracle.inference.environment import Manifest, this_environment
from oracle.inference.fetching import FetchLimits
from oracle.inference.model_file import ModelFile
from oracle.inference.screening import screen_file
from oracle.inference.sessions import SessionCache
from oracle.metrics import MethodClass, Metrics, Purpose, RpcOutcome, TransactionOutcome
from oracle.services.challenger import Challenger
from oracle.services.context import Chain, make_sender, open_chain, open_signer
from oracle.services.defending.capacity import measure
from oracle.services.defending.defence import Defence
from oracle.services.engines import Engines
from oracle.services.follower import Follower
from oracle.services.http import HealthState, make_app, serve
from oracle.services.keeper import Keeper
from oracle.services.loop import Service, run
from oracle.services.moves import Moves
from oracle.services.operator import Operator
from oracle.services.referee import Referee
from oracle.services.serving import Programs, load_files
from oracle.services.upkeep import Upkeep
from oracle.services.watching.library import OwnModels, Shelf
from oracle.services.watching.loading import Bounds, Loader, given
from oracle.services.watching.watcher import Watcher
from oracle.settings import OperatorSettings, Settings
from oracle.settings.sections import GWEI
from oracle.store.database import Store
from oracle.store.ledger import Rewind

_log = structlog.get_logger(__name__)

PERIODIC = ("balance", "lag", "rescan", "sweep", "work")
"""Names of every service's periodic work."""

_MIB = 2**20
_OPERATOR_WATCHES = 0.05
"""Seconds of each step in which an operator judges others' answers, beside its own work; at least one is judged."""

_METHODS = {
    "eth_blockNumber": MethodClass.HEAD,
    "eth_getBlockByNumber": MethodClass.HEAD,
    "eth_getLogs": MethodClass.LOGS,
    "eth_getBlockReceipts": MethodClass.LOGS,
    "eth_getTransactionReceipt": MethodClass.LOGS,
    "eth_call": MethodClass.CALL,
    "eth_estimateGas": MethodClass.CALL,
    "eth_sendRawTransaction": MethodClass.SEND,
}
_ENDINGS = {
    "mined": TransactionOutcome.MINED,
    "reverted": TransactionOutcome.REVERTED,
    "cancelled": TransactionOutcome.GIVEN_UP,
    "lost": TransactionOutcome.FAILED,
}


def run_operator(settings: Settings, *, stop: Event) -> None:
    """Answer requests until `stop` is set. Raises what opening its parts raises; see the functions it calls."""
    chosen = settings.operator
    if not chosen.models:
        raise ConfigError("No model is served.", hint="Name ONNX files with --model or `operator.models`.")
    _log_as_set(settings)
    files = load_files(chosen.models, chosen.dims)
    provider = chosen.providers[0]
    metrics = Metrics(models=[file.path.stem for file in files], jobs=PERIODIC)
    programs = compile_models(files)
    names = {file.digest: file.path.stem for file in files}
    sessions = SessionCache(
        threads=chosen.threads,
        providers=chosen.providers,
        optimisation_level=chosen.optimisation,
        max_batch=chosen.max_batch,
        observer=partial(_observe_inference, metrics, names),
    )
    engines = Engines(sessions, chosen.threads or os.cpu_count() or 1, partial(_observe_canonical, metrics, names))
    for file in files:
        sessions.warm_up(file)
    manifest = this_environment(threads=chosen.threads, provider=provider, optimisation_level=chosen.optimisation)

    def make(follower: Follower, upkeep: Upkeep, owner: str) -> Service:
        if not chosen.dry_run:
            _announce(follower, manifest)
        defence = _defence(follower, chosen, programs, engines.threads)
        return Operator(
            follower,
            upkeep,
            files,
            programs,
            engines,
            manifest,
            chosen,
            owner=owner,
            clock=time.time,
            defence=defence,
            watcher=_own_watcher(follower, settings, files, programs, engines),
        )

    _run(settings, "operator", metrics, Operator.kinds, chosen.max_batch, make, stop)


def run_challenger(settings: Settings, *, stop: Event) -> None:
    """Watch answers and dispute wrong ones until `stop` is set. Raises what opening its parts raises."""
    chosen = settings.challenger
    _log_as_set(settings)
    threads = chosen.threads or os.cpu_count() or 1
    named = given(chosen.models, chosen.files)
    fetch = (
        FetchLimits(max_bytes=chosen.max_bundle_mib * _MIB, allow_local=chosen.allow_local) if chosen.fetch else None
    )
    bounds = Bounds(chosen.max_run_terms, chosen.max_trace_mib * _MIB, chosen.max_run_seconds)
    loader = Loader(named, cache=chosen.bundles, fetch=fetch, bounds=bounds, threads=threads)
    metrics = Metrics(jobs=PERIODIC)
    engines = Engines(SessionCache(threads=threads), threads, partial(_observe_canonical, metrics, {}))

    def make(follower: Follower, _upkeep: Upkeep, _owner: str) -> Service:
        shelf = Shelf(
            follower.store.catalogue,
            loader.load,
            chosen=lambda stored: named.is_empty or named.names(stored),
            max_models=chosen.max_models,
        )
        moves = Moves(follower.sender, follower.store, dry_run=chosen.dry_run)
        watcher = Watcher(follower, moves, shelf, engines, chosen)
        return Challenger(follower, watcher, moves, collect_above=chosen.collect_above_gwei * GWEI)

    _run(settings, "challenger", metrics, Challenger.kinds, 1, make, stop)


def run_keeper(settings: Settings, *, stop: Event) -> None:
    """Do everybody's upkeep until `stop` is set. Raises what opening its parts raises."""

    def make(follower: Follower, upkeep: Upkeep, _owner: str) -> Service:
        dispute = follower.chain.dispute if settings.keeper.disputes else None
        moves = Moves(follower.sender, follower.store)
        referee = None if dispute is None else Referee(dispute, follower.store, moves)
        return Keeper(follower, upkeep, settings.keeper, clock=time.time, referee=referee)

    _log_as_set(settings)
    metrics = Metrics(jobs=PERIODIC)
    _run(settings, "keeper", metrics, Keeper.kinds, settings.keeper.max_batch, make, stop)


def replay(settings: Settings, role: str, from_block: int) -> int:
    """Read all events from `from_block` on again into a role's database; yields how many were new to it."""
    with open_chain(settings) as chain, open_store(chain, role) as store:
        return len(make_indexer(chain, store).replay(from_block))


@contextmanager
def open_store(chain: Chain, role: str) -> Iterator[Store]:
    """The role's database: `store.path`, or `.assay/<role>.db`."""
    path = chain.settings.store.path or Path(".assay") / f"{role}.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    store = Store.open(f"sqlite:///{quote(str(path))}")
    try:
        yield store
    finally:
        store.close()


def make_indexer(chain: Chain, store: Store, on_rewind: Callable[[Rewind], None] = lambda _rewind: None) -> Indexer:
    """An indexer with the configured ranges."""
    chosen = chain.settings.chain
    return Indexer(
        chain.provider,
        store,
        chain.addresses,
        start_block=chosen.start_block,
        confirmations=chosen.confirmations,
        max_range=chosen.max_log_range,
        keep_blocks=chosen.keep_blocks,
        on_rewind=on_rewind,
    )


def _run(
    settings: Settings,
    role: str,
    metrics: Metrics,
    kinds: tuple[str, ...],
    max_batch: int,
    make: Callable[[Follower, Upkeep, str], Service],
    stop: Event,
) -> None:
    health = HealthState(progress_seconds=settings.http.progress_seconds, started=time.time())
    signer = open_signer(settings)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    with (
        open_chain(settings, observer=partial(_observe_rpc, metrics)) as chain,
        open_store(chain, role) as store,
        serve(make_app(role, health, metrics), settings.http.host, settings.http.port) as port,
    ):
        sender = make_sender(chain, store, signer, partial(_observe_transaction, metrics))
        indexer = make_indexer(chain, store, partial(_on_rewind, sender, metrics))
        follower = Follower(chain, store, indexer, sender, metrics, health, settings.schedule, kinds, Event())
        upkeep = Upkeep(chain.oracle, store, sender, owner=owner, max_batch=max_batch, clock=time.time)
        service = make(follower, upkeep, owner)
        freed = store.jobs.free(_alive, now=time.time())
        gc.collect()
        gc.freeze()  # what start-up made stays: the collector need not look at it in every answer
        _log.info("started", role=role, address=sender.address, chain=chain.provider.chain_id, port=port, resumed=freed)
        run(
            service,
            metrics=metrics,
            health=health,
            schedule=settings.schedule,
            poll_seconds=settings.chain.poll_seconds,
            stop=stop,
        )
        _log.info("stopped", role=role)


def _log_as_set(settings: Settings) -> None:
    log.configure(settings.log.level, settings.log.format, settings.log.file, secrets=settings.secrets())


def _own_watcher(
    follower: Follower, settings: Settings, files: Sequence[ModelFile], programs: Programs, engines: Engines
) -> Watcher | None:
    """The watch over others' answers of the models served; None where it is off or nothing can be disputed."""
    if not settings.operator.watch or follower.chain.dispute is None:
        return None
    dry_run = settings.operator.dry_run or settings.challenger.dry_run
    chosen = settings.challenger.model_copy(update={"dry_run": dry_run})
    compiled = [program for program in programs.values() if isinstance(program, CanonicalModel)]
    screens = {file.digest: screen_file(file, engines.sessions) for file in files}
    moves = Moves(follower.sender, follower.store, dry_run=dry_run)
    library = OwnModels(follower.store.catalogue, compiled, screens)
    return Watcher(follower, moves, library, engines, chosen, seconds=_OPERATOR_WATCHES)


def _defence(follower: Follower, chosen: OperatorSettings, programs: Programs, threads: int) -> Defence | None:
    """The defence of our answers, its worst case measured; None where nothing can be disputed."""
    dispute = follower.chain.dispute
    if dispute is None:
        return None
    measured = {}
    for program in programs.values():
        if isinstance(program, CanonicalModel):
            seconds = measured[program.model.program_root] = measure(program, threads)
            _log.info("defence_measured", root=f"0x{program.model.program_root.hex()}", seconds=round(seconds, 3))
    moves = Moves(follower.sender, follower.store, dry_run=chosen.dry_run)
    return Defence(follower, moves, dispute, chosen, measured, threads)


def _announce(follower: Follower, manifest: Manifest) -> None:
    """Publish the manifest behind the hashes of our answers, unless the chain has it already."""
    follower.indexer.sync()
    for each in follower.store.events.select(name="EnvironmentPublished", account=follower.sender.address):
        if isinstance(each.event, EnvironmentPublished) and each.event.manifest_hash == manifest.manifest_hash:
            return
    follower.sender.send(follower.chain.registry.publish_environment(manifest.encode()), purpose=Purpose.OTHER)


def _alive(owner: str) -> bool:
    """Whether the process behind an owner of jobs still runs; of another machine's we assume it does."""
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _on_rewind(sender: Sender, metrics: Metrics, rewind: Rewind) -> None:
    metrics.reorgs.inc()
    sender.reopen(rewind.to)


def _observe_rpc(metrics: Metrics, method: str, outcome: str, seconds: float) -> None:
    kind = _METHODS.get(method, MethodClass.OTHER)
    metrics.rpc_requests.labels(kind, RpcOutcome(outcome)).inc()
    metrics.rpc_seconds.labels(kind).observe(seconds)


def _observe_transaction(metrics: Metrics, purpose: str, outcome: str) -> None:
    if outcome == "replaced":
        metrics.transaction_bumps.inc()
    elif outcome in _ENDINGS:
        metrics.transactions.labels(Purpose(purpose), _ENDINGS[outcome]).inc()


def _observe_inference(metrics: Metrics, names: dict[bytes, str], digest: bytes, _requests: int, spent: float) -> None:
    metrics.inference_seconds.labels(metrics.model(names.get(digest))).observe(spent)


def _observe_canonical(metrics: Metrics, names: dict[bytes, str], digest: bytes, spent: float) -> None:
    metrics.canonical_seconds.labels(metrics.model(names.get(digest))).observe(spent)
