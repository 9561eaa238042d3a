"""How errors end the command line."""

import pytest
import typer

from oracle import errors
from oracle.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command line."""
    with pytest.raises(SystemExit) as ended:
        main.run(list(arguments))
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """Makes the callback of every command raise what the list holds."""
    raised: list[Exception] = []

    def fail(_context: typer.Context) -> None:
        raise raised[0]

    monkeypatch.setattr(main, "session", fail)
    return raised


def test_help_lists_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts rely on them, so they are documented where people look first."""
    code, out, _ = run(capsys, "--help")
    assert code == 0
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.AssayError)]
    for kind in kinds:
        assert f"\n  {kind.exit_code:<3} " in out


@pytest.mark.parametrize(
    "command",
    ["devnet", "request", "status", "balance", "deposit", "withdraw", "operator", "keeper", "replay", "doctor", "demo",
     "model publish", "model list", "model show", "model compile", "model run", "model inspect", "model verify",
     "model calibrate", "canonical check"],
)  # fmt: skip
def test_every_command_shows_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """People copy an example before they read options."""
    code, out, _ = run(capsys, *command.split(), "--help")
    assert code == 0
    assert "Example" in out
    assert command in out.partition("Example")[2]


def test_an_error_is_a_sentence_and_an_exit_code(capsys: pytest.CaptureFixture[str], failing: list[Exception]) -> None:
    """No traceback: what happened, what to do, and a code that scripts can tell apart."""
    failing.append(errors.FundsError("The account is empty.", hint="Fund it."))
    assert run(capsys, "balance") == (errors.FundsError.exit_code, "", "Error: The account is empty.\nFund it.\n")


def test_an_error_shows_no_secret_of_an_endpoint(capsys: pytest.CaptureFixture[str], failing: list[Exception]) -> None:
    """RPC URLs carry keys, and terminals are pasted into issues."""
    failing.append(errors.ChainError("https://user:hunter22@rpc.example/v3/0123456789abcdef failed."))
    _, _, err = run(capsys, "balance")
    assert "hunter22" not in err
    assert "0123456789abcdef" not in err


def test_a_bug_says_that_it_is_one_and_how_to_trace_it(
    capsys: pytest.CaptureFixture[str], failing: list[Exception]
) -> None:
    """An unexpected exception is ours to fix; its trace is on request only."""
    failing.append(ZeroDivisionError("boom"))
    code, _, err = run(capsys, "balance")
    assert code == 1
    assert "bug" in err
    assert "-v" in err
    assert "Traceback" not in err


def test_a_wrong_command_line_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Usage errors are told apart from failures."""
    assert run(capsys, "deposit", "-5")[0] == 2
    assert run(capsys, "nonsense")[0] == 2
