"""Magika's published rules, read from its package without importing it: features in, names of types out.

The rules are those of the model's `config.min.json` ("features extraction v2" of the magika package).
"""

import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.errors import InputError, ModelError

_INSTALL = "Run `pip install 'assay-oracle[demo]'`."


@dataclass(frozen=True, slots=True)
class MagikaRules:
    """Sizes in bytes; `labels` in the order of the model's scores; `types` describes each label."""

    first: int
    last: int
    block: int
    padding: int
    fewest: int
    labels: tuple[str, ...]
    thresholds: dict[str, float]
    default_threshold: float
    types: dict[str, dict[str, Any]]


def magika_model() -> Path:
    """The model file of the installed magika package; raises `ModelError` where there is none."""
    spec = importlib.util.find_spec("magika")
    folders = (spec.submodule_search_locations if spec else None) or []
    models = sorted(path for folder in folders for path in Path(folder).glob("models/*/model.onnx"))
    if not models:
        raise ModelError("Magika's model is not installed: it comes with the package magika.", hint=_INSTALL)
    return models[-1]


@cache
def magika_rules() -> MagikaRules:
    """The rules of `magika_model()`; raises `ModelError` where they are missing or of a kind unknown here."""
    model = magika_model()
    kinds = model.parents[2] / "config" / "content_types_kb.min.json"
    try:
        config = json.loads(model.with_name("config.min.json").read_text(encoding="utf-8"))
        types = json.loads(kinds.read_text(encoding="utf-8"))
        if config["mid_size"] or config["use_inputs_at_offsets"]:
            raise ModelError("The installed magika takes more than the ends of a file.", hint=_INSTALL)
        return MagikaRules(
            first=config["beg_size"],
            last=config["end_size"],
            block=config["block_size"],
            padding=config["padding_token"],
            fewest=config["min_file_size_for_dl"],
            labels=tuple(config["target_labels_space"]),
            thresholds=config["thresholds"],
            default_threshold=config["medium_confidence_threshold"],
            types=types,
        )
    except (OSError, ValueError, KeyError) as problem:
        raise ModelError(f"Magika's configuration cannot be read: {problem}.", hint=_INSTALL) from problem


def file_features(path: Path) -> NDArray[np.int32]:
    """What Magika's model sees of a file: int32 [1, first + last] bytes, `padding` where there is none.

    At most a block from either end is read and stripped of white space on its outer side. Raises `InputError`
    for a file that is missing, or too short for the model to say anything.
    """
    rules = magika_rules()
    try:
        with path.open("rb") as file:
            head = file.read(rules.block).lstrip()
            size = path.stat().st_size
            file.seek(max(0, size - rules.block))
            tail = file.read(rules.block).rstrip()
    except OSError as problem:
        raise InputError(f"The file {path} cannot be read: {problem.strerror}.") from problem
    if size < rules.fewest or len(head) < rules.fewest:
        raise InputError(
            f"The file {path} has fewer than {rules.fewest} bytes besides white space.",
            hint="Magika's model needs more: choose another file.",
        )
    features = np.full((1, rules.first + rules.last), rules.padding, np.int32)
    first, last = head[: rules.first], tail[-rules.last :]
    features[0, : len(first)] = np.frombuffer(first, np.uint8)
    features[0, features.shape[1] - len(last) :] = np.frombuffer(last, np.uint8)
    return features


def describe_scores(scores: NDArray[np.float32]) -> str:
    """The type that [1, labels] scores name: "application/pdf — PDF document (99 %)"."""
    rules = magika_rules()
    best = int(np.argmax(scores[0]))
    score, label = float(scores[0, best]), rules.labels[best]
    known = rules.types.get(label, {})
    mime = known.get("mime_type") or ("text/plain" if known.get("is_text") else "application/octet-stream")
    sure = score >= rules.thresholds.get(label, rules.default_threshold)
    doubt = "" if sure else "unsure, perhaps "
    return f"{doubt}{mime} — {known.get('description') or label} ({100 * score:.0f} %)"
