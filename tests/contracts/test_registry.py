"""Announcing models, mirrors and environments."""

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from oracle.canonical.model import OutputSpec
from oracle.canonical.tensor import DType, TensorSpec
from tests.contracts.world import MODEL, SCORES, events, reverts

INFINITY = 0x7FF0000000000000


def publish(world, model, uris=()):
    """Announce a model and yield the receipt."""
    return world.registry.publish(model.to_abi(), list(uris), sender=world.keeper)


def floats(*shape):
    """Spec of a float32 tensor."""
    return TensorSpec(DType.FLOAT, shape)


def test_publishing_announces_the_whole_model_under_its_id(world):
    """Whoever needs a field passes the model and compares ids, so contract and worker must agree on them."""
    receipt = publish(world, MODEL, ["ipfs://model"])
    (published,) = events(receipt, world.registry.ModelPublished)
    assert (published["modelId"], published["publisher"]) == (MODEL.id, world.keeper)
    assert (published["onnxDigest"], published["uris"]) == (MODEL.onnx_digest, ["ipfs://model"])
    assert world.registry.idOf(MODEL.to_abi()) == MODEL.id


def test_anyone_may_add_mirrors(world):
    """Availability must not hang on the publisher."""
    receipt = world.registry.addMirrors(MODEL.id, ["https://mirror"], sender=world.rival)
    (added,) = events(receipt, world.registry.MirrorsAdded)
    assert (added["publisher"], added["uris"]) == (world.rival, ["https://mirror"])
    with reverts(world.registry, "ModelRegistry_NoUris"):
        world.registry.addMirrors(MODEL.id, [], sender=world.rival)


def test_an_environment_is_announced_under_the_hash_answers_carry(world):
    """The manifest behind a manifest hash can be looked up."""
    for size in (1, 16_384):
        receipt = world.registry.publishEnvironment(bytes(size), sender=world.operator)
        (published,) = events(receipt, world.registry.EnvironmentPublished)
        assert published["manifestHash"] == keccak(bytes(size))
    for size in (0, 16_385):
        with reverts(world.registry, "ModelRegistry_ManifestSize", size):
            world.registry.publishEnvironment(bytes(size), sender=world.operator)


def test_attack_24_models_beyond_the_caps(world):
    """Slots, ranks and sizes are taken at the cap and refused one above."""
    one = floats(1)
    publish(world, replace(MODEL, inputs=(one,) * 16, outputs=(OutputSpec(one),) * 16))
    for inputs, outputs in ((17, 1), (1, 17), (0, 1), (1, 0)):
        with reverts(world.registry, "ModelRegistry_SlotCount", inputs, outputs):
            publish(world, replace(MODEL, inputs=(one,) * inputs, outputs=(OutputSpec(one),) * outputs))
    publish(world, replace(MODEL, inputs=(floats(*[1] * 8),)))
    with reverts(world.registry, "ModelRegistry_RankTooLarge", 9):
        publish(world, replace(MODEL, inputs=(floats(*[1] * 9),)))
    publish(world, replace(MODEL, inputs=(floats(2**14, 2**14),)))
    with reverts(world.registry, "ModelRegistry_TensorSize", 2**28 + 1):
        publish(world, replace(MODEL, inputs=(floats(2**28 + 1),)))
    with reverts(world.registry, "ModelRegistry_TensorSize", 0):
        publish(world, replace(MODEL, inputs=(floats(4, 0),)))
    publish(world, replace(MODEL, outputs=(OutputSpec(floats(2**14)),)))
    with reverts(world.registry, "ModelRegistry_TensorSize", 2**16 + 4):
        publish(world, replace(MODEL, outputs=(OutputSpec(floats(2**13)), OutputSpec(floats(2**13 + 1)))))
    with reverts(world.registry, "ModelRegistry_TensorSize", (2**32 - 1) * 1):
        publish(world, replace(MODEL, inputs=(floats(2**32 - 1, 2**32 - 1),)))


@pytest.mark.parametrize("dtype", [0, 8, 14, 255])
def test_an_unknown_dtype_is_refused(world, dtype):
    """Consumers compute lengths from dtypes."""
    root, nodes, gas, _, outputs, digest = MODEL.to_abi()
    with reverts(world.registry, "ModelRegistry_UnknownDtype", dtype):
        world.registry.publish((root, nodes, gas, [(dtype, [1])], outputs, digest), [], sender=world.keeper)


def test_tolerances_are_finite_not_negative_and_of_floats_only(world):
    """A tolerance of infinity would make every answer right."""
    largest = INFINITY - 1
    publish(world, replace(MODEL, outputs=(replace(SCORES, atol=largest, rtol=largest),)))
    negative_zero, nan = 1 << 63, INFINITY + 1
    for bits in (INFINITY, nan, negative_zero, 2**64 - 1):
        for changed in ({"atol": bits}, {"rtol": bits}):
            with reverts(world.registry, "ModelRegistry_BadTolerance", bits):
                publish(world, replace(MODEL, outputs=(replace(SCORES, **changed),)))
    labels = TensorSpec(DType.INT64, (1,))
    publish(world, replace(MODEL, outputs=(OutputSpec(labels),)))
    with reverts(world.registry, "ModelRegistry_BadTolerance", 1):
        publish(world, replace(MODEL, outputs=(OutputSpec(labels, 1),)))
