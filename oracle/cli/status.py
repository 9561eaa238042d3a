"""`assay status`: one request with its whole history, or the latest requests; from the chain's logs alone."""

from typing import TYPE_CHECKING, Annotated

import typer

from oracle.cli.session import session
from oracle.cli.show import Json, example, print_json, print_pairs, print_table, say, working
from oracle.cli.units import show_hex, show_id

if TYPE_CHECKING:
    from oracle.cli.chronicle import Chronicle, Story


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("assay status 0x1f6c09aa"))(status)


def status(
    context: typer.Context,
    request: Annotated[str | None, typer.Argument(help="Id of a request, or its beginning.")] = None,
    last: Annotated[int, typer.Option(min=1, help="How many of the latest requests to list.")] = 20,
    blocks: Annotated[
        int | None, typer.Option(min=1, help="Look at the newest blocks only [default: all since `chain.start_block`]")
    ] = None,
    json: Json = False,
) -> None:
    """What became of a request, or of the latest ones.

    Environments are what operators declare; nothing proves them.
    """
    from oracle.cli.chronicle import read_chronicle  # noqa: PLC0415

    with session(context).chain() as chain:
        with working("Reading the chain"):
            chronicle = read_chronicle(chain, blocks)
        if request is None:
            _overview(chronicle, last, json)
        else:
            _one(chronicle, chronicle.find(request), json)


def _overview(chronicle: "Chronicle", last: int, json: bool) -> None:
    latest = list(chronicle.stories.values())[-last:]
    if json:
        print_json([chronicle.to_json(story) for story in latest])
        return
    if not latest:
        say("There are no requests. Ask with `assay request MODEL --input FILE`.")
        return
    rows = []
    for story in latest:
        answer = chronicle.answer(story)
        rows.append(
            [
                show_id(story.request_id),
                chronicle.model_title(story),
                chronicle.standing(story),
                story.requested.input_kind.name,
                answer.operator if answer else "-",
                (answer.words if answer else None) or "-",
            ]
        )
    print_table(["request", "model", "status", "input", "operator", "answer"], rows)


def _one(chronicle: "Chronicle", story: "Story", json: bool) -> None:
    if json:
        print_json({**chronicle.to_json(story), "history": chronicle.history_json(story)})
        return
    policy = story.requested.policy
    print_pairs(
        [
            ("request", show_hex(story.request_id)),
            ("status", chronicle.standing(story)),
            ("model", f"{chronicle.model_title(story)} ({show_hex(story.requested.model_id)})"),
            ("program", chronicle.program(story)),
            ("requester", story.requested.requester),
            ("input", chronicle.input_words(story)),
            ("terms", chronicle.terms_words(policy)),
            *chronicle.answer_lines(story),
        ]
    )
    print_table(["when", "event", "who sent it", "gas", "transaction"], chronicle.history_rows(story))
