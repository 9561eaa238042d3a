"""`assay devnet`: a local chain with everything deployed, until Ctrl-C."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oracle.cli.session import session
from oracle.cli.show import Json, example, print_json, print_table, say

if TYPE_CHECKING:
    from oracle.demo.devnet import Devnet


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("assay devnet --port 8546"))(devnet)


def devnet(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port of the chain [default: a free one]")] = None,
    block_time: Annotated[int, typer.Option(min=1, help="Seconds between blocks.")] = 1,
    window: Annotated[int, typer.Option(min=1, help="Window of the example consumers' requests, in seconds.")] = 10,
    directory: Annotated[Path, typer.Option("--dir", help="Where its files go.")] = Path(".assay"),
    json: Json = False,
) -> None:
    """Start anvil with contracts, sample models, example consumers and funded keys; other commands find it.

    It writes DIR/devnet.toml, which other commands read when run beside DIR, and removes it at the end. With --json
    one line on standard output says when it is ready.
    """
    from oracle import log  # noqa: PLC0415
    from oracle.demo.devnet import Devnet  # noqa: PLC0415
    from oracle.services.loop import stop_on_signals  # noqa: PLC0415

    log.configure("debug" if session(context).verbose else "error")
    with stop_on_signals() as stop:
        starting = Devnet.start(directory, port=port, block_time=block_time, window=window, tell=say)
        with starting as network:
            if json:
                print_json(_to_json(network))
            else:
                _introduce(network)
            say("The devnet runs until Ctrl-C.")
            while not stop.wait(0.5):
                network.require_running()
    say("The devnet has ended.")


def _to_json(network: "Devnet") -> dict[str, object]:
    return {
        "config": str(network.config.resolve()),
        "rpc": network.anvil.url,
        "chain_id": network.deployment.chain_id,
        "oracle": network.deployment.oracle,
        "registry": network.deployment.registry,
        "accounts": {role: account.address for role, account in network.accounts.items()},
        "models": {name: model.model_id for name, model in network.models.items()},
        "consumers": dict(network.consumers),
    }


def _introduce(network: "Devnet") -> None:
    rows = [
        ["chain", f"{network.anvil.url}, id {network.deployment.chain_id}"],
        ["oracle", network.deployment.oracle],
        ["registry", network.deployment.registry],
        *([f"model {name}", model.model_id] for name, model in network.models.items()),
        *([f"consumer {name}", address] for name, address in network.consumers.items()),
        *([f"account {role}", account.address] for role, account in network.accounts.items()),
    ]
    print_table(["what", "where"], rows, title="Devnet")
    at_default = network.config == Path(".assay/devnet.toml")
    applicant = network.config.parent / "applicant.json"
    assay = "assay" if at_default else f"assay --config {network.config}"
    print_table(
        ["try next, in another terminal", "what it does"],
        [
            [f"{assay} --as operator-1 operator", "answers requests with the sample models"],
            [f"{assay} --as keeper keeper", "delivers final answers to their consumers"],
            [
                f"{assay} request credit --input {applicant} --wait",
                "asks, and sees it through",
            ],
            [f"{assay} status", "lists the requests"],
            [f"{assay} --as operator-1 balance", "shows an operator's stake"],
            [f"{assay} doctor", "checks that everything is in order"],
        ],
    )
