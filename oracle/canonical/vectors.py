"""Test vectors of canonical arithmetic, and the check of a way to compute against them.

A file of vectors is JSON: `{"about": text, "seed": number, "cases": [case, …]}`, a case being

- `{"fn": NAME, "x": [hex, …], "y": hex}`: a MAP function of float32, named as the ONNX operator (Add, Exp, Sigmoid …);
- `{"fn": "DOT" | "SUM" | "MEAN", "a": [hex, …], "b": [hex, …], "c": hex, "y": hex}`: a fold; b for DOT alone, c
  for DOT and SUM where there is one.

Hex are the 8 digits of a float32's bits; y is the canonical result. Each case becomes a node of one element, so that
whatever computes nodes (the reference, the fast path, the EVM) can be asked for it: it is a `ComputePath`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from oracle.canonical.program.node import Coordinate, Fn, Kind, Node, Operand, View
from oracle.canonical.program.validate import validate_node
from oracle.canonical.reference.element import element
from oracle.canonical.tensor import DType
from oracle.errors import InputError, ProgramError

_MAPS = {
    **{name.capitalize(): Fn[name] for name in ("ADD", "SUB", "MUL", "DIV", "MAX", "MIN", "ABS", "NEG", "SIGN", "POW")},
    **{name.capitalize(): Fn[name] for name in ("FLOOR", "CEIL", "ROUND", "SQRT", "RECIPROCAL", "EXP", "LOG", "ERF")},
    **{name.capitalize(): Fn[name] for name in ("SIGMOID", "SOFTPLUS", "TANH", "SINH", "COSH", "ASINH", "ACOSH")},
    **{name.capitalize(): Fn[name] for name in ("ATANH", "SIN", "COS", "TAN", "ASIN", "ACOS", "ATAN")},
    "PRelu": Fn.PRELU,
}
_FOLDS = {"DOT": Fn.FOLD_DOT, "SUM": Fn.FOLD_SUM, "MEAN": Fn.FOLD_MEAN}


@dataclass(frozen=True, slots=True)
class Case:
    """A node of one float32 element, the raw bits of its operands' elements, and the bits it must have."""

    name: str
    node: Node
    operands: tuple[tuple[int, ...], ...]
    expected: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Case `position` of those checked, and the bits a path computed instead of the expected ones."""

    position: int
    case: Case
    computed: int

    def __str__(self) -> str:
        operands = "; ".join(" ".join(f"{bits:08x}" for bits in column) for column in self.case.operands)
        return f"case {self.position}, {self.case.name}({operands}): {self.computed:08x}, not {self.case.expected:08x}."


class ComputePath(Protocol):
    """A way to compute elements."""

    @property
    def name(self) -> str:
        """What to call it in reports."""

    def compute(self, cases: Sequence[Case]) -> list[int]:
        """The bits of the one element of each case's node."""


class ReferencePath:
    """The plain way: `oracle.canonical.reference`."""

    name = "reference"

    def compute(self, cases: Sequence[Case]) -> list[int]:
        """The bits of the one element of each case's node."""
        return [element(case.node, 0, [column.__getitem__ for column in case.operands]) for case in cases]


def check(cases: Sequence[Case], path: ComputePath) -> list[Difference]:
    """Where `path` computes other bits than expected."""
    computed = zip(cases, path.compute(cases), strict=True)
    return [Difference(i, case, bits) for i, (case, bits) in enumerate(computed) if bits != case.expected]


def read_cases(file: Path) -> list[Case]:
    """The cases of a vector file; raises `InputError` where it is missing or not as this module says."""
    try:
        content = _File.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"the vectors {file} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(f"{file} is no file of vectors: {where}: {first['msg']}.") from error
    return list(_cases(file, content))


_Hex = Annotated[str, StringConstraints(pattern="^[0-9a-f]{8}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _MapCase(_Strict):
    fn: str
    x: tuple[_Hex, ...]
    y: _Hex

    def case(self) -> Case:
        if self.fn not in _MAPS:
            raise InputError(f"no function of vectors is named {self.fn}.", hint=f"Known: {', '.join(_MAPS)}.")
        scalars = tuple(_scalar(slot) for slot in range(len(self.x)))
        node = Node(Kind.MAP, _MAPS[self.fn], DType.FLOAT, (), operands=scalars, values=len(scalars))
        return Case(self.fn, node, tuple(_bits([x]) for x in self.x), int(self.y, 16))


class _FoldCase(_Strict):
    fn: Literal["DOT", "SUM", "MEAN"]
    a: tuple[_Hex, ...]
    b: tuple[_Hex, ...] | None = None
    c: _Hex | None = None
    y: _Hex

    def case(self) -> Case:
        if (self.b is not None) != (self.fn == "DOT") or (self.b is not None and len(self.b) != len(self.a)):
            raise InputError("DOT has a and b of one length, other folds have a alone.")
        columns = [_bits(column) for column in (self.a, self.b) if column is not None]
        operands = [_column(slot, len(self.a)) for slot in range(len(columns))]
        if self.c is not None:
            operands.append(_scalar(len(columns)))
            columns.append(_bits([self.c]))
        node = Node(Kind.FOLD, _FOLDS[self.fn], DType.FLOAT, (), (len(self.a),), tuple(operands), values=len(operands))
        return Case(self.fn, node, tuple(columns), int(self.y, 16))


class _File(_Strict):
    about: str = ""
    seed: int = 0
    cases: tuple[_MapCase | _FoldCase, ...]


def _cases(file: Path, content: _File) -> Iterator[Case]:
    for position, entry in enumerate(content.cases):
        try:
            case = entry.case()
            validate_node(case.node)
        except (InputError, ProgramError) as error:
            raise InputError(f"{file}, case {position}: {error}") from error
        yield case


def _bits(column: Sequence[str]) -> tuple[int, ...]:
    return tuple(int(digits, 16) for digits in column)


def _scalar(slot: int) -> Operand:
    return Operand(slot, DType.FLOAT, View(()))


def _column(slot: int, count: int) -> Operand:
    return Operand(slot, DType.FLOAT, View((Coordinate(count, terms=((0, 1),)),)))
