"""Whether tests notice small changes of the verifier contracts: `python -m bench.mutation [--mutants N] [--seconds S]`.

A sample of all mutants, the same for the same sources, is judged; results are kept in build/mutation.json, so that a
run that is stopped goes on where it was. Invalid mutants and those that compile to the same
code are replaced by others.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from hashlib import sha256
from multiprocessing import Process, Queue
from pathlib import Path
from queue import Empty

from bench.mutation.equivalent import why_equivalent
from bench.mutation.judge import ALL, Built, Judge, build_all, sources_of
from bench.mutation.mutants import Mutant, mutants

SEED = 0x5EED
RESULTS = Path("build") / "mutation.json"
WORKERS = 2
NOT_COUNTED = ("invalid", "same code", "equivalent")


def sample(sources: dict[str, str]) -> Iterator[Mutant]:
    """All mutants in the order they are judged: files by turns, long ones more often, operator classes by turns."""
    queues = {}
    for path, source in sorted(sources.items()):
        rng = random.Random(f"{SEED} {path}")  # noqa: S311 (the same mutants every time)
        classes = defaultdict(list)
        for mutant in mutants(path, source, rng):
            classes[mutant.operator].append(mutant)
        for entries in classes.values():
            rng.shuffle(entries)
        queues[path] = _by_turns(list(classes.values()))
    rng = random.Random(SEED)  # noqa: S311
    weights = {path: len(queue) ** 0.5 for path, queue in queues.items()}
    while queues:
        path = rng.choices(list(queues), [weights[path] for path in queues])[0]
        yield queues[path].pop(0)
        if not queues[path]:
            del queues[path]


def _by_turns(lists: list[list[Mutant]]) -> list[Mutant]:
    return [entries[i] for i in range(max(map(len, lists))) for entries in lists if i < len(entries)]


def key_of(mutant: Mutant, source: str) -> str:
    """What a result is kept under: it holds as long as the mutated source does."""
    return f"{mutant.path} {sha256(mutant.apply(source).encode()).hexdigest()[:16]}"


Task = tuple[Mutant, bool]
"""A mutant, and whether it has come through the vectors and is for the differential tests."""


def _work(built: Built, sources: dict[str, str], todo: "Queue[Task | None]", done: "Queue[tuple[Mutant, str]]") -> None:
    judge = Judge(built)
    while (task := todo.get()) is not None:
        mutant, slowly = task
        source = sources[mutant.path]
        outcome = (judge.test if slowly else judge.replay)(mutant, source)
        done.put((mutant, outcome))
    judge.close()


def run(number: int, seconds: float) -> dict[str, dict[str, str]]:
    """Judge mutants until `number` count or the time is over; all results, by key."""
    paths = sorted({path for c in ALL for path in sources_of(c) if path.startswith("contracts/verifier/")})
    sources = {path: Path(path).read_text() for path in paths}
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    order = list(sample(sources))
    counted = sum(_outcome(results, mutant, sources) not in NOT_COUNTED for mutant in order)
    waiting = [mutant for mutant in order if key_of(mutant, sources[mutant.path]) not in results]
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="assay-") as name:
        built = Built(Path(name))
        todo: Queue[Task | None] = Queue()
        done: Queue[tuple[Mutant, str]] = Queue()
        workers = [Process(target=_work, args=(built, sources, todo, done), daemon=True) for _ in range(WORKERS)]
        builder = Process(target=build_all, args=(built,), daemon=True)
        for process in (*workers, builder):
            process.start()
        running, unnoticed = 0, [m for m in order if _outcome(results, m, sources) == "unnoticed"]
        while True:
            while running < WORKERS and time.monotonic() < end:
                task = _next(waiting if counted + running < number else [], unnoticed)
                if task is None:
                    break
                todo.put(task)
                running += 1
            if not running:
                break
            mutant, outcome = _wait(done, [*workers, builder])
            running -= 1
            source = sources[mutant.path]
            key = key_of(mutant, source)
            counted += (outcome not in NOT_COUNTED) - (results.get(key, {}).get("outcome") == "unnoticed")
            if outcome == "unnoticed":
                unnoticed.append(mutant)
            results[key] = {"change": mutant.describe(source), "operator": mutant.operator, "outcome": outcome}
            _keep(results)
            print(f"{counted}/{number} {Path(mutant.path).name} {results[key]['change']}: {outcome}", flush=True)
        for _ in workers:
            todo.put(None)
        for process in (*workers, builder):
            process.join()
    return _judged(order, sources, results)


def _wait(done: "Queue[tuple[Mutant, str]]", processes: list[Process]) -> tuple[Mutant, str]:
    while True:
        try:
            return done.get(timeout=5)
        except Empty:
            if any(process.exitcode for process in processes):
                raise AssertionError("the tests fail with the contracts as they are, or cannot be run.") from None


def _next(waiting: list[Mutant], unnoticed: list[Mutant]) -> Task | None:
    """Replays first: they take a second, tests a minute."""
    if waiting:
        return waiting.pop(0), False
    return (unnoticed.pop(0), True) if unnoticed else None


def _keep(results: dict[str, dict[str, str]]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def _judged(
    order: list[Mutant], sources: dict[str, str], results: dict[str, dict[str, str]]
) -> dict[str, dict[str, str]]:
    """The results on the sources as they are, where what survives may be known to be equivalent."""
    found = {}
    for mutant in order:
        source = sources[mutant.path]
        entry = results.get(key_of(mutant, source))
        if entry is None:
            continue
        why = why_equivalent(mutant, source) if entry["outcome"] == "survived" else None
        found[key_of(mutant, source)] = entry | ({"outcome": "equivalent", "why": why} if why else {})
    return found


def _outcome(results: dict[str, dict[str, str]], mutant: Mutant, sources: dict[str, str]) -> str:
    return results.get(key_of(mutant, sources[mutant.path]), {"outcome": "invalid"})["outcome"]


def measure(number: int = 360, seconds: float = 7_200) -> dict[str, int]:
    """`mutants_killed` and `mutants_total` for build/bench.json."""
    return figures_of(run(number, seconds))


def figures_of(results: dict[str, dict[str, str]]) -> dict[str, int]:
    """Equivalent mutants are not counted; one that no test has had its time for yet counts as not killed."""
    outcomes = Counter(entry["outcome"] for entry in results.values())
    total = sum(n for outcome, n in outcomes.items() if outcome not in NOT_COUNTED)
    return {
        "mutants_killed": total - outcomes["survived"] - outcomes["unnoticed"],
        "mutants_total": total,
        "mutants_equivalent": outcomes["equivalent"],
        "mutants_seed": SEED,
    }


def main() -> None:
    """Judge, and print what survived."""
    parser = argparse.ArgumentParser(prog="python -m bench.mutation")
    parser.add_argument("--mutants", type=int, default=360)
    parser.add_argument("--seconds", type=float, default=7_200)
    options = parser.parse_args()
    results = run(options.mutants, options.seconds)
    for key, entry in results.items():
        if entry["outcome"] in ("survived", "equivalent"):
            print(f"{entry['outcome']}: {key.split()[0]} {entry['change']} {entry.get('why', '')}")
    figures = figures_of(results)
    print(json.dumps(figures))
    sys.exit(figures["mutants_killed"] < 0.95 * figures["mutants_total"])
