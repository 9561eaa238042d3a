"""Prometheus metrics of one service. Every label set exists from the start, so a rate never begins with a gap.

Names begin with `assay_`; times are seconds, money is wei. Alert rules over them are in docs/operate/alerts.yml.
"""

import math
from collections.abc import Iterable
from enum import StrEnum
from itertools import product
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics import MetricWrapperBase

Metric = TypeVar("Metric", bound=MetricWrapperBase)

OTHER_MODEL: Final = "other"

_RPC_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
_WORK_BUCKETS = (0.0003, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2)
_INFERENCE_BUCKETS = (0.0001, 0.001, 0.01, 0.1, 0.5, 1, 5, 30, 120)
_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64)


class MethodClass(StrEnum):
    """Kinds of JSON-RPC methods that fail and cost alike."""

    HEAD = "head"
    LOGS = "logs"
    CALL = "call"
    SEND = "send"
    OTHER = "other"


class RpcOutcome(StrEnum):
    """How a JSON-RPC call ended."""

    OK = "ok"
    REFUSED = "refused"
    TRANSPORT = "transport"
    RATE_LIMITED = "rate_limited"
    WRONG_CHAIN = "wrong_chain"
    LAGGING = "lagging"


class AnswerOutcome(StrEnum):
    """How an operator dealt with a request."""

    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"


class SkipReason(StrEnum):
    """Why an operator leaves a request unanswered, or a contract skipped its answer."""

    OTHER_OPERATOR = "other_operator"
    UNKNOWN_MODEL = "unknown_model"
    INVALID_INPUT = "invalid_input"
    INPUT_NOT_FETCHED = "input_not_fetched"
    WRONG_SOFTWARE = "wrong_software"
    FEE_TOO_LOW = "fee_too_low"
    BOND_TOO_HIGH = "bond_too_high"
    STAKE_TOO_SMALL = "stake_too_small"
    TOO_MANY_OPEN = "too_many_open"
    TOO_LATE = "too_late"
    TIMES_TOO_SHORT = "times_too_short"
    ANSWERED_ALREADY = "answered_already"
    OUTPUT_TOO_LARGE = "output_too_large"
    INFERENCE_FAILED = "inference_failed"
    DISAGREEMENT = "disagreement"
    DRY_RUN = "dry_run"
    REJECTED = "rejected"


class DefenceFailure(StrEnum):
    """Why an answer in dispute is lost, or may be."""

    WRONG_ANSWER = "wrong_answer"
    OTHER_TRACE = "other_trace"
    NOT_SERVED = "not_served"
    CANNOT_REVEAL = "cannot_reveal"
    CANNOT_PAY = "cannot_pay"
    TOO_LATE = "too_late"


class DefenceOutcome(StrEnum):
    """How disputes over our answers end."""

    UPHELD = "upheld"
    REFUTED = "refuted"
    VOIDED = "voided"


class JudgedAs(StrEnum):
    """What a watcher made of an answer. Confirmed: by onnxruntime alone."""

    RIGHT = "right"
    CONFIRMED = "confirmed"
    WRONG = "wrong"


class UnjudgedReason(StrEnum):
    """Why a watcher could not tell whether an answer is right."""

    NOT_ANNOUNCED = "not_announced"
    NO_PROGRAM = "no_program"
    NO_BUNDLE = "no_bundle"
    LOADING_FAILED = "loading_failed"
    TOO_COSTLY = "too_costly"
    INPUT_NOT_FETCHED = "input_not_fetched"
    CANONICAL_FAILED = "canonical_failed"
    TOO_LATE = "too_late"


class Declined(StrEnum):
    """Why a watcher does not bond on a wrong answer."""

    BOND_TOO_HIGH = "bond_too_high"
    TOO_MANY_GAMES = "too_many_games"
    TOO_LITTLE_ETHER = "too_little_ether"
    DRY_RUN = "dry_run"


class Purpose(StrEnum):
    """What a transaction is for."""

    ANSWER = "answer"
    SETTLE = "settle"
    DELIVER = "deliver"
    EXPIRE = "expire"
    CHALLENGE = "challenge"
    TRACE = "trace"
    DEMAND = "demand"
    REVEAL = "reveal"
    PROVE = "prove"
    FORFEIT = "forfeit"
    RESOLVE = "resolve"
    CLAIM = "claim"
    OTHER = "other"


class TransactionOutcome(StrEnum):
    """How a transaction ended."""

    MINED = "mined"
    REVERTED = "reverted"
    GIVEN_UP = "given_up"
    FAILED = "failed"


class DeliveryOutcome(StrEnum):
    """How a callback ended: apart from finality, which it cannot change."""

    DELIVERED = "delivered"
    FAILED = "failed"


class Outcome(StrEnum):
    """Done, or failed."""

    DONE = "done"
    FAILED = "failed"


class JobState(StrEnum):
    """Where a job of the store stands."""

    OPEN = "open"
    CLAIMED = "claimed"
    SENT = "sent"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


class Metrics:
    """One service's metrics, in a registry of its own.

    `models` and `jobs` are the names of the models served and of the scheduled jobs, known at start.
    """

    def __init__(self, *, models: Iterable[str] = (), jobs: Iterable[str] = ()) -> None:
        self.registry = CollectorRegistry()
        self._models = frozenset(models)
        each_model = (*sorted(self._models), OTHER_MODEL)
        each_job = tuple(jobs)

        self.head_block = self._gauge("head_block", "Newest block the endpoint knows.")
        self.processed_block = self._gauge("processed_block", "Newest block whose events are stored.")
        self.finalized_block = self._gauge("finalized_block", "Newest block the chain calls finalized.")
        self.head_lag_seconds = self._gauge("head_lag_seconds", "Age of the newest block.")
        self.last_progress = self._gauge(
            "last_progress_timestamp_seconds", "When the block loop last went round (Unix time)."
        )
        self.reorgs = self._counter("reorgs_total", "Reorganisations rewound.")
        self.log_ranges_refused = self._counter("log_ranges_refused_total", "Block ranges refused by eth_getLogs.")
        self.rpc_requests = self._counter(
            "rpc_requests_total", "JSON-RPC calls.", method_class=MethodClass, outcome=RpcOutcome
        )
        self.rpc_seconds = self._histogram(
            "rpc_seconds", "Time of a JSON-RPC call.", _RPC_BUCKETS, method_class=MethodClass
        )

        self.requests_seen = self._counter("requests_seen_total", "Requests seen on-chain.", model=each_model)
        self.answers = self._counter("answers_total", "Requests dealt with.", outcome=AnswerOutcome)
        self.skipped = self._counter("skipped_total", "Requests left unanswered.", reason=SkipReason)
        self.answer_worker_seconds = self._histogram(
            "answer_worker_seconds", "Own time per answer: without running models and RPC waits.", _WORK_BUCKETS
        )
        self.inference_seconds = self._histogram(
            "inference_seconds", "Time of one run of a model by onnxruntime.", _INFERENCE_BUCKETS, model=each_model
        )
        self.canonical_seconds = self._histogram(
            "canonical_seconds", "Time of one canonical run of a model.", _INFERENCE_BUCKETS, model=each_model
        )
        self.batch_size = self._histogram("batch_size", "Answers per transaction.", _BATCH_BUCKETS)
        self.open_answers = self._gauge("open_answers", "Answers not final yet.")

        self.defended_games = self._gauge("defended_games", "Open disputes over answers of ours.")
        self.defence_deadline = self._gauge(
            "defence_deadline_timestamp_seconds", "When our next move in a dispute is due (Unix time); +Inf: none is."
        )
        self.defence_deadline.set(math.inf)
        self.defence_seconds = self._gauge(
            "defence_seconds", "Time a defence takes at worst, as measured at start.", model=each_model
        )
        self.defence_failures = self._counter(
            "defence_failures_total", "Answers in dispute that cannot be defended.", reason=DefenceFailure
        )
        self.defences = self._counter("defences_total", "Disputes over our answers that ended.", verdict=DefenceOutcome)

        self.transactions = self._counter(
            "transactions_total", "Transactions ended.", purpose=Purpose, outcome=TransactionOutcome
        )
        self.transaction_bumps = self._counter("transaction_bumps_total", "Transactions replaced with higher fees.")
        self.pending_transactions = self._gauge("pending_transactions", "Transactions sent and not mined yet.")
        self.account_balance = self._gauge("account_balance_wei", "Ether of the sending account, for gas.")
        self.stake_balance = self._gauge("stake_balance_wei", "Ether deposited in the oracle contract.")
        self.stake_locked = self._gauge("stake_locked_wei", "Part of the deposit that is locked as bonds.")

        self.settles = self._counter("settles_total", "Answers settled.", outcome=Outcome)
        self.deliveries = self._counter("deliveries_total", "Callbacks tried.", outcome=DeliveryOutcome)
        self.expiries = self._counter("expiries_total", "Requests expired.")

        self.answers_judged = self._counter("answers_judged_total", "Others' answers judged.", outcome=JudgedAs)
        self.answers_unjudged = self._counter(
            "answers_unjudged_total", "Others' answers that could not be judged.", reason=UnjudgedReason
        )
        self.watch_seconds = self._histogram(
            "watch_seconds", "Time to judge one answer, screening included.", _INFERENCE_BUCKETS
        )
        self.answers_waiting = self._gauge("answers_waiting", "Others' answers not judged yet.")
        self.wrong_answers_open = self._gauge("wrong_answers_open", "Wrong answers that are not struck out yet.")
        self.bonds_declined = self._counter(
            "bonds_declined_total", "Bonds not placed on wrong answers.", reason=Declined
        )
        self.games_pursued = self._gauge("games_pursued", "Open games with a bond of ours against the answer.")

        self.jobs = self._gauge("jobs", "Jobs in the store.", state=JobState)
        self.scheduler_missed = self._counter("scheduler_missed_total", "Scheduled runs missed.", job=each_job)
        self.scheduler_errors = self._counter("scheduler_errors_total", "Scheduled runs that raised.", job=each_job)

    def model(self, name: str | None) -> str:
        """The `model` label of a model: its name if it is served here, else `other`, which bounds the label set."""
        return name if name in self._models else OTHER_MODEL

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, **labels: Iterable[str]) -> Counter:
        return _with_all_labels(Counter(f"assay_{name}", text, tuple(labels), registry=self.registry), labels)

    def _gauge(self, name: str, text: str, **labels: Iterable[str]) -> Gauge:
        return _with_all_labels(Gauge(f"assay_{name}", text, tuple(labels), registry=self.registry), labels)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], **labels: Iterable[str]) -> Histogram:
        histogram = Histogram(f"assay_{name}", text, tuple(labels), registry=self.registry, buckets=buckets)
        return _with_all_labels(histogram, labels)


def _with_all_labels(metric: Metric, labels: dict[str, Iterable[str]]) -> Metric:
    if labels:
        for values in product(*labels.values()):
            metric.labels(*values)
    return metric
