"""How an answer came on the chain: sent by its operator, or signed by it and sent by somebody else. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from oracle.chain.abi import artifact
from oracle.chain.events import Answered
from oracle.chain.protocol import (
    AnswerRef,
    Request,
    answer_typed_data,
    batch_typed_data,
    checksum,
    environment_hash,
)


class Authorship(StrEnum):
    """What shows that the operator gave the answer."""

    SENT = "sent"
    """The operator sent the transaction itself."""
    SIGNED = "signed"
    """The transaction carries the operator's EIP-712 signature, which was checked here."""
    CONTRACT = "contract"
    """The transaction carries a signature that only the operator's own contract can check (ERC-1271)."""
    INDIRECT = "indirect"
    """The call was made by another contract."""

    @property
    def words(self) -> str:
        """It in a sentence."""
        return _WORDS[self]


_WORDS = {
    Authorship.SENT: "the operator sent it itself",
    Authorship.SIGNED: "somebody else sent it with the operator's signature, which was checked here",
    Authorship.CONTRACT: "somebody else sent it with a signature that the operator's contract accepted on the chain",
    Authorship.INDIRECT: "it was sent through another contract: the oracle checked on the chain who the operator is",
}

_ECDSA_BYTES = 65


@dataclass(frozen=True, slots=True)
class Sending:
    """A transaction: from, to and calldata."""

    sender: ChecksumAddress
    to: ChecksumAddress | None
    data: bytes


def reference(event: Answered) -> AnswerRef:
    """What identifies a posted answer."""
    environment = environment_hash(event.software, event.manifest_hash)
    return AnswerRef(event.operator, environment, keccak(event.output))


def authorship(
    chain_id: int, oracle: ChecksumAddress, request: Request, event: Answered, sending: Sending
) -> Authorship:
    """How the answer `event` to `request` came on the chain, by the transaction that holds it."""
    functions = artifact("InferenceOracle").functions
    names = {functions[name].selector: name for name in ("answer", "answerMany", "answerFor", "answerManyFor")}
    name = names.get(sending.data[:4])
    if sending.to != oracle or name is None:
        return Authorship.INDIRECT
    if name in ("answer", "answerMany"):
        return Authorship.SENT if sending.sender == event.operator else Authorship.INDIRECT
    try:
        arguments = decode(functions[name].inputs, sending.data[4:])
    except (DecodingError, OverflowError):
        return Authorship.INDIRECT
    *_, valid_until, signature = arguments
    if name == "answerFor":
        message = answer_typed_data(chain_id, oracle, request, event.attempt, reference(event), valid_until)
    else:
        items = [_item(item, event) for item in arguments[0]]
        message = batch_typed_data(chain_id, oracle, items, valid_until)
    return Authorship.SIGNED if _signer(message, signature) == event.operator else Authorship.CONTRACT


def _item(item: tuple[Any, ...], event: Answered) -> tuple[Request, int, AnswerRef]:
    """An item of a batch, whose answers share operator and environment."""
    request, attempt, output = item
    ours = reference(event)
    return Request.from_abi(request), attempt, AnswerRef(ours.operator, ours.environment, keccak(output))


def _signer(message: dict[str, Any], signature: bytes) -> ChecksumAddress | None:
    """Whose ECDSA signature it is; None where it is none."""
    if len(signature) != _ECDSA_BYTES:
        return None
    try:
        return checksum(Account.recover_message(encode_typed_data(full_message=message), signature=signature))
    except (BadSignature, ValidationError):
        return None
