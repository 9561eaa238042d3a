"""The demo's operators, challenger and keeper: real processes of their own, as anybody would start them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oracle
from oracle.errors import AssayError

_STOP_SECONDS = 20
_TAIL = 15
_ASSAY = ("-m", "oracle.cli")


@dataclass(frozen=True, slots=True)
class Worker:
    """A running service. `log` gets JSON, one event a line; `output` what it prints."""

    role: str
    process: subprocess.Popen[bytes]
    log: Path
    output: Path

    @classmethod
    @contextmanager
    def start(
        cls, role: str, command: Sequence[str], config: Path, folder: Path, *, program: Sequence[str] = _ASSAY
    ) -> Iterator["Worker"]:
        """Run `assay --as role command` for the length of a `with` block; ended by SIGTERM, else killed.

        `program` are the arguments that make Python run another program, one that takes the same options.
        """
        log, output = folder / f"{role}.log", folder / f"{role}.out"
        log.unlink(missing_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
        environment |= {
            "PYTHONPATH": os.pathsep.join(
                filter(None, (str(Path(oracle.__file__).parents[1]), os.getenv("PYTHONPATH")))
            ),
            "ASSAY_LOG__FILE": str(log.resolve()),
            "ASSAY_LOG__FORMAT": "json",
        }
        line = [sys.executable, *program, "--config", str(config), "--as", role, *command]
        with output.open("wb") as printed:
            process = subprocess.Popen(
                line, env=environment, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                yield cls(role, process, log, output)
            finally:
                stop(process)

    def require_running(self) -> None:
        """Raise `AssayError` with the end of its output if it has ended."""
        code = self.process.poll()
        if code is not None:
            raise AssayError(f"The process {self.role} ended with code {code}. It said last:\n{self.tail()}")

    def end(self) -> None:
        """End it in order; raises `AssayError` unless it ends with code 0."""
        stop(self.process)
        if self.process.returncode != 0:
            raise AssayError(
                f"The process {self.role} ended with code {self.process.returncode}. It said last:\n{self.tail()}"
            )

    def tail(self) -> str:
        """The last lines it printed."""
        return "\n".join(self.output.read_text(errors="replace").splitlines()[-_TAIL:])

    def events(self, name: str) -> list[dict[str, Any]]:
        """Its log's events of that name."""
        if not self.log.exists():
            return []
        found = map(json.loads, self.log.read_text(encoding="utf-8").splitlines())
        return [event for event in found if event.get("event") == name]


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process we started: SIGTERM, and SIGKILL where that does not help."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
