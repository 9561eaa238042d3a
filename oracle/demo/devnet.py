"""A local chain with everything on it: contracts, sample models, stakes, example consumers, funded keys.

The keys are anvil's own, which everybody knows: for this machine's chain only.
"""

import json
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from eth_typing import ChecksumAddress

from oracle.canonical.model import Model
from oracle.chain.abi import artifact
from oracle.chain.anvil import CHAIN_ID, Anvil, dev_account
from oracle.chain.calls import Call, OracleContract, RegistryContract
from oracle.chain.deploy import LOCAL, Deployment, create, deploy
from oracle.chain.fees import FeeRules
from oracle.chain.policy import amended, sensible_policy
from oracle.chain.protocol import GWEI, Policy
from oracle.chain.provider import Provider
from oracle.chain.sender import Sender
from oracle.chain.signer import KeySigner, write_keystore
from oracle.demo.config_file import write_toml
from oracle.demo.samples import MODELS, credit_applicants, model_path, sample_model
from oracle.errors import ChainError, ConfigError, ModelError
from oracle.inference.canonical_model import compile_model
from oracle.inference.model_file import load_model_file
from oracle.settings import DevnetAccount, DevnetModel, Settings, load_settings
from oracle.store.database import Store

ROLES = ("deployer", "operator-1", "operator-2", "keeper", "requester", "challenger", "operator-3", "operator-4")
CONSUMERS = {"LendingDesk": "credit", "ContentGate": "magika", "MeterReader": "digits"}
STAKE = 10 * 10**18
CAPITAL = 10**18
_BASE_FEE = GWEI
"""What the consumers' bonds are made for: anvil starts there, and falls while blocks are empty."""
_MOVE_TIME = 60
_LIGHT_SCRYPT = 2**12
_ACCOUNTS = 40

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Devnet:
    """A running devnet. `config` is the file that other commands pick up; the rest is what is in it."""

    config: Path
    settings: Settings
    anvil: Anvil
    deployment: Deployment
    accounts: Mapping[str, DevnetAccount]
    models: Mapping[str, DevnetModel]
    consumers: Mapping[str, ChecksumAddress]
    second: Mapping[str, ChecksumAddress]

    @classmethod
    @contextmanager
    def start(
        cls,
        directory: Path,
        *,
        port: int | None = None,
        block_time: int = 1,
        window: int = 10,
        operators: Mapping[str, str] | None = None,
        second: Mapping[str, Policy] | None = None,
        tell: Tell = lambda _text: None,
    ) -> Iterator["Devnet"]:
        """Run a devnet for the length of a `with` block, with its files in `directory`.

        `window` is in seconds, of the consumers' requests; `operators` names, by consumer, the role that alone may
        answer them; `second` wants one more of some consumers, on other terms. `tell` hears of each step. Raises
        `ConfigError` where `directory` has a devnet that runs already, and what `Anvil.start` raises.
        """
        config, folder = directory / "devnet.toml", directory / "devnet"
        _require_idle(config)
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob("*.db*"):
            stale.unlink()
        tell("Starting anvil")
        with Anvil.start(port=port, accounts=_ACCOUNTS, log=folder / "anvil.log") as anvil:
            accounts = _write_accounts(folder)
            with _senders(anvil) as senders:
                network = _set_up(senders, folder, window, operators or {}, second or {}, tell)
            anvil.rpc("evm_setIntervalMining", block_time)
            write_applicant(directory)
            write_toml(config, _content(anvil, network, accounts, config.parent))
            try:
                yield cls(
                    config,
                    load_settings(config),
                    anvil,
                    network.deployment,
                    accounts,
                    network.models,
                    network.consumers,
                    network.second,
                )
            finally:
                config.unlink(missing_ok=True)

    def require_running(self) -> None:
        """Raise `ChainError` if anvil has ended."""
        code = self.anvil.process.poll()
        if code is not None:
            raise ChainError(
                f"anvil ended with code {code}.", hint=f"What it said is in {self.config.parent / 'devnet/anvil.log'}."
            )


@dataclass(frozen=True, slots=True)
class _Network:
    """What was set up on the chain."""

    deployment: Deployment
    models: dict[str, DevnetModel]
    consumers: dict[str, ChecksumAddress]
    second: dict[str, ChecksumAddress]


@contextmanager
def _senders(anvil: Anvil) -> Iterator[Callable[[str], Sender]]:
    """Senders by role, for the set-up; their outbox goes with them."""
    provider = Provider([anvil.url], chain_id=CHAIN_ID)
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        store = Store.open(f"sqlite:///{Path(folder) / 'outbox.db'}")
        try:
            yield lambda role: Sender(provider, KeySigner(dev_account(ROLES.index(role))), store, FeeRules())
        finally:
            store.close()
            provider.close()


def _set_up(
    senders: Callable[[str], Sender],
    folder: Path,
    window: int,
    operators: Mapping[str, str],
    second: Mapping[str, Policy],
    tell: Tell,
) -> _Network:
    deployer = senders("deployer")
    tell("Deploying the contracts")
    deployment = deploy(deployer, LOCAL)
    oracle = OracleContract(deployment.oracle)
    tell("Publishing the sample models")
    files = publish_samples(deployer, deployment.registry, tell)
    tell("Depositing the operators' stakes")
    for role in ("operator-1", "operator-2"):
        sender = senders(role)
        sender.execute(oracle.deposit(sender.address, STAKE), purpose="deposit")
    tell("Deploying the example consumers")
    consumers = {}
    for name, sample in CONSUMERS.items():
        if sample in files:
            named = senders(operators[name]).address if name in operators else None
            policy = amended(terms(window), operator=named)
            consumers[name] = deploy_consumer(deployer, name, deployment.oracle, files[sample][1], policy)
    again = {
        name: deploy_consumer(deployer, name, deployment.oracle, files[CONSUMERS[name]][1], policy)
        for name, policy in second.items()
    }
    desk = consumers["LendingDesk"]
    fund = artifact("LendingDesk").functions["fund"].encode()
    deployer.execute(Call(desk, fund, CAPITAL), purpose="fund the lending desk")
    models = {
        name: DevnetModel(model_id=f"0x{model.id.hex()}", path=_under_its_name(name, path, folder))
        for name, (path, model) in files.items()
    }
    return _Network(deployment, models, consumers, again)


def terms(window: int) -> Policy:
    """Those of the consumers: answers are final after `window` seconds, and a dispute leaves time for each move."""
    policy = sensible_policy(LOCAL, _BASE_FEE, answer_time=60, window=window)
    return amended(policy, trace_time=_MOVE_TIME, proof_period=_MOVE_TIME, move_time=_MOVE_TIME)


def publish_samples(sender: Sender, registry: ChecksumAddress, tell: Tell) -> dict[str, tuple[Path, Model]]:
    """Compile and announce the sample models; yields file and model by name.

    One that is not installed is told and left out.
    """
    files = {}
    for name in MODELS:
        try:
            path = model_path(name)
        except ModelError as error:
            tell(f"Without {name}: {error}")
            continue
        model = sample_model(name, compile_model(load_model_file(path)))
        sender.execute(RegistryContract(registry).publish(model, ()), purpose=f"publish {name}")
        files[name] = (path, model)
    return files


def write_applicant(directory: Path) -> Path:
    """An input for the credit model, to begin with: a real applicant's features."""
    path = directory / "applicant.json"
    (features,) = credit_applicants(range(1))[0].tensors
    path.write_text(json.dumps(features[0].tolist()) + "\n")
    return path


def _under_its_name(name: str, path: Path, folder: Path) -> Path:
    """The model's file; a copy where the file has another name, for a served model goes by its file's."""
    if path.stem == name:
        return path.resolve()
    copy = folder / f"{name}.onnx"
    shutil.copyfile(path, copy)
    return copy.resolve()


def deploy_consumer(
    sender: Sender, name: str, oracle: ChecksumAddress, model: Model, policy: Policy
) -> ChecksumAddress:
    """Deploy an example consumer, which asks `model` on the terms of `policy`."""
    return create(sender, artifact(name).creation(oracle, model.to_abi(), policy.pack()), f"deploy {name}")


def _require_idle(config: Path) -> None:
    """Refuse where the devnet that `config` tells of still answers."""
    if not config.is_file():
        return
    url = load_settings(config).chain.rpc[0]
    try:
        httpx.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}, timeout=2)
    except httpx.TransportError:
        return
    raise ConfigError(
        f"A devnet runs already: {config} names {url}, which answers.",
        hint="Use it, end it with Ctrl-C, or name another folder with --dir.",
    )


def _write_accounts(folder: Path) -> dict[str, DevnetAccount]:
    """A keystore for each role, all under one password that only its owner can read."""
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.chmod(0o600)
    password = secrets.token_urlsafe(18)
    password_file.write_text(f"{password}\n")
    accounts = {}
    for index, role in enumerate(ROLES):
        account, keystore = dev_account(index), (folder / f"{role}.json").resolve()
        write_keystore(keystore, account, password, iterations=_LIGHT_SCRYPT)
        accounts[role] = DevnetAccount(address=account.address, keystore=keystore)
    return accounts


def _content(
    anvil: Anvil, network: _Network, accounts: Mapping[str, DevnetAccount], directory: Path
) -> dict[str, dict[str, object]]:
    """The configuration file, for a chain that mines at once and does not reorganise: no confirmations, short polls."""
    deployment, root = network.deployment, directory.resolve()
    return {
        "chain": {
            "rpc": [anvil.url],
            "chain_id": deployment.chain_id,
            "oracle": deployment.oracle,
            "registry": deployment.registry,
            "start_block": deployment.block,
            "confirmations": 0,
            "poll_seconds": 0.2,
        },
        "signer": {
            "keystore": _relative(accounts["requester"].keystore, root),
            "password_file": "devnet/password",
        },
        "operator": {
            "models": [str(model.path) for model in network.models.values()],
            "defence_margin_seconds": 0.5,
        },
        "keeper": {"grace_seconds": 2.0},
        "schedule": {"sweep_seconds": 1.0},
        "devnet": {
            "accounts": {
                role: {"address": account.address, "keystore": _relative(account.keystore, root)}
                for role, account in accounts.items()
            },
            "models": {
                name: {"model_id": model.model_id, "path": str(model.path)} for name, model in network.models.items()
            },
            "consumers": dict(network.consumers),
        },
    }


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root))
