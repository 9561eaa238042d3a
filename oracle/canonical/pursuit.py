"""What a challenger does next: finds the first tensor that is wrong, in it the first element, and the proof.

Pure: a move follows from the challenger's own canonical trace, what is known of the posted one, and the answer. The
first tensor whose root differs has operands that do not, so they are opened with the challenger's own data.
"""

from collections.abc import Container
from dataclasses import dataclass, replace

from oracle.canonical.claims import OutputElement, SourceClaim
from oracle.canonical.commit import LEAF_BYTES, Tree
from oracle.canonical.layers import TRACE, Position, shown, trace_position, way_to
from oracle.canonical.model import Model
from oracle.canonical.posted import KnownTree, Posted
from oracle.canonical.program.node import Kind
from oracle.canonical.prove import CommittedProgram, CommittedTrace, StepProof, encode_run
from oracle.canonical.tensor import DType, decode
from oracle.canonical.tolerance import wrong_elements
from oracle.errors import ProofError


@dataclass(frozen=True, slots=True)
class Case:
    """What is disputed: the packed answer to a model's request, which gave its packed input, or one root per input."""

    model: Model
    given: bytes | tuple[bytes, ...]
    answer: bytes


@dataclass(frozen=True, slots=True)
class DemandMove:
    """Demand `position`; with the node and its path where nobody has demanded anything in its tensor, else without."""

    position: Position
    node: bytes
    node_path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class StepClaim:
    """Prove that an element is not what its node says."""

    proof: StepProof


@dataclass(frozen=True, slots=True)
class ConstantClaim:
    """Prove that the trace has another root for a CONST node than the program."""

    claim: SourceClaim


@dataclass(frozen=True, slots=True)
class InputClaim:
    """Prove that the trace has another root for an INPUT node than the request's packed input `given`."""

    claim: SourceClaim
    given: bytes


@dataclass(frozen=True, slots=True)
class InputRootClaim:
    """Prove that the trace has another root for an INPUT node than the request, which carries `given`."""

    claim: SourceClaim
    given: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AnswerClaim:
    """Prove that the answer's length is wrong, or an element is not right by the trace."""

    element: OutputElement


@dataclass(frozen=True, slots=True)
class NothingWrong:
    """Trace and answer are right."""


Move = DemandMove | StepClaim | ConstantClaim | InputClaim | InputRootClaim | AnswerClaim | NothingWrong


def pursue(mine: CommittedTrace | None, posted: Posted, case: Case, demanded: Container[Position] = ()) -> Move:
    """The next move against a posted trace; `demanded` are the positions that anyone has demanded so far.

    `mine` is the canonical trace. It is None only where the request's input has another length, or another number of
    roots, than the model's: then no trace is right, and an INPUT node shows it. Raises `ProofError` where there is no
    canonical trace and no INPUT node.
    """
    if len(case.answer) != sum(spec.nbytes for spec in case.model.output_tensors):
        return AnswerClaim(OutputElement(0, 0, b"", ()))
    if mine is None:
        return _unfit_input(posted, case)
    if posted.root == mine.root:
        return _answer(mine, case)
    found = _first_difference(TRACE, posted.trace, mine.tree)
    if isinstance(found, Position):
        return DemandMove(found, b"", ())
    node = mine.program.nodes[found]
    if node.kind in (Kind.INPUT, Kind.CONST):
        return _source(mine.program, posted, case, found, mine.tree)
    return _within(mine, posted, found, demanded)


def _first_difference(tensor: int, posted: KnownTree, mine: Tree) -> Position | int:
    """The first leaf in which two trees differ, or the position that must be revealed to find it.

    A tree that differs behind its last leaf alone leads to a position that cannot be revealed.
    """
    position = Position(tensor, 0, 0)
    while True:
        where = shown(position, posted.leaves)
        row = posted.row(where) if where and where.count else None
        if where is None or row is None:
            return position
        level = posted.depth - where.depth
        differing = (where.first + i for i, node in enumerate(row) if node != mine.at(level, where.first + i))
        first = next(differing, None)
        if first is None:
            raise ProofError(f"what was revealed at {position} is canonical, though its hash is not.")
        if where.are_leaves:
            return first
        position = Position(tensor, position.layer + 1, first)


def _within(mine: CommittedTrace, posted: Posted, tensor: int, demanded: Container[Position]) -> Move:
    """The next move in the first tensor that differs."""
    program, own, tree = mine.program, mine.tensors[tensor], posted.tree_of(tensor)
    found = _first_difference(tensor, tree, own.tree)
    if isinstance(found, Position):
        if found.layer or found in demanded:
            return DemandMove(found, b"", ())
        return DemandMove(found, program.encoded[tensor], program.path(tensor))
    node = program.nodes[tensor]
    data = posted.leaf(tensor, found)
    if data is None:
        raise ProofError(f"leaf {found} of tensor {tensor} is known by its hash alone.")
    element = (found * LEAF_BYTES + _first_byte(data, own.leaves(found, 1))) // node.dtype.size
    proof = mine.prove(tensor, element)
    opened = zip(node.operands, proof.operand_paths, strict=True)
    return StepClaim(
        replace(
            proof,
            operand_paths=tuple(posted.trace.path(operand.node, mine.tree) if path else () for operand, path in opened),
            result=encode_run(found, data, tree.path(found)),
            result_path=posted.trace.path(tensor, mine.tree),
        )
    )


def _first_byte(data: bytes, other: bytes) -> int:
    return next(i for i, (a, b) in enumerate(zip(data, other, strict=True)) if a != b)


def _source(program: CommittedProgram, posted: Posted, case: Case, index: int, elsewhere: Tree | None) -> Move:
    """The claim about an INPUT or CONST node whose root is known."""
    root = posted.root_of(index)
    if root is None:
        raise ProofError(f"the root of tensor {index} is known by its hash alone.")
    path = posted.trace.path(index, elsewhere)
    claim = SourceClaim(index, program.encoded[index], program.path(index), root, path)
    if program.nodes[index].kind is Kind.CONST:
        return ConstantClaim(claim)
    return InputClaim(claim, case.given) if isinstance(case.given, bytes) else InputRootClaim(claim, case.given)


def _unfit_input(posted: Posted, case: Case) -> Move:
    """The claim about the first INPUT node, or the demand that leads to its root."""
    nodes = posted.program.nodes
    index = next((k for k, node in enumerate(nodes) if node.kind is Kind.INPUT), None)
    if index is None:
        raise ProofError("the program reads no input: run it, whatever the request gives.")
    for position in way_to(trace_position(len(nodes), index)):
        where = shown(position, len(nodes))
        if where is None or posted.trace.row(where) is None:
            return DemandMove(position, b"", ())
    return _source(CommittedProgram(posted.program), posted, case, index, None)


def _answer(mine: CommittedTrace, case: Case) -> Move:
    """The claim about the first element of the answer that is not right by the canonical trace."""
    specs = case.model.outputs
    first_output = len(mine.tensors) - len(specs)
    canonical = [tensor.flat for tensor in mine.tensors[first_output:]]
    truth = [
        flat != 0 if spec.tensor.dtype is DType.BOOL else flat.view(spec.tensor.dtype.numpy)
        for flat, spec in zip(canonical, specs, strict=True)
    ]
    wrong = wrong_elements(decode(case.answer, case.model.output_tensors), truth, specs)
    if not wrong:
        return NothingWrong()
    output, element = wrong[0]
    tensor = first_output + output
    (run,) = mine.tensors[tensor].open([element])
    return AnswerClaim(OutputElement(output, element, run, tuple(mine.tree.path(0, tensor))))
