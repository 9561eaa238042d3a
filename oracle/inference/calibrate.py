"""Calibration: how far honest onnxruntime runs lie from the canonical result, and which tolerance to publish.

Inputs are those given, random ones, and ones searched for: from the worst, step by step towards larger errors, and
towards the program's jumps. All of them run under every setting. No search finds the worst there is: that is what the
margin is for, and why operators bond canonical outputs by default.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oracle.canonical.bundle import Bundle
from oracle.canonical.program.jumps import jumping_nodes
from oracle.canonical.tensor import DType
from oracle.errors import InputError
from oracle.inference.deviation import Deviation, Tolerance, propose, quantiles, relative, scale, score
from oracle.inference.nearness import Nearness
from oracle.inference.runs import CanonicalRun, PlainRun, Setting
from oracle.inference.runtime import OPTIMISATION_LEVELS
from oracle.inference.sampling import Inputs, Range, Sampler, between, range_of

_STARTS: Final = 4
_SEARCHED_SETTINGS: Final = 2
_HALVINGS: Final = 40  # bring two float32 next to each other


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to try: random inputs, steps of the search, and the factor between errors seen and tolerance."""

    samples: int = 64
    steps: int = 400
    margin: float = 8.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class OutputReport:
    """One output. Quantiles (`deviation.QUANTILES`) are of its elements, each under its worst setting.

    `absolute` and `relative` are of given and random inputs, `searched_…` the greatest of those searched for. `apart`
    counts elements that no tolerance covers. `tolerance` is None for integers and bools, which have none.
    """

    name: str
    absolute: tuple[float, ...]
    relative: tuple[float, ...]
    searched_absolute: float
    searched_relative: float
    elements: int
    apart: int
    tolerance: Tolerance | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was found. `refused` random inputs were left out, as onnxruntime cannot run the model on them."""

    outputs: tuple[OutputReport, ...]
    settings: tuple[Setting, ...]
    worst_setting: Setting
    inputs: int
    searched: int
    refused: int
    ranges: tuple[Range, ...]
    jumping_nodes: dict[str, int]
    margin: float


def all_settings(cores: int) -> tuple[Setting, ...]:
    """Every combination of 1, 2 and all threads, optimisation levels, and memory settings."""
    threads = sorted({1, min(2, cores), cores})
    combined = product(threads, OPTIMISATION_LEVELS, (True, False), (True, False))
    return tuple(Setting(*combination) for combination in combined)


def calibrate(
    bundle: Bundle,
    given: Sequence[Inputs],
    told: dict[str, tuple[float, float]],
    settings: Sequence[Setting],
    effort: Effort,
) -> Calibration:
    """Run onnxruntime under `settings` against the canonical run on `given` inputs, random ones and searched ones.

    `told` are ranges of inputs by name. Raises `InputError` for a range that is none, or where onnxruntime can run the
    model on no input; `ModelError` where it cannot run it at all.
    """
    if unknown := sorted(told.keys() - set(bundle.input_names)):
        raise InputError(f"The model has no input {unknown[0]!r}.", hint=f"It has {', '.join(bundle.input_names)}.")
    named = list(zip(bundle.input_names, bundle.model.inputs, strict=True))
    ranges = [range_of(s, [inputs[slot] for inputs in given], told.get(n)) for slot, (n, s) in enumerate(named)]
    sampler = Sampler(bundle.model.inputs, ranges, effort.seed)
    drawn = [*given, *(sampler.draw() for _ in range(effort.samples))]
    kept = list(_runnable(drawn, PlainRun(bundle, settings[0])))
    if not kept:
        raise InputError(
            "onnxruntime can run the model on none of the inputs.", hint="Give ranges: --range NAME=LOW:HIGH."
        )
    first = _Trial(bundle, kept)
    scores = [first.run(setting) for setting in settings]
    order = np.argsort([-worst.max() for worst in scores], kind="stable")
    hostile = [settings[place] for place in order[:_SEARCHED_SETTINGS]]
    starts = np.argsort(-np.max(scores, axis=0), kind="stable")[:_STARTS]
    search = _Search(bundle, sampler, hostile, first.scales)
    found = list(search.climb([kept[place] for place in starts], kept, effort.steps))
    second = _Trial(bundle, found)
    for setting in settings:
        second.run(setting)
    pairs = zip(bundle.output_names, first.deviations, second.deviations, strict=True)
    return Calibration(
        tuple(_report(name, one, two, effort.margin) for name, one, two in pairs),
        tuple(settings),
        hostile[0],
        len(kept),
        len(found),
        len(drawn) - len(kept),
        tuple(ranges),
        jumping_nodes(bundle.program),
        effort.margin,
    )


class _Trial:
    """Some inputs, their canonical outputs, and how far each setting's lie from them."""

    def __init__(self, bundle: Bundle, inputs: Sequence[Inputs]) -> None:
        canonical = CanonicalRun(bundle)
        self._bundle, self._inputs = bundle, inputs
        self._canonical = [canonical(each) for each in inputs]
        self.deviations = [Deviation(spec, len(inputs)) for spec in bundle.model.output_tensors]
        self.scales = [scale(outputs) for outputs in zip(*self._canonical, strict=True)]

    def run(self, setting: Setting) -> NDArray[Any]:
        """Take in what a setting makes of every input; yields a score for each."""
        plain = PlainRun(self._bundle, setting)
        scores = []
        for number, (inputs, canonical) in enumerate(zip(self._inputs, self._canonical, strict=True)):
            answers = plain(inputs)
            for deviation, answer, truth in zip(self.deviations, answers, canonical, strict=True):
                deviation.add(number, answer, truth)
            scores.append(score(answers, canonical, self.scales))
        return np.array(scores)


class _Search:
    """Hill climbing from given inputs, under a few settings."""

    def __init__(self, bundle: Bundle, sampler: Sampler, settings: Sequence[Setting], scales: Sequence[float]) -> None:
        self._canonical = CanonicalRun(bundle)
        self._plain = [PlainRun(bundle, setting) for setting in settings]
        self._nearness = Nearness(bundle.program)
        self._goals = (_larger_error, _nearer_jump) if jumping_nodes(bundle.program) else (_larger_error,)
        self._sampler, self._scales = sampler, scales

    def climb(self, starts: Sequence[Inputs], pool: Sequence[Inputs], steps: int) -> Iterator[Inputs]:
        """In `steps` changes for all, for each start and goal: the best input, and that of the largest error."""
        each = steps // (len(starts) * len(self._goals))
        for start, goal in product(starts, self._goals):
            first = start if goal is _larger_error else self._beside_a_jump(start, pool)
            best = worst = (first, self._look(first))
            for step in range(each):
                inputs = self._sampler.change(best[0], pool[step % len(pool)])
                try:
                    seen = (inputs, self._look(inputs))
                except InputError:
                    continue
                best = max(best, seen, key=lambda candidate: goal(candidate[1]))
                worst = max(worst, seen, key=lambda candidate: _larger_error(candidate[1]))
            yield best[0]
            if worst[0] is not best[0]:
                yield worst[0]

    def _beside_a_jump(self, inputs: Inputs, pool: Sequence[Inputs]) -> Inputs:
        """On the way from `inputs` to another of the pool, the last point before a jump; `inputs` if none is on it."""
        side = self._side(inputs)
        beyond = next((other for other in pool if self._side(other) != side), inputs)
        for _ in range(_HALVINGS):
            middle = between(inputs, beyond)
            if self._side(middle) == side:
                inputs = middle
            else:
                beyond = middle
        return inputs

    def _side(self, inputs: Inputs) -> bytes:
        self._canonical(inputs, self._nearness)
        return self._nearness.side()

    def _look(self, inputs: Inputs) -> "_Sight":
        canonical = self._canonical(inputs, self._nearness)
        error = max(score(plain(inputs), canonical, self._scales) for plain in self._plain)
        return _Sight(error, self._nearness.distance())


@dataclass(frozen=True, slots=True)
class _Sight:
    """An input's score and its distance to a jump."""

    error: float
    distance: float


def _larger_error(sight: _Sight) -> float:
    return sight.error


def _nearer_jump(sight: _Sight) -> float:
    return -sight.distance


def _runnable(inputs: Sequence[Inputs], plain: PlainRun) -> Iterator[Inputs]:
    for each in inputs:
        try:
            plain(each)
        except InputError:
            continue
        yield each


def _report(name: str, first: Deviation, searched: Deviation, margin: float) -> OutputReport:
    error = np.concatenate([first.error, searched.error])
    canonical = np.concatenate([first.canonical, searched.canonical])
    is_float = first.spec.dtype is DType.FLOAT
    return OutputReport(
        name,
        quantiles(first.error),
        quantiles(relative(first.error, first.canonical)),
        float(searched.error.max(initial=0.0)),
        float(relative(searched.error, searched.canonical).max(initial=0.0)),
        error.size,
        int(first.apart.sum() + searched.apart.sum()),
        propose(error, canonical, margin) if is_float else None,
    )
