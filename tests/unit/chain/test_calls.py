"""Calls and views: what is encoded is what the contract decodes, and wei are where they belong."""

from eth_abi.abi import decode, encode

from oracle.chain.abi import artifact
from oracle.chain.calls import Answer, OracleContract, Parameters, RegistryContract, Stake
from oracle.chain.deploy import LOCAL
from oracle.chain.protocol import AnswerRef, RequestId, Status, checksum
from tests.unit.chain.model_chain import OPERATOR, ORACLE, REGISTRY, make_request

ORACLE_CALLS = OracleContract(ORACLE)
FUNCTIONS = artifact("InferenceOracle").functions
REQUEST = make_request(1, callback_gas=7)
DELIVERED = True
REF = AnswerRef(OPERATOR, b"\x01" * 32, b"\x02" * 32)


class View:
    """Answers one `eth_call` with encoded values."""

    def __init__(self, kinds, *values):
        self.returned = encode(kinds, values)
        self.asked = None

    def call(self, to, data):
        self.asked = (to, data)
        return self.returned


def arguments(name, call):
    """The decoded arguments; the selector must be the function's."""
    assert call.to == ORACLE
    assert call.data[:4] == FUNCTIONS[name].selector
    return decode(FUNCTIONS[name].inputs, call.data[4:])


def test_a_request_carries_its_fee_and_nothing_else_does():
    """The fee is gwei in a policy and wei in a transaction; bonds come from the stake."""
    asked = ORACLE_CALLS.request(REQUEST, b"packed")
    assert asked.value == 1_000 * 10**9
    assert arguments("request", asked)[1] == b"packed"
    assert ORACLE_CALLS.deposit(OPERATOR, 5).value == 5
    others = (
        ORACLE_CALLS.answer(Answer(REQUEST, 1, b"out"), bytes(32), bytes(32)),
        ORACLE_CALLS.settle(REQUEST, REF),
        ORACLE_CALLS.finalize(REQUEST, REF, b"out"),
        ORACLE_CALLS.deliver(REQUEST, b"out"),
        ORACLE_CALLS.expire(REQUEST),
        ORACLE_CALLS.withdraw(5, OPERATOR),
    )
    assert [call.value for call in others] == [0] * 6


def test_answers_name_request_attempt_output_and_environment():
    """An argument out of place would be another answer, bonded all the same."""
    answers = [Answer(REQUEST, 1, b"one"), Answer(make_request(2), 3, b"three")]
    single = arguments("answer", ORACLE_CALLS.answer(answers[1], b"\x05" * 32, b"\x06" * 32))
    assert single[1:] == (3, b"three", b"\x05" * 32, b"\x06" * 32)
    items, software, manifest = arguments("answerMany", ORACLE_CALLS.answer_many(answers, b"\x05" * 32, b"\x06" * 32))
    assert [(attempt, output) for _, attempt, output in items] == [(1, b"one"), (3, b"three")]
    assert (software, manifest) == (b"\x05" * 32, b"\x06" * 32)
    signed = {"operator": OPERATOR, "valid_until": 9, "signature": b"s" * 65}
    relayed = arguments("answerFor", ORACLE_CALLS.answer_for(answers[0], b"\x05" * 32, b"\x06" * 32, **signed))
    assert relayed[1:] == (1, b"one", b"\x05" * 32, b"\x06" * 32, OPERATOR.lower(), 9, b"s" * 65)
    batch = arguments("answerManyFor", ORACLE_CALLS.answer_many_for(answers, b"\x05" * 32, b"\x06" * 32, **signed))
    assert batch[1:] == (b"\x05" * 32, b"\x06" * 32, OPERATOR.lower(), 9, b"s" * 65)


def test_settling_names_the_answer_that_is_meant():
    """The reference keeps a settle from making another answer final after a refutation."""
    ref = (OPERATOR.lower(), REF.environment, REF.output_hash)
    assert arguments("settle", ORACLE_CALLS.settle(REQUEST, REF))[1] == ref
    assert arguments("settleMany", ORACLE_CALLS.settle_many([(REQUEST, REF)]))[0][0][1] == ref
    assert arguments("finalize", ORACLE_CALLS.finalize(REQUEST, REF, b"out"))[1:] == (ref, b"out")
    ((_, told, output),) = arguments("finalizeMany", ORACLE_CALLS.finalize_many([(REQUEST, REF, b"out")]))[0]
    assert (told, output) == (ref, b"out")
    assert arguments("deliver", ORACLE_CALLS.deliver(REQUEST, b"out"))[1] == b"out"
    assert arguments("withdraw", ORACLE_CALLS.withdraw(5, OPERATOR)) == (5, OPERATOR.lower())


def test_views_are_typed():
    """A number out of place would be stake that is not there."""
    status = View(FUNCTIONS["statusOf"].outputs, 2, 3, 99, b"\x09" * 25, DELIVERED)
    found = ORACLE_CALLS.status_of(status, RequestId(b"\x01" * 32))
    assert (found.status, found.attempt, found.time, found.commitment) == (Status.ANSWERED, 3, 99, b"\x09" * 25)
    assert found.delivered
    assert status.asked == (ORACLE, FUNCTIONS["statusOf"].encode(b"\x01" * 32))
    stake = ORACLE_CALLS.stake_of(View(FUNCTIONS["accountOf"].outputs, 10, 4), OPERATOR)
    assert (stake, stake.free) == (Stake(10, 4), 6)
    assert ORACLE_CALLS.dispute(View(FUNCTIONS["dispute"].outputs, OPERATOR)) == checksum(OPERATOR)
    parameters = View(FUNCTIONS["parameters"].outputs, LOCAL.to_abi())
    assert ORACLE_CALLS.parameters(parameters) == LOCAL
    assert isinstance(ORACLE_CALLS.parameters(parameters), Parameters)


def test_the_registry_is_told_ids_and_places():
    """What is announced is what operators look for."""
    registry = RegistryContract(REGISTRY)
    functions = artifact("ModelRegistry").functions
    mirrors = registry.add_mirrors(REQUEST.model_id, ["ipfs://a", "https://b"])
    assert mirrors.to == REGISTRY
    assert decode(functions["addMirrors"].inputs, mirrors.data[4:]) == (REQUEST.model_id, ("ipfs://a", "https://b"))
    manifest = registry.publish_environment(b"{}")
    assert manifest.data == functions["publishEnvironment"].encode(b"{}")
