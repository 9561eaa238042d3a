"""Copies ABIs and bytecode from forge's output into the package, where the wheel takes them from.

`python scripts/artifacts.py` writes them; `--check` fails if what is packaged differs from the build.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "forge"
PACKAGED = ROOT / "oracle" / "chain" / "artifacts"
CONTRACTS = (
    "ModelRegistry",
    "InferenceOracle",
    "LendingDesk",
    "ContentGate",
    "MeterReader",
    "EventConsumer",
    "StoringConsumer",
    "Elementary",
    "Trigonometry",
    "Scalars",
    "Recomputer",
    "StepVerifier",
    "ProgramFaults",
    "InputFaults",
    "AnswerFaults",
    "Dispute",
)


def render(name: str) -> str:
    """The packaged JSON of one contract: name, abi and creation bytecode."""
    source = BUILD / f"{name}.sol" / f"{name}.json"
    if not source.exists():
        sys.exit(f"{source.relative_to(ROOT)} is missing. Run `make build` first.")
    artifact = json.loads(source.read_text())
    packaged = {"contract": name, "abi": artifact["abi"], "bytecode": artifact["bytecode"]["object"]}
    return json.dumps(packaged, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write or check every packaged artifact."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check = parser.parse_args().check
    PACKAGED.mkdir(exist_ok=True)
    drifted = []
    for name in CONTRACTS:
        target, text = PACKAGED / f"{name}.json", render(name)
        if target.exists() and target.read_text() == text:
            continue
        drifted.append(name)
        if not check:
            target.write_text(text)
    if check and drifted:
        sys.exit(f"Packaged artifacts differ from the sources: {', '.join(drifted)}. Run `make artifacts`.")
    print(f"{len(CONTRACTS)} artifacts, {len(drifted)} written" if not check else "artifacts match the sources")


if __name__ == "__main__":
    main()
