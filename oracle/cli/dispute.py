"""`assay dispute`: games over answers, listed and move by move; from the chain's logs alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oracle.cli.session import session
from oracle.cli.show import Json, example, print_json, print_pairs, print_table, say, working
from oracle.cli.units import show_hex, show_id, show_time

if TYPE_CHECKING:
    from oracle.cli.records import Record
    from oracle.cli.scrutiny import Scrutiny
    from oracle.services.context import Chain

app = typer.Typer(name="dispute", help="Games over answers: which there are, and how each went.", no_args_is_help=True)

_Blocks = Annotated[
    int | None, typer.Option(min=1, help="Look at the newest blocks only [default: all since `chain.start_block`]")
]


@app.command(name="list", epilog=example("assay dispute list", "assay dispute list --open --json"))
def list_games(
    context: typer.Context,
    last: Annotated[int, typer.Option(min=1, help="How many of the latest games to list.")] = 20,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that are still played.")] = False,
    blocks: _Blocks = None,
    json: Json = False,
) -> None:
    """The latest games: which answer, who opened it, and what can happen next."""
    from oracle.cli.clocks import bonds, standing  # noqa: PLC0415
    from oracle.cli.moves import game_json  # noqa: PLC0415
    from oracle.cli.records import read_records  # noqa: PLC0415

    with session(context).chain() as chain, working("Reading the chain"):
        found = [each for each in read_records(chain, blocks) if each.game.is_open or not open_only][-last:]
        now = chain.provider.block("latest").timestamp
    if json:
        print_json([game_json(each, now) for each in found])
        return
    if not found:
        say("There are no games: nobody has challenged an answer.")
        return
    rows = [
        [
            show_id(each.game.id),
            show_id(each.requested.request_id),
            each.answered.operator,
            each.game.opener,
            standing(each.game, now),
            bonds(each.game),
        ]
        for each in found
    ]
    print_table(["game", "request", "operator", "opener", "standing", "bonds"], rows)


@app.command(
    epilog=example("assay dispute show 0x1f6c09aa", "assay dispute show 0x1f6c09aa --model credit.onnx --json")
)
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="Id of a game or of its request, or its beginning.")],
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", metavar="FILE", help="The model's ONNX file or bundle: names nodes and values."),
    ] = None,
    blocks: _Blocks = None,
    json: Json = False,
) -> None:
    """A game move by move: who did what and when, the element it came down to, and who was paid what.

    With the model, nodes are named in ONNX terms and the disputed element is shown as the operator has it and as it is.
    """
    from oracle.cli.records import find, read_records  # noqa: PLC0415

    with session(context).chain() as chain:
        with working("Reading the chain"):
            record = find(read_records(chain, blocks), name)
        scrutiny = None if model is None else _scrutiny(chain, record, model)
        _show(chain, record, scrutiny, json=json)


def _scrutiny(chain: "Chain", record: "Record", model: Path) -> "Scrutiny":
    from oracle.cli.catalogue import published  # noqa: PLC0415
    from oracle.cli.scrutiny import scrutinize  # noqa: PLC0415

    with working("Running the model"):
        wanted = record.requested.request.model_id
        announced = next((each.model for each in published(chain) if each.model_id == wanted), None)
        return scrutinize(model, record.requested, announced)


def _show(chain: "Chain", record: "Record", scrutiny: "Scrutiny | None", *, json: bool) -> None:
    from oracle.cli.clocks import standing  # noqa: PLC0415
    from oracle.cli.moves import finding, game_json, move_json, move_words, payments  # noqa: PLC0415
    from oracle.cli.records import sendings  # noqa: PLC0415

    game, now = record.game, chain.provider.block("latest").timestamp
    parameters = chain.oracle.parameters(chain.provider)
    paid = payments(record, parameters)
    sent = sendings(chain, record)
    if json:
        moves = [
            {**sending, **move_json(move.event, record, scrutiny)}
            for sending, move in zip(sent, record.moves, strict=True)
        ]
        print_json({**game_json(record, now), "moves": moves, "payments": [each.to_json() for each in paid]})
        return
    print_pairs(
        [
            ("game", show_hex(game.id)),
            ("request", f"{show_hex(record.requested.request_id)}, attempt {record.answered.attempt}"),
            ("model", show_hex(record.requested.request.model_id)),
            ("operator", record.answered.operator),
            ("opener", game.opener),
            ("answered", show_time(record.answered_at)),
            ("standing", standing(game, now)),
            *(finding(record, scrutiny) if scrutiny else ()),
        ]
    )
    rows = [
        [
            str(sending["number"]),
            show_time(sending["timestamp"]),
            move_words(move.event, record, scrutiny),
            sending["sender"] or "?",
            f"{sending['gas_used']:,}" if sending["gas_used"] is not None else "?",
        ]
        for sending, move in zip(sent, record.moves, strict=True)
    ]
    print_table(["move", "when", "what", "who sent it", "gas"], rows)
    if paid:
        print_table(["to", "ether", "for"], [each.row() for each in paid])
    if scrutiny is None and not game.is_open:
        say("Give --model FILE to see nodes in ONNX terms and the disputed element's values.")
