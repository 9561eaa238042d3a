"""The checks of `assay doctor`. Each tells what it found; none changes anything."""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from oracle.chain.provider import Provider
from oracle.chain.signer import Signer
from oracle.cli.catalogue import Listing, published
from oracle.cli.units import show_ether
from oracle.errors import AssayError, ChainError, FundsError, ModelError, StoreError
from oracle.inference.canonical_model import compile_models
from oracle.inference.sessions import SessionCache
from oracle.services.agreement import probes, require_agreement
from oracle.services.context import Chain, open_chain, open_signer
from oracle.services.defending.capacity import measure
from oracle.services.engines import Engines
from oracle.services.serving import Served, load_files, serve
from oracle.settings import Settings, show_url
from oracle.store.database import REVISION

_CLOCK_SECONDS = 30
_STALE_SECONDS = 300
_DISK_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what to do if it failed."""

    check: str
    ok: bool
    detail: str
    advice: str | None = None


def all_findings(settings: Settings, role: str) -> list[Finding]:
    """Every check there is; one that cannot be made fails with the reason."""
    findings = [_tried(f"endpoint {show_url(url)}", partial(_endpoint, settings, url)) for url in settings.chain.rpc]
    if any(finding.ok for finding in findings):
        try:
            with open_chain(settings) as chain:
                findings += _on_chain(chain)
        except AssayError as error:
            findings.append(Finding("contracts", ok=False, detail=error.message, advice=error.hint))
    findings += [
        _tried("disk space", partial(_disk, settings, role)),
        _tried("database", partial(_database, _store_path(settings, role))),
    ]
    return findings


def _on_chain(chain: Chain) -> Iterator[Finding]:
    yield _tried("contracts", partial(_contracts, chain))
    yield _tried("clock", partial(_clock, chain))
    key: list[Signer] = []
    yield _tried("key", partial(_key, chain.settings, key))
    for signer in key:
        yield _tried("ether for gas", partial(_ether, chain, signer))
        yield _tried("stake", partial(_stake, chain, signer))
    listings: list[Listing] = []
    yield _tried("registry", partial(_registry, chain, listings))
    for path in chain.settings.operator.models:
        disputed = chain.dispute is not None
        yield _tried(f"model {path.name}", partial(_model, chain.settings, path, listings, disputed=disputed))


def _tried(check: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, ok=True, detail=look())
    except AssayError as error:
        return Finding(check, ok=False, detail=error.message, advice=error.hint)


def _endpoint(settings: Settings, url: str) -> str:
    began = time.perf_counter()
    provider = Provider([url], chain_id=settings.chain.chain_id, timeout=settings.chain.timeout_seconds, retries=0)
    try:
        block = provider.block("latest")
    finally:
        provider.close()
    took = (time.perf_counter() - began) * 1_000
    return f"chain {settings.chain.chain_id}, block {block.number:,}, {took:.0f} ms"


def _contracts(chain: Chain) -> str:
    parameters = chain.oracle.parameters(chain.provider)
    judged = f"disputes at {chain.dispute.address}" if chain.dispute else "no disputes on this deployment"
    return f"oracle {chain.oracle.address}, windows of {parameters.min_window} s or more, {judged}"


def _clock(chain: Chain) -> str:
    block = chain.provider.block("latest")
    ahead = block.timestamp - time.time()
    if ahead > _CLOCK_SECONDS:
        raise ChainError(
            f"The newest block is {ahead:.0f} s ahead of this machine's clock.", hint="Set the clock (NTP)."
        )
    if -ahead > _STALE_SECONDS:
        raise ChainError(
            f"The newest block is {-ahead:.0f} s old.",
            hint="The endpoint may be stuck, or this machine's clock ahead: compare both with another source.",
        )
    return f"the newest block is {max(-ahead, 0):.0f} s old"


def _key(settings: Settings, found: list[Signer]) -> str:
    signer = open_signer(settings)
    found.append(signer)
    return signer.address


def _ether(chain: Chain, signer: Signer) -> str:
    balance = chain.provider.balance(signer.address)
    if balance < chain.settings.schedule.low_balance_ether * 1e18:
        raise FundsError(
            f"{signer.address} has {show_ether(balance)} ether.",
            hint=f"Fund it: below {chain.settings.schedule.low_balance_ether:g} ether it may soon send nothing.",
        )
    return f"{show_ether(balance)} ether"


def _stake(chain: Chain, signer: Signer) -> str:
    stake = chain.oracle.stake_of(chain.provider, signer.address)
    if chain.settings.operator.models and stake.balance == 0:
        raise FundsError("There is no stake, so nothing can be answered.", hint="Run `assay deposit ETHER`.")
    return f"{show_ether(stake.balance)} ether, {show_ether(stake.free)} of it free"


def _registry(chain: Chain, listings: list[Listing]) -> str:
    listings += published(chain)
    return f"{len(listings)} models published"


def _model(settings: Settings, path: Path, listings: list[Listing], *, disputed: bool = False) -> str:
    (file,) = load_files([path], settings.operator.dims)
    programs = compile_models([file])
    models = [listing.model for listing in listings if listing.model is not None]
    served = serve([file], programs, models, disputed=disputed)
    if not served:
        raise ModelError(
            f"{path} (SHA-256 {file.digest.hex()[:16]}…) is no published model with these inputs, outputs and program.",
            hint=f"Publish it with `assay model publish {path}`, or get the published file.",
        )
    engines = _engines(settings)
    took = _try_out(engines, list(served.values()))
    agrees = "agrees with canonical execution" if any(each.program for each in served.values()) else "runs it"
    told = f"published, and onnxruntime {agrees}, in {took * 1_000:.1f} ms"
    program = programs[file.digest]
    if not disputed or isinstance(program, ModelError):
        return told
    return f"{told}; {_terms(measure(program, engines.threads), settings)}"


def _terms(seconds: float, settings: Settings) -> str:
    """What times of a request suit, one defence taking `seconds` at worst."""
    chosen = settings.operator
    one, margin = chosen.defence_factor * seconds, chosen.defence_margin_seconds
    every = margin + chosen.max_open_answers * one
    return (
        f"a defence takes {seconds:.2g} s at worst, so trace and move times of {margin + one:.1f} s or more are "
        f"accepted, and {every:.1f} s suit {chosen.max_open_answers} open answers"
    )


def _engines(settings: Settings) -> Engines:
    chosen = settings.operator
    sessions = SessionCache(
        threads=chosen.threads,
        providers=chosen.providers,
        optimisation_level=chosen.optimisation,
        max_batch=1,
    )
    return Engines(sessions, chosen.threads or os.cpu_count() or 1)


def _try_out(engines: Engines, served: list[Served]) -> float:
    """Run a file on probes, and against the program of each model it serves; yields the seconds of the last run.

    Raises `ModelError` where it fails, yields numbers that are none, or disagrees.
    """
    file = served[0].file
    for kind, inputs in probes(file.model.inputs):
        result = engines.sessions.run(file, [inputs])
        (outputs,) = result.outputs
        if isinstance(outputs, AssayError):
            raise ModelError(f"It fails on {kind}: {outputs.message}", hint=outputs.hint)
        if any(tensor.dtype.kind == "f" and not np.isfinite(tensor).all() for tensor in outputs):
            raise ModelError(f"It yields NaN or infinities on {kind}.", hint="Look at the model before serving it.")
    for each in served:
        if each.program is not None:
            require_agreement(each, each.program, engines)
    return result.session_seconds


def _store_path(settings: Settings, role: str) -> Path:
    return settings.store.path or Path(".assay") / f"{role}.db"


def _disk(settings: Settings, role: str) -> str:
    folder = _store_path(settings, role).absolute().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < _DISK_BYTES:
        raise StoreError(f"{folder} has {free / 2**20:.0f} MiB left.", hint="Make room: a full disk stops the service.")
    return f"{free / 2**30:.1f} GiB free in {folder}"


def _database(path: Path) -> str:
    if not path.exists():
        return f"{path} will be made at the first start"
    try:
        with closing(sqlite3.connect(f"file:{path.absolute()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            sound = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}.", hint="Stop what locks it, or use another file.") from None
    version = found[0] if found else "none"
    if sound != "ok":
        raise StoreError(f"{path} is corrupt: {sound}.", hint="Move it away: the chain still has all of it.")
    if version > REVISION:
        raise StoreError(
            f"{path} has schema {version}, newer than {REVISION}, which this version knows.", hint="Upgrade assay."
        )
    return f"{path}, schema {version}"
