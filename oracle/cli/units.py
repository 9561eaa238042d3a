"""Amounts, durations and hashes as people write and read them. Exact: decimals, never floats."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import typer

ETHER = 10**18
GWEI = 10**9


def parse_ether(text: str) -> int:
    """Wei of an amount in ether such as `0.5`; refuses what is negative, zero or finer than a wei."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no amount: write ether as a decimal number, such as 0.5.") from None
    if not amount.is_finite() or amount <= 0:
        raise typer.BadParameter(f"{text!r} is no amount: it must be above zero.")
    if amount.adjusted() > 30:
        raise typer.BadParameter(f"{text!r} is more ether than there is.")
    numerator, denominator = amount.as_integer_ratio()
    wei, rest = divmod(numerator * ETHER, denominator)
    if rest:
        raise typer.BadParameter(f"{text!r} has more than 18 decimals: a wei cannot be split.")
    return wei


def parse_address(text: str) -> str:
    """A checksummed address, from one in lower or upper case or with the right checksum."""
    from eth_utils.address import is_hex_address, to_checksum_address  # noqa: PLC0415

    if not is_hex_address(text):
        raise typer.BadParameter(f"{text!r} is no address: write 0x and 40 hex digits.")
    address = to_checksum_address(text)
    mixed_case = text[2:] not in {text[2:].lower(), text[2:].upper()}
    if mixed_case and text != address:
        raise typer.BadParameter(f"{text!r} is mistyped: its checksum is wrong.")
    return address


def parse_software(text: str) -> bytes:
    """The first six bytes of a software hash, from twelve hex digits or more."""
    digits = text.removeprefix("0x")
    if not re.fullmatch(r"[0-9a-fA-F]{12}|[0-9a-fA-F]{64}", digits):
        raise typer.BadParameter(f"{text!r} is no software hash: 12 hex digits, or all 64.")
    return bytes.fromhex(digits)[:6]


def parse_dims(texts: list[str]) -> dict[str, int]:
    """Sizes of dynamic dimensions from `name=n`."""
    dims = {}
    for text in texts:
        name, _, size = text.rpartition("=")
        if not name or not size.isdecimal() or int(size) < 1:
            raise typer.BadParameter(f"{text!r} is no dimension: write name=n, such as batch=1.")
        dims[name] = int(size)
    return dims


def parse_shapes(texts: list[str]) -> dict[str, tuple[int, ...]]:
    """Shapes of inputs from `name=1,3,224,224`; `name=` is a scalar's."""
    shapes = {}
    for text in texts:
        name, equals, sizes = text.rpartition("=")
        parts = sizes.split(",") if sizes else []
        if not equals or not name or not all(part.isdecimal() for part in parts):
            raise typer.BadParameter(f"{text!r} is no shape: write name=sizes, such as image=1,3,224,224.")
        shapes[name] = tuple(map(int, parts))
    return shapes


def parse_tolerances(texts: list[str]) -> dict[str | None, float]:
    """Tolerances from `number` (for every output, under None) and `output=number`."""
    found: dict[str | None, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        found[name or None] = _number(number, f"{text!r} is no tolerance: write 1e-6, or output=1e-6.")
    return found


def parse_ranges(texts: list[str]) -> dict[str, tuple[float, float]]:
    """Ranges of inputs from `name=low:high`."""
    ranges = {}
    for text in texts:
        name, _, ends = text.rpartition("=")
        low, colon, high = ends.partition(":")
        problem = f"{text!r} is no range: write name=low:high, such as pixels=0:16."
        if not name or not colon:
            raise typer.BadParameter(problem)
        ranges[name] = _number(low, problem), _number(high, problem)
    return ranges


def _number(text: str, problem: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(problem) from None


def show_ether(wei: int) -> str:
    """An amount in ether, exact, without trailing zeros: `0.5`."""
    sign, wei = ("-", -wei) if wei < 0 else ("", wei)
    whole, rest = divmod(wei, ETHER)
    return f"{sign}{whole:,}" + (f".{rest:018d}".rstrip("0") if rest else "")


def show_gwei(gwei: int) -> str:
    """An amount in gwei, with ether where that reads better: `20,000,000 gwei (0.02 ether)`."""
    return f"{gwei:,} gwei" + (f" ({show_ether(gwei * GWEI)} ether)" if gwei >= 100_000 else "")


def show_duration(seconds: float) -> str:
    """Seconds in words of two units at most: `1 h 5 min`."""
    left = max(round(seconds), 0)
    parts = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount} {name}")
    return " ".join(parts[:2]) or "0 s"


def show_time(timestamp: int) -> str:
    """A moment of the chain in UTC: `2025-01-31 12:00:00 UTC`."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def show_id(data: bytes) -> str:
    """The beginning of a hash, enough to name it: `0x12345678`."""
    return f"0x{data[:4].hex()}"


def show_hex(data: bytes) -> str:
    """A whole hash."""
    return f"0x{data.hex()}"
