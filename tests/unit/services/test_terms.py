"""An operator's terms: each ground for refusing a request, alone and in words."""

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.tensor import DType, TensorSpec
from oracle.chain.protocol import ZERO_ADDRESS, InputKind, ModelId, Policy, Request, checksum
from oracle.services.terms import Terms, refusal

ME, OTHER = checksum("0x" + "11" * 20), checksum("0x" + "22" * 20)
SOFTWARE = bytes(range(32))
INPUT = b"\0" * 8
MODEL = Model(
    bytes(32),
    0,
    0,
    (TensorSpec(DType.FLOAT, (1, 2)),),
    (OutputSpec(TensorSpec(DType.FLOAT, (1, 1))),),
    bytes(32),
)
POLICY = Policy(ME, 1_000, 5_000, 4_000, 60, 60, 60, 60, 60)
REQUEST = Request(OTHER, bytes(32), ModelId(MODEL.id), InputKind.BYTES, keccak(INPUT), POLICY)
TERMS = Terms(ME, SOFTWARE, min_fee=1_000, max_bond=5_000, margin=3.0)


def judge(
    request: Request = REQUEST,
    *,
    packed: bytes = INPUT,
    model: Model | None = MODEL,
    now: float = 50.0,
    defence: float = 0.0,
) -> str:
    """The words of `refusal`, empty where the request is taken; its attempt ends at second 60."""
    found = refusal(request, packed, model, deadline=60.0, now=now, terms=TERMS, defence_seconds=defence)
    return "" if found is None else found.words


def test_a_request_on_our_terms_is_taken() -> None:
    """The limits themselves are inside."""
    assert judge() == ""
    assert judge(replace(REQUEST, policy=replace(POLICY, operator=ZERO_ADDRESS))) == ""
    assert judge(replace(REQUEST, policy=replace(POLICY, software=SOFTWARE[:6]))) == ""


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (replace(POLICY, operator=OTHER), "names another operator"),
        (replace(POLICY, software=b"another"[:6]), "asks for software"),
        (replace(POLICY, fee=999), "fee of 999 gwei"),
        (replace(POLICY, operator_bond=5_001), "bond of 5001 gwei"),
    ],
)
def test_each_term_off_by_one_is_refused_in_words(policy: Policy, words: str) -> None:
    """Who reads the log must see which setting to change."""
    assert words in judge(replace(REQUEST, policy=policy))


def test_what_cannot_be_run_is_refused_in_words() -> None:
    """A bad request from the chain is skipped with its reason, never bonded on."""
    assert "not served" in judge(model=None)
    assert "not on chain" in judge(replace(REQUEST, input_kind=InputKind.ROOT))
    assert "does not match its hash" in judge(packed=b"\1" * 8)
    short = replace(REQUEST, input_hash=keccak(b"\0" * 4))
    assert "has 4 bytes, the model takes 8" in judge(short, packed=b"\0" * 4)


def test_an_answer_that_would_come_too_late_is_not_started() -> None:
    """A late answer is refused by the contract after its gas is spent."""
    assert judge(now=56.9) == ""
    assert "3 s are left" in judge(now=57.0)


@pytest.mark.parametrize("short", ["trace_time", "move_time"])
def test_attack_64_terms_that_leave_no_time_for_a_defence_are_refused(short: str) -> None:
    """An input made to be slow would be challenged, and its right answer lost by silence."""
    request = replace(REQUEST, policy=replace(POLICY, **{short: 20}))
    assert judge(request, defence=20.0) == ""
    assert "leave 20 s for a move, and one may take 20.5 s here" in judge(request, defence=20.5)
