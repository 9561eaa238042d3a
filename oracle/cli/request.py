"""`assay request`: ask a model from an account, and wait for the final answer."""

from pathlib import Path
from secrets import token_bytes
from typing import Annotated, Any

import typer

from oracle.cli.session import session
from oracle.cli.show import Json, example, print_json, print_pairs, say, working
from oracle.cli.units import parse_address, parse_software, show_duration, show_gwei, show_hex

# Answer time and window, in seconds, where none is given.
DEVNET_TIMES = (60, 10)
USUAL_TIMES = (2 * 3_600, 4 * 3_600)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=example("assay request credit --input .assay/applicant.json --window 5 --wait"))(request)


def request(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Id, beginning of id or digest, or a devnet's name.")],
    input_file: Annotated[
        Path, typer.Option("--input", "-i", help="Tensors: .npz, .npy, .json, or packed big-endian bytes.")
    ],
    operator: Annotated[
        str | None,
        typer.Option(parser=parse_address, metavar="ADDRESS", help="Who alone may answer [default: anybody]"),
    ] = None,
    fee: Annotated[int | None, typer.Option(min=0, metavar="GWEI", help="Paid to the operator at the end.")] = None,
    bond: Annotated[int | None, typer.Option(min=0, metavar="GWEI", help="What the operator stakes.")] = None,
    challenger_bond: Annotated[
        int | None, typer.Option(min=0, metavar="GWEI", help="What each challenger stakes.")
    ] = None,
    answer_time: Annotated[int | None, typer.Option(metavar="SECONDS", help="In which an answer must come.")] = None,
    window: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="In which the answer can be challenged.")
    ] = None,
    software: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="First six bytes of the operator's software hash. Self-declared."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="See it through and show the answer.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Longest wait [default: its times and 2 min]")
    ] = None,
    json: Json = False,
) -> None:
    """Ask for an inference. The fee is escrowed now; length, dtypes and shapes are checked before.

    Terms that are not given: on a devnet 60 s to answer and a window of 10 s, elsewhere 2 and 4 hours; bonds twice
    the least that the oracle takes, and a fee that covers an answer's gas at twice the base fee.

    Exit codes with --wait: 0 final, 8 not final in time, 11 expired or void.
    """
    from eth_utils.crypto import keccak  # noqa: PLC0415

    from oracle.canonical.tensor import encode  # noqa: PLC0415
    from oracle.chain.policy import amended, check_policy, sensible_policy  # noqa: PLC0415
    from oracle.chain.protocol import InputKind, ModelId, Request  # noqa: PLC0415
    from oracle.cli.catalogue import find, input_names, published  # noqa: PLC0415
    from oracle.cli.waiting import answer_of, wait_until_ended  # noqa: PLC0415
    from oracle.errors import ModelError  # noqa: PLC0415
    from oracle.inference.inputs import read_input  # noqa: PLC0415
    from oracle.services.context import open_sender  # noqa: PLC0415

    pinned = None if software is None else parse_software(software)
    with session(context).chain() as chain:
        with working("Reading the registry"):
            listing = find(published(chain), model)
            if listing.model is None:
                raise ModelError(
                    f"The model {listing.title} uses a dtype this version does not know.", hint="Upgrade assay."
                )
            specs = listing.model.inputs
            names = input_names(chain.settings, listing, len(specs))
        packed = encode(read_input(input_file, specs, names), specs)
        parameters, block = chain.oracle.parameters(chain.provider), chain.provider.block("latest")
        times = DEVNET_TIMES if chain.settings.devnet else USUAL_TIMES
        policy = amended(
            sensible_policy(parameters, block.base_fee, answer_time=times[0], window=times[1]),
            operator=operator,
            fee=fee,
            operator_bond=bond,
            challenger_bond=challenger_bond,
            answer_time=answer_time,
            window=window,
            software=pinned,
        )
        check_policy(policy, parameters, block.base_fee)
        with open_sender(chain) as sender:
            asked = Request(
                sender.address,
                token_bytes(32),
                ModelId(listing.model_id),
                InputKind.BYTES,
                keccak(packed),
                policy,
            )
            request_id = asked.id(chain.provider.chain_id, chain.oracle.address)
            with working("Asking"):
                mined = sender.execute(chain.oracle.request(asked, packed), purpose="request")
        result: dict[str, Any] = {
            "request_id": show_hex(request_id),
            "model": listing.title,
            "model_id": show_hex(listing.model_id),
            "requester": asked.requester,
            "operator": None if policy.is_open else policy.operator,
            "fee_gwei": policy.fee,
            "operator_bond_gwei": policy.operator_bond,
            "challenger_bond_gwei": policy.challenger_bond,
            "answer_time": policy.answer_time,
            "window": policy.window,
            "transaction": show_hex(mined.hash),
            "block": mined.block_number,
            "gas_used": mined.gas_used,
        }
        if not json:
            print_pairs(
                [
                    ("request", show_hex(request_id)),
                    ("model", listing.title),
                    ("operator", "anybody" if policy.is_open else policy.operator),
                    ("fee", f"{show_gwei(policy.fee)}, escrowed"),
                    ("bonds", f"operator {show_gwei(policy.operator_bond)}, "
                              f"challenger {show_gwei(policy.challenger_bond)}"),
                    ("times", f"answered within {show_duration(policy.answer_time)}, "
                              f"then {show_duration(policy.window)} to challenge"),
                    ("transaction", f"{show_hex(mined.hash)} ({mined.gas_used:,} gas)"),
                ]
            )  # fmt: skip
        if not wait:
            if json:
                print_json(result)
            else:
                say(f"See what becomes of it with `assay status {show_hex(request_id)[:10]}`.")
            return
        limit = timeout if timeout is not None else policy.answer_time + policy.window + 120.0
        wait_until_ended(chain, request_id, policy, limit, say)
        answer = answer_of(chain, listing, request_id, mined.block_number)
        if json:
            print_json({**result, "status": "FINAL", **answer.to_json()})
            return
        print_pairs(answer.lines())
