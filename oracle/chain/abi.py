"""ABIs and bytecode that travel with the package, and encoding by them.

Built from the sources by `make artifacts`; a test fails if they drift.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak

from oracle.errors import AssayError


@dataclass(frozen=True, slots=True)
class Entry:
    """A function, event or error of an ABI, with what encoding needs worked out once."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    indexed: tuple[bool, ...]
    names: tuple[str, ...]
    hash: bytes

    @property
    def selector(self) -> bytes:
        """The first four bytes of the signature's hash."""
        return self.hash[:4]

    def encode(self, *arguments: Any) -> bytes:
        """Calldata: selector and arguments; structs are tuples, dynamic bytes are bytes."""
        return self.selector + encode(self.inputs, arguments)

    def decode_output(self, data: bytes) -> tuple[Any, ...]:
        """What a call returned."""
        return decode(self.outputs, data)

    def decode_error(self, data: bytes) -> tuple[Any, ...]:
        """The arguments of a revert with this error; `data` includes the selector."""
        return decode(self.inputs, data[4:])

    def decode_log(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """Arguments by name; indexed ones from `topics` (the first topic is the event's hash)."""
        plain = [t for t, i in zip(self.inputs, self.indexed, strict=True) if not i]
        values = iter(decode(plain, data))
        words = iter(topics[1:])
        return {
            name: decode([kind], next(words))[0] if indexed else next(values)
            for name, kind, indexed in zip(self.names, self.inputs, self.indexed, strict=True)
        }


@dataclass(frozen=True)
class Artifact:
    """One compiled contract."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes

    @cached_property
    def functions(self) -> dict[str, Entry]:
        """Functions by name; none of ours is overloaded."""
        return {e["name"]: _entry(e) for e in self.abi if e["type"] == "function"}

    @cached_property
    def events(self) -> dict[bytes, Entry]:
        """Events by their topic."""
        return {entry.hash: entry for entry in map(_entry, (e for e in self.abi if e["type"] == "event"))}

    @cached_property
    def errors(self) -> dict[bytes, Entry]:
        """Errors by selector."""
        return {entry.selector: entry for entry in map(_entry, (e for e in self.abi if e["type"] == "error"))}

    def creation(self, *arguments: Any) -> bytes:
        """Creation code followed by the encoded constructor arguments."""
        kinds = [collapse_if_tuple(i) for e in self.abi if e["type"] == "constructor" for i in e["inputs"]]
        return self.bytecode + encode(kinds, arguments)


@cache
def artifact(name: str) -> Artifact:
    """The packaged artifact of a contract; raises `AssayError` if the package lacks it."""
    source = files("oracle.chain") / "artifacts" / f"{name}.json"
    if not source.is_file():
        raise AssayError(f"The package has no artifact of {name}.", hint="In a checkout, run `make artifacts`.")
    content = json.loads(source.read_text())
    return Artifact(name, content["abi"], bytes.fromhex(content["bytecode"].removeprefix("0x")))


def _entry(item: dict[str, Any]) -> Entry:
    inputs = tuple(collapse_if_tuple(i) for i in item["inputs"])
    return Entry(
        name=item["name"],
        inputs=inputs,
        outputs=tuple(collapse_if_tuple(o) for o in item.get("outputs", ())),
        indexed=tuple(bool(i.get("indexed")) for i in item["inputs"]),
        names=tuple(i["name"] for i in item["inputs"]),
        hash=keccak(text=f"{item['name']}({','.join(inputs)})"),
    )
