"""The one launcher of anvil, Foundry's local chain. Devnet, demo, tests and benchmarks all start it here.

It runs with the rules of Osaka and its cap of 2^24 gas a transaction (EIP-7825), on a free port.
"""

import os
import platform
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from eth_account import Account
from eth_account.signers.local import LocalAccount

from oracle.errors import ChainError, ConfigError

CHAIN_ID = 31_337
MNEMONIC = "test test test test test test test test test test test junk"
MINIMUM_VERSION = (1, 4)
_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Anvil:
    """A running anvil. `block_time` is in seconds; None mines a block for every transaction."""

    process: subprocess.Popen[bytes]
    port: int
    block_time: float | None
    client: httpx.Client

    @property
    def url(self) -> str:
        """Where it answers JSON-RPC."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @classmethod
    @contextmanager
    def start(
        cls,
        *,
        port: int | None = None,
        block_time: float | None = None,
        accounts: int = 10,
        balance_ether: int = 10_000,
        log: Path | None = None,
        extra: tuple[str, ...] = (),
    ) -> Iterator["Anvil"]:
        """Run anvil for the length of a `with` block; what it prints goes to `log`, if given.

        Raises `ConfigError` where no fitting anvil is installed or `port` is taken, `ChainError` if anvil does
        not come up.
        """
        chosen = _free_port() if port is None else _require_free(port)
        command = [
            str(find_anvil()),
            *("--port", str(chosen)),
            *("--hardfork", "osaka", "--enable-tx-gas-limit"),
            *("--chain-id", str(CHAIN_ID)),
            *("--accounts", str(accounts), "--balance", str(balance_ether)),
            *("--mnemonic", MNEMONIC),
            *(() if block_time is None else ("--block-time", str(block_time))),
            *extra,
        ]
        with (Path(os.devnull) if log is None else log).open("wb") as output, httpx.Client(timeout=30) as client:
            process = subprocess.Popen(  # its own group: Ctrl-C is for us, we end it
                command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
            node = cls(process, chosen, block_time, client)
            try:
                node._wait_until_up()
                yield node
            finally:
                process.terminate()
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def rpc(self, method: str, *params: object) -> object:
        """One call of anvil's own methods (`evm_mine`, `anvil_reorg`, …); raises `ChainError` on refusal."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        reply = self.client.post(self.url, json=body).json()
        if "error" in reply:
            raise ChainError(f"anvil refused {method}: {reply['error'].get('message')}.")
        return reply["result"]

    def advance(self, seconds: int) -> None:
        """Move the chain's clock and mine a block there."""
        self.rpc("evm_increaseTime", seconds)
        self.rpc("evm_mine")

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ChainError(f"anvil ended at once with code {self.process.returncode}.")
            try:
                self.rpc("eth_chainId")
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return
        raise ChainError(f"anvil did not answer on port {self.port} within {_START_SECONDS:.0f} s.")


def dev_account(index: int) -> LocalAccount:
    """Anvil's funded account number `index`. Everybody knows its key: for local chains only."""
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return account


def find_anvil() -> Path:
    """The anvil to run: from `node_modules` beside the package or the working folder, else from PATH.

    Raises `ConfigError` where there is none, or only one older than `MINIMUM_VERSION`.
    """
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = f"anvil-{platform.system().lower()}-{machine}"
    for root in (Path(__file__).resolve().parents[2], Path.cwd()):
        bundled = root / "node_modules" / "@foundry-rs" / package / "bin" / "anvil"
        if bundled.exists():
            return bundled
    found = shutil.which("anvil")
    if found is None:
        raise ConfigError(
            "anvil is not installed.",
            hint="In a checkout run `make setup`, else install Foundry (getfoundry.sh).",
        )
    printed = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"(\d+)\.(\d+)\.\d+", printed)
    if match is None or (int(match[1]), int(match[2])) < MINIMUM_VERSION:
        wanted = ".".join(map(str, MINIMUM_VERSION))
        raise ConfigError(f"{found} is not anvil {wanted} or newer.", hint="Run `foundryup` to renew it.")
    return Path(found)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _require_free(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(f"Port {port} is taken.", hint="Name another one with --port.") from error
    return port
