"""The help of `assay verify`."""

import pytest

from oracle.cli.main import run
from oracle.services.verdict import Verdict


def test_the_help_names_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts are written from it."""
    with pytest.raises(SystemExit):
        run(["verify", "--help"])
    shown = capsys.readouterr().out
    for verdict in Verdict:
        assert f"{int(verdict):<2} {verdict.words}" in shown
