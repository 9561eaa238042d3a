"""Whether the tests notice a mutant: the vectors first, then the differential tests of what it is part of."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping
from multiprocessing import Event
from pathlib import Path

from bench.mutation.compiler import CompilationError, Compiler
from bench.mutation.mutants import Mutant
from bench.vectors import replay

VERIFIER = "contracts/verifier/"
HARNESSES = "contracts/mocks/verifier/"
FUNCTIONS = ("Elementary", "Trigonometry", "Scalars")
STEPS = ("Recomputer", "StepVerifier")
FAULTS = ("ProgramFaults", "InputFaults", "AnswerFaults")
ALL = (*FUNCTIONS, *STEPS, *FAULTS)

DIFFERENTIAL = {
    "test_binary32.py": ("Binary32Harness",),
    "test_arithmetic.py": ("ArithmeticHarness",),
    "test_accumulator.py": ("AccumulatorHarness",),
    "test_fixed_point.py": ("FixedPointHarness",),
    "test_fixed_trigonometry.py": ("FixedTrigonometryHarness",),
    "test_elementary.py": ("ElementaryHarness", "Elementary"),
    "test_elementary_pow.py": ("ElementaryHarness",),
    "test_trigonometry.py": ("TrigonometryHarness", "Trigonometry"),
    "test_step_node.py": (*FUNCTIONS, *STEPS),
    "test_step_fault.py": (*FUNCTIONS, *STEPS),
    "test_step_openings.py": (*FUNCTIONS, *STEPS),
    "test_step_recompute.py": (*FUNCTIONS, *STEPS),
    "test_cost.py": (*FUNCTIONS, *STEPS, "CostHarness"),
    "test_program_faults.py": ("ProgramFaults",),
    "test_input_faults.py": ("InputFaults",),
    "test_answer_faults.py": ("AnswerFaults",),
}
"""The differential tests, and the contracts each of them deploys."""

SECONDS = 240
"""How long the differential tests of a mutant may take: one that makes them hang is noticed."""


def path_of(contract: str) -> str:
    """The file of a contract."""
    return f"{HARNESSES if contract.endswith('Harness') else VERIFIER}{contract}.sol"


def sources_of(contract: str) -> set[str]:
    """All files of the repository a contract is made of."""
    found: set[str] = set()
    ahead = [path_of(contract)]
    while ahead:
        path = ahead.pop()
        if path in found:
            continue
        found.add(path)
        imports = re.findall(r'^import .*?"(\.[^"]+)";', Path(path).read_text(), re.M | re.S)
        ahead += [os.path.normpath(Path(path).parent / name) for name in imports]
    return found


class Built:
    """A folder with the build of all contracts, which takes a while; `ready` is set when it is there and passes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ready = folder, Event()


class Judge:
    """A compiler, and what it makes of the sources as they are."""

    def __init__(self, built: Built) -> None:
        self._compiler = Compiler()
        self._built = built
        contracts = {*ALL, *(c for needed in DIFFERENTIAL.values() for c in needed)}
        self._sources = {contract: sources_of(contract) for contract in contracts}
        self._code = self._compiled(ALL, {})
        self._vectors = self._replayed(self._code, ALL)
        if self._vectors:
            raise AssertionError(f"the contracts as they are fail on {self._vectors}.")

    def replay(self, mutant: Mutant, source: str) -> str:
        """`invalid`, `same code`, `unnoticed`, or the vector that kills it. Takes a second."""
        changed = {mutant.path: mutant.apply(source)}
        code, same = dict(self._code), True
        for contracts in (FUNCTIONS, STEPS, FAULTS):
            touched = [c for c in contracts if mutant.path in self._sources[c]]
            if not touched:
                continue
            try:
                new = self._compiled(touched, changed)
            except CompilationError:
                return "invalid"
            same = same and all(new[c] == self._code[c] for c in touched)
            code |= new
            failed = self._replayed(code, contracts)
            if failed:
                return failed
        harnesses = any(mutant.path in self._sources[c] for c in self._sources if c not in ALL)
        return "same code" if same and not harnesses else "unnoticed"

    def test(self, mutant: Mutant, source: str) -> str:
        """`invalid`, `same code`, `survived`, or the differential test that kills it. Takes a minute."""
        return self._differential(mutant.path, {mutant.path: mutant.apply(source)})

    def close(self) -> None:
        """End the compiler."""
        self._compiler.close()

    def _compiled(self, contracts: Iterable[str], changed: Mapping[str, str]) -> dict[str, bytes]:
        contracts = list(contracts)
        code = self._compiler.compile([path_of(c) for c in contracts], changed, optimized=False)
        return {name: code[name] for name in contracts}

    def _replayed(self, code: Mapping[str, bytes], contracts: Collection[str]) -> str | None:
        try:
            verifier = replay.Verifier(code)
        except RuntimeError:
            return "deployment"
        files = [replay.function_calls, replay.step_calls] if "Scalars" in contracts else []
        files += [replay.step_calls, replay.node_calls, replay.proof_calls] if "StepVerifier" in contracts else []
        files += [replay.fault_calls] if "ProgramFaults" in contracts else []
        for calls in files:
            place = replay.first_difference(verifier, calls)
            if place is not None:
                return f"{calls.__name__} {place}"
        return None

    def _differential(self, path: str, changed: Mapping[str, str]) -> str:
        tests = [test for test, needed in DIFFERENTIAL.items() if any(path in self._sources[c] for c in needed)]
        contracts = {c for test in tests for c in DIFFERENTIAL[test] if path in self._sources[c]}
        same = True
        self._built.ready.wait()
        with tempfile.TemporaryDirectory(prefix="mutant-") as name:
            folder = Path(name)
            for built in self._built.folder.iterdir():
                (folder / built.name).symlink_to(built.resolve())
            try:
                code = self._compiler.compile([path_of(c) for c in contracts], changed, optimized=True)
            except CompilationError:
                return "invalid"
            for contract in contracts:
                target = folder / f"{contract}.sol"
                same = same and artifact(code[contract]) == (target / f"{contract}.json").read_text()
                target.unlink()
                write_artifact(folder, contract, code[contract])
            return "same code" if same else run_tests(tests, folder)


def artifact(code: bytes) -> str:
    """What the tests read of a build."""
    return json.dumps({"bytecode": {"object": "0x" + code.hex()}})


def write_artifact(folder: Path, contract: str, code: bytes) -> None:
    """Leave a contract where the tests look for it."""
    target = folder / f"{contract}.sol"
    target.mkdir(parents=True, exist_ok=True)
    (target / f"{contract}.json").write_text(artifact(code))


def build_all(built: Built) -> None:
    """Compile what the differential tests deploy, and see that they pass with it."""
    compiler = Compiler()
    for contract in dict.fromkeys(c for needed in DIFFERENTIAL.values() for c in needed):
        code = compiler.compile([path_of(contract)], {}, optimized=True)
        write_artifact(built.folder, contract, code[contract])
    compiler.close()
    outcome = run_tests(list(DIFFERENTIAL), built.folder)
    if outcome != "survived":
        raise AssertionError(f"with the contracts as they are, {outcome} fails.")
    built.ready.set()


def run_tests(tests: Iterable[str], folder: Path) -> str:
    """The first of the differential tests that fails with the contracts in `folder`, or `survived`."""
    for test in tests:
        arguments = [sys.executable, "-m", "pytest", "-p", "no:ape_test", "-p", "no:cacheprovider", "-x", "-q"]
        environment = {**os.environ, "FOUNDRY_OUT": str(folder)}
        try:
            done = subprocess.run(
                [*arguments, f"tests/differential/{test}"],
                env=environment,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"{test}, hanging"
        if done.returncode == 1:
            return test
        if done.returncode:
            raise AssertionError(f"pytest could not run {test}: {done.stdout.decode()[-2000:]}")
    return "survived"
