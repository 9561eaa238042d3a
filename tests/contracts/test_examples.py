"""The example consumers: what they decide, and that nobody's ether is stuck in them."""

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
from eth_utils.crypto import keccak

from oracle.canonical.model import OutputSpec
from oracle.canonical.tensor import DType, TensorSpec
from oracle.chain.protocol import GWEI, Reason, Request, Status
from tests.contracts.world import FEE, MINIMUM, MODEL, events, reverts

FEE_WEI = FEE * GWEI
ANSWER_TIME = 10 * MINIMUM
MAGIKA = replace(
    MODEL,
    inputs=(TensorSpec(DType.INT32, (1, 2048)),),
    outputs=(OutputSpec(TensorSpec(DType.FLOAT, (1, 214))),),
)
DIGITS = replace(
    MODEL,
    inputs=(TensorSpec(DType.FLOAT, (1, 64)),),
    outputs=(OutputSpec(TensorSpec(DType.FLOAT, (1, 10))),),
)
PHOTO = bytes(range(16)) + bytes([16]) * 48
FEATURES = list(range(32))


@pytest.fixture
def desk(world):
    """A lending desk with the money for two loans."""
    desk = deploy(world, "LendingDesk", MODEL)
    desk.fund(value=2 * desk.LOAN(), sender=world.opener)
    return desk


@pytest.fixture
def gate(world):
    """A content gate."""
    return deploy(world, "ContentGate", MAGIKA)


@pytest.fixture
def meter(world):
    """A meter reader of the utility `opener`."""
    return deploy(world, "MeterReader", DIGITS)


def deploy(world, name, model):
    """Deploy an example, by the opener."""
    return world.opener.deploy(
        getattr(world.project, name), world.oracle, model.to_abi(), world.policy(answer_time=ANSWER_TIME).pack()
    )


def made(world, receipt) -> Request:
    """The request a transaction made."""
    (requested,) = events(receipt, world.oracle.Requested)
    request = requested["request"]
    return Request.from_abi(tuple(request))


def finish(world, receipt, scores):
    """Lead the request a transaction made to its delivered answer; yield the receipt of finalization."""
    request, output = made(world, receipt), np.array(scores, ">f4").tobytes()
    world.answer(request, output=output)
    world.later(MINIMUM)
    finalized = world.finalize(request, output=output)
    assert world.delivered(request)
    return finalized


def apply_for_loan(world, desk, value=FEE_WEI):
    """The requester asks for a loan."""
    return desk.applyForLoan(FEATURES, value=value, sender=world.requester)


def test_a_loan_is_granted_below_the_limit_and_paid_back(world, desk):
    """The applicant's features reach the model as float32, its money is pulled, its debt can be paid."""
    asked = apply_for_loan(world, desk)
    (requested,) = events(asked, world.oracle.Requested)
    assert requested["input"] == np.array(FEATURES, ">f4").tobytes()
    receipt = finish(world, asked, [0.7, 0.3, 0.8])
    (approved,) = events(receipt, desk.Approved)
    assert 0.3e18 <= approved["pBad"] < 0.31e18
    loan = desk.LOAN()
    assert (desk.debtOf(world.requester), desk.creditOf(world.requester), desk.capital()) == (loan, loan, loan)
    payee = world.consumer()
    desk.withdraw(payee, sender=world.requester)
    assert payee.balance == loan
    with reverts(desk, "LendingDesk_Overpaid", loan + 1, loan):
        desk.repay(value=loan + 1, sender=world.requester)
    receipt = desk.repay(value=loan, sender=world.requester)
    assert [e["amount"] for e in events(receipt, desk.Repaid)] == [loan]
    assert (desk.debtOf(world.requester), desk.capital()) == (0, 2 * loan)


@pytest.mark.parametrize("p_bad", [0.4, np.nextafter(np.float32(0.4), np.float32(1)), 1.0, inf, nan, -inf])
def test_no_loan_at_or_above_the_limit_or_on_what_is_no_number(world, desk, p_bad):
    """float32(0.4) is a little above 0.4, and NaN is not below anything."""
    receipt = finish(world, apply_for_loan(world, desk), [0.6, p_bad, 0.0])
    assert len(events(receipt, desk.Declined)) == 1
    assert (desk.debtOf(world.requester), desk.creditOf(world.requester)) == (0, 0)


def test_the_greatest_float_below_the_limit_gets_a_loan(world, desk):
    """One bit decides, and it decides as published."""
    below = np.nextafter(np.float32(0.4), np.float32(0))
    finish(world, apply_for_loan(world, desk), [0.6, below, 0.0])
    assert desk.debtOf(world.requester) == desk.LOAN()


def test_one_loan_at_a_time_and_none_without_capital(world, desk):
    """Two applications in flight must not become two loans."""
    first, second = apply_for_loan(world, desk), apply_for_loan(world, desk)
    finish(world, first, [1, 0, 0])
    assert len(events(finish(world, second, [1, 0, 0]), desk.Declined)) == 1
    with reverts(desk, "LendingDesk_NotLender", world.rival):
        desk.defund(1, sender=world.rival)
    loan = desk.LOAN()
    with reverts(desk, "LendingDesk_CapitalTooSmall", loan, loan + 1):
        desk.defund(loan + 1, sender=world.opener)
    desk.defund(loan, sender=world.opener)
    desk.repay(value=loan - 1, sender=world.requester)
    third = desk.applyForLoan(FEATURES, value=FEE_WEI, sender=world.rival)
    assert len(events(third, desk.Applied)) == 1
    assert len(events(finish(world, third, [1, 0, 0]), desk.Declined)) == 1


def test_a_fee_comes_back_where_no_answer_comes(world, desk):
    """Anyone may reclaim an expired or voided request; the fee goes to who paid it, once."""
    asked = [apply_for_loan(world, desk) for _ in range(3)]
    expired, voided, answered = (made(world, receipt) for receipt in asked)
    with reverts(desk, "PaidConsumer_NotRefunded", world.id(expired), Status.REQUESTED):
        desk.reclaim(world.id(expired), sender=world.keeper)
    for request in (voided, answered):
        world.answer(request)
    arguments = (world.oracle, voided.to_abi(), world.ref().to_abi())
    world.seat.challenge(*arguments, sender=world.keeper)
    world.seat.void(*arguments, world.finder, world.opener, sender=world.keeper)
    world.later(ANSWER_TIME)
    world.oracle.expire(expired.to_abi(), sender=world.keeper)
    world.settle(answered)
    for request in (expired, voided):
        receipt = desk.reclaim(world.id(request), sender=world.keeper)
        assert [(e["asker"], e["amount"]) for e in events(receipt, desk.Reclaimed)] == [(world.requester, FEE_WEI)]
        with reverts(desk, "PaidConsumer_NotOpen", world.id(request)):
            desk.reclaim(world.id(request), sender=world.keeper)
    with reverts(desk, "PaidConsumer_NotRefunded", world.id(answered), Status.FINAL):
        desk.reclaim(world.id(answered), sender=world.keeper)
    assert desk.creditOf(world.requester) == 2 * FEE_WEI
    assert desk.balance == 2 * desk.LOAN() + 2 * FEE_WEI
    refusing = world.consumer("REVERT")
    with reverts(desk, "PaidConsumer_TransferFailed", refusing):
        desk.withdraw(refusing, sender=world.requester)
    desk.withdraw(world.requester, sender=world.requester)
    with reverts(desk, "PaidConsumer_NoCredit", world.requester):
        desk.withdraw(world.requester, sender=world.requester)
    assert desk.balance == 2 * desk.LOAN() == desk.capital()


def test_examples_take_the_fee_and_nothing_else(world, desk):
    """Ether that belongs to nobody would be stuck."""
    for value in (0, FEE_WEI + 1):
        with reverts(desk, "PaidConsumer_WrongValue", value, FEE_WEI):
            apply_for_loan(world, desk, value)
    with reverts(desk, "PaidConsumer_UnexpectedEther", world.rival):
        world.rival.transfer(desk, 1)


def submit(world, gate, label=7, min_score=9 * 10**17, tokens=bytes(8192)):
    """The requester claims what an upload is."""
    return gate.submit(tokens, label, min_score, value=FEE_WEI, sender=world.requester)


def scores(**by_label):
    """Scores of the 214 labels, zero but for `l<index>=score`."""
    values = [0.0] * 214
    for label, score in by_label.items():
        values[int(label[1:])] = score
    return values


def test_an_upload_that_is_what_it_claims_is_accepted(world, gate):
    """Readers find the score by the hash of the tokens they compute themselves."""
    submitted = submit(world, gate)
    assert [e["label"] for e in events(submitted, gate.Submitted)] == [7]
    receipt = finish(world, submitted, scores(l7=0.95, l8=0.05))
    (accepted,) = events(receipt, gate.Accepted)
    assert accepted["label"] == 7
    assert 0.94e18 < gate.scoreOf(keccak(bytes(8192)), 7) == accepted["score"] <= 0.95e18


@pytest.mark.parametrize(
    "answer",
    [scores(l8=0.99, l7=0.01), scores(l7=0.89), [nan] * 214, scores(l7=inf), [-1.0] * 7 + [-0.5] + [-1.0] * 206],
)
def test_an_upload_that_is_not_is_rejected(world, gate, answer):
    """Another label, too low a score, or scores that are no probabilities."""
    receipt = finish(world, submit(world, gate), answer)
    assert len(events(receipt, gate.Rejected)) == 1
    assert gate.scoreOf(keccak(bytes(8192)), 7) == 0


def test_a_claim_must_make_sense(world, gate):
    """Refused before a fee is spent on it."""
    with reverts(gate, "ContentGate_UnknownLabel", 214, 214):
        submit(world, gate, label=214)
    for score in (0, 10**18 + 1):
        with reverts(gate, "ContentGate_ScoreOutOfRange", score):
            submit(world, gate, min_score=score)
    with reverts(gate, "InferenceConsumer_InputLength", 8191, 8192):
        submit(world, gate, tokens=bytes(8191))


def photograph(world, meter, digit, probability=0.9):
    """The requester hands in a photograph that is read as `digit`."""
    values = [(1 - probability) / 9] * 10
    values[digit] = probability
    return finish(world, meter.submitPhoto(PHOTO, value=FEE_WEI, sender=world.requester), values)


def test_a_bill_is_for_the_units_between_two_readings(world, meter):
    """The first reading costs nothing, and the digit goes round after nine."""
    asked = meter.submitPhoto(PHOTO, value=FEE_WEI, sender=world.requester)
    (requested,) = events(asked, world.oracle.Requested)
    assert requested["input"] == np.frombuffer(PHOTO, np.uint8).astype(">f4").tobytes()
    assert len(events(asked, meter.Photographed)) == 1
    bills = [events(photograph(world, meter, digit), meter.Billed)[0]["bill"] for digit in (8, 3, 3, 5)]
    price = meter.PRICE()
    assert bills == [0, 5 * price, 0, 2 * price]
    assert meter.owedBy(world.requester) == 7 * price
    with reverts(meter, "MeterReader_Overpaid", 7 * price + 1, 7 * price):
        meter.pay(value=7 * price + 1, sender=world.requester)
    receipt = meter.pay(value=7 * price, sender=world.requester)
    assert [e["amount"] for e in events(receipt, meter.Paid)] == [7 * price]
    assert (meter.owedBy(world.requester), meter.creditOf(world.opener)) == (0, 7 * price)


@pytest.mark.parametrize("probability", [0.79, nan, inf])
def test_an_unsure_reading_asks_for_another(world, meter, probability):
    """Nobody is billed on a guess."""
    receipt = photograph(world, meter, 4, probability)
    assert len(events(receipt, meter.AnotherReadingAsked)) == 1
    assert (meter.owedBy(world.requester), tuple(meter.meterOf(world.requester))) == (0, (False, 0))


def test_a_photograph_is_64_pixels_from_0_to_16(world, meter):
    """Anything else is not what the model was trained on."""
    with reverts(meter, "MeterReader_PixelCount", 63):
        meter.submitPhoto(bytes(63), value=FEE_WEI, sender=world.requester)
    with reverts(meter, "MeterReader_PixelTooBright", 63, 17):
        meter.submitPhoto(bytes(63) + b"\x11", value=FEE_WEI, sender=world.requester)


def test_an_answer_is_taken_once(world, desk):
    """An oracle delivers once; the example does not rely on it."""
    request = made(world, apply_for_loan(world, desk))
    world.answer(request)
    world.later(MINIMUM)
    world.finalize(request)
    with world.refuses(request, Reason.ALREADY_DELIVERED):
        world.oracle.deliver(request.to_abi(), bytes(12), sender=world.keeper)
