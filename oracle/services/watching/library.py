"""What a challenger judges answers by: the programs of published models, from files it was given or from mirrors.

A model's program is authoritative, so a program is used for a model exactly if it has the root that the model names.
Loading happens in threads beside the block loop: a mirror that is slow, or a model that is large, delays no move.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import Semaphore, Thread
from typing import Final, Protocol

import structlog

from oracle.canonical.model import Model
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program_fault import ModelClaim, ProgramClaim, model_is_faulty, program_fault
from oracle.chain.protocol import ModelId
from oracle.errors import ModelError
from oracle.inference.canonical_model import CanonicalModel
from oracle.inference.screening import Screen
from oracle.metrics import UnjudgedReason
from oracle.store.catalogue import Catalogue, StoredModel

_log = structlog.get_logger(__name__)

NO_PROGRAM: Final = bytes(32)
RETRY_SECONDS: Final = 60.0
"""How long a model that no mirror served is left before they are asked again; it doubles each time, up to an hour."""

_LONGEST_RETRY: Final = 3600.0
_LOADERS: Final = 2
_MOST_WAITING: Final = 16
_MOST_UNWATCHED: Final = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A published model with the program it names. `screen` is onnxruntime's opinion, None where there is none."""

    model: Model
    program: CanonicalModel
    screen: Screen | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Malformed:
    """A model whose program breaks the rules, and what shows it: fault 4."""

    model: Model
    claim: ProgramClaim


@dataclass(frozen=True, slots=True)
class Unwatched:
    """Why answers of a model cannot be judged here: for a counter, and in words for a log."""

    reason: UnjudgedReason
    words: str


Found = Watched | Malformed | Unwatched
Load = Callable[[StoredModel], Found]


def examine(model: Model, program: CanonicalModel, screen: Screen | None) -> Watched | Malformed:
    """A published model and the program of its root, which is valid for the model it was compiled or read with.

    Whoever published the model may have declared other inputs, outputs or costs. Where the program contradicts them,
    that is a fault of the model's; where it does not, only onnxruntime does, and it is not asked.
    """
    own = program.model
    same = (model.inputs, model.output_tensors, model.node_count, model.worst_leaf_gas) == (
        own.inputs,
        own.output_tensors,
        own.node_count,
        own.worst_leaf_gas,
    )
    if not same or model_is_faulty(model):
        claim = program_fault(model, [encode_node(node) for node in program.plan.program.nodes])
        if claim is not None:
            return Malformed(model, claim)
        program, screen = _as_declared(program, model), None
    return Watched(model, program, screen)


def _as_declared(program: CanonicalModel, model: Model) -> CanonicalModel:
    """The program with the inputs and outputs of another model of the same root, for which it is valid too."""
    plan = replace(program.plan, program=replace(program.plan.program, outputs=len(model.outputs)))
    return replace(program, model=replace(model, onnx_digest=program.model.onnx_digest), plan=plan)


class Library(Protocol):
    """Where a watcher finds its models."""

    def watches(self, model_id: ModelId) -> bool:
        """Whether answers of the model are to be judged at all."""

    def get(self, model_id: ModelId, now: float) -> Found | None:
        """The model, or why there is none; None while it is loading. `now` is our own clock, in seconds."""

    def keep(self, needed: Collection[ModelId]) -> None:
        """From now on `needed` are loaded before all others, and do not leave: moves depend on them."""


class OwnModels:
    """The library of an operator: the programs it has compiled, by root. Nothing is fetched."""

    def __init__(
        self, catalogue: Catalogue, programs: Sequence[CanonicalModel], screens: Mapping[bytes, Screen]
    ) -> None:
        """`screens` are by the ONNX file's digest."""
        self._catalogue = catalogue
        self._programs = {program.model.program_root: program for program in programs}
        self._screens = screens
        self._found: dict[ModelId, Watched | Malformed | None] = {}

    def watches(self, model_id: ModelId) -> bool:
        """Whether the model was announced with a program of ours."""
        if self._found.get(model_id) is None:
            stored = self._catalogue.get(model_id)
            self._found[model_id] = None if stored is None else self._examined(stored.model)
        return self._found[model_id] is not None

    def get(self, model_id: ModelId, now: float) -> Found | None:  # noqa: ARG002  (nothing here takes time)
        """The model; None for one that is not watched."""
        return self._found.get(model_id)

    def keep(self, needed: Collection[ModelId]) -> None:
        """Nothing ever leaves."""

    def _examined(self, model: Model) -> Watched | Malformed | None:
        program = self._programs.get(model.program_root)
        return None if program is None else examine(model, program, self._screens.get(program.model.onnx_digest))


@dataclass(slots=True)
class _Entry:
    """What became of one model. `uris` is how many mirrors were known, `ended` when loading did, of `tries` in all."""

    uris: int
    loading: Future[Found] | None
    tries: int
    found: Found | None = None
    ended: float = 0.0


class Shelf:
    """The library of a challenger: models loaded as they are needed, the least recently used leaving first.

    `chosen` says which announced models are watched, `load` gets one, in a thread: it may take minutes, and raises
    `ModelError` where it cannot. What no mirror served is tried again after a while, and as soon as another mirror is
    announced.
    """

    def __init__(
        self, catalogue: Catalogue, load: Load, *, chosen: Callable[[StoredModel], bool], max_models: int
    ) -> None:
        self._catalogue = catalogue
        self._load = load
        self._chosen = chosen
        self._max_models = max_models
        self._entries: OrderedDict[ModelId, _Entry] = OrderedDict()
        self._watches: dict[ModelId, bool] = {}
        self._needed: frozenset[ModelId] = frozenset()
        self._loaders = Semaphore(_LOADERS)

    def watches(self, model_id: ModelId) -> bool:
        """Whether the model is chosen; one that nobody has announced is not."""
        known = self._watches.get(model_id)
        if known is None:
            stored = self._catalogue.get(model_id)
            if stored is None:
                return False
            known = self._watches[model_id] = self._chosen(stored)
        return known

    def get(self, model_id: ModelId, now: float) -> Found | None:
        """The model, or why there is none; None while it is loading."""
        entry = self._entries.get(model_id)
        if entry is None or self._stale(entry, model_id, now):
            stored = self._catalogue.get(model_id)
            if stored is None:
                return Unwatched(UnjudgedReason.NOT_ANNOUNCED, "nobody has announced its model")
            if model_is_faulty(stored.model):
                return Malformed(stored.model, ModelClaim())
            if stored.model.program_root == NO_PROGRAM:
                return Unwatched(UnjudgedReason.NO_PROGRAM, "its model names no program, so nothing can be disputed")
            is_needed = model_id in self._needed
            loading = sum(each.loading is not None for each in self._entries.values())
            if loading >= _MOST_WAITING and not is_needed:
                return None
            tries = entry.tries + 1 if entry else 1
            future = self._start(stored, waits=not is_needed)
            entry = self._entries[model_id] = _Entry(len(stored.uris), future, tries)
        self._entries.move_to_end(model_id)
        if entry.loading is not None and entry.loading.done():
            entry.found, entry.ended, entry.loading = _outcome(entry.loading), now, None
            _tell(model_id, entry.found)
            self._evict()
        return entry.found

    def keep(self, needed: Collection[ModelId]) -> None:
        """From now on `needed` do not wait for other models to be loaded, and do not leave."""
        self._needed = frozenset(needed)

    def settle(self) -> None:
        """Wait until nothing is loading."""
        for entry in self._entries.values():
            if entry.loading is not None:
                entry.loading.exception()

    def _start(self, stored: StoredModel, *, waits: bool) -> Future[Found]:
        """Load in a thread that does not keep the process from ending; if it `waits`, few at a time."""
        future: Future[Found] = Future()

        def load() -> None:
            with self._loaders if waits else nullcontext():
                try:
                    future.set_result(self._load(stored))
                except BaseException as problem:  # noqa: BLE001  (raised where the result is asked for)
                    future.set_exception(problem)

        Thread(target=load, name="load", daemon=True).start()
        return future

    def _stale(self, entry: _Entry, model_id: ModelId, now: float) -> bool:
        """Whether another try may find what the last one did not."""
        if not isinstance(entry.found, Unwatched) or entry.found.reason is not UnjudgedReason.NO_BUNDLE:
            return False
        stored = self._catalogue.get(model_id)
        pause = min(RETRY_SECONDS * 2 ** (entry.tries - 1), _LONGEST_RETRY)
        return now - entry.ended >= pause or (stored is not None and len(stored.uris) > entry.uris)

    def _evict(self) -> None:
        """Make room: not by what is still loading or is needed, and what takes no memory counts for itself."""
        free = [each for each in self._entries.items() if each[1].loading is None and each[0] not in self._needed]
        absent = [model_id for model_id, entry in free if isinstance(entry.found, Unwatched)]
        present = [model_id for model_id, entry in free if not isinstance(entry.found, Unwatched)]
        for listed, most in ((present, self._max_models), (absent, _MOST_UNWATCHED)):
            for model_id in listed[: max(len(listed) - most, 0)]:
                del self._entries[model_id]


def _outcome(future: Future[Found]) -> Found:
    """What was loaded. Whatever a stranger's model makes fail, the watch over the others goes on."""
    try:
        return future.result()
    except ModelError as problem:
        return Unwatched(UnjudgedReason.NO_BUNDLE, str(problem))
    except Exception as problem:  # noqa: BLE001
        _log.error("model_loading_crashed", exc_info=problem)
        return Unwatched(UnjudgedReason.LOADING_FAILED, f"{type(problem).__name__} while it was loaded: {problem}")


def _tell(model_id: ModelId, found: Found) -> None:
    model = f"0x{model_id.hex()}"
    if isinstance(found, Watched):
        screened = found.screen is not None
        _log.info("watching_model", model=model, nodes=found.model.node_count, screened=screened)
    elif isinstance(found, Malformed):
        _log.warning("malformed_program", model=model, claim=type(found.claim).__name__)
    else:
        _log.warning("model_not_watched", model=model, reason=found.words)
