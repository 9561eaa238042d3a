"""Fetching a model's bundle from where strangers say it is. Nothing that arrives is believed.

A mirror may serve the bundle, or the ONNX file itself, which is then compiled. What counts is the model's id: whatever
has it is the model, wherever it came from. Bytes, time and redirects are bounded; addresses are checked by
`public_network`.
"""

import hashlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import httpcore
import httpx
import structlog

import oracle
from oracle.canonical.bundle import SUFFIX, is_bundle, read_bundle, write_bundle
from oracle.canonical.model import Model
from oracle.errors import ModelError
from oracle.inference.public_network import PublicNetwork, Resolve, resolve
from oracle.inference.recompiling import recompile

_log = structlog.get_logger(__name__)

_REDIRECTS: Final = {301, 302, 303, 307, 308}
_CHUNK: Final = 1 << 20
_SHOWN_FAILURES: Final = 5
_SHOWN_URI: Final = 200
_LONGEST_URI: Final = 4_096
_SHARE: Final = 4
"""No mirror takes more than this part of the time that is left for all, ..."""
_LEAST_SECONDS: Final = 1.0
"""... and none is asked when less than this is left."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What a fetch may take. Sizes in bytes, times in seconds.

    `seconds` bounds one mirror with its redirects, as does a quarter of the time left; `total_seconds` bounds all of
    them, `stall_seconds` a wait for the next bytes. `allow_local` admits addresses of the local network, `allow_files`
    URIs of files: neither is for URIs that a stranger announced.
    """

    max_bytes: int = 512 * 1024 * 1024
    seconds: float = 120.0
    total_seconds: float = 600.0
    stall_seconds: float = 15.0
    redirects: int = 3
    allow_local: bool = False
    allow_files: bool = False


_USUAL: Final = FetchLimits()


Accept = Callable[[Path, Model, FetchLimits], None]
"""Raises `ModelError` for a file that is not to be taken for a model's bundle."""


def bundle_path(cache: Path, model: Model) -> Path:
    """Where `fetch_bundle` keeps the bundle of a model."""
    return cache / f"{model.id.hex()}{SUFFIX}"


def accept_bundle(path: Path, model: Model, limits: FetchLimits) -> None:
    """Read a bundle, recomputing all there is; raises `ModelError` where it is broken or another model's."""
    read_bundle(path, max_bytes=limits.max_bytes, model_id=model.id)


def fetch_bundle(
    uris: Sequence[str],
    model: Model,
    cache: Path,
    *,
    limits: FetchLimits = _USUAL,
    accept: Accept = accept_bundle,
    resolver: Resolve = resolve,
    network: httpcore.NetworkBackend | None = None,
) -> Path:
    """The bundle of `model`: from the folder `cache` if it is there, else from a mirror that has it.

    The mirror announced first is asked first, the others in an order that nobody can foresee: anyone may announce some.

    It is the model's by its id, and is read and verified by `accept` before it is in the cache, whole. `resolver` and
    `network` replace this machine's. Raises `ModelError` that says of each mirror why it did not serve, or that the
    cache cannot be written.
    """
    target = bundle_path(cache, model)
    if target.is_file():
        try:
            accept(target, model, limits)
        except ModelError as problem:
            _log.warning("cached_bundle_refused", file=target.name, reason=problem.message)
        else:
            return target

    def connect(deadline: float) -> PublicNetwork:
        return PublicNetwork(deadline, allow_local=limits.allow_local, resolver=resolver, network=network)

    end = time.monotonic() + limits.total_seconds
    failures: list[str] = []
    with _writable(cache):
        _remove_leftovers(cache, target, limits)
        for uri in _in_turn(uris):
            now = time.monotonic()
            if end - now < _LEAST_SECONDS:
                failures.append(f"The rest was not tried: {limits.total_seconds:g} s are over.")
                break
            deadline = now + min(limits.seconds, (end - now) / _SHARE)
            try:
                _fetch(uri, model, target, limits, accept, connect, deadline)
            except (ModelError, *_BROKEN) as problem:
                reason = _reason(problem)
                failures.append(f"{shown_uri(uri)}: {reason}")
                _log.info("mirror_refused", uri=shown_uri(uri), model=target.stem, reason=reason)
            else:
                _log.info("bundle_fetched", uri=shown_uri(uri), model=target.stem, bytes=target.stat().st_size)
                return target
    raise _no_mirror(target.stem, failures)


def _in_turn(uris: Sequence[str]) -> list[str]:
    """Each mirror once: the first, then the others at random."""
    others = list(dict.fromkeys(uris))[1:]
    return [*uris[:1], *secrets.SystemRandom().sample(others, len(others))]


_BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)


def _fetch(
    uri: str,
    model: Model,
    target: Path,
    limits: FetchLimits,
    accept: Accept,
    connect: Callable[[float], PublicNetwork],
    deadline: float,
) -> None:
    """One mirror's file, verified, at `target`; raises `ModelError` or what `httpcore` raises."""
    with _temporary(target) as (path, file):
        if uri.lower().startswith("file:"):
            _copy(uri, file, limits)
        else:
            _download(uri, file, limits, connect(deadline))
        file.flush()
        os.fsync(file.fileno())
        if is_bundle(path):
            accept(path, model, limits)
            path.replace(target)
        else:
            _compile(path, model, target, limits)


def _compile(path: Path, model: Model, target: Path, limits: FetchLimits) -> None:
    """The bundle of an ONNX file that was served in its stead."""
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").digest()
    if digest != model.onnx_digest:
        raise ModelError(
            f"it is neither a bundle nor the model's ONNX file: its SHA-256 is {digest.hex()}, the published one "
            f"{model.onnx_digest.hex()}."
        )
    bundle = recompile(path, model, max_bytes=limits.max_bytes)
    if bundle.model.id != model.id:
        raise ModelError(
            f"it is the model's ONNX file, but here that compiles to the program {bundle.model.program_root.hex()}, "
            f"not to {model.program_root.hex()}."
        )
    write_bundle(target, bundle)


def _copy(uri: str, file: IO[bytes], limits: FetchLimits) -> None:
    if not limits.allow_files:
        raise ModelError("it names a file of this machine, which a mirror may not.")
    url = _url(uri)
    source = Path(url.path)
    if url.host not in {"", "localhost"} or not source.is_file():
        raise ModelError("there is no such file here.")
    with source.open("rb") as content:
        _write(file, iter(lambda: content.read(_CHUNK), b""), limits)


def _download(uri: str, file: IO[bytes], limits: FetchLimits, network: PublicNetwork) -> None:
    """The body at an http or https URI, after at most `limits.redirects` redirects."""
    url = _url(uri)
    with httpcore.ConnectionPool(network_backend=network) as pool:
        for _ in range(limits.redirects + 1):
            following = _exchange(pool, url, file, limits)
            if following is None:
                return
            url = _url(following, base=url)
    raise ModelError(f"it redirects more than {limits.redirects} times.")


def _exchange(pool: httpcore.ConnectionPool, url: httpx.URL, file: IO[bytes], limits: FetchLimits) -> str | None:
    """Ask for `url`: where it redirects to, or None once its body is in `file`."""
    headers = [
        ("host", url.netloc.decode("ascii")),
        ("user-agent", f"assay/{oracle.__version__}"),
        ("accept-encoding", "identity"),
    ]
    wait = limits.stall_seconds
    timeouts = {"connect": wait, "read": wait, "write": wait, "pool": wait}
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    with pool.stream("GET", target, headers=headers, extensions={"timeout": timeouts}) as response:
        found = {name.lower(): value.decode("latin-1") for name, value in response.headers}
        if response.status in _REDIRECTS and b"location" in found:
            return found[b"location"]
        if response.status != httpx.codes.OK:
            raise ModelError(f"it answered with HTTP {response.status}.")
        if found.get(b"content-encoding", "identity").lower() != "identity":
            raise ModelError(f"it sent the encoding {shown_uri(found[b'content-encoding'])}, which was not asked for.")
        announced = found.get(b"content-length", "")
        if announced.isdecimal() and int(announced) > limits.max_bytes:
            raise _too_large(limits)
        _write(file, response.iter_stream(), limits)
    return None


def _write(file: IO[bytes], chunks: Iterable[bytes], limits: FetchLimits) -> None:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limits.max_bytes:
            raise _too_large(limits)
        file.write(chunk)


def _url(text: str, base: httpx.URL | None = None) -> httpx.URL:
    """A URL of a scheme that is served, relative to `base` in a redirect; raises `ModelError` for any other."""
    if len(text) > _LONGEST_URI:
        raise ModelError(f"it is longer than {_LONGEST_URI} characters.")
    try:
        url = base.join(text) if base else httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as problem:
        raise ModelError("it is no URL.") from problem
    if base is None and url.scheme == "file":
        return url
    if url.scheme not in {"http", "https"}:
        raise ModelError(f"only http and https are fetched, not {shown_uri(url.scheme) or 'a path'}.")
    if not url.host:
        raise ModelError("it names no host.")
    return url


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """A file beside `target` that is gone afterwards, unless it was renamed."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.stem}.", delete=False) as file:
        path = Path(file.name)
        try:
            yield path, file
        finally:
            path.unlink(missing_ok=True)


def _remove_leftovers(cache: Path, target: Path, limits: FetchLimits) -> None:
    """Remove what a process that was killed has left; younger files may be another process's, at work."""
    cache.mkdir(parents=True, exist_ok=True)
    for path in cache.glob(f".{target.stem}.*"):
        if time.time() - path.stat().st_mtime > limits.total_seconds:
            path.unlink(missing_ok=True)


@contextmanager
def _writable(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise ModelError(
            f"Bundles cannot be kept in {cache}: {problem.strerror or problem}.",
            hint="Free space there, or name another folder.",
        ) from problem


def _too_large(limits: FetchLimits) -> ModelError:
    return ModelError(f"it is larger than the limit of {limits.max_bytes} bytes.")


def _reason(problem: Exception) -> str:
    if isinstance(problem, ModelError):
        return problem.message
    if isinstance(problem, httpcore.TimeoutException):
        return "it took too long."
    return f"the connection failed ({str(problem) or type(problem).__name__})."


def _no_mirror(model: str, failures: Sequence[str]) -> ModelError:
    if not failures:
        return ModelError(f"No mirror of model 0x{model} is known.", hint="Give its bundle or ONNX file.")
    more = len(failures) - _SHOWN_FAILURES
    listed = " ".join(failures[:_SHOWN_FAILURES]) + (f" And {more} more." if more > 0 else "")
    return ModelError(f"No mirror serves model 0x{model}. {listed}", hint="Give its bundle or ONNX file.")


def shown_uri(text: str) -> str:
    """A stranger's text as it may be shown: printable, of bounded length."""
    return "".join(c if c.isprintable() else "�" for c in text[:_SHOWN_URI]) + ("…" if len(text) > _SHOWN_URI else "")
