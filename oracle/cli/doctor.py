"""`assay doctor`: whether everything is in order with this machine, key and chain."""

from typing import Annotated

import typer

from oracle.cli.session import session
from oracle.cli.show import Json, example, print_json, print_table, say, working


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("assay --as operator-1 doctor"))(doctor)


def doctor(
    context: typer.Context,
    role: Annotated[str, typer.Option(help="Whose database to look at: operator or keeper.")] = "operator",
    json: Json = False,
) -> None:
    """Check endpoints, contracts, key, money, models, clock, disk and database. Exit code 1 if a check fails."""
    from oracle.cli.checks import all_findings  # noqa: PLC0415

    settings = session(context).settings(usual_role="operator-1")
    with working("Checking"):
        findings = all_findings(settings, role)
    failed = [finding for finding in findings if not finding.ok]
    if json:
        print_json(
            {
                "ok": not failed,
                "checks": [
                    {"check": each.check, "ok": each.ok, "detail": each.detail, "advice": each.advice}
                    for each in findings
                ],
            }
        )
    else:
        print_table(
            ["", "check", "found", "what to do"],
            [["✓" if each.ok else "✗", each.check, each.detail, each.advice or ""] for each in findings],
        )
        say("Everything is in order." if not failed else f"{len(failed)} of {len(findings)} checks failed.")
    if failed:
        raise typer.Exit(1)
