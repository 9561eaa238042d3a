"""Input files: four formats, nothing guessed, every refusal a sentence that says what was expected."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from oracle.canonical.tensor import DType, TensorSpec, encode
from oracle.errors import InputError
from oracle.inference.inputs import MAX_FILE_BYTES, _from_npy, read_input

ROW = TensorSpec(DType.FLOAT, (1, 3))
INTS = TensorSpec(DType.INT8, (2,))
FLAG = TensorSpec(DType.BOOL, ())


@pytest.fixture
def write(tmp_path):
    """Write a file; what is not bytes becomes JSON."""

    def make(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return make


def npy(array):
    """The bytes of an .npy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(*arrays, **named):
    """The bytes of an .npz file."""
    stream = io.BytesIO()
    np.savez_compressed(stream, *arrays, **named)
    return stream.getvalue()


def read(path, specs=(ROW,), names=("x",)):
    """Read for one float32 [1, 3] unless told."""
    return read_input(path, specs, names)


@given(hnp.arrays(hnp.floating_dtypes(sizes=(32,)), (1, 3)))
def test_an_npy_file_keeps_every_bit(array):
    """Whatever the byte order, NaN payloads and -0 included."""
    native = array.astype(np.float32)
    assert _from_npy(npy(array), ROW, "x").tobytes() == native.tobytes()


def test_an_npy_file_of_either_order_is_read(write):
    """NumPy saves column-major arrays column by column."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    spec = TensorSpec(DType.FLOAT, (2, 3))
    for order in "CF":
        (found,) = read(write("a.npy", npy(np.asarray(array, order=order))), (spec,))
        assert found.tolist() == array.tolist()
        assert found.flags.c_contiguous


def test_npz_members_go_by_name(write):
    """The order in which somebody saved them does not matter."""
    data = npz(b=np.array([1, 2], np.int8), a=np.ones((1, 3), np.float32))
    first, second = read(write("a.npz", data), (ROW, INTS), ("a", "b"))
    assert (first.tolist(), second.tolist()) == ([[1, 1, 1]], [1, 2])


def test_npz_members_without_names_go_by_position(write):
    """numpy.savez(f, x, y) calls them arr_0 and arr_1."""
    data = npz(np.ones((1, 3), np.float32), np.array([1, 2], np.int8))
    assert len(read(write("a.npz", data), (ROW, INTS), ("a", "b"))) == 2


def test_json_goes_by_name_or_bare(write):
    """One input needs no name."""
    for content in ({"x": [[1, 2.5, -3]]}, [[1, 2.5, -3]]):
        (found,) = read(write("a.json", content))
        assert found.dtype == np.float32
        assert found.tolist() == [[1, 2.5, -3]]


def test_a_leading_one_may_be_left_out(write):
    """A row is what people have; the batch of one is the model's habit."""
    for path in (write("a.json", [1, 2, 3]), write("a.npy", npy(np.ones(3, np.float32)))):
        assert read(path)[0].shape == (1, 3)


def test_json_scalars_and_booleans_are_read(write):
    """A tensor without axes is a bare value."""
    (found,) = read(write("a.json", b"true"), (FLAG,))
    assert found.shape == ()
    assert bool(found) is True


def test_json_knows_nan_and_infinity(write):
    """Python and JavaScript libraries write them so; a model may take them."""
    (found,) = read(write("a.json", b"[NaN, Infinity, -Infinity]"))
    assert str(found.tolist()) == "[[nan, inf, -inf]]"


def test_any_other_suffix_is_the_packed_encoding(write):
    """What the chain carries can be passed as it is."""
    tensors = [np.array([[1, 2, 3]], np.float32), np.array([-1, 5], np.int8)]
    for name in ("a.bin", "a.dat", "a"):
        found = read(write(name, encode(tensors, (ROW, INTS))), (ROW, INTS), ("a", "b"))
        assert [tensor.tolist() for tensor in found] == [tensor.tolist() for tensor in tensors]


@pytest.mark.parametrize("size", [0, 11, 13])
def test_packed_bytes_of_a_wrong_length_are_refused(write, size):
    """Before money moves."""
    with pytest.raises(InputError, match=f"{size} bytes given where the model declares 12"):
        read(write("a.bin", bytes(size)))


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.int64, np.complex64, object, "S4", "M8[s]"])
def test_a_cast_that_could_change_values_is_refused(write, dtype):
    """float64 into float32 rounds; the user must do it knowingly."""
    array = np.zeros((1, 3), dtype)
    with pytest.raises(InputError, match=r"a cast could change values.*astype\(numpy\.float32\)"):
        read(write("a.npy", npy(array)))


@pytest.mark.parametrize("dtype", [np.float16, np.int16, np.uint8, np.bool_])
def test_a_cast_that_keeps_every_value_is_made(write, dtype):
    """A small integer is a float32 without loss."""
    (found,) = read(write("a.npy", npy(np.ones((1, 3), dtype))))
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 1, 1]]


@pytest.mark.parametrize("shape", [(), (2,), (3, 1), (1, 1, 3), (4,)])
def test_a_wrong_shape_is_refused(write, shape):
    """Equal counts are not equal meanings: a transposed image is another image."""
    with pytest.raises(InputError, match=r"the model declares float32\[1,3\]"):
        read(write("a.npy", npy(np.ones(shape, np.float32))))
    with pytest.raises(InputError, match=r"the model declares float32\[1,3\]"):
        read(write("a.json", np.ones(shape).tolist()))


@pytest.mark.parametrize("content", [[[1, 2], [3]], [1, [2], 3], [[1, 2, 3], 4]])
def test_ragged_lists_are_refused(write, content):
    """Nested lists promise no rectangle."""
    spec = TensorSpec(DType.FLOAT, (2, 2) if content[0] == [1, 2] else np.shape(content[0]) or (3,))
    with pytest.raises(InputError, match=r"rows of different lengths|has shape|which is no float32"):
        read(write("a.json", content), (spec,))


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (DType.INT8, 128),
        (DType.INT8, -129),
        (DType.INT8, 1.0),
        (DType.UINT64, -1),
        (DType.UINT64, 2**64),
        (DType.INT32, True),
        (DType.INT32, None),
        (DType.INT32, "1"),
        (DType.FLOAT, 1e39),
        (DType.FLOAT, 10**400),
        (DType.FLOAT16, 65_520),
        (DType.DOUBLE, "1.0"),
        (DType.FLOAT, False),
        (DType.BOOL, 1),
        (DType.BOOL, "true"),
        (DType.FLOAT, {"a": 1}),
    ],
)
def test_json_values_a_dtype_cannot_hold_are_refused(write, dtype, value):
    """Nothing wraps, saturates or is truncated silently."""
    with pytest.raises(InputError, match=f"which is no {dtype.label}"):
        read(write("a.json", {"x": [value]}), (TensorSpec(dtype, (1,)),))


@pytest.mark.parametrize("dtype", [DType.INT64, DType.UINT64, DType.INT8])
def test_json_integers_are_exact_to_their_limits(write, dtype):
    """JSON numbers must not pass through a float on their way to 64 bits."""
    limits = np.iinfo(dtype.numpy)
    (found,) = read(write("a.json", [int(limits.min), int(limits.max)]), (TensorSpec(dtype, (2,)),))
    assert found.tolist() == [limits.min, limits.max]


@pytest.mark.parametrize("content", [{"y": [1, 2, 3]}, {}, {"x": [1, 2, 3], "y": 1}])
def test_json_names_must_be_the_models(write, content):
    """A missing or additional name is a misunderstanding."""
    with pytest.raises(InputError, match=r"The model expects 'x' float32\[1,3\]"):
        read(write("a.json", content))


def test_npz_names_must_be_the_models(write):
    """The sentence lists what there is and what was expected."""
    with pytest.raises(InputError, match=r"holds 'z'.*The model expects 'x' float32\[1,3\]"):
        read(write("a.npz", npz(z=np.ones((1, 3), np.float32))))


def test_a_key_twice_is_refused(write):
    """Python would keep the last one and say nothing."""
    with pytest.raises(InputError, match="same key twice"):
        read(write("a.json", b'{"x": [1, 2, 3], "x": [4, 5, 6]}'))


@pytest.mark.parametrize("name", ["a.npy", "a.json"])
def test_one_tensor_for_many_inputs_is_refused(write, name):
    """It could be any of them."""
    content = npy(np.ones((1, 3), np.float32)) if name == "a.npy" else b"[1, 2, 3]"
    with pytest.raises(InputError, match="the model has 2 inputs"):
        read(write(name, content), (ROW, INTS), ("a", "b"))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", b"{", "is not JSON"),
        ("a.json", b"\xff\xfe", "is not JSON"),
        ("a.json", b"[" * 100_000, "is not JSON"),
        ("a.json", b"[" + b"9" * 5_000 + b"]", "is not JSON"),
        ("a.npy", b"junk", "not in NumPy's .npy format"),
        ("a.npy", b"", "not in NumPy's .npy format"),
        ("a.npz", b"junk", "is damaged"),
        ("a.npz", npz(x=np.ones((1, 3), np.float32))[:-30], "is damaged"),
    ],
)
def test_damaged_files_are_refused(write, name, content, sentence):
    """A sentence, never a traceback."""
    with pytest.raises(InputError, match=sentence):
        read(write(name, content))


@pytest.mark.parametrize("change", [-1, 1])
def test_an_npy_file_of_a_wrong_length_is_refused(write, change):
    """Header and data must agree to the byte."""
    data = npy(np.ones((1, 3), np.float32))
    with pytest.raises(InputError, match="cut off or has bytes too many"):
        read(write("a.npy", data[:-1] if change < 0 else data + b"\0"))


def test_a_missing_file_is_refused(tmp_path):
    """The commonest mistake of all."""
    with pytest.raises(InputError, match=r"no input file at .*absent\.npy"):
        read(tmp_path / "absent.npy")


def test_attack_24_a_huge_input_file_is_refused_before_it_is_read(tmp_path):
    """A sparse file of terabytes costs its maker nothing."""
    path = tmp_path / "huge.bin"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(InputError, match=f"at most {MAX_FILE_BYTES} are read"):
        read(path)


def test_attack_24_a_zip_bomb_is_refused_before_it_is_unpacked(write):
    """Zeros compress a thousandfold."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(2 * MAX_FILE_BYTES))
    with pytest.raises(InputError, match=f"unpacks to more than {MAX_FILE_BYTES} bytes"):
        read(write("a.npz", stream.getvalue()))


def test_attack_24_a_header_cannot_make_us_allocate(write):
    """NumPy's own loader allocates what the header says before it looks at the data."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (2**50,)})
    with pytest.raises(InputError, match="has shape"):
        read(write("a.npy", stream.getvalue()))


def test_pickles_are_never_loaded(write):
    """A pickle is a program."""
    with pytest.raises(InputError, match="a cast could change values"):
        read(write("a.npy", npy(np.array([[{}, [], ()]], object))))


@given(st.binary(max_size=200))
def test_random_bytes_never_crash_the_npy_reader(data):
    """Whatever is in the file, the outcome is a tensor or an InputError."""
    for prefix in (b"", b"\x93NUMPY\x01\x00"):
        with pytest.raises(InputError):
            _from_npy(prefix + data, ROW, "x")
