"""The command line against a real devnet: every command once, and what goes wrong as a sentence and an exit code."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oracle.cli.main import run
from oracle.demo.devnet import Devnet
from oracle.demo.samples import credit_applicants, model_path
from oracle.errors import (
    ChainError,
    ConfigError,
    EndedWithoutAnswer,
    FundsError,
    InputError,
    ModelError,
    RejectedError,
    SignerError,
    WaitTimeout,
)
from oracle.services.run import run_keeper, run_operator

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON value and nothing else."""
        assert self.code == 0, self.err
        return json.loads(self.out)


def assay(*arguments: object) -> Outcome:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


def refused(outcome: Outcome, kind: type, *words: str) -> None:
    """The outcome is the error's exit code and a sentence with these words; nothing is on standard output."""
    assert outcome.code == kind.exit_code, outcome
    assert outcome.out == ""
    assert "Error: " in outcome.err
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err, outcome.err


@dataclass(frozen=True, slots=True)
class Net:
    """A devnet, and files to ask with."""

    devnet: Devnet
    folder: Path

    def run(self, *arguments: object, role: str | None = None) -> Outcome:
        """A command on this devnet."""
        acting = ("--as", role) if role else ()
        return assay("--config", self.devnet.config, *acting, *arguments)

    @property
    def input(self) -> Path:
        """An applicant for credit."""
        return self.folder / "somebody.json"

    @contextlib.contextmanager
    def serving(self, role: str = "operator-1", *, max_bond: int = 10**9) -> Iterator[None]:
        """An operator and a keeper, in threads of this process."""
        stop = threading.Event()
        threads = []
        for name, service in ((role, run_operator), ("keeper", run_keeper)):
            account = self.devnet.accounts[name]
            base = self.devnet.settings
            settings = base.model_copy(
                update={
                    "signer": base.signer.model_copy(update={"keystore": account.keystore}),
                    "store": base.store.model_copy(update={"path": self.folder / f"{name}.db"}),
                    "operator": base.operator.model_copy(update={"max_bond_gwei": max_bond}),
                }
            )
            threads.append(threading.Thread(target=service, args=(settings,), kwargs={"stop": stop}))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    """A devnet with blocks every second."""
    folder = tmp_path_factory.mktemp("cli")
    applicant = credit_applicants([3])[0].tensors[0]
    (folder / "somebody.json").write_text(json.dumps(applicant.tolist()))
    with Devnet.start(folder) as devnet:
        yield Net(devnet, folder)


def test_a_request_is_seen_through_to_its_answer(net: Net) -> None:
    """The whole promise of the CLI: ask, wait, read the answer; then find it again with all that happened."""
    with net.serving():
        asked = net.run("request", "credit", "--input", net.input, "--window", 2, "--wait", "--json").json
    assert asked["status"] == "FINAL"
    assert asked["answer"].startswith("approve: 93 %")
    assert asked["outputs"][0]["shape"] == [1, 3]
    assert asked["answered_by"] == net.devnet.accounts["operator-1"].address

    told = net.run("status", asked["request_id"][:12], "--json").json
    assert (told["status"], told["input_kind"], told["model"]) == ("FINAL", "BYTES", "credit")
    assert [event["event"] for event in told["history"]] == ["Requested", "Answered", "Settled"]
    assert all(event["gas_used"] > 21_000 and event["sender"] for event in told["history"])
    assert told["answer"]["environment"] == "self-declared"

    shown = net.run("status", asked["request_id"])
    assert "self-declared" in shown.out
    assert net.run("model", "show", "credit", "--json").json["program_root"] in shown.out
    assert "BYTES: 128 bytes" in shown.out
    assert asked["request_id"] in [each["request_id"] for each in net.run("status", "--json").json]
    assert "approve: 93" in net.run("status").out

    replay = ("replay", "--role", "operator", "--from-block", 0, "--store", net.folder / "operator-1.db", "--json")
    assert net.run(*replay).code == 0  # what came after the operator stopped may be new to it
    assert net.run(*replay).json == {"role": "operator", "from_block": 0, "new_events": 0}


def test_locked_money_cannot_be_withdrawn(net: Net) -> None:
    """A bond stands behind an answer until its window ends; the refusal says so before gas is spent."""
    with net.serving():
        terms = ("--window", 600, "--bond", 10**9)
        waited = net.run("request", "credit", "-i", net.input, *terms, "--wait", "--timeout", 10)
    assert waited.code == WaitTimeout.exit_code
    assert "ANSWERED, not final" in waited.err
    before = net.run("balance", "--json", role="operator-1").json
    assert before["locked_wei"] == str(10**18)
    refused(net.run("withdraw", "10", role="operator-1"), FundsError, "1 are locked behind answers")
    taken = net.run("withdraw", "0.5", "--json", role="operator-1").json
    after = net.run("balance", "--json", role="operator-1").json
    assert int(before["stake_wei"]) - int(after["stake_wei"]) == 5 * 10**17 == int(taken["withdrawn_wei"])
    assert "can be challenged for" in net.run("status").out


def test_stake_goes_in_and_out_to_the_wei(net: Net) -> None:
    """Decimals are exact, and `all` leaves nothing."""
    requester = net.devnet.accounts["requester"].address
    assert net.run("deposit", "0.000000000000000003", "--json").json["stake_wei"] == "3"
    assert net.run("balance", requester, "--json").json["free_wei"] == "3"
    assert net.run("withdraw", "all", "--json").json["withdrawn_wei"] == "3"
    refused(net.run("withdraw", "all"), FundsError, "0 ether")
    assert "ether for gas" in net.run("balance").out


def test_an_overdue_request_ends_with_its_own_exit_code(net: Net) -> None:
    """Scripts must tell "no answer" from "not yet": nobody takes a bond above the operators' limit."""
    with net.serving(max_bond=0):
        ended = net.run("request", "credit", "-i", net.input, "--answer-time", 2, "--wait", "--json")
    refused(ended, EndedWithoutAnswer, "EXPIRED", "withdraw all")


def test_models_are_listed_shown_and_published(net: Net) -> None:
    """What is announced can be found by name, id and digest."""
    listed = net.run("model", "list", "--json").json
    assert [each["name"] for each in listed][:2] == ["digits", "credit"]
    one = net.run("model", "show", listed[1]["onnx_digest"][:10], "--json").json
    assert one == listed[1]
    assert one["compiled"] is True
    assert (one["nodes"], one["tolerances"]) == (11, [{"atol": 1e-4, "rtol": 0.0}])
    shown = net.run("model", "show", "credit").out
    assert one["program_root"] in shown
    assert f"{one['worst_leaf_gas']:,} gas" in shown
    digits = ("model", "publish", model_path("digits"), "--json")
    published = net.run(*digits, "--atol", 1e-5, "--uri", "ipfs://x").json
    assert published["model_id"] == listed[0]["model_id"]
    assert net.run("model", "show", "digits", "--json").json["uris"] == ["ipfs://x"]
    plain = net.run(*digits, "--no-program").json
    shown = net.run("model", "show", plain["model_id"], "--json").json
    assert (shown["compiled"], shown["onnx_digest"]) == (False, listed[0]["onnx_digest"])
    assert "not compiled" in net.run("model", "show", plain["model_id"]).out
    assert "digits" in net.run("model", "list").out


def test_doctor_finds_everything_in_order_and_says_what_is_not(net: Net, tmp_path: Path) -> None:
    """An operator runs it before it locks money."""
    report = net.run("doctor", "--json", role="operator-1").json
    assert report["ok"]
    assert {"contracts", "clock", "key", "stake", "registry", "database", "disk space"} <= {
        check["check"] for check in report["checks"]
    }
    models = [check["detail"] for check in report["checks"] if check["check"].startswith("model ")]
    assert len(models) == len(net.devnet.models)
    assert all("onnxruntime agrees with canonical execution" in detail for detail in models)
    poor = net.run("doctor", role="keeper")
    assert poor.code == 1
    assert "✗" in poor.out
    assert "assay deposit" in poor.out
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong")
    locked = assay("--config", net.devnet.config, "--password-file", wrong, "doctor", "--json")
    assert locked.code == 1
    assert "key" in [check["check"] for check in json.loads(locked.out)["checks"] if not check["ok"]]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((1, 31), np.float32), ["shape [1, 31]", "float32[1,32]"]),
        (np.zeros((1, 32), np.float64), ["float64", "float32[1,32]"]),
        (np.zeros((32, 1), np.float32), ["shape [32, 1]"]),
    ],
)
def test_an_input_that_does_not_fit_moves_no_money(net: Net, tmp_path: Path, array: Any, words: list[str]) -> None:
    """Nobody can answer it, and the fee would be locked until it expires."""
    np.save(tmp_path / "x.npy", array)
    before = net.run("balance", "--json").json
    refused(net.run("request", "credit", "--input", tmp_path / "x.npy"), InputError, *words)
    assert net.run("balance", "--json").json == before


def test_packed_bytes_of_a_wrong_length_are_refused(net: Net, tmp_path: Path) -> None:
    """The protocol's own encoding has no header: its length is all there is to check."""
    (tmp_path / "x.bin").write_bytes(bytes(127))
    refused(net.run("request", "credit", "-i", tmp_path / "x.bin"), InputError, "127 bytes", "128")
    refused(net.run("request", "credit", "-i", tmp_path / "none.npy"), InputError, "no input file")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--window", 0], ["window of 0 s", "at least 1 s"]),
        (["--answer-time", 2**31], ["answer time of 2147483648 s"]),
        (["--bond", 1, "--challenger-bond", 1], ["bond of 1 gwei is too small", "gwei or more"]),
        (["--bond", 10**8, "--challenger-bond", 10**8 + 1], ["exceeds the operator's"]),
        (["--fee", 2**48], ["too large"]),
    ],
)
def test_terms_the_oracle_refuses_are_refused_in_words(net: Net, options: list[object], words: list[str]) -> None:
    """Before gas is spent, and with the least value that would pass."""
    net.devnet.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    net.devnet.anvil.rpc("evm_mine")
    refused(net.run("request", "credit", "-i", net.input, *options), RejectedError, *words)


def test_an_unknown_model_is_refused(net: Net) -> None:
    """The fee must not wait for operators nobody is."""
    refused(net.run("request", "nope", "-i", net.input), ModelError, "'nope'", "credit")
    refused(net.run("model", "show", "0xffff"), ModelError, "0xffff")
    refused(net.run("status", "0xffff"), InputError, "0xffff")


@pytest.mark.parametrize(("content", "words"), [(None, "no model file"), (b"", "empty"), (b"\xff" * 100, "not")])
def test_a_model_file_that_is_missing_or_corrupt_is_refused(
    net: Net, tmp_path: Path, content: bytes | None, words: str
) -> None:
    """By `model publish` and `operator` alike, before anything is announced."""
    path = tmp_path / "broken.onnx"
    if content is not None:
        path.write_bytes(content)
    refused(net.run("model", "publish", path), ModelError, words, str(path))
    started = net.run("operator", "--model", path, "--store", tmp_path / "x.db", role="operator-1")
    assert started.code in {ModelError.exit_code, ConfigError.exit_code}
    assert str(path) in started.err


def test_an_account_without_ether_is_told_so(net: Net, tmp_path: Path) -> None:
    """A node's "insufficient funds" does not say whose, or how much."""
    from eth_account import Account

    from oracle.chain.signer import write_keystore

    account = Account.from_key("0x" + "17" * 32)
    write_keystore(tmp_path / "poor.json", account, "pw", iterations=2)
    (tmp_path / "pw").write_text("pw\n")
    key = ("--keystore", tmp_path / "poor.json", "--password-file", tmp_path / "pw")
    refused(assay("--config", net.devnet.config, *key, "request", "credit", "-i", net.input), FundsError, "Fund")
    refused(assay("--config", net.devnet.config, *key, "deposit", "1"), FundsError, "Fund")


def test_a_missing_key_or_a_wrong_password_is_told_apart(net: Net, tmp_path: Path) -> None:
    """What to correct differs."""
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong\n")
    config = ("--config", net.devnet.config)
    refused(assay(*config, "--keystore", tmp_path / "none.json", "deposit", "1"), SignerError, "no keystore")
    refused(assay(*config, "--password-file", wrong, "deposit", "1"), SignerError, "password does not open")
    refused(assay(*config, "--password-file", tmp_path / "none", "deposit", "1"), ConfigError, "cannot be read")
    refused(net.run("deposit", "1", role="operator-9"), ConfigError, "operator-9", "operator-1")


def test_an_endpoint_that_is_down_is_told(net: Net) -> None:
    """The first thing to go wrong at any start."""
    refused(assay("--config", net.devnet.config, "--rpc", "http://127.0.0.1:9", "balance"), ChainError, "127.0.0.1:9")


def test_a_wrong_chain_is_told(net: Net, tmp_path: Path) -> None:
    """Signing for another chain wastes gas at best."""
    content = net.devnet.config.read_text()
    wrong = net.devnet.config.with_name("wrong.toml")
    wrong.write_text(content.replace("chain_id = 31337", "chain_id = 1"))
    refused(assay("--config", wrong, "balance"), ChainError, "chain 31337", "chain 1")
    wrong.write_text(content.replace(net.devnet.deployment.oracle, "0x" + "11" * 20))
    refused(assay("--config", wrong, "status"), ChainError, "no contract at 0x1111")


def test_without_a_configuration_the_way_to_one_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer's first command."""
    monkeypatch.chdir(tmp_path)
    refused(assay("model", "list"), ConfigError, "assay devnet")


def test_a_taken_port_is_told(net: Net, tmp_path: Path) -> None:
    """The devnet's own port, and the one for metrics."""
    port = net.devnet.anvil.port
    refused_start = assay("devnet", "--port", port, "--dir", tmp_path)
    assert refused_start.code == ConfigError.exit_code
    assert f"Port {port} is taken" in refused_start.err
    keeper = net.run("keeper", "--http-port", port, "--store", tmp_path / "k.db", role="keeper")
    assert keeper.code == ConfigError.exit_code
    assert f"Port {port}" in keeper.err


def test_a_second_devnet_in_one_folder_is_refused(net: Net) -> None:
    """It would take the configuration file from the first."""
    second = assay("devnet", "--dir", net.devnet.config.parent)
    assert second.code == ConfigError.exit_code
    assert "runs already" in second.err


def test_the_devnet_command_is_ready_in_one_line_and_cleans_up(tmp_path: Path) -> None:
    """Programs start it, read one line, and end it; no file may lead to a chain that is gone."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "oracle.cli", "devnet", "--json", "--dir", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            assert Path(ready["config"]).is_file()
            assert set(ready["consumers"]) == {"LendingDesk", "ContentGate", "MeterReader"}
            assert (
                assay("--config", ready["config"], "balance", "--json").json["address"]
                == ready["accounts"]["requester"]
            )
            assert (tmp_path / "devnet" / "password").stat().st_mode & 0o777 == 0o600
        finally:
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert rest == ""
    assert not Path(ready["config"]).exists()


def test_the_demo_ends_with_everything_delivered(tmp_path: Path) -> None:
    """`make demo` in small: real processes, real models, all money accounted for."""
    done = assay("demo", "--requests", 3, "--out", tmp_path, "--json")
    report = done.json
    assert (report["requests"], report["final"], report["callbacks"]) == (3, 3, 3)
    assert report["models"] == ["credit", "digits", "magika"]
    assert report["programs"].keys() == set(report["models"])
    assert report["programs"]["credit"]["atol"] == [1e-4]
    assert report == json.loads((tmp_path / "demo.json").read_text())
    assert report["gas"]["lifecycle"] > report["gas"]["request"] > 0
    money = {name: int(wei) for name, wei in report["money_wei"].items()}
    assert money["before"] == money["after"] + money["gas"]
    assert (report["refuted"], report["wrong_final"], report["dispute"], money["burnt"]) == (0, 0, [], 0)


def test_the_demo_convicts_who_lies_and_customers_get_right_answers_all_the_same(tmp_path: Path) -> None:
    """The promise of the whole system: a hidden value shifted by a hair, and another model, both refuted by the EVM."""
    done = assay("demo", "--requests", 3, "--out", tmp_path, "--dishonest", ROOT / "scripts" / "liars.py")
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "demo.json").read_text())
    assert (report["requests"], report["final"], report["callbacks"]) == (5, 5, 5)
    assert (report["refuted"], report["wrong_final"]) == (2, 0)
    shifted, other = report["dispute"]
    assert (shifted["model"], other["model"]) == ("magika", "digits")
    assert shifted["gas_by_move"].keys() == {"challenge", "trace", "demand", "reveal", "prove", "claim"}
    assert other["gas_by_move"].keys() == {"challenge", "trace", "prove", "claim"}
    assert (shifted["transactions"], other["transactions"]) == (7, 3)
    for game in (shifted, other):
        assert game["leaf_gas"] == game["gas_by_move"]["prove"] > 0
        assert game["compute_seconds"] > 0
        assert game["words"] in done.out
    money = {name: int(wei) for name, wei in report["money_wei"].items()}
    assert money["before"] == money["after"] + money["gas"]
    assert money["burnt"] > 0
    assert report["table"][0]["decision"] == "upload accepted as json"
