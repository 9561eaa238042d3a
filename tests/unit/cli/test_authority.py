"""`assay authority` and what `assay concentration` makes of its numbers."""

import json

import pytest

from oracle.chain.authority import PURE, rights
from oracle.chain.concentration import Concentration, spread
from oracle.cli import authority
from oracle.cli.main import run


def test_the_map_is_shown_as_json_and_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """It needs no chain and no configuration: an auditor reads it before anything runs."""
    for arguments in (["authority", "--json"], ["authority"]):
        with pytest.raises(SystemExit) as ended:
            run(arguments)
        assert not ended.value.code
    shown, _, words = capsys.readouterr().out.partition("\n")
    found = json.loads(shown)
    assert [(each["contract"], each["function"]) for each in found["functions"]] == [
        (right.contract, right.function) for right in rights()
    ]
    assert found["pure"] == list(PURE)
    assert all(right.function in words for right in rights())


def measured() -> Concentration:
    """Three answers by one operator, one by another; nothing else happened."""
    none = spread({})
    answers = spread({"0xA": 3, "0xB": 1})
    return Concentration(spread({"0xC": 4}), 1, answers, none, none, none, none, none, none)


def test_the_numbers_are_shown_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A table for people, with what each number means; long lists are cut and say so."""
    authority._show(measured(), 5, 9, top=1)
    out, err = capsys.readouterr()
    assert "25.0% of 4 requests" in out
    assert "0xA 75.0%" in out
    assert "and 1 more" in out
    assert "1.60" in out
    assert "1/HHI" in err


def test_the_numbers_are_json_numbers() -> None:
    """Fractions are exact inside, and plain numbers for programs."""
    found = json.loads(json.dumps(authority._json(measured())))
    assert found["requests_that_named_their_operator"] == 0.25
    assert found["spreads"]["answers"] == {
        "total": 4,
        "holders": 2,
        "hhi": 0.625,
        "effective_number": 1.6,
        "nakamoto": 1,
        "shares": {"0xA": 0.75, "0xB": 0.25},
        "amounts": {"0xA": 3, "0xB": 1},
    }
    assert found["spreads"]["refutations"]["nakamoto"] == 0
