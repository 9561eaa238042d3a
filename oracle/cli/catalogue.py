"""The models a registry has announced, and how a person names one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.tolerance import float64_of
from oracle.chain.events import MirrorsAdded, ModelPublished
from oracle.chain.history import happenings
from oracle.cli.units import show_hex
from oracle.errors import ModelError
from oracle.services.context import Chain
from oracle.settings import Settings

UNCOMPILED = "not compiled: answers of this model cannot be disputed yet"


@dataclass(frozen=True, slots=True)
class Listing:
    """A published model. `model` is None where it uses a dtype this version does not know; `name` is the devnet's."""

    model_id: bytes
    publisher: str
    onnx_digest: bytes
    model: Model | None
    uris: tuple[str, ...]
    block: int
    name: str | None

    @property
    def title(self) -> str:
        """Its name, or the beginning of its id."""
        return self.name or f"0x{self.model_id[:4].hex()}"

    @property
    def program(self) -> str:
        """Its program root, or what it means that there is none."""
        root = self.model.program_root if self.model else b""
        return show_hex(root) if any(root) else UNCOMPILED

    def to_json(self) -> dict[str, Any]:
        """What `--json` shows."""
        model = self.model
        return {
            "model_id": show_hex(self.model_id),
            "name": self.name,
            "publisher": self.publisher,
            "onnx_digest": show_hex(self.onnx_digest),
            "program_root": show_hex(model.program_root) if model else None,
            "compiled": any(model.program_root) if model else None,
            "nodes": model.node_count if model else None,
            "worst_leaf_gas": model.worst_leaf_gas if model else None,
            "inputs": [str(spec) for spec in model.inputs] if model else None,
            "outputs": [str(spec) for spec in model.output_tensors] if model else None,
            "tolerances": [_tolerance(spec) for spec in model.outputs] if model else None,
            "uris": list(self.uris),
            "block": self.block,
        }


def _tolerance(spec: OutputSpec) -> dict[str, float]:
    return {"atol": float64_of(spec.atol), "rtol": float64_of(spec.rtol)}


def published(chain: Chain) -> list[Listing]:
    """All models announced since the configured start block; of one announced twice, the first publisher's listing.

    URIs of later announcements and mirrors are added to it. Raises `ChainError`.
    """
    settings, provider = chain.settings, chain.provider
    names = _names(settings)
    listings: dict[bytes, Listing] = {}
    mirrors: dict[bytes, list[str]] = {}
    found = happenings(
        provider,
        [chain.registry.address],
        settings.chain.start_block,
        provider.block_number(),
        span=settings.chain.max_log_range,
    )
    for happening in found:
        event = happening.event
        if isinstance(event, ModelPublished | MirrorsAdded):
            mirrors.setdefault(event.model_id, []).extend(event.uris)
        if isinstance(event, ModelPublished) and event.model_id not in listings:
            listings[event.model_id] = Listing(
                event.model_id,
                event.publisher,
                event.onnx_digest,
                event.model,
                (),
                happening.log.block_number,
                names.get(event.model_id),
            )
    return [_with_uris(listing, mirrors[listing.model_id]) for listing in listings.values()]


def find(listings: Sequence[Listing], reference: str) -> Listing:
    """The one model that `reference` names: an id, the beginning of an id or digest, or a devnet's name.

    Raises `ModelError` where there is none or more than one.
    """
    named = [listing for listing in listings if listing.name == reference]
    prefix = reference.lower().removeprefix("0x")
    matching = named or [
        listing
        for listing in listings
        if len(prefix) >= 4
        and (listing.model_id.hex().startswith(prefix) or listing.onnx_digest.hex().startswith(prefix))
    ]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        known = ", ".join(listing.title for listing in listings[:10]) or "none"
        raise ModelError(
            f"No published model is called {reference!r}.",
            hint=f"Give an id, at least 4 hex digits of an id or digest, or a devnet's name. There are: {known}.",
        )
    ids = ", ".join(show_hex(listing.model_id) for listing in matching)
    raise ModelError(f"{reference!r} names {len(matching)} models: {ids}.", hint="Give more digits.")


def input_names(settings: Settings, listing: Listing, count: int) -> tuple[str, ...]:
    """The names of the model's inputs, from its file where a devnet has it; else `input_0`, `input_1` and so on."""
    path = _paths(settings).get(listing.model_id)
    if path is not None:
        from oracle.inference.model_file import load_model_file  # noqa: PLC0415

        return load_model_file(path, expected_digest=listing.onnx_digest).input_names
    return tuple(f"input_{slot}" for slot in range(count))


def _with_uris(listing: Listing, uris: Sequence[str]) -> Listing:
    return Listing(
        listing.model_id,
        listing.publisher,
        listing.onnx_digest,
        listing.model,
        tuple(dict.fromkeys(uris)),
        listing.block,
        listing.name,
    )


def _names(settings: Settings) -> Mapping[bytes, str]:
    return {model_id: name for model_id, name, _ in _devnet_models(settings)}


def _paths(settings: Settings) -> Mapping[bytes, Path]:
    return {model_id: path for model_id, _, path in _devnet_models(settings)}


def _devnet_models(settings: Settings) -> Iterator[tuple[bytes, str, Path]]:
    for name, model in (settings.devnet.models if settings.devnet else {}).items():
        yield bytes.fromhex(model.model_id[2:]), name, model.path
