"""`assay doctor`: what it says of a model before any bond is locked."""

import re
from dataclasses import replace

import pytest

from oracle.canonical.model import Model
from oracle.cli.catalogue import Listing
from oracle.cli.checks import _model
from oracle.errors import ModelError
from oracle.settings import Settings
from tests.unit.chain.model_chain import CHAIN_ID, ORACLE, REGISTRY
from tests.unit.services.world import MODELS, model_file, with_program

SETTINGS = Settings(
    chain={"rpc": ["http://node.invalid"], "chain_id": CHAIN_ID, "oracle": ORACLE, "registry": REGISTRY},
    operator={"threads": 1},
)
DIGITS = MODELS / "digits.onnx"


def listed(model: Model) -> Listing:
    """A publication of a model."""
    return Listing(model.id, "0xp", model.onnx_digest, model, (), 1, None)


def test_attack_46_this_machine_agrees_with_canonical_execution_before_a_bond_is_locked() -> None:
    """Saturating or fused kernels show themselves on random inputs, where they cost nothing yet."""
    told = _model(SETTINGS, DIGITS, [listed(with_program("digits"))])
    assert told.startswith("published, and onnxruntime agrees with canonical execution, in ")


def test_a_model_without_a_program_is_only_run() -> None:
    """There is nothing to agree with."""
    told = _model(SETTINGS, DIGITS, [listed(model_file("digits").model)])
    assert told.startswith("published, and onnxruntime runs it, in ")


def test_where_answers_can_be_disputed_it_says_what_times_suit() -> None:
    """Who sets a policy, or wonders why requests are left, needs the number."""
    told = _model(SETTINGS, DIGITS, [listed(with_program("digits"))], disputed=True)
    assert re.search(
        r"; a defence takes [0-9.e-]+ s at worst, so trace and move times of 60\.\d s or more are accepted, "
        r"and \d+\.\d s suit 256 open answers$",
        told,
    )


def test_a_model_without_a_program_is_not_served_where_answers_can_be_disputed() -> None:
    """The doctor must not call in order what the operator refuses."""
    with pytest.raises(ModelError, match="is no published model"):
        _model(SETTINGS, DIGITS, [listed(model_file("digits").model)], disputed=True)


def test_one_publication_with_too_narrow_a_tolerance_is_found_among_others() -> None:
    """Each is served, so each must be kept."""
    models = [listed(with_program("digits", atol)) for atol in (1e-4, 0.0)]
    with pytest.raises(ModelError, match="onnxruntime and canonical execution disagree on output 'probabilities'"):
        _model(SETTINGS, DIGITS, models)


def test_a_poisoned_program_is_no_publication_of_the_file() -> None:
    """The digest is a claim."""
    poisoned = replace(with_program("digits"), program_root=b"\1" * 32)
    with pytest.raises(ModelError, match="is no published model with these inputs, outputs and program"):
        _model(SETTINGS, DIGITS, [listed(poisoned)])
