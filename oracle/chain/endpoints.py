"""JSON-RPC over HTTP to several endpoints: failover, chain id checks, lag, redaction.

An endpoint's URL often is a credential. Only its scheme and host ever appear in a message, a log or a metric.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx

from oracle.chain.rpc import RateLimited, RpcError, TransportError, classify
from oracle.chain.wire import quantity
from oracle.errors import ChainError, ConfigError, WrongChainError

# httpx logs every request with its whole URL.
logging.getLogger("httpx").setLevel(logging.WARNING)

MAX_REPLY = 128 * 1024 * 1024
_REST_SECONDS = (1.0, 60.0)
_WRONG_CHAIN_REST = 60.0
_SURVEY_SECONDS = 15.0
_BROADCAST = "eth_sendRawTransaction"

T = TypeVar("T")
Parse = Callable[[Any], T]


class RpcObserver(Protocol):
    """Told of each request: `outcome` is ok, refused, transport, rate_limited, wrong_chain or lagging."""

    def __call__(self, method: str, outcome: str, seconds: float) -> None:
        """One request ended, after `seconds`."""


@dataclass(slots=True)
class Endpoint:
    """One URL and what we know of it. Times are `time.monotonic` seconds."""

    url: str = field(repr=False)
    name: str
    checked: bool = False
    found: int | None = None
    head: int = 0
    rests_until: float = 0.0
    failures: int = 0


class Endpoints:
    """Sends each request to the first endpoint that is well: right chain, not resting after a failure, not behind.

    Thread-safe. `chain_id` None takes the id of the first endpoint that answers; the others must then agree.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        chain_id: int | None,
        timeout: float,
        max_lag: int,
        observer: RpcObserver,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not urls:
            raise ConfigError("No RPC endpoint is configured.", hint="Set `chain.rpc` to at least one.")
        self.all = [Endpoint(url, redacted(url)) for url in urls]
        self.expected = chain_id
        self._max_lag = max_lag
        self._observe = observer
        self._clock = clock
        self._timeout = timeout
        self._client = httpx.Client(timeout=timeout, transport=transport, headers={"content-type": "application/json"})
        self._ids = count(1)
        self._lock = threading.Lock()
        self._spent = threading.local()
        self._surveyed = -_SURVEY_SECONDS

    @property
    def waited(self) -> float:
        """Seconds the calling thread has spent in requests."""
        spent: float = getattr(self._spent, "seconds", 0.0)
        return spent

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def request(self, method: str, params: Sequence[Any], parse: Parse[T]) -> T:
        """The `result` of a request as `parse` reads it, from the first endpoint whose result it can read.

        Raises what `classify` yields for a refusal, `TransportError` if every endpoint failed, `WrongChainError` if
        every one that answered is on another chain. A broadcast that may have reached an endpoint is not repeated
        at another: "nonce too low" from the second would be taken for somebody else's transaction.
        """
        failures: list[ChainError] = []
        for endpoint in self._in_order():
            try:
                self._check_chain(endpoint)
                result = self._post(endpoint, method, params, parse)
            except WrongChainError as error:
                failures.append(error)
            except TransportError as error:
                self._rest(endpoint, error)
                failures.append(error)
                if method == _BROADCAST and error.delivered:
                    break
            else:
                endpoint.failures, endpoint.rests_until = 0, 0.0
                return result
        raise _combined(failures)

    def head(self) -> int:
        """The newest block number; asks every endpoint now and then, so that one that lags is noticed."""
        now = self._clock()
        if len(self.all) > 1 and now - self._surveyed >= _SURVEY_SECONDS:
            self._surveyed = now
            for endpoint in self.all:
                if endpoint.rests_until <= now:
                    self._ask_head(endpoint)
            for endpoint in self.all:
                if self._lags(endpoint):
                    self._observe("eth_blockNumber", "lagging", 0.0)
        return self.request("eth_blockNumber", (), quantity)

    def _ask_head(self, endpoint: Endpoint) -> None:
        try:
            self._check_chain(endpoint)
            self._post(endpoint, "eth_blockNumber", (), quantity)
        except TransportError as error:
            self._rest(endpoint, error)
        except (WrongChainError, RpcError):
            return

    def _lags(self, endpoint: Endpoint) -> bool:
        best = max(other.head for other in self.all)
        return endpoint.head > 0 and best - endpoint.head > self._max_lag

    def _in_order(self) -> list[Endpoint]:
        """Well ones first, in the order configured; then those that lag; then those that rest, soonest first."""
        now = self._clock()
        well, behind, resting = [], [], []
        for endpoint in self.all:
            if endpoint.rests_until > now:
                resting.append(endpoint)
            elif self._lags(endpoint):
                behind.append(endpoint)
            else:
                well.append(endpoint)
        return [*well, *behind, *sorted(resting, key=lambda e: e.rests_until)]

    def _check_chain(self, endpoint: Endpoint) -> None:
        """Ask for the chain id before the first use and after every failure."""
        if endpoint.checked:
            return
        if endpoint.found is not None and endpoint.rests_until > self._clock():
            raise self._wrong_chain(endpoint)
        found = self._post(endpoint, "eth_chainId", (), quantity)
        with self._lock:
            if self.expected is None:
                self.expected = found
        if found != self.expected:
            endpoint.found, endpoint.rests_until = found, self._clock() + _WRONG_CHAIN_REST
            self._observe("eth_chainId", "wrong_chain", 0.0)
            raise self._wrong_chain(endpoint)
        endpoint.checked, endpoint.found = True, None

    def _wrong_chain(self, endpoint: Endpoint) -> WrongChainError:
        return WrongChainError(
            f"{endpoint.name} is on chain {endpoint.found}, expected chain {self.expected}.",
            hint="Correct the endpoint, or the chain id in the configuration.",
        )

    def _rest(self, endpoint: Endpoint, error: TransportError) -> None:
        """Leave an endpoint alone for a while, doubling with each failure in a row; check its chain again after."""
        first, longest = _REST_SECONDS
        seconds = min(first * 2**endpoint.failures, longest)
        if isinstance(error, RateLimited) and error.retry_after is not None:
            seconds = min(error.retry_after, longest)
        endpoint.failures = min(endpoint.failures + 1, 16)
        endpoint.rests_until = self._clock() + seconds
        endpoint.checked, endpoint.head = False, 0

    def _post(self, endpoint: Endpoint, method: str, params: Sequence[Any], parse: Parse[T]) -> T:
        number = next(self._ids)
        body = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        started, outcome = time.perf_counter(), "refused"
        try:
            result = parse(self._result(endpoint, method, number, self._exchange(endpoint, method, body)))
            outcome = "ok"
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            outcome = "transport"
            raise TransportError(f"{endpoint.name} answered {method} with a malformed result.") from error
        except TransportError as error:
            outcome = "rate_limited" if isinstance(error, RateLimited) else "transport"
            raise
        finally:
            seconds = time.perf_counter() - started
            self._spent.seconds = self.waited + seconds
            self._observe(method, outcome, seconds)
        if method == "eth_blockNumber" and isinstance(result, int):
            endpoint.head = result
        return result

    @staticmethod
    def _result(endpoint: Endpoint, method: str, number: int, reply: Any) -> Any:
        if not isinstance(reply, dict) or reply.get("id") not in (number, None):
            raise TransportError(f"{endpoint.name} answered {method} with something that is no reply to it.")
        if reply.get("error") is not None:
            raise classify(method, _redact_error(reply["error"], endpoint.url), endpoint.name)
        if "result" not in reply:
            raise TransportError(f"{endpoint.name} answered {method} without a result.")
        return reply["result"]

    def _exchange(self, endpoint: Endpoint, method: str, body: str) -> Any:
        """POST a body and parse the reply; a reply that is too long or drips for ever is cut off."""
        deadline = time.monotonic() + 4 * self._timeout
        try:
            with self._client.stream("POST", endpoint.url, content=body) as response:
                chunks, size = [], 0
                for chunk in response.iter_bytes():
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > MAX_REPLY or time.monotonic() > deadline:
                        raise TransportError(f"{endpoint.name} answered {method} with an endless reply.")
        except httpx.ConnectError as error:
            raise TransportError(f"{endpoint.name} cannot be reached.", delivered=False) from error
        except httpx.ConnectTimeout as error:
            raise TransportError(f"{endpoint.name} cannot be reached in time.", delivered=False) from error
        except httpx.TimeoutException as error:
            raise TransportError(f"{endpoint.name} did not answer {method} within {self._timeout:g} s.") from error
        except httpx.HTTPError as error:
            raise TransportError(
                f"{endpoint.name} broke off while answering {method} ({type(error).__name__})."
            ) from error
        if response.status_code == 429:
            raise RateLimited(
                f"{endpoint.name} limits the rate of requests.",
                retry_after=_seconds(response.headers.get("retry-after")),
            )
        try:
            return json.loads(b"".join(chunks))
        except ValueError as error:
            raise TransportError(
                f"{endpoint.name} answered {method} with HTTP {response.status_code} and no JSON.",
                hint="Are the URL and its key right?" if response.status_code in {401, 403, 404} else None,
            ) from error


def redacted(url: str) -> str:
    """Scheme and host of an endpoint, which is all that may be shown; raises `ConfigError` if it is no HTTP URL."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise ConfigError("An RPC endpoint is not a URL.", hint="Write it as https://host/path.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError("An RPC endpoint is not an HTTP URL.", hint="Write it as https://host/path.")
    return f"{parts.scheme}://{parts.hostname}{port}"


def _redact_error(error: Any, url: str) -> Any:
    """An error without the secret parts of the URL, which some gateways repeat in their messages."""
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return error
    parts = urlsplit(url)
    message = error["message"]
    for secret in (url, parts.query, parts.password, parts.username, *parts.path.split("/")):
        if secret and len(secret) >= 8:
            message = message.replace(secret, "***")
    return {**error, "message": message}


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isdigit() else None


def _combined(failures: list[ChainError]) -> ChainError:
    """The one error there is; of several, one that lists them all."""
    first = failures[0]
    if len(failures) == 1:
        return first
    listed = " ".join(dict.fromkeys(failure.message for failure in failures))
    message = f"No endpoint answered. {listed}"
    if all(isinstance(failure, WrongChainError) for failure in failures):
        return WrongChainError(message, hint=first.hint)
    delivered = any(isinstance(f, TransportError) and f.delivered for f in failures)
    return TransportError(message, delivered=delivered)
