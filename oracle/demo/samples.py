"""Real data for the sample models, where their files are, and their answers in human words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.tolerance import bits_of
from oracle.demo.credit_table import credit_table
from oracle.demo.magika_files import describe_scores, file_features, magika_model
from oracle.errors import InputError, ModelError
from oracle.inference.canonical_model import CanonicalModel

MODELS: Final = ("digits", "credit", "magika")
TOLERANCES: Final = {"digits": 1e-5, "credit": 1e-4, "magika": 1e-2}
"""The absolute tolerance each is published with, on every output; the relative one is 0.

Largest difference found between onnxruntime 1.31 on x86-64 and canonical execution, on real and random inputs, over
threads and optimisation levels: digits 1e-6 and credit 8e-7, hence ten and a hundred times that; magika 2e-5 one by
one and 4e-4 in batches, for it magnifies rounding, hence what shows in the second decimal of a score.
"""
_HELD_OUT_EVERY: Final = {"credit": 5, "digits": 7}  # the digits come in runs of 0 to 9
_INSTALL: Final = "Run `pip install 'assay-oracle[demo]'`."
_IN_REPOSITORY: Final = Path(__file__).parents[2] / "models"
_IN_PACKAGE: Final = Path(__file__).parent / "models"


@dataclass(frozen=True, slots=True)
class Sample:
    """One input for `model`: its tensors in slot order, what it is, and the truth where that is known."""

    model: str
    title: str
    tensors: tuple[NDArray[Any], ...]
    expected: str | None


def held_out(model: str, count: int) -> NDArray[np.bool_]:
    """Which of the `count` rows of its data a model was not trained on."""
    every = _HELD_OUT_EVERY[model]
    chosen: NDArray[np.bool_] = np.arange(count) % every == every - 1
    return chosen


def credit_applicants(indices: Iterable[int]) -> list[Sample]:
    """Held-out applicants 0 … 199 of the German credit table; raises `ModelError` without the table."""
    table = credit_table()
    samples = []
    for index, row in _chosen("applicant", indices, np.flatnonzero(held_out("credit", len(table.good)))):
        person = table.rows[row]
        terms = f"{int(person['credit_amount']):,} DM for {person['duration_in_month']} months"
        title = f"applicant {index}: {terms}, {person['purpose']}"
        truth = "good" if table.good[row] else "bad"
        samples.append(Sample("credit", title, (table.features[row : row + 1],), truth))
    return samples


def digit_images(indices: Iterable[int]) -> list[Sample]:
    """Held-out scans 0 … 255 of handwritten digits; raises `ModelError` without scikit-learn."""
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415  (heavy, and only the demo needs it)
    except ImportError as problem:
        raise ModelError("The digits are not installed: they come with scikit-learn.", hint=_INSTALL) from problem
    images, labels = load_digits(return_X_y=True)
    return [
        Sample("digits", f"scan {index}", (images[row : row + 1].astype(np.float32),), str(labels[row]))
        for index, row in _chosen("scan", indices, np.flatnonzero(held_out("digits", len(labels))))
    ]


def file_samples(paths: Iterable[Path]) -> list[Sample]:
    """Files for Magika; raises `InputError` for a file it cannot judge, `ModelError` without magika."""
    return [
        Sample("magika", f"{path.name} ({path.stat().st_size:,} bytes)", (features,), None)
        for path, features in ((path, file_features(path)) for path in paths)
    ]


def describe_answer(model: str, outputs: Sequence[NDArray[Any]]) -> str:
    """The outputs of a sample model in human words; raises `ModelError` for a model that is no sample."""
    (scores,) = outputs
    match model:
        case "credit":
            good, _, margin = (float(value) for value in scores[0])
            return f"{'approve' if good >= 0.5 else 'decline'}: {100 * good:.0f} % good, margin {margin:+.1f}"
        case "digits":
            best = int(np.argmax(scores[0]))
            return f"{'an' if best == 8 else 'a'} {best} ({100 * float(scores[0, best]):.1f} %)"
        case "magika":
            return describe_scores(scores)
        case _:
            raise _no_sample(model)


def sample_model(name: str, compiled: CanonicalModel) -> Model:
    """A sample model as it is published: with its program, and its tolerance on every output."""
    outputs = tuple(OutputSpec(spec, bits_of(TOLERANCES[name])) for spec in compiled.model.output_tensors)
    return replace(compiled.model, outputs=outputs)


def model_path(name: str) -> Path:
    """The file of a sample model: the repository's, else the package's; raises `ModelError` without one."""
    if name not in MODELS:
        raise _no_sample(name)
    if name == "magika":
        return magika_model()
    for folder in (_IN_REPOSITORY, _IN_PACKAGE):
        path = folder / f"{name}.onnx"
        if path.is_file():
            return path
    raise ModelError(f"The sample model {name} is not here.", hint="Install assay-oracle again.")


def _chosen(what: str, indices: Iterable[int], rows: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Each index with its row; raises `InputError` for one that does not exist."""
    wanted = list(indices)
    for index in wanted:
        if not 0 <= index < len(rows):
            raise InputError(f"There is no {what} {index}.", hint=f"Choose from 0 to {len(rows) - 1}.")
    return [(index, int(rows[index])) for index in wanted]


def _no_sample(name: str) -> ModelError:
    return ModelError(f"{name!r} is no sample model.", hint=f"They are {', '.join(MODELS)}.")
