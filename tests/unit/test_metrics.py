"""Metrics, and the alert rules over them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from oracle.metrics import OTHER_MODEL, Metrics

ALERTS = Path(__file__).parents[2] / "docs" / "operate" / "alerts.yml"
SELECTOR = re.compile(r"\b(assay_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


def samples(metrics: Metrics) -> dict[str, list[dict[str, str]]]:
    """The label sets of every sample, by name."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def unknown_in(expression: str, known: dict[str, list[dict[str, str]]]) -> list[str]:
    """What an alert's expression names that no metric has."""
    wrong = []
    for name, matchers in SELECTOR.findall(expression):
        if name not in known:
            wrong.append(name)
            continue
        for label, operator, value in MATCHER.findall(matchers):
            values = {labels.get(label) for labels in known[name]}
            wanted = value.split("|") if operator in {"=~", "!~"} else [value]
            wrong += [f"{name}{{{label}={each}}}" for each in wanted if each not in values]
    return wrong


def rules() -> list[dict[str, Any]]:
    """Every alert rule that is shipped."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_alert_rules_name_metrics_and_label_values_that_exist(rule: dict[str, Any]) -> None:
    """An alert over a misspelt metric never fires, and nobody notices until it should have."""
    assert SELECTOR.search(rule["expr"])
    assert unknown_in(rule["expr"], samples(Metrics(jobs=["sweep"]))) == []
    assert rule["annotations"].keys() == {"summary", "action"}


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("assay_nothing > 1", ["assay_nothing"]),
        ('assay_answers_total{outcome="lost"}', ["assay_answers_total{outcome=lost}"]),
        (
            'assay_answers_total{outcom=~"sent|x"}',
            ["assay_answers_total{outcom=sent}", "assay_answers_total{outcom=x}"],
        ),
    ],
)
def test_the_check_of_alert_rules_finds_misspellings(expression: str, wrong: list[str]) -> None:
    """A check that cannot fail proves nothing."""
    assert unknown_in(expression, samples(Metrics())) == wrong


def test_label_sets_exist_before_anything_happens() -> None:
    """A series that begins with its first event hides that event from rate() and increase()."""
    known = samples(Metrics(models=["credit"], jobs=["sweep"]))
    assert {"outcome": "failed"} in known["assay_answers_total"]
    assert {"method_class": "logs", "outcome": "refused"} in known["assay_rpc_requests_total"]
    assert {"job": "sweep"} in known["assay_scheduler_missed_total"]
    assert [labels["model"] for labels in known["assay_requests_seen_total"]] == ["credit", OTHER_MODEL]


def test_services_share_no_metrics() -> None:
    """An operator and a keeper in one process must not add up each other's counts."""
    one, other = Metrics(), Metrics()
    one.reorgs.inc()
    assert b"assay_reorgs_total 1.0" in one.render()
    assert b"assay_reorgs_total 0.0" in other.render()


def test_models_that_are_not_served_share_one_label() -> None:
    """Anyone may request any model id, so labels taken from requests would grow without bound."""
    metrics = Metrics(models=["credit"])
    assert [metrics.model(name) for name in ("credit", "0xabc", None)] == ["credit", OTHER_MODEL, OTHER_MODEL]
