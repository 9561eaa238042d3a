"""Callbacks: what a consumer is given, and what it cannot do."""

import pytest
from eth_utils.crypto import keccak

from oracle.chain.protocol import GWEI, Reason, Status
from tests.contracts.world import BOND, FEE, FOREVER, INPUT, MANIFEST, MINIMUM, OUTPUT, SOFTWARE, decode_error, events

STIPEND = 200_000


def deliver(world, request, output=OUTPUT, **transaction):
    """Try the delivery of a final answer."""
    return world.oracle.deliver(request.to_abi(), output, sender=world.keeper, **transaction)


def test_a_final_answer_reaches_its_consumer_once(world):
    """A second delivery would act twice on one answer."""
    consumer = world.consumer()
    request = world.final(consumer, callback_gas=STIPEND)
    receipt = deliver(world, request)
    assert [e["requestId"] for e in events(receipt, world.oracle.Delivered)] == [world.id(request)]
    assert (consumer.taken(world.id(request)), world.delivered(request)) == (1, True)
    with world.refuses(request, Reason.ALREADY_DELIVERED):
        deliver(world, request)
    assert consumer.taken(world.id(request)) == 1


def test_finalize_settles_and_delivers_at_once(world):
    """The common way: one transaction."""
    consumer = world.consumer()
    request = world.answered(consumer, callback_gas=STIPEND)
    with world.refuses(request, Reason.TOO_EARLY):
        world.finalize(request)
    world.later(MINIMUM)
    with world.refuses(request, Reason.WRONG_ANSWER):
        world.oracle.finalize(request.to_abi(), world.ref().to_abi(), b"forged", sender=world.keeper)
    world.finalize(request)
    assert (world.status(request), consumer.taken(world.id(request))) == (Status.FINAL, 1)


def test_a_request_without_callback_is_not_delivered(world):
    """Nobody is called who did not ask to be."""
    request = world.answered(world.consumer())
    world.later(MINIMUM)
    world.finalize(request)
    assert (world.status(request), world.delivered(request)) == (Status.FINAL, False)
    with world.refuses(request, Reason.NO_CALLBACK):
        deliver(world, request)


def test_an_account_that_asks_for_a_callback_gets_a_failure_and_a_final_answer(world):
    """An account without code would swallow any call, so that is not taken for delivery."""
    request = world.answered(callback_gas=STIPEND)
    world.later(MINIMUM)
    receipt = world.finalize(request)
    assert [e["reason"] for e in events(receipt, world.oracle.DeliveryFailed)] == [b""]
    assert (world.status(request), world.delivered(request)) == (Status.FINAL, False)


def test_attack_27_a_callback_that_reverts(world):
    """The answer is final all the same, and delivery can be repeated until it succeeds once."""
    consumer = world.consumer("REVERT", b"not today")
    request = world.answered(consumer, callback_gas=STIPEND)
    world.later(MINIMUM)
    receipt = world.finalize(request)
    assert [e["reason"] for e in events(receipt, world.oracle.DeliveryFailed)] == [b"not today"]
    assert (world.status(request), world.delivered(request)) == (Status.FINAL, False)
    assert world.stake(world.operator)[1] == 0
    deliver(world, request)
    assert not world.delivered(request)
    world.behave(consumer, "TAKE")
    deliver(world, request)
    with world.refuses(request, Reason.ALREADY_DELIVERED):
        deliver(world, request)
    assert consumer.taken(world.id(request)) == 1


@pytest.mark.parametrize("how", ["deliver", "finalize"])
def test_attack_28_too_little_gas_for_the_callback(world, how):
    """Whatever gas is sent, the consumer gets its stipend whole or the call reverts: a keeper cannot starve it."""
    consumer = world.consumer()
    call = _about_to(world, how, consumer, OUTPUT)

    def outcome(logs):
        (log,) = logs[-1:]
        assert log["topics"][0].hex() == keccak(text="Delivered(bytes32)").hex()
        return consumer.gasGiven()

    given = _outcomes_by_gas(world, call, outcome)
    assert len(given) == 1
    assert STIPEND - 5_000 < given.pop() <= STIPEND


@pytest.mark.parametrize("how", ["deliver", "finalize"])
def test_attack_28_a_callback_that_burns_all_its_gas(world, how):
    """With the least gas that is let through, enough is left to record the failure."""
    call = _about_to(world, how, world.consumer("BURN"), OUTPUT)
    failed = keccak(text="DeliveryFailed(bytes32,bytes)").hex()
    assert _outcomes_by_gas(world, call, lambda logs: logs[-1]["topics"][0].hex()) == {failed}


def _outcomes_by_gas(world, call, outcome):
    """What comes of a call at gas limits that close in on the least that succeeds; below it, it is GAS_TOO_LOW."""
    web3 = world.chain.provider.web3
    sent = {"from": world.keeper.address, "to": world.oracle.address, "data": bytes(call)}
    outcomes, low, high = set(), 150_000, 4_000_000
    while high - low > 100:
        middle = (low + high) // 2
        before = web3.provider.make_request("evm_snapshot", [])["result"]
        hashed = web3.eth.send_transaction(sent | {"gas": middle})
        receipt = web3.eth.wait_for_transaction_receipt(hashed, timeout=20, poll_latency=0.01)
        if receipt["status"]:
            outcomes.add(outcome(receipt["logs"]))
        low, high = (low, middle) if receipt["status"] else (middle, high)
        web3.provider.make_request("evm_revert", [before])
    with pytest.raises(Exception, match=f"{Reason.GAS_TOO_LOW:064x}"):
        web3.eth.call(sent | {"gas": low})
    return outcomes


def _about_to(world, how, consumer, output):
    """Calldata of a delivery or finalization that is due."""
    if how == "deliver":
        request = world.final(consumer, callback_gas=STIPEND, output=output)
        return world.oracle.deliver.encode_input(request.to_abi(), output)
    request = world.answered(consumer, callback_gas=STIPEND, output=output)
    world.later(MINIMUM)
    return world.oracle.finalize.encode_input(request.to_abi(), world.ref(output=output).to_abi(), output)


@pytest.mark.parametrize(("mode", "taken"), [("RETURN_BOMB", True), ("REVERT_BOMB", False)])
def test_attack_29_a_callback_that_returns_a_megabyte(world, mode, taken):
    """What it returns is not copied, of a revert only 256 bytes are: the bomb is paid out of its own stipend."""
    stipend = 2_000_000
    request = world.answered(world.consumer(mode), callback_gas=stipend)
    world.later(MINIMUM)
    receipt = world.finalize(request)
    assert receipt.gas_used < stipend + 100_000
    assert world.delivered(request) is taken
    assert [len(e["reason"]) for e in events(receipt, world.oracle.DeliveryFailed)] == ([] if taken else [256])


def _moves(world, request):
    """A call of every function that changes state, as an attacker would make it from a callback or a payment."""
    oracle, req, ref = world.oracle, request.to_abi(), world.ref().to_abi()
    again = world.request(world.project.HostileConsumer.at(request.requester), fee=0)
    relayed = (SOFTWARE, MANIFEST, world.operator, FOREVER, world.sign(request))
    batch = (SOFTWARE, MANIFEST, world.operator, FOREVER, world.sign_batch([request]))
    item = (req, 1, OUTPUT)
    return {
        "request": (oracle.request.encode_input(again.to_abi(), INPUT), None),
        "requestRoots": (oracle.requestRoots.encode_input(req, [], ""), "InferenceOracle_WrongInputKind"),
        "expire": (oracle.expire.encode_input(req), "InferenceOracle_Refused"),
        "answer": (oracle.answer.encode_input(*item, SOFTWARE, MANIFEST), "InferenceOracle_Refused"),
        "answerFor": (oracle.answerFor.encode_input(*item, *relayed), "InferenceOracle_Refused"),
        "answerMany": (oracle.answerMany.encode_input([item], SOFTWARE, MANIFEST), None),
        "answerManyFor": (oracle.answerManyFor.encode_input([item], *batch), None),
        "settle": (oracle.settle.encode_input(req, ref), "InferenceOracle_Refused"),
        "settleMany": (oracle.settleMany.encode_input([(req, ref)]), None),
        "deliver": (oracle.deliver.encode_input(req, OUTPUT), "ReentrancyGuardReentrantCall"),
        "finalize": (oracle.finalize.encode_input(req, ref, OUTPUT), "ReentrancyGuardReentrantCall"),
        "finalizeMany": (oracle.finalizeMany.encode_input([(req, ref, OUTPUT)]), "ReentrancyGuardReentrantCall"),
        "deposit": (oracle.deposit.encode_input(request.requester), None),
        "withdraw": (oracle.withdraw.encode_input(1, request.requester), "ReentrancyGuardReentrantCall"),
        "onChallenged": (oracle.onChallenged.encode_input(req, ref), "InferenceOracle_NotDispute"),
        "refute": (oracle.refute.encode_input(req, ref, world.rival, world.rival), "InferenceOracle_NotDispute"),
        "uphold": (oracle.uphold.encode_input(req, ref), "InferenceOracle_NotDispute"),
        "void": (oracle.void.encode_input(req, ref, world.rival, world.rival), "InferenceOracle_NotDispute"),
    }


def _outcome(world, consumer):
    """Name of the error a re-entering call met, None where it went through."""
    return None if consumer.reentered() else decode_error(world.oracle, bytes(consumer.returned()))[0]


def test_attack_30_reentry_from_the_callback_into_every_function(world):
    """Nothing is paid, delivered or reopened twice; what goes through is what anybody may do at any time."""
    consumer = world.consumer()
    start = world.chain.snapshot()
    request = world.answered(consumer, callback_gas=2_000_000)
    moves = _moves(world, request)
    assert set(moves) == {method.name for method in world.oracle.contract_type.mutable_methods}
    for name, (call, expected) in moves.items():
        before = world.chain.snapshot()
        world.behave(consumer, "REENTER", bytes(call))
        world.later(MINIMUM)
        balance, ether = world.stake(world.operator)[0], world.oracle.balance
        world.finalize(request)
        assert (name, _outcome(world, consumer)) == (name, expected)
        assert (world.stake(world.operator), world.oracle.balance) == ((balance + FEE * GWEI, 0), ether)
        assert (world.status(request), consumer.taken(world.id(request))) == (Status.FINAL, 1)
        world.chain.restore(before)
    world.chain.restore(start)


def test_attack_30_reentry_from_a_withdrawal_into_every_function(world):
    """The balance is down before ether moves, so a payee that calls back finds nothing more to take."""
    consumer = world.consumer()
    world.oracle.deposit(consumer, value=3 * BOND * GWEI, sender=world.keeper)
    request = world.answered(consumer, callback_gas=2_000_000)
    withdraw = world.oracle.withdraw.encode_input(BOND * GWEI, consumer)
    for name, (call, expected) in _moves(world, request).items():
        before = world.chain.snapshot()
        world.behave(consumer, "REENTER", bytes(call))
        ether = world.oracle.balance
        consumer.execute(world.oracle, 0, withdraw, sender=world.keeper)
        assert (name, _outcome(world, consumer)) == (name, expected)
        assert ether - world.oracle.balance == BOND * GWEI == consumer.balance
        assert world.stake(consumer) == (2 * BOND * GWEI, 0)
        assert world.status(request) is Status.ANSWERED
        world.chain.restore(before)


def test_a_stranger_cannot_pass_off_an_answer_as_delivered(world):
    """Delivery binds the output to the final commitment."""
    request = world.final(world.consumer(), callback_gas=STIPEND)
    with world.refuses(request, Reason.WRONG_ANSWER):
        deliver(world, request, keccak(text="forged"))
