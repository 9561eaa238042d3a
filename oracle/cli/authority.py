"""`assay authority` and `assay concentration`: who may do what, and how many do."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from oracle.cli.session import session
from oracle.cli.show import Json, example, print_json, print_pairs, print_table, say, working

if TYPE_CHECKING:
    from oracle.chain.concentration import Concentration, Spread


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command(epilog=example("assay authority", "assay authority --json"))(authority)
    app.command(epilog=example("assay concentration", "assay concentration --from-block 21000000 --json"))(
        concentration
    )


def authority(json: Json = False) -> None:
    """Every function of the contracts that can change state: who may call it, and the worst that can do.

    There is no owner, admin, pause, proxy or setter. Needs no chain: it is read from the packaged ABIs.
    """
    from oracle.chain.authority import PURE, rights  # noqa: PLC0415

    found = rights()
    if json:
        keys = ("contract", "function", "who", "worst")
        print_json({"functions": [{key: getattr(right, key) for key in keys} for right in found], "pure": list(PURE)})
        return
    rows = [[right.contract, right.function, right.who, right.worst] for right in found]
    print_table(["contract", "function", "who", "the worst it can do"], rows)
    say(f"No function of {', '.join(PURE)} can change state.")
    say("Besides: a requester chooses its terms, and the chain's block producers decide order and time.")


def concentration(
    context: typer.Context,
    from_block: Annotated[
        int | None, typer.Option(min=0, help="First block to count [default: `chain.start_block`]")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many addresses to list of each kind.")] = 5,
    json: Json = False,
) -> None:
    """Shares of answers, bonds, challenges and refutations by address, from the chain's logs alone.

    Addresses are not persons: whoever has several seems to be several.
    """
    from oracle.chain.concentration import measure  # noqa: PLC0415
    from oracle.chain.history import happenings  # noqa: PLC0415

    with session(context).chain() as chain:
        first = chain.settings.chain.start_block if from_block is None else from_block
        last = chain.provider.block_number()
        watched = [chain.oracle.address, *([chain.dispute.address] if chain.dispute else [])]
        with working("Reading the chain"):
            span = chain.settings.chain.max_log_range
            found = measure(item.event for item in happenings(chain.provider, watched, first, last, span=span))
    if json:
        print_json({"from_block": first, "to_block": last, **_json(found)})
    else:
        _show(found, first, last, top)


def _json(found: "Concentration") -> dict[str, Any]:
    return {
        "requests_that_named_their_operator": float(found.named_share),
        "spreads": {
            name: {
                "total": each.total,
                "holders": len(each.amounts),
                "hhi": float(each.hhi),
                "effective_number": float(each.effective),
                "nakamoto": each.nakamoto,
                "shares": {holder: float(share) for holder, share in each.shares},
                "amounts": dict(each.amounts),
            }
            for name, each in found.spreads().items()
        },
    }


def _show(found: "Concentration", first: int, last: int, top: int) -> None:
    print_pairs(
        [
            ("blocks", f"{first:,} to {last:,}"),
            ("named their operator", f"{float(found.named_share):.1%} of {found.requests.total:,} requests"),
        ]
    )
    rows = [
        [
            name.replace("_", " "),
            f"{each.total:,}",
            str(len(each.amounts)),
            f"{float(each.effective):.2f}",
            str(each.nakamoto),
            _largest(each, top),
        ]
        for name, each in found.spreads().items()
    ]
    columns = ["what", "in all", "addresses", "effective number", "more than half", "largest shares"]
    print_table(columns, rows)
    say("Effective number: 1/HHI. More than half: the fewest addresses that have it (Nakamoto coefficient).")


def _largest(each: "Spread", top: int) -> str:
    shares = each.shares
    listed = [f"{holder} {float(share):.1%}" for holder, share in shares[:top]]
    more = [f"and {len(shares) - top} more"] if len(shares) > top else []
    return "\n".join([*listed, *more]) or "-"
