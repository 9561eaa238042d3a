"""The provider over endpoints that fail, lag and lie: a fake transport stands in for what cannot be had."""

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
import stamina
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from oracle.chain.abi import artifact
from oracle.chain.protocol import Reason
from oracle.chain.provider import (
    AlreadyKnown,
    MethodMissing,
    NonceTooLow,
    Provider,
    RangeRefused,
    RateLimited,
    Revert,
    RpcError,
    TransportError,
    Underpriced,
)
from oracle.chain.rpc import classify
from oracle.errors import AssayError, ChainError, ConfigError, FundsError, RejectedError, WrongChainError

A, B = "https://a.example/v2/secret-key-of-a", "https://user:secret-password@b.example:8443/?key=secret-query"
HASH = "0x" + "11" * 32
ADDRESS = "0x" + "22" * 20
BLOCK = {"number": "0x5", "hash": HASH, "parentHash": HASH, "timestamp": "0x10", "baseFeePerGas": "0x7"}


class Node:
    """An endpoint: answers by method, or raises, or gives a whole response."""

    def __init__(self, chain_id: int = 1, **answers: Any) -> None:
        self.answers = {"eth_chainId": hex(chain_id), "eth_blockNumber": "0x64"} | answers
        self.asked: list[str] = []

    def respond(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.asked.append(body["method"])
        answer = self.answers[body["method"]]
        if isinstance(answer, Callable):
            answer = answer()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        if isinstance(answer, dict) and "error" in answer:
            return httpx.Response(200, json={"jsonrpc": "2.0", "id": body["id"], **answer})
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": body["id"], "result": answer})


def error(message: str, code: int = -32000, **more: Any) -> dict[str, Any]:
    """A refusal as a node writes it."""
    return {"error": {"code": code, "message": message, **more}}


def connect(*nodes: Node, **options: Any) -> Provider:
    """A provider over one or two nodes."""
    by_host = dict(zip(("a.example", "b.example"), nodes, strict=False))
    transport = httpx.MockTransport(lambda request: by_host[request.url.host].respond(request))
    urls = [A, B][: len(nodes)]
    return Provider(urls, **{"chain_id": 1, "retries": 0, "transport": transport} | options)


@pytest.fixture(autouse=True)
def _no_backoff():
    """Retries without waiting."""
    stamina.set_testing(True, attempts=10, cap=True)
    yield
    stamina.set_testing(False)


def refuse() -> Exception:
    """Nobody listens."""
    return httpx.ConnectError("refused")


BROKEN = {
    "refused": refuse(),
    "slow": httpx.ReadTimeout("slow"),
    "cut": httpx.RemoteProtocolError("cut"),
    "http 500": httpx.Response(500, text="oops"),
    "http 502 with a page": httpx.Response(502, html="<html>"),
    "http 429": httpx.Response(429),
    "not json": httpx.Response(200, text="hello"),
    "a list": httpx.Response(200, json=[]),
    "no result": httpx.Response(200, json={"jsonrpc": "2.0"}),
    "another id": httpx.Response(200, json={"id": 12345, "result": BLOCK}),
    "a redirect": httpx.Response(302, headers={"location": "https://evil.example"}),
    "null": None,
    "a number": 5,
    "another block": BLOCK | {"number": "0x6"},
    "a short hash": BLOCK | {"hash": "0x11"},
    "an absurd time": BLOCK | {"timestamp": "0x" + "ff" * 9},
    "no timestamp": {k: v for k, v in BLOCK.items() if k != "timestamp"},
    "rate limited": error("your app has exceeded its compute units per second capacity", 429),
    "without the state": error("missing trie node abc"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_attack_47_an_endpoint_that_gives_no_usable_answer_is_failed_over(how):
    """One bad endpoint must not stop a worker that has two."""
    provider = connect(Node(eth_getBlockByNumber=BROKEN[how]), Node(eth_getBlockByNumber=BLOCK))
    assert provider.block(5).timestamp == 16


@pytest.mark.parametrize("how", BROKEN)
def test_attack_47_with_no_other_endpoint_it_is_a_transport_error_without_secrets(how):
    """The caller can tell it from a refusal, retry later, and log it."""
    provider = connect(Node(eth_getBlockByNumber=BROKEN[how]))
    with pytest.raises(TransportError) as raised:
        provider.block(5)
    assert "secret" not in str(raised.value)


def test_reads_are_retried_and_broadcasts_are_not():
    """A read is idempotent; a broadcast that timed out may have arrived."""
    answers = iter([refuse(), refuse(), "0x5", *[httpx.ReadTimeout("slow")] * 9])
    node = Node(eth_getBalance=lambda: next(answers), eth_sendRawTransaction=lambda: next(answers))
    provider = connect(node, retries=2)
    assert provider.balance(ADDRESS) == 5
    with pytest.raises(TransportError) as raised:
        provider.send_raw(b"raw")
    assert raised.value.delivered
    assert node.asked.count("eth_sendRawTransaction") == 1


def test_a_broadcast_goes_to_the_next_endpoint_only_if_the_first_never_got_it():
    """A second endpoint's "nonce too low" would be taken for somebody else's transaction."""
    raw_hash = "0x" + keccak(b"raw").hex()
    second = Node(eth_sendRawTransaction=raw_hash)
    assert connect(Node(eth_sendRawTransaction=refuse()), second).send_raw(b"raw") == keccak(b"raw")
    second = Node(eth_sendRawTransaction=raw_hash)
    with pytest.raises(TransportError):
        connect(Node(eth_sendRawTransaction=httpx.ReadTimeout("slow")), second).send_raw(b"raw")
    assert "eth_sendRawTransaction" not in second.asked


def test_attack_47_an_endpoint_that_changes_the_transaction_is_found_out():
    """The hash we wait for must be the hash that was taken."""
    with pytest.raises(ChainError, match="Remove the endpoint"):
        connect(Node(eth_sendRawTransaction=HASH)).send_raw(b"raw")


def test_attack_47_an_endpoint_on_the_wrong_chain_is_left_out():
    """A mainnet URL in a testnet configuration must not be read, let alone sent to."""
    wrong, right = Node(chain_id=5), Node()
    provider = connect(wrong, right)
    assert provider.block_number() == 100
    assert set(wrong.asked) == {"eth_chainId"}


def test_attack_47_with_every_endpoint_on_the_wrong_chain_the_error_names_both_ids():
    """The person who must act sees which endpoint, what it is and what it should be."""
    with pytest.raises(WrongChainError, match=r"https://a.example is on chain 5, expected chain 1\.") as raised:
        connect(Node(chain_id=5)).block_number()
    assert "secret" not in str(raised.value)


def test_attack_47_the_chain_is_checked_again_after_an_endpoint_was_away():
    """Behind the same URL another node may come back."""
    answers = iter(["0x5", refuse(), "0x6"])
    node = Node(eth_getBalance=lambda: next(answers))
    provider = connect(node)
    assert provider.balance(ADDRESS) == 5
    with pytest.raises(TransportError):
        provider.balance(ADDRESS)
    node.answers["eth_chainId"] = "0x9"
    with pytest.raises(WrongChainError):
        provider.balance(ADDRESS)


def test_without_a_configured_chain_the_first_endpoint_decides():
    """`assay doctor` asks before anything is configured; endpoints that disagree are still noticed."""
    second = Node(chain_id=5, eth_getBalance="0x1")
    provider = connect(Node(chain_id=7, eth_getBalance=refuse()), second, chain_id=None)
    assert provider.chain_id == 7
    with pytest.raises(ChainError, match="is on chain 5, expected chain 7"):
        provider.balance(ADDRESS)


def test_attack_47_an_endpoint_that_lags_is_passed_over_and_counted():
    """Reading old state makes the worker answer what is answered and miss what is new."""
    seen = []
    slow, fresh = Node(eth_blockNumber="0x10", eth_getBalance="0x1"), Node(eth_getBalance="0x2")
    provider = connect(slow, fresh, observer=lambda *told: seen.append(told))
    assert provider.block_number() == 100
    assert provider.balance(ADDRESS) == 2
    assert ("eth_blockNumber", "lagging", 0.0) in seen


def test_attack_47_a_head_that_is_a_lie_does_not_shut_the_honest_endpoint_out():
    """The liar is asked for the block it claims, cannot give it, and rests."""
    liar = Node(eth_blockNumber="0xffffff", eth_getBlockByNumber=None)
    provider = connect(Node(eth_getBlockByNumber=BLOCK), liar)
    provider.block_number()
    assert provider.block(5).number == 5
    assert provider.block_number() == 100


def test_attack_54_no_log_line_carries_an_endpoint_s_path(caplog):
    """Keys are in paths; httpx would log each request's URL."""
    caplog.set_level(logging.INFO)
    connect(Node()).block_number()
    assert "secret" not in caplog.text


def test_attack_54_a_gateway_that_repeats_the_key_is_redacted():
    """Some gateways put the project's key into their messages."""
    node = Node(eth_getBalance=error("project secret-key-of-a is over its daily limit"))
    with pytest.raises(RpcError, match=r"project \*\*\* is over"):
        connect(node).balance(ADDRESS)


@pytest.mark.parametrize("url", ["ftp://a/secret", "secret", "http://[bad/secret", "https:///secret", "http://a:b/"])
def test_attack_54_what_is_no_endpoint_is_refused_without_repeating_it(url):
    """The configuration error must not print what may be a credential."""
    with pytest.raises(ConfigError) as raised:
        Provider([url], chain_id=1)
    assert "secret" not in str(raised.value)


def test_no_endpoint_at_all_is_a_configuration_error():
    """Found at start, not at the first block."""
    with pytest.raises(ConfigError, match=r"chain\.rpc"):
        Provider([], chain_id=1)


def test_attack_47_an_endless_reply_is_cut_off(monkeypatch):
    """A reply must not fill the memory."""
    monkeypatch.setattr("oracle.chain.endpoints.MAX_REPLY", 1000)
    node = Node(eth_getBalance=httpx.Response(200, content=iter([b"x" * 600] * 1000)))
    with pytest.raises(TransportError, match="endless"):
        connect(node).balance(ADDRESS)


SENDING = [
    ("already known", AlreadyKnown),
    ("transaction already imported", AlreadyKnown),
    ("ALREADY_EXISTS: already known", AlreadyKnown),
    ("AlreadyKnown", AlreadyKnown),
    ("nonce too low: next nonce 5, tx nonce 4", NonceTooLow),
    ("OldNonce", NonceTooLow),
    ("replacement transaction underpriced", Underpriced),
    ("transaction underpriced: tip needed 1, tip permitted 0", Underpriced),
    ("max fee per gas less than block base fee: address 0x…", Underpriced),
    ("could not replace existing tx", Underpriced),
    ("FeeTooLowToCompete", Underpriced),
    ("ReplacementNotAllowed", Underpriced),
    ("txpool is full", Underpriced),
    ("insufficient funds for gas * price + value: have 1 want 2", FundsError),
    ("Insufficient funds for gas * price + value", FundsError),
    ("InsufficientFunds, Account balance: 0", FundsError),
    ("invalid sender", RpcError),
]


@pytest.mark.parametrize(("message", "kind"), SENDING)
def test_refusals_of_a_transaction_are_told_apart(message, kind):
    """The sender replaces, drops or reports by what the refusal is, whoever the node is."""
    found = classify("eth_sendRawTransaction", {"code": -32000, "message": message}, "https://a")
    assert type(found) is kind


RANGES = [
    (-32005, "query returned more than 10000 results. Try with this block range [0x1, 0x2]."),
    (-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"),
    (-32614, "eth_getLogs is limited to a 10,000 range"),
    (-32600, "block range is too wide"),
    (-32000, "exceed maximum block range: 50000"),
    (-32602, "query exceeds max block range 100000"),
    (-32602, "query exceeds max results 20000, retry with the range 1-2"),
    (-32000, "query timeout exceeded"),
    (-32047, "Max range: 800"),
]


@pytest.mark.parametrize(("code", "message"), RANGES)
def test_a_range_that_is_too_large_is_told_from_a_rate_limit(code, message):
    """The one is met by asking for less, the other by asking less often; both come as -32005."""
    assert type(classify("eth_getLogs", {"code": code, "message": message}, "https://a")) is RangeRefused


@pytest.mark.parametrize(
    ("code", "message"),
    [(-32005, "daily request count exceeded, request rate limited"), (429, "slow"), (-32000, "Too Many Requests")],
)
def test_rate_limits_are_told_apart(code, message):
    """They make the endpoint rest."""
    assert type(classify("eth_getLogs", {"code": code, "message": message}, "https://a")) is RateLimited


REFUSED = artifact("InferenceOracle").errors
DATA = next(e for e in REFUSED.values() if e.name == "InferenceOracle_Refused").selector + encode(
    ["bytes32", "uint8"], [b"\x33" * 32, Reason.TOO_EARLY]
)


@pytest.mark.parametrize(
    "reply",
    [
        {"code": 3, "message": "execution reverted", "data": "0x" + DATA.hex()},
        {"code": -32000, "message": "execution reverted", "data": "0x" + DATA.hex()},
        {"code": -32015, "message": "VM execution error.", "data": "Reverted 0x" + DATA.hex()},
        {"code": -32603, "message": "transaction reverted", "data": {"data": "0x" + DATA.hex()}},
    ],
)
def test_a_refusal_by_our_contract_is_a_sentence_with_its_reason(reply):
    """The person sees what the contract said, not hexadecimals."""
    with pytest.raises(Revert) as raised:
        connect(Node(eth_call={"error": reply})).call(ADDRESS, b"")
    assert isinstance(raised.value, RejectedError)
    assert raised.value.data == DATA
    assert raised.value.name == "InferenceOracle_Refused"
    assert str(raised.value) == f"The oracle refused request 0x{'33' * 32}: TOO_EARLY."


def test_other_refusals_are_sentences_too():
    """Every error of the contracts can be shown as it is."""
    cases = {
        "The oracle refused the call: wrong value (sent 5, fee 6).": ("WrongValue", ["uint256"] * 2, [5, 6]),
        "The oracle refused the call: wrong input kind.": ("WrongInputKind", [], []),
    }
    for sentence, (name, kinds, values) in cases.items():
        entry = next(e for e in REFUSED.values() if e.name == f"InferenceOracle_{name}")
        assert str(Revert(entry.selector + encode(kinds, values))) == sentence
    late = artifact("Dispute").errors[keccak(text="Dispute_TooLate(uint256)")[:4]]
    assert str(Revert(late.selector + encode(["uint256"], [7]))) == (
        "The dispute contract refused the call: too late (deadline 7)."
    )
    nowhere = next(e for e in artifact("StepVerifier").errors.values() if e.name == "StepVerifier_NotInTrace")
    verifier = Revert(nowhere.selector + encode(nowhere.inputs, [3, b"\x11" * 32]))
    assert str(verifier) == f"The verifier refused the call: not in trace (index 3, actual 0x{'11' * 32})."
    assert verifier.name == "StepVerifier_NotInTrace"
    assert str(Revert(bytes.fromhex("08c379a0") + encode(["string"], ["no luck"]))) == "The contract reverted: no luck."
    assert "panic 17" in str(Revert(bytes.fromhex("4e487b71") + encode(["uint256"], [17])))
    assert "without a reason" in str(Revert(b""))
    assert "0xdeadbeef" in str(Revert(bytes.fromhex("deadbeef")))


@given(st.binary(max_size=200), st.sampled_from([*REFUSED, b"", bytes.fromhex("08c379a0"), bytes.fromhex("4e487b71")]))
def test_attack_47_any_revert_data_makes_a_sentence(data, selector):
    """A contract may revert with anything; showing it must not fail."""
    assert str(Revert(selector + data)).endswith(".")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "message", "data"]), inner),
    max_leaves=6,
)


@given(JSON, st.sampled_from(["eth_call", "eth_getLogs", "eth_sendRawTransaction"]))
def test_attack_47_any_error_member_is_classified(found, method):
    """A node that answers nonsense must not end the process."""
    assert isinstance(classify(method, found, "https://a"), AssayError)


@given(JSON)
def test_attack_47_any_result_is_read_or_refused(result):
    """Of whatever JSON an endpoint gives as a result, nothing but a typed value or a typed error comes out."""
    node = Node(
        eth_getLogs=result, eth_getTransactionReceipt=result, eth_feeHistory=result, eth_getBlockByNumber=result
    )
    for read in (
        lambda p: p.logs([ADDRESS], 0, 1),
        lambda p: p.receipt(b"\x11" * 32),
        lambda p: p.fees(),
        lambda p: p.block(5),
        lambda p: p.finalized_number(),
    ):
        with suppress(AssayError):
            read(connect(node))


def test_receipts_are_fetched_one_by_one_where_a_node_has_no_method_for_it():
    """`eth_getBlockReceipts` is young; old nodes serve the same data slowly."""
    receipt = {
        "transactionHash": HASH,
        "blockNumber": "0x5",
        "blockHash": HASH,
        "status": "0x1",
        "gasUsed": "0x5208",
        "effectiveGasPrice": "0x7",
        "from": ADDRESS,
        "to": None,
    }
    node = Node(
        eth_getBlockReceipts=error("the method eth_getBlockReceipts does not exist/is not available", -32601),
        eth_getBlockByNumber=BLOCK | {"transactions": [HASH, HASH]},
        eth_getTransactionReceipt=receipt,
    )
    provider = connect(node)
    assert [r.gas_used for r in provider.receipts(5)] == [21_000] * 2
    provider.receipts(5)
    assert node.asked.count("eth_getBlockReceipts") == 1
    node.answers |= {"eth_getBlockReceipts": [receipt]}
    assert connect(node).receipts(5)[0] == provider.receipt(b"\x11" * 32)


def test_a_chain_without_finality_has_no_finalized_number():
    """Some chains know no such tag, or refuse it."""
    assert connect(Node(eth_getBlockByNumber=None)).finalized_number() is None
    assert connect(Node(eth_getBlockByNumber=error("unknown tag"))).finalized_number() is None
    assert connect(Node(eth_getBlockByNumber=BLOCK)).finalized_number() == 5


def test_fees_are_the_next_block_s_base_fee_and_the_median_tip_of_used_blocks():
    """Empty blocks report a tip of zero, which nobody paid."""
    history = {
        "baseFeePerGas": ["0x1", "0x2", "0x3", "0x4"],
        "gasUsedRatio": [0.5, 0.0, 0.5],
        "reward": [["0x5"], ["0x0"], ["0x9"]],
    }
    assert connect(Node(eth_feeHistory=history)).fees() == (4, 9)


def test_a_missing_method_is_its_own_error():
    """The caller may have another way."""
    with pytest.raises(MethodMissing):
        connect(Node(foo=error("Method not found", -32601))).rpc("foo")


def test_the_observer_is_told_of_every_request_and_waiting_is_counted():
    """Metrics, and the worker's own time without its waits, come from here."""
    seen = []
    provider = connect(Node(eth_getBalance=error("no")), observer=lambda m, o, s: seen.append((m, o, s)))
    with pytest.raises(RpcError):
        provider.balance(ADDRESS)
    assert [(m, o) for m, o, _ in seen] == [("eth_chainId", "ok"), ("eth_getBalance", "refused")]
    assert provider.waited == pytest.approx(sum(s for _, _, s in seen))
