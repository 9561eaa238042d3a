"""Capacity: what terms suit this machine, and how many answers may be open under them."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.tensor import decode
from oracle.canonical.tracing import trace_of
from oracle.chain.protocol import ModelId
from oracle.services.defending.capacity import SENDING_SECONDS, Capacity, measure, slow_inputs
from tests.unit.chain.model_chain import make_request
from tests.unit.services.world import compiled

QUICK, SLOW, GONE = ModelId(b"\1" * 32), ModelId(b"\2" * 32), ModelId(b"\3" * 32)
CAPACITY = Capacity({QUICK: 0.5, SLOW: 4.0}, margin=1.0)
POLICY = make_request(1).policy


def test_attack_64_both_times_must_suit_a_defence() -> None:
    """The trace is computed within the one, and again within the other if the process has died meanwhile."""
    for field in ("trace_time", "move_time"):
        assert CAPACITY.spare(replace(POLICY, **{field: 5}), SLOW) == 0
        assert CAPACITY.spare(replace(POLICY, **{field: 4}), SLOW) == -1


def test_what_is_open_already_takes_its_part() -> None:
    """All open answers may be challenged at once; those of a model that is gone cannot be defended by anything."""
    load = CAPACITY.load({QUICK: 4, SLOW: 1, GONE: 100})
    assert load == 6
    assert CAPACITY.spare(POLICY, QUICK, load) == 2.5
    assert CAPACITY.spare(POLICY, SLOW, load) == -1


jobs = st.lists(st.tuples(st.sampled_from([QUICK, SLOW]), st.integers(1, 40)), max_size=40)


@given(jobs, st.data())
def test_attack_64_whatever_is_challenged_when_all_accepted_answers_are_defended_in_time(asked, data) -> None:
    """Doing what is due first, one after the other, no accepted answer comes too late, in whatever order they come.

    The margin covers the one defence that is under way when a more urgent one arrives.
    """
    capacity = replace(CAPACITY, margin=max(CAPACITY.seconds.values()))
    held: list[tuple[ModelId, int]] = []
    for model, seconds in asked:
        load = capacity.load({each: sum(m == each for m, _ in held) for each in (QUICK, SLOW)})
        if capacity.spare(replace(POLICY, trace_time=seconds, move_time=seconds), model, load) >= 0:
            held.append((model, seconds))
    waiting = sorted((data.draw(st.integers(0, 60)), seconds, model) for model, seconds in held)
    now, ready = 0.0, []
    while waiting or ready:
        if not ready:
            now = max(now, waiting[0][0])
        while waiting and waiting[0][0] <= now:
            began, seconds, model = waiting.pop(0)
            ready.append((began + seconds, model))
        ready.sort()
        due, model = ready.pop(0)
        now += capacity.seconds[model]
        assert now <= due


def test_the_exact_path_is_measured() -> None:
    """The timer sees the slow run and its commitment, once for each input that is tried."""
    ticks = iter([0.0, 1.5, 10.0, 14.0])
    assert measure(compiled("digits"), 1, timer=lambda: next(ticks)) == 4.0 + SENDING_SECONDS


def test_slow_inputs_fit_the_model_and_hold_every_magnitude() -> None:
    """An input that is refused would measure nothing."""
    specs = compiled("digits").model.inputs
    (scattered,), (endless,) = (decode(packed, specs) for packed in slow_inputs(specs))
    finite = np.abs(scattered[np.isfinite(scattered)])
    assert np.ptp(np.log10(finite[finite > 0])) > 30
    assert np.isinf(endless).all()


def test_the_slow_path_yields_the_same_trace() -> None:
    """What is measured must be what a defence computes."""
    program = compiled("digits")
    specs = program.model.inputs
    packed = slow_inputs(specs)[0]
    assert trace_of(program.plan, specs, packed, all_exact=True).root == trace_of(program.plan, specs, packed).root
