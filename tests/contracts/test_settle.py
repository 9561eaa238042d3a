"""Finality: settling answers and relying on them."""

from eth_utils.crypto import keccak

from oracle.chain.protocol import GWEI, Reason, Status
from tests.contracts.world import BOND, FEE, MINIMUM, OUTPUT, events, view_reverts


def test_settling_pays_the_fee_and_unlocks_the_bond(world):
    """An operator answers for this."""
    request = world.answered()
    balance = world.stake(world.operator)[0]
    world.later(MINIMUM)
    receipt = world.settle(request)
    assert world.stake(world.operator) == (balance + FEE * GWEI, 0)
    assert [e["operator"] for e in events(receipt, world.oracle.Settled)] == [world.operator]
    assert world.status(request) is Status.FINAL
    with world.refuses(request, Reason.NOT_ANSWERED):
        world.settle(request)


def test_attack_2_challenge_and_settlement_in_the_very_second_the_window_ends(world):
    """Before it only a challenge goes, in it only settlement: never both, never neither."""
    first, second = world.answered(), world.answered()
    arguments = (world.oracle, first.to_abi(), world.ref().to_abi())
    end = world.time(first) + MINIMUM
    world.next_block_at(end - 1)
    with world.refuses(first, Reason.TOO_EARLY):
        world.settle(first)
    world.next_block_at(end - 1)
    world.seat.challenge(*arguments, sender=world.keeper)
    assert world.status(first) is Status.DISPUTED
    end = world.time(second) + MINIMUM
    world.next_block_at(end)
    with world.refuses(second, Reason.TOO_LATE):
        world.seat.challenge(world.oracle, second.to_abi(), world.ref().to_abi(), sender=world.keeper)
    world.next_block_at(end + 1)
    world.settle(second)


def test_an_answer_is_settled_only_as_it_was_posted(world):
    """Another operator, environment or output is another answer, and gets nobody's fee."""
    request = world.answered()
    world.later(MINIMUM)
    operator, environment, output_hash = world.ref().to_abi()
    for wrong in (
        (world.rival.address, environment, output_hash),
        (operator, keccak(text="elsewhere"), output_hash),
        (operator, environment, keccak(text="another output")),
    ):
        with world.refuses(request, Reason.WRONG_ANSWER):
            world.oracle.settle(request.to_abi(), wrong, sender=world.rival)
    world.settle(request)


def test_attack_26_consumption_before_finality(world):
    """Until it is final an answer is nothing to rely on, and then only the answer that is."""
    request = world.answered()
    refused = (world.oracle, "requireFinal")
    view_reverts(*refused, (request.to_abi(), OUTPUT), "InferenceOracle_Refused", world.id(request), Reason.NOT_FINAL)
    with world.refuses(request, Reason.NOT_FINAL):
        world.oracle.deliver(request.to_abi(), OUTPUT, sender=world.keeper)
    world.later(MINIMUM)
    world.settle(request)
    assert world.oracle.requireFinal(request.to_abi(), OUTPUT) == world.id(request)
    forged = (request.to_abi(), bytes(11))
    view_reverts(*refused, forged, "InferenceOracle_Refused", world.id(request), Reason.WRONG_ANSWER)


def test_attack_71_bad_items_do_not_stop_a_batch_of_settlements(world):
    """What cannot be settled is skipped with its reason, also when it comes twice."""
    first, second = world.answered(), world.answered()
    world.later(MINIMUM)
    early, unanswered = world.answered(), world.open()
    ref = world.ref().to_abi()
    forged = world.ref(world.rival).to_abi()
    items = [(early, ref), (first, ref), (unanswered, ref), (first, ref), (second, forged), (second, ref)]
    receipt = world.oracle.settleMany([(r.to_abi(), a) for r, a in items], sender=world.keeper)
    skipped = [(bytes(e["requestId"]), Reason(e["reason"])) for e in events(receipt, world.oracle.Skipped)]
    assert skipped == [
        (world.id(early), Reason.TOO_EARLY),
        (world.id(unanswered), Reason.NOT_ANSWERED),
        (world.id(first), Reason.NOT_ANSWERED),
        (world.id(second), Reason.WRONG_ANSWER),
    ]
    assert world.status(first) is world.status(second) is Status.FINAL
    assert world.stake(world.operator)[1] == BOND * GWEI


def test_attack_71_bad_items_do_not_stop_a_batch_of_finalizations(world):
    """Nor does a consumer that refuses, or an output that is not the answer's."""
    taking, refusing = world.consumer(), world.consumer("REVERT", b"no")
    good = world.answered(taking, callback_gas=100_000)
    refused = world.answered(refusing, callback_gas=100_000)
    silent = world.answered()
    world.later(MINIMUM)
    ref = world.ref().to_abi()
    items = [(silent, b"forged"), (refused, OUTPUT), (refused, OUTPUT), (good, OUTPUT), (silent, OUTPUT)]
    receipt = world.oracle.finalizeMany([(r.to_abi(), ref, o) for r, o in items], sender=world.keeper)
    skipped = [(bytes(e["requestId"]), Reason(e["reason"])) for e in events(receipt, world.oracle.Skipped)]
    assert skipped == [(world.id(silent), Reason.WRONG_ANSWER), (world.id(refused), Reason.NOT_ANSWERED)]
    assert {world.status(r) for r in (good, refused, silent)} == {Status.FINAL}
    assert (world.delivered(good), world.delivered(refused)) == (True, False)
