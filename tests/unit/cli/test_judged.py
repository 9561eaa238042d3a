"""The canonical run's word, and the reasons for which there is none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from eth_utils.crypto import keccak
from onnx import TensorProto, helper

from oracle.canonical.commit import tensor_root
from oracle.canonical.model import Model
from oracle.canonical.tensor import DType, encode
from oracle.canonical.tolerance import bits_of
from oracle.chain.authorship import Authorship
from oracle.chain.calls import RequestStatus
from oracle.chain.events import Answered, ModelPublished, Requested
from oracle.chain.protocol import InputKind, ModelId, Status
from oracle.cli.evidence import AnswerSeen, Evidence
from oracle.cli.judged import Judged, judged
from oracle.cli.verification import conclude, lines, not_proven, to_json
from oracle.errors import InputError, ModelError
from oracle.inference.compiling import compile_file
from oracle.services.verdict import Standing, Verdict
from tests.unit.chain.model_chain import MANIFEST, OPERATOR, SOFTWARE, id_of, make_request

X = np.array([[1, -2, 3, 0]], np.float32)
Y = np.array([[1, 0, 3, 0]], np.float32)


def write(path: Path, operator: str = "Relu", doc: str = "") -> Path:
    """An ONNX file of one operator, float32 [N, 4]."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in "xy")
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "g", [x], [y], doc_string=doc)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The published file."""
    return write(tmp_path / "model.onnx")


@pytest.fixture
def model(file: Path) -> Model:
    """What was published: with a tolerance."""
    return compile_file(file).with_tolerances({"y": (bits_of(0.5), 0)}).model


Show = Callable[..., Evidence]


@pytest.fixture
def show(model: Model) -> Show:
    """The evidence of a request, answered with `output`."""

    def make(
        output: np.ndarray | bytes | None = Y, *, published: Model | None = model, roots: bool = False
    ) -> Evidence:
        packed = tensor_root(DType.FLOAT, X) if roots else encode([X], model.inputs)
        kind = InputKind.ROOT if roots else InputKind.BYTES
        about = published or model
        request = replace(make_request(1), model_id=ModelId(about.id), input_kind=kind, input_hash=keccak(packed))
        packed_output = encode([output], model.output_tensors) if isinstance(output, np.ndarray) else output
        seen = None
        if packed_output is not None:
            event = Answered(id_of(request), OPERATOR, 1, SOFTWARE, MANIFEST, packed_output)
            seen = AnswerSeen(event, 2, 1_000, bytes(32), Authorship.SENT)
        return Evidence(
            id_of(request),
            Requested(id_of(request), request, packed),
            (),
            RequestStatus(Status.ANSWERED, 1, 1_000, bytes(25), delivered=False),
            None if published is None else ModelPublished(ModelId(about.id), OPERATOR, about.onnx_digest, about, ()),
            1,
            seen,
            None,
            None,
            None,
            None,
            disputes=True,
            head=3,
            now=1_001,
        )

    return make


def test_a_right_answer_is_right(show: Show, file: Path) -> None:
    """File and program are the published ones, and the answer is within the tolerance."""
    found = judged(show(Y + np.float32(0.5)), file, None)
    assert (found.is_right, found.reason, found.same_file, found.same_program) == (True, None, True, True)


def test_a_wrong_answer_is_wrong(show: Show, file: Path) -> None:
    """One element beyond the tolerance is enough."""
    found = judged(show(Y + np.array([[0, 0.75, 0, 0]], np.float32)), file, None)
    assert found.is_right is False
    assert found.checked is not None
    assert [each.index for each in found.checked.wrong] == [(0, 1)]


def test_a_file_with_other_bytes_and_the_same_program_judges_as_well(show: Show, tmp_path: Path) -> None:
    """The program is authoritative: a comment in the file changes its digest, and nothing else."""
    other = write(tmp_path / "other.onnx", doc="another comment")
    found = judged(show(), other, None)
    assert (found.is_right, found.same_file, found.same_program) == (True, False, True)


def test_another_model_judges_nothing(show: Show, tmp_path: Path) -> None:
    """Its canonical result is about something else, however right it looks."""
    found = judged(show(), write(tmp_path / "other.onnx", "Abs"), None)
    assert (found.is_right, found.same_file, found.same_program) == (None, False, False)
    assert "another model" in (found.reason or "")


def test_attack_69_a_famous_file_beside_a_poisoned_program_is_told(show: Show, model: Model, file: Path) -> None:
    """The digest is a claim: compiled again, the file shows that the program is not its."""
    found = judged(show(published=replace(model, program_root=b"\1" * 32)), file, None)
    assert (found.is_right, found.same_file, found.same_program) == (None, True, False)
    assert "do not rely on this model" in (found.reason or "")


def test_what_cannot_be_judged_has_a_reason(show: Show, model: Model, file: Path, tmp_path: Path) -> None:
    """Never a guess: without tolerance, program or input nobody can say what is right."""
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(b"\xff" * 100)
    for evidence, path, words in (
        (show(published=None), file, "not published here"),
        (show(published=replace(model, program_root=bytes(32))), file, "without a program"),
        (show(published=replace(model, node_count=7)), file, "contradicts its own program"),
        (show(published=replace(model, worst_leaf_gas=7)), file, "contradicts its own program"),
        (show(roots=True), file, "give it with --input"),
        (show(), garbage, "does not compile"),
        (replace(show(), published=replace(show().published, model=None)), file, "does not know"),
    ):
        found = judged(evidence, path, None)
        assert (found.checked, found.is_right) == (None, None)
        assert words in (found.reason or "")
        assert conclude(evidence, found).verdict is Verdict.UNJUDGED
    with pytest.raises(ModelError, match="no model file"):
        judged(show(), tmp_path / "none.onnx", None)


def test_an_input_that_is_not_on_the_chain_is_taken_if_it_has_the_requests_roots(
    show: Show, file: Path, tmp_path: Path
) -> None:
    """Any other input would judge another question."""
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "other.npy", X + 1)
    assert judged(show(roots=True), file, tmp_path / "x.npy").is_right
    with pytest.raises(InputError, match="its roots are others"):
        judged(show(roots=True), file, tmp_path / "other.npy")


def test_a_request_without_an_answer_still_shows_which_model_it_is(show: Show, file: Path) -> None:
    """The file is compared all the same."""
    found = judged(show(None), file, None)
    assert (found.same_program, found.checked, found.reason) == (True, None, None)


def test_the_verdict_is_told_with_what_it_rests_on(show: Show, file: Path) -> None:
    """For people and for programs alike: both values, who can change it until when, and what is not proven."""
    evidence = show(Y + np.array([[0, 0.75, 0, 0]], np.float32))
    found = conclude(evidence, judged(evidence, file, None))
    assert (found.verdict, found.standing) == (Verdict.WRONG_OPEN, Standing.CHALLENGEABLE)
    shown = "\n".join(f"{name} {text}" for name, text in lines(found))
    assert "WRONG, AND IT CAN STILL BE REFUTED: 1 element is beyond the tolerance" in shown
    assert "element [0, 1]: 0.75 (0x3f400000), canonically 0.0 (0x00000000), 0.5 allowed" in shown
    assert "self-declared: nothing proves it" in shown
    told = to_json(found, "http://node")
    assert (told["exit_code"], told["right"], told["wrong_elements"]) == (21, False, 1)
    assert told["first_wrong"][0]["answer_bits"] == "0x3f400000"
    assert told["changeable_until"] == 1_000 + evidence.requested.request.policy.window
    assert told["not_proven"] == not_proven(found, "http://node")


def test_what_is_not_proven_depends_on_what_was_found(show: Show, file: Path) -> None:
    """A warning that always stands there is read by nobody."""
    evidence = show()
    right = conclude(evidence, judged(evidence, file, None))
    text = " ".join(not_proven(right, "http://node"))
    assert "as http://node shows it" in text
    assert "within the tolerance" in text
    assert "does not say which blocks are final" in text
    assert "does not defend a right answer" in text
    kept = replace(evidence, finalized=False)
    assert "a reorg can still remove it" in " ".join(not_proven(replace(right, evidence=kept), "x"))
    sure = replace(right, evidence=replace(evidence, finalized=True), verdict=Verdict.RIGHT_FINAL)
    text = " ".join(not_proven(sure, "x"))
    assert "keeps the answer's block" not in text
    assert "does not defend" not in text
    unjudged = replace(right, judged=Judged("why", None), verdict=Verdict.UNJUDGED)
    assert "within the tolerance" not in " ".join(not_proven(unjudged, "x"))
    assert ("verdict", "NOT JUDGED: why") in lines(unjudged)
