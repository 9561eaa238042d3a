"""The command `assay`: global options, the groups of commands, and how errors end it.

Commands import what they need when they run: `assay --help` loads neither web3 nor onnxruntime.
"""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from oracle import __version__, errors
from oracle.cli import (
    authority,
    canonical,
    challenger,
    demo,
    devnet,
    dispute,
    doctor,
    model_calibrate,
    model_program,
    model_publish,
    models,
    money,
    request,
    services,
    status,
    verify,
    watch,
)
from oracle.cli.session import Session, session

BUG = 1
INTERRUPTED = 130


def exit_codes() -> str:
    """The exit codes in a table, from the errors themselves."""
    meanings: dict[int, list[str]] = {}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.AssayError) and kind is not errors.AssayError:
            meanings.setdefault(kind.exit_code, []).append((kind.__doc__ or "").splitlines()[0])
    lines = [
        "0   Done.",
        f"{BUG}   Something else went wrong, or a check found a difference or a fault.",
        "2   The command line is wrong.",
        *(
            f"{code if first else '':<3} {text}"
            for code, words in sorted(meanings.items())
            for first, text in zip((True, False), words, strict=False)
        ),
        f"{INTERRUPTED} Interrupted.",
    ]
    return "\n".join(lines)


app = typer.Typer(
    name="assay",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\n"
    "Example, each line in a terminal of its own:\n"
    "  assay devnet\n"
    "  assay --as operator-1 operator\n"
    "  assay request credit --input .assay/applicant.json --wait\n"
    f"\n\b\nExit codes:\n{exit_codes()}",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"assay {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="TOML file; else ASSAY_CONFIG, ./assay.toml, ./.assay/devnet.toml."),
    ] = None,
    rpc: Annotated[list[str] | None, typer.Option("--rpc", help="RPC endpoint instead of the configured ones.")] = None,
    role: Annotated[
        str | None, typer.Option("--as", metavar="ROLE", help="Act as a devnet's account, such as operator-1.")
    ] = None,
    keystore: Annotated[Path | None, typer.Option("--keystore", help="Encrypted key that signs.")] = None,
    password_file: Annotated[Path | None, typer.Option("--password-file", help="File with its password.")] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what is done; trace unexpected errors.")
    ] = False,
    version: Annotated[  # noqa: ARG001  (its callback does it)
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """AI results on-chain: ask for inferences, answer them, see them through.

    Options that every command shares come first: `assay --as operator-1 balance`.
    """
    found = session(context)
    found.config, found.rpc, found.role = config, tuple(rpc or ()), role
    found.keystore, found.password_file, found.verbose = keystore, password_file, verbose


for module in (devnet, request, status, watch, verify, authority, money, services, challenger, doctor, demo):
    module.register(app)
for module in (model_publish, model_program, model_calibrate):
    module.register(models.app)
app.add_typer(dispute.app, name="dispute")
app.add_typer(models.app, name="model")
app.add_typer(canonical.app, name="canonical")


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code: a sentence for an error, never a traceback."""
    this = Session()
    try:
        app(arguments, obj=this)
    except errors.AssayError as error:
        _fail(error.message, error.hint, error.exit_code)
    except Exception as error:  # noqa: BLE001  (the boundary: whatever is left is a bug)
        if this.verbose:
            traceback.print_exc()
        _fail(
            f"This is a bug in assay: {type(error).__name__}: {error}.",
            "" if this.verbose else "Run it again as `assay -v …` to see the trace, and report it.",
            BUG,
        )


def _fail(message: str, hint: str | None, code: int) -> None:
    from oracle.log import redact_text  # noqa: PLC0415

    print(redact_text(f"Error: {message}"), file=sys.stderr)
    if hint:
        print(redact_text(hint), file=sys.stderr)
    sys.exit(code)
