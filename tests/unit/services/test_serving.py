"""Serving: a file answers for a published model only if it is that model."""

from dataclasses import replace

import pytest

from oracle.canonical.model import OutputSpec
from oracle.canonical.tensor import DType, TensorSpec
from oracle.errors import ModelError
from oracle.services.serving import load_files, serve
from tests.unit.services.world import MODELS, model_file

CREDIT, DIGITS = model_file("credit"), model_file("digits")
OTHER_SPEC = TensorSpec(DType.FLOAT, (1, 7))


def test_files_serve_the_models_published_from_them():
    """By digest and specs, whatever the file is called."""
    served = serve([CREDIT, DIGITS], [DIGITS.model, CREDIT.model])
    assert set(served) == {CREDIT.model.id, DIGITS.model.id}
    assert served[CREDIT.model.id].file is CREDIT
    assert served[CREDIT.model.id].name == "credit"


def test_one_file_serves_every_publication_of_it():
    """Two publishers may announce it with other tolerances: other ids, the same outputs."""
    tolerant = replace(CREDIT.model, outputs=(OutputSpec(CREDIT.model.output_tensors[0], 1, 1),))
    assert set(serve([CREDIT], [CREDIT.model, tolerant])) == {CREDIT.model.id, tolerant.id}


@pytest.mark.parametrize(
    "published",
    [
        replace(CREDIT.model, onnx_digest=bytes(32)),
        replace(CREDIT.model, inputs=(OTHER_SPEC,)),
        replace(CREDIT.model, outputs=(OutputSpec(OTHER_SPEC),)),
        replace(CREDIT.model, program_root=b"\1" * 32, node_count=1),
    ],
    ids=["another digest", "other inputs", "other outputs", "a program"],
)
def test_what_differs_from_what_was_published_is_not_served(published):
    """An answer for it would be bonded on something this file does not compute, or that nobody checked."""
    assert serve([CREDIT], [published]) == {}


def test_configured_files_are_checked_at_start():
    """A wrong path is an error now, not at the first request."""
    assert [file.model for file in load_files([MODELS / "credit.onnx"], {})] == [CREDIT.model]
    with pytest.raises(ModelError):
        load_files([MODELS / "README.md"], {})
