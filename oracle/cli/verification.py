"""What `assay verify` concludes, in words and as JSON; and what it does not prove."""

from dataclasses import dataclass
from typing import Any

import oracle
from oracle.chain.events import Refuted, Voided
from oracle.chain.games import Game
from oracle.chain.protocol import InputKind
from oracle.chain.protocol import Verdict as GameVerdict
from oracle.cli.evidence import AnswerSeen, Evidence
from oracle.cli.judged import Judged
from oracle.cli.show import printable
from oracle.cli.tensors import plain_tensor, show_tensor
from oracle.cli.units import show_hex, show_time
from oracle.inference.checking import WrongElement
from oracle.inference.environment import declared_software
from oracle.services.verdict import Change, Standing, Verdict, change_of, standing_of, verdict_of

_SHOWN = 5
"""Wrong elements that are shown one by one."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The whole: what the chain shows, what the canonical run says, and what follows."""

    evidence: Evidence
    judged: Judged
    standing: Standing
    verdict: Verdict
    change: Change


def conclude(evidence: Evidence, judged: Judged) -> Verification:
    """What follows from both."""
    policy = evidence.requested.request.policy
    standing = standing_of(
        evidence.status, policy, evidence.ending, evidence.game, evidence.now, disputes=evidence.disputes
    )
    verdict = verdict_of(judged.is_right, standing)
    return Verification(
        evidence, judged, standing, verdict, change_of(standing, evidence.status, policy, evidence.game)
    )


def not_proven(found: Verification, endpoints: str) -> list[str]:
    """What a verdict leaves open, for whoever relies on it."""
    evidence, judged = found.evidence, found.judged
    left = [
        f"That the chain is as {endpoints} shows it: hashes were checked against what it shows, no block's header was.",
        "That the contracts at these addresses are Assay's: their code was not compared.",
        "The environment: its operator declares it, and nothing proves it. Right is right whatever it ran on.",
        "That the model is good, or does what its author says: only that its program is what this file compiles to "
        f"with assay {oracle.__version__}.",
        "That this program and the contracts compute the same: both are tested against each other, not proven.",
    ]
    published = evidence.published.model if evidence.published else None
    if judged.is_right and published is not None and any(spec.atol or spec.rtol for spec in published.outputs):
        left.append("That the answer is the canonical result: it is within the tolerance that the model's id binds.")
    if evidence.answer is not None and evidence.finalized is not True:
        left.append(
            "That the chain keeps the answer's block: a reorg can still remove it."
            if evidence.finalized is False
            else "That the chain keeps the answer's block: this endpoint does not say which blocks are final."
        )
    if found.verdict is Verdict.RIGHT_PROVISIONAL:
        left.append("That it becomes final: an operator that does not defend a right answer in time loses it.")
    return left


def lines(found: Verification) -> list[tuple[str, str]]:
    """It for a person, without what is not proven."""
    evidence, answer = found.evidence, found.evidence.answer
    shown = [
        ("verdict", found.verdict.words.upper() + _why(found)),
        ("request", show_hex(evidence.request_id)),
        ("model", show_hex(evidence.requested.request.model_id)),
        *_model_lines(found.judged),
        ("input", _input(evidence)),
    ]
    if answer is not None:
        event = answer.event
        shown += [
            (
                "answer",
                f"attempt {event.attempt} of {evidence.attempts}, by {event.operator}, {show_time(answer.time)}",
            ),
            *_tensor_lines(found.judged),
        ]
    until = f", until {show_time(found.change.until)}" if found.change.until is not None else ""
    shown += [("standing", found.standing.value), ("who can change it", found.change.words + until)]
    if evidence.game is not None:
        shown.append(("dispute", _game(evidence.game)))
    if answer is not None:
        shown += [("environment", _environment(answer, evidence.manifest)), ("signature", answer.authorship.words)]
    return shown


def to_json(found: Verification, endpoints: str) -> dict[str, Any]:
    """It for a program."""
    evidence, judged, answer = found.evidence, found.judged, found.evidence.answer
    request, game, published = evidence.requested.request, evidence.game, evidence.published
    return {
        "verdict": found.verdict.name,
        "exit_code": int(found.verdict),
        "words": found.verdict.words,
        "reason": judged.reason,
        "request_id": show_hex(evidence.request_id),
        "block": evidence.head,
        "model": {
            "model_id": show_hex(request.model_id),
            "published": published is not None,
            "program_root": show_hex(published.model.program_root) if published and published.model else None,
            "onnx_digest": show_hex(published.onnx_digest) if published else None,
            "compiled_program_root": show_hex(judged.compiled.program_root) if judged.compiled else None,
            "file_digest": show_hex(judged.compiled.onnx_digest) if judged.compiled else None,
            "same_program": judged.same_program,
            "same_file": judged.same_file,
        },
        "input": {"kind": request.input_kind.name, "hash": show_hex(request.input_hash), "places": evidence.places},
        "answer": None if answer is None else _answer_json(answer, evidence),
        "right": judged.is_right,
        "problem": judged.checked.problem if judged.checked else None,
        "wrong_elements": len(judged.checked.wrong) if judged.checked else None,
        "first_wrong": [_wrong_json(each) for each in judged.checked.wrong[:_SHOWN]] if judged.checked else [],
        "canonical": [plain_tensor(tensor) for tensor in judged.checked.canonical] if judged.checked else None,
        "standing": found.standing.name,
        "changeable_by": found.change.words,
        "changeable_until": found.change.until,
        "game": None if game is None else {
            "game_id": show_hex(game.id),
            "verdict": game.verdict.name,
            "opener": game.opener,
            "challenged_at": game.challenged_at,
            "ended_at": game.ended_at,
            "ending": None if game.ending is None else type(game.ending).__name__,
        },
        "not_proven": not_proven(found, endpoints),
    }  # fmt: skip


def _why(found: Verification) -> str:
    checked = found.judged.checked
    if found.verdict is Verdict.UNJUDGED and found.judged.reason:
        return f": {found.judged.reason}"
    if checked is not None and checked.problem:
        return f": {checked.problem}"
    if checked is not None and checked.wrong:
        count = len(checked.wrong)
        return f": {count:,} {'element is' if count == 1 else 'elements are'} beyond the tolerance"
    return ""


def _model_lines(judged: Judged) -> list[tuple[str, str]]:
    if judged.compiled is None:
        return [("file", judged.reason or "it was not compared")]
    program = "the published one" if judged.same_program else "NOT the published one"
    digest = "the published one" if judged.same_file else "NOT the published one, which does not matter to the program"
    return [
        ("program", f"{show_hex(judged.compiled.program_root)}, compiled from the file: {program}"),
        ("file", f"SHA-256 {judged.compiled.onnx_digest.hex()}: {digest}"),
    ]


def _input(evidence: Evidence) -> str:
    if evidence.requested.request.input_kind is InputKind.BYTES:
        return f"{len(evidence.requested.input):,} bytes on the chain, of the request's hash"
    places = printable(", ".join(evidence.places)) or "no place is named"
    return f"only its roots are on the chain ({places})"


def _tensor_lines(judged: Judged) -> list[tuple[str, str]]:
    if judged.checked is None:
        return []
    checked = judged.checked
    shown = [(f"output {slot}", show_tensor(tensor)) for slot, tensor in enumerate(checked.answer)]
    shown += [(f"canonical {slot}", show_tensor(tensor)) for slot, tensor in enumerate(checked.canonical)]
    for each in checked.wrong[:_SHOWN]:
        where = f"output {each.output}, element {list(each.index)}"
        shown.append(
            (
                "wrong",
                f"{where}: {each.answer} ({show_hex(each.answer_bits)}), canonically {each.canonical} "
                f"({show_hex(each.canonical_bits)}), {each.allowed:g} allowed",
            )
        )
    return shown


def _game(game: Game) -> str:
    told = f"{show_hex(game.id)}, opened by {game.opener}, {show_time(game.challenged_at)}"
    if game.verdict is GameVerdict.OPEN or game.ended_at is None:
        return f"{told}; open"
    return f"{told}; {game.verdict.name} by {type(game.ending).__name__}, {show_time(game.ended_at)}"


def _environment(answer: AnswerSeen, manifest: bytes | None) -> str:
    software = show_hex(answer.event.software)
    if manifest is None:
        return f"software {software}; its manifest is not published (self-declared: nothing proves it)"
    fits = "" if declared_software(manifest) == answer.event.software else "; its software is NOT that of the answer"
    return f"{printable(manifest.decode(errors='replace'))}{fits} (self-declared: nothing proves it)"


def _answer_json(answer: AnswerSeen, evidence: Evidence) -> dict[str, Any]:
    event, ending = answer.event, evidence.ending
    return {
        "attempt": event.attempt,
        "attempts": evidence.attempts,
        "operator": event.operator,
        "block": answer.block,
        "time": answer.time,
        "transaction": show_hex(answer.transaction),
        "block_is_final": evidence.finalized,
        "output": show_hex(event.output),
        "ending": None if ending is None else type(ending).__name__,
        "finder": ending.finder if isinstance(ending, Refuted | Voided) else None,
        "software": show_hex(event.software),
        "manifest": None if evidence.manifest is None else printable(evidence.manifest.decode(errors="replace")),
        "manifest_fits": None if evidence.manifest is None else declared_software(evidence.manifest) == event.software,
        "authorship": answer.authorship.value,
    }


def _wrong_json(each: WrongElement) -> dict[str, Any]:
    return {
        "output": each.output,
        "index": list(each.index),
        "answer": str(each.answer),
        "canonical": str(each.canonical),
        "answer_bits": show_hex(each.answer_bits),
        "canonical_bits": show_hex(each.canonical_bits),
        "allowed": each.allowed,
    }
