"""Protocol types: packing and ids, against the ABI and against known values."""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.protocol import (
    AnswerRef,
    GameId,
    InputKind,
    ModelId,
    Policy,
    Request,
    Subject,
    answer_typed_data,
    batch_typed_data,
    checksum,
    environment_hash,
    trace_typed_data,
)

addresses = st.binary(min_size=20, max_size=20).map(lambda raw: checksum("0x" + raw.hex()))
words = st.binary(min_size=32, max_size=32)
policies = st.builds(
    Policy,
    operator=addresses,
    fee=st.integers(0, 2**48 - 1),
    operator_bond=st.integers(0, 2**48 - 1),
    challenger_bond=st.integers(0, 2**48 - 1),
    answer_time=st.integers(0, 2**32 - 1),
    window=st.integers(0, 2**32 - 1),
    trace_time=st.integers(0, 2**32 - 1),
    proof_period=st.integers(0, 2**32 - 1),
    move_time=st.integers(0, 2**32 - 1),
    software=st.binary(min_size=6, max_size=6),
)
requests = st.builds(
    Request,
    requester=addresses,
    salt=words,
    model_id=words.map(ModelId),
    input_kind=st.sampled_from(InputKind),
    input_hash=words,
    policy=policies,
    callback_gas=st.integers(0, 2**32 - 1),
)
refs = st.builds(AnswerRef, operator=addresses, environment=words, output_hash=words)
CHAIN, ORACLE = 31_337, checksum("0x" + "ab" * 20)


@given(policies)
def test_policies_survive_packing(policy: Policy) -> None:
    """Both words are read back by every party; a lost bit would change somebody's terms."""
    head, tail = policy.pack()
    assert head < 2**256
    assert tail < 2**256
    assert Policy.unpack((head, tail)) == policy


def test_a_term_that_does_not_fit_is_refused() -> None:
    """Silently cut, a bond of 2^48 gwei would become 0."""
    policy = Policy(ORACLE, 2**48, 0, 0, 1, 1, 1, 1, 1)
    with pytest.raises(OverflowError, match="48 bits"):
        policy.pack()


@given(requests)
def test_requests_survive_the_abi_form(request: Request) -> None:
    """The indexer rebuilds requests from events to pass them back."""
    assert Request.from_abi(request.to_abi()) == request


@given(requests, requests)
def test_attack_18_ids_differ_wherever_contents_do(one: Request, other: Request) -> None:
    """An id stands for one content, one chain and one contract."""
    assert (one.id(CHAIN, ORACLE) == other.id(CHAIN, ORACLE)) == (one == other)
    assert one.id(CHAIN, ORACLE) != one.id(CHAIN + 1, ORACLE)
    assert one.id(CHAIN, ORACLE) != one.id(CHAIN, one.requester)


@given(words, words)
def test_the_environment_binds_software_and_manifest(software: bytes, manifest: bytes) -> None:
    """The contract hashes the two words in this order."""
    assert environment_hash(software, manifest) == keccak(software + manifest)


@given(requests, refs, st.integers(1, 8), st.integers(0, 2**64 - 1))
def test_attack_19_every_field_of_an_answer_is_signed(
    request: Request, ref: AnswerRef, attempt: int, until: int
) -> None:
    """A signature for one request, attempt, output, chain or contract is none for another."""

    def digest(chain: int, oracle: str, tried: int, given_ref: AnswerRef, valid: int) -> bytes:
        message = encode_typed_data(full_message=answer_typed_data(chain, oracle, request, tried, given_ref, valid))
        return keccak(b"\x19" + message.version + message.header + message.body)

    signed = digest(CHAIN, ORACLE, attempt, ref, until)
    assert signed != digest(CHAIN + 1, ORACLE, attempt, ref, until)
    assert signed != digest(CHAIN, checksum("0x" + "cd" * 20), attempt, ref, until)
    assert signed != digest(CHAIN, ORACLE, attempt + 1, ref, until)
    changed = AnswerRef(ref.operator, ref.environment, keccak(ref.output_hash))
    assert signed != digest(CHAIN, ORACLE, attempt, changed, until)
    assert signed != digest(CHAIN, ORACLE, attempt, ref, (until + 1) % 2**64)


@given(st.lists(st.tuples(requests, st.integers(1, 8), refs), min_size=1, max_size=3))
def test_a_batch_is_signed_as_a_list(answers: list[tuple[Request, int, AnswerRef]]) -> None:
    """Order and number count: a batch cannot be cut or shuffled under its signature."""
    key = Account.from_key(b"\1" * 32)
    whole = encode_typed_data(full_message=batch_typed_data(CHAIN, ORACLE, answers, 1))
    more = encode_typed_data(full_message=batch_typed_data(CHAIN, ORACLE, [*answers, answers[0]], 1))
    assert key.sign_message(whole).signature != key.sign_message(more).signature


@given(requests, refs, refs, st.integers(1, 7))
def test_a_game_is_of_one_answer_to_one_attempt(
    request: Request, ref: AnswerRef, other: AnswerRef, attempt: int
) -> None:
    """Nothing of an old game may touch the next operator's answer."""
    subject = Subject(request, ref, attempt)
    found = subject.game_id(CHAIN, ORACLE)
    assert (found == Subject(request, other, attempt).game_id(CHAIN, ORACLE)) == (ref == other)
    assert found != Subject(request, ref, attempt + 1).game_id(CHAIN, ORACLE)
    assert found != subject.game_id(CHAIN + 1, ORACLE)
    assert found != subject.game_id(CHAIN, checksum("0x" + "cd" * 20))


def test_a_game_s_id_is_the_contracts() -> None:
    """Words of 32 bytes throughout: the 25 bytes of the commitment stand on the left of theirs."""
    request = Request(ORACLE, bytes(32), ModelId(bytes(32)), InputKind.BYTES, bytes(32), Policy(ORACLE, *[1] * 8))
    subject = Subject(request, AnswerRef(ORACLE, b"\1" * 32, b"\2" * 32), 3)
    request_id, attempt = request.id(CHAIN, ORACLE), (3).to_bytes(32, "big")
    operator = bytes(12) + b"\xab" * 20
    commitment = keccak(request_id + attempt + operator + b"\1" * 32 + b"\2" * 32)[:25]
    assert subject.commitment(CHAIN, ORACLE) == commitment
    assert subject.game_id(CHAIN, ORACLE) == keccak(request_id + attempt + commitment + bytes(7))


@given(words, words, words)
def test_a_trace_is_signed_for_one_game(game_id: bytes, root: bytes, other: bytes) -> None:
    """A relayed signature fixes one root in one game of one contract on one chain."""

    def digest(chain: int, dispute: str, game: bytes, of: bytes) -> bytes:
        message = encode_typed_data(full_message=trace_typed_data(chain, checksum(dispute), GameId(game), of))
        return keccak(b"\x19" + message.version + message.header + message.body)

    signed = digest(CHAIN, ORACLE, game_id, root)
    assert signed != digest(CHAIN + 1, ORACLE, game_id, root)
    assert signed != digest(CHAIN, "0x" + "cd" * 20, game_id, root)
    assert (signed == digest(CHAIN, ORACLE, other, root)) == (game_id == other)
    assert (signed == digest(CHAIN, ORACLE, game_id, other)) == (root == other)
