"""Who asks what in the demo: applicants for loans, customers with meters, uploads. All of it real data."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from eth_account.signers.local import LocalAccount
from numpy.typing import NDArray

import oracle
from oracle.canonical.tensor import DType, TensorSpec, encode
from oracle.chain.abi import artifact
from oracle.chain.anvil import dev_account
from oracle.demo.devnet import CONSUMERS, ROLES
from oracle.demo.magika_files import magika_rules
from oracle.demo.samples import Sample, credit_applicants, digit_images, file_samples
from oracle.errors import ModelError

_MIN_SCORE = 0.5
_METER = 2  # the meter reader's place among the three
_ONE = 10**18
_UNSURE_UPLOAD = 5  # of so many the last
_UNSURE_SCAN = 4


@dataclass(frozen=True, slots=True)
class Ask:
    """A call of a consumer by `account`; `claim` is what an upload says it is, a label of the model."""

    consumer: str
    sample: Sample
    account: LocalAccount
    data: bytes
    claim: str | None = None

    @property
    def title(self) -> str:
        """What is asked, in words."""
        return self.sample.title + (f", claimed to be {self.claim}" if self.claim else "")


def cast(count: int) -> list[Ask]:
    """`count` asks, the three consumers in turn; one upload lies about its type.

    Everybody has an account of their own; meters are read twice, so that the second reading makes a bill.
    """
    each = -(-count // len(CONSUMERS))
    by_consumer = (_applicants(each), _uploads(each), _photographs(each))
    makers = [(place, maker) for group in zip(*by_consumer, strict=True) for place, maker in enumerate(group)]
    accounts = [dev_account(len(ROLES) + number) for number in range(count)]
    asks: list[Ask] = []
    for number, (place, maker) in enumerate(makers[:count]):
        second = place == _METER and number // len(CONSUMERS) % 2 == 1
        asks.append(maker(asks[number - len(CONSUMERS)].account if second else accounts[number]))
    return asks


def cast_for_liars(after: int) -> dict[str, Ask]:
    """What the operators that lie are asked, by their ways of lying; `after` asks of others are cast.

    The models are less than sure about both, so that a lie shows early.
    """
    makers = {"shift": _uploads(_UNSURE_UPLOAD)[-1], "othermodel": _photographs(_UNSURE_SCAN)[-1]}
    accounts = (dev_account(len(ROLES) + after + number) for number in range(len(makers)))
    return {way: maker(account) for (way, maker), account in zip(makers.items(), accounts, strict=True)}


def expected_event(ask: Ask, outputs: Sequence[NDArray[Any]]) -> str:
    """The event with which the consumer must act on the answer, by the consumer's own rule."""
    scores = outputs[0][0]
    match ask.consumer:
        case "LendingDesk":
            return "Approved" if scores[1] < 0.4 else "Declined"
        case "MeterReader":
            return "Billed" if scores.max() >= 0.8 else "AnotherReadingAsked"
        case _:
            best = int(np.argmax(scores))
            honest = magika_rules().labels[best] == ask.claim and scores[best] >= _MIN_SCORE
            return "Accepted" if honest else "Rejected"


def decision_words(ask: Ask, name: str, values: dict[str, Any]) -> str:
    """What the consumer did with its answer; `values` are its event's arguments."""
    match name:
        case "Approved":
            return "loan granted"
        case "Declined":
            return "loan declined"
        case "Billed":
            return f"meter at {values['digit']}, bill {values['bill'] / _ONE:g} ether"
        case "AnotherReadingAsked":
            return f"perhaps a {values['digit']}: another photograph asked for"
        case "Accepted":
            return f"upload accepted as {ask.claim}"
        case _:
            return f"upload refused: it claims {ask.claim}, it looks like {magika_rules().labels[values['label']]}"


@dataclass(frozen=True, slots=True)
class _Maker:
    """An ask that lacks its account."""

    consumer: str
    sample: Sample
    function: str
    arguments: tuple[Any, ...]
    claim: str | None = None

    def __call__(self, account: LocalAccount) -> Ask:
        data = artifact(self.consumer).functions[self.function].encode(*self.arguments)
        return Ask(self.consumer, self.sample, account, data, self.claim)


def _applicants(count: int) -> list[_Maker]:
    return [
        _Maker("LendingDesk", sample, "applyForLoan", ([int(value) for value in sample.tensors[0][0]],))
        for sample in credit_applicants(range(count))
    ]


def _photographs(count: int) -> list[_Maker]:
    return [
        _Maker("MeterReader", sample, "submitPhoto", (bytes(int(value) for value in sample.tensors[0][0]),))
        for sample in digit_images(range(count))
    ]


def _uploads(count: int) -> list[_Maker]:
    """Files of this installation and what they claim to be; the second, a program, claims to be a PDF."""
    chosen = (_files() * count)[:count]
    makers = []
    for (_path, claim), sample in zip(chosen, file_samples(path for path, _ in chosen), strict=True):
        spec = TensorSpec(DType.INT32, sample.tensors[0].shape)
        label = magika_rules().labels.index(claim)
        arguments = (encode(sample.tensors, [spec]), label, int(_MIN_SCORE * _ONE))
        makers.append(_Maker("ContentGate", sample, "submit", arguments, claim))
    return makers


def _files() -> list[tuple[Path, str]]:
    try:
        import sklearn.datasets  # noqa: PLC0415  (heavy, and only the demo needs it)
    except ImportError as problem:
        raise ModelError(
            "The demo's files are not installed: they come with scikit-learn.",
            hint="Run `pip install 'assay-oracle[demo]'`.",
        ) from problem
    package, data = Path(oracle.__file__).parent, Path(sklearn.datasets.__file__).parent
    return [
        (data / "images" / "china.jpg", "jpeg"),
        (Path(sys.executable).resolve(), "pdf"),
        (package / "errors.py", "python"),
        (data / "data" / "digits.csv.gz", "gzip"),
        (package / "chain" / "artifacts" / "InferenceOracle.json", "json"),
    ]
