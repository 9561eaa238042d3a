"""ZIP files of one form only, so that equal contents are equal bytes and nothing is left to a reader's judgement.

Entries are stored, not compressed, in a fixed order, dated 1980-01-01, without extra fields, comments, ZIP64 or gaps.
Any ZIP program opens them. Reading accepts exactly these bytes: so nothing unpacks to more than the file itself, and
there is no second entry of a name, no entry that a listing hides, and no place for bytes that nobody checked.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from oracle.errors import ModelError

MAX_BYTES: Final = 2**32 - 1
"""Without ZIP64, no size or position is larger."""

_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_VERSION, _DATE = 20, 0x21  # version 2.0; day 1 of month 1 of 1980
_LOCAL_FORM: Final = "<4s5H3I2H"


def pack(entries: Mapping[str, bytes]) -> Iterator[bytes]:
    """The archive of `entries` (ASCII names), in parts; raises `ModelError` above `MAX_BYTES`."""
    central, position = [], 0
    for name, data in entries.items():
        header = _local(name, len(data), zlib.crc32(data))
        central.append(_listed(header, position))
        position += len(header) + len(data)
        if position > MAX_BYTES:
            raise ModelError(f"The bundle is larger than {MAX_BYTES} bytes.", hint="Compile a smaller model.")
        yield header
        yield data
    yield _directory(central, position)


def unpack(archive: bytes, names: Sequence[str]) -> dict[str, memoryview]:
    """The entries of an archive that holds exactly `names`, in order, and is what `pack` makes of them.

    Raises `ModelError` for anything else, a byte that was changed included.
    """
    entries: dict[str, memoryview] = {}
    central, position, view = [], 0, memoryview(archive)
    for name in names:
        start = position + struct.calcsize(_LOCAL_FORM) + len(name)
        if start > len(archive):
            raise _wrong(f"it ends where {name} should begin")
        signature, _, flags, method, _, _, crc, _, size, _, _ = struct.unpack_from(_LOCAL_FORM, archive, position)
        if signature != _LOCAL:
            raise _wrong(f"its next entry should be {name}")
        if flags & 1 or method:
            raise _wrong(f"its entry {name} is {'encrypted' if flags & 1 else 'compressed'}")
        if size > len(archive) - start:
            raise _wrong(f"it ends within {name}")
        header = _local(name, size, crc)
        if view[position:start] != header:
            raise _wrong(f"its next entry should be {name}, stored plainly")
        entries[name] = view[start : start + size]
        if zlib.crc32(entries[name]) != crc:
            raise _wrong(f"{name} was changed or damaged")
        central.append(_listed(header, position))
        position = start + size
    if view[position:] != _directory(central, position):
        raise _wrong(f"what follows {names[-1]} is no plain list of its {len(names)} entries")
    return entries


def _local(name: str, size: int, crc: int) -> bytes:
    encoded = name.encode("ascii")
    return struct.pack(_LOCAL_FORM, _LOCAL, _VERSION, 0, 0, 0, _DATE, crc, size, size, len(encoded), 0) + encoded


def _listed(header: bytes, position: int) -> bytes:
    """The directory's line for the entry with the local `header` at `position`."""
    shared, name = header[4 : struct.calcsize(_LOCAL_FORM)], header[struct.calcsize(_LOCAL_FORM) :]
    return _CENTRAL + struct.pack("<H", _VERSION) + shared + struct.pack("<3H2I", 0, 0, 0, 0, position) + name


def _directory(central: Sequence[bytes], position: int) -> bytes:
    listed = b"".join(central)
    return listed + struct.pack("<4s4H2IH", _END, 0, 0, len(central), len(central), len(listed), position, 0)


def _wrong(what: str) -> ModelError:
    return ModelError(f"This is no bundle: {what}.", hint="Make it again with `assay model compile`.")
