"""Bytecode of the contracts with some sources replaced, by a compiler that stays loaded."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class CompilationError(Exception):
    """The compiler takes the sources for no program; the message is its own."""


class Compiler:
    """solc in a process of its own."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("compiler.js")
        self._process = subprocess.Popen(["node", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def compile(self, files: Sequence[str], replaced: Mapping[str, str], *, optimized: bool) -> dict[str, bytes]:
        """Creation code of the contracts in `files` (paths in the repository), by name.

        `replaced` are texts to take for those of the files. `optimized` is as they are deployed, by way of Yul;
        without, the older code generator compiles them in a tenth of the time. Raises `CompilationError`.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise CompilationError("the compiler's process has no pipes.")
        request = {"files": list(files), "replaced": dict(replaced), "optimized": optimized}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline())
        if "error" in reply:
            raise CompilationError(reply["error"])
        return {name: bytes.fromhex(code) for name, code in reply["code"].items()}

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()
