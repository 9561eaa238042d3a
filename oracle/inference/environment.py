"""What ran a model: the manifest behind the two hashes in every signed answer.

The environment is self-declared: it says what an operator claims to run, which a policy can pin and people
can compare; nothing proves it.
"""

import ctypes
import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import onnxruntime as ort
from eth_utils.crypto import keccak

import oracle

_CPUINFO: Final = Path("/proc/cpuinfo")
_MAC_FLAGS: Final = ("machdep.cpu.features", "machdep.cpu.leaf7_features", "hw.optional.arm.caps")


@dataclass(frozen=True, slots=True)
class Software:
    """What a policy can pin: versions, onnxruntime's execution provider and graph optimisation level."""

    assay: str
    onnxruntime: str
    provider: str
    optimisation_level: str


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it ran. `cpu_flags` is the SHA-256, in hex, of the sorted instruction set flags."""

    python: str
    os: str
    cpu: str
    cpu_flags: str
    threads: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything an operator declares about its environment."""

    software: Software
    machine: Machine

    def encode(self) -> bytes:
        """The canonical JSON that `publishEnvironment` announces: sorted keys, no spaces, ASCII."""
        return _canonical(asdict(self))

    @property
    def software_hash(self) -> bytes:
        """keccak256 of the software part's canonical JSON, 32 bytes."""
        return keccak(_canonical(asdict(self.software)))

    @property
    def manifest_hash(self) -> bytes:
        """keccak256 of `encode()`, 32 bytes."""
        return keccak(self.encode())

    @property
    def environment(self) -> bytes:
        """keccak256(software hash ‖ manifest hash), 32 bytes: what an answer's signature covers."""
        return keccak(self.software_hash + self.manifest_hash)


def this_environment(*, threads: int, provider: str, optimisation_level: str) -> Manifest:
    """The manifest of this process, with the session settings it serves models with."""
    cpu, flags = _mac_cpu() if sys.platform == "darwin" else _linux_cpu(_CPUINFO.read_text(encoding="utf-8"))
    return Manifest(
        Software(oracle.__version__, ort.__version__, provider, optimisation_level),
        Machine(
            python=f"{platform.python_implementation()} {platform.python_version()}",
            os=f"{platform.system()} {platform.release()} {platform.machine()}",
            cpu=cpu,
            cpu_flags=hashlib.sha256(" ".join(sorted(flags)).encode()).hexdigest(),
            threads=threads,
        ),
    )


def declared_software(manifest: bytes) -> bytes | None:
    """The software hash that follows from a stranger's manifest, 32 bytes; None where it has no such part."""
    try:
        return keccak(_canonical(json.loads(manifest)["software"]))
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def _canonical(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _linux_cpu(cpuinfo: str) -> tuple[str, list[str]]:
    """Model and flags of the first core; ARM names no model but an implementer and a part number."""
    core: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        core.setdefault(key.strip(), value.strip())
    arm = f"{platform.machine()} {core.get('CPU implementer', '?')} {core.get('CPU part', '?')}"
    return core.get("model name", arm), core.get("flags", core.get("Features", "")).split()


def _mac_cpu() -> tuple[str, list[str]]:
    flags = [flag for name in _MAC_FLAGS for flag in _sysctl(name).decode("latin-1").split()]
    return _sysctl("machdep.cpu.brand_string").decode("latin-1"), flags


def _sysctl(name: str) -> bytes:
    """A macOS kernel value; empty where this Mac has none of that name."""
    libc = ctypes.CDLL(None)
    size = ctypes.c_size_t(0)
    if libc.sysctlbyname(name.encode(), None, ctypes.byref(size), None, 0):
        return b""
    buffer = ctypes.create_string_buffer(size.value)
    if libc.sysctlbyname(name.encode(), buffer, ctypes.byref(size), None, 0):
        return b""
    return buffer.raw[: size.value].rstrip(b"\0")
