"""`assay verify` on a real chain: true stories, each told apart by its exit code, from an endpoint and a file alone."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from eth_utils.crypto import keccak

from oracle.canonical.model import Model
from oracle.canonical.posted import Posted
from oracle.canonical.pursuit import AnswerClaim, Case, pursue
from oracle.canonical.tensor import decode, encode
from oracle.canonical.tracing import trace_of
from oracle.chain.anvil import dev_account
from oracle.chain.calls import Answer, Call
from oracle.chain.deploy import LOCAL
from oracle.chain.policy import sensible_policy
from oracle.chain.protocol import GWEI, AnswerRef, InputKind, ModelId, Request, Subject, answer_typed_data
from oracle.chain.sender import Sender
from oracle.chain.signer import KeySigner
from oracle.cli.catalogue import published
from oracle.demo.devnet import ROLES, Devnet
from oracle.demo.samples import credit_applicants, model_path
from oracle.errors import InputError
from oracle.inference.canonical_model import CanonicalModel, from_bundle
from oracle.inference.environment import Manifest, this_environment
from oracle.inference.recompiling import recompile
from oracle.services.context import Chain, open_chain, open_sender
from oracle.services.verdict import Verdict
from tests.e2e.test_cli import Outcome, assay

LONG = 3_600
"""A window nobody waits for."""


@dataclass(frozen=True)
class Scene:
    """A devnet with a requester, an operator and a challenger, who do as they are told."""

    devnet: Devnet
    chain: Chain
    senders: dict[str, Sender]
    model: Model
    program: CanonicalModel
    manifest: Manifest
    packed: bytes

    @property
    def right(self) -> bytes:
        """The canonical answer."""
        return encode(self.program.run(decode(self.packed, self.model.inputs)), self.model.output_tensors)

    @property
    def wrong(self) -> bytes:
        """The same with one element shifted by one and a half times what is allowed."""
        (shares,) = decode(self.right, self.model.output_tensors)
        shifted = shares.copy()
        shifted.reshape(-1)[1] += np.float32(1.5e-4)
        return encode([shifted], self.model.output_tensors)

    def does(self, role: str, call: Call) -> None:
        """Send and wait until it is mined."""
        self.senders[role].execute(call, purpose="test")

    def ask(self, *, window: int, **terms: int) -> Request:
        """A request by the requester, open to all."""
        policy = replace(sensible_policy(LOCAL, GWEI, answer_time=LONG, window=window), **terms)
        sender = self.senders["requester"]
        salt = time.time_ns().to_bytes(32, "big")
        request = Request(sender.address, salt, ModelId(self.model.id), InputKind.BYTES, keccak(self.packed), policy)
        self.does("requester", self.chain.oracle.request(request, self.packed))
        return request

    def answer(self, request: Request, output: bytes, *, relayed: bool = False) -> Subject:
        """An answer to its first attempt by the operator; `relayed`: signed by it and sent by the requester."""
        operator, manifest = self.senders["operator-1"], self.manifest
        answer = Answer(request, 1, output)
        hashes = manifest.software_hash, manifest.manifest_hash
        ref = AnswerRef(operator.address, manifest.environment, keccak(output))
        if relayed:
            until = 2**40
            oracle = self.chain.oracle.address
            message = answer_typed_data(self.chain.provider.chain_id, oracle, request, 1, ref, until)
            signature = key("operator-1").sign_typed_data(message)
            call = self.chain.oracle.answer_for(answer, *hashes, operator.address, until, signature)
            self.does("requester", call)
        else:
            self.does("operator-1", self.chain.oracle.answer(answer, *hashes))
        return Subject(request, ref, 1)

    def challenge(self, subject: Subject) -> None:
        """Open a game over an answer."""
        bond = subject.request.policy.challenger_bond * GWEI
        assert self.chain.dispute is not None
        self.does("challenger", self.chain.dispute.challenge(subject.request, subject.ref, self.model, bond))

    def later(self, seconds: int) -> None:
        """Let time pass on the chain."""
        self.devnet.anvil.rpc("evm_increaseTime", seconds)
        self.devnet.anvil.rpc("evm_mine")

    def verify(self, request: Request, *options: object, file: Path | None = None) -> Outcome:
        """`assay verify`, without a configuration file: an endpoint and the ONNX file."""
        settings = self.devnet.settings.chain
        where = ("--chain-id", settings.chain_id, "--oracle", settings.oracle, "--registry", settings.registry)
        request_id = request.id(self.chain.provider.chain_id, self.chain.oracle.address)
        chosen = ("--model", file or model_path("credit"), "--rpc", settings.rpc[0], *where)
        return assay("verify", f"0x{request_id.hex()}", *chosen, *options)

    def told(self, request: Request, verdict: Verdict, *options: object, file: Path | None = None) -> dict:
        """Its JSON; the exit code is the verdict's."""
        outcome = self.verify(request, "--json", *options, file=file)
        assert outcome.code == int(verdict), (outcome.out, outcome.err)
        found = json.loads(outcome.out)
        assert (found["verdict"], found["exit_code"]) == (verdict.name, int(verdict))
        return found


def key(role: str) -> KeySigner:
    """A devnet role's key."""
    return KeySigner(dev_account(ROLES.index(role)))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A devnet whose operator has announced its environment."""
    manifest = this_environment(threads=1, provider="CPUExecutionProvider", optimisation_level="all")
    with ExitStack() as stack:
        devnet = stack.enter_context(Devnet.start(tmp_path_factory.mktemp("verify")))
        chain = stack.enter_context(open_chain(devnet.settings))
        senders = {
            role: stack.enter_context(open_sender(chain, key(role)))
            for role in ("requester", "operator-1", "challenger")
        }
        (listing,) = [each for each in published(chain) if each.name == "credit"]
        assert listing.model is not None
        program = from_bundle(recompile(model_path("credit"), listing.model))
        packed = encode(credit_applicants(range(1))[0].tensors, listing.model.inputs)
        made = Scene(devnet, chain, senders, listing.model, program, manifest, packed)
        made.does("operator-1", chain.registry.publish_environment(manifest.encode()))
        yield made


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without any configuration."""
    monkeypatch.chdir(tmp_path)


def test_a_right_answer_is_provisional_then_final(scene: Scene) -> None:
    """The usual story: the model compiled again, the environment named, the signature's origin, and the window."""
    request = scene.ask(window=LONG)
    scene.answer(request, scene.right)
    waiting = scene.told(request, Verdict.RIGHT_PROVISIONAL)
    policy = request.policy
    assert waiting["standing"] == "CHALLENGEABLE"
    assert waiting["changeable_until"] == waiting["answer"]["time"] + policy.window
    assert any("does not defend" in each for each in waiting["not_proven"])
    scene.later(LONG)
    assert scene.told(request, Verdict.RIGHT_PROVISIONAL)["standing"] == "UNCHALLENGED"
    ref = AnswerRef(scene.senders["operator-1"].address, scene.manifest.environment, keccak(scene.right))
    scene.does("challenger", scene.chain.oracle.settle(request, ref))
    found = scene.told(request, Verdict.RIGHT_FINAL)
    assert (found["right"], found["wrong_elements"], found["standing"], found["game"]) == (True, 0, "FINAL", None)
    assert (found["model"]["same_program"], found["model"]["same_file"]) == (True, True)
    assert found["model"]["compiled_program_root"] == f"0x{scene.model.program_root.hex()}"
    assert found["answer"]["authorship"] == "sent"
    assert found["answer"]["manifest_fits"] is True
    assert json.loads(found["answer"]["manifest"]) == json.loads(scene.manifest.encode())
    shown = scene.verify(request)
    assert shown.code == 0
    assert "RIGHT, AND FINAL" in shown.out
    assert "nobody: it is final" in shown.out
    assert "Not proven:" in shown.out


def test_a_wrong_answer_in_its_window_is_refuted_by_a_proof(scene: Scene) -> None:
    """Wrong and open, wrong and disputed, wrong and refuted: with the very element, and what became of the request."""
    request = scene.ask(window=LONG)
    subject = scene.answer(request, scene.wrong)
    found = scene.told(request, Verdict.WRONG_OPEN)
    assert (found["right"], found["wrong_elements"], found["standing"]) == (False, 1, "CHALLENGEABLE")
    (element,) = found["first_wrong"]
    assert element["index"] == [0, 1]
    assert element["answer_bits"] != element["canonical_bits"]

    scene.challenge(subject)
    found = scene.told(request, Verdict.WRONG_OPEN)
    assert (found["standing"], found["game"]["verdict"]) == ("DISPUTED", "OPEN")
    assert found["changeable_until"] == found["game"]["challenged_at"] + request.policy.trace_time
    assert "must post the trace" in found["changeable_by"]

    dispute = scene.chain.dispute
    assert dispute is not None
    trace = trace_of(scene.program.plan, scene.model.inputs, scene.packed)
    scene.does("operator-1", dispute.post_trace(subject, trace.root, trace.roots))
    found = scene.told(request, Verdict.WRONG_OPEN)
    assert "proves a fault" in found["changeable_by"]

    posted = Posted(scene.program.plan.program, trace.root, trace.roots)
    move = pursue(trace, posted, Case(scene.model, scene.packed, scene.wrong))
    assert isinstance(move, AnswerClaim)
    scene.does("challenger", dispute.prove_answer(subject, scene.model, scene.wrong, move.element))
    found = scene.told(request, Verdict.WRONG_STRUCK)
    assert (found["standing"], found["game"]["verdict"], found["game"]["ending"]) == ("REFUTED", "REFUTED", "Proven")
    assert found["answer"]["finder"] == scene.senders["challenger"].address
    assert "WRONG, AND REFUTED" in scene.verify(request).out


def test_a_wrong_answer_that_nobody_watched_became_final(scene: Scene) -> None:
    """The one that must never happen where somebody watches: said as plainly as it can be."""
    request = scene.ask(window=10)
    subject = scene.answer(request, scene.wrong, relayed=True)
    scene.later(10)
    found = scene.told(request, Verdict.WRONG_FINAL)
    assert found["standing"] == "UNCHALLENGED"
    scene.does("requester", scene.chain.oracle.settle(request, subject.ref))
    found = scene.told(request, Verdict.WRONG_FINAL)
    assert (found["right"], found["standing"], found["game"]) == (False, "FINAL", None)
    assert found["answer"]["authorship"] == "signed"
    shown = scene.verify(request)
    assert shown.code == int(Verdict.WRONG_FINAL)
    assert "NOBODY REFUTED IT IN TIME: 1 element is beyond the tolerance" in shown.out
    assert "the operator's signature, which was checked here" in shown.out


def test_a_right_answer_that_its_operator_left_alone_is_refuted_all_the_same(scene: Scene) -> None:
    """Silence loses: the answer was right, and the reader must not conclude that it was wrong."""
    request = scene.ask(window=LONG, trace_time=5)
    subject = scene.answer(request, scene.right)
    scene.challenge(subject)
    assert scene.told(request, Verdict.RIGHT_PROVISIONAL)["standing"] == "DISPUTED"
    scene.later(5)
    assert scene.chain.dispute is not None
    scene.does("challenger", scene.chain.dispute.forfeit_trace(subject))
    found = scene.told(request, Verdict.RIGHT_STRUCK)
    assert (found["right"], found["standing"], found["game"]["ending"]) == (True, "REFUTED", "TraceForfeited")


def test_an_upheld_answer_is_final_with_its_dispute(scene: Scene) -> None:
    """A malicious challenger: the answer was right, was defended, and the dispute is told."""
    request = scene.ask(window=20, trace_time=LONG, proof_period=5, move_time=5)
    subject = scene.answer(request, scene.right)
    scene.challenge(subject)
    assert scene.chain.dispute is not None
    trace = trace_of(scene.program.plan, scene.model.inputs, scene.packed)
    scene.does("operator-1", scene.chain.dispute.post_trace(subject, trace.root, trace.roots))
    scene.later(40)
    assert scene.told(request, Verdict.RIGHT_PROVISIONAL)["standing"] == "WON"
    scene.does("challenger", scene.chain.dispute.resolve(subject))
    found = scene.told(request, Verdict.RIGHT_FINAL)
    assert (found["game"]["verdict"], found["game"]["ending"]) == ("UPHELD", "Upheld")


def test_a_request_without_an_answer_has_none(scene: Scene) -> None:
    """Waiting, then expired."""
    request = scene.ask(window=10, answer_time=30)
    assert scene.told(request, Verdict.NO_ANSWER)["standing"] == "NONE"
    scene.later(30)
    scene.does("challenger", scene.chain.oracle.expire(request))
    assert scene.told(request, Verdict.NO_ANSWER)["standing"] == "EXPIRED"


def test_another_models_file_judges_nothing(scene: Scene) -> None:
    """Neither right nor wrong: the reason is told."""
    request = scene.ask(window=LONG)
    scene.answer(request, scene.right)
    found = scene.told(request, Verdict.UNJUDGED, file=model_path("digits"))
    assert found["right"] is None
    assert "does not compile to the published model" in found["reason"]


def test_what_is_asked_for_must_exist(scene: Scene) -> None:
    """A mistyped id or attempt is the caller's error, not a verdict."""
    request = scene.ask(window=LONG)
    scene.answer(request, scene.right)
    missing = scene.verify(request, "--attempt", 2)
    assert missing.code == InputError.exit_code
    assert "Attempt 2" in missing.err
    assert missing.out == ""
    assert scene.told(request, Verdict.RIGHT_PROVISIONAL, "--attempt", 1)["answer"]["attempts"] == 1


def test_nothing_comes_from_a_database(scene: Scene, tmp_path: Path) -> None:
    """No file is read but the model's, and none is left behind."""
    request = scene.ask(window=LONG)
    scene.answer(request, scene.right)
    scene.told(request, Verdict.RIGHT_PROVISIONAL)
    assert list(tmp_path.iterdir()) == []


def test_how_many_hands_is_counted_from_the_chain(scene: Scene) -> None:
    """The same events, counted by another program: shares, bonds, challenges, and who was refuted by whom."""
    request = scene.ask(window=LONG, trace_time=5)
    subject = scene.answer(request, scene.wrong)
    scene.challenge(subject)
    scene.later(5)
    assert scene.chain.dispute is not None
    scene.does("challenger", scene.chain.dispute.forfeit_trace(subject))
    config = ("--config", scene.devnet.config)
    found = json.loads(assay(*config, "concentration", "--json").out)
    operator, challenger = (scene.senders[role].address for role in ("operator-1", "challenger"))
    spreads = found["spreads"]
    assert spreads["answers"]["shares"] == {operator: 1.0}
    assert spreads["challenges"]["shares"] == spreads["refutations"]["shares"] == {challenger: 1.0}
    assert spreads["refuted_answers"]["shares"] == {operator: 1.0}
    assert (spreads["answers"]["effective_number"], spreads["answers"]["nakamoto"]) == (1.0, 1)
    challenged = spreads["challenges"]["total"]
    assert spreads["challenger_bonds_gwei"]["total"] == challenged * request.policy.challenger_bond
    assert found["requests_that_named_their_operator"] == 0.0
    later = json.loads(assay(*config, "concentration", "--json", "--from-block", found["to_block"] + 1).out)
    assert later["spreads"]["answers"]["total"] == 0
    assert "100.0%" in assay(*config, "concentration").out
