"""Libraries of models: what is judged by, that nothing slow holds up the watch, that strangers' models are bounded."""

import time
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from oracle.canonical.bundle import SUFFIX, Committed, write_bundle
from oracle.canonical.commit import Tree, bind_program
from oracle.canonical.model import OutputSpec
from oracle.canonical.program.node import Kind
from oracle.canonical.program_fault import ModelClaim, NodeClaim
from oracle.canonical.prove import program_root
from oracle.canonical.tensor import DType, TensorSpec
from oracle.canonical.tracing import trace_of
from oracle.chain.protocol import ModelId, checksum
from oracle.errors import ModelError
from oracle.inference.compiling import compile_file
from oracle.inference.fetching import FetchLimits, bundle_path
from oracle.inference.sessions import SessionCache
from oracle.metrics import UnjudgedReason
from oracle.services.engines import Engines
from oracle.services.watching import loading
from oracle.services.watching.judge import Wrong, confirms, glance, judge
from oracle.services.watching.library import RETRY_SECONDS, Malformed, OwnModels, Shelf, Unwatched, Watched, examine
from oracle.services.watching.loading import Bounds, Loader, excess, given
from oracle.store.catalogue import StoredModel
from tests.unit.services.watching.test_judge import stored as asked
from tests.unit.services.world import MODELS, compiled, tolerant, with_program

DIGITS, CREDIT = with_program("digits"), with_program("credit")
BUNDLE = compile_file(MODELS / "digits.onnx")
AMPLE = Bounds(10**12, 2**40, 1e9)


class Catalogue:
    """Announced models."""

    def __init__(self, *models):
        self.models = {model.id: stored(model) for model in models}

    def get(self, model_id):
        return self.models.get(model_id)


def stored(model, *uris):
    """A model as it was announced."""
    made = StoredModel(ModelId(model.id), model.onnx_digest, checksum("0x" + "11" * 20), b"", uris, 1)
    return _Announced(made, model)


class _Announced:
    def __init__(self, made, model):
        self.__dict__.update({name: getattr(made, name) for name in StoredModel.__slots__})
        self.model = model


def shelf(*models, load, chosen=lambda _stored: True, max_models=4):
    """A shelf of announced models."""
    return Shelf(Catalogue(*models), load, chosen=chosen, max_models=max_models)


def got(found, model, now=0.0):
    """What a shelf has once it has loaded it."""
    found.get(model.id, now)
    found.settle()
    return found.get(model.id, now)


def loader(*, ids=(), paths=(), cache=None, fetch=None, bounds=AMPLE):
    """A loader of named models."""
    return Loader(given(ids, paths), cache=cache, fetch=fetch, bounds=bounds, threads=1)


def test_loading_holds_up_nothing():
    """A mirror that takes minutes must not cost another game its move."""
    release = Event()

    def load(each):
        release.wait(10)
        return Watched(each.model, compiled("digits"))

    slow = shelf(DIGITS, load=load)
    began = time.monotonic()
    assert slow.get(DIGITS.id, 0) is None
    assert slow.get(DIGITS.id, 0) is None
    assert time.monotonic() - began < 5
    release.set()
    slow.settle()
    assert isinstance(slow.get(DIGITS.id, 0), Watched)


def test_what_no_mirror_serves_is_tried_again_after_a_pause_that_doubles():
    """A mirror may come back, and must not be hammered."""
    tries = []

    def load(each):
        tries.append(each.id)
        raise ModelError("no mirror")

    absent = shelf(DIGITS, load=load)
    now = 0.0
    assert got(absent, DIGITS).reason is UnjudgedReason.NO_BUNDLE
    for number, pause in enumerate((1, 2, 4), start=1):
        now += pause * RETRY_SECONDS - 1
        absent.get(DIGITS.id, now)
        assert len(tries) == number
        now += 1
        got(absent, DIGITS, now)
        assert len(tries) == number + 1


def test_a_new_mirror_is_asked_at_once():
    """Somebody saw that the model was missing, and helps."""
    tries = []

    def load(each):
        tries.append(each.uris)
        raise ModelError("no mirror")

    absent = shelf(DIGITS, load=load)
    got(absent, DIGITS)
    absent._catalogue.models[DIGITS.id].uris = ("https://new.example/digits.assay",)
    got(absent, DIGITS)
    assert len(tries) == 2


def test_attack_51_a_model_that_crashes_its_loader_is_told_and_ends_nothing():
    """Whatever a stranger announces, the watch over others' models goes on."""

    def load(_stored):
        raise MemoryError("too large")

    assert got(shelf(DIGITS, load=load), DIGITS).reason is UnjudgedReason.LOADING_FAILED


def test_the_least_recently_used_models_leave_first():
    """Many announced models must not fill the memory."""
    names = [tolerant(DIGITS, 1e-3 * number) for number in range(1, 6)]
    small = shelf(*names, load=lambda each: Watched(each.model, compiled("digits")), max_models=3)
    for model in names:
        got(small, model)
    assert set(small._entries) == {model.id for model in names[-3:]}


def test_models_without_a_program_are_malformed_if_the_chain_says_so():
    """A model of no nodes contradicts itself: whoever answers for it loses its bond."""
    nothing = replace(DIGITS, program_root=bytes(32), node_count=0, worst_leaf_gas=0)
    found = shelf(nothing, load=None).get(nothing.id, 0)
    assert isinstance(found, Malformed)
    assert found.claim == ModelClaim()
    rootless = replace(DIGITS, program_root=bytes(32))
    assert shelf(rootless, load=None).get(rootless.id, 0).reason is UnjudgedReason.NO_PROGRAM


def test_only_chosen_models_are_watched():
    """Who names models has the others left alone."""
    some = shelf(DIGITS, CREDIT, load=None, chosen=lambda each: each.id == DIGITS.id)
    assert some.watches(DIGITS.id)
    assert not some.watches(CREDIT.id)
    assert not some.watches(b"\1" * 32)


def test_an_operator_watches_every_model_with_a_program_of_its_own():
    """Another publisher's tolerances make another model with the same program."""
    wider = tolerant(DIGITS, 1.0)
    own = OwnModels(Catalogue(DIGITS, wider, CREDIT), [compiled("digits")], {})
    assert [own.watches(model.id) for model in (DIGITS, wider, CREDIT)] == [True, True, False]
    assert own.get(wider.id, 0).model == wider


@pytest.mark.parametrize(
    "changed",
    [
        lambda model: replace(model, worst_leaf_gas=model.worst_leaf_gas - 1),
        lambda model: replace(model, node_count=model.node_count + 1),
        lambda model: replace(model, inputs=()),
    ],
    ids=["worst leaf", "node count", "inputs"],
)
def test_attack_40_a_model_that_contradicts_its_program_is_malformed(changed):
    """It is announced with the root of a sound program; the contradiction is the publisher's and provable."""
    assert isinstance(examine(changed(DIGITS), compiled("digits"), None), Malformed)


def test_a_larger_declared_worst_leaf_is_no_fault():
    """The declaration is a bound."""
    generous = replace(DIGITS, worst_leaf_gas=DIGITS.worst_leaf_gas + 1)
    assert isinstance(examine(generous, compiled("digits"), None), Watched)


@pytest.mark.parametrize("named", [False, True], ids=["from a mirror", "named"])
def test_attack_40_a_bundle_with_a_malformed_program_shows_what_is_wrong_with_it(tmp_path, named):
    """No tool of ours runs it; but that it is malformed is all there is to prove."""
    nodes = tuple(replace(n, slot=9) if n.kind is Kind.INPUT else n for n in BUNDLE.program.nodes)
    program = replace(BUNDLE.program, nodes=nodes)
    model = replace(BUNDLE.model, program_root=program_root(program))
    path = bundle_path(tmp_path, model)
    write_bundle(path, replace(BUNDLE, program=program, model=model))
    found = loader(paths=[path] if named else (), cache=tmp_path, fetch=FetchLimits()).load(stored(model))
    assert isinstance(found, Malformed)
    assert isinstance(found.claim, NodeClaim)


def test_attack_52_a_cached_bundle_that_is_damaged_is_no_fault_of_the_model(tmp_path):
    """What is only broken proves nothing, and nothing is bonded on it."""
    path = bundle_path(tmp_path, BUNDLE.model)
    write_bundle(path, BUNDLE)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError):
        loader(cache=tmp_path, fetch=FetchLimits()).load(stored(BUNDLE.model))


@pytest.mark.parametrize("suffix", [".onnx", SUFFIX])
def test_named_files_serve_every_model_of_their_program(tmp_path, suffix):
    """An ONNX file or a bundle, whatever tolerances the model was published with."""
    path = MODELS / "digits.onnx"
    if suffix == SUFFIX:
        path = tmp_path / "digits.assay"
        write_bundle(path, BUNDLE)
    named = loader(paths=[path])
    found = named.load(stored(tolerant(DIGITS, 0.5)))
    assert isinstance(found, Watched)
    assert found.screen is not None
    with pytest.raises(ModelError, match="No file was given"):
        named.load(stored(CREDIT))


def test_attack_69_a_digest_beside_another_program_is_told():
    """The program is authoritative: the file's own would judge by other numbers."""
    poisoned = replace(DIGITS, program_root=b"\5" * 32)
    with pytest.raises(ModelError, match="lowers to"):
        loader(paths=[MODELS / "digits.onnx"]).load(stored(poisoned))


def test_attack_51_a_stranger_s_onnx_file_is_not_given_to_onnxruntime(tmp_path):
    """A crash in a parser of native code would end the watch over all models; the program suffices to judge."""
    write_bundle(bundle_path(tmp_path, BUNDLE.model), BUNDLE)
    found = loader(cache=tmp_path, fetch=FetchLimits()).load(stored(BUNDLE.model))
    assert isinstance(found, Watched)
    assert found.screen is None
    trusted = loader(ids=[f"0x{BUNDLE.model.id.hex()}"], cache=tmp_path, fetch=FetchLimits())
    assert trusted.load(stored(BUNDLE.model)).screen is not None


def test_attack_51_a_stranger_s_model_that_takes_too_much_is_left(tmp_path):
    """Else one model of endless sums would keep the watch from all others. One that is named may take its time."""
    write_bundle(bundle_path(tmp_path, BUNDLE.model), BUNDLE)
    tight = (
        (replace(AMPLE, terms=10), "multiplications"),
        (replace(AMPLE, trace_bytes=10), "bytes"),
        (replace(AMPLE, seconds=1e-9), "up to"),
    )
    for bounds, what in tight:
        found = loader(cache=tmp_path, fetch=FetchLimits(), bounds=bounds).load(stored(BUNDLE.model))
        assert isinstance(found, Unwatched)
        assert found.reason is UnjudgedReason.TOO_COSTLY
        assert what in found.words
        named = loader(ids=[f"0x{BUNDLE.model.id.hex()}"], cache=tmp_path, fetch=FetchLimits(), bounds=bounds)
        assert isinstance(named.load(stored(BUNDLE.model)), Watched)
    assert excess(BUNDLE.program, BUNDLE.model, AMPLE) is None


def test_attack_83_inputs_that_are_declared_and_never_read_count_as_memory():
    """Measuring a model makes inputs of it: sixteen of a gigabyte each would end the watch over all models."""
    unread = TensorSpec(DType.INT64, (2**28,))
    wide = replace(BUNDLE.model, inputs=(*BUNDLE.model.inputs, *[unread] * 15))
    bounds = replace(AMPLE, trace_bytes=2**30)
    assert excess(BUNDLE.program, BUNDLE.model, bounds) is None
    assert "bytes" in excess(BUNDLE.program, wide, bounds)


def test_attack_81_strangers_models_neither_push_out_nor_hold_up_those_that_moves_depend_on():
    """Mirrors that send a byte a minute would take every place while a game is under way, and its clock run out."""
    release, loaded = Event(), []
    slow = [tolerant(DIGITS, 1e-3 * number) for number in range(1, 60)]

    def load(each):
        if each.id in {model.id for model in slow}:
            release.wait(30)
            raise ModelError("no mirror")
        loaded.append(each.id)
        return Watched(each.model, compiled("digits"))

    crowded = shelf(DIGITS, CREDIT, *slow, load=load, max_models=2)
    kept = got(crowded, DIGITS)
    crowded.keep({DIGITS.id, CREDIT.id})
    for model in slow:
        assert crowded.get(model.id, 0) is None
    assert crowded.get(DIGITS.id, 0) is kept
    crowded.get(CREDIT.id, 0)
    deadline = time.monotonic() + 5
    while crowded.get(CREDIT.id, 0) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert isinstance(crowded.get(CREDIT.id, 0), Watched)
    release.set()
    crowded.settle()
    for model in slow:
        crowded.get(model.id, 0)
    assert crowded.get(DIGITS.id, 0) is kept
    assert loaded == [DIGITS.id, CREDIT.id]


def test_attack_81_models_that_nobody_serves_take_no_place_of_those_that_are_watched():
    """Else announcing a few names would cost the watch every model it has loaded."""
    absent = [tolerant(DIGITS, 1e-3 * number) for number in range(1, 10)]

    def load(each):
        if each.id == CREDIT.id:
            return Watched(each.model, compiled("credit"))
        raise ModelError("no mirror")

    small = shelf(CREDIT, *absent, load=load, max_models=2)
    kept = got(small, CREDIT)
    for model in absent:
        assert isinstance(got(small, model), Unwatched)
    assert small.get(CREDIT.id, 0) is kept


def test_attack_80_a_malformed_node_that_no_transaction_carries_is_nothing_to_bond_on(tmp_path, monkeypatch):
    """It is a fault that cannot be shown: whoever challenged for it would lose its bond to the liar."""
    path = bundle_path(tmp_path, BUNDLE.model)
    write_bundle(path, BUNDLE)
    for length, shown in ((90_000, True), (110_000, False)):
        nodes = (b"\xff" * length,)
        model = replace(BUNDLE.model, program_root=bind_program(1, 1, Tree.over_leaves(nodes).hash), node_count=1)
        monkeypatch.setattr(loading, "read_committed", lambda *_, m=model, n=nodes, **__: Committed(m, 1, n))
        monkeypatch.setattr(loading, "read_bundle", _refused)
        if shown:
            assert isinstance(loading.opened(path, model).claim, NodeClaim)
        else:
            with pytest.raises(ModelError, match="more than a transaction holds"):
                loading.opened(path, model)


def _refused(*_given, **_named):
    raise ModelError("malformed")


@pytest.mark.parametrize("part", ["inputs", "outputs"])
def test_attack_82_a_model_that_declares_more_than_a_named_file_has_crashes_no_watch(tmp_path, part):
    """Anybody can publish the root of a named program beside an input it never reads, which onnxruntime lacks."""
    path = tmp_path / "digits.assay"
    write_bundle(path, BUNDLE)
    node = compiled("digits").plan.program.nodes[-2]
    more = {
        "inputs": (*DIGITS.inputs, TensorSpec(DType.FLOAT, (3,))),
        "outputs": (OutputSpec(TensorSpec(node.dtype, (node.count,))), *DIGITS.outputs),
    }
    model = replace(DIGITS, **{part: more[part]})
    found = loader(paths=[path]).load(stored(model))
    assert isinstance(found, Watched)
    packed = bytes(sum(spec.nbytes for spec in model.inputs))
    given_answer = asked(model, packed, bytes(sum(spec.nbytes for spec in model.output_tensors)))
    assert glance(given_answer, found) is None
    assert not confirms(given_answer, found)
    assert isinstance(judge(given_answer, found, Engines(SessionCache(threads=1))), Wrong)


def test_attack_82_a_model_that_declares_other_outputs_of_a_known_program_is_judged_by_its_own():
    """Whoever publishes it is answered by it: what no watcher could judge would never be challenged."""
    wide = compiled("digits")
    nodes = wide.plan.program.nodes
    outputs = tuple(OutputSpec(TensorSpec(node.dtype, (node.count,))) for node in nodes[-3:])
    variant = replace(DIGITS, outputs=outputs)
    found = examine(variant, wide, None)
    assert isinstance(found, Watched)
    pixels = np.linspace(0, 16, 64, dtype=np.float32).reshape(1, 64)
    traced = trace_of(wide.plan, DIGITS.inputs, pixels.astype(">f4").tobytes())
    yielded = found.program.run([pixels])
    assert [each.tobytes() for each in yielded] == [each.flat.tobytes() for each in traced.tensors[-3:]]
    assert [each.shape for each in wide.run([pixels])] == [spec.tensor.shape for spec in DIGITS.outputs]
