"""Disputes as they happen, with real programs on a real chain.

Those told here are played side by side on one devnet, once; each test then looks at one of them. Where each story is:

| story | test |
|---|---|
| a hidden value is shifted: a step convicts | `test_seeing`, and here with a sham opener |
| another weight | here |
| another input | here |
| the right trace, another answer | `test_challenger`: convicted by an operator that watches |
| a tensor root of nothing | here |
| no trace, no defence | `test_challenger`, and here with a keeper instead of a challenger |
| silence at a demand | here |
| malicious challengers against an honest operator | here |
| the liar challenges itself first | here |
| a challenger is killed again and again | `test_challenger` |
| an operator is killed again and again | `test_defence` |
| two challengers race | here |
| a reorg swaps the trace | here |
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from oracle.canonical.claims import OutputElement
from oracle.canonical.layers import Position
from oracle.chain.events import (
    ChainOpened,
    Challenged,
    Claimed,
    Demanded,
    DemandForfeited,
    Proven,
    Revealed,
    Settled,
    TraceForfeited,
    TracePosted,
    Upheld,
)
from oracle.chain.protocol import GWEI, Fault, Status, checksum
from oracle.chain.sender import Sender
from oracle.demo.audit import Audit
from oracle.demo.devnet import Devnet
from oracle.demo.samples import digit_images, sample_model
from oracle.errors import RejectedError
from oracle.inference.canonical_model import compile_model
from oracle.inference.model_file import load_model_file
from tests.adversary import liars
from tests.adversary.liars import Lie
from tests.adversary.scenes import Scene
from tests.adversary.table import answer_is_right
from tests.e2e.asking import Asker
from tests.e2e.liar import Liar, scene_of
from tests.e2e.staging import ALL_OF_IT, Stage, staged
from tests.e2e.test_challenger import hidden

PROVEN = ("weight", "input", "shift", "race", "reorg")
SILENT = ("mute", "nothing")
REFUTED = (*PROVEN, *SILENT, "gone")
CHALLENGER, OPERATOR, KEEPER = "challenger", "operator-1", "keeper"
LATER = 8
"""A node of the digits model that is computed after the one that is shifted otherwise."""


@dataclass(frozen=True)
class Played:
    """What is left when all stories are over: the chain, who was who, and the books."""

    stage: Stage
    audit: Audit
    people: dict[str, str]


def shift(scene: Scene, element: int = 3) -> Lie:
    """A wrong hidden value, and all that follows from it."""
    lie = liars.shifted(scene, hidden(scene), element, by=1 << 24)
    assert not answer_is_right(scene.model, lie.answer, scene.answer)
    return lie


def of_nothing(scene: Scene) -> Lie:
    """A wrong answer behind a trace in which one tensor's root is no hash of anything."""
    trace = liars.truth(scene).trace
    trace.tensors[hidden(scene)].root = os.urandom(32)
    trace.commit()
    return replace(shift(scene), name="a tensor root of nothing", trace=trace)


def scenes(devnet: Devnet, asker: Asker) -> dict[str, Scene]:
    """The digits and the credit model, each with an input."""
    packed = {"digits": digit_images([0])[0].tensors[0].astype(">f4").tobytes(), "credit": asker.packed}
    programs = {name: compile_model(load_model_file(devnet.models[name].path)) for name in packed}
    return {name: scene_of(sample_model(name, programs[name]), programs[name], packed[name]) for name in packed}


@pytest.fixture(scope="module")
def played(devnet: Devnet, asker: Asker) -> Iterator[Played]:
    """Play everything: first what ends by proofs, then what ends when its time is over, then a reorg."""
    with staged(devnet, asker, scenes(devnet, asker)) as stage:
        before = stage.books()
        people = {role: devnet.accounts[role].address for role in (CHALLENGER, OPERATOR, KEEPER)}
        hired = {way: stage.hire(way) for way in ("weight", "input", "mute", "shift")}
        stage.serve(OPERATOR, "operator", "--model", str(devnet.models["credit"].path))
        stage.serve(KEEPER, "keeper")
        for way, operator in hired.items():
            stage.ask(way, "digits", operator)
        stage.ask("honest", "credit", people[OPERATOR])
        digits, credit = stage.scenes["digits"], stage.scenes["credit"]
        stage.lie("nothing", "digits", of_nothing(digits), stage.account())
        stage.lie("gone", "digits", liars.truth(digits), stage.account())
        stage.wait(lambda: all(map(stage.answer, (*hired, "honest"))), "all answers")
        sham, passer_by = stage.account(), stage.account()
        stage.challenge("shift", "digits", sham)
        stage.challenge("gone", "digits", passer_by)
        crowd = [stage.account() for _ in range(3)]
        stage.challenge("honest", "credit", crowd[0])
        people |= {"sham": sham.address, "passer_by": passer_by.address, "crowd": crowd[0].address}
        models = [str(devnet.models[name].path) for name in ("digits", "credit")]
        stage.serve(CHALLENGER, "challenger", "--model", models[0], "--model", models[1])
        stage.lie("race", "credit", shift(credit, element=0), stage.account())
        play_race(stage, people)
        play_malice(stage, crowd)
        stage.wait_for(Proven, PROVEN[:-1], "nothing", "race")
        stage.wait_for(Demanded, SILENT, "nothing")
        stage.pass_time(ALL_OF_IT)
        stage.wait_for(DemandForfeited, SILENT)
        stage.wait_for(TraceForfeited, ["gone"])
        stage.wait_for(Upheld, ["honest"])
        stage.lie("reorg", "digits", shift(digits), stage.account())
        play_reorg(stage)
        stage.wait_for(Claimed, REFUTED)
        stage.wait(lambda: all(len(stage.events(each, Claimed)) == 2 for each in ("shift", "race")), "both bonds")
        yield Played(stage, stage.audited(before), people)


def play_race(stage: Stage, people: dict[str, str]) -> None:
    """Both watch the model. Whoever was first is held until the other has a bond in the game too; then both prove."""
    stage.wait_for(Challenged, ["race"])
    (opened,) = stage.events("race", Challenged)
    with stage.held(CHALLENGER if opened.opener == people[CHALLENGER] else OPERATOR):
        stage.liars["race"].step()
        stage.wait_for(ChainOpened, ["race"])
    stage.liars["race"].step()


def play_malice(stage: Stage, crowd: list[Sender]) -> None:
    """Each demands another tensor of a right trace; and one claims that the answer is wrong."""
    stage.wait_for(TracePosted, ["honest"])
    scene, subject = stage.scenes["credit"], stage.subject("honest")
    for sender, tensor in zip(crowd, scene.computed, strict=False):
        stage.demand("honest", "credit", tensor, sender, bond=sender is not crowd[0])
    trace = liars.truth(scene).trace
    node = len(scene.program.nodes) - 1
    element = OutputElement(0, 0, trace.tensors[node].data[:256], tuple(trace.tree.path(0, node)))
    with pytest.raises(RejectedError):
        crowd[0].execute(stage.dispute.prove_answer(subject, scene.model, scene.answer, element), purpose="other")
    stage.wait(lambda: len(stage.events("honest", Revealed)) == len(crowd), "all reveals")


def play_reorg(stage: Stage) -> None:
    """When a demand is there the chain forgets it and the trace, and the liar posts the trace of another lie."""
    stage.wait_for(Challenged, ["reorg"])
    provider, anvil, liar, scene = (
        stage.asker.provider,
        stage.devnet.anvil,
        stage.liars["reorg"],
        stage.scenes["digits"],
    )
    kept = provider.block_number()
    liar.step()
    stage.wait_for(Demanded, ["reorg"])
    assert stage.events("reorg", Demanded)[0].position.tensor == hidden(scene) != LATER
    anvil.rpc("evm_setIntervalMining", 0)
    anvil.rpc("anvil_reorg", provider.block_number() - kept, [])
    assert stage.events("reorg", TracePosted) == []
    anvil.rpc("evm_setIntervalMining", 1)
    other = replace(liars.shifted(scene, LATER, 0, by=1 << 24), answer=liar.lie.answer)
    stage.liars["reorg"] = Liar(stage.renewed(liar.sender), liar.oracle, liar.dispute, liar.request, other)
    stage.wait_for(Proven, ["reorg"], "reorg")


def convicted(played: Played, story: str) -> Proven:
    """The one proof that ended a story's game; its request has ended without an answer."""
    (proven,) = played.stage.events(story, Proven)
    assert played.stage.status(story) is Status.EXPIRED
    return proven


def lost_bond(played: Played) -> int:
    """What each liar loses, in wei."""
    return played.stage.asker.policy.operator_bond * GWEI


def test_attack_39_another_weight_is_convicted_without_a_demand(played: Played) -> None:
    """A program's constants are known to all, so a root that differs is proof enough."""
    proven = convicted(played, "weight")
    assert (proven.fault, proven.prover) == (Fault.CONSTANT, played.people[CHALLENGER])
    assert played.stage.events("weight", Demanded) == []


def test_attack_39_another_input_is_convicted_without_a_demand(played: Played) -> None:
    """An answer to a question that nobody asked is no answer."""
    proven = convicted(played, "input")
    assert (proven.fault, proven.prover) == (Fault.INPUT, played.people[CHALLENGER])
    assert played.stage.events("input", Demanded) == []


def test_attack_37_a_root_of_nothing_is_forfeited(played: Played) -> None:
    """There is nothing below it that could be shown."""
    check_forfeited(played, "nothing")


def test_attack_38_silence_at_a_demand_is_forfeited(played: Played) -> None:
    """What is not shown is taken for what cannot be shown."""
    check_forfeited(played, "mute")


def check_forfeited(played: Played, story: str) -> None:
    """The demand that the challenger made first was the end."""
    (forfeited,) = played.stage.events(story, DemandForfeited)
    assert forfeited.finder == played.people[CHALLENGER]
    assert forfeited.position == Position(hidden(played.stage.scenes["digits"]), 0, 0)
    assert played.stage.events(story, Revealed) == []
    assert played.stage.status(story) is Status.EXPIRED


def test_attack_38_an_operator_that_never_comes_back_is_ended_by_a_keeper(played: Played) -> None:
    """Its answer was right, so no honest challenger has a part in it; the passer-by gets the bond back all the same."""
    (challenged,) = played.stage.events("gone", Challenged)
    (claimed,) = played.stage.events("gone", Claimed)
    assert {challenged.opener, claimed.owner} == {played.people["passer_by"]}
    assert len(played.stage.events("gone", TraceForfeited)) == 1
    game = played.stage.game("gone").hex()
    moves = [each["move"] for each in played.stage.workers[KEEPER].events("moved") if game in each["move"]]
    assert [each.split()[0] for each in moves] == ["end", "claim"]


def test_attack_12_an_honest_operator_outlives_malicious_challengers_and_is_paid(played: Played) -> None:
    """Right answers are safe: three quarters of every bond against one are the operator's."""
    (upheld,) = played.stage.events("honest", Upheld)
    bonds = 3 * played.stage.asked["honest"].policy.challenger_bond * GWEI
    assert (upheld.operator, upheld.credited) == (played.people[OPERATOR], bonds * 3 // 4)
    assert upheld.credited + upheld.burnt == bonds
    assert played.stage.status("honest") is Status.FINAL


def test_attack_8_9_a_liar_that_challenges_itself_first_is_convicted_by_another(played: Played) -> None:
    """The sham opener never moves again; the honest challenger has a chain and a bond of its own."""
    me, sham = played.people[CHALLENGER], played.people["sham"]
    assert [each.opener for each in played.stage.events("shift", Challenged)] == [sham]
    assert [each.owner for each in played.stage.events("shift", ChainOpened)] == [me]
    proven = convicted(played, "shift")
    assert (proven.fault, proven.prover, proven.finder) == (Fault.STEP, me, me)
    assert {each.owner for each in played.stage.events("shift", Claimed)} == {sham, me}
    stake = played.stage.asker.oracle.stake_of(played.stage.asker.provider, checksum(sham)).balance
    assert stake == lost_bond(played) // 10


def test_attack_50_of_two_challengers_that_race_one_convicts_and_both_get_their_bonds(played: Played) -> None:
    """Watching is safe only if being second costs no bond."""
    both, bond = {played.people[CHALLENGER], played.people[OPERATOR]}, played.stage.asked["race"].policy.challenger_bond
    (challenged,) = played.stage.events("race", Challenged)
    (opened,) = played.stage.events("race", ChainOpened)
    assert {challenged.opener, opened.owner} == both
    proven = convicted(played, "race")
    assert proven.prover in both
    assert proven.finder == opened.owner
    claimed = {each.owner: each.amount for each in played.stage.events("race", Claimed)}
    assert claimed == dict.fromkeys(both, bond * GWEI)


def test_attack_04_a_reorg_that_swaps_the_trace_leads_to_a_conviction_of_the_new_one(played: Played) -> None:
    """What was demanded of the trace that is gone is worth nothing; what to do follows from what the chain says now."""
    proven = convicted(played, "reorg")
    assert (proven.fault, proven.tensor, proven.prover) == (Fault.STEP, LATER, played.people[CHALLENGER])


def test_no_wrong_answer_became_final_and_the_money_is_all_there(played: Played) -> None:
    """Nine disputes, and every wei is an account's, the contracts', burnt, or paid for gas."""
    stage = played.stage
    final = {each.request_id for each in stage.asker.events() if isinstance(each, Settled)}
    assert final == {stage.id_of("honest")}
    answer, credit = stage.answer("honest"), stage.scenes["credit"]
    assert answer is not None
    assert answer_is_right(credit.model, answer.output, credit.answer)
    (upheld,) = stage.events("honest", Upheld)
    assert played.audit.burnt == len(REFUTED) * lost_bond(played) // 2 + upheld.burnt
