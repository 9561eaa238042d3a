"""Writes the vectors that forge replays on the verifier contracts: `python -m bench.vectors`.

Expected results are the Python reference's. The files are kept: `tests/unit/canonical/test_vector_files.py` holds
them to what this writes. `tests/foundry` reads them.
"""

from collections.abc import Callable
from pathlib import Path

from bench.vectors.faults import faults
from bench.vectors.functions import functions
from bench.vectors.games import games
from bench.vectors.nodes import nodes
from bench.vectors.proofs import proofs
from bench.vectors.steps import steps

FOLDER = Path("tests") / "vectors"
FILES: dict[str, Callable[[], bytes]] = {
    "functions.bin": functions,
    "nodes.bin": nodes,
    "steps.bin": steps,
    "proofs.bin": proofs,
    "faults.bin": faults,
    "games.bin": games,
}


def main() -> None:
    """Write all files."""
    for name, content in FILES.items():
        data = content()
        (FOLDER / name).write_bytes(data)
        print(f"{name}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
