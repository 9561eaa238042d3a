"""Models that were tampered with: whatever they say, lowering ends with a program or with a sentence."""

import random

import onnx
import pytest
from onnx import AttributeProto

from oracle.canonical.lower import lower
from oracle.canonical.lower.ops import LOWERINGS
from oracle.errors import ModelError
from scripts.operators import cases, operators

INTEGERS = (-(2**63), -1, 0, 1, 3, 2**31, 2**40, 2**62)
TRIES = 400


def tamper(model: onnx.ModelProto, chance: random.Random) -> None:
    """Change one thing: an attribute, an input's name, dtype or size, or the operator."""
    node = chance.choice(model.graph.node)
    value = chance.choice(model.graph.input)
    attribute = chance.choice(node.attribute) if node.attribute else AttributeProto()
    match chance.randrange(7):
        case 0:
            attribute.i, attribute.f = chance.choice(INTEGERS), chance.choice([float("nan"), float("inf"), 1e38])
            attribute.ints.append(chance.choice(INTEGERS))
        case 1:
            attribute.type = chance.choice([AttributeProto.INT, AttributeProto.INTS, AttributeProto.STRING])
        case 2:
            node.attribute.clear()
        case 3:
            node.input[chance.randrange(len(node.input))] = chance.choice(["", "x", model.graph.input[0].name])
        case 4:
            node.input.pop()
        case 5:
            value.type.tensor_type.elem_type = chance.choice(list(onnx.TensorProto.DataType.values()))
        case 6:
            value.type.tensor_type.shape.dim.add().dim_value = chance.choice(INTEGERS)


@pytest.mark.parametrize("module", ["elementwise", "functions", "pad", "reduce", "shape"])
def test_tampered_models_end_in_a_program_or_a_sentence(module: str) -> None:
    """Anyone may publish a file; it must not stop, fill or crash whoever looks at it."""
    own = {name for name, function in LOWERINGS.items() if function.__module__.endswith(f".{module}")}
    models = [case.model for case in cases() if set(operators(case)) <= own and case.model.graph.input]
    models = [model for model in models if all(node.input for node in model.graph.node)]
    chance = random.Random(20)  # noqa: S311  # repeatable
    refused = 0
    for _ in range(TRIES):
        model = onnx.ModelProto()
        model.CopyFrom(chance.choice(models))
        tamper(model, chance)
        try:
            lower(model, default_dim=2)
        except ModelError as error:
            assert error.message  # noqa: PT017
            refused += 1
    assert refused
