"""Packed tensors: big-endian, headerless, bit for bit."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.tensor import DType, TensorSpec, decode, encode
from oracle.errors import InputError

shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)
specs = st.lists(st.builds(TensorSpec, st.sampled_from(DType), shapes), min_size=1, max_size=4)


@given(specs, st.data())
def test_decode_then_encode_gives_the_same_bytes(specs, data):
    """Every bit pattern survives, NaN payloads and -0 among them (a bool is 0 or 1)."""
    size = sum(spec.nbytes for spec in specs)
    raw = bytearray(data.draw(st.binary(min_size=size, max_size=size)))
    start = 0
    for spec in specs:
        if spec.dtype is DType.BOOL:
            raw[start : start + spec.nbytes] = bytes(byte & 1 for byte in raw[start : start + spec.nbytes])
        start += spec.nbytes
    tensors = decode(bytes(raw), specs)
    assert [(tensor.dtype, tensor.shape) for tensor in tensors] == [(spec.dtype.numpy, spec.shape) for spec in specs]
    assert encode(tensors, specs) == bytes(raw)


@pytest.mark.parametrize("dtype", list(DType))
def test_every_dtype_is_big_endian(dtype):
    """Solidity reads the most significant byte first."""
    packed = encode([np.ones((1,), dtype.numpy)], [TensorSpec(dtype, (1,))])
    ones = {"f": {2: ">e", 4: ">f", 8: ">d"}.get(dtype.size), "b": "?"}.get(dtype.numpy.kind)
    assert packed == (struct.pack(ones, 1) if ones else (1).to_bytes(dtype.size, "big"))


@pytest.mark.parametrize("bits", [0x7FC00000, 0x7F800001, 0xFFC12345, 0x80000000, 0x00000001])
def test_special_floats_keep_their_bits(bits):
    """A signalling NaN turned quiet would change the hash of an input."""
    raw = bits.to_bytes(4, "big")
    spec = TensorSpec(DType.FLOAT, ())
    (tensor,) = decode(raw, [spec])
    assert int(tensor.view(np.uint32)) == bits
    assert encode([tensor], [spec]) == raw


@pytest.mark.parametrize("byte", [1, 2, 255])
def test_any_byte_but_zero_is_true(byte):
    """Every byte string of the right length is an input; none may fail to decode."""
    assert decode(bytes([byte, 0]), [TensorSpec(DType.BOOL, (2,))])[0].tolist() == [True, False]


@given(specs, st.sampled_from([-1, 1, 7]))
def test_a_wrong_length_is_refused(specs, change):
    """Such a request must be refused before money moves, or skipped."""
    size = sum(spec.nbytes for spec in specs)
    with pytest.raises(InputError, match=f"{size + change} bytes given where the model declares {size}"):
        decode(bytes(size + change), specs)


@pytest.mark.parametrize(
    "tensor", [np.zeros((2, 3), np.float64), np.zeros((2, 3), np.int32), np.zeros((3, 2), np.float32), np.zeros(6)]
)
def test_encode_neither_casts_nor_reshapes(tensor):
    """A silent cast changes what is asked."""
    with pytest.raises(InputError, match=r"tensor 0 is .*the model declares float32\[2,3\]"):
        encode([tensor], [TensorSpec(DType.FLOAT, (2, 3))])


def test_encode_wants_as_many_tensors_as_declared():
    """A missing input is not an empty one."""
    with pytest.raises(InputError, match="0 tensors given where the model declares 1"):
        encode([], [TensorSpec(DType.FLOAT, (1,))])


def test_memory_layout_and_byte_order_of_the_array_do_not_matter():
    """Views and foreign byte orders are the same tensor."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    spec = [TensorSpec(DType.FLOAT, (2, 3))]
    for variant in (np.asfortranarray(array), array.astype(">f4"), np.tile(array, 2)[:, :3]):
        assert encode([variant], spec) == encode([array], spec)


@pytest.mark.parametrize("dtype", list(DType))
def test_every_dtype_is_found_by_its_numpy_type(dtype):
    """In either byte order."""
    assert DType.of(dtype.numpy) is dtype
    assert DType.of(dtype.numpy.newbyteorder(">")) is dtype


@pytest.mark.parametrize("dtype", [np.dtype(object), np.dtype("U4"), np.dtype(np.complex64)])
def test_other_dtypes_cannot_cross_the_chain(dtype):
    """The contracts know no code for them."""
    with pytest.raises(InputError, match="cannot cross the chain"):
        DType.of(dtype)


def test_a_spec_counts_elements_and_bytes():
    """A scalar has one element."""
    assert (TensorSpec(DType.DOUBLE, (2, 3)).count, TensorSpec(DType.DOUBLE, (2, 3)).nbytes) == (6, 48)
    assert (TensorSpec(DType.INT8, ()).count, str(TensorSpec(DType.FLOAT, (1, 32)))) == (1, "float32[1,32]")
