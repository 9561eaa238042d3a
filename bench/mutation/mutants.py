"""Small changes of Solidity sources, each of which some test has to notice.

Mutants are made of the text: a source is cut into tokens, comments and declarations that compute nothing are left out,
and each operator class proposes replacements at each place.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_TOKEN = re.compile(
    r"(?P<skip>\s+|//[^\n]*|/\*.*?\*/|\"[^\"\n]*\")"
    r"|(?P<number>0x[0-9a-fA-F]+|\d+)"
    r"|(?P<word>[A-Za-z_$][A-Za-z0-9_$]*)"
    r"|(?P<op>>>=|<<=|>>|<<|\*\*|:=|==|!=|<=|>=|&&|\|\||\+\+|--|\+=|-=|\*=|/=|%=|\|=|&=|\^=|=>|->|[-+*/%<>=!&|^~?:;,.(){}\[\]])",
    re.S,
)
_SWAPS = {
    "relational": {
        "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
    },
    "arithmetic": {
        "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["/"], "+=": ["-=", "="], "-=": ["+="], "*=": ["="],
        "++": ["--"], "--": ["++"],
    },
    "bits": {"&": ["|"], "|": ["&", "^"], "^": ["|"], "|=": ["=", "&="], ">>": ["<<"], "<<": [">>"]},
    "logic": {"&&": ["||"], "||": ["&&"], "!": [""]},
}  # fmt: skip
_YUL = {
    "add": "sub", "sub": "add", "mul": "add", "div": "mul", "sdiv": "div", "shl": "shr", "shr": "shl", "and": "or",
    "or": "and", "lt": "gt", "gt": "lt", "eq": "lt", "signextend": "and", "mload": "mload", "sar": "shr",
}  # fmt: skip
_WORDS = {"true": "false", "false": "true", "unchecked": None}
_SKIPPED_LINES = re.compile(r"^\s*(pragma|import|using|///|//|error |event )")
_LONG = 2**64


@dataclass(frozen=True, slots=True)
class Mutant:
    """A replacement of the text of `path` from `start` to before `end`."""

    path: str
    start: int
    end: int
    text: str
    operator: str

    def apply(self, source: str) -> str:
        """The mutated source."""
        return source[: self.start] + self.text + source[self.end :]

    def describe(self, source: str) -> str:
        """`line: old -> new` for reports, with the line of the source."""
        line = source.count("\n", 0, self.start)
        was = source[self.start : self.end]
        return f"{line + 1}: `{was}` → `{self.text or ' '}` in `{source.splitlines()[line].strip()}`"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def mutants(path: str, source: str, rng: random.Random) -> list[Mutant]:
    """All mutants of a source; `rng` chooses which bit of a long constant is flipped."""
    tokens = list(_tokens(source))
    found = [*_replaced(path, tokens, rng), *_deleted(path, source, tokens), *_swapped(path, source, tokens)]
    return [mutant for mutant in found if mutant.text != source[mutant.start : mutant.end]]


def _tokens(source: str) -> Iterator[_Token]:
    """Tokens of the lines that compute something."""
    skipped, begin = [], 0
    for line in source.splitlines(keepends=True):
        if _SKIPPED_LINES.match(line):
            skipped.append((begin, begin + len(line)))
        begin += len(line)
    for match in _TOKEN.finditer(source):
        inside = any(start <= match.start() < end for start, end in skipped)
        if match.lastgroup and match.lastgroup != "skip" and not inside:
            yield _Token(match.lastgroup, match.group(), match.start(), match.end())


def _replaced(path: str, tokens: list[_Token], rng: random.Random) -> Iterator[Mutant]:
    for before, token, after in zip(
        [_Token("", "", 0, 0), *tokens], tokens, [*tokens[1:], _Token("", "", 0, 0)], strict=False
    ):
        unary = token.text == "-" and ((before.kind == "op" and before.text not in ")]") or before.text == "return")
        if token.kind == "op":
            for name, swaps in _SWAPS.items():
                for text in swaps.get(token.text, []):
                    yield Mutant(path, token.start, token.end, "" if unary else text, name)
        elif token.kind == "number":
            yield from _numbers(path, token, rng)
        elif token.text in _YUL and after.text == "(":
            yield Mutant(path, token.start, token.end, _YUL[token.text], "yul")
        elif token.text in ("true", "false"):
            yield Mutant(path, token.start, token.end, _WORDS[token.text] or "", "logic")


def _numbers(path: str, token: _Token, rng: random.Random) -> Iterator[Mutant]:
    value = int(token.text, 0)
    if value >= _LONG:
        digits = len(token.text) - 2
        changed = value ^ 1 << rng.randrange(4 * digits)
        yield Mutant(path, token.start, token.end, f"0x{changed:0{digits}x}", "constant")
        return
    for text in (value + 1, value - 1):
        if text >= 0:
            number = f"0x{text:0{len(token.text) - 2}x}" if token.text.startswith("0x") else str(text)
            yield Mutant(path, token.start, token.end, number, "constant")


def _deleted(path: str, source: str, tokens: list[_Token]) -> Iterator[Mutant]:
    """Statements that assign, call or return, without which the source still compiles, mostly."""
    begin = 0
    depth = 0
    for i, token in enumerate(tokens):
        if token.text in ("(", "["):
            depth += 1
        elif token.text in (")", "]"):
            depth -= 1
        elif token.text in ("{", "}") and depth == 0:
            begin = i + 1
        elif token.text == ";" and depth == 0:
            first = tokens[begin] if begin < i else token
            words = {t.text for t in tokens[begin:i]}
            declares = first.text in _TYPES or first.text[:1].isupper() or tokens[begin + 1].kind == "word"
            if (
                first is not token
                and (first.text in ("return", "require", "if") or not declares)
                and "private" not in words
            ):
                yield Mutant(path, first.start, token.end, ";" if first.text == "if" else "", "deletion")
            begin = i + 1
    for i, token in enumerate(tokens):
        if token.text == "if" and i + 1 < len(tokens):
            close = _matching(tokens, i + 1)
            start, end = tokens[i + 1].end, tokens[close].start
            condition = source[start:end]
            yield Mutant(path, start, end, f"!({condition})", "condition")
            yield Mutant(path, start, end, f"({condition}) && false", "condition")


_TYPES = frozenset(("uint256", "int256", "bool", "bytes32", "bytes", "uint8", "address", "struct", "function", "let"))


def _matching(tokens: list[_Token], opening: int) -> int:
    depth = 0
    for i in range(opening, len(tokens)):
        depth += (tokens[i].text in "([") - (tokens[i].text in ")]")
        if depth == 0:
            return i
    return opening


def _swapped(path: str, source: str, tokens: list[_Token]) -> Iterator[Mutant]:
    """Calls with two neighbouring arguments exchanged."""
    for i, token in enumerate(tokens[:-1]):
        if (
            token.kind != "word"
            or tokens[i + 1].text != "("
            or token.text in ("if", "for", "while", "returns", "return")
        ):
            continue
        if i and tokens[i - 1].text in ("function", "error", "event"):
            continue
        close = _matching(tokens, i + 1)
        cuts, depth = [tokens[i + 1].end], 0
        for other in tokens[i + 2 : close]:
            depth += (other.text in "([{") - (other.text in ")]}")
            if other.text == "," and depth == 0:
                cuts.append(other.start)
        cuts.append(tokens[close].start)
        parts = [source[a:b].lstrip(",").strip() for a, b in pairwise(cuts)]
        if token.text in _COMMUTATIVE:
            continue
        for j in range(len(parts) - 1):
            exchanged = [*parts[:j], parts[j + 1], parts[j], *parts[j + 2 :]]
            yield Mutant(path, cuts[0], cuts[-1], ", ".join(exchanged), "arguments")


_COMMUTATIVE = frozenset(("add", "mul", "and", "or", "min", "encodePacked"))
