"""Calibration: errors are measured right, searches find more than chance, and what is proposed covers what was seen."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper, numpy_helper

from oracle.canonical.bundle import Bundle
from oracle.canonical.model import OutputSpec
from oracle.canonical.program.jumps import jumping_nodes
from oracle.canonical.tensor import DType, TensorSpec
from oracle.canonical.tolerance import bits_of, wrong_elements
from oracle.errors import InputError
from oracle.inference.calibrate import Effort, all_settings, calibrate
from oracle.inference.compiling import compile_file
from oracle.inference.deviation import QUANTILES, deviation, propose, quantiles, score
from oracle.inference.nearness import Nearness
from oracle.inference.runs import CanonicalRun, PlainRun, Setting
from oracle.inference.sampling import Range, Sampler, range_of

FLOATS = TensorSpec(DType.FLOAT, (1, 4))
FEW = (Setting(), Setting(optimisation_level="disabled", memory_pattern=False), Setting(arena=False))

arrays = hnp.arrays(np.float32, (2, 5), elements=st.floats(-1e6, 1e6, width=32))


@pytest.fixture
def compiled(save, tmp_path: Path):
    """Compiles a model of some nodes, from x to y."""

    def make(nodes: Sequence[onnx.NodeProto], **parts: object) -> Bundle:
        return compile_file(save(nodes, **parts))

    return make


def mixing() -> dict[str, object]:
    """Y = softmax(w · x): many sums, and what magnifies their rounding."""
    weights = np.random.default_rng(7).normal(size=(4, 4)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Softmax", ["z"], ["y"], axis=-1)]
    return {"nodes": nodes, "weights": [numpy_helper.from_array(weights, "w")]}


def test_settings_cover_threads_levels_and_memory() -> None:
    """An operator may run any of them, and the tolerance must cover it."""
    settings = all_settings(8)
    assert len(settings) == len(set(settings)) == 3 * 4 * 2 * 2
    assert {setting.threads for setting in settings} == {1, 2, 8}
    assert {setting.threads for setting in all_settings(1)} == {1}


@given(arrays, arrays)
def test_errors_are_the_distances(answer: np.ndarray, canonical: np.ndarray) -> None:
    """In exact arithmetic, up to the one rounding of a float64."""
    error, apart = deviation(answer.reshape(-1), canonical.reshape(-1))
    assert not apart.any()
    for e, a, c in zip(error, answer.flat, canonical.flat, strict=True):
        exact = abs(Fraction(float(a)) - Fraction(float(c)))
        assert abs(Fraction(float(e)) - exact) <= exact / 2**52


def test_what_no_tolerance_covers_is_apart() -> None:
    """As the chain judges: NaN is right beside NaN only, an infinity beside itself."""
    nan, inf = np.nan, np.inf
    answer = np.array([nan, nan, inf, inf, -inf, 1, 0], np.float32)
    canonical = np.array([nan, 1, inf, 3e38, inf, nan, 0], np.float32)
    error, apart = deviation(answer, canonical)
    assert apart.tolist() == [False, True, False, True, True, True, False]
    assert not error.any()
    assert deviation(np.array([3, 4]), np.array([3, 5]))[1].tolist() == [False, True]


@given(arrays, arrays, st.floats(1, 100))
def test_the_proposal_covers_every_error_with_the_margin(
    error: np.ndarray, canonical: np.ndarray, margin: float
) -> None:
    """By the rule the contract applies."""
    error, canonical = np.abs(error.astype(np.float64)), canonical.astype(np.float64)
    found = propose(error, canonical, margin)
    assert ((found.atol + found.rtol * np.abs(canonical)) * (1 + 1e-12) >= margin * error).all()
    assert found.rtol >= margin * 2.0**-24


def test_a_lucky_machine_still_proposes_some_ulps() -> None:
    """No error seen on one machine does not mean none on another."""
    found = propose(np.zeros((1, 2)), np.array([[1.0, 100.0]]), 8)
    assert found.rtol >= 2.0**-21
    assert found.atol >= 100 * 2.0**-21
    assert propose(np.zeros((1, 2)), np.zeros((1, 2)), 8).atol == 0


def test_quantiles_are_values_that_occur() -> None:
    """An interpolated one could lie where no error was."""
    values = np.arange(1000.0)
    assert quantiles(values) == (500, 900, 990, 999, 999)
    assert quantiles(np.zeros(0)) == (0.0,) * len(QUANTILES)


def test_a_flipped_element_scores_above_any_rounding() -> None:
    """The search must prefer a jump to noise."""
    flipped = score([np.array([1, 2])], [np.array([1, 3])], [3.0])
    noisy = score([np.array([1.0, 2.5])], [np.array([1.0, 3.0])], [3.0])
    assert flipped >= 1 > noisy > 0


@pytest.mark.parametrize(
    ("spec", "given_arrays", "told", "expected"),
    [
        (FLOATS, [np.array([2.0, np.nan, -7.5])], None, Range(-7.5, 2.0)),
        (FLOATS, [], (0.0, 1.0), Range(0.0, 1.0)),
        (FLOATS, [], None, Range(-4.0, 4.0, assumed=True)),
        (TensorSpec(DType.INT64, (3,)), [], None, Range(0, 1, assumed=True)),
        (TensorSpec(DType.UINT8, (3,)), [], None, Range(0, 255)),
        (TensorSpec(DType.BOOL, (3,)), [], None, Range(0, 1)),
    ],
)
def test_ranges_come_from_what_is_known(spec, given_arrays, told, expected) -> None:
    """And what was assumed is marked, to be told."""
    assert range_of(spec, given_arrays, told) == expected


@pytest.mark.parametrize(
    ("dtype", "told"),
    [(DType.FLOAT, (1.0, 0.0)), (DType.FLOAT, (0.0, 1e39)), (DType.FLOAT, (0.0, np.nan)), (DType.INT8, (0, 128)),
     (DType.INT32, (0.5, 2)), (DType.INT32, (0, np.inf)), (DType.BOOL, (0, 2))],
)  # fmt: skip
def test_a_range_that_is_none_is_refused(dtype: DType, told: tuple[float, float]) -> None:
    """Before minutes are spent."""
    with pytest.raises(InputError, match="is no range of"):
        range_of(TensorSpec(dtype, (1,)), [], told)


@pytest.mark.parametrize("dtype", [DType.FLOAT, DType.INT64, DType.UINT64, DType.INT8, DType.BOOL])
def test_drawn_and_changed_inputs_keep_to_spec_and_range(dtype: DType) -> None:
    """An input beyond what the model takes would measure something else."""
    limits = Range(0, 1) if dtype is DType.BOOL else Range(1, 100)
    sampler = Sampler([TensorSpec(dtype, (2, 3))], [limits], seed=1)
    first = other = sampler.draw()
    seen = set()
    for _ in range(200):
        other, first = first, sampler.change(first, other)
        (array,) = first
        assert (array.shape, array.dtype) == ((2, 3), dtype.numpy)
        assert array.min() >= limits.low
        assert array.max() <= limits.high
        seen.add(array.tobytes())
    assert len(seen) > 5


def test_the_same_seed_draws_the_same() -> None:
    """A calibration can be repeated."""
    one, other = (Sampler([FLOATS], [Range(-1, 1)], seed=3).draw()[0] for _ in range(2))
    assert one.tobytes() == other.tobytes()


def test_a_calibration_covers_what_every_setting_yields(compiled) -> None:
    """Its tolerance makes right what it ran, by the judge's own rule, and more inputs too."""
    bundle = compiled(**mixing())
    found = calibrate(bundle, [], {"x": (-20, 20)}, FEW, Effort(samples=16, steps=40))
    (output,) = found.outputs
    assert output.tolerance is not None
    assert 0 < output.absolute[-1] < 1e-4
    assert (found.inputs, found.refused, found.settings) == (16, 0, FEW)
    tolerance = bits_of(output.tolerance.atol), bits_of(output.tolerance.rtol)
    specs = [OutputSpec(spec, *tolerance) for spec in bundle.model.output_tensors]
    canonical, sampler = CanonicalRun(bundle), Sampler(bundle.model.inputs, found.ranges, seed=99)
    for setting in FEW:
        plain = PlainRun(bundle, setting)
        for inputs in [sampler.draw() for _ in range(20)]:
            assert wrong_elements(plain(inputs), canonical(inputs), specs) == []


def test_the_search_finds_larger_errors_than_it_started_from(compiled) -> None:
    """Random inputs alone would publish a tolerance that is too narrow."""
    bundle = compiled(**mixing())
    found = calibrate(bundle, [], {"x": (-20, 20)}, FEW[:1], Effort(samples=4, steps=400))
    (output,) = found.outputs
    assert output.searched_absolute > output.absolute[-1]


def rounding() -> dict[str, object]:
    """Y = round(x · w), as int64: a jump at every half."""
    weights = [numpy_helper.from_array(np.full((4, 4), 0.1, np.float32), "w")]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node("Round", ["z"], ["r"]),
        helper.make_node("Cast", ["r"], ["y"], to=TensorProto.INT64),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.INT64, ["N", 4])]
    return {"nodes": nodes, "weights": weights, "outputs": outputs}


def test_the_search_reaches_a_jump_that_chance_misses(compiled) -> None:
    """Where honest runs differ by a whole number: no tolerance helps, and the report says so."""
    bundle = compiled(**rounding())
    found = calibrate(bundle, [], {}, FEW[:1], Effort(samples=8, steps=800))
    (output,) = found.outputs
    assert found.jumping_nodes == {"MAP CAST": 1, "MAP ROUND": 1}
    assert output.tolerance is None
    assert output.absolute[-1] == 0
    assert output.apart > 0


def test_the_distance_to_a_jump_is_that_of_the_nearest_element(compiled) -> None:
    """It leads the search; an exact hit is no distance."""
    bundle = compiled(**rounding())
    nearness, run = Nearness(bundle.program), CanonicalRun(bundle)
    distances = []
    for value in (1.0, 4.9, 4.999):
        run([np.array([[value, 0, 0, 0]], np.float32)], nearness)
        distances.append(nearness.distance())
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-3


@pytest.mark.parametrize(
    ("operator", "jumps"),
    [("Floor", True), ("Sign", True), ("ArgMax", True), ("Relu", False), ("Exp", False), ("Neg", False)],
)
def test_jumps_are_told_from_smooth_functions(compiled, operator: str, jumps: bool) -> None:
    """A tolerance is worth something only for the second."""
    dtype = TensorProto.INT64 if operator == "ArgMax" else TensorProto.FLOAT
    node = helper.make_node(operator, ["x"], ["y"], **({"axis": 1} if operator == "ArgMax" else {}))
    outputs = [helper.make_tensor_value_info("y", dtype, ["N", 1 if operator == "ArgMax" else 4])]
    assert bool(jumping_nodes(compiled([node], outputs=outputs).program)) is jumps


def test_inputs_that_onnxruntime_refuses_are_left_out(compiled) -> None:
    """An index beyond its table is an error there, and a fill in a program: no error of rounding."""
    table = numpy_helper.from_array(np.arange(8, dtype=np.float32), "t")
    x = helper.make_tensor_value_info("x", TensorProto.INT64, ["N", 4])
    bundle = compiled([helper.make_node("Gather", ["t", "x"], ["y"])], inputs=[x], weights=[table])
    found = calibrate(bundle, [], {"x": (0, 8)}, FEW[:1], Effort(samples=40, steps=40))
    assert 0 < found.refused < 40
    assert found.inputs + found.refused == 40
    with pytest.raises(InputError, match=r"on none of the inputs.*--range"):
        calibrate(bundle, [], {"x": (100, 200)}, FEW[:1], Effort(samples=4, steps=4))


def test_a_range_of_an_unknown_input_is_refused(compiled) -> None:
    """It would be ignored, and the ranges that count assumed."""
    with pytest.raises(InputError, match=r"no input 'q'.*x"):
        calibrate(compiled(**mixing()), [], {"q": (0, 1)}, FEW[:1], Effort(samples=1, steps=0))
