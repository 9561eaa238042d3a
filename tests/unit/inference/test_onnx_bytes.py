"""Reading ONNX files: whole, within their folder, bounded, and named by a digest that covers every byte."""

import hashlib

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from oracle.errors import ModelError
from oracle.inference.onnx_bytes import read_onnx

WEIGHTS = np.arange(4, dtype=np.float32)


def external(location, name="w", count=4, **keys):
    """A float32 [count] tensor whose data lie elsewhere."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[count], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **keys}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


@pytest.fixture
def with_external(save, tmp_path):
    """A model x + w where w lies in `location`; the data file is beside the model."""
    (tmp_path / "w.bin").write_bytes(WEIGHTS.tobytes())

    def make(location, **keys):
        return save([helper.make_node("Add", ["x", "w"], ["y"])], weights=[external(location, **keys)])

    return make


def run(data):
    """The output for ones."""
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.ones((1, 4), np.float32)})[0]


def test_a_self_contained_file_is_named_by_its_sha256(relu):
    """People compare the published digest with sha256sum."""
    file = read_onnx(relu)
    assert file.digest == hashlib.sha256(relu.read_bytes()).digest()
    assert file.data == relu.read_bytes()


def test_external_weights_in_the_folder_are_merged(with_external):
    """Exporters write big models as two files; onnxruntime then needs no file access at all."""
    file = read_onnx(with_external("w.bin"))
    assert run(file.data).tolist() == [[1, 2, 3, 4]]


def test_a_slice_of_an_external_file_is_honoured(save, tmp_path):
    """Exporters put all weights into one file, each with its offset and length."""
    (tmp_path / "w.bin").write_bytes(b"\xff" * 4 + WEIGHTS.tobytes() + b"\xff" * 4)
    path = save([helper.make_node("Add", ["x", "w"], ["y"])], weights=[external("w.bin", offset=4, length=16)])
    assert run(read_onnx(path).data).tolist() == [[1, 2, 3, 4]]


def test_the_digest_covers_external_weights(with_external, tmp_path):
    """Else somebody could swap the weights of a published model without changing its digest."""
    path = with_external("w.bin")
    before = read_onnx(path).digest
    (tmp_path / "w.bin").write_bytes((WEIGHTS + 1).tobytes())
    assert read_onnx(path).digest != before != hashlib.sha256(path.read_bytes()).digest()


def test_the_external_digest_is_the_documented_formula(with_external, tmp_path):
    """Others must be able to recompute it."""

    def sha(data):
        return hashlib.sha256(data).digest()

    path = with_external("w.bin")
    expected = sha(b"\0" + sha(path.read_bytes()) + sha(b"w.bin") + sha(WEIGHTS.tobytes()))
    assert read_onnx(path).digest == expected


def test_a_missing_file_is_refused(tmp_path):
    """A wrong path is the commonest mistake: the sentence must name it."""
    with pytest.raises(ModelError, match=r"There is no model file at .*absent\.onnx"):
        read_onnx(tmp_path / "absent.onnx")


def test_a_folder_is_refused(tmp_path):
    """A folder or device instead of a file must not raise a traceback or hang."""
    with pytest.raises(ModelError, match="There is no model file at"):
        read_onnx(tmp_path)


def test_an_empty_file_is_refused(tmp_path):
    """An interrupted download leaves an empty file, which protobuf would accept."""
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(ModelError, match=r"empty\.onnx is empty"):
        read_onnx(tmp_path / "empty.onnx")


@pytest.mark.parametrize("data", [b"\x00\x01", b"not a model", b"PK\x03\x04" * 50, b"\x08\x08"])
def test_attack_51_what_is_no_onnx_file_is_refused(tmp_path, data):
    """A zip, a text or a protobuf without a graph is a sentence, not a crash."""
    path = tmp_path / "junk.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"junk\.onnx is not an ONNX model, or it is truncated"):
        read_onnx(path)


@pytest.mark.parametrize("cut", [1, 7, 20])
def test_attack_51_a_truncated_protobuf_is_refused(relu, cut):
    """Half a download must not be served."""
    relu.write_bytes(relu.read_bytes()[:-cut])
    with pytest.raises(ModelError, match="is not an ONNX model, or it is truncated"):
        read_onnx(relu)


def test_attack_51_endless_nesting_is_refused(build, tmp_path):
    """A graph within a graph, a thousand deep, must not exhaust the stack."""

    def field(number, payload):
        size, varint = len(payload), b""
        while size > 127:
            varint, size = varint + bytes([size & 127 | 128]), size >> 7
        return bytes([number << 3 | 2]) + varint + bytes([size]) + payload

    graph = field(2, b"g")
    for _ in range(1_000):
        graph = field(1, field(5, field(6, graph)))
    path = tmp_path / "deep.onnx"
    path.write_bytes(field(7, graph))
    with pytest.raises(ModelError, match="is not an ONNX model"):
        read_onnx(path)


def test_a_file_above_the_limit_is_refused_before_it_is_read(relu):
    """Memory stays bounded whatever a URL delivers."""
    with pytest.raises(ModelError, match="bigger than the limit of 10 bytes"):
        read_onnx(relu, max_bytes=10)


@pytest.mark.parametrize(
    "location",
    [
        "/etc/hostname",
        "../secret.bin",
        "sub/../../secret.bin",
        "..\\secret.bin",
        "C:\\secret.bin",
        "\\\\host\\share\\secret.bin",
        "",
        ".",
        "w\0.bin",
    ],
)
def test_attack_51_external_data_outside_the_folder_is_refused(with_external, location):
    """A model must not make us read, and answer with, other files of this machine."""
    with pytest.raises(ModelError, match=r"outside the model's folder|is missing"):
        read_onnx(with_external(location))


def test_attack_51_a_link_out_of_the_folder_is_refused(with_external, tmp_path, tmp_path_factory):
    """A symbolic link is followed before the folder is checked."""
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.bin"
    secret.write_bytes(WEIGHTS.tobytes())
    (tmp_path / "link.bin").symlink_to(secret)
    with pytest.raises(ModelError, match="outside the model's folder"):
        read_onnx(with_external("link.bin"))


def test_attack_51_a_linked_folder_is_followed_too(with_external, tmp_path, tmp_path_factory):
    """The link may hide in the middle of the path."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "w.bin").write_bytes(WEIGHTS.tobytes())
    (tmp_path / "sub").symlink_to(elsewhere)
    with pytest.raises(ModelError, match="outside the model's folder"):
        read_onnx(with_external("sub/w.bin"))


def test_missing_external_data_is_refused(with_external):
    """The second file of a two-file model is easily forgotten."""
    with pytest.raises(ModelError, match=r"'absent\.bin', which is missing"):
        read_onnx(with_external("absent.bin"))


@pytest.mark.parametrize("keys", [{"offset": 8, "length": 16}, {"offset": -4}, {"length": -1}, {"offset": "x"}])
def test_attack_51_a_slice_beyond_the_external_file_is_refused(with_external, keys):
    """Offsets and lengths are the attacker's too."""
    with pytest.raises(ModelError, match="beyond the end of the external file"):
        read_onnx(with_external("w.bin", **keys))


def test_attack_51_many_slices_of_one_file_do_not_multiply_memory(save, tmp_path):
    """A zip bomb in ONNX's terms: a thousand tensors that are all the same external megabyte."""
    (tmp_path / "w.bin").write_bytes(bytes(2**20))
    weights = [external("w.bin", name=f"w{slot}", count=2**18) for slot in range(1_000)]
    path = save([helper.make_node("Relu", ["x"], ["y"])], weights=weights)
    with pytest.raises(ModelError, match="bigger than the limit"):
        read_onnx(path, max_bytes=16 * 2**20)


def test_attack_51_sparse_tensors_count_unpacked(save, build, tmp_path):
    """One stored value may unpack to gigabytes."""
    value, index = numpy_helper.from_array(np.ones(1, np.float32), "w"), numpy_helper.from_array(np.zeros(1, np.int64))
    model = build([helper.make_node("Relu", ["x"], ["y"])])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(value, index, [2**30]))
    path = tmp_path / "sparse.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="bigger than the limit"):
        read_onnx(path)


def hidden_in_constant(tensor):
    """In a Constant's attribute."""
    return {"nodes": [helper.make_node("Constant", [], ["w"], value=tensor), *add()]}


def hidden_in_branch(tensor):
    """Among the initializers of both branches of an If."""

    def branch(name):
        node = helper.make_node("Identity", ["inner"], ["b"])
        return helper.make_graph([node], name, [], [helper.make_tensor_value_info("b", 1, [4])], [tensor])

    choose = helper.make_node("If", ["c"], ["w"], then_branch=branch("t"), else_branch=branch("e"))
    condition = numpy_helper.from_array(np.bool_(1), "c")
    return {"nodes": [choose, *add()], "weights": [condition]}


def hidden_in_function(tensor):
    """In a model-local function's body."""
    constant = helper.make_node("Constant", [], ["w"], value=tensor)
    body = [constant, helper.make_node("Add", ["a", "w"], ["b"])]
    function = helper.make_function("own", "F", ["a"], ["b"], body, [helper.make_opsetid("", 18)])
    node = helper.make_node("F", ["x"], ["y"], domain="own")
    return {"nodes": [node], "functions": [function], "opsets": (("", 18), ("own", 1))}


def hidden_in_sparse(tensor):
    """As the values of a sparse tensor."""
    index = numpy_helper.from_array(np.zeros(1, np.int64))
    return {"nodes": [helper.make_node("Constant", [], ["w"], sparse_value=sparse(tensor, index)), *add()]}


def sparse(values, indices):
    """A sparse tensor of four elements."""
    made = onnx.SparseTensorProto(values=values, indices=indices)
    made.dims.extend([4])
    return made


def hidden_in_list(tensor):
    """In an attribute that lists tensors."""
    node = helper.make_node("Relu", ["x"], ["y"])
    node.attribute.add(name="many", type=onnx.AttributeProto.TENSORS).tensors.append(tensor)
    return {"nodes": [node]}


def add():
    """The node y = x + w."""
    return [helper.make_node("Add", ["x", "w"], ["y"])]


@pytest.mark.parametrize(
    "hide", [hidden_in_constant, hidden_in_branch, hidden_in_function, hidden_in_sparse, hidden_in_list]
)
def test_attack_51_external_data_is_found_wherever_it_hides(save, hide):
    """Attributes, subgraphs, functions and sparse tensors can name files as initializers can."""
    with pytest.raises(ModelError, match="outside the model's folder"):
        read_onnx(save(**hide(external("../secret.bin", name="inner"))))


def test_a_tensor_that_names_a_file_without_being_external_is_not_read_later(save):
    """The location may be set while data_location says otherwise: it is checked all the same."""
    tensor = external("../secret.bin")
    tensor.data_location = TensorProto.DEFAULT
    with pytest.raises(ModelError, match="outside the model's folder"):
        read_onnx(save(add(), weights=[tensor]))
