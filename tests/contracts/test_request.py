"""Opening requests, and ending those nobody answers."""

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from oracle.chain.protocol import GWEI, InputKind, Reason, Status
from tests.contracts.world import BOND, FEE, INPUT, MINIMUM, MODEL, OUTPUT, PARAMETERS, events, reverts, view_reverts

DURATIONS = ("answer_time", "window", "trace_time", "proof_period", "move_time")
LIMIT = 65_536


def test_a_request_escrows_its_fee_and_gets_the_id_computed_off_chain(world):
    """The worker and the contract must agree on ids, or nothing else works."""
    request = world.request()
    before = world.oracle.balance
    receipt = world.send(request)
    assert world.oracle.balance - before == FEE * GWEI
    assert world.status(request) is Status.REQUESTED
    assert world.oracle.idOf(request.to_abi()) == world.id(request)
    (requested,) = events(receipt, world.oracle.Requested)
    assert (requested["requestId"], requested["modelId"], requested["input"]) == (world.id(request), MODEL.id, INPUT)


def test_a_request_on_roots_says_where_its_input_is(world):
    """Whoever challenges must be able to fetch what was asked."""
    roots = [keccak(text="a"), keccak(text="b")]
    request = replace(world.request(), input_kind=InputKind.ROOT, input_hash=keccak(b"".join(roots)))
    sent = {"value": FEE * GWEI, "sender": world.requester}
    receipt = world.oracle.requestRoots(request.to_abi(), roots, "ipfs://x", **sent)
    (requested,) = events(receipt, world.oracle.Requested)
    (located,) = events(receipt, world.oracle.InputLocated)
    assert (requested["input"], located["uri"]) == (b"".join(roots), "ipfs://x")
    assert world.status(request) is Status.REQUESTED


def test_each_kind_of_input_has_its_own_function(world):
    """A ROOT request through `request` would put roots where an input is expected."""
    on_bytes = world.request()
    on_roots = replace(on_bytes, input_kind=InputKind.ROOT)
    sent = {"value": FEE * GWEI, "sender": world.requester}
    with reverts(world.oracle, "InferenceOracle_WrongInputKind"):
        world.oracle.request(on_roots.to_abi(), INPUT, **sent)
    with reverts(world.oracle, "InferenceOracle_WrongInputKind"):
        world.oracle.requestRoots(on_bytes.to_abi(), [], "", **sent)


def test_the_ether_sent_is_exactly_the_fee(world):
    """Too much would be stuck, too little would be somebody else's money."""
    request = world.request()
    for value in (0, FEE * GWEI - 1, FEE * GWEI + 1):
        with reverts(world.oracle, "InferenceOracle_WrongValue", value, FEE * GWEI):
            world.oracle.request(request.to_abi(), INPUT, value=value, sender=world.requester)


def test_the_input_is_what_its_hash_says(world):
    """The hash is what an answer is judged by."""
    request = world.request()
    with reverts(world.oracle, "InferenceOracle_WrongInput", keccak(INPUT), keccak(b"other")):
        world.oracle.request(request.to_abi(), b"other", value=FEE * GWEI, sender=world.requester)


def test_attack_16_terms_nobody_could_challenge_under(world):
    """Terms that make a challenge impossible or unprofitable are refused before money moves."""
    for place, name in enumerate(DURATIONS):
        for seconds in (MINIMUM - 1, 2**31):
            request = world.request(**{name: seconds})
            with reverts(world.oracle, "InferenceOracle_DurationOutOfRange", place, seconds, MINIMUM):
                world.send(request)
    with reverts(world.oracle, "InferenceOracle_ChallengerBondTooLarge", (BOND + 1) * GWEI, BOND * GWEI):
        world.send(world.request(challenger_bond=BOND + 1))


def test_attack_16_bonds_that_do_not_pay_for_a_conviction(world):
    """At the base fee of its block, 40 % of the bond pays a conviction and 75 % of the other a defence, to the wei."""
    base_fee = 10**9
    conviction, defence = PARAMETERS[5] * base_fee, PARAMETERS[6] * base_fee
    least_operator, least_challenger = conviction * 10_000 // 4_000, -(-defence * 10_000 // 7_500)
    operator, challenger = least_operator // GWEI, -(-least_challenger // GWEI)

    def send(**bonds):
        world.chain.provider.make_request("anvil_setNextBlockBaseFeePerGas", [hex(base_fee)])
        world.send(world.request(**bonds))

    with reverts(world.oracle, "InferenceOracle_OperatorBondTooSmall", (operator - 1) * GWEI, least_operator):
        send(operator_bond=operator - 1, challenger_bond=challenger)
    with reverts(world.oracle, "InferenceOracle_ChallengerBondTooSmall", (challenger - 1) * GWEI, least_challenger):
        send(operator_bond=operator, challenger_bond=challenger - 1)
    send(operator_bond=operator, challenger_bond=challenger)


def test_attack_16_longest_terms_overflow_no_deadline(world):
    """Every duration at its largest still leaves a deadline in the future, not in the past."""
    longest = dict.fromkeys(DURATIONS, 2**31 - 1)
    request = world.answered(**longest)
    world.later(2**31 - 3)
    with world.refuses(request, Reason.TOO_EARLY):
        world.settle(request)
    world.later(3)
    world.settle(request)
    assert world.status(request) is Status.FINAL


def test_attack_18_an_id_is_used_once(world):
    """Whatever became of a request, its id never opens again; and other content is another id."""
    expired, final = world.open(), world.final()
    world.later(MINIMUM)
    world.oracle.expire(expired.to_abi(), sender=world.keeper)
    for request in (expired, final, world.open()):
        with reverts(world.oracle, "InferenceOracle_IdUsed", world.id(request)):
            world.send(request)
    changed = replace(final, policy=replace(final.policy, fee=FEE + 1))
    assert world.id(changed) != world.id(final)
    world.send(changed)


def test_attack_61_a_request_in_a_victims_name(world):
    """Callbacks go to the requester only, so nobody may ask in another's name."""
    victim = world.consumer()
    request = world.request(victim, callback_gas=100_000)
    with reverts(world.oracle, "InferenceOracle_NotRequester", victim, world.requester):
        world.oracle.request(request.to_abi(), INPUT, value=FEE * GWEI, sender=world.requester)


def test_attack_68_a_callback_gas_that_could_never_be_given(world):
    """Above the cap no block could deliver; at the cap settling needs none of it."""
    with reverts(world.oracle, "InferenceOracle_CallbackGasTooLarge", 2_000_001, 2_000_000):
        world.open(callback_gas=2_000_001)
    request = world.final(world.consumer("BURN"), callback_gas=2_000_000)
    assert world.status(request) is Status.FINAL


def test_attack_24_inputs_beyond_the_caps(world):
    """An input of 64 KiB and 16 roots are taken, one more is not."""
    largest = bytes(LIMIT)
    world.open(packed=largest)
    with reverts(world.oracle, "InferenceOracle_InputTooLarge", LIMIT + 1, LIMIT):
        world.open(packed=bytes(LIMIT + 1))
    roots = [bytes(32)] * 17
    on_roots = replace(world.request(), input_kind=InputKind.ROOT, input_hash=keccak(b"".join(roots)))
    sent = {"value": FEE * GWEI, "sender": world.requester}
    with reverts(world.oracle, "InferenceOracle_InputTooLarge", 17, 16):
        world.oracle.requestRoots(on_roots.to_abi(), roots, "", **sent)
    sixteen = replace(on_roots, input_hash=keccak(bytes(32 * 16)))
    with reverts(world.oracle, "InferenceOracle_InputTooLarge", LIMIT + 1, LIMIT):
        world.oracle.requestRoots(sixteen.to_abi(), roots[:16], "x" * (LIMIT + 1), **sent)
    world.oracle.requestRoots(sixteen.to_abi(), roots[:16], "", **sent)


def test_attack_25_nobody_answers(world):
    """Silence pays nobody: the fee comes back, and not before the time is over."""
    request = world.open()
    before = world.stake(world.requester)[0]
    with world.refuses(request, Reason.TOO_EARLY):
        world.oracle.expire(request.to_abi(), sender=world.keeper)
    world.later(MINIMUM)
    receipt = world.oracle.expire(request.to_abi(), sender=world.keeper)
    assert [e["requestId"] for e in events(receipt, world.oracle.Expired)] == [world.id(request)]
    assert world.stake(world.requester) == (before + FEE * GWEI, 0)
    assert world.status(request) is Status.EXPIRED
    with world.refuses(request, Reason.NOT_REQUESTED):
        world.oracle.expire(request.to_abi(), sender=world.keeper)


def test_attack_2_answer_and_expiry_in_the_very_second_of_the_deadline(world):
    """One second before, only an answer goes; in that second, only expiry."""
    early, late = world.open(), world.open()
    deadline = world.time(early) + MINIMUM
    world.next_block_at(deadline - 1)
    with world.refuses(early, Reason.TOO_EARLY):
        world.oracle.expire(early.to_abi(), sender=world.keeper)
    world.next_block_at(deadline - 1)
    assert world.answer(early).timestamp == deadline - 1
    deadline = world.time(late) + MINIMUM
    world.next_block_at(deadline)
    with world.refuses(late, Reason.TOO_LATE):
        world.answer(late)
    world.next_block_at(deadline + 1)
    world.oracle.expire(late.to_abi(), sender=world.keeper)


@pytest.mark.parametrize("change", ["model_id", "input_hash", "policy", "callback_gas", "salt"])
def test_attack_21_model_or_terms_swapped_after_the_request(world, change):
    """Content is identity: a request with any field changed is one nobody made (rows 21 and 22)."""
    request = world.answered()
    changed = {
        "model_id": keccak(text="another model"),
        "input_hash": keccak(text="another input"),
        "policy": replace(request.policy, window=MINIMUM + 1),
        "callback_gas": 1,
        "salt": keccak(text="another salt"),
    }
    swapped = replace(request, **{change: changed[change]})
    world.later(MINIMUM)
    with world.refuses(swapped, Reason.NOT_ANSWERED):
        world.settle(swapped)
    called = (world.oracle, "requireFinal", (swapped.to_abi(), OUTPUT))
    view_reverts(*called, "InferenceOracle_Refused", world.id(swapped), Reason.NOT_FINAL)
    world.settle(request)


def test_attack_22_terms_changed_midway(world):
    """An operator cannot answer under a smaller bond than was asked, nor a keeper settle under a shorter window."""
    request = world.open(window=1000)
    cheaper = replace(request, policy=replace(request.policy, operator_bond=0, challenger_bond=0))
    with world.refuses(cheaper, Reason.NOT_REQUESTED):
        world.answer(cheaper)
    world.answer(request)
    world.later(MINIMUM)
    shorter = replace(request, policy=replace(request.policy, window=MINIMUM))
    with world.refuses(shorter, Reason.NOT_ANSWERED):
        world.settle(shorter)


@pytest.mark.parametrize(
    "parameters",
    [
        (0, *PARAMETERS[1:]),
        (*PARAMETERS[:4], 2**31, *PARAMETERS[5:]),
        (*PARAMETERS[:7], 9_001, 1_000, 7_500),
        (*PARAMETERS[:7], 0, 1_000, 7_500),
        (*PARAMETERS[:9], 0),
        (*PARAMETERS[:9], 10_001),
    ],
)
def test_a_deployment_with_senseless_constants_fails(world, parameters):
    """Constants can never be corrected, so they are checked when they are set."""
    with reverts(world.oracle, "InferenceOracle_BadParameters"):
        world.keeper.deploy(world.project.InferenceOracle, world.seat, parameters)


def test_the_constants_are_those_of_the_constructor(world):
    """Whoever relies on a deployment reads its terms from it."""
    assert tuple(world.oracle.parameters()) == PARAMETERS
    assert world.oracle.dispute() == world.seat
