"""What the dispute contract may do, with a test contract in its seat."""

import pytest

from oracle.chain.protocol import GWEI, ZERO_ADDRESS, Reason, Status
from tests.contracts.world import BOND, FEE, MINIMUM, OUTPUT, PARAMETERS, events, reverts

BURN = ZERO_ADDRESS
BOND_WEI = BOND * GWEI


def test_a_challenge_moves_an_answer_into_dispute(world):
    """The dispute contract gets what it needs to judge the answer, and settling stops."""
    request = world.answered()
    answered_at = world.time(request)
    commitment = world.oracle.statusOf(world.id(request)).commitment
    arguments = (world.oracle, request.to_abi(), world.ref().to_abi())
    receipt = world.seat.challenge(*arguments, sender=world.keeper)
    assert [e["operator"] for e in events(receipt, world.oracle.Disputed)] == [world.operator]
    assert (world.seat.attempt(), world.seat.answeredAt()) == (1, answered_at)
    assert world.seat.commitment() == commitment
    assert (world.status(request), world.time(request)) == (Status.DISPUTED, answered_at)
    with world.refuses(request, Reason.NOT_ANSWERED):
        world.seat.challenge(*arguments, sender=world.keeper)
    world.later(MINIMUM)
    with world.refuses(request, Reason.NOT_ANSWERED):
        world.settle(request)
    with world.refuses(request, Reason.NOT_REQUESTED):
        world.oracle.expire(request.to_abi(), sender=world.keeper)


def test_only_the_dispute_contract_judges(world):
    """Not the operator, not a keeper, not whoever deployed."""
    request = world.answered()
    arguments = (request.to_abi(), world.ref().to_abi())
    split = (world.finder, world.opener)
    for sender in (world.operator, world.keeper):
        for function, extra in (("onChallenged", ()), ("refute", split), ("uphold", ()), ("void", split)):
            with reverts(world.oracle, "InferenceOracle_NotDispute", sender):
                getattr(world.oracle, function)(*arguments, *extra, sender=sender)


def test_without_a_dispute_contract_nobody_judges(world):
    """Address zero in the seat means there are no disputes here."""
    oracle = world.keeper.deploy(world.project.InferenceOracle, ZERO_ADDRESS, PARAMETERS)
    request = world.request()
    with reverts(oracle, "InferenceOracle_NotDispute", world.keeper):
        oracle.uphold(request.to_abi(), world.ref().to_abi(), sender=world.keeper)


def test_only_what_is_in_dispute_is_judged(world):
    """An answer nobody challenged cannot be refuted, upheld or voided; nor another answer in its place."""
    request = world.answered()
    arguments = (world.oracle, request.to_abi(), world.ref().to_abi())
    with world.refuses(request, Reason.NOT_ANSWERED):
        world.seat.refute(*arguments, world.finder, world.opener, sender=world.keeper)
    with world.refuses(request, Reason.NOT_ANSWERED):
        world.seat.void(*arguments, world.finder, world.opener, sender=world.keeper)
    with world.refuses(request, Reason.NOT_ANSWERED):
        world.seat.uphold(*arguments, sender=world.keeper)
    disputed = world.disputed()
    with world.refuses(disputed, Reason.WRONG_ANSWER):
        world.refute(disputed, operator=world.rival)


def test_an_upheld_answer_is_final_and_paid(world):
    """A right answer loses nothing to a challenge."""
    request = world.disputed()
    balance = world.stake(world.operator)[0]
    world.seat.uphold(world.oracle, request.to_abi(), world.ref().to_abi(), sender=world.keeper)
    assert world.stake(world.operator) == (balance + FEE * GWEI, 0)
    assert world.oracle.requireFinal(request.to_abi(), OUTPUT) == world.id(request)


def test_a_refuted_answer_pays_finder_and_opener_and_reopens_the_request(world):
    """The requester still gets its answer, for the same fee, from somebody else."""
    request = world.disputed()
    receipt = world.refute(request)
    (refuted,) = events(receipt, world.oracle.Refuted)
    assert (refuted["operator"], refuted["nextAttempt"]) == (world.operator, 2)
    assert (world.status(request), world.attempt(request)) == (Status.REQUESTED, 2)
    assert world.stake(world.operator) == (9 * BOND_WEI, 0)
    world.answer(request, operator=world.rival, attempt=2)
    world.later(MINIMUM)
    balance = world.stake(world.rival)[0]
    world.oracle.settle(request.to_abi(), world.ref(world.rival).to_abi(), sender=world.keeper)
    assert world.stake(world.rival) == (balance + FEE * GWEI, 0)


def test_a_voided_request_ends_with_its_fee_returned(world):
    """A program that is none has no right answer to wait for."""
    request = world.disputed()
    before = world.stake(world.requester)[0]
    arguments = (world.oracle, request.to_abi(), world.ref().to_abi(), world.finder, world.opener)
    receipt = world.seat.void(*arguments, sender=world.keeper)
    assert [e["operator"] for e in events(receipt, world.oracle.Voided)] == [world.operator]
    assert (world.status(request), world.stake(world.requester)[0]) == (Status.VOID, before + FEE * GWEI)
    assert world.stake(world.operator) == (9 * BOND_WEI, 0)
    with world.refuses(request, Reason.NOT_REQUESTED):
        world.answer(request, operator=world.rival)


@pytest.mark.parametrize("verdict", ["refute", "void"])
def test_attack_7_challenging_oneself_burns_half_the_bond(world, verdict):
    """The operator as its own finder and opener still loses half (row 65 too): recycling a bond costs."""
    request = world.disputed()
    burnt, balance = world.chain.provider.get_balance(BURN), world.stake(world.operator)[0]
    arguments = (world.oracle, request.to_abi(), world.ref().to_abi(), world.operator, world.operator)
    getattr(world.seat, verdict)(*arguments, sender=world.operator)
    assert world.stake(world.operator) == (balance - BOND_WEI // 2, 0)
    assert world.chain.provider.get_balance(BURN) - burnt == BOND_WEI // 2


def test_attack_65_the_liar_as_its_own_finder_or_opener(world):
    """In either role alone it gets that role's share back, never what is burnt."""
    for finder, opener, share in ((world.operator, world.opener, 40), (world.finder, world.operator, 10)):
        request = world.disputed()
        burnt, balance = world.chain.provider.get_balance(BURN), world.stake(world.operator)[0]
        arguments = (world.oracle, request.to_abi(), world.ref().to_abi(), finder, opener)
        world.seat.refute(*arguments, sender=world.keeper)
        assert balance - world.stake(world.operator)[0] == BOND_WEI * (100 - share) // 100
        assert world.chain.provider.get_balance(BURN) - burnt == BOND_WEI // 2


def test_attack_9_losing_on_purpose_binds_only_the_loser(world):
    """One operator thrown out of one request moves nobody else's bond, answer or fee."""
    thrown, other = world.disputed(), world.open()
    world.answer(other, operator=world.rival)
    before = world.stake(world.rival)
    world.refute(thrown)
    assert world.stake(world.rival) == before
    world.later(MINIMUM)
    world.oracle.settle(other.to_abi(), world.ref(world.rival).to_abi(), sender=world.keeper)
    assert world.status(other) is Status.FINAL


def test_attack_10_a_copied_proof_pays_the_finder_not_its_sender(world):
    """Whoever sends the last transaction gets nothing for it: the dispute contract names who found the fault."""
    request = world.disputed()
    arguments = (world.oracle, request.to_abi(), world.ref().to_abi(), world.finder, world.opener)
    copier, finder = world.stake(world.rival), world.stake(world.finder)[0]
    world.seat.refute(*arguments, sender=world.rival)
    assert world.stake(world.rival) == copier
    assert world.stake(world.finder)[0] - finder == BOND_WEI * 40 // 100


def test_attack_17_rounding_dust_is_burnt_not_kept(world):
    """Shares are rounded down and the burn takes the rest: no wei is made or left behind."""
    world = _odd_shares(world)
    bond = 12_345_679
    request = world.open(operator_bond=bond, challenger_bond=bond)
    world.answer(request)
    world.seat.challenge(world.oracle, request.to_abi(), world.ref().to_abi(), sender=world.keeper)
    ether, burnt = world.oracle.balance, world.chain.provider.get_balance(BURN)
    world.refute(request)
    finder, opener = bond * GWEI * 3_333 // 10_000, bond * GWEI * 1_111 // 10_000
    assert (world.stake(world.finder)[0], world.stake(world.opener)[0]) == (finder, opener)
    gone = bond * GWEI - finder - opener
    assert ether - world.oracle.balance == gone == world.chain.provider.get_balance(BURN) - burnt


def _odd_shares(world):
    """The same world around an oracle whose shares do not divide."""
    from dataclasses import replace

    parameters = (*PARAMETERS[:5], 0, 0, 3_333, 1_111, 7_500)
    oracle = world.keeper.deploy(world.project.InferenceOracle, world.seat, parameters)
    oracle.deposit(world.operator, value=BOND_WEI, sender=world.operator)
    return replace(world, oracle=oracle)


def test_attack_67_answer_refute_reopen_for_ever(world):
    """The eighth refutation ends an open request, the first one of a request that named its operator."""
    request = world.open()
    before = world.stake(world.requester)[0]
    for attempt in range(1, 9):
        assert (world.status(request), world.attempt(request)) == (Status.REQUESTED, attempt)
        world.answer(request, attempt=attempt)
        world.seat.challenge(world.oracle, request.to_abi(), world.ref().to_abi(), sender=world.keeper)
        (refuted,) = events(world.refute(request), world.oracle.Refuted)
    assert (world.status(request), refuted["nextAttempt"]) == (Status.EXPIRED, 0)
    assert world.stake(world.requester)[0] - before == FEE * GWEI
    named = world.disputed(operator=world.operator.address)
    world.refute(named)
    assert world.status(named) is Status.EXPIRED
    assert world.stake(world.requester)[0] - before == 2 * FEE * GWEI
