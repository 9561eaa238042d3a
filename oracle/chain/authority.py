"""Who may do what, and the worst it can do: every function of the deployed contracts that can change state, explained.

What exists comes from the ABIs. A test fails on a function without an explanation here, and on an explanation without
its function; so does `rights`.
"""

from dataclasses import dataclass
from typing import Final

from oracle.chain.abi import artifact

CONTRACTS: Final = ("InferenceOracle", "ModelRegistry", "Dispute")
"""The contracts that keep state or announce."""

PURE: Final = (
    "StepVerifier",
    "Recomputer",
    "Scalars",
    "Elementary",
    "Trigonometry",
    "ProgramFaults",
    "InputFaults",
    "AnswerFaults",
)
"""The contracts that only compute: no function of theirs can change state."""

_DISPUTE = "the dispute contract"
_SIGNED = "anyone with the operator's signature"
_PROOF = "choose the moment at which a game that is lost ends; who is paid does not depend on the sender"
_VOID = "choose the moment at which the request of a malformed program ends; the operator pays as if refuted"

_EXPLAINED: Final = {
    "InferenceOracle": {
        "request": ("anyone, for itself", "spend its own fee on terms that it chose badly"),
        "requestRoots": (
            "anyone, for itself",
            "ask on an input that nobody can fetch, so that its answer cannot be checked",
        ),
        "expire": ("anyone, once the time to answer is over", "nothing: the fee goes back to the requester"),
        "answer": (
            "the operator, for itself",
            "post a wrong answer, with its bond behind it; in an open request, before others",
        ),
        "answerFor": (_SIGNED, "post what the operator signed, at a time of its choice up to `validUntil`"),
        "answerMany": ("the operator, for itself", "as `answer`"),
        "answerManyFor": (_SIGNED, "as `answerFor`"),
        "settle": (
            "anyone, once the window is over",
            "make final without calling the consumer: delivery is then another call",
        ),
        "settleMany": ("anyone, once the windows are over", "as `settle`"),
        "deliver": ("anyone, until it has succeeded once", "choose the moment of the callback"),
        "finalize": ("anyone, once the window is over", "choose the moment of finality and callback"),
        "finalizeMany": ("anyone, once the windows are over", "as `finalize`"),
        "onChallenged": (_DISPUTE, "hold any answer in dispute from within its window; it does so for a bond"),
        "refute": (
            _DISPUTE,
            "take the bond of any disputed answer, name who gets half of it; it does so on a proof or a silence",
        ),
        "uphold": (_DISPUTE, "make any disputed answer final; it does so when its time is over and nothing is open"),
        "void": (
            _DISPUTE,
            "take the bond of any disputed answer and end its request; it does so on a proof against the program",
        ),
        "deposit": ("anyone", "give its ether to somebody else's stake"),
        "withdraw": ("each account, its own free stake", "withdraw stake that is not locked"),
    },
    "ModelRegistry": {
        "publish": ("anyone", "announce a model whose file or program does not exist or is not what it claims"),
        "addMirrors": ("anyone", "announce places that serve nothing, or something else"),
        "publishEnvironment": ("anyone", "announce an environment it does not have"),
    },
    "Dispute": {
        "challenge": (
            "anyone with the challenger bond, within the window",
            "delay a right answer, by a bounded time, at the price of the bond",
        ),
        "postTrace": (
            "the answer's operator, once, in its time",
            "fix a trace that loses its own bond; of a right answer too",
        ),
        "postTraceFor": (_SIGNED, "post what the operator signed"),
        "openChain": (
            "anyone with another bond, in the time for openings",
            "delay the end, by at most K demands' time for each bond",
        ),
        "demand": (
            "a chain's owner, in its time",
            "as `openChain`, within its bond; copy a demand ahead of its author, and so the finder's share",
        ),
        "reveal": ("anyone, before the demand is due", "show what the trace's own hashes bind: nothing else fits"),
        "revealMany": ("anyone, before the demands are due", "as `reveal`"),
        "proveStep": ("anyone with a proof", _PROOF),
        "proveConstant": ("anyone with a proof", _PROOF),
        "proveInput": ("anyone with a proof", _PROOF),
        "proveInputRoot": ("anyone with a proof", _PROOF),
        "proveAnswer": ("anyone with a proof", _PROOF),
        "proveModel": ("anyone with a proof", _VOID),
        "proveHeader": ("anyone with a proof", _VOID),
        "proveNode": ("anyone with a proof", _VOID),
        "proveOperand": ("anyone with a proof", _VOID),
        "forfeitTrace": ("anyone, once the trace is overdue", "nothing: who was silent has lost"),
        "forfeitDemand": ("anyone, once the demand is overdue", "nothing: who was silent has lost"),
        "resolve": ("anyone, once the time is over and no demand is open", "choose the moment of finality"),
        "claim": ("anyone, after a verdict against the operator", "nothing: the chain's owner is credited"),
        "withdraw": ("each account, its own credit", "pay out its own credit"),
    },
}


@dataclass(frozen=True, slots=True)
class Right:
    """A function that can change state, who may call it, and the worst that caller can do with it."""

    contract: str
    function: str
    who: str
    worst: str


def state_changing(contract: str) -> list[str]:
    """The functions of a packaged contract that can change state, in its ABI's order; `receive` and the like too."""
    return [
        entry.get("name", entry["type"])
        for entry in artifact(contract).abi
        if entry["type"] in {"function", "fallback", "receive"} and entry["stateMutability"] not in {"view", "pure"}
    ]


def unexplained() -> list[str]:
    """What this module and the ABIs do not share, as `Contract.function`: one of them has it, the other does not."""
    existing = {f"{contract}.{name}" for contract in CONTRACTS for name in state_changing(contract)}
    told = {f"{contract}.{name}" for contract, functions in _EXPLAINED.items() for name in functions}
    return sorted(existing ^ told)


def rights() -> list[Right]:
    """The whole map, by contract, in the order of a request's life; raises `LookupError` where it is not complete."""
    if missing := unexplained():
        raise LookupError(f"Nobody has said who may call {', '.join(missing)}, or it does not exist.")
    return [Right(contract, name, *told) for contract, names in _EXPLAINED.items() for name, told in names.items()]


def table() -> str:
    """The map as a Markdown table."""
    return "\n".join(
        [
            "| contract | function | who | the worst it can do |",
            "|---|---|---|---|",
            *(f"| {right.contract} | `{right.function}` | {right.who} | {right.worst} |" for right in rights()),
        ]
    )
