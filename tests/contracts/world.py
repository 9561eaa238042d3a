"""The deployed contracts and short ways to lead a request through its life. Amounts are gwei unless named wei."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ape
import pytest
from ape.exceptions import ContractLogicError, CustomError
from eth_abi.abi import decode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from oracle.canonical.model import Model, OutputSpec
from oracle.canonical.tensor import DType, TensorSpec
from oracle.chain.anvil import dev_account
from oracle.chain.protocol import (
    GWEI,
    ZERO_ADDRESS,
    AnswerRef,
    InputKind,
    ModelId,
    Policy,
    Reason,
    Request,
    RequestId,
    Status,
    answer_typed_data,
    batch_typed_data,
    environment_hash,
)
from oracle.chain.signer import KeySigner

MINIMUM = 60
BOND = 40_000_000
FEE = 1_000_000
PARAMETERS = (*[MINIMUM] * 5, 8_000_000, 8_000_000, 4_000, 1_000, 7_500)
SOFTWARE = keccak(text="software")
MANIFEST = keccak(text="manifest")
INPUT = bytes(range(128))
OUTPUT = bytes(12)
SCORES = OutputSpec(TensorSpec(DType.FLOAT, (1, 3)))
MODEL = Model(bytes(32), 0, 0, (TensorSpec(DType.FLOAT, (1, 32)),), (SCORES,), keccak(text="onnx"))
FOREVER = 2**64 - 1


@dataclass
class World:
    """One deployment, with a test contract in the dispute seat, and who uses it."""

    project: Any
    chain: Any
    registry: Any
    seat: Any
    oracle: Any
    requester: Any
    operator: Any
    rival: Any
    keeper: Any
    finder: Any
    opener: Any
    _salts: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def deploy(cls, project: Any, accounts: Any, chain: Any) -> "World":
        """Deploy everything and give both operators a stake of ten bonds."""
        owner, requester, operator, rival, keeper, finder, opener, coinbase = (accounts[i] for i in range(8))
        # Tips must not go to the zero address: that is where burnt ether is counted.
        chain.provider.make_request("anvil_setCoinbase", [coinbase.address])
        seat = owner.deploy(project.DisputeSeat)
        world = cls(
            project,
            chain,
            owner.deploy(project.ModelRegistry),
            seat,
            owner.deploy(project.InferenceOracle, seat, PARAMETERS),
            *(requester, operator, rival, keeper, finder, opener),
        )
        for account in (operator, rival):
            world.oracle.deposit(account, value=10 * BOND * GWEI, sender=account)
        return world

    # --- what is sent

    def policy(self, **terms: Any) -> Policy:
        """Ordinary terms, open to all, with `terms` changed."""
        ordinary: dict[str, Any] = {
            "operator": ZERO_ADDRESS,
            "fee": FEE,
            "operator_bond": BOND,
            "challenger_bond": BOND,
            **dict.fromkeys(("answer_time", "window", "trace_time", "proof_period", "move_time"), MINIMUM),
        }
        return Policy(**ordinary | terms)

    def request(self, requester: Any = None, *, packed: bytes = INPUT, callback_gas: int = 0, **terms: Any) -> Request:
        """A request nobody has made yet."""
        return Request(
            requester=(requester or self.requester).address,
            salt=next(self._salts).to_bytes(32, "big"),
            model_id=ModelId(MODEL.id),
            input_kind=InputKind.BYTES,
            input_hash=keccak(packed),
            policy=self.policy(**terms),
            callback_gas=callback_gas,
        )

    def ref(self, operator: Any = None, output: bytes = OUTPUT) -> AnswerRef:
        """How an answer is named while it is provisional."""
        return AnswerRef((operator or self.operator).address, environment_hash(SOFTWARE, MANIFEST), keccak(output))

    def id(self, request: Request) -> RequestId:
        """The request's id, computed off-chain."""
        return request.id(self.chain.chain_id, self.oracle.address)

    def sign(
        self, request: Request, *, key: int = 2, attempt: int = 1, output: bytes = OUTPUT, until: int = FOREVER
    ) -> bytes:
        """Signature by anvil's account number `key` (2 is the operator) over an answer in its own name."""
        account = dev_account(key)
        ref = AnswerRef(account.address, environment_hash(SOFTWARE, MANIFEST), keccak(output))
        message = answer_typed_data(self.chain.chain_id, self.oracle.address, request, attempt, ref, until)
        return KeySigner(account).sign_typed_data(message)

    def sign_batch(self, requests: list[Request], *, key: int = 2, until: int = FOREVER) -> bytes:
        """Signature over `OUTPUT` as the first attempt of each request."""
        account = dev_account(key)
        ref = AnswerRef(account.address, environment_hash(SOFTWARE, MANIFEST), keccak(OUTPUT))
        answers = [(request, 1, ref) for request in requests]
        message = batch_typed_data(self.chain.chain_id, self.oracle.address, answers, until)
        return KeySigner(account).sign_typed_data(message)

    # --- stages of a request's life

    def open(self, requester: Any = None, *, packed: bytes = INPUT, **changes: Any) -> Request:
        """A request made by an account, or by a `HostileConsumer`."""
        request = self.request(requester, packed=packed, **changes)
        self.send(request, packed)
        return request

    def send(self, request: Request, packed: bytes = INPUT) -> Any:
        """Make a request and yield the receipt."""
        value = request.policy.fee * GWEI
        if request.requester == self.requester.address:
            return self.oracle.request(request.to_abi(), packed, value=value, sender=self.requester)
        consumer = self.project.HostileConsumer.at(request.requester)
        return consumer.ask(self.oracle, request.to_abi(), packed, value=value, sender=self.requester)

    def answer(self, request: Request, *, operator: Any = None, attempt: int = 1, output: bytes = OUTPUT) -> Any:
        """Answer it and yield the receipt."""
        sender = operator or self.operator
        return self.oracle.answer(request.to_abi(), attempt, output, SOFTWARE, MANIFEST, sender=sender)

    def answered(self, requester: Any = None, *, output: bytes = OUTPUT, **changes: Any) -> Request:
        """A request with a provisional answer of the operator."""
        request = self.open(requester, **changes)
        self.answer(request, output=output)
        return request

    def disputed(self, **changes: Any) -> Request:
        """A request whose answer is in dispute."""
        request = self.answered(**changes)
        self.seat.challenge(self.oracle, request.to_abi(), self.ref().to_abi(), sender=self.keeper)
        return request

    def final(self, requester: Any = None, *, output: bytes = OUTPUT, **changes: Any) -> Request:
        """A request with a final answer, not delivered."""
        request = self.answered(requester, output=output, **changes)
        self.later(MINIMUM)
        self.settle(request, output=output)
        return request

    def settle(self, request: Request, *, output: bytes = OUTPUT) -> Any:
        """Settle the operator's answer and yield the receipt."""
        return self.oracle.settle(request.to_abi(), self.ref(output=output).to_abi(), sender=self.keeper)

    def finalize(self, request: Request, *, output: bytes = OUTPUT, **transaction: Any) -> Any:
        """Settle and deliver the operator's answer and yield the receipt."""
        arguments = (request.to_abi(), self.ref(output=output).to_abi(), output)
        return self.oracle.finalize(*arguments, sender=self.keeper, **transaction)

    def refute(self, request: Request, *, operator: Any = None) -> Any:
        """End a dispute against the operator and yield the receipt."""
        arguments = (request.to_abi(), self.ref(operator).to_abi(), self.finder, self.opener)
        return self.seat.refute(self.oracle, *arguments, sender=self.keeper)

    def later(self, seconds: int) -> None:
        """Let time pass: the next block comes that much later."""
        self.chain.mine(timestamp=self.chain.blocks.head.timestamp + seconds)

    def next_block_at(self, timestamp: int) -> None:
        """Fix the next block's time, to test the very second of a deadline."""
        self.chain.provider.set_timestamp(timestamp)

    # --- what is seen

    def status(self, request: Request) -> Status:
        """Where the request stands."""
        return Status(self.oracle.statusOf(self.id(request)).status)

    def attempt(self, request: Request) -> int:
        """The attempt open or answered."""
        return int(self.oracle.statusOf(self.id(request)).attempt)

    def time(self, request: Request) -> int:
        """When its status was reached."""
        return int(self.oracle.statusOf(self.id(request)).time)

    def delivered(self, request: Request) -> bool:
        """Whether its consumer has taken the answer."""
        return bool(self.oracle.statusOf(self.id(request)).delivered)

    def stake(self, account: Any) -> tuple[int, int]:
        """Balance and locked part in wei."""
        return tuple(self.oracle.accountOf(account))

    def consumer(self, mode: str = "TAKE", blob: bytes = b"") -> Any:
        """A contract that asks and, when called back, behaves as `mode` says."""
        consumer = self.keeper.deploy(self.project.HostileConsumer)
        self.behave(consumer, mode, blob)
        return consumer

    def behave(self, consumer: Any, mode: str, blob: bytes = b"") -> None:
        """Change how it behaves."""
        modes = ("TAKE", "REVERT", "BURN", "RETURN_BOMB", "REVERT_BOMB", "REENTER")
        consumer.set(modes.index(mode), blob, sender=self.keeper)

    @contextmanager
    def refuses(self, request: Request, reason: Reason) -> Iterator[None]:
        """The block reverts with `InferenceOracle_Refused` for this request and reason."""
        with reverts(self.oracle, "InferenceOracle_Refused", self.id(request), reason):
            yield


@contextmanager
def reverts(contract: Any, error: str, *arguments: Any) -> Iterator[None]:
    """The block reverts with this custom error of `contract` and exactly these arguments."""
    with pytest.raises(ContractLogicError) as raised:
        yield
    name, given = _error(contract, raised.value)
    expected = tuple(getattr(argument, "address", argument) for argument in arguments)
    assert (name, given) == (error, expected)


def _error(contract: Any, raised: Any) -> tuple[str, tuple[Any, ...]]:
    """Name and arguments of a custom error: ape decodes those of the contract called, we those from below it."""
    if isinstance(raised, CustomError):
        return raised.abi.name, tuple(_plain(raised.inputs[i.name]) for i in raised.abi.inputs)
    return decode_error(contract, bytes.fromhex(raised.revert_message.removeprefix("0x")))


def view_reverts(contract: Any, view: str, given: tuple[Any, ...], error: str, *arguments: Any) -> None:
    """Calling a view reverts with this custom error of `contract` and exactly these arguments.

    The call is made here because ape keeps of a view's revert only a message for people.
    """
    call = {"to": contract.address, "data": getattr(contract, view).encode_input(*given).to_0x_hex()}
    reply = ape.chain.provider.web3.provider.make_request("eth_call", [call, "latest"])
    assert decode_error(contract, bytes.fromhex(reply["error"]["data"][2:])) == (error, arguments)


def decode_error(contract: Any, data: bytes) -> tuple[str, tuple[Any, ...]]:
    """Name and arguments of a custom error of `contract` from revert data."""
    for error in contract.contract_type.errors:
        if keccak(text=error.selector)[:4] == data[:4]:
            values = decode([i.canonical_type for i in error.inputs], data[4:])
            checksummed = (
                to_checksum_address(v) if i.type == "address" else v for i, v in zip(error.inputs, values, strict=True)
            )
            return error.name, tuple(checksummed)
    raise AssertionError(f"0x{data.hex()} is no error of {contract.contract_type.name}")


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, bytes) else value


def events(receipt: Any, event: Any) -> list[dict[str, Any]]:
    """Arguments of the events of one kind in a receipt."""
    return [log.event_arguments for log in event.from_receipt(receipt)]
