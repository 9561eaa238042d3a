"""The clocks of a request: how short they may be, and that nothing is decided within a second."""

from dataclasses import replace

import pytest

from oracle.chain.protocol import GWEI, Reason, Status
from tests.contracts.world import BOND, MINIMUM, PARAMETERS, World, decode_error, reverts

DURATIONS = ("answer_time", "window", "trace_time", "proof_period", "move_time")
LEAST = (61, 62, 63, 64, 65)

each_duration = pytest.mark.parametrize("place", range(5), ids=DURATIONS)


def elsewhere(world: World, *minima: int) -> World:
    """The same people around another oracle with these minima, where the operator has a stake of one bond."""
    oracle = world.keeper.deploy(world.project.InferenceOracle, world.seat, (*minima, *PARAMETERS[5:]))
    oracle.deposit(world.operator, value=BOND * GWEI, sender=world.operator)
    return replace(world, oracle=oracle)


@each_duration
def test_attack_3_no_clock_is_shorter_than_its_own_minimum(world, place):
    """A block producer that censors must hold out for a minimum which no requester can go below."""
    there = elsewhere(world, *LEAST)
    shortest = dict(zip(DURATIONS, LEAST, strict=True))
    too_short = shortest | {DURATIONS[place]: LEAST[place] - 1}
    with reverts(there.oracle, "InferenceOracle_DurationOutOfRange", place, LEAST[place] - 1, LEAST[place]):
        there.open(**too_short)
    assert there.status(there.open(**shortest)) is Status.REQUESTED


def test_attack_3_who_fears_censorship_chooses_a_longer_window(world):
    """A challenge held back far beyond the minimum still comes in time."""
    request = world.answered(window=100 * MINIMUM)
    world.next_block_at(world.time(request) + 100 * MINIMUM - 1)
    world.seat.challenge(world.oracle, request.to_abi(), world.ref().to_abi(), sender=world.keeper)
    assert world.status(request) is Status.DISPUTED


@each_duration
def test_attack_6_no_deployment_has_a_clock_below_a_second(world, place):
    """A clock of no seconds would let the producer of one block decide alone."""
    ones = [1] * 5
    with reverts(world.oracle, "InferenceOracle_BadParameters"):
        elsewhere(world, *ones[:place], 0, *ones[place + 1 :])
    assert elsewhere(world, *ones).oracle.parameters()[place] == 1


def test_attack_6_on_the_shortest_clocks_nothing_ends_in_the_second_it_began(world):
    """Whatever time a block claims: what it opens can neither expire nor be settled in it, and can in the next."""
    there = elsewhere(world, *[1] * 5)
    shortest = dict.fromkeys(DURATIONS, 1)
    unanswered = there.open(**shortest)
    opened = there.time(unanswered)
    assert outcome_at(there, opened, "expire", unanswered) == refusal(there, unanswered, Reason.TOO_EARLY)
    assert outcome_at(there, opened + 1, "expire", unanswered) is None
    request = there.answered(**shortest | {"answer_time": MINIMUM})
    answered, ref = there.time(request), there.ref().to_abi()
    assert outcome_at(there, answered, "settle", request, ref) == refusal(there, request, Reason.TOO_EARLY)
    assert outcome_at(there, answered + 1, "settle", request, ref) is None


def test_attack_6_an_answer_in_the_last_second_leaves_the_whole_window(world):
    """Each clock starts at its own move, so a skewed block takes nothing from the side that moves next."""
    request = world.open()
    late = world.time(request) + MINIMUM - 1
    world.next_block_at(late)
    world.answer(request)
    assert world.time(request) == late
    ref = world.ref().to_abi()
    assert outcome_at(world, late + MINIMUM - 1, "settle", request, ref) == refusal(world, request, Reason.TOO_EARLY)
    assert outcome_at(world, late + MINIMUM, "settle", request, ref) is None


def outcome_at(world: World, timestamp: int, function: str, request, *arguments) -> tuple | None:
    """The custom error a call would end with in a block of that time; None if it would succeed."""
    data = getattr(world.oracle, function).encode_input(request.to_abi(), *arguments)
    call = {"from": world.keeper.address, "to": world.oracle.address, "data": data.to_0x_hex()}
    reply = world.chain.provider.web3.provider.make_request("eth_call", [call, "latest", {}, {"time": hex(timestamp)}])
    return decode_error(world.oracle, bytes.fromhex(reply["error"]["data"][2:])) if "error" in reply else None


def refusal(world: World, request, reason: Reason) -> tuple:
    """The error by which the oracle refuses a call on this request."""
    return "InferenceOracle_Refused", (world.id(request), reason)
