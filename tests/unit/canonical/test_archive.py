"""The one form of ZIP that bundles have."""

import io
import warnings
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.canonical.archive import pack, unpack
from oracle.errors import ModelError

NAMES = ("a.json", "b.bin", "c")
CONTENTS = {"a.json": b'{"x": 1}', "b.bin": bytes(range(256)), "c": b""}


def packed(entries: dict[str, bytes]) -> bytes:
    """The archive in one piece."""
    return b"".join(pack(entries))


def zipped(compression: int = zipfile.ZIP_STORED, names: tuple[str, ...] = NAMES) -> bytes:
    """The same contents by Python's own writer, which warns of a name given twice."""
    stream = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(stream, "w", compression) as archive:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            archive.writestr(info, CONTENTS.get(name, b"?"))
    return stream.getvalue()


@given(st.lists(st.binary(max_size=600), min_size=3, max_size=3))
def test_what_was_packed_comes_out(contents: list[bytes]) -> None:
    """Any bytes, also those that look like a ZIP's own."""
    entries = dict(zip(NAMES, contents, strict=True))
    assert {name: bytes(data) for name, data in unpack(packed(entries), NAMES).items()} == entries


def test_other_programs_can_open_it() -> None:
    """A person may look inside with whatever is at hand."""
    with zipfile.ZipFile(io.BytesIO(packed(CONTENTS))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == CONTENTS


def test_attack_52_any_changed_byte_is_found() -> None:
    """Also in headers and in the list at the end, where readers of ZIP differ in what they believe."""
    whole = packed(CONTENTS)
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 0x40
        with pytest.raises(ModelError, match="no bundle"):
            unpack(bytes(changed), NAMES)


def test_attack_52_a_cut_or_longer_file_is_refused() -> None:
    """A download that broke off, or bytes hidden behind the end."""
    whole = packed(CONTENTS)
    for cut in range(len(whole)):
        with pytest.raises(ModelError, match="no bundle"):
            unpack(whole[:cut], NAMES)
    with pytest.raises(ModelError, match="no plain list"):
        unpack(whole + b"\0", NAMES)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped(zipfile.ZIP_DEFLATED), "compressed"),
        (zipped(names=("a.json", "b.bin", "b.bin", "c")), "next entry should be c"),
        (zipped(names=("a.json", "b.bin")), "should be c"),
        (zipped(names=(*NAMES, "d")), "no plain list of its 3 entries"),
        (zipped(names=("b.bin", "a.json", "c")), "next entry should be a.json"),
        (b"", "ends where a.json should begin"),
        (b"\x08\x08" * 100, "next entry should be a.json"),
    ],
    ids=["compressed", "twice", "missing", "unknown", "order", "empty", "onnx"],
)
def test_attack_51_other_archives_are_refused(content: bytes, words: str) -> None:
    """Nothing can unpack to more than the file, and no entry can hide another."""
    with pytest.raises(ModelError, match=words):
        unpack(content, NAMES)


def test_an_encrypted_entry_is_refused() -> None:
    """Its flag is bit 0 of the header's third field."""
    changed = bytearray(packed(CONTENTS))
    changed[6] |= 1
    with pytest.raises(ModelError, match="encrypted"):
        unpack(bytes(changed), NAMES)


def test_a_size_beyond_the_file_allocates_nothing() -> None:
    """A header of a few bytes could else ask for 4 GiB."""
    changed = bytearray(packed(CONTENTS))
    changed[18:26] = b"\xff" * 8
    with pytest.raises(ModelError, match=r"ends within a\.json"):
        unpack(bytes(changed), NAMES)
