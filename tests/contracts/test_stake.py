"""Deposits, withdrawals and ether that nobody asked for."""

from oracle.chain.protocol import GWEI, ZERO_ADDRESS, Status
from tests.contracts.world import BOND, FEE, MINIMUM, events, reverts

BOND_WEI = BOND * GWEI


def test_what_is_deposited_can_be_withdrawn(world):
    """Free stake is its owner's at any time."""
    receipt = world.oracle.deposit(world.rival, value=5, sender=world.keeper)
    assert [(e["account"], e["amount"]) for e in events(receipt, world.oracle.Deposited)] == [(world.rival, 5)]
    payee = world.consumer()
    receipt = world.oracle.withdraw(10 * BOND_WEI + 5, payee, sender=world.rival)
    (withdrawn,) = events(receipt, world.oracle.Withdrawn)
    assert (withdrawn["to"], withdrawn["amount"]) == (payee, 10 * BOND_WEI + 5)
    assert (payee.balance, world.stake(world.rival)) == (10 * BOND_WEI + 5, (0, 0))


def test_the_zero_address_holds_and_receives_nothing(world):
    """What is sent there by mistake would be lost."""
    with reverts(world.oracle, "InferenceOracle_ZeroAddress"):
        world.oracle.deposit(ZERO_ADDRESS, value=1, sender=world.keeper)
    with reverts(world.oracle, "InferenceOracle_ZeroAddress"):
        world.oracle.withdraw(1, ZERO_ADDRESS, sender=world.operator)


def test_attack_15_withdrawing_before_the_verdict(world):
    """What stands behind a provisional answer stays, in the window and in a dispute, to the last wei."""
    request = world.answered()
    free = 9 * BOND_WEI
    with reverts(world.oracle, "InferenceOracle_FreeStakeTooSmall", free, free + 1):
        world.oracle.withdraw(free + 1, world.operator, sender=world.operator)
    world.oracle.withdraw(free, world.operator, sender=world.operator)
    world.seat.challenge(world.oracle, request.to_abi(), world.ref().to_abi(), sender=world.keeper)
    with reverts(world.oracle, "InferenceOracle_FreeStakeTooSmall", 0, 1):
        world.oracle.withdraw(1, world.operator, sender=world.operator)
    world.refute(request)
    assert world.stake(world.operator) == (0, 0)
    with reverts(world.oracle, "InferenceOracle_FreeStakeTooSmall", 0, 1):
        world.oracle.withdraw(1, world.operator, sender=world.operator)


def test_attack_31_a_payout_address_that_reverts(world):
    """A requester that refuses ether stops neither expiry nor anybody else's money, and can send its own elsewhere."""
    consumer = world.consumer("REVERT", b"no ether please")
    request = world.open(consumer)
    world.later(MINIMUM)
    world.oracle.expire(request.to_abi(), sender=world.keeper)
    assert world.status(request) is Status.EXPIRED
    assert world.stake(consumer) == (FEE * GWEI, 0)
    to_itself = world.oracle.withdraw.encode_input(FEE * GWEI, consumer)
    with reverts(world.oracle, "InferenceOracle_TransferFailed", consumer):
        consumer.execute(world.oracle, 0, to_itself, sender=world.keeper)
    assert world.stake(consumer) == (FEE * GWEI, 0)
    payee = world.consumer()
    consumer.execute(world.oracle, 0, world.oracle.withdraw.encode_input(FEE * GWEI, payee), sender=world.keeper)
    assert payee.balance == FEE * GWEI


def test_attack_32_forced_ether_is_nobodys(world):
    """Ether that arrives by selfdestruct changes no balance and can be withdrawn by no one."""
    request = world.answered()
    before = [world.stake(account) for account in (world.operator, world.requester, world.keeper)]
    ether = world.oracle.balance
    world.keeper.deploy(world.project.ForceSender, world.oracle, value=10**18)
    assert world.oracle.balance == ether + 10**18
    assert [world.stake(account) for account in (world.operator, world.requester, world.keeper)] == before
    with reverts(world.oracle, "InferenceOracle_FreeStakeTooSmall", 0, 1):
        world.oracle.withdraw(1, world.keeper, sender=world.keeper)
    world.later(MINIMUM)
    world.settle(request)
    world.oracle.withdraw(10 * BOND_WEI + FEE * GWEI, world.operator, sender=world.operator)
    world.oracle.withdraw(10 * BOND_WEI, world.rival, sender=world.rival)
    assert world.oracle.balance == 10**18


def test_plain_ether_is_refused(world):
    """Ether without a name on it would be stuck."""
    import pytest
    from ape.exceptions import ContractLogicError

    with pytest.raises(ContractLogicError):
        world.keeper.transfer(world.oracle, 1)
