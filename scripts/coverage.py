"""Line and branch coverage of the verifier contracts by the vectors that forge replays: `make coverage`.

Prints each file's, and what is not covered; exit code 1 below `LEAST` per cent of lines or branches in all.
"""

import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

FORGE = Path(".build") / "bin" / "forge"
REPORT = Path("build") / "coverage.lcov"
MEASURED = "contracts/verifier/"
LEAST = 98


@dataclass(slots=True)
class Covered:
    """Lines, and branches as (line, block, branch), with how often each was taken."""

    lines: dict[int, int] = field(default_factory=dict)
    branches: dict[tuple[int, str, str], int] = field(default_factory=dict)


def measure() -> None:
    """Let forge replay the vectors and write `REPORT`."""
    REPORT.parent.mkdir(exist_ok=True)
    arguments = ["coverage", "--report", "lcov", "--report-file", str(REPORT)]
    environment = {**os.environ, "FOUNDRY_PROFILE": "coverage"}
    done = subprocess.run([FORGE, *arguments], env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"forge could not measure coverage, or a vector fails:\n{done.stdout}{done.stderr}")


def read(report: str) -> dict[str, Covered]:
    """What an lcov report says of the measured files, by path."""
    found: dict[str, Covered] = defaultdict(Covered)
    path = ""
    for line in report.splitlines():
        kind, _, rest = line.partition(":")
        if kind == "SF":
            path = rest
        elif kind == "DA" and path.startswith(MEASURED):
            number, times = rest.split(",")[:2]
            found[path].lines[int(number)] = int(times)
        elif kind == "BRDA" and path.startswith(MEASURED):
            number, block, branch, taken = rest.split(",")
            found[path].branches[int(number), block, branch] = 0 if taken == "-" else int(taken)
    return found


def _share(times: list[int]) -> str:
    hit = sum(n > 0 for n in times)
    return f"{hit}/{len(times)} {100 * hit / len(times):.1f} %" if times else "none"


def main() -> None:
    """Measure, print, judge."""
    measure()
    files = read(REPORT.read_text())
    if not files:
        sys.exit(f"{REPORT} says nothing of {MEASURED}")
    for path, covered in sorted(files.items()):
        lines, branches = list(covered.lines.values()), list(covered.branches.values())
        print(f"{path.removeprefix(MEASURED):24} lines {_share(lines):20} branches {_share(branches)}")
        missed = sorted(
            {n for n, times in covered.lines.items() if not times}
            | {b[0] for b, times in covered.branches.items() if not times}
        )
        if missed:
            print(f"{'':24} not covered: line {', '.join(map(str, missed))}")
    lines = [times for covered in files.values() for times in covered.lines.values()]
    branches = [times for covered in files.values() for times in covered.branches.values()]
    print(f"{'all':24} lines {_share(lines):20} branches {_share(branches)}")
    sys.exit(any(100 * sum(n > 0 for n in times) < LEAST * len(times) for times in (lines, branches)))


if __name__ == "__main__":
    main()
