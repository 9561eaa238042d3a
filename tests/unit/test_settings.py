"""Settings: which source wins, and what is said about values that are wrong."""

import os
from pathlib import Path

import pytest

from oracle.errors import ConfigError
from oracle.settings import Settings, find_config, load_settings, show_url

ORACLE = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
REGISTRY = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
TOML = f"""
[chain]
rpc = ["http://127.0.0.1:8545"]
chain_id = 31337
oracle = "{ORACLE}"
registry = "{REGISTRY}"
"""
SECRET_URL = "https://someone:hunter22@rpc.example:8443/v3/0123456789abcdef?token=deadbeef99"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder and no settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith("ASSAY_")]:
        monkeypatch.delenv(variable)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A complete configuration file in the working folder."""
    path = tmp_path / "assay.toml"
    path.write_text(TOML)
    return path


def add(config: Path, toml: str) -> None:
    """Append to a configuration file."""
    config.write_text(config.read_text() + toml)


def complaint() -> str:
    """What `load_settings` says is wrong."""
    with pytest.raises(ConfigError) as caught:
        load_settings()
    return str(caught.value)


def test_flags_beat_environment_beats_secret_files_beats_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever overrides a setting for one run must be sure that the override holds."""
    add(config, "poll_seconds = 1\n")
    assert load_settings().chain.poll_seconds == 1
    Path("secret").write_text("2\n")
    monkeypatch.setenv("ASSAY_CHAIN__POLL_SECONDS_FILE", "secret")
    assert load_settings().chain.poll_seconds == 2
    monkeypatch.setenv("ASSAY_CHAIN__POLL_SECONDS", "3")
    assert load_settings().chain.poll_seconds == 3
    assert load_settings(chain__poll_seconds=4).chain.poll_seconds == 4
    assert load_settings(chain__poll_seconds=None).chain.poll_seconds == 3


def test_the_configuration_file_is_looked_for_in_a_known_order(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's own file must win over what a devnet has left behind."""
    devnet = Path(".assay/devnet.toml")
    devnet.parent.mkdir()
    devnet.write_text(TOML)
    other = Path("other.toml")
    other.write_text(TOML)
    assert find_config() == Path("assay.toml")
    config.unlink()
    assert find_config() == devnet
    monkeypatch.setenv("ASSAY_CONFIG", str(other))
    assert find_config() == other
    assert find_config(devnet) == devnet
    devnet.unlink()
    with pytest.raises(ConfigError, match=r"devnet\.toml, which --config names"):
        find_config(devnet)


def test_without_any_configuration_the_way_out_is_named() -> None:
    """It is the first thing a newcomer sees."""
    said = complaint()
    assert "`chain` is missing" in said
    assert "assay devnet" in said


def test_environment_alone_configures_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers are configured so; lists and mappings must fit into a variable."""
    for name, value in {
        "CHAIN__RPC": "http://one.example, http://two.example",
        "CHAIN__CHAIN_ID": "1",
        "CHAIN__ORACLE": ORACLE.lower(),
        "CHAIN__REGISTRY": REGISTRY,
        "OPERATOR__MODELS": '["a.onnx", "b.onnx"]',
        "OPERATOR__DIMS": "batch=1,sequence=128",
        "HTTP__PORT": "",
    }.items():
        monkeypatch.setenv(f"ASSAY_{name}", value)
    settings = load_settings()
    assert settings.chain.rpc == ("http://one.example", "http://two.example")
    assert settings.chain.oracle == ORACLE
    assert settings.operator.models == (Path("a.onnx"), Path("b.onnx"))
    assert settings.operator.dims == {"batch": 1, "sequence": 128}
    assert settings.http.port is None


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[fees]\nbump_percent = 5", r"`fees.bump_percent` in assay.toml is wrong: .*greater than or equal to 10"),
        ("[schedule]\nsweep_seconds = 0", r"`schedule.sweep_seconds` in assay.toml is wrong: .*greater than 0"),
        ("[schedule]\nsweep_seconds = inf", r"`schedule.sweep_seconds` .*finite"),
        ("[http]\nport = 70000", r"`http.port` .*less than or equal to 65535"),
        ("[operator]\noptimisation = 'fast'", r"`operator.optimisation` .*'disabled', 'basic', 'extended' or 'all'"),
        ("[operator]\ndims = {batch = 0}", r"`operator.dims.batch` .*greater than or equal to 1"),
        ("[keeper]\nmax_callback_gas = 2000001", r"`keeper.max_callback_gas` .*2000000"),
        (
            "[keeper]\ngrace_secnds = 1",
            r"no setting `keeper.grace_secnds` \(in assay.toml\). Did you mean `grace_seconds`",
        ),
        ("[opperator]\nthreads = 1", r"no setting `opperator` .*Did you mean `operator`"),
        (
            "[devnet.accounts.alice]\nadress = '0x1'",
            r"no setting `devnet.accounts.alice.adress` .*Did you mean `address`",
        ),
        ("[fees]\nmax_fee_gwei = ", r"assay.toml is not valid TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_source_and_limit(config: Path, toml: str, said: str) -> None:
    """Whoever reads the message should be able to correct the line without reading code."""
    add(config, toml)
    with pytest.raises(ConfigError, match=said):
        load_settings()


def test_all_wrong_settings_are_named_at_once(config: Path) -> None:
    """Correcting a file one restart per mistake is a waste of an evening."""
    add(config, "[fees]\nbump_percent = 5\n[http]\nport = -1\n")
    said = complaint()
    assert "fees.bump_percent" in said
    assert "http.port" in said


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("ASSAY_CHAIN__RCP", "http://x", "from the environment variable ASSAY_CHAIN__RCP). Did you mean `rpc`?"),
        ("ASSAY_CHIAN__RPC", "http://x", "ASSAY_CHIAN__RPC names no section of settings. Did you mean `chain`?"),
        ("ASSAY_CHAIN__ORACLE", ORACLE[:-1], "`chain.oracle` from the environment variable ASSAY_CHAIN__ORACLE"),
        ("ASSAY_CHAIN__ORACLE", "0x" + "0" * 40, "the zero address"),
        ("ASSAY_CHAIN__ORACLE", ORACLE.replace("F", "f"), "its checksum does not fit"),
        ("ASSAY_CHAIN__RPC", "[broken", "`chain.rpc` from the environment variable ASSAY_CHAIN__RPC is wrong"),
        ("ASSAY_CHAIN__RPC", "ftp://x.example", "an RPC endpoint is an http:// or https:// URL"),
        ("ASSAY_CHAIN__RPC", "", None),
        ("ASSAY_SIGNER__PASSWORD_FILE", "absent", None),
        ("ASSAY_CHAIN__RPC_FILE", "absent", "The file absent, which ASSAY_CHAIN__RPC_FILE names, cannot be read"),
        ("ASSAY_PORT", "tcp://10.0.0.1:80", None),
    ],
)
@pytest.mark.usefixtures("config")
def test_mistakes_in_the_environment_are_found(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str | None
) -> None:
    """A misspelt variable that is ignored runs a worker with a default nobody chose (None: nothing is wrong)."""
    monkeypatch.setenv(variable, value)
    if said is None:
        load_settings()
    else:
        assert said in complaint()


def test_paths_in_a_file_are_relative_to_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration has to mean the same from wherever the command is run."""
    folder = tmp_path / "etc"
    folder.mkdir()
    config = folder / "worker.toml"
    account = f"address = '{ORACLE}'\nkeystore = 'keys/a.json'"
    config.write_text(
        f"{TOML}[signer]\nkeystore = 'key.json'\n[operator]\nmodels = ['m.onnx', '/abs/n.onnx']\n"
        f"[devnet.accounts.operator]\n{account}\n"
    )
    settings = load_settings(config, log__file="here.log")
    assert settings.signer.keystore == folder / "key.json"
    assert settings.operator.models == (folder / "m.onnx", Path("/abs/n.onnx"))
    assert settings.devnet is not None
    assert settings.devnet.accounts["operator"].keystore == folder / "keys" / "a.json"
    assert settings.log.file == Path("here.log")


def test_attack_54_no_message_or_printout_repeats_a_secret(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RPC URLs carry API keys; a start-up error pasted into a chat must not give one away."""
    hidden = ("hunter22", "0123456789abcdef", "deadbeef99", "correct horse")
    monkeypatch.setenv("ASSAY_CHAIN__RPC", SECRET_URL)
    monkeypatch.setenv("ASSAY_SIGNER__PASSWORD", "correct horse")
    settings = load_settings()
    for shown in (repr(settings), str(settings.describe()), settings.model_dump_json(exclude={"chain": {"rpc"}})):
        assert not any(secret in shown for secret in hidden)
    assert settings.describe()["chain"]["rpc"] == ["https://rpc.example:8443"]
    assert set(hidden) <= {part for secret in settings.secrets() for part in (secret, secret.rpartition("=")[2])}
    monkeypatch.setenv("ASSAY_CHAIN__RPC", SECRET_URL.replace("https", "wss"))
    assert not any(secret in complaint() for secret in hidden)


def test_the_password_comes_from_a_file_without_its_newline(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Editors end files with a newline, and nobody sees why the password is wrong."""
    Path("pw").write_text("p w\n")
    monkeypatch.setenv("ASSAY_SIGNER__PASSWORD_FILE", "pw")
    assert load_settings().signer.read_password() == "p w"
    assert load_settings(signer__password="flag").signer.read_password() == "flag"
    Path("pw").unlink()
    with pytest.raises(ConfigError, match=r"`signer\.password_file` pw cannot be read"):
        load_settings().signer.read_password()
    monkeypatch.delenv("ASSAY_SIGNER__PASSWORD_FILE")
    with pytest.raises(ConfigError, match="No password is set"):
        load_settings().signer.read_password()


def test_absent_files_are_found_by_check_and_not_before(config: Path) -> None:
    """`assay status` must work where the keystore is not mounted; `doctor` and services must not start so."""
    add(config, "[signer]\nkeystore = 'key.json'\n[operator]\nmodels = ['m.onnx']\n")
    settings = load_settings()
    with pytest.raises(ConfigError, match=r"`signer.keystore` \S+key.json, `operator.models\[0\]` \S+m.onnx"):
        settings.check()
    Path("key.json").touch()
    Path("m.onnx").touch()
    load_settings().check()


def test_settings_by_themselves_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test or a program builds in code must not depend on the shell it runs in."""
    monkeypatch.setenv("ASSAY_CHAIN__CHAIN_ID", "5")
    chain = {"rpc": ["http://x.example"], "chain_id": 1, "oracle": ORACLE, "registry": REGISTRY}
    assert Settings(chain=chain).chain.chain_id == 1  # type: ignore[arg-type]


def test_fees_are_given_in_wei() -> None:
    """Fractions of a gwei are usual on layer 2, and must not become rounding noise."""
    chain = {"rpc": ["http://x.example"], "chain_id": 1, "oracle": ORACLE, "registry": REGISTRY}
    settings = Settings(chain=chain, fees={"max_fee_gwei": 0.1, "min_priority_gwei": 0.007})  # type: ignore[arg-type]
    assert (settings.fees.max_fee_wei, settings.fees.min_priority_wei) == (100_000_000, 7_000_000)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (SECRET_URL, "https://rpc.example:8443"),
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("https://[::1]:1/x", "https://[::1]:1"),
    ],
)
def test_a_url_is_shown_as_scheme_host_and_port(url: str, shown: str) -> None:
    """Enough to tell endpoints apart, nothing that opens them."""
    assert show_url(url) == shown
