"""Gas of a request's life, from receipts on anvil, driven by web3.py as any dApp would drive it.

The credit model: 128 bytes in, 12 bytes out. The operator is named in the policy and sends its own transactions;
its stake slot has held a bond before. The requester is an account; for the callback it has delegated (EIP-7702) to
the event-only consumer, and the gas inside `onInference` is left out, read from the call trace.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3 import Web3
from web3.contract import Contract
from web3.logs import DISCARD
from web3.types import TxReceipt

from oracle.canonical.model import Model
from oracle.chain.abi import artifact
from oracle.chain.anvil import Anvil, dev_account
from oracle.chain.deploy import Deployment
from oracle.chain.protocol import (
    AnswerRef,
    InputKind,
    ModelId,
    Policy,
    Request,
    answer_typed_data,
    checksum,
    environment_hash,
)
from oracle.chain.signer import KeySigner

OUTPUT_BYTES = 12
INPUT_BYTES = 128
WINDOW = 60
CALLBACK_GAS = 100_000
BATCH = 64
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Bench:
    """A chain with the contracts, and the accounts that play."""

    web3: Web3
    node: Anvil
    oracle: Contract
    model: Model
    operator: LocalAccount
    requester: LocalAccount
    relayer: LocalAccount


@dataclass(frozen=True, slots=True)
class Life:
    """Gas of the three transactions of one request; `callback` is the part of `finalize` inside `onInference`."""

    request: int
    answer: int
    finalize: int
    callback: int

    @property
    def lifecycle(self) -> int:
        """All three, less the callback."""
        return self.request + self.answer + self.finalize - self.callback


def measure(node: Anvil, deployment: Deployment, model: Model) -> dict[str, int]:
    """All figures of `build/bench.json`'s `gas`; each is the dearest of a few rounds with random bytes."""
    web3 = Web3(Web3.HTTPProvider(node.url))
    oracle = web3.eth.contract(deployment.oracle, abi=artifact("InferenceOracle").abi)
    bench = Bench(web3, node, oracle, model, dev_account(6), dev_account(7), dev_account(8))
    _send(bench, bench.operator, oracle.functions.deposit(bench.operator.address), value=10**19)
    events = _create(bench, "EventConsumer")
    storing = _create(bench, "StoringConsumer")
    _delegate(bench, events.address)

    _life(bench, _requester_account)
    lives = [_life(bench, _requester_account) for _ in range(ROUNDS)]
    plain = [_life(bench, partial(_requester_account, callback_gas=0)) for _ in range(ROUNDS)]
    relayed = [_life(bench, _requester_account, relayed=True) for _ in range(ROUNDS)]
    stored = [_life(bench, partial(_requester_contract, consumer=storing)) for _ in range(ROUNDS)]
    dearest = max(lives, key=lambda life: life.lifecycle)
    return {
        "request": dearest.request,
        "answer": dearest.answer,
        "finalize": dearest.finalize - dearest.callback,
        "lifecycle": dearest.lifecycle,
        "lifecycle_without_callback": max(life.lifecycle for life in plain),
        "lifecycle_relayed": max(life.lifecycle for life in relayed),
        "lifecycle_storing_consumer": max(life.lifecycle + life.callback for life in stored),
        "batch64_per_request": -(-_batch(bench, events) // BATCH),
    }


def _policy(bench: Bench) -> Policy:
    return Policy(checksum(bench.operator.address), 1_000_000, 50_000_000, 40_000_000, 600, WINDOW, 60, 60, 60)


def _request(bench: Bench, requester: str, packed: bytes, callback_gas: int) -> Request:
    return Request(
        checksum(requester),
        os.urandom(32),
        ModelId(bench.model.id),
        InputKind.BYTES,
        keccak(packed),
        _policy(bench),
        callback_gas,
    )


def _requester_account(bench: Bench, *, callback_gas: int = CALLBACK_GAS) -> tuple[Request, int]:
    packed = os.urandom(INPUT_BYTES)
    request = _request(bench, bench.requester.address, packed, callback_gas)
    call = bench.oracle.functions.request(request.to_abi(), packed)
    receipt = _send(bench, bench.requester, call, value=request.policy.fee * 10**9)
    return request, receipt["gasUsed"]


def _requester_contract(bench: Bench, *, consumer: Contract) -> tuple[Request, int]:
    packed = os.urandom(INPUT_BYTES)
    request = _request(bench, consumer.address, packed, CALLBACK_GAS)
    call = consumer.functions.ask(packed, request.policy.pack(), CALLBACK_GAS, request.salt)
    receipt = _send(bench, bench.requester, call, value=request.policy.fee * 10**9)
    return request, receipt["gasUsed"]


def _life(bench: Bench, ask: Any, *, relayed: bool = False) -> Life:
    request, asked = ask(bench)
    output, software, manifest = os.urandom(OUTPUT_BYTES), os.urandom(32), os.urandom(32)
    ref = AnswerRef(request.policy.operator, environment_hash(software, manifest), keccak(output))
    answer = (request.to_abi(), 1, output, software, manifest)
    functions = bench.oracle.functions
    if relayed:
        until = 2**40
        message = answer_typed_data(bench.web3.eth.chain_id, checksum(bench.oracle.address), request, 1, ref, until)
        signature = KeySigner(bench.operator).sign_typed_data(message)
        call = functions.answerFor(*answer, bench.operator.address, until, signature)
        answered = _send(bench, bench.relayer, call)
    else:
        answered = _send(bench, bench.operator, functions.answer(*answer))
    bench.node.advance(WINDOW)
    finalize = functions.finalize(request.to_abi(), ref.to_abi(), output)
    finalized = _send(bench, bench.operator, finalize)
    inside = _callback_gas(bench, finalized) if request.callback_gas else 0
    return Life(asked, answered["gasUsed"], finalized["gasUsed"], inside)


def _batch(bench: Bench, consumer: Contract) -> int:
    """Gas of answering and finalising a batch, callbacks included; the requests are made before."""
    requests = [_requester_contract(bench, consumer=consumer)[0] for _ in range(BATCH)]
    outputs = [os.urandom(OUTPUT_BYTES) for _ in requests]
    software, manifest = os.urandom(32), os.urandom(32)
    environment = environment_hash(software, manifest)
    operator = bench.operator.address
    items = [(request.to_abi(), 1, output) for request, output in zip(requests, outputs, strict=True)]
    answered = _send(bench, bench.operator, bench.oracle.functions.answerMany(items, software, manifest))
    bench.node.advance(WINDOW)
    final = [
        (request.to_abi(), (operator, environment, keccak(output)), output)
        for request, output in zip(requests, outputs, strict=True)
    ]
    finalized = _send(bench, bench.operator, bench.oracle.functions.finalizeMany(final), gas=15_000_000)
    delivered = bench.oracle.events.Delivered().process_receipt(finalized, errors=DISCARD)
    if len(delivered) != BATCH:
        raise AssertionError(f"{len(delivered)} of {BATCH} answers were delivered")
    return int(answered["gasUsed"] + finalized["gasUsed"])


def _create(bench: Bench, name: str) -> Contract:
    contract = artifact(name)
    factory = bench.web3.eth.contract(abi=contract.abi, bytecode=contract.bytecode)
    created = _send(bench, bench.relayer, factory.constructor(bench.oracle.address, bench.model.to_abi()))
    return bench.web3.eth.contract(created["contractAddress"], abi=contract.abi)


def _delegate(bench: Bench, code: str) -> None:
    """Let the requester's account run the code of a consumer (EIP-7702)."""
    eth, account = bench.web3.eth, bench.requester
    nonce = eth.get_transaction_count(account.address)
    authorization = account.sign_authorization({"chainId": eth.chain_id, "address": code, "nonce": nonce})
    fields = {"to": bench.relayer.address, "gas": 200_000, "authorizationList": [authorization]}
    _transact(bench, bench.relayer, fields)


def _send(bench: Bench, account: LocalAccount, call: Any, *, value: int = 0, gas: int = 12_000_000) -> TxReceipt:
    fields = call.build_transaction({"from": account.address, "value": value, "gas": gas, "nonce": 0})
    return _transact(bench, account, {key: fields[key] for key in ("to", "data", "value", "gas") if key in fields})


def _transact(bench: Bench, account: LocalAccount, fields: dict[str, Any]) -> TxReceipt:
    eth = bench.web3.eth
    fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9}
    common = {"chainId": eth.chain_id, "nonce": eth.get_transaction_count(account.address)}
    signed = account.sign_transaction({"value": 0, **fields, **common, **fees})
    receipt = eth.wait_for_transaction_receipt(eth.send_raw_transaction(signed.raw_transaction), poll_latency=0.01)
    if receipt["status"] != 1:
        raise AssertionError(f"transaction {receipt['transactionHash'].hex()} reverted")
    return receipt


def _callback_gas(bench: Bench, receipt: TxReceipt) -> int:
    """Gas used inside `onInference`, from the call trace."""
    selector = "0x" + artifact("EventConsumer").functions["onInference"].selector.hex()
    reply = bench.web3.provider.make_request(
        "debug_traceTransaction", [receipt["transactionHash"].to_0x_hex(), {"tracer": "callTracer"}]
    )
    frames: Sequence[dict[str, Any]] = reply["result"]["calls"]
    inside = [int(frame["gasUsed"], 16) for frame in frames if frame["input"].startswith(selector)]
    if len(inside) != 1:
        raise AssertionError(f"{len(inside)} callbacks in the trace, expected one")
    return inside[0]
