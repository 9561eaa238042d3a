"""Settings that follow from the global options."""

from pathlib import Path

import pytest

from oracle.cli.session import Session
from oracle.demo.config_file import write_toml
from oracle.errors import ConfigError

ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.fixture
def devnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A devnet's configuration file."""
    for name in ("ASSAY_CONFIG", "ASSAY_SIGNER__KEYSTORE"):
        monkeypatch.delenv(name, raising=False)
    accounts = {role: {"address": ADDRESS, "keystore": f"devnet/{role}.json"} for role in ("requester", "operator-1")}
    write_toml(
        tmp_path / "devnet.toml",
        {
            "chain": {"rpc": ["http://127.0.0.1:1"], "chain_id": 31337, "oracle": ADDRESS, "registry": ADDRESS},
            "signer": {"keystore": "devnet/requester.json"},
            "devnet": {"accounts": accounts, "models": {'a "b"': {"model_id": f"0x{'0' * 64}", "path": "m.onnx"}}},
        },
    )
    return tmp_path / "devnet.toml"


def test_a_role_has_its_own_key_and_database(devnet: Path) -> None:
    """Two operators of a devnet in one folder must not share a key or a database."""
    settings = Session(config=devnet, role="operator-1").settings()
    assert settings.signer.keystore == devnet.parent / "devnet/operator-1.json"
    assert settings.store.path == devnet.parent / "devnet/operator-1.db"


def test_a_service_takes_its_usual_role_where_no_key_is_named(devnet: Path) -> None:
    """`assay operator` on a devnet works without options."""
    assert Session(config=devnet).settings(usual_role="operator-1").signer.keystore.name == "operator-1.json"
    assert Session(config=devnet).settings().signer.keystore.name == "requester.json"


def test_a_key_that_is_named_is_taken(devnet: Path) -> None:
    """The usual role must not replace what a person asked for."""
    named = Session(config=devnet, keystore=Path("mine.json")).settings(usual_role="operator-1")
    assert named.signer.keystore == Path("mine.json")


def test_an_unknown_role_is_refused_with_those_there_are(devnet: Path) -> None:
    """A typo must not fall back on another account."""
    with pytest.raises(ConfigError, match=r"'operator-9'.*requester, operator-1"):
        Session(config=devnet, role="operator-9").settings()


def test_flags_replace_the_files_endpoints(devnet: Path) -> None:
    """`--rpc` is the quickest way round a dead endpoint."""
    assert Session(config=devnet, rpc=("http://a", "http://b")).settings().chain.rpc == ("http://a", "http://b")
