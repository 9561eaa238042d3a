"""What comes of the demo: each request's line, and the report that `demo.json` holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_typing import ChecksumAddress

from oracle.canonical.model import Model
from oracle.canonical.tolerance import float64_of
from oracle.demo.audit import Audit
from oracle.demo.cast import Ask
from oracle.demo.conviction import Conviction

WAITING = "to be asked"
"""The state of a request at first."""


@dataclass(slots=True)
class Line:
    """One request of the demo and what has become of it; `transactions` by what they did.

    `contract` is the consumer that was called; `liar` gave the refuted answer `lie`, if there was one.
    """

    number: int
    ask: Ask
    contract: ChecksumAddress
    request_id: bytes = b""
    state: str = WAITING
    operator: str = ""
    answer: str = ""
    decision: str = ""
    output: bytes = b""
    transactions: dict[str, bytes] = field(default_factory=dict)
    gas: dict[str, int] = field(default_factory=dict)
    liar: str = ""
    lie: str = ""

    @property
    def done(self) -> bool:
        """Final, delivered, and acted upon."""
        return {"finalize", "deliver"} <= self.transactions.keys() and bool(self.decision)


@dataclass(frozen=True, slots=True)
class Report:
    """How it went. `models` are as published, by name; `gas` holds medians over the requests nobody lied about.

    `worker_ms_p50` is the operators' own time per answer, without running models. `wrong_final` counts final answers
    that are not within tolerance of the canonical ones.
    """

    lines: tuple[Line, ...]
    models: Mapping[str, Model]
    gas: dict[str, int]
    worker_ms_p50: float
    seconds: float
    money: Audit
    convictions: tuple[Conviction, ...]
    wrong_final: int

    def to_json(self) -> dict[str, Any]:
        """What `demo.json` holds."""
        return {
            "requests": len(self.lines),
            "final": sum("finalize" in line.transactions for line in self.lines),
            "callbacks": sum("deliver" in line.transactions for line in self.lines),
            "refuted": len(self.convictions),
            "wrong_final": self.wrong_final,
            "dispute": [each.to_json() for each in self.convictions],
            "models": sorted({line.ask.sample.model for line in self.lines}),
            "programs": {
                name: {
                    "root": f"0x{model.program_root.hex()}",
                    "nodes": model.node_count,
                    "worst_leaf_gas": model.worst_leaf_gas,
                    "atol": [float64_of(output.atol) for output in model.outputs],
                }
                for name, model in self.models.items()
            },
            "gas": self.gas,
            "worker_ms_p50": self.worker_ms_p50,
            "seconds": round(self.seconds, 1),
            "money_wei": {
                "before": str(self.money.before),
                "after": str(self.money.after),
                "gas": str(self.money.gas),
                "oracle_held": str(self.money.held),
                "oracle_owed": str(self.money.stakes),
                "dispute_held": str(self.money.credit),
                "burnt": str(self.money.burnt),
            },
            "table": [
                {
                    "request": f"0x{line.request_id.hex()}",
                    "asked": line.ask.title,
                    "consumer": line.ask.consumer,
                    "model": line.ask.sample.model,
                    "answer": line.answer,
                    "decision": line.decision,
                    "truth": line.ask.sample.expected,
                    "operator": line.operator,
                    "gas": line.gas,
                }
                for line in self.lines
            ],
        }


def write_report(report: Report, path: Path) -> None:
    """Write `demo.json`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
