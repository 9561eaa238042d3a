"""Posting answers, one's own and relayed."""

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from oracle.chain.anvil import dev_account
from oracle.chain.protocol import GWEI, ZERO_ADDRESS, Reason, Status
from tests.contracts.world import BOND, FOREVER, MANIFEST, MINIMUM, OUTPUT, SOFTWARE, events, reverts

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
LIMIT = 65_536


def relay(world, request, signature, *, operator=None, until=FOREVER, attempt=1, output=OUTPUT, sender=None):
    """Send an answer signed by the operator (or said to be)."""
    arguments = (request.to_abi(), attempt, output, SOFTWARE, MANIFEST)
    operator = operator or world.operator
    return world.oracle.answerFor(*arguments, operator, until, signature, sender=sender or world.keeper)


def test_an_answer_locks_its_bond_and_names_its_environment(world):
    """The bond is what makes the answer worth something."""
    request = world.open()
    balance, locked = world.stake(world.operator)
    receipt = world.answer(request)
    assert world.stake(world.operator) == (balance, locked + BOND * GWEI)
    (answered,) = events(receipt, world.oracle.Answered)
    assert answered["operator"] == world.operator
    assert (answered["attempt"], answered["output"]) == (1, OUTPUT)
    assert (answered["software"], answered["manifestHash"]) == (SOFTWARE, MANIFEST)
    assert world.status(request) is Status.ANSWERED


def test_only_the_named_operator_answers(world):
    """Who names an operator has reasons."""
    request = world.open(operator=world.operator.address)
    with world.refuses(request, Reason.WRONG_OPERATOR):
        world.answer(request, operator=world.rival)
    world.answer(request)


def test_attack_11_an_answer_copied_from_the_mempool(world):
    """With the operator named, a copied answer earns nothing; an open request is a race, as documented."""
    named, anybody = world.open(operator=world.operator.address), world.open()
    with world.refuses(named, Reason.WRONG_OPERATOR):
        world.answer(named, operator=world.rival)
    world.answer(anybody, operator=world.rival)
    with world.refuses(anybody, Reason.NOT_REQUESTED):
        world.answer(anybody)


def test_only_the_pinned_software_answers(world):
    """A policy may ask for one version of the software, by six bytes of its hash."""
    request = world.open(software=keccak(text="other")[:6])
    with world.refuses(request, Reason.WRONG_SOFTWARE):
        world.answer(request)
    world.answer(world.open(software=SOFTWARE[:6]))


def test_a_signed_answer_can_be_relayed_by_anybody(world):
    """Operators need no ether of their own to answer."""
    request = world.open()
    relay(world, request, world.sign(request))
    assert world.stake(world.operator)[1] == BOND * GWEI
    assert world.status(request) is Status.ANSWERED


def test_a_signature_counts_up_to_its_last_second(world):
    """What was signed for now must not be used much later."""
    request = world.open()
    until = world.chain.blocks.head.timestamp + 5
    signature = world.sign(request, until=until)
    world.next_block_at(until + 1)
    with reverts(world.oracle, "InferenceOracle_SignatureExpired", until):
        relay(world, request, signature, until=until)
    request = world.open()
    until = world.chain.blocks.head.timestamp + 5
    signature = world.sign(request, until=until)
    world.next_block_at(until)
    relay(world, request, signature, until=until)


def test_attack_4_a_reorg_swaps_the_request_for_another(world):
    """A signed answer names content: it is worthless for whatever took the request's place."""
    before = world.chain.snapshot()
    signed_for = world.open()
    signature = world.sign(signed_for)
    world.chain.restore(before)
    swapped = replace(signed_for, input_hash=keccak(b"another input"))
    world.send(swapped, b"another input")
    with reverts(world.oracle, "InferenceOracle_BadSignature", world.operator):
        relay(world, swapped, signature)
    with world.refuses(signed_for, Reason.NOT_REQUESTED):
        relay(world, signed_for, signature)
    with world.refuses(signed_for, Reason.NOT_REQUESTED):
        world.answer(signed_for)


def test_attack_5_a_reorg_removes_the_request_and_brings_it_back(world):
    """Meanwhile the answer is refused and locks nothing; afterwards it counts, once."""
    before = world.chain.snapshot()
    request = world.open()
    signature = world.sign(request)
    relay(world, request, signature)
    world.chain.restore(before)
    with world.refuses(request, Reason.NOT_REQUESTED):
        relay(world, request, signature)
    assert world.stake(world.operator)[1] == 0
    world.send(request)
    relay(world, request, signature)
    with world.refuses(request, Reason.NOT_REQUESTED):
        relay(world, request, signature)
    assert world.stake(world.operator)[1] == BOND * GWEI


def test_attack_14_one_deposit_behind_many_answers(world):
    """Ten bonds carry ten provisional answers and not an eleventh."""
    for _ in range(10):
        world.answer(world.open())
    eleventh = world.open()
    with world.refuses(eleventh, Reason.STAKE_TOO_SMALL):
        world.answer(eleventh)
    balance, locked = world.stake(world.operator)
    assert balance == locked == 10 * BOND * GWEI


def test_attack_13_each_wrong_answer_risks_its_own_bond(world):
    """A flood of wrong answers pays its challengers a bond for each."""
    wrong = [world.answered() for _ in range(3)]
    finder, opener = world.stake(world.finder)[0], world.stake(world.opener)[0]
    for request in wrong:
        world.seat.challenge(world.oracle, request.to_abi(), world.ref().to_abi(), sender=world.keeper)
        world.refute(request)
    assert world.stake(world.finder)[0] - finder == 3 * BOND * GWEI * 40 // 100
    assert world.stake(world.opener)[0] - opener == 3 * BOND * GWEI * 10 // 100
    assert world.stake(world.operator) == (7 * BOND * GWEI, 0)


def test_attack_19_a_signature_replayed_elsewhere(world):
    """Another request, model, attempt, output, oracle or chain: the signature is nobody's there."""
    request, other = world.open(), world.open()
    signature = world.sign(request)
    bad = reverts(world.oracle, "InferenceOracle_BadSignature", world.operator)
    with bad:
        relay(world, other, signature)
    with reverts(world.oracle, "InferenceOracle_BadSignature", world.operator):
        relay(world, request, signature, output=b"another output")
    with reverts(world.oracle, "InferenceOracle_BadSignature", world.operator):
        relay(world, request, signature, attempt=2)
    with reverts(world.oracle, "InferenceOracle_BadSignature", world.rival):
        relay(world, request, signature, operator=world.rival)
    with reverts(world.oracle, "InferenceOracle_BadSignature", world.operator):
        relay(world, request, signature, until=FOREVER - 1)
    another = replace(world, oracle=world.keeper.deploy(world.project.InferenceOracle, world.seat, _minimal()))
    another.send(request)
    with reverts(another.oracle, "InferenceOracle_BadSignature", world.operator):
        relay(another, request, signature)
    world.chain.provider.make_request("anvil_setChainId", [4242])
    try:
        call = world.oracle.answerFor.encode_input(
            request.to_abi(), 1, OUTPUT, SOFTWARE, MANIFEST, world.operator, FOREVER, signature
        )
        sent = {"from": world.keeper.address, "to": world.oracle.address, "data": call.to_0x_hex()}
        with pytest.raises(Exception, match=keccak(text="InferenceOracle_BadSignature(address)")[:4].hex()):
            world.chain.provider.make_request("eth_call", [sent, "latest"])
    finally:
        world.chain.provider.make_request("anvil_setChainId", [31337])


def _minimal():
    return (*[MINIMUM] * 5, 0, 0, 4_000, 1_000, 7_500)


def test_attack_20_malleable_foreign_and_empty_signatures(world):
    """High s, another key, garbage and the zero address (whose recovery a broken ecrecover returns) are refused."""
    request = world.open()
    signature = world.sign(request)
    s, v = int.from_bytes(signature[32:64], "big"), signature[64]
    malleable = signature[:32] + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    for forged in (malleable, world.sign(request, key=3), b"", bytes(65), signature[:64]):
        with reverts(world.oracle, "InferenceOracle_BadSignature", world.operator):
            relay(world, request, forged)
    with reverts(world.oracle, "InferenceOracle_BadSignature", ZERO_ADDRESS):
        relay(world, request, bytes(65), operator=ZERO_ADDRESS)
    relay(world, request, signature)


def test_attack_20_a_contract_wallet_signs_by_erc_1271(world):
    """The wallet's own rule decides; its key's signature for another wallet or a stranger's does not count."""
    wallet = world.keeper.deploy(world.project.Wallet, dev_account(2).address)
    world.oracle.deposit(wallet, value=BOND * GWEI, sender=world.operator)
    request = world.open()
    signature = world.sign(request)
    with reverts(world.oracle, "InferenceOracle_BadSignature", wallet):
        relay(world, request, world.sign(request, key=3), operator=wallet)
    relay(world, request, signature, operator=wallet)
    assert world.stake(wallet) == (BOND * GWEI, BOND * GWEI)


def test_attack_23_answers_that_come_too_late_twice_or_for_an_old_attempt(world):
    """Each is refused by its own reason and moves nothing."""
    request = world.open()
    for attempt in (0, 2):
        with world.refuses(request, Reason.WRONG_ATTEMPT):
            world.answer(request, attempt=attempt)
    world.answer(request)
    with world.refuses(request, Reason.NOT_REQUESTED):
        world.answer(request)
    world.later(MINIMUM)
    world.settle(request)
    with world.refuses(request, Reason.NOT_REQUESTED):
        world.answer(request)
    late = world.open()
    world.later(MINIMUM)
    with world.refuses(late, Reason.TOO_LATE):
        world.answer(late)
    world.oracle.expire(late.to_abi(), sender=world.keeper)
    with world.refuses(late, Reason.NOT_REQUESTED):
        world.answer(late)
    assert world.stake(world.operator)[1] == 0


def test_attack_66_an_output_too_large_for_a_dispute(world):
    """64 KiB still fit one transaction of a dispute; a byte more is refused."""
    request = world.open()
    with world.refuses(request, Reason.OUTPUT_TOO_LARGE):
        world.answer(request, output=bytes(LIMIT + 1))
    world.answer(request, output=bytes(LIMIT))


def test_attack_56_an_old_signature_relayed_after_a_reopening(world):
    """The attempt is signed: what was refuted once does not come back as the next attempt."""
    request = world.open()
    signature = world.sign(request)
    relay(world, request, signature)
    world.seat.challenge(world.oracle, request.to_abi(), world.ref().to_abi(), sender=world.keeper)
    world.refute(request)
    assert world.attempt(request) == 2
    with world.refuses(request, Reason.WRONG_ATTEMPT):
        relay(world, request, signature)
    with reverts(world.oracle, "InferenceOracle_BadSignature", world.operator):
        relay(world, request, signature, attempt=2)
    world.answer(request, operator=world.rival, attempt=2)
    with reverts(world.oracle, "InferenceOracle_Refused", world.id(request), Reason.WRONG_ANSWER):
        world.seat.challenge(world.oracle, request.to_abi(), world.ref().to_abi(), sender=world.keeper)


def test_attack_71_bad_items_do_not_stop_a_batch_of_answers(world):
    """Stale, foreign, repeated and oversized items are skipped with their reasons, the others answered."""
    good, other = world.open(), world.open()
    stale, foreign, unpaid = world.answered(), world.open(operator=world.rival.address), world.open()
    world.oracle.withdraw(7 * BOND * GWEI, world.operator, sender=world.operator)
    items = [
        (stale.to_abi(), 1, OUTPUT),
        (good.to_abi(), 1, OUTPUT),
        (good.to_abi(), 1, OUTPUT),
        (foreign.to_abi(), 1, OUTPUT),
        (other.to_abi(), 9, OUTPUT),
        (other.to_abi(), 1, bytes(LIMIT + 1)),
        (other.to_abi(), 1, OUTPUT),
        (unpaid.to_abi(), 1, OUTPUT),
    ]
    receipt = world.oracle.answerMany(items, SOFTWARE, MANIFEST, sender=world.operator)
    skipped = [(bytes(e["requestId"]), Reason(e["reason"])) for e in events(receipt, world.oracle.Skipped)]
    assert skipped == [
        (world.id(stale), Reason.NOT_REQUESTED),
        (world.id(good), Reason.NOT_REQUESTED),
        (world.id(foreign), Reason.WRONG_OPERATOR),
        (world.id(other), Reason.WRONG_ATTEMPT),
        (world.id(other), Reason.OUTPUT_TOO_LARGE),
        (world.id(unpaid), Reason.STAKE_TOO_SMALL),
    ]
    answered = [bytes(e["requestId"]) for e in events(receipt, world.oracle.Answered)]
    assert answered == [world.id(good), world.id(other)]


def test_a_signed_batch_is_relayed_whole(world):
    """One signature covers the list; leaving one out or adding one breaks it."""
    requests = [world.open() for _ in range(3)]
    signature = world.sign_batch(requests)
    items = [(request.to_abi(), 1, OUTPUT) for request in requests]
    rest = (SOFTWARE, MANIFEST, world.operator, FOREVER, signature)
    with reverts(world.oracle, "InferenceOracle_BadSignature", world.operator):
        world.oracle.answerManyFor(items[:2], *rest, sender=world.keeper)
    world.oracle.answerManyFor(items, *rest, sender=world.keeper)
    assert {world.status(request) for request in requests} == {Status.ANSWERED}
    receipt = world.oracle.answerManyFor(items, *rest, sender=world.keeper)
    assert len(events(receipt, world.oracle.Skipped)) == 3
