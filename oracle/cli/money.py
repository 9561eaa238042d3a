"""`assay balance|deposit|withdraw`: an account's ether, its stake in the oracle, and its credit of disputes."""

from typing import Annotated

import typer

from oracle.cli.session import session
from oracle.cli.show import Json, example, print_json, print_pairs, working
from oracle.cli.units import parse_address, parse_ether, show_ether, show_hex

_ALL = "all"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=example("assay --as operator-1 balance"))(balance)
    app.command(epilog=example("assay --as operator-1 deposit 0.5"))(deposit)
    app.command(epilog=example("assay --as operator-1 withdraw all", "assay --as challenger withdraw all --credit"))(
        withdraw
    )


def balance(
    context: typer.Context,
    address: Annotated[
        str | None, typer.Argument(parser=parse_address, metavar="[ADDRESS]", help="Whose [default: your own]")
    ] = None,
    json: Json = False,
) -> None:
    """Ether for gas; stake: all of it, what is locked behind answers, what is free; credit of disputes.

    Shares of refuted bonds are in the stake, also a challenger's. Bonds that came back, and what upheld answers earned
    of others' bonds, are credit.
    """
    from eth_utils.address import to_checksum_address  # noqa: PLC0415

    from oracle.services.context import open_signer  # noqa: PLC0415

    with session(context).chain() as chain:
        account = open_signer(chain.settings).address if address is None else to_checksum_address(address)
        ether, stake = chain.provider.balance(account), chain.oracle.stake_of(chain.provider, account)
        credit = 0 if chain.dispute is None else chain.dispute.credit_of(chain.provider, account)
    if json:
        amounts = {
            "ether_wei": ether,
            "stake_wei": stake.balance,
            "locked_wei": stake.locked,
            "free_wei": stake.free,
            "credit_wei": credit,
        }
        print_json({"address": account, **{name: str(wei) for name, wei in amounts.items()}})
        return
    print_pairs(
        [
            ("account", account),
            ("ether for gas", f"{show_ether(ether)} ether"),
            ("stake", f"{show_ether(stake.balance)} ether"),
            ("  locked", f"{show_ether(stake.locked)} ether, behind answers that are not final"),
            ("  free", f"{show_ether(stake.free)} ether, can be withdrawn"),
            ("credit", f"{show_ether(credit)} ether of disputes, can be withdrawn"),
        ]
    )


def deposit(
    context: typer.Context,
    amount: Annotated[str, typer.Argument(metavar="ETHER", help="How much, such as 0.5.")],
    account: Annotated[
        str | None, typer.Option(parser=parse_address, metavar="ADDRESS", help="Whose stake [default: your own]")
    ] = None,
    json: Json = False,
) -> None:
    """Add ether to a stake. Operators answer with what is free of theirs."""
    from eth_utils.address import to_checksum_address  # noqa: PLC0415

    from oracle.services.context import open_sender  # noqa: PLC0415

    wei = parse_ether(amount)
    with session(context).chain() as chain, open_sender(chain) as sender:
        whose = sender.address if account is None else to_checksum_address(account)
        with working("Depositing"):
            mined = sender.execute(chain.oracle.deposit(whose, wei), purpose="deposit")
        stake = chain.oracle.stake_of(chain.provider, whose)
    if json:
        print_json(
            {
                "account": whose,
                "deposited_wei": str(wei),
                "stake_wei": str(stake.balance),
                "transaction": show_hex(mined.hash),
                "gas_used": mined.gas_used,
            }
        )
        return
    print_pairs(
        [
            ("deposited", f"{show_ether(wei)} ether for {whose}"),
            ("stake", f"{show_ether(stake.balance)} ether, {show_ether(stake.free)} of it free"),
            ("transaction", f"{show_hex(mined.hash)} ({mined.gas_used:,} gas)"),
        ]
    )


def withdraw(
    context: typer.Context,
    amount: Annotated[str, typer.Argument(metavar="ETHER|all", help="How much, such as 0.5, or all that is free.")],
    to: Annotated[
        str | None, typer.Option(parser=parse_address, metavar="ADDRESS", help="Where to [default: your own account]")
    ] = None,
    credit: Annotated[
        bool, typer.Option("--credit", help="Take it from the credit of disputes, not the stake.")
    ] = False,
    json: Json = False,
) -> None:
    """Take free stake out, or credit. What is locked behind answers becomes free when they are final."""
    from eth_utils.address import to_checksum_address  # noqa: PLC0415

    from oracle.errors import FundsError  # noqa: PLC0415
    from oracle.services.context import open_sender  # noqa: PLC0415

    asked = None if amount == _ALL else parse_ether(amount)
    if credit:
        _withdraw_credit(context, asked, to, json=json)
        return
    with session(context).chain() as chain, open_sender(chain) as sender:
        stake = chain.oracle.stake_of(chain.provider, sender.address)
        wei = stake.free if asked is None else asked
        if wei > stake.free or wei == 0:
            locked = (
                f"; {show_ether(stake.locked)} are locked behind answers that are not final" if stake.locked else ""
            )
            raise FundsError(
                f"{show_ether(stake.free)} ether of {sender.address}'s stake are free{locked}.",
                hint="Withdraw less, or wait until the answers are final."
                if stake.locked
                else "Nothing can be withdrawn."
                if stake.free == 0
                else f"Withdraw at most {show_ether(stake.free)}.",
            )
        receiver = sender.address if to is None else to_checksum_address(to)
        with working("Withdrawing"):
            mined = sender.execute(chain.oracle.withdraw(wei, receiver), purpose="withdraw")
        left = chain.oracle.stake_of(chain.provider, sender.address).balance
    if json:
        print_json(
            {
                "account": sender.address,
                "to": receiver,
                "withdrawn_wei": str(wei),
                "stake_wei": str(left),
                "transaction": show_hex(mined.hash),
                "gas_used": mined.gas_used,
            }
        )
        return
    print_pairs(
        [
            ("withdrawn", f"{show_ether(wei)} ether to {receiver}"),
            ("stake left", f"{show_ether(left)} ether"),
            ("transaction", f"{show_hex(mined.hash)} ({mined.gas_used:,} gas)"),
        ]
    )


def _withdraw_credit(context: typer.Context, asked: int | None, to: str | None, *, json: bool) -> None:
    from eth_utils.address import to_checksum_address  # noqa: PLC0415

    from oracle.errors import FundsError  # noqa: PLC0415
    from oracle.services.context import open_sender  # noqa: PLC0415

    with session(context).chain() as chain, open_sender(chain) as sender:
        dispute = chain.dispute
        available = 0 if dispute is None else dispute.credit_of(chain.provider, sender.address)
        wei = available if asked is None else asked
        if dispute is None or wei > available or wei == 0:
            raise FundsError(
                f"{sender.address} has {show_ether(available)} ether of credit.",
                hint=f"Withdraw at most {show_ether(available)}." if available else "Nothing can be withdrawn.",
            )
        receiver = sender.address if to is None else to_checksum_address(to)
        with working("Withdrawing"):
            mined = sender.execute(dispute.withdraw(wei, receiver), purpose="withdraw")
        left = dispute.credit_of(chain.provider, sender.address)
    if json:
        print_json(
            {
                "account": sender.address,
                "to": receiver,
                "withdrawn_wei": str(wei),
                "credit_wei": str(left),
                "transaction": show_hex(mined.hash),
                "gas_used": mined.gas_used,
            }
        )
        return
    print_pairs(
        [
            ("withdrawn", f"{show_ether(wei)} ether to {receiver}"),
            ("credit left", f"{show_ether(left)} ether"),
            ("transaction", f"{show_hex(mined.hash)} ({mined.gas_used:,} gas)"),
        ]
    )
