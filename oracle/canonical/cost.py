"""What the dearest one-step proof of a node costs: docs/canonical.md section 9.

An upper bound for every element and any contents of the tensors, computed from the node alone and by the same formula
as in `contracts/verifier/Cost.sol`. All numbers are integers; gas is that of the whole transaction (EIP-7623).
"""

from dataclasses import dataclass

from oracle.canonical.commit import LEAF_BYTES, depth_of, leaf_count
from oracle.canonical.program.encoding import encode_node
from oracle.canonical.program.node import Coordinate, Fn, Kind, Node
from oracle.canonical.program.program import Program
from oracle.canonical.reach import Opening, fold_sizes, folded_values, inner_axis, line, opening
from oracle.canonical.tensor import DType

MAX_PROOF_BYTES = 120_000
MAX_PROOF_GAS = 6_000_000
MAX_RUNS = 255
"""An opening counts its runs in one byte."""

WITHOUT_BOUND = 2**64 - 1
"""Gas and bytes of a node that may need more than `MAX_RUNS` runs of an operand."""

# Bytes
CALL_BYTES = 4096  # what a dispute passes besides the proof
PROOF_BYTES = 608  # the proof's own words
PATH_BYTES = 21 * 32
OPERAND_BYTES = 96  # words of the operand's path, and its number of runs
RUN_BYTES = 8

# Gas of a transaction
BASE_GAS = 21_000
BYTE_GAS = 16
FLOOR_BYTE_GAS = 40

# Gas of the verifier, measured
FIXED = 12_000
PATH = 17_700
DIM = 1_200
OPERAND = 3_500
COORDINATE = 500
TERM = 250
LEAF = 500
RUN = 1_850
SIBLING = 1_015
VIEW = 1_800
VIEW_COORDINATE = 640
VIEW_TERM = 145
VIEW_INDEX = 300
FIND = 440
LINE = 1_250
SEGMENT = 1_550
PIECE = 500
SINGLE = 1_350
PRODUCTS = 300
WORD = 1_030
PACK = 90
INTEGER_TERM = 290
INTEGER_PRODUCT = 200
ORDER_TERM = 410
FUNCTION = 4_500
ELEMENTARY = 12_000
POWER = 16_500
BRANCH = 3_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes of calldata and gas of one transaction."""

    bytes: int
    gas: int


def node_cost(node: Node) -> Cost:
    """The cost of the dearest one-step proof of a valid `node`; nothing for INPUT and CONST, which have none."""
    if node.kind in (Kind.INPUT, Kind.CONST):
        return Cost(0, 0)
    openings = [opening(node, slot) for slot in range(len(node.operands))]
    if any(o.runs > MAX_RUNS for o in openings):
        return Cost(WITHOUT_BOUND, WITHOUT_BOUND)
    opened = [*_needed_together(node, openings), Opening(1, 1, depth_of(leaf_count(node.count * node.dtype.size)))]
    nbytes = _bytes(node, opened)
    gas = _decoding(node) + sum(_hashing(o) for o in opened) + _computing(node, openings) + _memory(node, nbytes)
    return Cost(nbytes, BASE_GAS + max(BYTE_GAS * nbytes + gas, FLOOR_BYTE_GAS * nbytes))


def program_cost(program: Program) -> tuple[int, int]:
    """Gas of the dearest one-step proof of `program`, and the node that has it: the first of equals."""
    costs = [node_cost(node).gas for node in program.nodes]
    worst = max(range(len(costs)), key=lambda number: costs[number])
    return costs[worst], worst


def _needed_together(node: Node, openings: list[Opening]) -> list[Opening]:
    """Of what PICK chooses from, and of WHERE's branches, one operand is opened: the one of the tallest tree."""
    if node.kind is not Kind.MAP or node.fn not in (Fn.PICK, Fn.WHERE):
        return openings
    first = 0 if node.fn == Fn.PICK else 1
    choice = max(openings[first : node.values], key=lambda o: (o.leaves, o.depth))
    return [*openings[:first], choice, *openings[node.values :]]


def _bytes(node: Node, opened: list[Opening]) -> int:
    """`opened` are the operands that need to be, and the result."""
    fixed = CALL_BYTES + PROOF_BYTES + PATH_BYTES + len(encode_node(node)) + OPERAND_BYTES * len(node.operands)
    return fixed + sum(PATH_BYTES + RUN_BYTES * o.runs + LEAF_BYTES * o.leaves + 32 * o.siblings for o in opened)


def _decoding(node: Node) -> int:
    coordinates = [c for operand in node.operands for c in operand.view.coordinates]
    terms = sum(len(c.terms) for c in coordinates)
    parts = DIM * (len(node.dims) + len(node.fold)) + OPERAND * len(node.operands)
    return FIXED + PATH + parts + COORDINATE * len(coordinates) + TERM * terms


def _hashing(o: Opening) -> int:
    return PATH + RUN * o.runs + LEAF * o.leaves + SIBLING * o.siblings


def _memory(node: Node, nbytes: int) -> int:
    """What memory costs beyond its linear part: openings, copies of rows, what each piece leaves behind."""
    words = nbytes // 32 + node.fold_count // 4 + _line_count(node) * _pieces(node)
    return words * words // 256


def _computing(node: Node, openings: list[Opening]) -> int:
    if node.kind is Kind.MAP:
        return sum(_read(node, slot, openings) for slot in range(node.values)) + _function(node)
    if node.kind is Kind.TREE:
        branch = BRANCH + _finding(openings[1]) + _read(node, 0, openings)
        return node.depth * branch + FUNCTION + _read(node, 2, openings)
    single = range(folded_values(node), node.values) if node.kind is Kind.FOLD else range(1)
    return sum(_read(node, slot, openings) for slot in single) + _folding(node, openings)


def _read(node: Node, slot: int, openings: list[Opening]) -> int:
    return SEGMENT + _finding(openings[slot]) + _view(node, slot, openings)


def _finding(o: Opening) -> int:
    """Finding a run by bisection."""
    return FIND * o.runs.bit_length()


def _view(node: Node, slot: int, openings: list[Opening]) -> int:
    """Computing where a read is."""
    coordinates = node.operands[slot].view.coordinates
    gas = VIEW + _affine(coordinates)
    for c in coordinates:
        if c.index is not None:
            gas += VIEW_INDEX + _finding(openings[c.index]) + _affine(node.operands[c.index].view.coordinates)
    return gas


def _affine(coordinates: tuple[Coordinate, ...]) -> int:
    return VIEW_COORDINATE * len(coordinates) + VIEW_TERM * sum(len(c.terms) for c in coordinates)


def _line_size(node: Node) -> int:
    """Reads of a line along the innermost axis."""
    axis = inner_axis(node)
    return 1 if axis is None else fold_sizes(node)[axis - len(node.dims)]


def _line_count(node: Node) -> int:
    return node.fold_count // _line_size(node)


def _pieces(node: Node) -> int:
    """Parts of a line in which all operands' reads lie evenly."""
    slots = range(folded_values(node))
    return min(_line_size(node), sum(line(node, slot).segments for slot in slots) - len(slots) + 1)


def _folding(node: Node, openings: list[Opening]) -> int:
    gas = LINE + PIECE * _pieces(node) + _terms(node)
    for slot in range(folded_values(node)):
        read = line(node, slot)
        gas += read.views * _view(node, slot, openings) + read.segments * (SEGMENT + _finding(openings[slot]))
    return _line_count(node) * gas


def _terms(node: Node) -> int:
    """The terms of a line."""
    size, pieces = _line_size(node), _pieces(node)
    if pieces == size:
        return SINGLE * size
    if node.kind is Kind.RANK or Fn.FOLD_MAX <= node.fn <= Fn.FOLD_ARGMIN:
        return ORDER_TERM * size
    if node.dtype is not DType.FLOAT:
        return (INTEGER_PRODUCT if node.fn == Fn.FOLD_DOT else INTEGER_TERM) * size
    scattered = sum(line(node, slot).scattered for slot in range(folded_values(node)))
    return PRODUCTS * pieces + WORD * ((size + 7 * pieces) // 8) + PACK * scattered * size


def _function(node: Node) -> int:
    if node.fn == Fn.POW:
        return POWER
    return ELEMENTARY if node.fn >= Fn.EXP else FUNCTION
