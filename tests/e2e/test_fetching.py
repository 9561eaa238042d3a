"""Bundles from a real server that misbehaves, over real sockets. Only the way from a public address to it is ours."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpcore
import pytest

from oracle.canonical.bundle import Bundle, read_bundle, write_bundle
from oracle.demo.samples import model_path
from oracle.errors import ModelError
from oracle.inference.compiling import compile_file
from oracle.inference.fetching import FetchLimits, fetch_bundle
from oracle.inference.public_network import PublicNetwork, resolve

PUBLIC = "93.184.216.34"
LIMITS = FetchLimits(max_bytes=2_000_000, seconds=3.0, stall_seconds=1.0)

Act = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The bundle of the sample model for credit."""
    return compile_file(model_path("credit"))


def send(body: bytes, status: int = 200, **headers: object) -> Act:
    """A whole reply."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()
        handler.wfile.write(body)

    return act


def endless(handler: BaseHTTPRequestHandler) -> None:
    """A body as fast as it is taken, without end."""
    send(b"PK")(handler)
    while True:
        handler.wfile.write(bytes(1 << 16))


def drip_body(handler: BaseHTTPRequestHandler) -> None:
    """A byte every tenth of a second: each comes in time, all of them never."""
    send(b"PK")(handler)
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.1)


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    """The same before the body."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.1)


def stall(_handler: BaseHTTPRequestHandler) -> None:
    """Nothing at all."""
    time.sleep(2.5)


class Server(ThreadingHTTPServer):
    """Acts by path; `asked` are the paths it was asked for."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.acts: dict[str, Act] = {}
        self.asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            server: Server

            def do_GET(self) -> None:
                self.server.asked.append(self.path)
                with suppress(OSError):
                    self.server.acts[self.path](self)

            def log_message(self, *_words: object) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture(scope="module")
def server(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one good file and many bad ones."""
    file = tmp_path_factory.mktemp("served") / "credit.assay"
    write_bundle(file, bundle)
    content = file.read_bytes()
    running = Server()
    port = running.server_address[1]

    def moved(location: str) -> Act:
        return send(b"", 302, location=location.format(port=port))

    running.acts.update(
        {
            "/good": send(content),
            "/onnx": send(bundle.onnx),
            "/moved": moved("http://other.example:{port}/hop"),
            "/hop": moved("/good"),
            "/circle": moved("/circle"),
            "/to-loopback": moved("http://127.0.0.1:{port}/good"),
            "/to-name-of-loopback": moved("http://localhost:{port}/good"),
            "/to-number": moved("http://2130706433:{port}/good"),
            "/to-ipv6": moved("http://[::ffff:127.0.0.1]:{port}/good"),
            "/to-metadata": moved("http://169.254.169.254/latest/meta-data/"),
            "/to-file": moved("file:///etc/passwd"),
            "/endless": endless,
            "/drip-body": drip_body,
            "/drip-headers": drip_headers,
            "/stall": stall,
            "/bomb": send(gzip.compress(bytes(50_000_000)), content_encoding="gzip"),
            "/short": send(content[: len(content) // 2], content_length=len(content)),
            "/changed": send(content[:-200] + b"\0" * 200),
            "/page": send(b"<html>Not here"),
            "/gone": send(b"", 410),
        }
    )
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


class Internet(httpcore.SyncBackend):
    """Real sockets, except that the public address leads to the server on this machine."""

    def connect_tcp(self, host: str, *args: object, **kwargs: object) -> httpcore.NetworkStream:
        return super().connect_tcp("127.0.0.1" if host == PUBLIC else host, *args, **kwargs)  # type: ignore[arg-type]


def public(host: str, port: int) -> Sequence[str]:
    """Names of the test are public ones; numbers and `localhost` go to this machine's resolver."""
    return [PUBLIC] if host.endswith(".example") else resolve(host, port)


def fetch(server: Server, bundle: Bundle, cache: Path, *paths: str, **options: object) -> Path:
    """Fetch the bundle from paths of the server."""
    port = server.server_address[1]
    uris = [f"http://mirror.example:{port}{path}" for path in paths]
    chosen = {"limits": LIMITS, "resolver": public, "network": Internet(), **options}
    return fetch_bundle(uris, bundle.model, cache, **chosen)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/good", "/onnx", "/moved"])
def test_a_mirror_serves_the_bundle(server: Server, bundle: Bundle, tmp_path: Path, path: str) -> None:
    """As it is, as the ONNX file it was made of, or where a redirect leads."""
    found = read_bundle(fetch(server, bundle, tmp_path, path), model_id=bundle.model.id)
    assert found.model == bundle.model


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/circle", "redirects more than 3 times"),
        ("/to-loopback", r"127\.0\.0\.1 is 127\.0\.0\.1, which is no address of the public"),
        ("/to-name-of-loopback", "localhost is .*, which is no address of the public"),
        ("/to-number", r"2130706433 is 127\.0\.0\.1, which is no address of the public"),
        ("/to-ipv6", "no address of the public"),
        ("/to-metadata", r"169\.254\.169\.254, which is no address of the public"),
        ("/to-file", "only http and https"),
        ("/endless", "larger than the limit of 2000000 bytes"),
        ("/drip-body", "took too long"),
        ("/drip-headers", "took too long"),
        ("/stall", "took too long"),
        ("/bomb", "sent the encoding gzip"),
        ("/short", "connection failed"),
        ("/changed", "bundle"),
        ("/page", "neither a bundle nor"),
        ("/gone", "HTTP 410"),
    ],
)
def test_attack_52_a_bad_mirror_is_refused_in_time(
    server: Server, bundle: Bundle, tmp_path: Path, path: str, words: str
) -> None:
    """None of them reaches the local network, fills the disk or holds the fetcher; the next mirror is tried."""
    began = time.monotonic()
    with pytest.raises(ModelError, match=words):
        fetch(server, bundle, tmp_path, path)
    assert time.monotonic() - began < LIMITS.seconds + 2
    assert list(tmp_path.iterdir()) == []


def test_attack_52_a_bad_mirror_does_not_hide_a_good_one(server: Server, bundle: Bundle, tmp_path: Path) -> None:
    """Anyone may add mirrors to a model."""
    assert fetch(server, bundle, tmp_path, "/gone", "/short", "/to-metadata", "/good").is_file()


def test_attack_52_a_name_that_is_rebound_between_two_questions_reaches_no_local_server(
    server: Server, bundle: Bundle, tmp_path: Path
) -> None:
    """The first answer is public, every later one is this machine: only a redirect asks again, and is refused."""
    questions: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        questions.append(host)
        return [PUBLIC] if len(questions) == 1 else ["127.0.0.1"]

    assert fetch(server, bundle, tmp_path / "a", "/good", resolver=rebinding).is_file()
    assert questions == ["mirror.example"]
    questions.clear()
    with pytest.raises(ModelError, match=r"other\.example is 127\.0\.0\.1"):
        fetch(server, bundle, tmp_path / "b", "/moved", resolver=rebinding)


def test_attack_52_this_machines_own_servers_are_not_reached_by_name_or_number(
    server: Server, bundle: Bundle, tmp_path: Path
) -> None:
    """With nothing injected at all: the real resolver, real sockets, and a server that would have the file."""
    port = server.server_address[1]
    before = len(server.asked)
    uris = [f"http://{host}:{port}/good" for host in ("localhost", "127.0.0.1", "127.1", "[::1]", "0", "0x7f000001")]
    with pytest.raises(ModelError, match="No mirror serves"):
        fetch_bundle(uris, bundle.model, tmp_path, limits=LIMITS)
    assert len(server.asked) == before
    local = FetchLimits(allow_local=True)
    assert fetch_bundle(uris, bundle.model, tmp_path, limits=local).is_file()
    assert len(server.asked) == before + 1


def test_attack_52_a_resolver_that_does_not_answer_is_not_waited_for() -> None:
    """The name's owner runs the server that resolves it."""

    def silent(_host: str, _port: int) -> Sequence[str]:
        time.sleep(3)
        return [PUBLIC]

    began = time.monotonic()
    with pytest.raises(httpcore.TimeoutException):
        PublicNetwork(time.monotonic() + 0.3, resolver=silent).connect_tcp("mirror.example", 80)
    assert time.monotonic() - began < 2
