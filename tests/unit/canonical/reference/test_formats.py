"""Elements as bits, and the one rounding."""

import math
from fractions import Fraction

import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.reference.formats import decode, encode, normalise, round_float32
from oracle.canonical.tensor import DType
from tests.unit.canonical.mpfr import FLOAT32, to_bits
from tests.unit.canonical.strategies import FORMATS, INTEGERS, element_bits, float_bits

F = DType.FLOAT
_dtypes = st.sampled_from(FORMATS)


@given(_dtypes, st.data())
def test_an_element_survives_decoding_and_encoding_normalised(dtype: DType, data: st.DataObject) -> None:
    """Reading and writing an element may change no more than the choice among zeros, NaNs and trues."""
    bits = data.draw(element_bits(dtype))
    normal = normalise(dtype, bits)
    assert encode(dtype, decode(dtype, bits)) == normal
    assert normalise(dtype, normal) == normal


@given(float_bits())
def test_a_float32_is_the_number_numpy_reads(bits: int) -> None:
    """The bits are those of IEEE 754, not of a look-alike."""
    number, expected = decode(F, bits), float(np.uint32(bits).view(np.float32))
    assert number == expected or (math.isnan(number) and math.isnan(expected))


@given(st.sampled_from(INTEGERS), st.data())
def test_an_integer_is_the_number_numpy_reads(dtype: DType, data: st.DataObject) -> None:
    """Two's complement, of the width the dtype says."""
    bits = data.draw(element_bits(dtype))
    assert decode(dtype, bits) == int(np.frombuffer(bits.to_bytes(dtype.size, "big"), dtype.numpy.newbyteorder(">"))[0])


@given(st.sampled_from(INTEGERS), st.integers(-(2**70), 2**70))
def test_an_integer_result_is_taken_modulo_its_width(dtype: DType, value: int) -> None:
    """What wraps in the EVM must wrap here."""
    wrapped = decode(dtype, encode(dtype, value))
    info = np.iinfo(dtype.numpy)
    assert info.min <= wrapped <= info.max
    assert (wrapped - value) % (1 << 8 * dtype.size) == 0


@given(float_bits(), st.integers(-3, 3), st.integers(1, 200), st.integers(-1, 1))
def test_rounding_is_to_the_nearest_and_ties_go_to_even(bits: int, quarters: int, depth: int, nudge: int) -> None:
    """Midpoints of neighbours, and numbers beside them however close, are where roundings go wrong."""
    number = decode(F, bits)
    if not isinstance(number, Fraction):
        return
    unit = Fraction(2) ** (max(math.frexp(float(number))[1], -125) - 24)
    value = number + unit * Fraction(quarters, 4) + unit * Fraction(nudge, 2**depth)
    numerator, denominator = gmpy2.mpz(value.numerator), gmpy2.mpz(value.denominator)
    assert round_float32(value) == to_bits(FLOAT32.div(numerator, denominator))


@pytest.mark.parametrize(
    ("value", "bits"),
    [
        (2**128 - 2**104, 0x7F7FFFFF),
        (2**128 - 2**103 - 1, 0x7F7FFFFF),
        (2**128 - 2**103, 0x7F800000),
        (-(2**128) + 2**103, 0xFF800000),
        (2**5000, 0x7F800000),
        (Fraction(1, 2**149), 1),
        (Fraction(1, 2**150), 0),
        (Fraction(2**90 + 1, 2**240), 1),
        (Fraction(-1, 2**150), 0),
        (Fraction(-1, 2**5000), 0),
        (Fraction(-3, 2**150), 0x80000002),
        (Fraction(2**24 - 1, 2**150), 0x00800000),
        (1 + Fraction(1, 2**24), 0x3F800000),
        (1 + Fraction(3, 2**24), 0x3F800002),
    ],
)
def test_the_ends_of_the_format_are_where_ieee_754_puts_them(value: int | Fraction, bits: int) -> None:
    """Overflow from 2^128 - 2^103 on, gradual underflow, ties to even, and no -0."""
    assert round_float32(Fraction(value)) == bits


def test_a_finite_float_or_a_fraction_of_an_integer_is_no_result() -> None:
    """A float among exact numbers would be a rounding nobody asked for."""
    with pytest.raises(TypeError):
        encode(F, 0.5)
    with pytest.raises(TypeError):
        encode(DType.INT8, Fraction(1, 2))
