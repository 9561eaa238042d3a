"""A challenger as a process of its own against an operator that lies, on a real chain, judged by the real contracts."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from oracle.canonical.bundle import write_bundle
from oracle.canonical.model import Model
from oracle.canonical.program.node import Kind
from oracle.chain.anvil import dev_account
from oracle.chain.calls import RegistryContract
from oracle.chain.dispute import DisputeContract
from oracle.chain.events import Challenged, Claimed, Demanded, Proven, TraceForfeited
from oracle.chain.fees import FeeRules
from oracle.chain.protocol import GWEI, Fault, ModelId, Request, Status
from oracle.chain.sender import Sender
from oracle.chain.signer import KeySigner
from oracle.demo.devnet import Devnet
from oracle.demo.processes import Worker
from oracle.demo.samples import digit_images, sample_model
from oracle.inference.canonical_model import compile_model
from oracle.inference.compiling import compile_file
from oracle.inference.model_file import load_model_file
from oracle.store.database import Store
from tests.adversary import liars
from tests.adversary.liars import Lie
from tests.adversary.scenes import Scene
from tests.e2e.asking import Asker
from tests.e2e.liar import Liar, scene_of

TIMES = {"window": 60, "trace_time": 60, "move_time": 60, "proof_period": 60}


@pytest.fixture(scope="module", autouse=True)
def settings(devnet: Devnet) -> None:
    """Credit stays where it is, to be looked at; mirrors on this machine are asked."""
    with devnet.config.open("a") as config:
        config.write('\n[challenger]\ncollect_above_gwei = 1000000000000\nallow_local = true\nbundles = "bundles"\n')


@pytest.fixture(scope="module")
def digits(devnet: Devnet, asker: Asker) -> tuple[Asker, Scene]:
    """Who asks the digits model about a scan, and the scene of it."""
    program = compile_model(load_model_file(devnet.models["digits"].path))
    model: Model = sample_model("digits", program)
    assert f"0x{model.id.hex()}" == devnet.models["digits"].model_id
    packed = digit_images([0])[0].tensors[0].astype(">f4").tobytes()
    return replace(asker, model_id=ModelId(model.id), packed=packed), scene_of(model, program, packed)


@pytest.fixture
def sender(asker: Asker, tmp_path: Path) -> Iterator[Sender]:
    """The liar's: the account of operator-2, which has a stake."""
    store = Store.open(f"sqlite:///{tmp_path / 'liar.db'}")
    try:
        yield Sender(asker.provider, KeySigner(dev_account(2)), store, FeeRules())
    finally:
        store.close()


@contextmanager
def challenger(devnet: Devnet, *flags: str) -> Iterator[Worker]:
    """A running challenger of the digits model."""
    command = ("challenger", "--model", str(devnet.models["digits"].path), *flags)
    with Worker.start("challenger", command, devnet.config, devnet.config.parent) as worker:
        yield worker


def lied(digits: tuple[Asker, Scene], sender: Sender, lie: Lie, **terms: int) -> Liar:
    """A request that the liar alone may answer, answered with a lie."""
    asker, _ = digits
    (asked,) = asker.ask(1, operator=sender.address, **(TIMES | terms))
    (request,) = [event.request for event in asker.events() if getattr(event, "request_id", None) == asked]
    assert isinstance(request, Request)
    dispute = DisputeContract(asker.devnet.deployment.dispute)
    liar = Liar(sender, asker.oracle, dispute, request, lie)
    liar.answer()
    return liar


def hidden(scene: Scene) -> int:
    """The largest node that computes something: a hidden layer."""
    nodes = scene.program.nodes
    return max((k for k, n in enumerate(nodes) if n.kind not in (Kind.INPUT, Kind.CONST)), key=lambda k: nodes[k].count)


def wait(liar: Liar, found: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Let the liar do its part until something holds, else fail."""
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        liar.step()
        time.sleep(0.1)


def told(devnet: Devnet, *command: str) -> dict[str, str]:
    """What a command of the challenger's account prints."""
    line = [
        sys.executable,
        "-m",
        "oracle.cli",
        "--config",
        str(devnet.config),
        "--as",
        "challenger",
        *command,
        "--json",
    ]
    found: dict[str, str] = json.loads(subprocess.run(line, capture_output=True, check=True, text=True).stdout)
    return found


def kill(worker: Worker) -> None:
    """End it without a chance to tidy."""
    worker.process.kill()
    worker.process.wait()


def test_attack_48_a_challenger_killed_at_every_stage_convicts_a_liar_and_is_paid(
    devnet: Devnet, digits: tuple[Asker, Scene], sender: Sender
) -> None:
    """Killed when it has challenged, when it has demanded, and before it claims: the chain tells it where it was."""
    asker, scene = digits
    me, provider = devnet.accounts["challenger"].address, asker.provider
    before = asker.oracle.stake_of(provider, me).balance
    lie = liars.shifted(scene, hidden(scene), 3, by=1 << 24)
    assert lie.answer != scene.answer
    liar = lied(digits, sender, lie)
    with challenger(devnet) as worker:
        wait(liar, lambda: bool(liar.events(Challenged)), "the challenge")
        kill(worker)
    with challenger(devnet) as worker:
        wait(liar, lambda: bool(liar.events(Demanded)), "a demand")
        kill(worker)
    with challenger(devnet) as worker:
        wait(liar, lambda: bool(liar.events(Proven)), "the proof")
        kill(worker)
    with challenger(devnet) as worker:
        wait(liar, lambda: bool(worker.events("started")), "the start")  # the one before may have claimed already
        wait(liar, lambda: bool(liar.events(Claimed)), "the claim")
        worker.end()
    (proven,) = liar.events(Proven)
    assert (proven.prover, proven.finder, proven.fault) == (me, me, Fault.STEP)
    assert proven.tensor == hidden(scene)
    assert [each.opener for each in liar.events(Challenged)] == [me]
    request_id = liar.request.id(provider.chain_id, asker.oracle.address)
    assert asker.statuses([request_id]) == [Status.EXPIRED]
    share = liar.request.policy.operator_bond * GWEI // 2
    assert asker.oracle.stake_of(provider, me).balance == before + share
    assert liar.events(Claimed)[0].amount == liar.request.policy.challenger_bond * GWEI


def test_attack_55_an_operator_convicts_another_by_default(
    devnet: Devnet, digits: tuple[Asker, Scene], sender: Sender
) -> None:
    """Nobody is paid to watch where nobody cheats, so whoever serves a model watches it without being asked to."""
    _, scene = digits
    liar = lied(digits, sender, liars.wrong_answer(scene, 0, 1))
    command = ("operator", "--model", str(devnet.models["digits"].path))
    with Worker.start("operator-1", command, devnet.config, devnet.config.parent) as worker:
        wait(liar, lambda: bool(liar.events(Claimed)), "the claim")
        worker.end()
    (proven,) = liar.events(Proven)
    assert (proven.prover, proven.fault) == (devnet.accounts["operator-1"].address, Fault.ANSWER)


def test_attack_38_a_liar_that_shows_nothing_is_forfeited_by_the_challenger(
    devnet: Devnet, digits: tuple[Asker, Scene], sender: Sender
) -> None:
    """Silence is no way out, at the trace as little as at a demand; and a dry run before sends nothing."""
    _, scene = digits
    liar = lied(digits, sender, liars.shifted(scene, hidden(scene), 3, by=1 << 24), trace_time=5)
    liar.posts = False
    with challenger(devnet, "--dry-run") as worker:
        wait(liar, lambda: bool(worker.events("would_move")), "what it would do")
        worker.end()
    assert worker.events("would_move")[0]["move"].startswith("challenge the answer to request")
    assert liar.events(Challenged) == []
    before = int(told(devnet, "balance")["credit_wei"])
    with challenger(devnet) as worker:
        wait(liar, lambda: bool(liar.events(Claimed)), "the claim")
        worker.end()
    assert len(liar.events(TraceForfeited)) == 1
    credit = str(before + liar.request.policy.challenger_bond * GWEI)
    assert told(devnet, "balance")["credit_wei"] == credit
    assert told(devnet, "withdraw", "all", "--credit")["withdrawn_wei"] == credit
    assert told(devnet, "balance")["credit_wei"] == "0"


def test_a_challenger_that_is_given_nothing_fetches_what_is_announced(
    devnet: Devnet, digits: tuple[Asker, Scene], sender: Sender, tmp_path: Path
) -> None:
    """Anybody can watch everything: a mirror of the bundle is all there must be."""
    asker, scene = digits
    bundle = compile_file(devnet.models["digits"].path)
    tolerances = {
        name: (spec.atol, spec.rtol) for name, spec in zip(bundle.output_names, scene.model.outputs, strict=True)
    }
    write_bundle(tmp_path / "digits.assay", bundle.with_tolerances(tolerances))
    serve = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}/digits.assay"
        registry = RegistryContract(devnet.deployment.registry)
        sender.execute(registry.add_mirrors(asker.model_id, [uri]), purpose="other")
        liar = lied(digits, sender, liars.wrong_answer(scene, 0, 1))
        with Worker.start("challenger", ["challenger"], devnet.config, devnet.config.parent) as worker:
            wait(liar, lambda: bool(liar.events(Claimed)), "the claim")
            worker.end()
        server.shutdown()
    assert [each.prover for each in liar.events(Proven)] == [devnet.accounts["challenger"].address]
    assert (devnet.config.parent / "bundles" / f"{asker.model_id.hex()}.assay").is_file()
