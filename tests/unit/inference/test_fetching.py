"""Bundles from strangers' mirrors: what is taken, what is refused, and what is left behind (nothing)."""

import gzip
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpcore
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from oracle.canonical.bundle import Bundle, read_bundle, write_bundle
from oracle.canonical.tolerance import bits_of
from oracle.errors import ModelError
from oracle.inference import fetching
from oracle.inference.compiling import compile_file
from oracle.inference.fetching import FetchLimits, bundle_path, fetch_bundle
from oracle.inference.recompiling import recompile

ADDRESS = "93.184.216.34"
Fetch = Callable[..., Path]


@pytest.fixture
def onnx(save) -> Path:
    """An ONNX file with a batch that is not bound."""
    return save([helper.make_node("Relu", ["x"], ["y"])])


@pytest.fixture
def bundle(onnx: Path) -> Bundle:
    """It compiled for a batch of 3, with a tolerance: only the model says both."""
    return compile_file(onnx, dims={"N": 3}).with_tolerances({"y": (bits_of(1e-6), 0)})


@pytest.fixture
def content(bundle: Bundle, tmp_path: Path) -> bytes:
    """The bundle as a mirror serves it."""
    write_bundle(tmp_path / "served.assay", bundle)
    return (tmp_path / "served.assay").read_bytes()


def reply(body: bytes, status: str = "200 OK", **headers: object) -> bytes:
    """An HTTP reply; header names are written with underscores."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\nconnection: close\r\n\r\n" + body


class Servers(httpcore.MockBackend):
    """Replies by address; the requests they got."""

    def __init__(self, replies: Mapping[str, bytes]) -> None:
        super().__init__([])
        self.replies = replies
        self.asked: list[bytes] = []

    def connect_tcp(self, host: str, *_args: object, **_kwargs: object) -> httpcore.NetworkStream:
        asked = self.asked

        class Stream(httpcore.MockStream):
            def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
                asked.append(buffer)

        body = self.replies[host]
        return Stream([body[i : i + 1000] for i in range(0, len(body), 1000)])


@pytest.fixture
def fetch(bundle: Bundle, tmp_path: Path) -> Fetch:
    """Fetch that bundle from servers by host name; a host's address is 93.184.216.(34 + its place)."""

    def run(replies: Mapping[str, bytes], *uris: str, limits: FetchLimits | None = None, names: Mapping = {}) -> Path:
        addresses = {host: f"93.184.216.{34 + place}" for place, host in enumerate(replies)}
        run.servers = Servers({addresses[host]: reply for host, reply in replies.items()})
        return fetch_bundle(
            uris or [f"http://{host}/model.assay" for host in replies],
            bundle.model,
            tmp_path / "cache",
            limits=limits or FetchLimits(),
            resolver=lambda host, _port: [addresses[host]] if host in addresses else names[host],
            network=run.servers,
        )

    return run


def left(tmp_path: Path) -> list[str]:
    """What is in the cache."""
    return sorted(path.name for path in (tmp_path / "cache").iterdir())


def test_a_bundle_is_fetched_and_named_by_its_model(
    fetch: Fetch, content: bytes, bundle: Bundle, tmp_path: Path
) -> None:
    """What is in the cache can be found again by the model's id, and by nothing a mirror says."""
    path = fetch({"a.example": reply(content)})
    assert path == bundle_path(tmp_path / "cache", bundle.model)
    assert read_bundle(path) == replace(bundle, program=read_bundle(path).program)
    assert left(tmp_path) == [path.name]


def test_what_is_cached_is_not_fetched_again(fetch: Fetch, content: bytes) -> None:
    """A challenger that restarts must not depend on mirrors that it has used."""
    path = fetch({"a.example": reply(content)})
    assert fetch({}, "http://gone.example/") == path


def test_a_cached_file_that_was_changed_is_fetched_again(fetch: Fetch, content: bytes) -> None:
    """A disk error must not stay for ever, nor be believed."""
    path = fetch({"a.example": reply(content)})
    path.write_bytes(content[:-100])
    assert fetch({"a.example": reply(content)}) == path
    assert path.read_bytes() == content


def test_the_onnx_file_itself_serves_as_well(fetch: Fetch, onnx: Path, bundle: Bundle) -> None:
    """Publishers announce the file they trained; shapes and tolerances are in the model."""
    path = fetch({"a.example": reply(onnx.read_bytes())})
    assert read_bundle(path, model_id=bundle.model.id).model == bundle.model


def test_attack_69_a_famous_file_beside_another_program_is_refused(
    fetch: Fetch, onnx: Path, bundle: Bundle, tmp_path: Path
) -> None:
    """The file has the digest that was published, but it does not compile to the program that was."""
    poisoned = replace(bundle.model, program_root=bytes(32))
    with pytest.raises(ModelError, match=f"compiles to the program {bundle.model.program_root.hex()}, not to 0000"):
        fetch_bundle(
            ["http://a.example/"],
            poisoned,
            tmp_path / "cache",
            resolver=lambda _host, _port: [ADDRESS],
            network=Servers({ADDRESS: reply(onnx.read_bytes())}),
        )


def test_a_mirror_that_fails_leads_to_the_next(fetch: Fetch, content: bytes) -> None:
    """Anyone may add mirrors, bad ones too: one good one is enough."""
    assert fetch({"a.example": reply(b"", "404 Not Found"), "b.example": b"", "c.example": reply(content)})


def test_redirects_are_followed(fetch: Fetch, content: bytes) -> None:
    """Release pages redirect to storage hosts."""
    moved = reply(b"", "302 Found", location="http://b.example/there?x=1")
    assert fetch({"a.example": moved, "b.example": reply(content)}, "http://a.example/model.assay")


def test_what_is_asked_names_the_host_and_wants_no_compression(fetch: Fetch, content: bytes) -> None:
    """The address is pinned, so the name has to be sent; credentials in a URL are a stranger's trick and are not."""
    fetch({"a.example": reply(content)}, "http://me:secret@a.example:8080/x?y=1")
    asked = b"".join(fetch.servers.asked)
    assert asked.startswith(b"GET /x?y=1 HTTP/1.1\r\n")
    assert b"a.example:8080\r\n" in asked
    assert b"accept-encoding: identity" in asked.lower()
    assert b"secret" not in asked
    assert b"authorization" not in asked.lower()


def refused(fetch: Fetch, tmp_path: Path, replies: Mapping[str, bytes], words: str, *uris: str, **options) -> None:
    """Fetching fails with `words` and leaves nothing behind."""
    with pytest.raises(ModelError, match=words):
        fetch(replies, *uris, **options)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("file:///etc/passwd", "names a file of this machine"),
        ("FILE:///etc/passwd", "names a file of this machine"),
        ("ftp://a.example/x", "only http and https are fetched, not ftp"),
        ("ipfs://bafy/x", "only http and https are fetched, not ipfs"),
        ("data:,x", "only http and https are fetched, not data"),
        ("/etc/passwd", "only http and https are fetched, not a path"),
        ("", "only http and https are fetched, not a path"),
        ("http:///x", "names no host"),
        ("http://a.example:port/", "is no URL"),
        ("http://a.example/\n", "is no URL"),
        ("http://a.example/" + "x" * 5_000, "longer than 4096"),
    ],
)
def test_attack_52_uris_that_name_no_mirror_are_refused(fetch: Fetch, tmp_path: Path, uri: str, words: str) -> None:
    """Only what is a web address of another machine is fetched."""
    refused(fetch, tmp_path, {}, words, uri)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1", "::ffff:192.168.0.1", "fd00::1"]
)
def test_attack_52_redirects_into_the_local_network_are_refused(fetch: Fetch, tmp_path: Path, address: str) -> None:
    """A mirror is checked again at every hop: by its address, whatever its name."""
    for location, names in (
        (f"http://[{address}]/" if ":" in address else f"http://{address}/", {address: [address]}),
        ("http://b.example/latest/meta-data", {"b.example": [address]}),
        ("//b.example/", {"b.example": [ADDRESS, address]}),
    ):
        moved = reply(b"", "301 Moved Permanently", location=location)
        refused(fetch, tmp_path, {"a.example": moved}, "no address of the public", names=names)


anything = st.one_of(st.text(), st.text().map("http://{}".format), st.text().map("http://a.example/{}".format))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(anything, st.binary(max_size=40).filter(lambda line: b"\n" not in line and b"\r" not in line))
def test_attack_52_no_uri_and_no_redirect_does_more_than_be_refused(
    fetch: Fetch, tmp_path: Path, uri: str, location: bytes
) -> None:
    """Whatever a stranger announces or answers is one mirror's refusal: never a crash, never something else fetched."""
    moved = b"HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: " + location + b"\r\n\r\n"
    names = defaultdict(lambda: [ADDRESS], {"127.0.0.1": ["127.0.0.1"]})
    with pytest.raises(ModelError, match="No mirror serves"):
        fetch({"a.example": moved}, uri, names=names)
    assert left(tmp_path) == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://a.example/", "gopher://a.example"])
def test_attack_52_redirects_to_other_schemes_are_refused(fetch: Fetch, tmp_path: Path, location: str) -> None:
    """Also where files are allowed: only what was asked for may name one."""
    moved = reply(b"", "302 Found", location=location)
    refused(fetch, tmp_path, {"a.example": moved}, "only http and https", limits=FetchLimits(allow_files=True))


def test_attack_52_redirects_end(fetch: Fetch, content: bytes, tmp_path: Path) -> None:
    """A mirror that redirects in a circle would hold a challenger for ever."""
    moved = reply(b"", "302 Found", location="/again")
    refused(fetch, tmp_path, {"a.example": moved}, "redirects more than 3 times")
    assert sum(request.startswith(b"GET") for request in fetch.servers.asked) == 4


def test_attack_52_an_endless_body_is_cut_off(fetch: Fetch, content: bytes, tmp_path: Path) -> None:
    """Whether the length is announced, hidden or a lie, no more than the limit is ever kept."""
    limits = FetchLimits(max_bytes=len(content))
    for endless in (
        reply(content + b"x"),
        reply(content, content_length=len(content) + 1),
        reply(b"%x\r\n%b\r\n" % (len(content) + 1, content + b"x"), transfer_encoding="chunked"),
    ):
        refused(fetch, tmp_path, {"a.example": endless}, "larger than the limit", limits=limits)
    assert fetch({"a.example": reply(content)}, limits=limits)


def test_attack_52_compressed_bodies_are_refused(fetch: Fetch, content: bytes, tmp_path: Path) -> None:
    """Nothing is ever unpacked, so nothing can unpack to more than was sent."""
    bomb = gzip.compress(bytes(10_000_000))
    refused(fetch, tmp_path, {"a.example": reply(bomb, content_encoding="gzip")}, "sent the encoding gzip")
    refused(fetch, tmp_path, {"a.example": reply(bomb)}, "neither a bundle nor")


def test_attack_52_other_content_is_refused(fetch: Fetch, content: bytes, bundle: Bundle, tmp_path: Path) -> None:
    """Another model's bundle, a changed one, a cut one, a page: none of them has the id."""
    other = bundle.with_tolerances({"y": (bits_of(1.0), 0)})
    write_bundle(tmp_path / "other.assay", other)
    for body, words in (
        ((tmp_path / "other.assay").read_bytes(), f"bundle of model 0x{other.model.id.hex()}"),
        (content[:-1], "bundle"),
        (b"PK" + bytes(1000), "bundle"),
        (b"<html>", "neither a bundle nor the model's ONNX file"),
        (b"", "neither a bundle nor"),
    ):
        refused(fetch, tmp_path, {"a.example": reply(body)}, words)
    refused(fetch, tmp_path, {"a.example": reply(content[:-1], content_length=len(content))}, "connection failed")


def test_attack_52_slow_mirrors_do_not_use_up_the_time_of_all(fetch: Fetch, content: bytes, tmp_path: Path) -> None:
    """Anyone may announce a thousand mirrors: the total is bounded, whatever each of them does."""
    refused(fetch, tmp_path, {"a.example": reply(content)}, "rest was not tried", limits=FetchLimits(total_seconds=0.0))


def test_attack_87_slow_mirrors_ahead_of_a_good_one_do_not_hide_it(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever publishes a model first announces mirrors first: one is ahead, and each takes but a part of the time."""
    clock, asked = [1000.0], []

    def fetched(uri: str, _model: object, target: Path, _limits: object, _accept: object, _connect: object, end: float):
        asked.append(uri)
        if uri != "http://good.example":
            clock[0] = end
            raise httpcore.ReadTimeout
        assert end - clock[0] > 3
        target.write_bytes(b"")

    monkeypatch.setattr(fetching, "_fetch", fetched)
    monkeypatch.setattr(fetching, "time", SimpleNamespace(monotonic=lambda: clock[0], time=time.time))
    slow = [f"http://{number}.example" for number in range(12)]
    fetch_bundle([*slow, "http://good.example", *slow], bundle.model, tmp_path / "cache")
    assert asked[0] == slow[0]
    orders = {tuple(fetching._in_turn(slow)) for _ in range(5)}
    assert len(orders) > 1
    assert all(sorted(order) == sorted(slow) for order in orders)
    assert fetching._in_turn([]) == []


def test_every_mirror_says_why_it_did_not_serve(fetch: Fetch, tmp_path: Path) -> None:
    """The person must see which one to repair; a stranger's text is shown without its control characters."""
    with pytest.raises(ModelError) as raised:
        fetch(
            {"a.example": reply(b"", "500 No"), "b.example": b"junk"},
            "http://a.example",
            "http://b.example",
            "x:\x1b[2J",
        )
    assert "http://a.example: it answered with HTTP 500." in raised.value.message
    assert "http://b.example: the connection failed" in raised.value.message
    assert "\x1b" not in raised.value.message
    with pytest.raises(ModelError, match=r"No mirror of model 0x.* is known"):
        fetch({})
    many = [f"ftp://{number}.example" for number in range(9)]
    with pytest.raises(ModelError, match="And 4 more"):
        fetch({}, *many)


def test_files_are_read_where_that_is_allowed(fetch: Fetch, content: bytes, tmp_path: Path) -> None:
    """A path that its own user gives is no stranger's."""
    allowed = FetchLimits(allow_files=True)
    served = tmp_path / "served.assay"
    refused(fetch, tmp_path, {}, "no such file", f"file://{tmp_path}/none", limits=allowed)
    refused(fetch, tmp_path, {}, "no such file", f"file://elsewhere{served}", limits=allowed)
    refused(fetch, tmp_path, {}, "larger", f"file://{served}", limits=replace(allowed, max_bytes=len(content) - 1))
    assert fetch({}, f"file://{served}", limits=allowed).read_bytes() == content


def test_what_a_killed_process_left_is_removed(fetch: Fetch, content: bytes, bundle: Bundle, tmp_path: Path) -> None:
    """Downloads that break off again and again must not fill the disk; another process's must not be disturbed."""
    cache = tmp_path / "cache"
    cache.mkdir()
    old, young = (cache / f".{bundle.model.id.hex()}.{name}" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"x")
    hour_ago = time.time() - 3_600
    os.utime(old, (hour_ago, hour_ago))
    path = fetch({"a.example": reply(content)})
    assert left(tmp_path) == sorted([young.name, path.name])


def test_a_cache_that_cannot_be_written_is_named(fetch: Fetch, content: bytes, tmp_path: Path) -> None:
    """It is not the mirrors' fault, so their reasons would mislead."""
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ModelError, match="Bundles cannot be kept in"):
        fetch({"a.example": reply(content)})


def test_outputs_of_another_shape_are_another_model(onnx: Path, bundle: Bundle, save, tmp_path: Path) -> None:
    """A file with other inputs or outputs cannot be the model, and says so before anything is compared."""
    two = save(
        [helper.make_node("Add", ["x", "z"], ["y"])],
        name="two.onnx",
        inputs=[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in "xz"],
    )
    wide = save(
        [helper.make_node("Concat", ["x", "x"], ["y"], axis=1)],
        name="wide.onnx",
        outputs=[helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 8])],
    )
    with pytest.raises(ModelError, match="has 2 inputs, the model 1"):
        recompile(two, bundle.model)
    with pytest.raises(ModelError, match=r"outputs float32\[3,4\]; wide.onnx has float32\[3,8\]"):
        recompile(wide, bundle.model)
    assert recompile(onnx, bundle.model).model == bundle.model
