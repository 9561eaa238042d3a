"""Gas of the protocol's calls, from receipts, against `gas-snapshot.json`.

Figures move only on purpose: after a change that means to move them, run
`ape test tests/contracts/test_gas.py --update-gas-snapshot` and commit the file.
"""

import itertools
import json
from dataclasses import replace
from pathlib import Path

from tests.contracts.world import MANIFEST, MINIMUM, MODEL, OUTPUT, SOFTWARE

SNAPSHOT = Path(__file__).parents[2] / "gas-snapshot.json"
STIPEND = 100_000
BATCH = 16


def measure(world):
    """Gas used by each call. Accounts are warm from earlier use, as an operator's and a requester's are."""
    figures = {}
    warm = world.open()
    world.answer(warm)
    world.later(MINIMUM)
    world.settle(warm)

    request = world.request(operator=world.operator.address)
    figures["request 128 B"] = world.send(request).gas_used
    figures["answer 12 B"] = world.answer(request).gas_used
    world.later(MINIMUM)
    figures["settle"] = world.settle(request).gas_used

    request = world.answered(operator=world.operator.address)
    world.later(MINIMUM)
    figures["finalize, no callback"] = world.finalize(request).gas_used

    events = world.keeper.deploy(world.project.EventConsumer, world.oracle, MODEL.to_abi())
    storing = world.keeper.deploy(world.project.StoringConsumer, world.oracle, MODEL.to_abi())
    for name, consumer in (("event consumer", events), ("storing consumer", storing)):
        request = world.request(consumer, callback_gas=STIPEND)
        arguments = (bytes(range(128)), request.policy.pack(), STIPEND, request.salt)
        asked = consumer.ask(*arguments, value=request.policy.fee * 10**9, sender=world.requester)
        figures[f"request through the {name}"] = asked.gas_used
        world.answer(request)
        world.later(MINIMUM)
        figures[f"finalize, {name}"] = world.finalize(request).gas_used

    relayed = world.open()
    item = (relayed.to_abi(), 1, OUTPUT, SOFTWARE, MANIFEST, world.operator, 2**64 - 1, world.sign(relayed))
    figures["answerFor 12 B"] = world.oracle.answerFor(*item, sender=world.keeper).gas_used

    world.oracle.deposit(world.operator, value=10**18, sender=world.operator)
    requests = [world.open() for _ in range(BATCH)]
    items = [(r.to_abi(), 1, OUTPUT) for r in requests]
    many = world.oracle.answerMany(items, SOFTWARE, MANIFEST, sender=world.operator)
    figures[f"answerMany, each of {BATCH}"] = many.gas_used // BATCH
    world.later(MINIMUM)
    settled = world.oracle.settleMany([(r.to_abi(), world.ref().to_abi()) for r in requests], sender=world.keeper)
    figures[f"settleMany, each of {BATCH}"] = settled.gas_used // BATCH

    expired = world.open()
    world.later(MINIMUM)
    figures["expire"] = world.oracle.expire(expired.to_abi(), sender=world.keeper).gas_used
    figures["deposit"] = world.oracle.deposit(world.operator, value=1, sender=world.operator).gas_used
    figures["withdraw"] = world.oracle.withdraw(1, world.operator, sender=world.operator).gas_used
    return figures


def test_gas_is_as_committed(world, request):
    """A change that makes a call dearer is seen before it is merged."""
    # Salts without zero bytes, whichever tests ran before: calldata is priced by its bytes.
    figures = measure(replace(world, _salts=itertools.count(0x01010101)))
    if request.config.getoption("--update-gas-snapshot"):
        SNAPSHOT.write_text(json.dumps(figures, indent=2) + "\n")
    assert figures == json.loads(SNAPSHOT.read_text())
