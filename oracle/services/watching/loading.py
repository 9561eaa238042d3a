"""Getting the program behind a published model: from files that were given, else from mirrors. Nothing is believed.

A bundle serves every model with its program's root; an ONNX file every model that names its digest and the program
it lowers to with the model's shapes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from oracle.canonical.archive import MAX_BYTES
from oracle.canonical.bundle import Bundle, is_bundle, read_bundle, read_committed
from oracle.canonical.model import Model
from oracle.canonical.program.node import Kind
from oracle.canonical.program.program import Program
from oracle.canonical.program_fault import NodeClaim, ProgramClaim, program_fault
from oracle.chain.gas import MAX_CALLDATA
from oracle.chain.protocol import ModelId
from oracle.errors import ModelError
from oracle.inference.canonical_model import from_bundle
from oracle.inference.fetching import FetchLimits, fetch_bundle
from oracle.inference.onnx_bytes import read_onnx
from oracle.inference.recompiling import recompile
from oracle.inference.screening import Screen, screen_bundle
from oracle.metrics import UnjudgedReason
from oracle.services.defending.capacity import measure
from oracle.services.watching.library import Found, Malformed, Unwatched, examine
from oracle.store.catalogue import StoredModel


@dataclass(frozen=True, slots=True)
class Given:
    """What a challenger was told to watch: bundles by program root, ONNX files by digest, ids of models."""

    bundles: dict[bytes, Path]
    files: dict[bytes, Path]
    ids: frozenset[ModelId]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was named: then every announced model is watched."""
        return not (self.bundles or self.files or self.ids)

    def names(self, stored: StoredModel) -> bool:
        """Whether a published model was named, by id or by a file of it."""
        root = stored.model.program_root
        return stored.id in self.ids or root in self.bundles or stored.onnx_digest in self.files


def given(ids: Iterable[str], paths: Iterable[Path]) -> Given:
    """What ids (`0x` and 64 hex digits) and files name; raises `ModelError` for a file that is no model."""
    bundles: dict[bytes, Path] = {}
    files: dict[bytes, Path] = {}
    for path in paths:
        if is_bundle(path):
            bundles[read_committed(path).model.program_root] = path
        else:
            files[read_onnx(path).digest] = path
    return Given(bundles, files, frozenset(ModelId(bytes.fromhex(each[2:])) for each in ids))


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a model that nobody named may take: multiplications of a run, bytes of its trace, and seconds at worst."""

    terms: int
    trace_bytes: int
    seconds: float


class Loader:
    """Loads published models: `load` may take minutes, and threads may call it at the same time.

    Mirrors are asked only where `fetch` has limits, and bundles from them kept in `cache`. Models that were named are
    trusted with onnxruntime and with as much work as they take, others are not: see docs/guides/challenger.md.
    """

    def __init__(self, named: Given, *, cache: Path, fetch: FetchLimits | None, bounds: Bounds, threads: int) -> None:
        self._named = named
        self._cache = cache
        self._fetch = fetch
        self._bounds = bounds
        self._threads = threads

    def load(self, stored: StoredModel) -> Found:
        """The model's program, ready to run; raises `ModelError` where neither files nor mirrors have it."""
        model = stored.model
        bundle = self._from_files(model) or self._fetched(model, stored.uris)
        if isinstance(bundle, Malformed):
            return bundle
        if self._named.names(stored):
            return examine(model, from_bundle(bundle), self._screen(bundle))
        too_much = excess(bundle.program, bundle.model, self._bounds)
        if too_much is None:
            program = from_bundle(bundle)
            seconds = measure(program, self._threads)
            if seconds <= self._bounds.seconds:
                return examine(model, program, None)
            too_much = f"a run of its program takes up to {seconds:.1f} s, more than {self._bounds.seconds:g}"
        return Unwatched(UnjudgedReason.TOO_COSTLY, f"{too_much} for a model not named")

    def _from_files(self, model: Model) -> Bundle | Malformed | None:
        path = self._named.bundles.get(model.program_root)
        if path is not None:
            return opened(path, model)
        path = self._named.files.get(model.onnx_digest)
        if path is None:
            return None
        bundle = recompile(path, model)
        if bundle.model.program_root == model.program_root:
            return bundle
        if self._fetch is not None:
            return None
        raise ModelError(
            f"The model names the program {model.program_root.hex()}, and {path.name} lowers to "
            f"{bundle.model.program_root.hex()}.",
            hint="Give the model's bundle.",
        )

    def _fetched(self, model: Model, uris: Sequence[str]) -> Bundle | Malformed:
        if self._fetch is None:
            raise ModelError("No file was given for the model, and none is fetched.", hint="Set `challenger.fetch`.")
        path = fetch_bundle(uris, model, self._cache, limits=self._fetch, accept=_accept)
        return opened(path, model, max_bytes=self._fetch.max_bytes, model_id=model.id)

    def _screen(self, bundle: Bundle) -> Screen | None:
        try:
            return screen_bundle(bundle, f"model 0x{bundle.model.id.hex()}", threads=self._threads)
        except ModelError:
            return None


def _accept(path: Path, model: Model, limits: FetchLimits) -> None:
    """Take what is right, and what shows that the model's program is not; raises `ModelError` for anything else."""
    opened(path, model, max_bytes=limits.max_bytes, model_id=model.id)


def opened(
    path: Path, model: Model, *, max_bytes: int = MAX_BYTES, model_id: bytes | None = None
) -> Bundle | Malformed:
    """A bundle with the program of `model`, or what is wrong with that program; of `model_id`, if given.

    Raises `ModelError` for any other file.
    """
    try:
        return read_bundle(path, max_bytes=max_bytes, model_id=model_id)
    except ModelError:
        committed = read_committed(path, max_bytes=max_bytes, model_id=model_id)
        claim = program_fault(model, committed.nodes, committed.version)
        if claim is None:
            raise
        _require_sendable(claim)
        return Malformed(model, claim)


def _require_sendable(claim: ProgramClaim) -> None:
    """Refuse a claim that no transaction carries: who bonded on it would lose."""
    if isinstance(claim, NodeClaim) and len(claim.opening.node) > _MOST_NODE:
        raise ModelError(
            f"Node {claim.opening.index} of its program has {len(claim.opening.node)} bytes, more than a transaction "
            "holds: nothing about it can be proven."
        )


def excess(program: Program, model: Model, bounds: Bounds) -> str | None:
    """What a run of a model's program takes too much of, in words; None where it stays within `bounds`."""
    terms = sum(node.count * max(node.fold_count, node.depth, 1) for node in program.nodes if node.kind not in _SOURCES)
    size = sum(node.count * node.dtype.size for node in program.nodes) + sum(spec.nbytes for spec in model.inputs)
    for what, found, most in (("multiplications", terms, bounds.terms), ("bytes", size, bounds.trace_bytes)):
        if found > most:
            return f"a run of its program takes {found:,} {what}, more than {most:,}"
    return None


_SOURCES = (Kind.INPUT, Kind.CONST)
_MOST_NODE = MAX_CALLDATA - 16_384
"""Bytes of a node that leave room for its path, the model and the answer in dispute."""
