"""The wheel: what an operator installs holds everything it runs on, and nothing else."""

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.prefix) / "bin" / "uv"
LOCKED = ("--build-constraints", str(ROOT / "requirements" / "build.txt"), "--require-hashes")
SAMPLES = {"oracle/demo/models/credit.onnx", "oracle/demo/models/digits.onnx"}

OPEN_A_STORE = """
import sys
from oracle.store.database import REVISION, Store
store = Store.open(f"sqlite:///{sys.argv[1]}")
with store.read() as connection:
    print(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == REVISION)
"""
LOAD_EVERY_ARTIFACT = """
from importlib.resources import files
from oracle.chain.abi import artifact
names = sorted(file.name.removesuffix(".json") for file in (files("oracle.chain") / "artifacts").iterdir())
print(*(name for name in names if artifact(name).abi and artifact(name).bytecode))
"""
LOAD_THE_SAMPLE_MODELS = """
from oracle.demo.samples import model_path
from oracle.inference.model_file import load_model_file
print(*(load_model_file(model_path(name)).path for name in ("credit", "digits")))
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """A wheel in a folder of its own, and an empty folder to work in."""

    wheel: Path
    site: Path
    elsewhere: Path

    def python(self, *arguments: str) -> str:
        """What Python prints when the installed package is the first it finds, with no program on PATH."""
        environment = {**os.environ, "PYTHONPATH": str(self.site), "PATH": str(self.elsewhere)}
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=self.elsewhere, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The package built as a source distribution, from that a wheel, and that installed without dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("dist", "site", "elsewhere"):
        (folder / name).mkdir()
    uv("build", *LOCKED, "--out-dir", str(folder / "dist"), str(ROOT))
    (wheel,) = (folder / "dist").glob("*.whl")
    uv("pip", "install", "--python", sys.executable, "--no-deps", "--target", str(folder / "site"), str(wheel))
    return Installed(wheel, folder / "site", folder / "elsewhere")


def uv(*arguments: str) -> None:
    """Run uv; fails with what it said."""
    done = subprocess.run([str(UV), *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_the_package_and_the_sample_models_and_nothing_else(installed: Installed) -> None:
    """A file that stays behind breaks operators only; a file too many is theirs to wonder about."""
    with zipfile.ZipFile(installed.wheel) as archive:
        content = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "oracle").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert content == package | SAMPLES
    assert "oracle/py.typed" in content
    assert {Path(name).suffix for name in content} == {".py", ".json", ".onnx", ".typed"}


def test_the_installed_command_line_starts(installed: Installed) -> None:
    """It is the wheel's own code that runs, not the checkout's, and without any tool of the checkout."""
    assert installed.python("-c", "import oracle; print(oracle.__file__)").startswith(str(installed.site))
    version = installed.wheel.name.split("-")[1]
    assert installed.python("-m", "oracle.cli", "--version") == f"assay {version}"


def test_the_installed_store_finds_its_migrations(installed: Installed, tmp_path: Path) -> None:
    """An operator's first start makes its database."""
    assert installed.python("-c", OPEN_A_STORE, str(tmp_path / "assay.db")) == "True"


def test_the_installed_artifacts_are_whole(installed: Installed) -> None:
    """Without ABIs nothing is encoded; without bytecode there is no devnet."""
    names = sorted(path.stem for path in (ROOT / "oracle" / "chain" / "artifacts").glob("*.json"))
    assert installed.python("-c", LOAD_EVERY_ARTIFACT).split() == names


def test_the_installed_sample_models_can_be_run(installed: Installed) -> None:
    """The demo and the devnet of an installed package have no models/ folder beside them."""
    assert installed.python("-c", LOAD_THE_SAMPLE_MODELS).split() == [
        str(installed.site / name) for name in sorted(SAMPLES)
    ]
