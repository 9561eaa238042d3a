"""The environment manifest: canonical bytes, and hashes that others can recompute."""

import json
from dataclasses import replace

import onnxruntime as ort
import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from oracle.inference import environment
from oracle.inference.environment import Machine, Manifest, Software, this_environment

MANIFEST = Manifest(
    Software("0.1.0", "1.31.1", "CPUExecutionProvider", "all"),
    Machine("CPython 3.11.7", "Linux 6.1 x86_64", "Prozessor Größe 1", "00" * 32, 2),
)
X86 = (
    "processor\t: 0\nmodel name\t: A CPU\nflags\t\t: sse2 avx2\n\nprocessor\t: 1\nmodel name\t: Another\nflags\t: fma\n"
)
ARM = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"


def test_the_manifest_is_canonical_json():
    """Anybody must get the same bytes, or the hash says nothing."""
    data = MANIFEST.encode()
    assert data.isascii()
    assert b" :" not in data
    assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")).encode()


def test_hashes_are_the_documented_ones():
    """A requester who pins the software recomputes its hash from four words."""
    software = b'{"assay":"0.1.0","onnxruntime":"1.31.1","optimisation_level":"all","provider":"CPUExecutionProvider"}'
    assert MANIFEST.software_hash == keccak(software)
    assert MANIFEST.manifest_hash == keccak(MANIFEST.encode())


def test_the_environment_is_what_the_contract_computes():
    """The contract hashes abi.encode(software, manifestHash), which signatures cover."""
    pair = encode(["bytes32", "bytes32"], [MANIFEST.software_hash, MANIFEST.manifest_hash])
    assert MANIFEST.environment == keccak(pair)


@pytest.mark.parametrize("field", ["python", "os", "cpu", "cpu_flags"])
def test_the_machine_changes_the_environment_and_not_the_software(field):
    """A policy pins software; operators with different machines must all fit it."""
    other = replace(MANIFEST, machine=replace(MANIFEST.machine, **{field: "other"}))
    assert other.software_hash == MANIFEST.software_hash
    assert other.environment != MANIFEST.environment


@pytest.mark.parametrize("field", ["assay", "onnxruntime", "provider", "optimisation_level"])
def test_each_word_of_the_software_changes_its_hash(field):
    """Else a policy could not tell versions apart."""
    other = replace(MANIFEST, software=replace(MANIFEST.software, **{field: "other"}))
    assert other.software_hash != MANIFEST.software_hash


def test_this_environment_describes_this_process():
    """The settings are the session's, the rest is read from the machine."""
    manifest = this_environment(threads=3, provider="CPUExecutionProvider", optimisation_level="basic")
    assert manifest.software.onnxruntime == ort.__version__
    assert (manifest.software.optimisation_level, manifest.machine.threads) == ("basic", 3)
    assert manifest.machine.cpu
    assert manifest == this_environment(threads=3, provider="CPUExecutionProvider", optimisation_level="basic")


def test_linux_names_the_first_core():
    """All cores are listed; one is enough."""
    assert environment._linux_cpu(X86) == ("A CPU", ["sse2", "avx2"])


def test_arm_without_a_model_name_still_has_a_name(monkeypatch):
    """ARM kernels print an implementer and a part number instead."""
    monkeypatch.setattr(environment.platform, "machine", lambda: "aarch64")
    assert environment._linux_cpu(ARM) == ("aarch64 0x41 0xd0c", ["fp", "asimd"])


def test_a_mac_is_asked_through_sysctl(monkeypatch):
    """There is no /proc on macOS; what this Mac does not know is empty."""
    values = {"machdep.cpu.brand_string": b"Apple M2", "machdep.cpu.features": b"SSE AVX"}
    monkeypatch.setattr(environment, "_sysctl", lambda name: values.get(name, b""))
    assert environment._mac_cpu() == ("Apple M2", ["SSE", "AVX"])
