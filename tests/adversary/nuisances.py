"""Moves against an honest operator that the contract must refuse, at any time between its trace and the end."""

from collections.abc import Iterator
from dataclasses import replace

from oracle.canonical.claims import NodeOpening, OutputElement, SourceClaim
from oracle.canonical.commit import Tree
from oracle.canonical.layers import TRACE, Position, Revelation
from oracle.canonical.program.node import Kind
from oracle.canonical.pursuit import AnswerClaim, ConstantClaim, InputClaim, Move, StepClaim
from oracle.chain.calls import Call
from oracle.chain.dispute import DisputeContract
from oracle.chain.protocol import GWEI, GameId, Subject, checksum
from tests.adversary.game import play
from tests.adversary.liars import shifted, wrong_answer
from tests.adversary.scenes import Scene

_STRANGER = checksum("0x" + "57" * 20)


def nuisances(dispute: DisputeContract, scene: Scene, subject: Subject, game_id: GameId) -> list[tuple[str, Call]]:
    """Each with its name; from an account without a chain, credit or part in the answer."""
    return [
        *_too_early(dispute, scene, subject, game_id),
        *_impossible_demands(dispute, scene, subject, game_id),
        *_junk_revelations(dispute, scene, game_id),
        *_true_claims(dispute, scene, subject),
        *_program_claims(dispute, scene, subject),
        *(("a proof from another game", proof) for proof in _copied(dispute, scene, subject)),
    ]


def proof_call(dispute: DisputeContract, subject: Subject, scene: Scene, answer: bytes, move: Move) -> Call:
    """The call that proves what `pursue` found."""
    match move:
        case StepClaim(proof):
            return dispute.prove_step(subject, proof)
        case ConstantClaim(claim):
            return dispute.prove_constant(subject, claim)
        case InputClaim(claim, given):
            return dispute.prove_input(subject, scene.model, claim, given)
        case AnswerClaim(element):
            return dispute.prove_answer(subject, scene.model, answer, element)
    raise AssertionError(f"{move} is no proof")


def _too_early(dispute: DisputeContract, scene: Scene, subject: Subject, game_id: GameId) -> Iterator[tuple[str, Call]]:
    request, bond = subject.request, subject.request.policy.challenger_bond * GWEI
    node = scene.computed[0]
    program = scene.honest.program
    opening = (Position(node, 0, 0), program.encoded[node], program.path(node))
    roots = scene.honest.roots if len(scene.honest.roots) <= 256 else ()
    yield "a second challenge", dispute.challenge(request, subject.ref, scene.model, bond)
    yield "a second trace", dispute.post_trace(subject, scene.honest.root, roots)
    yield "a trace with no signature", dispute.post_trace_for(subject, scene.honest.root, roots, bytes(65))
    yield "a forfeit of the trace", dispute.forfeit_trace(subject)
    yield "a forfeit of no demand", dispute.forfeit_demand(subject, Position(len(program.nodes) + 1, 0, 0))
    yield "a verdict before the end", dispute.resolve(subject)
    yield "a claim before the end", dispute.claim(game_id, _STRANGER)
    yield "a withdrawal of nothing", dispute.withdraw(1, _STRANGER)
    yield "a demand without a chain", dispute.demand(game_id, *opening)
    for value in (0, bond - 1, bond + 1):
        yield f"a chain for {value} wei", dispute.open_chain(game_id, *opening, value)


def _impossible_demands(
    dispute: DisputeContract, scene: Scene, subject: Subject, game_id: GameId
) -> Iterator[tuple[str, Call]]:
    program = scene.honest.program
    bond, nodes = subject.request.policy.challenger_bond * GWEI, len(program.nodes)
    first = scene.computed[0]
    places = [Position(nodes, 0, 0), Position(TRACE - 1, 0, 0), Position(TRACE, 9, 0), Position(TRACE, 0, 1)]
    places += [Position(first, 0, 1), Position(first, 5, 0), Position(first, 255, 2**32 - 1)]
    places += [Position(k, 0, 0) for k, node in enumerate(program.nodes) if node.kind in (Kind.INPUT, Kind.CONST)][:3]
    for place in places:
        index = min(place.tensor, nodes - 1)
        call = dispute.open_chain(game_id, place, program.encoded[index], program.path(index), bond)
        yield f"a demand of {place}", call


def _junk_revelations(dispute: DisputeContract, scene: Scene, game_id: GameId) -> Iterator[tuple[str, Call]]:
    for node in scene.computed[:4]:
        right = scene.honest.reveal(Position(node, 0, 0))
        wrong = bytes((right.data[0] ^ 1,)) + right.data[1:]
        yield "a false revelation", dispute.reveal(game_id, replace(right, data=wrong))
        yield "a revelation without a path", dispute.reveal(game_id, replace(right, trace_path=()))
    yield "a revelation of nothing", dispute.reveal(game_id, Revelation(Position(TRACE, 8, 0), b"", (), ()))


def _true_claims(dispute: DisputeContract, scene: Scene, subject: Subject) -> Iterator[tuple[str, Call]]:
    """Every claim there is, about what is right."""
    honest, model = scene.honest, scene.model
    program = honest.program
    for k in scene.computed[:: max(1, len(scene.computed) // 8)]:
        if program.nodes[k].count:
            proof = honest.prove(k, program.nodes[k].count - 1)
            yield f"a proof that node {k} is right", dispute.prove_step(subject, proof)
            lying = replace(proof, result=proof.result[:-1] + bytes((proof.result[-1] ^ 1,)))
            yield f"a proof of another node {k}", dispute.prove_step(subject, lying)
    for k, node in enumerate(program.nodes):
        claim = SourceClaim(k, program.encoded[k], program.path(k), honest.roots[k], tuple(honest.tree.path(0, k)))
        if node.kind is Kind.CONST:
            yield f"a claim that constant {k} is right", dispute.prove_constant(subject, claim)
            yield f"a claim of another constant {k}", dispute.prove_constant(subject, replace(claim, root=bytes(32)))
        elif node.kind is Kind.INPUT:
            yield "a claim that the input is right", dispute.prove_input(subject, model, claim, scene.packed)
            yield "a claim of another input", dispute.prove_input(subject, model, claim, bytes(len(scene.packed)))
            yield "a claim of roots", dispute.prove_input_root(subject, model, claim, honest.roots[:1])
    output = len(program.nodes) - len(model.outputs)
    (run,) = honest.tensors[output].open([0])
    right = OutputElement(0, 0, run, tuple(honest.tree.path(0, output)))
    yield "a claim that the answer is right", dispute.prove_answer(subject, model, scene.answer, right)
    yield "a claim of another answer", dispute.prove_answer(subject, model, scene.answer + b"\0", right)


def _program_claims(dispute: DisputeContract, scene: Scene, subject: Subject) -> Iterator[tuple[str, Call]]:
    program, model = scene.honest.program, scene.model
    tree = Tree.over_leaves(program.encoded).hash
    yield "a claim against the model", dispute.prove_model(subject, model)
    yield "a claim against another model", dispute.prove_model(subject, replace(model, node_count=0))
    yield "a claim against the header", dispute.prove_header(subject, model, 1, len(program.nodes), tree)
    yield "a claim of another header", dispute.prove_header(subject, model, 2, len(program.nodes), tree)
    for k, node in list(enumerate(program.nodes))[-4:]:
        opening = NodeOpening(k, program.encoded[k], program.path(k))
        yield f"a claim against node {k}", dispute.prove_node(subject, model, opening)
        cut = replace(opening, node=opening.node[:-1])
        yield f"a claim against a part of node {k}", dispute.prove_node(subject, model, cut)
        for slot, operand in enumerate(node.operands):
            source = NodeOpening(operand.node, program.encoded[operand.node], program.path(operand.node))
            yield f"a claim against operand {slot}", dispute.prove_operand(subject, model, opening, slot, source)


def _copied(dispute: DisputeContract, scene: Scene, subject: Subject) -> Iterator[Call]:
    """What would convict liars over the same request, said of the honest answer."""
    last = scene.computed[-1]
    lies = [shifted(scene, 0, 0), shifted(scene, last, 0), wrong_answer(scene, 0)]
    lies += [shifted(scene, k, 0) for k, node in enumerate(scene.program.nodes) if node.kind is Kind.CONST][:1]
    for lie in lies:
        found = play(scene.honest, scene.program, scene.case(lie.answer), lie.trace)
        yield proof_call(dispute, subject, scene, lie.answer, found.last)
