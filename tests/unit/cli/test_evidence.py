"""What a chain shows of a request: what is read out of its logs, and what is not believed."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

from oracle.chain.authorship import Authorship, reference
from oracle.chain.calls import Answer, OracleContract
from oracle.chain.events import Answered, Expired, Refuted, Settled
from oracle.chain.protocol import ZERO_ADDRESS, InputKind, Request, Status, Subject, Verdict
from oracle.chain.provider import TransportError
from oracle.chain.signer import KeySigner
from oracle.chain.wire import Block, Receipt
from oracle.cli.evidence import Evidence, gather
from oracle.errors import ChainError, InputError
from tests.unit.chain.model_chain import (
    ADDRESSES,
    CHAIN_ID,
    DISPUTE,
    MANIFEST,
    OPERATOR,
    ORACLE,
    REGISTRY,
    SOFTWARE,
    ModelChain,
    about,
    answered,
    content,
    id_of,
    make_request,
    requested,
)

INPUT = b"input"
REQUEST = replace(make_request(1), input_hash=keccak(INPUT))
ID = id_of(REQUEST)
KEY = KeySigner(Account.from_key("0x" + "17" * 32))


def subject(output: bytes = b"output", attempt: int = 1) -> Subject:
    """An answer by the model chain's operator."""
    return Subject(REQUEST, reference(Answered(ID, OPERATOR, attempt, SOFTWARE, MANIFEST, output)), attempt)


@dataclass
class Endpoint(ModelChain):
    """The model chain behind the rest of an endpoint; `status` is what the oracle's view says."""

    status: tuple[Status, int, int, bytes] = (Status.REQUESTED, 1, 0, bytes(25))
    transaction: Any = field(default_factory=lambda: {"input": "0x12345678"})
    asked: list[int] = field(default_factory=list)

    def block(self, tag: int | str) -> Block:
        return super().block(len(self.blocks) - 1 if tag == "latest" else tag)  # type: ignore[arg-type]

    def call(self, to: str, data: bytes, *, block: int) -> bytes:
        assert to == ORACLE
        assert data[4:] == ID
        self.asked.append(block)
        kind, attempt, time, commitment = self.status
        return encode(["uint8", "uint8", "uint40", "bytes25", "bool"], [kind, attempt, time, commitment, False])

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        return Receipt(tx_hash, 1, bytes(32), 1, 50_000, 7, OPERATOR, ORACLE)

    def rpc(self, method: str, tx_hash: str) -> Any:
        assert method == "eth_getTransactionByHash"
        assert tx_hash.startswith("0x")
        return self.transaction

    def gather(self, request: str = "0x" + ID.hex(), attempt: int | None = None, *, disputes: bool = True) -> Evidence:
        """What `assay verify` reads here."""
        chain = SimpleNamespace(
            provider=self,
            oracle=OracleContract(ORACLE),
            dispute=object() if disputes else None,
            addresses=ADDRESSES if disputes else ADDRESSES._replace(dispute=ZERO_ADDRESS),
            settings=SimpleNamespace(chain=SimpleNamespace(start_block=0, max_log_range=3)),
        )
        return gather(chain, request, attempt)  # type: ignore[arg-type]


def final(output: bytes = b"output") -> bytes:
    """What the oracle keeps of a final answer."""
    return keccak(encode(["bytes32", "bytes32"], [ID, keccak(output)]))[:25]


@pytest.fixture
def endpoint() -> Endpoint:
    """A chain with one request, in block 1."""
    chain = Endpoint()
    chain.mine(requested(REQUEST, INPUT), requested(make_request(2)))
    return chain


def settle(chain: Endpoint) -> None:
    """An answer in block 2, final in block 3."""
    chain.mine(answered(REQUEST))
    chain.mine(about("Settled", REQUEST, operator=OPERATOR))
    chain.status = (Status.FINAL, 1, 0, final())


def test_a_final_answer_is_found_with_all_that_belongs_to_it(endpoint: Endpoint) -> None:
    """Answer, ending, environment; state and logs are of the same block, however the chain grows meanwhile."""
    settle(endpoint)
    manifest = b'{"software":{}}'
    endpoint.mine(
        content("ModelRegistry", "EnvironmentPublished", manifestHash=MANIFEST, publisher=OPERATOR, manifest=manifest),
        address=REGISTRY,
    )
    endpoint.finalized = 2
    found = endpoint.gather()
    assert found.answer is not None
    assert found.answer.event.output == b"output"
    assert (found.answer.block, found.answer.time) == (2, endpoint.blocks[2].timestamp)
    assert isinstance(found.ending, Settled)
    assert (found.attempts, found.finalized, found.published, found.game) == (1, True, None, None)
    assert (found.head, found.now) == (4, endpoint.blocks[4].timestamp)
    assert endpoint.asked == [4]
    assert found.manifest is None  # its hash is not the one it was announced under


def test_a_published_environment_counts_if_its_hash_is_that_of_the_answer() -> None:
    """The registry checks it; an endpoint might not have."""
    manifest = b'{"software":{}}'
    chain = Endpoint()
    event = content(
        "InferenceOracle", "Answered", requestId=ID, operator=OPERATOR, attempt=1, software=SOFTWARE,
        manifestHash=keccak(manifest), output=b"output",
    )  # fmt: skip
    announced = content(
        "ModelRegistry", "EnvironmentPublished", manifestHash=keccak(manifest), publisher=OPERATOR, manifest=manifest
    )
    chain.mine(announced, address=REGISTRY)
    chain.mine(requested(REQUEST, INPUT))
    chain.mine(event, about("Settled", REQUEST, operator=OPERATOR))
    chain.status = (Status.FINAL, 1, 0, final())
    assert chain.gather().manifest == manifest


def test_each_attempt_has_its_own_ending(endpoint: Endpoint) -> None:
    """Refuted, answered again by somebody else, final: the newest answer, and the old one if it is asked for."""
    endpoint.mine(answered(REQUEST, 1, b"wrong"))
    refuted = about("Refuted", REQUEST, operator=OPERATOR, finder=KEY.address, opener=KEY.address, nextAttempt=2)
    endpoint.mine(refuted)
    endpoint.status = (Status.REQUESTED, 2, 0, bytes(25))
    assert isinstance(endpoint.gather().ending, Refuted)  # reopened, and nobody has answered again
    endpoint.mine(answered(REQUEST, 2, b"output"))
    endpoint.mine(about("Settled", REQUEST, operator=OPERATOR))
    endpoint.status = (Status.FINAL, 2, 0, final())
    newest, old = endpoint.gather(), endpoint.gather(attempt=1)
    assert newest.answer is not None
    assert old.answer is not None
    assert (newest.answer.event.output, old.answer.event.output) == (b"output", b"wrong")
    assert isinstance(newest.ending, Settled)
    assert isinstance(old.ending, Refuted)
    assert newest.attempts == 2
    with pytest.raises(InputError, match="Attempt 3 of request"):
        endpoint.gather(attempt=3)


def test_a_dispute_is_folded_from_its_events(endpoint: Endpoint) -> None:
    """Its id follows from the answer, so a game over another answer is not taken for it."""
    endpoint.mine(answered(REQUEST))
    game = subject().game_id(CHAIN_ID, ORACLE)
    for game_id, opener in ((game, KEY.address), (bytes(32), OPERATOR)):
        endpoint.mine(
            content("Dispute", "Challenged", gameId=game_id, requestId=ID, opener=opener, operator=OPERATOR, attempt=1),
            address=DISPUTE,
        )
    endpoint.status = (Status.DISPUTED, 1, endpoint.blocks[2].timestamp, subject().commitment(CHAIN_ID, ORACLE))
    found = endpoint.gather()
    assert found.game is not None
    assert (found.game.id, found.game.opener, found.game.verdict) == (game, KEY.address, Verdict.OPEN)
    assert found.game.challenged_at == endpoint.blocks[3].timestamp
    assert found.game.window_end == endpoint.blocks[2].timestamp + REQUEST.policy.window
    assert endpoint.gather(disputes=False).game is None


def test_a_request_nobody_answered_has_no_answer(endpoint: Endpoint) -> None:
    """Waiting, or expired."""
    assert (endpoint.gather().answer, endpoint.gather().ending) == (None, None)
    endpoint.mine(about("Expired", REQUEST))
    endpoint.status = (Status.EXPIRED, 1, 0, bytes(25))
    assert isinstance(endpoint.gather().ending, Expired)


def test_a_request_is_found_by_the_beginning_of_its_id(endpoint: Endpoint) -> None:
    """Ids are long; what names two, or none, is refused with what to do."""
    assert endpoint.gather(ID.hex()[:8]).request_id == ID
    with pytest.raises(InputError, match="No request on this chain"):
        endpoint.gather("0xffffffff")
    for short in ("", "0x", ID.hex()[:3]):
        with pytest.raises(InputError, match="at least 4 hex digits"):
            endpoint.gather(short)
    second, salt = make_request(0), 3
    while id_of(second).hex()[:4] != ID.hex()[:4]:
        second, salt = replace(second, salt=salt.to_bytes(32, "big")), salt + 1
    endpoint.mine(requested(second))
    with pytest.raises(InputError, match="begins 2 requests"):
        endpoint.gather(ID.hex()[:4])


def test_the_places_of_an_input_that_is_not_on_the_chain_are_told(endpoint: Endpoint) -> None:
    """Whoever wants to judge the answer has to fetch it."""
    endpoint.mine(content("InferenceOracle", "InputLocated", requestId=ID, uri="ipfs://x"))
    assert endpoint.gather().places == ("ipfs://x",)


@pytest.mark.parametrize("output", [b"other", b""])
@pytest.mark.parametrize("ended", [True, False])
def test_attack_47_an_answer_that_is_not_the_one_the_oracle_keeps_is_not_believed(output: bytes, ended: bool) -> None:
    """The contract's word binds operator, environment and output; a log that says otherwise is a lie."""
    chain = Endpoint()
    chain.mine(requested(REQUEST, INPUT))
    chain.mine(answered(REQUEST, 1, output))
    chain.status = (Status.ANSWERED, 1, 0, subject().commitment(CHAIN_ID, ORACLE))
    if ended:
        chain.mine(about("Settled", REQUEST, operator=OPERATOR))
        chain.status = (Status.FINAL, 1, 0, final())
    with pytest.raises(ChainError, match="is not the one the oracle keeps"):
        chain.gather()


@pytest.mark.parametrize(
    ("request_", "packed"),
    [
        (REQUEST, b"other"),
        (replace(REQUEST, callback_gas=7), INPUT),
        (replace(REQUEST, input_kind=InputKind.ROOT), INPUT),
    ],
)
def test_attack_47_a_request_or_input_of_another_hash_is_not_believed(request_: Request, packed: bytes) -> None:
    """Judged by another input, any answer is wrong."""
    event = content(
        "InferenceOracle", "Requested", requestId=ID, modelId=request_.model_id, operator=OPERATOR,
        request=request_.to_abi(), input=packed,
    )  # fmt: skip
    chain = Endpoint()
    chain.mine(event)
    with pytest.raises(ChainError, match="a request or an input that is not that of"):
        chain.gather()


def test_attack_47_an_ending_the_endpoint_keeps_back_is_missed(endpoint: Endpoint) -> None:
    """The oracle says it is over: an endpoint that shows no event of it cannot be right."""
    endpoint.mine(answered(REQUEST))
    endpoint.status = (Status.FINAL, 1, 0, final())
    with pytest.raises(ChainError, match="says FINAL, and the endpoint shows no event"):
        endpoint.gather()


def test_how_the_answer_was_sent_is_read_from_its_transaction(endpoint: Endpoint) -> None:
    """Calldata the endpoint gives; what is no transaction is an endpoint's fault, not a verdict."""
    settle(endpoint)
    call = OracleContract(ORACLE).answer(Answer(REQUEST, 1, b"output"), SOFTWARE, MANIFEST)
    endpoint.transaction = {"input": f"0x{call.data.hex()}"}
    seen = endpoint.gather().answer
    assert seen is not None
    assert seen.authorship is Authorship.SENT
    for nothing in (None, {}, {"input": 7}, {"input": "zz"}):
        endpoint.transaction = nothing
        with pytest.raises(TransportError, match="no transaction"):
            endpoint.gather()
