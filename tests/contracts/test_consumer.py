"""The Solidity side of a consumer: the base contract and the libraries."""

import struct
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor, inf, nan

import numpy as np
import pytest

from oracle.canonical.tensor import DType
from oracle.chain.protocol import GWEI, Status
from tests.contracts.world import FEE, INPUT, MINIMUM, MODEL, OUTPUT, decode_error, reverts, view_reverts

SALT = bytes(32)
MAX_INT = 2**255 - 1


def float_bits(value):
    """The 32 bits of a float32."""
    return int(np.float32(value).view(np.uint32))


@pytest.fixture(scope="module")
def harness(session_world):
    """The libraries as external functions."""
    return session_world.keeper.deploy(session_world.project.ConsumerHarness)


@pytest.fixture(scope="module")
def storing(session_world):
    """A consumer that keeps what it receives."""
    return session_world.keeper.deploy(session_world.project.StoringConsumer, session_world.oracle, MODEL.to_abi())


def ask(world, consumer, packed=INPUT, value=FEE * GWEI, salt=SALT):
    """Have a consumer ask, and yield its request."""
    request = replace(world.request(consumer, callback_gas=100_000), salt=salt)
    consumer.ask(packed, request.policy.pack(), 100_000, salt, value=value, sender=world.requester)
    return request


def test_a_consumer_asks_and_receives(world, storing):
    """Requests are made from Solidity as well as from accounts."""
    output = bytes(range(12))
    request = ask(world, storing)
    assert world.status(request) is Status.REQUESTED
    world.answer(request, output=output)
    world.later(MINIMUM)
    world.finalize(request, output=output)
    assert storing.outputOf(world.id(request)) == output
    assert (storing.MODEL_ID(), storing.INPUT_BYTES(), storing.OUTPUT_BYTES()) == (MODEL.id, 128, 12)


def test_an_event_consumer_emits_what_it_received(world):
    """The cheapest consumer there is, and what benchmarks use."""
    consumer = world.keeper.deploy(world.project.EventConsumer, world.oracle, MODEL.to_abi())
    request = ask(world, consumer)
    world.answer(request)
    world.later(MINIMUM)
    receipt = world.finalize(request)
    assert [log.output for log in consumer.Received.from_receipt(receipt)] == [OUTPUT]


def test_an_input_of_the_wrong_length_is_refused_before_money_moves(world, storing):
    """A fee paid for an input no operator takes would wait for its expiry."""
    for length in (0, 127, 129):
        with reverts(storing, "InferenceConsumer_InputLength", length, 128):
            ask(world, storing, bytes(length))
    assert storing.balance == 0


def test_a_fee_nobody_brought_is_named(world, storing):
    """The contract's own ether counts too."""
    with reverts(storing, "InferenceConsumer_BalanceBelowFee", FEE * GWEI - 1, FEE * GWEI):
        ask(world, storing, value=FEE * GWEI - 1)
    ask(world, storing, value=FEE * GWEI + 7)
    assert storing.balance == 7


def test_only_the_oracle_calls_back(world, storing):
    """Anybody could feed a consumer that does not check."""
    with reverts(storing, "InferenceConsumer_NotOracle", world.rival):
        storing.onInference(SALT, OUTPUT, sender=world.rival)


def test_attack_23_an_answer_of_the_wrong_length_does_not_reach_the_consumer(world, storing):
    """Unchallenged it becomes final, but a consumer that reads floats at fixed places must never see it."""
    request = ask(world, storing)
    world.answer(request, output=bytes(11))
    world.later(MINIMUM)
    receipt = world.finalize(request, output=bytes(11))
    (failed,) = world.oracle.DeliveryFailed.from_receipt(receipt)
    assert decode_error(storing, bytes(failed.reason)) == ("InferenceConsumer_OutputLength", (11, 12))
    assert storing.outputOf(world.id(request)) == b""


def test_model_lengths_and_id_agree_with_the_worker(harness):
    """Lengths are what inputs and outputs are checked by."""
    assert tuple(harness.model(MODEL.to_abi())) == (MODEL.id, 128, 12)


# --- tensors


@pytest.mark.parametrize(
    ("read", "dtype"),
    [
        ("int8At", DType.INT8),
        ("int16At", DType.INT16),
        ("int32At", DType.INT32),
        ("int64At", DType.INT64),
        ("uint8At", DType.UINT8),
        ("uint16At", DType.UINT16),
        ("uint32At", DType.UINT32),
        ("uint64At", DType.UINT64),
        ("boolAt", DType.BOOL),
        ("float16At", DType.FLOAT16),
        ("float32At", DType.FLOAT),
        ("float64At", DType.DOUBLE),
    ],
)
def test_elements_read_as_numpy_packs_them(harness, read, dtype):
    """At every index, after an offset, to the last byte and not beyond."""
    packed = np.random.default_rng(7).integers(0, 256, 5 * dtype.size, np.uint8).tobytes()
    if dtype is DType.BOOL:
        packed = b"\0\1\0\1\xff"
    values = np.frombuffer(packed, dtype.numpy.newbyteorder(">"))
    if read.startswith("float"):
        values = np.frombuffer(packed, np.dtype(f">u{dtype.size}"))
    data = b"abc" + packed
    for index, value in enumerate(values):
        assert getattr(harness, read)(data, 3, index) == value
    for offset, index in ((3, 5), (4, 4), (len(data) + 1, 0), (2**256 - 1, 1), (0, 2**256 - 1), (0, 2**255)):
        view_reverts(
            harness,
            read,
            (
                data,
                offset,
                index,
            ),
            "TensorReader_OutOfBounds",
            offset,
            index,
            dtype.size,
            len(data),
        )


SPECIAL = [0.0, 1.0, 0.5, 1.5, 2.5, 0.1, 1 / 3, 2.0**-149, 2.0**-126, 2.0**24 + 2, 3.4028235e38, 123456.79, 0.4]
HOW = (floor, ceil, int, round)


@pytest.mark.parametrize("decimals", [0, 1, 6, 18, 38, 69])
def test_fixed_point_is_exact_for_every_kind_of_float(harness, decimals):
    """Against exact fractions, in every rounding; overflow is named, never wrapped."""
    for magnitude in SPECIAL:
        for value in (magnitude, -magnitude):
            exact = Fraction(float(np.float32(value))) * 10**decimals
            for place, how in enumerate(HOW):
                expected = how(exact)
                if abs(expected) <= MAX_INT:
                    assert harness.toFixed(float_bits(value), decimals, place) == expected
                else:
                    view_reverts(
                        harness,
                        "toFixed",
                        (
                            float_bits(value),
                            decimals,
                            place,
                        ),
                        "Float32_Overflow",
                        float_bits(value),
                        decimals,
                    )


def test_what_has_no_fixed_point_value_is_refused(harness):
    """NaN must not become a number that passes a limit."""
    for value in (nan, inf, -inf):
        view_reverts(
            harness,
            "toFixed",
            (
                float_bits(value),
                18,
                0,
            ),
            "Float32_NotFinite",
            float_bits(value),
        )
    view_reverts(
        harness,
        "toFixed",
        (
            float_bits(1.0),
            70,
            0,
        ),
        "Float32_TooManyDecimals",
        70,
    )
    assert [tuple(harness.classify(float_bits(v))) for v in (nan, inf, -inf, 1.0)] == [
        (True, False),
        (False, True),
        (False, True),
        (False, False),
    ]


def test_integers_become_the_nearest_float32(harness):
    """Ties go to even, a carry moves the exponent, what is too large is infinity."""
    largest = 2**128 - 2**104
    cases = [0, 1, -1, 2**24 + 1, 2**24 + 3, -(2**24) - 1, 2**25 - 1, largest, largest + 2**103 - 1, 10**20, -(2**255)]
    for value in cases:
        with np.errstate(over="ignore"):
            packed = np.float32(_round_to_float64(value))
        assert harness.fromInt(value) == float_bits(packed)
    assert harness.fromInt(largest + 2**103) == float_bits(inf)
    assert bytes(harness.writeInts(3, [1, -2, 2**24 + 1])) == struct.pack(">fff", 1, -2, 2**24)
    view_reverts(
        harness,
        "writeInts",
        (
            1,
            [1, 2],
        ),
        "TensorWriter_OutOfBounds",
        1,
        1,
    )


def _round_to_float64(value):
    """A float64 that rounds to the same float32 as `value`: odd in the last bit where it is not exact."""
    shift = max(abs(value).bit_length() - 53, 0)
    kept = abs(value) >> shift
    if kept << shift != abs(value):
        kept |= 1
    return float(kept) * 2.0**shift * (1 if value >= 0 else -1)


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ([1.0, 3.0, 2.0], 1),
        ([3.0, 3.0], 0),
        ([nan, -inf, 1.0], 2),
        ([nan, -inf], 1),
        ([nan, nan], 0),
        ([-0.0, 0.0], 0),
        ([-2.0, -1.0, nan], 1),
        ([1.0, nan, inf, inf], 2),
    ],
)
def test_arg_max_takes_the_first_of_equals_and_skips_nan(harness, values, best):
    """As the canonical ArgMax does, so that a consumer and a model with that node agree."""
    assert harness.argMax(b"x" + np.array(values, ">f4").tobytes(), 1, len(values)) == best


def test_arg_max_of_nothing_is_refused(harness):
    """There is no first of none."""
    view_reverts(
        harness,
        "argMax",
        (
            b"",
            0,
            0,
        ),
        "TensorReader_Empty",
    )
