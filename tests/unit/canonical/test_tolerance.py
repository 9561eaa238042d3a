"""Right and wrong answers: docs/canonical.md section 8, fault 3."""

import math
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.model import OutputSpec
from oracle.canonical.tensor import DType, TensorSpec
from oracle.canonical.tolerance import wrong_elements

_floats = st.floats(width=32, allow_nan=True, allow_infinity=True)
_tolerances = st.floats(min_value=0, allow_nan=False, allow_infinity=False)


def _bits(value: float) -> int:
    return int.from_bytes(struct.pack(">d", value), "big")


def _is_right(a: float, c: float, atol: float, rtol: float, dtype: DType = DType.FLOAT) -> bool:
    spec = OutputSpec(TensorSpec(dtype, (1,)), _bits(atol), _bits(rtol))
    return not wrong_elements([np.array([a], dtype.numpy)], [np.array([c], dtype.numpy)], [spec])


@given(_floats, _floats, _tolerances, _tolerances)
def test_the_rule_is_compared_exactly(a: float, c: float, atol: float, rtol: float) -> None:
    """An operator loses its bond by this comparison: float64 rounding must not decide it."""
    if math.isnan(a) or math.isnan(c):
        right = math.isnan(a) and math.isnan(c)
    elif math.isinf(a) or math.isinf(c):
        right = a == c
    else:
        right = abs(Fraction(a) - Fraction(c)) <= Fraction(atol) + Fraction(rtol) * abs(Fraction(c))
    assert _is_right(a, c, atol, rtol) == right


@given(st.floats(width=32, min_value=2.0**-100, max_value=2.0**100), st.integers(1, 1000))
def test_attack_44_the_edge_of_a_tolerance_is_right_and_one_ulp_beyond_is_wrong(c: float, ulps: int) -> None:
    """Exactly at the tolerance nobody can be convicted, and beyond it everybody can."""
    canonical = np.float32(c)
    answer = (canonical.view(np.uint32) + np.uint32(ulps)).view(np.float32)
    atol = float(answer) - float(canonical)
    assert _is_right(float(answer), float(canonical), atol, 0)
    assert not _is_right(float(answer), float(canonical), math.nextafter(atol, 0), 0)
    beyond = (answer.view(np.uint32) + np.uint32(1)).view(np.float32)
    assert not _is_right(float(beyond), float(canonical), atol, 0)


@pytest.mark.parametrize(
    ("a", "c", "right"),
    [
        (math.nan, math.nan, True),
        (math.nan, 1.0, False),
        (1.0, math.nan, False),
        (math.inf, math.inf, True),
        (-math.inf, math.inf, False),
        (math.inf, 3e38, False),
        (3e38, math.inf, False),
        (-0.0, 0.0, True),
    ],
)
def test_attack_62_nan_and_infinities_have_no_tolerance(a: float, c: float, right: bool) -> None:
    """However wide a tolerance is, NaN is right only for NaN, and an infinity only for the same one."""
    assert _is_right(a, c, 1e300, 1e300) == right


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_integers_are_compared_as_integers(a: int, c: int) -> None:
    """int64 does not fit float64: labels that differ must not pass as equal."""
    assert _is_right(a, c, 0, 0, DType.INT64) == (a == c)


def test_every_wrong_element_is_named() -> None:
    """The operator's log says where its runtime disagrees."""
    spec = OutputSpec(TensorSpec(DType.FLOAT, (2, 2)))
    truth = np.array([[0, 1], [2, 3]], np.float32)
    answer = np.array([[0, 1.5], [2, np.inf]], np.float32)
    assert wrong_elements([truth, answer], [truth, truth], [spec, spec]) == [(1, 1), (1, 3)]
