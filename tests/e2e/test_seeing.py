"""`assay watch` and `assay dispute` on a real chain, while a liar is convicted and after."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from oracle.chain.events import Claimed, Proven
from oracle.chain.protocol import GWEI
from oracle.chain.sender import Sender
from oracle.demo.devnet import Devnet
from tests.adversary import liars
from tests.adversary.scenes import Scene
from tests.e2e.asking import Asker
from tests.e2e.test_challenger import challenger, digits, hidden, lied, sender, wait

__all__ = ["digits", "sender"]


def assay(devnet: Devnet, *command: str) -> str:
    """What a command prints that needs no key."""
    line = [sys.executable, "-m", "oracle.cli", "--config", str(devnet.config), *command]
    return subprocess.run(line, capture_output=True, check=True, text=True).stdout


def test_a_conviction_is_seen_live_listed_and_shown_move_by_move(
    devnet: Devnet, digits: tuple[Asker, Scene], sender: Sender, tmp_path: Path
) -> None:
    """From the request's clock to the element in decimal and hex, from logs and the ONNX file alone."""
    _, scene = digits
    node = hidden(scene)
    liar = lied(digits, sender, liars.shifted(scene, node, 3, by=1 << 24))
    before = json.loads(assay(devnet, "watch", "--once", "--json"))
    assert [(each["status"], each["clock"] > 0) for each in before["requests"]] == [("ANSWERED", True)]
    assert before["games"] == []
    follow = [sys.executable, "-m", "oracle.cli", "--config", str(devnet.config), "watch", "--json"]
    with (
        (tmp_path / "seen").open("w") as seen,
        subprocess.Popen(follow, stdout=seen, text=True) as watcher,
        challenger(devnet) as worker,
    ):
        wait(liar, lambda: bool(liar.events(Claimed)), "the claim")
        worker.end()
        wait(liar, lambda: '"Claimed"' in (tmp_path / "seen").read_text(), "the claim in what was seen", 20)
        watcher.terminate()
    moves = ["Challenged", "TracePosted", "Demanded", "Revealed", "Proven", "Claimed"]
    events = [json.loads(line)["event"] for line in (tmp_path / "seen").read_text().splitlines()]
    assert [event for event in events if event in moves] == moves
    _check_shown(devnet, scene, node, liar.game.hex())
    (listed,) = json.loads(assay(devnet, "dispute", "list", "--json"))
    assert (listed["game_id"], listed["verdict"]) == ("0x" + liar.game.hex(), "REFUTED")
    assert json.loads(assay(devnet, "dispute", "list", "--open", "--json")) == []
    assert len(liar.events(Proven)) == 1


def _check_shown(devnet: Devnet, scene: Scene, node: int, game: str) -> None:
    command = ("dispute", "show", game[:8], "--model", str(devnet.models["digits"].path))
    shown: dict[str, Any] = json.loads(assay(devnet, *command, "--json"))
    proof = next(each for each in shown["moves"] if each["move"] == "Proven")
    right = scene.tensors[node].reshape(-1)[3]
    given = (right.view(np.uint32) + np.uint32(1 << 24)).view(np.float32)
    assert (proof["node"], proof["element"], proof["fault"]) == (node, 3, "STEP")
    for name, value in (("operators", given), ("right", right)):
        assert proof["values"][name] == {"decimal": str(value), "hex": f"0x{int(value.view(np.uint32)):08x}"}
    assert all(each["gas_used"] > 21_000 and each["sender"] for each in shown["moves"])
    paid = shown["payments"]
    assert sum(int(each["wei"]) for each in paid[:3]) == int(shown["operator_bond"])
    assert int(shown["operator_bond"]) % GWEI == 0
    words = assay(devnet, *command)
    assert str(right) in words
    assert "standing" in words
