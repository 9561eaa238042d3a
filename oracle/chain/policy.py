"""What terms a deployment admits, checked before money moves, and terms to start from. Pure.

The rules are those of `_checkPolicy` in `contracts/InferenceOracle.sol`. Amounts are gwei, times seconds.
"""

from dataclasses import replace

from oracle.chain.calls import Parameters
from oracle.chain.protocol import GWEI, ZERO_ADDRESS, Policy
from oracle.errors import RejectedError

MAX_DURATION = 2**31
_WHOLE = 10_000
_LEAST_FEE = 1_000
_LEAST_BOND = 1_000_000
_ANSWER_GAS = 200_000
"""Answering and settling one request, generously: what a fee should pay for."""

_DURATIONS = (
    ("answer time", "answer_time", "min_answer_time"),
    ("window", "window", "min_window"),
    ("trace time", "trace_time", "min_trace_time"),
    ("proof period", "proof_period", "min_proof_period"),
    ("move time", "move_time", "min_move_time"),
)


def least_bonds(parameters: Parameters, base_fee: int) -> tuple[int, int]:
    """The least operator's and challenger's bond, in gwei, at a base fee in wei a gas."""
    conviction = parameters.challenge_gas * base_fee * _WHOLE
    defence = parameters.defence_gas * base_fee * _WHOLE
    return _up(conviction, parameters.finder_share * GWEI), _up(defence, parameters.upheld_share * GWEI)


def sensible_policy(parameters: Parameters, base_fee: int, *, answer_time: int, window: int) -> Policy:
    """Terms a deployment admits with room to spare: open to all, moves of a dispute as long as the window.

    The fee covers the gas of an answer at twice the base fee; bonds are twice the least ones, so that a base fee
    that rises before the request is mined does not refuse it.
    """
    operator_bond, challenger_bond = (max(2 * bond, _LEAST_BOND) for bond in least_bonds(parameters, base_fee))
    return Policy(
        operator=ZERO_ADDRESS,
        fee=max(_up(2 * _ANSWER_GAS * base_fee, GWEI), _LEAST_FEE),
        operator_bond=max(operator_bond, challenger_bond),
        challenger_bond=challenger_bond,
        answer_time=max(answer_time, parameters.min_answer_time),
        window=max(window, parameters.min_window),
        trace_time=max(window, parameters.min_trace_time),
        proof_period=max(window, parameters.min_proof_period),
        move_time=max(window, parameters.min_move_time),
    )


def amended(policy: Policy, **changes: object) -> Policy:
    """`policy` with those changes that are not None.

    A challenger's bond that is not named never exceeds the operator's.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    changed: Policy = replace(policy, **given)  # type: ignore[arg-type]  # the fields of a Policy, by name
    if "challenger_bond" not in given:
        changed = replace(changed, challenger_bond=min(changed.challenger_bond, changed.operator_bond))
    return changed


def check_policy(policy: Policy, parameters: Parameters, base_fee: int) -> None:
    """Raise `RejectedError` with the first rule `policy` breaks at a base fee in wei a gas."""
    for name, field, minimum in _DURATIONS:
        given, least = getattr(policy, field), getattr(parameters, minimum)
        if not least <= given < MAX_DURATION:
            raise RejectedError(
                f"The {name} of {given} s is out of range: the oracle takes {least} to {MAX_DURATION - 1} s.",
                hint=f"Choose at least {least} s.",
            )
    if policy.challenger_bond > policy.operator_bond:
        raise RejectedError(
            f"The challenger's bond of {policy.challenger_bond} gwei exceeds the operator's of "
            f"{policy.operator_bond} gwei.",
            hint="Lower the one or raise the other.",
        )
    least_operator, least_challenger = least_bonds(parameters, base_fee)
    for who, bond, least in (
        ("operator", policy.operator_bond, least_operator),
        ("challenger", policy.challenger_bond, least_challenger),
    ):
        if bond < least:
            raise RejectedError(
                f"The {who}'s bond of {bond} gwei is too small: at a base fee of {base_fee / GWEI:.3g} gwei the "
                f"oracle takes {least} gwei or more, so that a dispute pays for its gas.",
                hint="Take twice that: the base fee may rise before the request is mined.",
            )
    try:
        policy.pack()
    except OverflowError as error:
        raise RejectedError(f"A term of the policy is too large: {error}.", hint="Choose a smaller one.") from None


def _up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
